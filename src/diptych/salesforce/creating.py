"""Creating records: as an upsert by our external key where the org has the field, else as plain inserts.

In a collection Salesforce says that a duplicate rule refuses a record, but not whom it found; the answer to a single
record does (`duplicateResut`, spelt as the real service spells it). So a record refused there is sent once more alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from diptych.domain.creating import KEY_FIELD, NewRecord
from diptych.domain.outcome import (
    Done,
    ErrorClass,
    OrgError,
    OrgOutcomeUnknown,
    OrgUnavailable,
    Outcome,
    Problem,
    Refused,
    Retryable,
    Unknown,
)
from diptych.domain.values import full_id
from diptych.salesforce.client import CallFailed, Client
from diptych.salesforce.error_table import Next
from diptych.salesforce.errors import Effect, row_outcome
from diptych.salesforce.records import MOST, wire
from diptych.salesforce.soql import name

_ALLOW = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}


def create(
    client: Client,
    object_name: str,
    new: Sequence[NewRecord],
    attempt_id: str,
    by_key: bool,
    allow_duplicates: bool = False,
) -> list[Outcome]:
    """See `Org.create`."""
    if len(new) > MOST:
        raise ValueError(f"at most {MOST} records in one call")
    if not new:
        return []
    headers = {"Sforce-Auto-Assign": "FALSE", **(_ALLOW if allow_duplicates else {})}
    try:
        outcomes = _send(client, object_name, new, attempt_id, by_key, headers)
    except CallFailed as failed:
        if failed.status != 400 or failed.faults[0].meaning.next is not Next.REFUSE:
            raise failed.error from failed
        if len(new) == 1:
            return [Refused(failed.error.problem)]
        return _halves(client, object_name, new, attempt_id, by_key, allow_duplicates)
    return [
        _with_matches(client, object_name, one, attempt_id, by_key, headers, outcome)
        for one, outcome in zip(new, outcomes, strict=True)
    ]


def _halves(
    client: Client,
    object_name: str,
    new: Sequence[NewRecord],
    attempt_id: str,
    by_key: bool,
    allow_duplicates: bool,
) -> list[Outcome]:
    """A collection refused unread: halved until the record at fault stands alone. Nothing had happened before."""
    middle = len(new) // 2
    first = create(client, object_name, new[:middle], attempt_id, by_key, allow_duplicates)
    rest = len(new) - middle
    try:
        return first + create(client, object_name, new[middle:], attempt_id, by_key, allow_duplicates)
    except OrgOutcomeUnknown as lost:
        return first + [Unknown(lost.problem)] * rest
    except OrgError as later:
        return first + [Retryable(later.problem)] * rest


def _send(
    client: Client,
    object_name: str,
    new: Sequence[NewRecord],
    attempt_id: str,
    by_key: bool,
    headers: Mapping[str, str],
) -> list[Outcome]:
    rows = ",".join(
        _body(one, by_key, f'"attributes":{{"type":{json.dumps(name(object_name))}}}') for one in new
    )
    path = f"composite/sobjects/{name(object_name)}/{KEY_FIELD}" if by_key else "composite/sobjects"
    answer = client.try_request(
        "PATCH" if by_key else "POST",
        path,
        effect=Effect.WRITE,
        content=f'{{"allOrNone":false,"records":[{rows}]}}'.encode(),
        headers=headers,
        attempt_id=attempt_id,
    )
    document = answer.document if answer.content else None
    if (
        not isinstance(document, list)
        or len(document) != len(new)
        or not all(isinstance(row, Mapping) for row in document)
    ):
        raise OrgOutcomeUnknown(
            Problem(
                "INCOMPLETE_ANSWER",
                "Salesforce did not answer for each record that was sent.",
                ErrorClass.NETWORK,
                remedy="Diptych looks for the records to find out.",
            )
        )
    return [_created(row_outcome("", row)) for row in document]


def _body(one: NewRecord, by_key: bool, *first: str) -> str:
    key = [f'"{KEY_FIELD}":{json.dumps(one.key)}'] if by_key else []
    values = [f"{json.dumps(name(field))}:{wire(value)}" for field, value in one.values.items()]
    return "{" + ",".join([*first, *key, *values]) + "}"


def _created(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Done):
        return outcome
    if not outcome.sf_id:
        return Unknown(Problem("NO_ID_GIVEN", "Salesforce did not say which record it is.", ErrorClass.OTHER))
    return Done(full_id(outcome.sf_id))


def _with_matches(
    client: Client,
    object_name: str,
    one: NewRecord,
    attempt_id: str,
    by_key: bool,
    headers: Mapping[str, str],
    outcome: Outcome,
) -> Outcome:
    """The outcome, with the records that a duplicate rule found, for which the record is sent alone."""
    if not isinstance(outcome, Refused) or outcome.problem.code != "DUPLICATES_DETECTED":
        return outcome
    path = f"sobjects/{name(object_name)}"
    if by_key:
        path += f"/{KEY_FIELD}/{quote(one.key, safe='')}"
    try:
        answer = client.try_request(
            "PATCH" if by_key else "POST",
            path,
            effect=Effect.WRITE,
            content=_body(one, False).encode(),
            headers=headers,
            attempt_id=attempt_id,
        )
    except CallFailed as failed:
        return Refused(replace(failed.error.problem, matches=tuple(_matches(failed.document))))
    except OrgOutcomeUnknown as lost:
        return Unknown(lost.problem)
    except OrgUnavailable as later:
        return Retryable(later.problem)
    document = answer.document if answer.content else None
    # what stood in the way has gone meanwhile
    return _created(row_outcome("", document if isinstance(document, Mapping) else {}))


def _matches(document: object) -> Iterator[str]:
    """The ids in the match results of a refusal, each once."""
    seen: dict[str, None] = {}
    for error in document if isinstance(document, list) else [document]:
        found = error.get("duplicateResut") if isinstance(error, Mapping) else None
        for result in _items(found, "matchResults"):
            for record in _items(result, "matchRecords"):
                sf_id = _id(record.get("record") if isinstance(record, Mapping) else None)
                if sf_id:
                    seen[full_id(sf_id)] = None
    yield from seen


def _items(document: object, name_of: str) -> list[Any]:
    items = document.get(name_of) if isinstance(document, Mapping) else None
    return items if isinstance(items, list) else []


def _id(record: object) -> str | None:
    found = record.get("Id") if isinstance(record, Mapping) else None
    return found if isinstance(found, str) else None
