"""Writing records, each on its own, assignment rules left alone: on condition, 25 a call, or as collections of up to 200.

A collection is one request, so it can carry no condition for each record. A composite call holds a PATCH for each with
`If-Unmodified-Since`, which the org compares with the record's LastModifiedDate: 412 says that someone saved it since.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from email.utils import format_datetime
from urllib.parse import quote

from diptych.domain.outcome import (
    ErrorClass,
    OrgError,
    OrgOutcomeUnknown,
    Outcome,
    Problem,
    Refused,
    Retryable,
    Unknown,
)
from diptych.domain.values import Value
from diptych.salesforce.client import COMPOSITE_LIMIT, CallFailed, Client
from diptych.salesforce.error_table import Next
from diptych.salesforce.errors import Effect, part_outcome, row_outcome
from diptych.salesforce.soql import name
from diptych.sync.ports import Write

MOST = 200
_INCOMPLETE = Problem(
    "INCOMPLETE_ANSWER",
    "Salesforce did not answer for each record that was sent.",
    ErrorClass.NETWORK,
    remedy="Diptych reads the records back to find out.",
)


def update(client: Client, object_name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
    """See `Org.update`.

    One value of a wrong shape makes the org refuse a whole collection unread. Such a collection is halved until the
    record that causes it stands alone, so that it holds up nobody else (I-14); nothing had happened before.
    """
    if len(writes) > MOST:
        raise ValueError(f"at most {MOST} records in one call")
    if not writes:
        return []
    conditional = any(write.unmodified_since for write in writes)
    if conditional and len(writes) > COMPOSITE_LIMIT:
        return _halved(client, object_name, writes, attempt_id, COMPOSITE_LIMIT)
    try:
        return (_send_on_condition if conditional else _send)(client, object_name, writes, attempt_id)
    except CallFailed as failed:
        if failed.status != 400 or failed.faults[0].meaning.next is not Next.REFUSE:
            raise failed.error from failed
        if len(writes) == 1:
            return [Refused(failed.error.problem)]
    return _halved(client, object_name, writes, attempt_id, len(writes) // 2)


def _halved(
    client: Client, object_name: str, writes: Sequence[Write], attempt_id: str, middle: int
) -> list[Outcome]:
    """First these, then the rest; what has been done is not forgotten when the rest fails."""
    first = update(client, object_name, writes[:middle], attempt_id)
    try:
        return first + update(client, object_name, writes[middle:], attempt_id)
    except OrgOutcomeUnknown as lost:
        return first + [Unknown(lost.problem)] * (len(writes) - middle)
    except OrgError as later:  # the rest did not happen; what did must not be forgotten
        return first + [Retryable(later.problem)] * (len(writes) - middle)


def _send(client: Client, object_name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
    rows = ",".join(_row(object_name, write) for write in writes)
    answer = client.try_request(
        "PATCH",
        "composite/sobjects",
        effect=Effect.WRITE,
        content=f'{{"allOrNone":false,"records":[{rows}]}}'.encode(),
        headers={"Sforce-Auto-Assign": "FALSE"},
        attempt_id=attempt_id,
    )
    document = answer.document if answer.content else None
    if (
        not isinstance(document, list)
        or len(document) != len(writes)
        or not all(isinstance(row, Mapping) for row in document)
    ):
        raise OrgOutcomeUnknown(_INCOMPLETE)
    return [row_outcome(write.sf_id, row) for write, row in zip(writes, document, strict=True)]


def _send_on_condition(
    client: Client, object_name: str, writes: Sequence[Write], attempt_id: str
) -> list[Outcome]:
    parts = [_part(client, object_name, number, write) for number, write in enumerate(writes)]
    answer = client.try_request(
        "POST",
        "composite",
        effect=Effect.WRITE,
        content=f'{{"allOrNone":false,"compositeRequest":[{",".join(parts)}]}}'.encode(),
        headers={"Sforce-Auto-Assign": "FALSE"},
        attempt_id=attempt_id,
    )
    document = answer.document if answer.content else None
    rows = document.get("compositeResponse") if isinstance(document, Mapping) else None
    found = {
        row.get("referenceId"): row
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, Mapping)
    }
    if set(found) != {f"w{number}" for number in range(len(writes))}:
        raise OrgOutcomeUnknown(_INCOMPLETE)
    return [part_outcome(write.sf_id, found[f"w{number}"]) for number, write in enumerate(writes)]


def _part(client: Client, object_name: str, number: int, write: Write) -> str:
    headers = {"Sforce-Auto-Assign": "FALSE"}
    if write.unmodified_since is not None:
        headers["If-Unmodified-Since"] = format_datetime(write.unmodified_since.astimezone(UTC), usegmt=True)
    body = ",".join(f"{json.dumps(name(field))}:{wire(value)}" for field, value in write.values.items())
    url = client.path(f"sobjects/{name(object_name)}/{quote(write.sf_id, safe='')}")
    return (
        f'{{"method":"PATCH","url":{json.dumps(url)},"referenceId":"w{number}",'
        f'"httpHeaders":{json.dumps(headers)},"body":{{{body}}}}}'
    )


def _row(object_name: str, write: Write) -> str:
    # `attributes` must come first
    parts = [
        f'"attributes":{{"type":{json.dumps(name(object_name))}}}',
        f'"id":{json.dumps(write.sf_id)}',
        *(f"{json.dumps(name(field))}:{wire(value)}" for field, value in write.values.items()),
    ]
    return "{" + ",".join(parts) + "}"


def wire(value: Value) -> str:
    """A canonical value as JSON; decimals keep all their digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value)
