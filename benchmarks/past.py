"""A made-up past for a loaded people database: months of runs, errors of many causes, conflicts, edits that wait, alerts, audit.

What a page reads is the same as after those months, without living through them. The rows go in through the tables, edits of values
through plain SQL as somebody's own (so that base and history come from the triggers). The same seed makes the same past.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.causes import cause_key
from diptych.domain.outcome import ErrorClass, Problem
from diptych.store import system_tables as t
from diptych.store.sql_store import SqlStore

SEED = 7
_PORTION = 5000
_COLUMNS = ("title", "phone", "city", "email", "last_name", "company_name", "first_name")
_LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh y Fernández de Córdoba"
_FIELDS = {"title": "Title", "phone": "Phone", "city": "City", "email": "Email", "last_name": "LastName"}
_CLASSES = (
    (ErrorClass.VALIDATION, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "Rule {n}: the value does not suit region {n}."),
    (ErrorClass.PERMISSION, "INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: {field}."),
    (ErrorClass.DUPLICATE, "DUPLICATES_DETECTED", "You are creating a duplicate record (rule {n})."),
    (ErrorClass.PICKLIST, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field"),
    (ErrorClass.LENGTH, "STRING_TOO_LONG", "data value too large (max length=80)"),
    (ErrorClass.AUTOMATION, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "LeadTrigger{n}: System.DmlException"),
    (ErrorClass.LOCK, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
)  # fmt: skip


_ORDER = {
    "steps": [],
    "others": [],
    "picks": {},
    "policy": None,
    "suppress": False,
    "forget": False,
    "undoes": None,
    "run": None,
}


@dataclass(frozen=True)
class Size:
    """How much of everything. `waiting`: people edited here whose change Salesforce does not have; `changes`: lines of history."""

    runs: int = 20_000
    waiting: int = 5_000
    errors: int = 8_000
    causes: int = 60
    settled: int = 2_000
    conflicts: int = 20_000
    changes: int = 300_000
    sent: int = 60_000
    creations: int = 2_000
    alerts: int = 400
    audit: int = 3_000
    versions: int = 60
    users: int = 40
    joins: int = 2_000


def scaled(share: float) -> Size:
    """The same past in small; at least a few of everything."""
    return Size(**{name: max(3, round(n * share)) for name, n in vars(Size()).items()})


@dataclass(frozen=True)
class _Pair:
    id: int
    person_id: int
    object_name: str
    sf_id: str


def make_past(store: SqlStore, now: datetime, size: Size) -> None:
    """Put it all in. `now`: where the past ends."""
    chance = random.Random(SEED)
    with store.transaction() as unit:
        pairs = _pairs(unit.connection)
        first = unit.connection.execute(sa.select(sa.func.max(t.run.c.id))).scalar() or 0
        runs = list(range(first + 1, first + 1 + size.runs))
        _runs(unit.connection, chance, runs, now)
        _history(unit.connection, chance, pairs, runs, now, size)
        _errors(unit.connection, chance, pairs, runs, now, size)
        _conflicts(unit.connection, chance, pairs, runs, now, size)
        _creations(unit.connection, chance, now, size)
        _operations(unit.connection, chance, now, size)
        _access(unit.connection, chance, now, size)
    _edits(store, chance, pairs, size)
    if store.engine.dialect.name == "postgresql":  # as its autovacuum would have
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")


def _put(connection: Connection, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    portion: list[dict[str, Any]] = []
    for row in rows:
        portion.append(row)
        if len(portion) == _PORTION:
            connection.execute(table.insert(), portion)
            portion = []
    if portion:
        connection.execute(table.insert(), portion)


def _pairs(connection: Connection) -> list[_Pair]:
    c = t.pair.c
    wanted = (
        sa.select(c.id, c.person_id, c.object_name, c.sf_id)
        .where(c.state == "paired", c.object_name.in_(("Lead", "Contact")))
        .order_by(c.id)
    )
    return [_Pair(*row) for row in connection.execute(wanted)]


def _ago(chance: random.Random, now: datetime, days: float = 88) -> datetime:
    return now - timedelta(seconds=round(chance.random() * days * 86400))


def _runs(connection: Connection, chance: random.Random, runs: Sequence[int], now: datetime) -> None:
    """A cycle every few minutes, now and then one that fails; four in five had nothing to do but read."""
    every = timedelta(days=88) / len(runs)

    def begun(place: int) -> datetime:
        return (now - every * (len(runs) - place)).replace(microsecond=0)

    def rows() -> Iterator[dict[str, Any]]:
        for place, number in enumerate(runs):
            failed = place % 97 == 5
            said = f"Salesforce did not answer within {30 + place % 60} s" if failed else None
            yield {
                "id": number,
                "kind": "cycle" if place % 150 else "verify",
                "status": "Failed" if failed else "Succeeded",
                "started_at": begun(place),
                "ended_at": begun(place) + timedelta(seconds=2 + place % 9),
                "error": said,
                "error_class": "network" if failed else None,
                "code": "TIMEOUT" if failed else None,
            }

    def steps() -> Iterator[dict[str, Any]]:
        for place, number in enumerate(runs):
            for name, operation in (
                ("Lead", "Pull updates"),
                ("Contact", "Pull updates"),
                ("Lead", "Push updates"),
                ("Account", "Pull updates"),
            )[: 1 + place % 4]:
                count = chance.randrange(200) if chance.random() < 0.3 else 0
                yield {
                    "run_id": number,
                    "object_name": name,
                    "operation": operation,
                    "status": "Succeeded" if place % 41 else "Incomplete",
                    "started_at": begun(place),
                    "ended_at": begun(place) + timedelta(seconds=1 + place % 8),
                    "added": count // 10,
                    "updated": count,
                    "deleted": int(count > 190),
                    "failed": int(count > 180),
                    "skipped": count * 3,
                    "api_calls": 1 + count // 25,
                    "detail": None,
                }

    _put(connection, t.run, rows())
    _put(connection, t.step, steps())
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT setval(pg_get_serial_sequence('run', 'id'), (SELECT max(id) FROM run))"
        )


def _history(
    connection: Connection,
    chance: random.Random,
    pairs: Sequence[_Pair],
    runs: Sequence[int],
    now: datetime,
    size: Size,
) -> None:
    def came() -> Iterator[dict[str, Any]]:
        for n in range(size.changes):
            # one person in twenty changed a lot
            pair = pairs[chance.randrange(len(pairs) // 20 if n % 2 else len(pairs))]
            yield {
                "person_id": pair.person_id,
                "table_name": "person",
                "column_name": chance.choice(_COLUMNS),
                "old_value": f"before {n}",
                "new_value": _LONG if n % 50 == 0 else f"after {n}",
                "side": "salesforce",
                "actor": "sync",
                "run_id": runs[n * len(runs) // size.changes],
                "at": _ago(chance, now),
            }

    def went() -> Iterator[dict[str, Any]]:
        for n in range(size.sent):
            pair = chance.choice(pairs)
            yield {
                "pair_id": pair.id,
                "person_id": pair.person_id,
                "column_name": chance.choice(_COLUMNS),
                "before_value": f"before {n}",
                "value": f"after {n}",
                "attempt_id": f"attempt-{n}",
                "run_id": runs[n * len(runs) // size.sent],
                "at": _ago(chance, now),
                "outcome": "landed",
            }

    def joins() -> Iterator[dict[str, Any]]:
        for n in range(size.joins):
            yield {
                "winner_id": chance.choice(pairs).person_id,
                "loser_id": 10_000_000 + n,
                "why": "rule",
                "detail": "email",
                "run_id": runs[n * len(runs) // size.joins],
                "at": _ago(chance, now),
                "before_winner": "{}",
                "before_loser": "{}",
                "loser_pairs": "[]",
                "changed": "{}",
                "moved": "{}",
            }

    _put(connection, t.change_log, came())
    _put(connection, t.sent, went())
    _put(connection, t.person_join, joins())


def _errors(
    connection: Connection,
    chance: random.Random,
    pairs: Sequence[_Pair],
    runs: Sequence[int],
    now: datetime,
    size: Size,
) -> None:
    """Half of the errors have the first few causes, as it goes."""

    def rows() -> Iterator[dict[str, Any]]:
        chosen = chance.sample(pairs, min(len(pairs), size.errors + size.settled))
        for n, pair in enumerate(chosen):
            number = int(size.causes * chance.random() ** 3)
            error_class, code, words = _CLASSES[number % len(_CLASSES)]
            column = list(_FIELDS)[number % len(_FIELDS)]
            field = _FIELDS[column]
            problem = Problem(
                code,
                words.format(n="abcdefghijklmnopqrstuvwxyz"[number % 26] * (1 + number // 26), field=field),
                error_class,
                f"Salesforce refused the value of {field}.",
                "Correct the value here, or change the rule in Salesforce.",
                (field,),
            )
            at = _ago(chance, now)
            done = n >= size.errors
            yield {
                "pair_id": pair.id,
                "person_id": pair.person_id,
                "operation": "Push updates",
                "column_name": column,
                "code": problem.code,
                "message": problem.message,
                "error_class": error_class.value,
                "cause": problem.cause,
                "remedy": problem.remedy,
                "fields": json.dumps(problem.fields),
                "ours": json.dumps({column: _LONG}),
                "theirs": json.dumps({}),
                "run_id": chance.choice(runs),
                "times": 1 + n % 7,
                "first_at": at,
                "last_at": at + timedelta(hours=1),
                "status": "resolved" if done else ("quarantined", "ignored")[n % 2] if n % 9 == 0 else "open",
                "closed_at": at + timedelta(hours=2) if done else None,
                "cause_key": cause_key(pair.object_name, "Push updates", column, problem),
            }

    _put(connection, t.dead_letter, rows())


def _conflicts(
    connection: Connection,
    chance: random.Random,
    pairs: Sequence[_Pair],
    runs: Sequence[int],
    now: datetime,
    size: Size,
) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for n in range(size.conflicts):
            pair = chance.choice(pairs)
            yield {
                "pair_id": pair.id,
                "person_id": pair.person_id,
                "column_name": chance.choice(_COLUMNS),
                "base_value": f"base {n}",
                "ours_value": _LONG if n % 40 == 0 else f"ours {n}",
                "theirs_value": f"theirs {n}",
                "winner": "salesforce" if n % 3 else "ours",
                "reason": "policy",
                "run_id": runs[n * len(runs) // size.conflicts],
                "at": now - timedelta(days=88) * (1 - n / size.conflicts),
            }

    _put(connection, t.conflict, rows())


def _creations(connection: Connection, chance: random.Random, now: datetime, size: Size) -> None:
    """People made here, on their way into Salesforce."""
    start = connection.execute(sa.text("SELECT COALESCE(max(id), 0) FROM person")).scalar_one()
    people = [start + 1 + n for n in range(size.creations)]
    connection.execute(
        sa.text(
            "INSERT INTO person (id, first_name, last_name, email, company_name) VALUES (:id, :first, :last, :email, :company)"
        ),
        [
            {
                "id": number,
                "first": "Ana",
                "last": _LONG if number % 20 == 0 else f"Made-here-{number}",
                "email": f"made.here.{number}@example.org",
                "company": f"Company {number % 300}",
            }
            for number in people
        ],
    )

    def rows() -> Iterator[dict[str, Any]]:
        for number in people:
            wish = chance.choice(("waiting", "waiting", "review", "dismissed"))
            yield {
                "person_id": number,
                "wish": wish,
                "reason": "LastName and Company are lacking."
                if wish == "waiting"
                else "There are records like it.",
                "fields": json.dumps(["LastName", "Company"] if wish == "waiting" else []),
                "matches": json.dumps([]),
                "by_hand": False,
                "recreate": False,
                "at": _ago(chance, now),
            }

    _put(connection, t.creation, rows())
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT setval(pg_get_serial_sequence('person', 'id'), (SELECT max(id) FROM person))"
        )


def _operations(connection: Connection, chance: random.Random, now: datetime, size: Size) -> None:
    """Alerts, the backlog over time, orders (merge, convert, delete), people kept out for good."""
    people = list(connection.execute(sa.text("SELECT id FROM person ORDER BY id LIMIT 1000")).scalars())
    _put(
        connection,
        t.alert,
        (
            {
                "rule": "errors_new",
                "subject": f"cause-{n}",
                "severity": ("info", "warning", "critical")[n % 3],
                "title": f"{1 + n * 37:,} records of Lead have a new error",
                "text": f"Salesforce refused the value of Title. {_LONG}",
                "remedy": "Correct the values here, or change the rule in Salesforce.",
                "link": "/errors",
                "state": "firing" if n < 30 else "ended",
                "first_at": now - timedelta(hours=5 * n + 1),
                "last_at": now - timedelta(hours=5 * n),
                "told_at": now - timedelta(hours=5 * n + 1),
                "ended_at": None if n < 30 else now - timedelta(hours=5 * n),
            }
            for n in range(size.alerts)
        ),
    )
    quarters = min(88 * 96, 10 * size.alerts)
    _put(
        connection,
        t.backlog_sample,
        (
            {
                "at": now - timedelta(minutes=15 * n),
                "object_name": name,
                "waiting": 2000 + 7 * (n % 400),
                "oldest_at": now - timedelta(minutes=15 * n, hours=3),
            }
            for n in range(quarters)
            for name in ("Lead", "Contact")
        ),
    )
    _put(
        connection,
        t.action,
        (
            {
                "kind": ("merge", "convert", "delete")[n % 3],
                "state": "done",
                "detail": json.dumps(_ORDER | {"person": chance.choice(people)}),
                "actor": "admin:ana",
                "at": _ago(chance, now),
                "ended_at": now,
                "result": None,
            }
            for n in range(size.alerts)
        ),
    )
    _put(
        connection,
        t.suppression,
        (
            {
                "object_name": "Lead",
                "sf_id": f"00Q9{n:014d}",
                "address_hash": hashlib.sha256(str(n).encode()).hexdigest(),
                "reason": "forgotten",
                "at": _ago(chance, now),
            }
            for n in range(size.alerts)
        ),
    )


def _access(connection: Connection, chance: random.Random, now: datetime, size: Size) -> None:
    names = [f"user{n}@example.org" for n in range(size.users)]
    _put(
        connection,
        t.access_user,
        (
            {"name": name, "role": ("admin", "operator", "viewer")[n % 3], "created_at": _ago(chance, now)}
            for n, name in enumerate(names)
        ),
    )
    _put(
        connection,
        t.audit,
        (
            {
                "at": now - timedelta(minutes=30 * (size.audit - n)),
                "actor": f"admin:{chance.choice(names)}",
                "source": "admin",
                "what": chance.choice(
                    ("setting pause_seconds", "mapping (edit)", "connection", "session begun")
                ),
                "old_value": f"version {n}; {_LONG}",
                "new_value": f"version {n + 1}",
            }
            for n in range(size.audit)
        ),
    )
    kept = connection.execute(
        sa.select(t.mapping_version).order_by(t.mapping_version.c.version.desc())
    ).first()
    assert kept is not None, "the database is loaded, so it has a mapping"
    _put(
        connection,
        t.mapping_version,
        (
            {
                "version": kept.version + 1 + n,
                "digest": kept.digest,
                "fields": kept.fields,
                "at": now - timedelta(hours=size.versions - n),
                "reason": "edit",
                "author": chance.choice(names),
            }
            for n in range(size.versions)
        ),
    )


def _edits(store: SqlStore, chance: random.Random, pairs: Sequence[_Pair], size: Size) -> None:
    """Edits by SQL and by hand that Salesforce does not have yet."""
    for actor in ("admin:ana", "sql"):
        chosen = chance.sample(pairs, min(len(pairs), size.waiting // 2))
        with store.edit_as(actor) as connection:
            for n, pair in enumerate(chosen):
                column = ("title", "phone", "city")[n % 3]
                connection.execute(
                    sa.text(f"UPDATE person SET {column} = :value WHERE id = :id"),
                    {"value": _LONG[:70] if n % 30 == 0 else f"edited {n}", "id": pair.person_id},
                )
