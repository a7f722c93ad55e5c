"""Undo of a run: looked at first, then carried out in slices that may be interrupted (decision 5: nothing is irreversible).

    look         people that the run touched, a slice at a time: history, pairs, and the live records in Salesforce
    decide       `domain/undo.py`: put back, or refused because somebody has gone on from there
    carry out    in one transaction a slice: values put back as edits of ours, people removed or brought back, how far it got

What is put back here is owed to Salesforce and goes out by write-back, with all its precautions. An undo is a run itself;
killed, it goes on after its last slice when it is asked for again, under the same run. Undoing that run puts back what it
replaced.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from diptych.domain.mapping import Direction, UsableMapping, observe, usable
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.outcome import OrgError
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.undo import Item, Person, Side, Target, Touch, actor_of, undo_person
from diptych.domain.values import Value
from diptych.sync.apply import apply_records
from diptych.sync.crashpoint import crashpoint
from diptych.sync.decision import Applied
from diptych.sync.engine import Engine
from diptych.sync.joining import RUN
from diptych.sync.ports import Lease, PairChange, Step, Transaction
from diptych.sync.repair import part
from diptych.sync.report import FAILED, INCOMPLETE, SUCCEEDED
from diptych.sync.trail import PairEvent, SentValue

SLICE = 200
OPERATION = "Undo"
_LIVE = (PairState.PAIRED, PairState.PARKED)
_ENDS = ("tombstoned", "redirected", "converted")


class NoSuchRun(LookupError):
    """There is no run of that number."""


@dataclass(frozen=True)
class Undone:
    """What undoing a run would do, or has done. `run_id` is the undo's own run (None: only looked at); `unfinished`: an
    earlier one was interrupted, and carrying this out goes on with it."""

    of: int
    kind: str
    run_id: int | None
    items: tuple[Item, ...]
    status: str = SUCCEEDED
    error: str | None = None
    unfinished: bool = False

    def count(self, action: str) -> int:
        return sum(item.action == action and item.does for item in self.items)

    @property
    def refused(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.refused is not None)


@dataclass(frozen=True)
class Wanted:
    """What to undo: a run, or of it one person, one column, or one column of one person."""

    run_id: int
    person_id: int | None = None
    column: str | None = None


@dataclass(frozen=True)
class _Seen:
    """One slice as read: people, and the live records of their pairs by object and id (None: the org does not show it)."""

    people: tuple[int, ...]
    records: Mapping[tuple[str, str], Record | None]


def look(engine: Engine, wanted: Wanted) -> Undone:
    """What undoing it would put back here, what would be written to Salesforce, and what is refused. Changes nothing.

    Raises NoSuchRun, and OrgError when Salesforce cannot be read.
    """
    kind = _kind(engine, wanted.run_id)
    if kind == RUN:
        return Undone(wanted.run_id, kind, None, part.look(engine.store, wanted.run_id, _whole(wanted)))
    _prepare(engine)
    items: list[Item] = []
    after = 0
    while (seen := _read(engine, None, wanted, after)).people:
        after = seen.people[-1]
        with engine.store.transaction() as tx:
            items += _decide(engine, tx, wanted, seen)
    with engine.store.transaction() as tx:
        unfinished = tx.setting(_progress(wanted)) is not None
    return Undone(wanted.run_id, kind, None, tuple(items), unfinished=unfinished)


def undo(engine: Engine, lease: Lease, wanted: Wanted) -> Undone:
    """Carry it out. What fails on the way is in the answer and in the ledger; asked for again, it goes on from there.

    Raises NoSuchRun, and LeaseLost when another engine has taken over.
    """
    kind = _kind(engine, wanted.run_id)
    if kind == RUN:
        return _take_apart(engine, lease, wanted, kind)
    _prepare(engine)
    engine.sync_user()
    with engine.store.transaction(lease) as tx:
        own, after = _begin(tx, wanted, engine.clock.now())
    items: list[Item] = []
    began, status, error = engine.clock.now(), SUCCEEDED, None
    try:
        while (seen := _read(engine, lease, wanted, after)).people:
            with engine.store.transaction(lease) as tx:
                decided = _decide(engine, tx, wanted, seen)
                _carry_out(engine, tx, wanted, own, decided, seen)
                crashpoint("C-31")
                after = seen.people[-1]
                tx.save_setting(_progress(wanted), json.dumps({"run": own, "after": after}))
            crashpoint("C-32")
            items += decided
    except OrgError as problem:
        status, error = FAILED if not items else INCOMPLETE, str(problem)
    done = Undone(wanted.run_id, kind, own, tuple(items), status, error)
    with engine.store.transaction(lease) as tx:
        tx.add_step(own, _step(done, began, engine.clock.now()))
        if status == SUCCEEDED:
            tx.save_setting(_progress(wanted), None)
            tx.close_run(own, status, engine.clock.now(), error)
    return done


def _whole(wanted: Wanted) -> int | None:
    """The person whose joins are meant; None: all of the run. Raises NoSuchRun for one value: a join is undone whole."""
    if wanted.column is not None:
        raise NoSuchRun(
            f"Run {wanted.run_id} joined people, which is undone by person or as a whole, not by column."
        )
    return wanted.person_id


def _take_apart(engine: Engine, lease: Lease, wanted: Wanted, kind: str) -> Undone:
    """Undo of a run that joined people: they are two again."""
    whole, began = _whole(wanted), engine.clock.now()
    with engine.store.transaction(lease) as tx:
        own = tx.open_run(actor_of(wanted.run_id), began)
    items = part.carry_out(engine.store, lease, wanted.run_id, own, whole, hold=lambda: engine.hold(lease))
    done = Undone(wanted.run_id, kind, own, items)
    with engine.store.transaction(lease) as tx:
        tx.add_step(own, _step(done, began, engine.clock.now()))
        tx.close_run(own, SUCCEEDED, engine.clock.now())
    return done


def _kind(engine: Engine, run_id: int) -> str:
    with engine.store.transaction() as tx:
        kind = tx.trail.run_kind(run_id)
    if kind is None:
        raise NoSuchRun(f"There is no run {run_id}.")
    return kind


def _progress(wanted: Wanted) -> str:
    """The setting that says how far this undo has got, and under which run."""
    return f"undo.{wanted.run_id}.{wanted.person_id or ''}.{wanted.column or ''}"


def _begin(tx: Transaction, wanted: Wanted, now: datetime) -> tuple[int, int]:
    held = tx.setting(_progress(wanted))
    if held is not None:
        known = json.loads(held)
        return int(known["run"]), int(known["after"])
    own = tx.open_run(actor_of(wanted.run_id), now)
    tx.save_setting(_progress(wanted), json.dumps({"run": own, "after": 0}))
    return own, 0


def _step(done: Undone, began: datetime, now: datetime) -> Step:
    return Step(
        "Person",
        OPERATION,
        done.status,
        began,
        now,
        new=done.count("bring_back") + done.count("split"),
        updated=done.count("restore"),
        deleted=done.count("remove"),
        skipped=len(done.refused),
        detail=done.error,
    )


# ---------------------------------------------------------------- reading


def _read(engine: Engine, lease: Lease | None, wanted: Wanted, after: int) -> _Seen:
    """The next slice of people, and their records as Salesforce shows them at this moment."""
    asked: dict[str, list[str]] = {}
    with engine.store.transaction(lease) as tx:
        people = _people(tx, wanted, after)
        mapping = tx.mapping()
        for name in _objects(engine):
            pairs = tx.trail.pairs_of(mapping.of(name), people)
            ids = [one.pair.sf_id for one in pairs if one.pair.sf_id and _worth_reading(one.pair.state)]
            if ids:
                asked[name] = ids
    records: dict[tuple[str, str], Record | None] = {}
    for name, ids in asked.items():
        fields = tuple(dict.fromkeys(m.field for m in engine.usable[name].mapping.fields))
        for start in range(0, len(ids), engine.options.batch):
            if lease is not None:
                engine.hold(lease)
            engine.budget.reserve("actions")
            some = ids[start : start + engine.options.batch]
            read = engine.org.retrieve(name, some, fields)
            records.update({(name, sf_id): read.records.get(sf_id) for sf_id in some})
    return _Seen(tuple(people), records)


def _people(tx: Transaction, wanted: Wanted, after: int) -> list[int]:
    if wanted.person_id is None:
        return tx.trail.touched_people(wanted.run_id, after, SLICE)
    one = tx.trail.touched_people(wanted.run_id, wanted.person_id - 1, 1) if after == 0 else []
    return one if one == [wanted.person_id] else []


def _objects(engine: Engine) -> Iterator[str]:
    return (known.name for known in engine.objects if known.two_way)


def _worth_reading(state: PairState) -> bool:
    return state in _LIVE or state is PairState.DETACHED  # detached: perhaps to be brought back


def _prepare(engine: Engine) -> None:
    """What of the mapping can be used with the objects as they were last described."""
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        for name in _objects(engine):
            description, full = tx.schema(name), mapping.of(name)
            engine.usable[name] = (
                usable(full, description) if description is not None else UsableMapping(full, {})
            )


# ---------------------------------------------------------------- deciding


def _decide(engine: Engine, tx: Transaction, wanted: Wanted, seen: _Seen) -> list[Item]:
    trail, mapping = tx.trail, tx.mapping()
    newest, arrived = trail.newest(seen.people), trail.arrived(wanted.run_id, seen.people)
    removed, present = trail.removed(wanted.run_id, seen.people), trail.present(seen.people)
    sent = _sent_by(trail.sent(seen.people))
    events = trail.events(seen.people)
    made = {e.pair_id for e in events if e.run_id == wanted.run_id and e.from_state == PairState.NEW.value}
    # what a creation sent replaced nothing: its before-image is no record, not a blank one
    touches = _by_person([t for t in trail.touches(wanted.run_id, seen.people) if t.pair_id not in made])
    pairs: dict[int, list[Linked]] = {}
    for name in _objects(engine):
        for linked in trail.pairs_of(mapping.of(name), seen.people):
            pairs.setdefault(linked.pair.person_id, []).append(linked)
    items: list[Item] = []
    for person_id in seen.people:
        mine = pairs.get(person_id, [])
        ours: dict[str, Value] = {}
        for linked in mine:
            ours.update(linked.ours)
        person = Person(
            person_id,
            ours if person_id in present else None,
            newest.get(person_id, {}),
            tuple(_target(engine, mapping, one, seen) for one in mine),
            tuple(touches.get(person_id, ())),
            person_id in arrived,
            person_id in removed,
            bool(sent.get(person_id)),
            _ended(events, person_id, wanted.run_id),
        )
        items += undo_person(person, wanted.run_id, wanted.column)
    return items


def _by_person(touches: Sequence[Touch]) -> dict[int, list[Touch]]:
    found: dict[int, list[Touch]] = {}
    for touch in sorted(touches, key=lambda t: (t.side is Side.THERE, t.line or 0)):
        found.setdefault(touch.person_id, []).append(touch)
    return found


def _sent_by(sent: Sequence[SentValue]) -> dict[int, list[SentValue]]:
    found: dict[int, list[SentValue]] = {}
    for one in sent:
        if one.outcome != "lifted":
            found.setdefault(one.person_id, []).append(one)
    return found


def _ended(events: Sequence[PairEvent], person_id: int, run_id: int) -> dict[str, str]:
    return {
        f"{e.object_name} {e.sf_id or ''}": _STATES.get(e.to_state, _MADE)
        for e in events
        if e.person_id == person_id
        and e.run_id == run_id
        and (
            e.to_state in _ENDS or (e.from_state, e.to_state) == (PairState.NEW.value, PairState.PAIRED.value)
        )
    }


_STATES = {
    "tombstoned": "was deleted in Salesforce in that run; an undo does not revive records there",
    "redirected": "was merged into another record in Salesforce in that run; an undo does not revive records there",
    "converted": "was converted in Salesforce in that run, which cannot be taken back there",
}
_MADE = "was created in Salesforce, or linked to, in that run; an undo deletes nothing there"


def _target(engine: Engine, mapping: FieldMappings, linked: Linked, seen: _Seen) -> Target:
    pair, name = linked.pair, linked.pair.object_name
    full, known = mapping.of(name), engine.usable[name]
    record = seen.records.get((name, pair.sf_id or ""))
    shown = observe(known.mapping, record) if record is not None else None
    closed = dict(known.held)
    for mapped in full.fields:
        if mapped.direction is Direction.INBOUND:
            closed[mapped.column] = f"{mapped.field} is mapped inbound only"
        elif mapped.column in known.read_only:
            closed[mapped.column] = f"the sync user may not edit {mapped.field}"
    return Target(
        pair.id,
        name,
        pair.sf_id or "",
        pair.state in _LIVE,
        pair.fenced,
        {m.column: m.field for m in full.fields},
        closed,
        shown.values if shown is not None else None,
        record.modified_by if record is not None else None,
        (record.modified_at or record.modstamp) if record is not None else None,
        record is None or (pair.seen_modstamp is not None and record.modstamp > pair.seen_modstamp),
    )


# ---------------------------------------------------------------- carrying out


def _carry_out(
    engine: Engine, tx: Transaction, wanted: Wanted, own: int, items: Sequence[Item], seen: _Seen
) -> None:
    actor = actor_of(wanted.run_id)
    values: dict[int, dict[str, Value]] = {}
    for item in items:
        if item.does and item.action == "restore" and item.column is not None:
            values.setdefault(item.person_id, {})[item.column] = item.becomes
    if values:
        tx.save(_edits(engine, tx, values, actor), own)
    remove = [item.person_id for item in items if item.does and item.action == "remove"]
    if remove:
        tx.trail.remove(remove, actor, own)
    back = [item.person_id for item in items if item.does and item.action == "bring_back"]
    if back:
        _bring_back(engine, tx, back, actor, own, seen)


def _edits(
    engine: Engine, tx: Transaction, values: Mapping[int, Mapping[str, Value]], actor: str
) -> list[PairChange]:
    """One edit a person: through whichever of its pairs, for base stays for all of them."""
    changes: dict[int, PairChange] = {}
    mapping = tx.mapping()
    for name in _objects(engine):
        columns = mapping.of(name).by_column
        for linked in tx.trail.pairs_of(mapping.of(name), list(values)):
            person_id = linked.pair.person_id
            mine = {c: v for c, v in values[person_id].items() if c in columns}
            before = changes.get(person_id)
            if before is None:
                changes[person_id] = PairChange(linked.pair.id, person_id, ours=mine, edited_by=actor)
            else:
                changes[person_id] = replace(before, ours={**before.ours, **mine})
    return list(changes.values())


def _bring_back(
    engine: Engine,
    tx: Transaction,
    people: Sequence[int],
    actor: str,
    own: int,
    seen: _Seen,
) -> Applied:
    """People as they were when they went; then what has changed in Salesforce since is taken in."""
    ids = {sf_id for some in tx.trail.bring_back(people, actor, own).values() for sf_id in some}
    total = Applied()
    for name in _objects(engine):
        shown = [
            r for (of, sf_id), r in seen.records.items() if of == name and r is not None and sf_id in ids
        ]
        if shown:
            total += apply_records(tx, engine.usable[name].mapping, shown, engine.terms(own))
    return total
