"""The trail of runs: written with each change of a pair, read by undo and why (`sync.trail.Trail`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.identity import Fate, ending_of
from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.pair import Linked
from diptych.domain.undo import Line, Side, Touch
from diptych.domain.values import InvalidValue, Value, canonical, from_text, to_text
from diptych.domain.why import Change, Decided, Delivered, Facts, Happened, Letter
from diptych.store.catalogue import Catalogue
from diptych.store.chunks import chunks
from diptych.store.pairs import with_values
from diptych.store.system_tables import (
    arrival,
    change_log,
    conflict,
    dead_letter,
    mapping_version,
    pair,
    pair_event,
    run,
    sent,
)
from diptych.sync.ports import PairChange
from diptych.sync.trail import PairEvent, SentValue

# ---------------------------------------------------------------- writing


def note_arrival(
    connection: Connection, object_name: str, first: int, last: int, run_id: int | None, now: datetime
) -> None:
    """People `first` to `last` came in one run; a SQL user's among them have no pair and do not count."""
    if run_id is not None and last >= first:
        connection.execute(
            arrival.insert().values(
                run_id=run_id, object_name=object_name, first_person=first, last_person=last, at=now
            )
        )


def note_events(
    connection: Connection, changes: Sequence[PairChange], run_id: int | None, now: datetime
) -> None:
    """The changes of state among these; called before they are carried out."""
    moving = {c.pair_id: c for c in changes if c.state is not None}
    events = []
    for some in chunks(list(moving)):
        for number, state in connection.execute(
            sa.select(pair.c.id, pair.c.state).where(pair.c.id.in_(some))
        ):
            change = moving[number]
            if change.state is not None and change.state.value != state:
                events.append(
                    {
                        "pair_id": number,
                        "person_id": change.person_id,
                        "from_state": state,
                        "to_state": change.state.value,
                        "redirect_to": change.redirect_to,
                        "run_id": run_id,
                        "at": now,
                    }
                )
    if events:
        connection.execute(pair_event.insert(), events)


def note_sent(
    connection: Connection, changes: Sequence[PairChange], run_id: int | None, now: datetime
) -> None:
    """What is being sent, over what; and how it ended."""
    for outcome, numbers in (
        ("landed", [c.pair_id for c in changes if c.lift and c.landed]),
        ("lifted", [c.pair_id for c in changes if c.lift and not c.landed]),
    ):
        for some in chunks(numbers):
            connection.execute(
                sent.update()
                .where(sent.c.pair_id.in_(some), sent.c.outcome == "open")
                .values(outcome=outcome)
            )
    rows = [
        {
            "pair_id": change.pair_id,
            "person_id": change.person_id,
            "column_name": column,
            "before_value": to_text(change.over.get(column)),
            "value": to_text(value),
            "attempt_id": change.inflight.attempt_id,
            "run_id": run_id,
            "at": now,
            "outcome": "open",
        }
        for change in changes
        if change.inflight is not None
        for column, value in change.inflight.values.items()
    ]
    if rows:
        connection.execute(sent.insert(), rows)


# ---------------------------------------------------------------- reading


