"""An org prepared as the orgs of the recordings were: their objects and fields, and calls as they made them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from practice_org.schema import custom_objects
from practice_org.schema.custom_objects import CustomObject
from tests.practice_org.server import RunningOrg, serve_in_thread

OBJECTS = ("Movie", "Franchise", "Spaceship", "Bar", "Invoice", "Whizbang")
FIELDS: tuple[dict[str, Any], ...] = (
    {"object": "Movie__c", "name": "Rating", "type": "Picklist", "picklist": ["Excellent", "Poor"],
     "restricted": True},
    {"object": "Movie__c", "name": "ReleaseDate", "type": "Date"},
    {"object": "Movie__c", "name": "Franchise", "type": "Lookup", "refers_to": "Franchise__c"},
    {"object": "Spaceship__c", "name": "Website", "type": "Url", "required": True},
    {"object": "Account", "name": "email_field", "type": "Email", "label": "email_field"},
    {"object": "Contact", "name": "email_field", "type": "Email", "label": "email field"},
    {"object": "Invoice__c", "name": "Invoice_External_Id", "type": "Text", "external_id": True},
    {"object": "Whizbang__c", "name": "Code", "type": "Text", "external_id": True},
    {"object": "Whizbang__c", "name": "Invoice", "type": "Lookup", "refers_to": "Invoice__c"},
    {"object": "Lead", "name": "Topic_Name", "type": "Text", "label": "Topic Name", "length": 25},
    {"object": "Lead", "name": "Connect_Project_Id", "type": "Text", "unique": True, "external_id": True},
)  # fmt: skip


@dataclass
class Stage:
    """The prepared org and its administrator's client; `version` is that of the recording played."""

    org: RunningOrg
    http: httpx2.Client
    version: str = "53.0"
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx2.Response:
        """A call to `/services/data/vXX.0` and `path`."""
        return self.http.request(method, f"/services/data/v{self.version}{path}", json=body, **more)

    def made(self, object_name: str, **values: Any) -> str:
        """The id of a new record."""
        answer = self.call("POST", f"/sobjects/{object_name}", values)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def some(self, object_name: str) -> str:
        """A new record of an object, with what it needs."""
        name = f"{object_name} {next(self._numbers)}"
        needs: dict[str, dict[str, Any]] = {
            "Lead": {"LastName": name, "Company": "Some"},
            "Contact": {"LastName": name},
            "ContentVersion": {"Title": name, "PathOnClient": "file.bin", "VersionData": "BAgVFiNC"},
            "Opportunity": {"Name": name, "StageName": "Prospecting", "CloseDate": "2026-01-01"},
        }
        return self.made(object_name, **needs.get(object_name, {"Name": name}))


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """The org, served."""
    with serve_in_thread(folder) as running:
        for name in OBJECTS:
            custom_objects.create(
                running.org, CustomObject(f"{name}__c", name, f"{name}s", "", f"{name} Name")
            )
        for order in FIELDS:
            running.control("fields", order)
        bearer = {"Authorization": f"Bearer {running.token('admin')}"}
        with httpx2.Client(base_url=running.base_url, headers=bearer, trust_env=False, timeout=60) as http:
            yield Stage(running, http)
