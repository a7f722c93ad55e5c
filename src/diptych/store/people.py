"""Writing people for the engine: new ones with their pairs, and changes of pairs (decision 0001, correctness.md R-2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.pair import Observation, Pair, PairState, Standing, primary
from diptych.domain.values import Value, to_text
from diptych.store import standing, trail, trouble
from diptych.store.catalogue import Catalogue, StoredColumn, part_table, quote
from diptych.store.engines import is_postgres
from diptych.store.pair_rows import inflight_columns, pair_of_row
from diptych.store.pairs import lock, noted_with_standing, values_of_people
from diptych.store.system_tables import change_log, pair
from diptych.store.values_at_rest import encode_base, encoder
from diptych.sync.ports import PairChange


def allocate(connection: Connection, table: str, count: int) -> int:
    """The first of `count` successive new ids of a table with generated ids."""
    name = quote(table)
    highest = connection.execute(sa.text(f"SELECT COALESCE(max(id), 0) FROM {name}")).scalar_one()
    if is_postgres(connection):
        sequence = f"pg_get_serial_sequence('{table}', 'id')"
        used = connection.execute(sa.text(f"SELECT nextval({sequence})")).scalar_one()
        first = max(int(used), int(highest) + 1)  # a SQL user may have chosen ids of their own
        connection.execute(sa.text(f"SELECT setval({sequence}, :last)"), {"last": first + count - 1})
        return first
    used = connection.execute(
        sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table}
    ).scalar()
    return max(int(used or 0), int(highest)) + 1


def add_people(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    seen: Sequence[Observation],
    run_id: int | None,
    now: datetime,
) -> None:
    """A new person and a pair for each; base = ours = the observed values. Raises ValueError for an id that has a pair."""
    if not seen:
        return
    known = synced_object(object_mapping.object_name)
    _must_be_new(connection, object_mapping.object_name, [o.record.sf_id for o in seen])
    first = allocate(connection, "person", len(seen))
    people = [
        {
            "id": first + place,
            "salesforce_id": one.record.sf_id,
            "salesforce_type": known.salesforce_type,
            "salesforce_deleted": False,
            "link_state": "converted" if one.record.converted else known.salesforce_type,
        }
        for place, one in enumerate(seen)
    ]
    insert_rows(connection, catalogue, "person", people, [o.values for o in seen])
    connection.execute(
        pair.insert(),
        [
            {
                "person_id": first + place,
                "object_name": object_mapping.object_name,
                "sf_id": one.record.sf_id,
                "state": (PairState.CONVERTED if one.record.converted else PairState.PAIRED).value,
                "seen_modstamp": one.record.modstamp,
                "seen_at": one.record.read_at,
                "mapping_version": object_mapping.version,
                "attempts": 0,
            }
            for place, one in enumerate(seen)
        ],
    )
    trail.note_arrival(connection, known.name, first, first + len(seen) - 1, run_id, now)
    if any("account_id" in o.values for o in seen):
        find_companies(connection, catalogue, people=range(first, first + len(seen)))


def _must_be_new(connection: Connection, object_name: str, sf_ids: Sequence[str]) -> None:
    for start in range(0, len(sf_ids), 500):
        some = list(sf_ids[start : start + 500])
        there = connection.execute(
            sa.select(pair.c.sf_id).where(pair.c.object_name == object_name, pair.c.sf_id.in_(some)).limit(1)
        ).scalar()
        if there is not None:
            raise ValueError(f"{object_name} {there} has a pair already")


def insert_rows(
    connection: Connection,
    catalogue: Catalogue,
    table: str,
    system: Sequence[Mapping[str, Any]],
    values: Sequence[Mapping[str, Value]],
) -> None:
    """Insert rows with these system columns and mapped values, in all parts; a value not given is blank."""
    used = dict.fromkeys(column for row in values for column in row)
    by_part: dict[int, list[StoredColumn]] = {part: [] for part in catalogue.parts(table)}
    for name in used:
        column = catalogue.column(table, name)
        by_part[column.part].append(column)
    for part, columns in by_part.items():
        keys = list(system[0]) if part == 1 else ["id"]
        encoders = _encoders(connection, columns)
        rows = []
        for fixed, given in zip(system, values, strict=True):
            row = {key: fixed[key] for key in keys}
            row.update({f"p{n}": encoders[c.name](given.get(c.name)) for n, c in enumerate(columns)})
            rows.append(row)
        names = [*(quote(k) for k in keys), *(quote(c.name) for c in columns)]
        places = [*(f":{k}" for k in keys), *(f":p{n}" for n in range(len(columns)))]
        connection.execute(
            sa.text(
                f"INSERT INTO {quote(part_table(table, part))} ({', '.join(names)}) VALUES ({', '.join(places)})"
            ),
            rows,
        )


def _encoders(connection: Connection, columns: Iterable[StoredColumn]) -> dict[str, Any]:
    postgres = is_postgres(connection)
    return {c.name: encoder(c.kind, postgres) for c in columns}


def update_rows(
    connection: Connection,
    catalogue: Catalogue,
    table: str,
    changes: Mapping[int, Mapping[str, Value]],
    system: Mapping[int, Mapping[str, Any]],
) -> None:
    """Set mapped values and system columns of rows by id; one statement for all rows that change the same columns."""
    groups: dict[tuple[int, tuple[str, ...], tuple[str, ...]], list[dict[str, Any]]] = {}
    for number in dict.fromkeys([*changes, *system]):
        fixed = system.get(number, {})
        split: dict[int, dict[str, Value]] = {1: {}} if fixed else {}
        for name, value in changes.get(number, {}).items():
            split.setdefault(catalogue.column(table, name).part, {})[name] = value
        for part, values in split.items():
            keys = tuple(fixed) if part == 1 else ()
            row = {"row_id": number, **{k: fixed[k] for k in keys}}
            encoders = _encoders(connection, (catalogue.column(table, c) for c in values))
            row.update({f"p{n}": encoders[c](v) for n, (c, v) in enumerate(values.items())})
            groups.setdefault((part, tuple(values), keys), []).append(row)
    for (part, names, keys), rows in groups.items():
        sets = [f"{quote(k)} = :{k}" for k in keys] + [f"{quote(c)} = :p{n}" for n, c in enumerate(names)]
        connection.execute(
            sa.text(f"UPDATE {quote(part_table(table, part))} SET {', '.join(sets)} WHERE id = :row_id"), rows
        )


def find_companies(
    connection: Connection, catalogue: Catalogue, people: Sequence[int] = (), waiting: bool = False
) -> None:
    """Set company_id from account_id for these people, or (`waiting`) for all who have an account but no company yet."""
    account = catalogue.columns("person").get("account_id")
    if account is None or account.part != 1:
        return
    company = "(SELECT c.id FROM company AS c WHERE c.salesforce_id = person.account_id)"
    if waiting:
        connection.execute(
            sa.text(
                f"UPDATE person SET company_id = {company} WHERE company_id IS NULL AND account_id IS NOT NULL "
                "AND EXISTS (SELECT 1 FROM company AS c WHERE c.salesforce_id = person.account_id)"
            )
        )
    elif people:
        connection.execute(
            sa.text(f"UPDATE person SET company_id = {company} WHERE id = :number"),
            [{"number": number} for number in people],
        )


# ---------------------------------------------------------------- changes of pairs


class _Work:
    """Values and bases of the people that a `save` touches: read once, changed in order, written once."""

    def __init__(self, connection: Connection, catalogue: Catalogue, changes: Sequence[PairChange]) -> None:
        touching = [c for c in changes if c.ours or c.base]
        self.columns = list(dict.fromkeys(c for t in touching for c in (*t.ours, *t.base)))
        self.read = {c: catalogue.column("person", c).decode for c in self.columns}
        people = sorted({c.person_id for c in touching})
        self.ours = values_of_people(connection, catalogue, people, self.columns, self.read) if people else {}
        self.pairs_of = _pairs_of(connection, people)
        numbers = sorted(n for some in self.pairs_of.values() for n in some)
        noted, stored = noted_with_standing(connection, numbers)
        self._before = {
            (number, column): (self.read[column](raw), stored.get(number, {}).get(column))
            for number, some in noted.items()
            for column, raw in some.items()
            if column in self.read
        }
        self.noted = dict(self._before)
        self.changed: dict[int, dict[str, Value]] = {}

    def apply(self, change: PairChange) -> dict[str, tuple[Value, Value]]:
        """Carry one change out here; the columns of ours that it changed, old and new."""
        ours = self.ours.get(change.person_id)
        if ours is None:
            return {}  # the person was deleted here in the meantime
        different = {}
        for column, value in change.ours.items():
            if ours[column] == value:
                continue
            different[column] = (ours[column], value)
            for number in self.pairs_of.get(change.person_id, ()):
                kept, stands = self.noted.get((number, column), (ours[column], None))
                if number != change.pair_id and not change.edited_by:
                    stands = Standing.APART  # the value came from the record of this change
                self.noted[number, column] = (kept, stands)
            ours[column] = value
            self.changed.setdefault(change.person_id, {})[column] = value
        for column, value in change.base.items():
            _, stands = self.noted.get((change.pair_id, column), (None, None))
            self.noted[change.pair_id, column] = (value, stands)
        for number in self.pairs_of.get(change.person_id, ()):
            for column in (*different, *change.base):
                if (number, column) in self.noted and self.noted[number, column][0] == ours[column]:
                    del self.noted[number, column]
        return different

    def write_bases(self, connection: Connection) -> None:
        postgres = is_postgres(connection)
        new = [
            {"pair": n, "name": c, "value": encode_base(v, postgres), "standing": s.value if s else None}
            for (n, c), (v, s) in self.noted.items()
            if (n, c) not in self._before or self._before[n, c] != (v, s)
        ]
        gone = [{"pair": n, "name": c} for n, c in self._before if (n, c) not in self.noted]
        if new:
            connection.execute(
                sa.text(
                    "INSERT INTO base (pair_id, column_name, value, standing) "
                    "VALUES (:pair, :name, :value, :standing) ON CONFLICT (pair_id, column_name) "
                    "DO UPDATE SET value = excluded.value, standing = excluded.standing"
                ),
                new,
            )
        if gone:
            connection.execute(
                sa.text("DELETE FROM base WHERE pair_id = :pair AND column_name = :name"), gone
            )


def _pairs_of(connection: Connection, people: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for start in range(0, len(people), 500):
        some = list(people[start : start + 500])
        rows = connection.execute(sa.select(pair.c.person_id, pair.c.id).where(pair.c.person_id.in_(some)))
        for person_id, number in rows:
            found.setdefault(person_id, []).append(number)
    return found


def save(
    connection: Connection,
    catalogue: Catalogue,
    changes: Sequence[PairChange],
    run_id: int | None,
    now: datetime,
) -> None:
    """See `Transaction.save` and PairChange."""
    lock(connection, sorted({c.person_id for c in changes}))
    trail.note_events(connection, changes, run_id, now)
    work = _Work(connection, catalogue, changes)
    crowded = _crowded(connection, changes)
    history: list[dict[str, Any]] = []
    system: dict[int, dict[str, Any]] = {}
    for change in changes:
        different = work.apply(change)
        history.extend(_history(change, different, run_id, now))
        fixed = _link(change, crowded)
        if fixed or different:
            fixed["updated_at"] = _stamp(connection, now)
            system.setdefault(change.person_id, {}).update(fixed)
    update_rows(connection, catalogue, "person", work.changed, system)
    work.write_bases(connection)
    if history:
        connection.execute(change_log.insert(), history)
    moved = [number for number, values in work.changed.items() if "account_id" in values]
    find_companies(connection, catalogue, people=moved)
    _update_pairs(connection, changes)
    _speak_for_primary(connection, catalogue, changes, crowded)
    trail.note_sent(connection, changes, run_id, now)
    trouble.record(connection, changes, run_id, now)


def _link(change: PairChange, crowded: Mapping[int, Any]) -> dict[str, Any]:
    """What the person's row says from now on; of a person with several pairs that is settled at the end."""
    if change.person_id in crowded:
        return {}
    told = (("salesforce_deleted", change.salesforce_deleted), ("link_state", change.link_state))
    return {name: value for name, value in told if value is not None}


