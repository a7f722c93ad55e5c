"""People as lists and pages show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import HELD
from diptych.domain.values import Kind, Value, from_text, parse_instant
from diptych.store import tally
from diptych.store.catalogue import PERSON_SYSTEM, Catalogue, read_catalogue
from diptych.store.pairs import noted_with_standing
from diptych.store.system_tables import change_log, dead_letter, pair
from diptych.store.trouble import letters
from diptych.store.values_at_rest import unpack

FOUND_UP_TO = 1000
"""People found by a search are counted up to here."""
SEARCHED = ("first_name", "last_name", "email", "company_name", "phone")
_LIST = ("first_name", "last_name", "email", "company_name", "title", "phone", "city", "country")


@dataclass(frozen=True)
class PeoplePage:
    """One page: rows with the system columns and the usual ones, by column; `total` of the filter, `everyone` without it.
    `more`: a search found more than `total`."""

    rows: list[dict[str, Any]]
    total: int
    everyone: int
    page: int
    page_size: int
    more: bool = False


@dataclass(frozen=True)
class PairRow:
    """A pair of a person. `waiting`: base of each mapped column that Salesforce does not have our value of yet."""

    id: int
    object_name: str
    sf_id: str | None
    state: str
    seen_modstamp: datetime | None
    redirect_to: str | None
    attempts: int
    next_try_at: datetime | None
    in_flight: Mapping[str, Value] = field(default_factory=dict)
    waiting: Mapping[str, Value] = field(default_factory=dict)
    parked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """`system`: the columns of the system; `values`: the mapped ones, canonical."""

    id: int
    system: Mapping[str, Any]
    values: Mapping[str, Value]
    kinds: Mapping[str, Kind]
    pairs: tuple[PairRow, ...]


@dataclass(frozen=True)
class HistoryRow:
    """One change. `column` None: the person came (`new` holds its values as JSON) or went (`old` does)."""

    id: int
    column: str | None
    old: Value
    new: Value
    side: str
    actor: str
    run_id: int | None
    at: datetime


def columns(connection: Connection) -> dict[str, str]:
    """Mapped columns with their kinds."""
    return {name: c.kind.value for name, c in read_catalogue(connection).columns("person").items()}


def page(
    connection: Connection,
    search: str,
    salesforce_type: str,
    link_state: str,
    sort: str,
    number: int,
    size: int,
    below: int | None = None,
    above: int | None = None,
) -> PeoplePage:
    """See `Queries.people`."""
    catalogue = read_catalogue(connection)
    shown = [*PERSON_SYSTEM, *(c for c in _LIST if c in catalogue.columns("person"))]
    conditions, given = _conditions(catalogue, search, salesforce_type, link_state)
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    if column not in PERSON_SYSTEM and column not in catalogue.columns("person"):
        raise ValueError(f"people cannot be sorted by {column}")
    used = [c for c in {*shown, *SEARCHED, column} if c in catalogue.columns("person")]
    source = catalogue.source("person", used)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    kept = tally.counts(connection, "person")
    everyone = tally.total(kept)
    if search.split():
        counted = f"SELECT count(*) FROM (SELECT 1 FROM {source}{where} LIMIT {FOUND_UP_TO + 1}) AS found"
        total = int(connection.execute(sa.text(counted), given).scalar_one())
    else:
        kind = "" if salesforce_type == "none" else salesforce_type or None
        total = tally.total(kept, kind, link_state or None)
    more = bool(search.split()) and total > FOUND_UP_TO
    total = min(total, FOUND_UP_TO) if more else total
    number = max(1, min(number, -(-total // size) or 1))
    if not total:
        return PeoplePage([], total, everyone, number, size)
    named = ", ".join(catalogue.expression("person", c) for c in shown)
    skip = (number - 1) * size
    if sort == "-id" and number > 1 and (below or above):
        conditions.append("t1.id < :edge" if below else "t1.id > :edge")
        given["edge"], skip, descending = below or above, 0, bool(below)
        where = f" WHERE {' AND '.join(conditions)}"
    direction = "DESC" if descending else "ASC"
    order = f"{catalogue.expression('person', column)} {direction}"
    if column != "id":  # blanks last either way, as a reader expects
        order = f"({catalogue.expression('person', column)} IS NULL), {order}, t1.id"
    statement = f"SELECT {named} FROM {source}{where} ORDER BY {order} LIMIT :size OFFSET :skip"
    rows = connection.execute(sa.text(statement), {**given, "size": size, "skip": skip})
    found = [_row(catalogue, shown, row) for row in rows]
    if sort == "-id":
        found.sort(key=lambda row: -int(row["id"]))
    return PeoplePage(found, total, everyone, number, size, more)


def before(
    connection: Connection, number: int | None, size: int, search: str, salesforce_type: str, link_state: str
) -> list[dict[str, Any]]:
    """See `Queries.people_before`."""
    catalogue = read_catalogue(connection)
    shown = [*PERSON_SYSTEM, *(c for c in _LIST if c in catalogue.columns("person"))]
    conditions, given = _conditions(catalogue, search, salesforce_type, link_state)
    if number is not None:
        conditions.append("t1.id < :before")
        given["before"] = number
    used = [c for c in {*shown, *SEARCHED} if c in catalogue.columns("person")]
    named = ", ".join(catalogue.expression("person", c) for c in shown)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = connection.execute(
        sa.text(
            f"SELECT {named} FROM {catalogue.source('person', used)}{where} ORDER BY t1.id DESC LIMIT :size"
        ),
        {**given, "size": size},
    )
    return [_row(catalogue, shown, row) for row in rows]


def _conditions(
    catalogue: Catalogue, search: str, salesforce_type: str, link_state: str
) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    given: dict[str, Any] = {}
    fields = [catalogue.expression("person", c) for c in SEARCHED if c in catalogue.columns("person")]
    for n, word in enumerate(search.split()[:8]):
        escaped = word.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        given[f"word{n}"] = f"%{escaped}%"
        given[f"exact{n}"] = word
        tests = [f"lower({f}) LIKE :word{n} ESCAPE '\\'" for f in fields]
        tests.append(f"t1.salesforce_id = :exact{n}")
        if len(word) == 15:  # the short form of a Salesforce id, as its pages show it
            tests.append(f"substr(t1.salesforce_id, 1, 15) = :exact{n}")
        if word.isdecimal() and len(word) < 16:
            given[f"number{n}"] = int(word)
            tests.append(f"t1.id = :number{n}")
        conditions.append(f"({' OR '.join(tests)})")
    if salesforce_type == "none":
        conditions.append("t1.salesforce_type IS NULL")
    elif salesforce_type:
        conditions.append("t1.salesforce_type = :type")
        given["type"] = salesforce_type
    if link_state:
        conditions.append("t1.link_state = :link_state")
        given["link_state"] = link_state
    return conditions, given


def _row(catalogue: Catalogue, names: list[str], row: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, raw in zip(names, row, strict=True):
        if name in PERSON_SYSTEM:
            found[name] = _system(name, raw)
        else:
            found[name] = catalogue.column("person", name).decode(raw)
    return found


def _system(name: str, raw: Any) -> Any:
    if name == "salesforce_deleted":
        return bool(raw)
    if name in ("created_at", "updated_at") and raw is not None:
        return raw.astimezone(UTC) if isinstance(raw, datetime) else parse_instant(raw)
    return raw


def person(connection: Connection, person_id: int) -> Person | None:
    """See `Queries.person`."""
    catalogue = read_catalogue(connection)
    mapped = catalogue.columns("person")
    names = [*PERSON_SYSTEM, *mapped]
    named = ", ".join(catalogue.expression("person", c) for c in names)
    row = connection.execute(
        sa.text(f"SELECT {named} FROM {catalogue.source('person', mapped)} WHERE t1.id = :number"),
        {"number": person_id},
    ).first()
    if row is None:
        return None
    whole = _row(catalogue, names, row)
    values = {name: whole[name] for name in mapped}
    return Person(
        person_id,
        {name: whole[name] for name in PERSON_SYSTEM},
        values,
        {name: c.kind for name, c in mapped.items()},
        tuple(_pairs(connection, catalogue, person_id, values)),
    )


def _pairs(
    connection: Connection, catalogue: Catalogue, person_id: int, values: Mapping[str, Value]
) -> list[PairRow]:
    rows = connection.execute(sa.select(pair).where(pair.c.person_id == person_id).order_by(pair.c.id)).all()
    noted, standing = noted_with_standing(connection, [row.id for row in rows])
    found = []
    for row in rows:
        bases = {
            column: catalogue.column("person", column).decode(raw)
            for column, raw in noted.get(row.id, {}).items()
            if column in values
            and column in _mapped_by(connection, row.object_name)
            # another record's value counts in a field that only comes in: nothing waits
            and not (column in standing.get(row.id, {}) and column in _inbound(connection, row.object_name))
        }
        held = letters(connection, dead_letter.c.pair_id == row.id, dead_letter.c.status.in_(HELD))
        found.append(
            PairRow(
                row.id,
                row.object_name,
                row.sf_id,
                row.state,
                row.seen_modstamp,
                row.redirect_to,
                row.attempts,
                row.next_try_at,
                unpack(row.inflight),
                {c: base for c, base in bases.items() if base != values[c]},
                {k.letter.column or "": k.letter.problem.message for k in held},
            )
        )
    return found


def waiting(connection: Connection, person_ids: Sequence[int]) -> set[int]:
    """See `Queries.waiting`."""
    wanted = sa.text("SELECT DISTINCT person_id FROM v_backlog WHERE person_id IN :ids").bindparams(
        sa.bindparam("ids", expanding=True)
    )
    return set(connection.execute(wanted, {"ids": list(person_ids)}).scalars())


def _mapped_by(connection: Connection, object_name: str) -> set[str]:
    rows = connection.execute(
        sa.text("SELECT column_name FROM field_mapping WHERE object_name = :name"), {"name": object_name}
    )
    return set(rows.scalars())


def _inbound(connection: Connection, object_name: str) -> set[str]:
    rows = connection.execute(
        sa.text("SELECT column_name FROM field_mapping WHERE object_name = :name AND direction = 'inbound'"),
        {"name": object_name},
    )
    return set(rows.scalars())


def history(connection: Connection, person_id: int, limit: int, before: int | None) -> list[HistoryRow]:
    """See `Queries.history`."""
    catalogue = read_catalogue(connection)
    c = change_log.c
    wanted = sa.select(change_log).where(c.person_id == person_id, c.table_name == "person")
    if before is not None:
        wanted = wanted.where(c.id < before)
    found = []
    for row in connection.execute(wanted.order_by(c.id.desc()).limit(limit)):
        old, new = row.old_value, row.new_value
        column = catalogue.columns("person").get(row.column_name or "")
        if column is not None:
            old, new = _shown(column.kind, old, column.scale), _shown(column.kind, new, column.scale)
        found.append(
            HistoryRow(row.id, row.column_name, old, new, row.side, row.actor or "", row.run_id, row.at)
        )
    return found


def _shown(kind: Kind, text: str | None, scale: int) -> Value:
    try:
        return from_text(kind, text, scale)
    except ValueError:
        return text
