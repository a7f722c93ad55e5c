"""Writing records: updates in collections of up to 200, each record on its own, automation left alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

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
from diptych.salesforce.client import CallFailed, Client
from diptych.salesforce.error_table import Next
from diptych.salesforce.errors import Effect, row_outcome
from diptych.salesforce.soql import name
from diptych.sync.ports import Write

MOST = 200


def update(client: Client, object_name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
    """See `Org.update`.

    One value of a wrong shape makes the org refuse a whole collection unread. Such a collection is halved until the
    record that causes it stands alone, so that it holds up nobody else (I-14); nothing had happened before.
    """
    if len(writes) > MOST:
        raise ValueError(f"at most {MOST} records in one call")
    if not writes:
        return []
    try:
        return _send(client, object_name, writes, attempt_id)
    except CallFailed as failed:
        if failed.status != 400 or failed.faults[0].meaning.next is not Next.REFUSE:
            raise failed.error from failed
        if len(writes) == 1:
            return [Refused(failed.error.problem)]
    middle = len(writes) // 2
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
        raise OrgOutcomeUnknown(
            Problem(
                "INCOMPLETE_ANSWER",
                "Salesforce did not answer for each record that was sent.",
                ErrorClass.NETWORK,
                remedy="Diptych reads the records back to find out.",
            )
        )
    return [row_outcome(write.sf_id, row) for write, row in zip(writes, document, strict=True)]


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