class SqlTrail:
    """`sync.trail.Trail`. `engine_writes` and `as_user` are the transaction's ways to say who is writing."""

    def __init__(
        self,
        connection: Connection,
        catalogue: Catalogue,
        now: Callable[[], datetime],
        engine_writes: Callable[[], None],
        as_user: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._connection, self._catalogue, self._now = connection, catalogue, now
        self._engine_writes, self._as_user = engine_writes, as_user

    def _value(self, column: str, text: str | None) -> Value:
        known = self._catalogue.columns("person").get(column)
        try:
            return from_text(known.kind, text, known.scale) if known is not None else text
        except InvalidValue:
            return text

    def run_kind(self, run_id: int) -> str | None:
        kind: str | None = self._connection.execute(sa.select(run.c.kind).where(run.c.id == run_id)).scalar()
        return kind

    def touched_people(self, run_id: int, after: int, limit: int) -> list[int]:
        found: set[int] = set()
        for table in (change_log, sent, pair_event):
            c = table.c
            wanted = sa.select(c.person_id).distinct().where(c.run_id == run_id, c.person_id > after)
            if table is change_log:
                wanted = wanted.where(c.table_name == "person")
            if table is sent:
                wanted = wanted.where(c.outcome == "landed")
            found.update(self._connection.execute(wanted.order_by(c.person_id).limit(limit)).scalars())
        found.update(self._came(run_id, after, limit))
        return sorted(found)[:limit]

    def _came(self, run_id: int, after: int, limit: int) -> list[int]:
        """Of those who arrived with the run, the first ones: stretch by stretch, so that nobody else is looked at."""
        c = arrival.c
        stretches = sa.select(c.object_name, c.first_person, c.last_person).where(
            c.run_id == run_id, c.last_person > after
        )
        came = sa.text(
            "SELECT p.id FROM person AS p WHERE p.id BETWEEN :first AND :last AND EXISTS (SELECT 1 FROM pair AS q "
            "WHERE q.person_id = p.id AND q.object_name = :name) ORDER BY p.id LIMIT :limit"
        )
        found: list[int] = []
        for name, first, last in self._connection.execute(stretches.order_by(c.first_person)).all():
            if len(found) >= limit:
                break
            given = {
                "name": name,
                "first": max(first, after + 1),
                "last": last,
                "limit": limit - len(found),
            }
            found.extend(self._connection.execute(came, given).scalars())
        return found

    def touches(self, run_id: int, people: Sequence[int]) -> list[Touch]:
        found: list[Touch] = []
        for some in chunks(people):
            c = change_log.c
            lines = sa.select(change_log).where(
                c.run_id == run_id,
                c.person_id.in_(some),
                c.table_name == "person",
                c.column_name.is_not(None),
            )
            for row in self._connection.execute(lines.order_by(c.id)):
                name = row.column_name
                before, after = self._value(name, row.old_value), self._value(name, row.new_value)
                found.append(Touch(row.person_id, name, before, after, Side.HERE, row.id))
            for one in self._sent(some, run_id):
                if one.outcome == "landed":
                    found.append(
                        Touch(
                            one.person_id, one.column, one.before, one.value, Side.THERE, pair_id=one.pair_id
                        )
                    )
        return found

    def newest(self, people: Sequence[int]) -> dict[int, dict[str | None, Line]]:
        found: dict[int, dict[str | None, Line]] = {}
        c = change_log.c
        for some in chunks(people):
            latest = (
                sa.select(sa.func.max(c.id))
                .where(c.person_id.in_(some), c.table_name == "person")
                .group_by(c.person_id, c.column_name)
            )
            for row in self._connection.execute(sa.select(change_log).where(c.id.in_(latest))):
                line = Line(row.id, row.side, row.actor or "", row.at, row.run_id)
                found.setdefault(row.person_id, {})[row.column_name] = line
        return found

    def arrived(self, run_id: int, people: Sequence[int]) -> set[int]:
        c = arrival.c
        ranges = self._connection.execute(
            sa.select(c.first_person, c.last_person).where(
                c.run_id == run_id,
                c.last_person >= min(people, default=0),
                c.first_person <= max(people, default=0),
            )
        ).all()
        return {p for p in people if any(first <= p <= last for first, last in ranges)}

    def removed(self, run_id: int, people: Sequence[int]) -> set[int]:
        c = change_log.c
        found: set[int] = set()
        for some in chunks(people):
            lines = sa.select(c.person_id).where(
                c.run_id == run_id, c.person_id.in_(some), c.column_name.is_(None), c.old_value.is_not(None)
            )
            found.update(self._connection.execute(lines).scalars())
        return found

    def sent(self, people: Sequence[int]) -> list[SentValue]:
        return [one for some in chunks(people) for one in self._sent(some)]

    def _sent(self, people: Sequence[int], run_id: int | None = None) -> list[SentValue]:
        c = sent.c
        wanted = sa.select(sent).where(c.person_id.in_(people))
        if run_id is not None:
            wanted = wanted.where(c.run_id == run_id)
        return [
            SentValue(
                row.pair_id,
                row.person_id,
                row.column_name,
                self._value(row.column_name, row.before_value),
                self._value(row.column_name, row.value),
                row.attempt_id,
                row.run_id,
                row.at,
                row.outcome,
            )
            for row in self._connection.execute(wanted.order_by(c.id))
        ]

    def events(self, people: Sequence[int]) -> list[PairEvent]:
        found = []
        for some in chunks(people):
            wanted = (
                sa.select(pair_event, pair.c.object_name, pair.c.sf_id)
                .join(pair, pair.c.id == pair_event.c.pair_id)
                .where(pair_event.c.person_id.in_(some))
                .order_by(pair_event.c.id)
            )
            for row in self._connection.execute(wanted):
                found.append(
                    PairEvent(
                        row.pair_id,
                        row.person_id,
                        row.object_name,
                        row.sf_id,
                        row.from_state,
                        row.to_state,
                        row.redirect_to,
                        row.run_id,
                        row.at,
                    )
                )
        return found

    def pairs_of(self, object_mapping: ObjectMapping, people: Sequence[int]) -> list[Linked]:
        found: list[Linked] = []
        for some in chunks(people):
            wanted = sa.select(pair).where(
                # by the index of people: by that of objects every record of the object would be looked at
                sa.func.coalesce(pair.c.object_name, "") == object_mapping.object_name,
                pair.c.person_id.in_(some),
            )
            rows = self._connection.execute(wanted.order_by(pair.c.id)).all()
            found += with_values(self._connection, self._catalogue, object_mapping, rows)
        return found

    def present(self, people: Sequence[int]) -> set[int]:
        found: set[int] = set()
        wanted = sa.text("SELECT id FROM person WHERE id IN :ids").bindparams(
            sa.bindparam("ids", expanding=True)
        )
        for some in chunks(people):
            found.update(self._connection.execute(wanted, {"ids": some}).scalars())
        return found

    # ------------------------------------------------------------ why

    def known(self, person_id: int) -> bool:
        if self.present([person_id]):
            return True
        gone = sa.select(change_log.c.id).where(
            change_log.c.person_id == person_id, change_log.c.table_name == "person"
        )
        paired = sa.select(pair.c.id).where(pair.c.person_id == person_id)
        return any(self._connection.execute(wanted.limit(1)).first() is not None for wanted in (gone, paired))

    def people_by_email(self, address: str) -> list[int]:
        if "email" not in self._catalogue.columns("person"):
            return []
        email = self._catalogue.expression("person", "email")
        wanted = sa.text(
            f"SELECT t1.id FROM {self._catalogue.source('person', ['email'])} WHERE lower({email}) = :address ORDER BY t1.id"
        )
        return list(self._connection.execute(wanted, {"address": address.lower()}).scalars())

    def had_email(self, address: str) -> list[tuple[int, datetime]]:
        if not address or "@" not in address:
            return []
        c, escaped = (
            change_log.c,
            address.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_"),
        )
        wanted = sa.select(c.person_id, sa.func.max(c.at)).where(
            c.table_name == "person",
            sa.or_(
                sa.and_(c.column_name == "email", sa.func.lower(c.old_value) == address.lower()),
                sa.and_(
                    c.column_name.is_(None),
                    sa.func.lower(c.old_value).like(f'%"{escaped}"%', escape="\\"),
                ),
            ),
        )
        rows = self._connection.execute(wanted.group_by(c.person_id).order_by(c.person_id).limit(20)).all()
        return [(row[0], row[1]) for row in rows]

    def people_by_record(self, sf_id: str) -> list[int]:
        wanted = sa.select(pair.c.person_id).where(pair.c.sf_id == sf_id).order_by(pair.c.id)
        return list(dict.fromkeys(self._connection.execute(wanted).scalars()))

    def facts(self, person_id: int) -> Facts:
        changes = [
            Change(
                r.id,
                r.column_name,
                self._value(r.column_name, r.old_value) if r.column_name else r.old_value,
                self._value(r.column_name, r.new_value) if r.column_name else r.new_value,
                r.side,
                r.actor or "",
                r.run_id,
                r.at,
            )
            for r in self._latest(change_log, person_id)
            if r.table_name == "person"
        ]
        decided = [
            Decided(
                r.column_name,
                self._value(r.column_name, r.base_value),
                self._value(r.column_name, r.ours_value),
                self._value(r.column_name, r.theirs_value),
                r.winner,
                r.reason,
                r.run_id,
                r.at,
            )
            for r in self._latest(conflict, person_id)
        ]
        kept = [
            Letter(
                r.id,
                r.pair_id,
                r.column_name,
                r.message,
                r.cause or "",
                r.remedy or "",
                r.status,
                r.run_id,
                r.last_at,
            )
            for r in self._latest(dead_letter, person_id)
        ]
        records = {
            r.id: f"{r.object_name} {r.sf_id or ''}".strip()
            for r in self._connection.execute(
                sa.select(pair.c.id, pair.c.object_name, pair.c.sf_id).where(pair.c.person_id == person_id)
            )
        }
        delivered = [
            Delivered(
                s.column, records.get(s.pair_id, "a record"), s.before, s.value, s.outcome, s.run_id, s.at
            )
            for s in self._sent([person_id])[-500:]
        ]
        happened = [
            Happened(
                f"{e.object_name} {e.sf_id or ''}", e.from_state, e.to_state, e.redirect_to, e.run_id, e.at
            )
            for e in self.events([person_id])
        ]
        came = self._connection.execute(
            sa.select(arrival.c.run_id)
            .where(arrival.c.first_person <= person_id, arrival.c.last_person >= person_id)
            .limit(1)
        ).scalar()
        everything: list[Change | Decided | Letter | Delivered | Happened] = [
            *changes,
            *decided,
            *kept,
            *delivered,
            *happened,
        ]
        named = {one.run_id for one in everything} | {came}
        kinds: dict[int, str] = {}
        for some in chunks(sorted(n for n in named if n is not None)):
            for row in self._connection.execute(sa.select(run.c.id, run.c.kind).where(run.c.id.in_(some))):
                kinds[row.id] = row.kind
        return Facts(changes, decided, kept, delivered, happened, kinds, came)

    def _latest(self, table: sa.Table, person_id: int) -> list[Any]:
        wanted = sa.select(table).where(table.c.person_id == person_id).order_by(table.c.id.desc()).limit(500)
        return list(self._connection.execute(wanted))

    def mapping_saved(self, version: int) -> tuple[datetime, str] | None:
        c = mapping_version.c
        row = self._connection.execute(sa.select(c.at, c.reason).where(c.version == version)).first()
        return (row.at, row.reason) if row is not None else None

    # ------------------------------------------------------------ acts

    def remove(self, people: Sequence[int], actor: str, run_id: int) -> None:
        with self._as_user(actor):
            for some in chunks(people):
                statement = sa.text("DELETE FROM person WHERE id IN :ids").bindparams(
                    sa.bindparam("ids", expanding=True)
                )
                self._connection.execute(statement, {"ids": some})
                self._connection.execute(
                    change_log.update()
                    .where(
                        change_log.c.person_id.in_(some),
                        change_log.c.actor == actor,
                        change_log.c.column_name.is_(None),
                        change_log.c.run_id.is_(None),
                    )
                    .values(run_id=run_id)
                )

    def bring_back(self, people: Sequence[int], actor: str, run_id: int) -> Mapping[int, tuple[str, ...]]:
        from diptych.store.people import insert_rows

        self._engine_writes()
        found: dict[int, tuple[str, ...]] = {}
        for person_id in people:
            values = self._last_values(person_id)
            pairs = self._connection.execute(
                sa.select(pair).where(pair.c.person_id == person_id).order_by(pair.c.id)
            ).all()
            last = next((p for p in reversed(pairs) if p.sf_id), None)
            system: dict[str, Any] = {"id": person_id}
            if last is not None:
                alive = ending_of(last.object_name, Fate.LIVE)
                kind = synced_object(last.object_name).salesforce_type
                system |= {
                    "salesforce_id": last.sf_id,
                    "salesforce_type": kind,
                    "link_state": alive.link_state,
                }
            insert_rows(self._connection, self._catalogue, "person", [system], [values])
            self._connection.execute(
                pair.update()
                .where(pair.c.person_id == person_id, pair.c.former_state.is_not(None))
                .values(state=pair.c.former_state, former_state=None)
            )
            shown = {c: to_text(v) for c, v in values.items() if v is not None}
            self._connection.execute(
                change_log.insert().values(
                    person_id=person_id,
                    table_name="person",
                    new_value=json.dumps(shown, ensure_ascii=False),
                    side="ours",
                    actor=actor,
                    run_id=run_id,
                    at=self._now(),
                )
            )
            found[person_id] = tuple(str(p.sf_id) for p in pairs if p.sf_id)
        return found

    def _last_values(self, person_id: int) -> dict[str, Value]:
        """The values that went with the person, from the lines of its parts."""
        c = change_log.c
        lines = sa.select(c.old_value).where(
            c.person_id == person_id,
            c.table_name == "person",
            c.column_name.is_(None),
            c.old_value.is_not(None),
        )
        columns = self._catalogue.columns("person")
        parts = len(self._catalogue.parts("person"))
        values: dict[str, Value] = {}
        newest = self._connection.execute(lines.order_by(c.id.desc()).limit(parts)).scalars().all()
        for text in reversed(newest):
            for name, raw in json.loads(text).items():
                if name not in columns:
                    continue
                try:
                    values[name] = canonical(columns[name].kind, raw, columns[name].scale)
                except InvalidValue:
                    values[name] = None
        return values
