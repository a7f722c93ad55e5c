"""Reading records by query: the change feed, records by id, counts. Several queries go out in one composite call.

A field list too long for one query is cut into pieces that are read in the same call and joined by id. A record is only
taken when all pieces show it with the same modstamp: else it changed in between and is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diptych.domain.outcome import ErrorClass, OrgUnavailable, Problem
from diptych.domain.pair import Record
from diptych.domain.values import full_id, parse_instant
from diptych.salesforce.client import Client, Sub, SubAnswer
from diptych.salesforce.errors import Effect, call_failed
from diptych.salesforce.soql import (
    field_lists,
    halves,
    id_list,
    instant_literal,
    query_url,
    select,
    text_literal,
)
from diptych.sync.ports import FeedPage, FeedRead

QUERIES_A_CALL = 5  # Salesforce's own limit inside a composite call
_TRIES = 3


@dataclass(frozen=True)
class _Piece:
    """One query: some fields of one request."""

    request: int
    object_name: str
    fields: tuple[str, ...]
    rest: str
    deleted_too: bool

    @property
    def sub(self) -> Sub:
        statement = select(self.fields, self.object_name, self.rest)
        return Sub(query_url(statement, deleted_too=self.deleted_too))


@dataclass(frozen=True)
class Rows:
    """What one query gave; `whole` is False when the org cut its answer short."""

    rows: tuple[Mapping[str, Any], ...]
    whole: bool


def changed(client: Client, reads: Sequence[FeedRead], read_at: datetime) -> list[FeedPage]:
    """One page a read; see `Org.changed`. `read_at` is server time not later than now."""
    pieces = [
        _Piece(number, read.object_name, fields, _feed_condition(read), deleted_too=True)
        for number, read in enumerate(reads)
        for fields in field_lists(read.object_name, read.fields)
    ]
    for _ in range(_TRIES):
        answers = _run(client, pieces)
        pages: list[FeedPage | None] = []
        for number, read in enumerate(reads):
            pages.append(_page(read, [rows for piece, rows in answers if piece.request == number], read_at))
        found = [page for page in pages if page is not None]
        if len(found) == len(reads):
            return found
    raise OrgUnavailable(
        Problem(
            "MOVING",
            "The records changed while they were read.",
            ErrorClass.LOCK,
            remedy="Diptych reads again.",
        )
    )


def _feed_condition(read: FeedRead) -> str:
    since = instant_literal(read.since)
    where = f"SystemModstamp >= {since}"
    if read.after_id is not None:
        last = text_literal(read.after_id)
        where = f"(SystemModstamp > {since} OR (SystemModstamp = {since} AND Id > {last}))"
    return f"WHERE {where} ORDER BY SystemModstamp, Id LIMIT {int(read.limit)}"


def _page(read: FeedRead, pieces: Sequence[Rows], read_at: datetime) -> FeedPage | None:
    """The records that all pieces agree on, in order; None when they agree on none but should."""
    first = pieces[0].rows
    complete = all(piece.whole and len(piece.rows) < read.limit for piece in pieces)
    agreed = len(first)
    for other in pieces[1:]:
        same = 0
        for mine, theirs in zip(first, other.rows, strict=False):
            if (mine["Id"], mine["SystemModstamp"]) != (theirs["Id"], theirs["SystemModstamp"]):
                break
            same += 1
        complete = complete and same == len(first) == len(other.rows)
        agreed = min(agreed, same)
    if agreed == 0 and any(piece.rows for piece in pieces):
        return None
    records = tuple(
        record_of(read.object_name, _joined([piece.rows[i] for piece in pieces]), read.fields, read_at)
        for i in range(agreed)
    )
    return FeedPage(read.object_name, records, complete)


def by_ids(
    client: Client,
    object_name: str,
    ids: Sequence[str],
    fields: Sequence[str],
    read_at: datetime,
    deleted_too: bool = False,
) -> dict[str, Record | None]:
    """The live records of these ids, or also those in the recycle bin; None for the others. Up to 200."""
    found: dict[str, Record | None] = dict.fromkeys(ids)
    if not ids:
        return found
    asked = {full_id(i): i for i in ids}
    condition = f"WHERE Id IN {id_list(asked)}"
    for _ in range(_TRIES):
        pieces = [
            _Piece(0, object_name, piece, condition, deleted_too)
            for piece in field_lists(object_name, fields)
        ]
        answers = [{row["Id"]: row for row in rows.rows} for _, rows in _run(client, pieces, follow=True)]
        versions = [{key: row["SystemModstamp"] for key, row in rows.items()} for rows in answers]
        if any(version != versions[0] for version in versions[1:]):
            continue
        for key in answers[0]:
            row = _joined([rows[key] for rows in answers])
            found[asked.get(key, key)] = record_of(object_name, row, fields, read_at)
        return found
    raise OrgUnavailable(
        Problem(
            "MOVING",
            "The records changed while they were read.",
            ErrorClass.LOCK,
            remedy="Diptych reads again.",
        )
    )


def rows_of(client: Client, statement: str) -> list[Mapping[str, Any]]:
    """All rows of a small query."""
    return list(_all_rows(client, client.get(query_url(statement))))


def first_rows(client: Client, statements: Sequence[str]) -> list[SubAnswer]:
    """The answers to several small queries, each with its own errors, in as few calls as allowed."""
    answers: list[SubAnswer] = []
    for start in range(0, len(statements), QUERIES_A_CALL):
        part = statements[start : start + QUERIES_A_CALL]
        answers += client.composite([Sub(query_url(statement)) for statement in part])
    return answers


def _run(client: Client, pieces: Sequence[_Piece], *, follow: bool = False) -> list[tuple[_Piece, Rows]]:
    """All pieces, in order, five a call; a piece that is too much for the org is cut in two. Raises OrgError."""
    done: list[tuple[_Piece, Rows]] = []
    waiting = list(pieces)
    while waiting:
        now, waiting = waiting[:QUERIES_A_CALL], waiting[QUERIES_A_CALL:]
        smaller: list[_Piece] = []
        for piece, answer in zip(now, client.composite([p.sub for p in now]), strict=True):
            if not answer.faults:
                rows = tuple(_all_rows(client, answer.document) if follow else answer.document["records"])
                done.append((piece, Rows(rows, follow or bool(answer.document.get("done", True)))))
                continue
            lists = halves(piece.object_name, piece.fields) if answer.faults[0].too_long else []
            if len(lists) < 2:
                raise call_failed(answer.faults, answer.status, Effect.READ)
            smaller += [
                _Piece(piece.request, piece.object_name, fields, piece.rest, piece.deleted_too)
                for fields in lists
            ]
        waiting = smaller + waiting
    return done


def _all_rows(client: Client, document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    while True:
        yield from document["records"]
        following = document.get("nextRecordsUrl")
        if document.get("done", True) or not following:
            return
        document = client.get(following)


def _joined(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return rows[0] if len(rows) == 1 else {key: value for row in rows for key, value in row.items()}


def record_of(object_name: str, row: Mapping[str, Any], fields: Sequence[str], read_at: datetime) -> Record:
    """One REST row as a Record; a field that is not in the row stays absent (correctness.md R-13)."""
    modified = row.get("LastModifiedDate")
    values: dict[str, object] = {}
    for field in fields:
        present, value = _at(row, field)
        if present:
            values[field] = value
    return Record(
        object_name,
        full_id(row["Id"]),
        parse_instant(row["SystemModstamp"]),
        read_at,
        parse_instant(modified) if modified else None,
        row.get("LastModifiedById"),
        bool(row.get("IsDeleted", False)),
        row.get("MasterRecordId"),
        bool(row.get("IsConverted", False)),
        row.get("ConvertedContactId"),
        values,
    )


def _at(row: Mapping[str, Any], path: str) -> tuple[bool, object]:
    """Whether the row tells about the field or path, and its value. A related record that is not there blanks its fields."""
    here: Any = row
    steps = path.split(".")
    for number, step in enumerate(steps):
        if not isinstance(here, Mapping):
            return here is None and number > 0, None
        if step not in here:
            step = next((key for key in here if key.lower() == step.lower()), step)
            if step not in here:
                return False, None
        here = here[step]
    return True, here
