"""Looking for a person in the org before creating one: contacts and leads by e-mail or external key, in one call (D-48)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diptych.domain.creating import KEY_FIELD, Match
from diptych.domain.values import full_id
from diptych.salesforce.client import Client, Sub
from diptych.salesforce.errors import Effect, call_failed
from diptych.salesforce.soql import id_list, query_url, select

MOST = 40
"""So many e-mail addresses of 80 characters, twice, still fit a URI."""

_FIELDS = {
    "Contact": ("Id", "Email", "IsDeleted"),
    "Lead": ("Id", "Email", "IsDeleted", "IsConverted", "ConvertedContactId"),
}


def find(
    client: Client, emails: Sequence[str], keys: Sequence[str], key_objects: Sequence[str]
) -> list[Match]:
    """See `Org.find`."""
    if len(emails) > MOST or len(keys) > MOST:
        raise ValueError(f"at most {MOST} e-mail addresses and keys in one call")
    statements: list[tuple[str, str]] = []
    for name, fields in _FIELDS.items():
        keyed = name in key_objects
        selected = (*fields, KEY_FIELD) if keyed else fields
        if emails:
            statements.append((name, select(selected, name, f"WHERE Email IN {id_list(emails)}")))
        if keys and keyed:
            statements.append((name, select(selected, name, f"WHERE {KEY_FIELD} IN {id_list(keys)}")))
    if not statements:
        return []
    answers = client.composite([Sub(query_url(text, deleted_too=True)) for _, text in statements])
    found: dict[str, Match] = {}
    for (name, _), answer in zip(statements, answers, strict=True):
        if answer.faults:
            raise call_failed(answer.faults, answer.status, Effect.READ)
        for row in _all_rows(client, answer.document):
            match = _match(name, row)
            found[match.sf_id] = match
    return list(found.values())


def _all_rows(client: Client, document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = list(document["records"])
    while not document.get("done", True) and document.get("nextRecordsUrl"):
        document = client.get(document["nextRecordsUrl"])
        rows += document["records"]
    return rows


def _match(object_name: str, row: Mapping[str, Any]) -> Match:
    contact = row.get("ConvertedContactId")
    return Match(
        object_name,
        full_id(row["Id"]),
        row.get("Email"),
        row.get(KEY_FIELD),
        bool(row.get("IsDeleted")),
        bool(row.get("IsConverted")),
        full_id(contact) if contact else None,
    )
