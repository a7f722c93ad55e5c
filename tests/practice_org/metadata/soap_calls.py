"""Calling the Metadata API: values in, values out, over the XML that travels."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any
from xml.sax.saxutils import escape

from practice_org.auth.door import Door
from practice_org.auth.sessions import Sessions
from practice_org.auth.tables import create_tables
from practice_org.metadata import soap
from practice_org.metadata.codec import text_of
from practice_org.org import Org
from practice_org.xmltree import Node, parse

NS = "http://soap.sforce.com/2006/04/metadata"


class Fault(Exception):
    """What a fault says."""


def xml(name: str, value: Any, attributes: str = "") -> str:
    if isinstance(value, list):
        return "".join(xml(name, one, attributes) for one in value)
    if isinstance(value, dict):
        return f"<{name}{attributes}>{''.join(xml(k, v) for k, v in value.items())}</{name}>"
    return f"<{name}{attributes}>{escape(text_of(value))}</{name}>"


def plain(node: Node) -> Any:
    """A node as text, or as a dict of lists."""
    if not node.children:
        return None if node.nil else node.text
    out: dict[str, Any] = {}
    for child in node.children:
        out.setdefault(child.name, []).append(plain(child))
    return out


class Soap:
    """A user with a session."""

    def __init__(self, org: Org, user_id: str, version: str = "60.0") -> None:
        create_tables(org)
        self.org = org
        self.door = Door(org, Sessions(org))
        self.session = self.door.sessions.open(user_id, scope="full")
        self.version = version

    def raw(self, body: str, header: str = "") -> Node:
        text = (
            f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns="{NS}" '
            f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header><SessionHeader><sessionId>{self.session}'
            f"</sessionId></SessionHeader>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
        )
        answer = soap.answer(self.door, self.version, text.encode())
        inner = parse(bytes(answer.body)).child("Body")
        assert inner is not None
        node = inner.children[0]
        if node.name == "Fault":
            assert answer.status_code == 500
            raise Fault(node.told("faultstring"))
        assert answer.status_code == 200
        return node

    def call(self, name: str, header: str = "", **arguments: Any) -> list[Any]:
        """The results of a call."""
        body = "".join(xml(key, value) for key, value in arguments.items())
        return [plain(node) for node in self.raw(f"<{name}>{body}</{name}>", header).all("result")]

    def write(
        self, name: str, type_name: str, *values: dict[str, Any], header: str = ""
    ) -> list[dict[str, Any]]:
        """createMetadata, updateMetadata or upsertMetadata; each result with plain `success` and `error`."""
        body = xml("metadata", list(values), f' xsi:type="{type_name}"')
        return [_outcome(node) for node in self.raw(f"<{name}>{body}</{name}>", header).all("result")]

    def create(self, type_name: str, *values: dict[str, Any]) -> None:
        """Create components; all must succeed."""
        for outcome in self.write("createMetadata", type_name, *values):
            assert outcome["success"], outcome

    def refused(self, type_name: str, value: dict[str, Any], call: str = "createMetadata") -> tuple[str, str]:
        """Code and message of a refusal."""
        (outcome,) = self.write(call, type_name, value)
        assert not outcome["success"]
        code, message = outcome["error"]
        return code, message

    def delete(self, type_name: str, *names: str) -> list[dict[str, Any]]:
        body = xml("type", type_name) + xml("fullNames", list(names))
        return [_outcome(node) for node in self.raw(f"<deleteMetadata>{body}</deleteMetadata>").all("result")]

    def read(self, type_name: str, *names: str) -> list[Any]:
        body = xml("type", type_name) + xml("fullNames", list(names))
        (result,) = self.raw(f"<readMetadata>{body}</readMetadata>").all("result")
        return [plain(node) for node in result.all("records")]

    def deploy(self, files: dict[str, str], **options: Any) -> dict[str, Any]:
        """Deploy files and return the DeployResult."""
        package = base64.b64encode(zipped(files)).decode()
        (started,) = self.call("deploy", ZipFile=package, DeployOptions={"singlePackage": True, **options})
        (result,) = self.call("checkDeployStatus", asyncProcessId=started["id"][0], includeDetails=True)
        found: dict[str, Any] = result
        return found

    def retrieve(self, types: dict[str, list[str]], **request: Any) -> tuple[dict[str, str], dict[str, Any]]:
        """The files of a retrieval and its result."""
        package = {
            "types": [{"members": members, "name": name} for name, members in types.items()],
            "version": "60.0",
        }
        (started,) = self.call(
            "retrieve", retrieveRequest={"apiVersion": 60.0, **request, "unpackaged": package}
        )
        (result,) = self.call("checkRetrieveStatus", asyncProcessId=started["id"][0], includeZip=True)
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(result["zipFile"][0]))) as archive:
            return {name: archive.read(name).decode() for name in archive.namelist()}, result


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def package(types: dict[str, list[str]], root: str = "Package") -> str:
    rows = "".join(
        f"<types>{''.join(f'<members>{m}</members>' for m in members)}<name>{name}</name></types>"
        for name, members in types.items()
    )
    return f'<?xml version="1.0"?><{root} xmlns="{NS}">{rows}<version>60.0</version></{root}>'


def _outcome(node: Node) -> dict[str, Any]:
    error = node.child("errors")
    return {
        "fullName": node.told("fullName"),
        "success": node.told("success") == "true",
        "created": node.told("created"),
        "error": (error.told("statusCode"), error.told("message")) if error else None,
    }