def _crowded(connection: Connection, changes: Sequence[PairChange]) -> dict[int, list[int]]:
    """The people with more than one pair among those whose link changes."""
    people = sorted({c.person_id for c in changes if c.link_state is not None or c.state is not None})
    return {number: pairs for number, pairs in _pairs_of(connection, people).items() if len(pairs) > 1}


def _speak_for_primary(
    connection: Connection, catalogue: Catalogue, changes: Sequence[PairChange], crowded: Mapping[int, Any]
) -> None:
    """A person's row says what the change of its primary pair says."""
    if not crowded:
        return
    told = {change.pair_id: change for change in changes}
    system: dict[int, dict[str, Any]] = {}
    pairs: dict[int, list[Pair]] = {}
    for number in crowded:
        rows = connection.execute(sa.select(pair).where(pair.c.person_id == number).order_by(pair.c.id)).all()
        pairs[number] = [pair_of_row(row) for row in rows]
        chosen = primary(pairs[number])
        if chosen is None:
            continue
        known = synced_object(chosen.object_name)
        system[number] = {"salesforce_id": chosen.sf_id, "salesforce_type": known.salesforce_type}
        change = told.get(chosen.id)
        if change is not None:
            system[number] |= _link(change, {})
        elif chosen.state is PairState.HIDDEN:
            system[number] |= {"salesforce_deleted": False, "link_state": "out_of_scope"}
        elif chosen.state is PairState.PAIRED:
            system[number] |= {"salesforce_deleted": False, "link_state": known.salesforce_type or "none"}
        elif chosen.state is PairState.PARKED:
            system[number] |= {"salesforce_deleted": False}
    update_rows(connection, catalogue, "person", {}, system)
    standing.settle(connection, pairs)


