"""How many records, and in how many of them a field is filled: aggregates, several queries a call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from diptych.domain.outcome import LimitExceeded, OrgError, OrgRefused, OrgUnavailable
from diptych.domain.schema import ObjectDescription
from diptych.salesforce.client import Client
from diptych.salesforce.errors import Effect, call_failed
from diptych.salesforce.query import QUERIES_A_CALL, first_rows, rows_of
from diptych.salesforce.soql import name, query_url, text_literal

FIELDS_A_QUERY = 50
_ALWAYS_FILLED = ("boolean", "id")


@dataclass(frozen=True)
class _Part:
    fields: tuple[str, ...]

    def statement(self, object_name: str) -> str:
        counts = ",".join(f"COUNT({name(field)}) c{number}" for number, field in enumerate(self.fields))
        return f"SELECT COUNT(Id) n,{counts} FROM {name(object_name)}"


def count(client: Client, object_name: str) -> int:
    """Live records that the sync user sees; for objects too large to be counted, what the org keeps as an estimate."""
    try:
        return int(client.get(query_url(f"SELECT COUNT() FROM {name(object_name)}"))["totalSize"])
    except LimitExceeded:
        raise
    except (OrgRefused, OrgUnavailable) as refused:
        try:
            found = client.get("limits/recordCount", {"sObjects": object_name})["sObjects"]
        except OrgError:
            raise refused from None
        if not found:
            raise
        return int(found[0]["count"])


def count_ranges(client: Client, object_name: str, ranges: Sequence[tuple[str, str]]) -> list[int]:
    """See `Org.count_ranges`: an id is compared by its characters, so a range is cut out of the primary key's index.

    Raises ValueError for more than five ranges.
    """
    if len(ranges) > QUERIES_A_CALL:
        raise ValueError(f"at most {QUERIES_A_CALL} ranges in one call")
    found = []
    for answer in first_rows(client, [_counting(object_name, *bounds) for bounds in ranges]):
        if answer.faults:
            raise call_failed(answer.faults, answer.status, Effect.READ)
        found.append(int(answer.document["totalSize"]))
    return found


def _counting(object_name: str, after: str, until: str) -> str:
    above = f"Id > {text_literal(after)} AND " if after else ""
    return f"SELECT COUNT() FROM {name(object_name)} WHERE {above}Id <= {text_literal(until)}"


def fill_counts(
    client: Client, described: ObjectDescription, countable: Collection[str], fields: Sequence[str]
) -> Mapping[str, int]:
    """For each field that can be counted, in how many live records it has a value.

    A field that the org will not count after all is left out; checkboxes and ids count as always filled.
    """
    known = [field for field in dict.fromkeys(fields) if field in described.fields]
    counted = [f for f in known if f in countable and described.fields[f].type not in _ALWAYS_FILLED]
    waiting = [
        _Part(tuple(counted[start : start + FIELDS_A_QUERY]))
        for start in range(0, len(counted), FIELDS_A_QUERY)
    ]
    found: dict[str, int] = {}
    total: int | None = None
    while waiting:
        now, waiting = waiting[:QUERIES_A_CALL], waiting[QUERIES_A_CALL:]
        answers = first_rows(client, [part.statement(described.name) for part in now])
        for part, answer in zip(now, answers, strict=True):
            if answer.faults:
                error = call_failed(answer.faults, answer.status, Effect.READ)
                if not isinstance(error, OrgRefused):
                    raise error
                if len(part.fields) > 1:  # find the field that spoils it
                    middle = len(part.fields) // 2
                    waiting += [_Part(part.fields[:middle]), _Part(part.fields[middle:])]
                continue
            row = answer.document["records"][0]
            total = int(row["n"])
            found |= {field: int(row[f"c{number}"]) for number, field in enumerate(part.fields)}
    always = [field for field in known if described.fields[field].type in _ALWAYS_FILLED]
    if always:
        found |= dict.fromkeys(always, count(client, described.name) if total is None else total)
    return {field: found[field] for field in known if field in found}


def repeated(client: Client, object_name: str, field: str, limit: int) -> dict[str, int]:
    """See `Org.repeated`; Salesforce groups texts without regard to case."""
    column = name(field)
    statement = (
        f"SELECT {column} v, COUNT(Id) n FROM {name(object_name)} WHERE {column} != null "
        f"GROUP BY {column} HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) DESC LIMIT {int(limit)}"
    )
    return {str(row["v"]): int(row["n"]) for row in rows_of(client, statement)}
