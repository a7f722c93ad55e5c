"""Permission sets as records of the data API: made, filled, assigned, taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from diptych.domain.outcome import OrgRefused
from diptych.salesforce.client import Client
from diptych.salesforce.errors import ApiFault, Effect, call_failed
from diptych.salesforce.soql import id_list, query_url, text_literal

A_CALL = 200
_THERE = ("DUPLICATE_VALUE", "DUPLICATE_DEVELOPER_NAME")


def rows(client: Client, statement: str) -> list[Mapping[str, Any]]:
    """All records of a query (of few)."""
    document = client.get(query_url(statement))
    found = list(document["records"])
    while not document.get("done", True):
        document = client.get(document["nextRecordsUrl"])
        found += document["records"]
    return found


def find(client: Client, name: str) -> str | None:
    """The id of a permission set by its API name."""
    found = rows(
        client, f"SELECT Id FROM PermissionSet WHERE Name = {text_literal(name)} AND IsOwnedByProfile = false"
    )
    return str(found[0]["Id"]) if found else None


def of_profiles(client: Client) -> list[str]:
    """The ids of the permission sets that profiles own."""
    return [
        str(row["Id"]) for row in rows(client, "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true")
    ]


def create(client: Client, name: str, label: str, description: str) -> str:
    """A permission set, made when there is none of that name; its id."""
    held = find(client, name)
    if held:
        return held
    body = {"Name": name, "Label": label, "Description": description}
    answer = client.call("POST", "sobjects/PermissionSet", json.dumps(body), effect=Effect.WRITE)
    return str(answer["id"])


def insert(client: Client, object_name: str, records: Sequence[Mapping[str, Any]]) -> None:
    """Create records of a permission object; one that is there already is left. Raises OrgRefused for the first refusal."""
    for start in range(0, len(records), A_CALL):
        some = [{"attributes": {"type": object_name}, **record} for record in records[start : start + A_CALL]]
        body = json.dumps({"allOrNone": False, "records": some})
        for result in client.call("POST", "composite/sobjects", body, effect=Effect.WRITE) or ():
            for error in [] if result.get("success") else result.get("errors", []):
                if error["statusCode"] not in _THERE:
                    fault = ApiFault(error["statusCode"], error["message"], tuple(error.get("fields") or ()))
                    raise call_failed([fault], 400, Effect.WRITE)


def delete(client: Client, ids: Sequence[str]) -> None:
    """Delete records one by one; one that is gone is no trouble."""
    for one in ids:
        try:
            client.request("DELETE", one, effect=Effect.WRITE)
        except OrgRefused as refused:
            if refused.problem.code not in ("NOT_FOUND", "ENTITY_IS_DELETED"):
                raise


def records_of(client: Client, object_name: str, where: str) -> list[str]:
    """The paths of the records of a permission object that a condition finds."""
    found = rows(client, f"SELECT Id FROM {object_name} WHERE {where}")
    return [f"sobjects/{object_name}/{row['Id']}" for row in found]


def among(ids: Sequence[str]) -> str:
    """A list of ids for a condition."""
    return id_list(ids)