def _stamp(connection: Connection, now: datetime) -> Any:
    whole = now.astimezone(UTC).replace(microsecond=0)
    return whole if is_postgres(connection) else whole.replace(tzinfo=None).isoformat() + "Z"


def _history(
    change: PairChange, different: Mapping[str, tuple[Value, Value]], run_id: int | None, now: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "person_id": change.person_id,
            "table_name": "person",
            "column_name": column,
            "old_value": to_text(old),
            "new_value": to_text(new),
            "side": "ours" if change.edited_by else "salesforce",
            "actor": change.edited_by or change.history_by or "salesforce",
            "run_id": run_id,
            "at": now if change.edited_by else change.history_at or now,
        }
        for column, (old, new) in different.items()
    ]


def _update_pairs(connection: Connection, changes: Sequence[PairChange]) -> None:
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    latest: dict[int, dict[str, Any]] = {}
    for change in changes:
        latest.setdefault(change.pair_id, {}).update(_pair_columns(change))
    for number, columns in latest.items():
        if columns:
            groups.setdefault(tuple(columns), []).append({"pair_number": number, **columns})
    for names, rows in groups.items():
        connection.execute(
            pair.update()
            .where(pair.c.id == sa.bindparam("pair_number"))
            .values({name: sa.bindparam(name) for name in names}),
            rows,
        )


def _pair_columns(change: PairChange) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: value
        for name, value in (
            ("state", change.state.value if change.state else None),
            ("seen_modstamp", change.seen_modstamp),
            ("seen_at", change.seen_at),
            ("redirect_to", change.redirect_to),
            ("attempts", change.attempts),
            ("next_try_at", change.next_try_at),
        )
        if value is not None
    }
    if change.forget_redirect:
        columns["redirect_to"] = None
    if change.lift or change.inflight is not None:
        columns.update(inflight_columns(change.inflight))
    return columns
