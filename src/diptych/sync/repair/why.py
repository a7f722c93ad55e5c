"""Why: gathers from history, conflict log, dead letters, ledger and the live org what `domain/why.py` puts in order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from diptych.domain.creating import Creation, Wish
from diptych.domain.mapping import ObjectMapping, UsableMapping, observe, usable
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.outcome import OrgError
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.policies import is_anothers
from diptych.domain.values import Value, full_id
from diptych.domain.why import Cause, Facts, PairNow, causes, holds, rules, whereabouts
from diptych.sync.engine import Engine
from diptych.sync.ports import SnapshotProgress, Transaction
from diptych.sync.repair.reconcile import where_is

_PREFIXES = {"00Q": "Lead", "003": "Contact", "001": "Account", "005": "User"}
_ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")


@dataclass(frozen=True)
class RecordNow:
    """One Salesforce record of the person: its value now (`shown` False: not read, or not visible), and what holds it."""

    object_name: str
    sf_id: str
    state: str
    field: str | None
    shown: bool
    theirs: Value
    holds: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """Why one person is here as it is, or is not here. `column` None: about the person. `missing`: why there is nobody.
    `unread`: Salesforce could not be asked, and why."""

    asked: str
    person_id: int | None
    column: str | None = None
    ours: Value = None
    records: tuple[RecordNow, ...] = ()
    causes: tuple[Cause, ...] = ()
    missing: tuple[str, ...] = ()
    unread: str | None = None


def why(engine: Engine, asked: str, column: str | None = None, live: bool = True) -> list[Answer]:
    """The answer for a person id, a Salesforce id or an e-mail address (which several people may have). Changes nothing.

    `live` False: Salesforce is not asked. Raises KeyError for a column that no object maps.
    """
    asked = asked.strip()
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        if column is not None and column not in mapping.columns("person"):
            raise KeyError(column)
        people, sf_id = _found(tx, asked)
    if not people:
        return [_nobody(engine, asked, sf_id, live)]
    return [_person(engine, asked, person_id, column, live) for person_id in people]


def _found(tx: Transaction, asked: str) -> tuple[list[int], str | None]:
    """People meant by `asked`, those who are gone included; and the Salesforce id, where it is one."""
    if asked.isascii() and asked.isdecimal() and len(asked) < 15:
        number = tx.actions.now_id(int(asked))
        return ([number] if tx.trail.known(number) else []), None
    if "@" in asked:
        return tx.trail.people_by_email(asked), None
    if _ID.fullmatch(asked):
        sf_id = full_id(asked)
        return tx.trail.people_by_record(sf_id), sf_id
    return [], None


# ---------------------------------------------------------------- somebody


def _person(engine: Engine, asked: str, person_id: int, column: str | None, live: bool) -> Answer:
    pairs: list[tuple[Linked, ObjectMapping, UsableMapping]] = []
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        here = bool(tx.trail.present([person_id]))
        facts = tx.trail.facts(person_id)
        saved, creation = tx.trail.mapping_saved(mapping.version), tx.creation(person_id)
        for known in (o for o in SYNCED_OBJECTS if o.two_way):
            full, description = mapping.of(known.name), tx.schema(known.name)
            if not full.fields:
                continue
            use = usable(full, description) if description is not None else UsableMapping(full, {})
            pairs += [(linked, full, use) for linked in tx.trail.pairs_of(full, [person_id])]
    records, unread = _live(engine, pairs) if live else ({}, None)
    shown, found_rules = [], []
    ours: Value = None
    for linked, full, use in pairs:
        mapped = full.by_column.get(column) if column else None
        record = records.get(linked.pair.sf_id or "")
        now = PairNow(
            linked,
            mapped,
            observe(use.mapping, record).values if record is not None else None,
            live and unread is None,
            use.held.get(column) if column else None,
            column in use.read_only if column else False,
        )
        ours = linked.ours.get(column) if column and column in linked.ours else ours
        told = _record(now, column, facts, full)
        if record is None and now.asked and linked.pair.sf_id in records:
            told = replace(told, holds=(*told.holds, *_gone(engine, linked)))
        shown.append(told)
        if mapped is not None:
            found_rules.append(rules(mapped, mapping.version, saved))
    missing = (
        _not_there(creation, bool(pairs)) if here else ("This person was deleted here; see the causes.",)
    )
    chain = causes(facts, column, found_rules)
    return Answer(asked, person_id, column, ours, tuple(shown), tuple(chain), missing, unread)


def _not_there(creation: Creation | None, paired: bool) -> tuple[str, ...]:
    """Why a person who is here has no record in Salesforce; nothing when there is one."""
    if creation is not None:
        lacking = f" Lacking: {', '.join(creation.fields)}." if creation.fields else ""
        return (f"Not in Salesforce: {_WISHES[creation.wish]} {creation.reason}".strip() + lacking,)
    if paired:
        return ()
    return (
        "This person is only here: nobody asked for a record in Salesforce, and the next sync creates one only if the "
        "create rule names the person (diptych create-rule).",
    )


_WISHES = {
    Wish.ASKED: "asked for by hand; the next sync creates or links it.",
    Wish.WAITING: "waiting for data.",
    Wish.REVIEW: "held for review (diptych review).",
    Wish.LINK: "to be linked by the next sync.",
    Wish.CREATE: "to be created by the next sync.",
    Wish.DISMISSED: "somebody decided that it is not to be created.",
}


def _live(
    engine: Engine, pairs: Sequence[tuple[Linked, ObjectMapping, UsableMapping]]
) -> tuple[dict[str, Record | None], str | None]:
    found: dict[str, Record | None] = {}
    for linked, _, use in pairs:
        sf_id, name = linked.pair.sf_id, linked.pair.object_name
        if not sf_id:
            continue
        try:
            engine.budget.reserve("actions")
            fields = tuple(dict.fromkeys(m.field for m in use.mapping.fields))
            found.update(engine.org.retrieve(name, [sf_id], fields).records)
        except OrgError as problem:
            return found, str(problem)
    return found, None


def _gone(engine: Engine, linked: Linked) -> tuple[str, ...]:
    """What has become of a record that is not shown, as far as the org tells."""
    name, sf_id = linked.pair.object_name, linked.pair.sf_id or ""
    if linked.pair.state is PairState.DETACHED:
        return ()
    try:
        where, record = where_is(engine, name, sf_id, "actions")
    except OrgError as problem:
        return (f"What has become of it could not be asked: {problem}",)
    return (f"{name} {sf_id} {whereabouts(where, record)}",)


def _record(now: PairNow, column: str | None, facts: Facts, full: ObjectMapping) -> RecordNow:
    pair = now.linked.pair
    held = holds(now, column, facts.letters) if column is not None else _all_holds(now, facts, full)
    return RecordNow(
        pair.object_name,
        pair.sf_id or "",
        pair.state.value,
        now.mapped.field if now.mapped else None,
        now.theirs is not None,
        now.theirs.get(column) if column and now.theirs is not None else None,
        tuple(held),
    )


def _all_holds(now: PairNow, facts: Facts, full: ObjectMapping) -> list[str]:
    """Without a column: what holds the record, then what holds each value that Salesforce does not have."""
    pair = now.linked.pair
    waiting = [
        c
        for c, v in now.linked.dirty.items()
        if not is_anothers(full.by_column[c], v, now.linked.standing.get(c))
    ]
    if pair.state is PairState.HIDDEN and waiting:
        return [*holds(now, "", ()), f"Edits that wait for it: {', '.join(waiting)}."]
    if pair.state not in (PairState.PAIRED, PairState.PARKED):
        return holds(now, "", ())
    if now.asked and now.theirs is None:
        return [
            f"{pair.object_name} {pair.sf_id} is not visible to the sync user now (deleted, or hidden by sharing)."
        ]
    return [
        f"{name}: {held}"
        for name in now.linked.dirty
        for held in holds(replace(now, mapped=full.by_column[name]), name, facts.letters)
    ]


# ---------------------------------------------------------------- nobody


def _nobody(engine: Engine, asked: str, sf_id: str | None, live: bool) -> Answer:
    reasons: list[str] = []
    unread = None
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        loads = {o.name: tx.snapshot(o.name) for o in SYNCED_OBJECTS if mapping.of(o.name).fields}
        reasons += [
            f"Person {n} had this address, until {at:%Y-%m-%d %H:%M} UTC."
            for n, at in tx.trail.had_email(asked)
        ]
    if sf_id is None:
        if asked.isdecimal():
            reasons.append(f"There was never a person {asked} here.")
        reasons += _unloaded(loads)
        if "@" in asked:
            reasons.append(
                "Nobody has this address here. If Salesforce has, ask with the record's Salesforce id: that one is looked "
                "up there."
            )
        elif not asked.isdecimal():
            reasons.append("That is no person id, Salesforce id or e-mail address.")
        return Answer(asked, None, missing=tuple(reasons))
    name = _PREFIXES.get(sf_id[:3])
    if name is None:
        return Answer(
            asked, None, missing=(*reasons, f"Objects whose ids begin with {sf_id[:3]} are not synced.")
        )
    if name not in loads:
        return Answer(
            asked, None, missing=(*reasons, f"No field of {name} is mapped, so no {name} is synced.")
        )
    load = loads[name]
    reasons += _unloaded({name: load})
    if live:
        reason, unread = _look_up(engine, name, sf_id, load is not None and load.state == "complete")
        reasons += reason
    if not reasons:
        reasons.append(f"{name} {sf_id} was never seen here.")
    return Answer(asked, None, missing=tuple(reasons), unread=unread)


def _unloaded(loads: Mapping[str, SnapshotProgress | None]) -> list[str]:
    found = []
    for name, load in loads.items():
        if load is None:
            found.append(f"The initial load of {name} has not begun.")
        elif load.state != "complete":
            trouble = f": {load.error}" if load.error else ""
            found.append(
                f"The initial load of {name} is not complete ({load.state}, {load.rows_applied:,} rows so far{trouble})."
            )
    return found


def _look_up(engine: Engine, name: str, sf_id: str, loaded: bool) -> tuple[list[str], str | None]:
    """What the org says of the record at this moment."""
    try:
        engine.budget.reserve("actions")
        record = engine.org.retrieve(name, [sf_id], ("Id",)).records.get(sf_id)
        if record is None:
            where, kept = where_is(engine, name, sf_id, "actions")
    except OrgError as problem:
        return [], str(problem)
    if record is None:
        return [
            f"Salesforce does not show {name} {sf_id} to the sync user.",
            f"{name} {sf_id} {whereabouts(where, kept)}",
        ], None
    if not loaded:
        return [f"{name} {sf_id} is visible in Salesforce and comes with the initial load."], None
    at = f"{record.modstamp:%Y-%m-%d %H:%M:%S} UTC"
    return [
        f"{name} {sf_id} is visible in Salesforce (last changed {at}) and comes with the next sync; if it stays away, run "
        "diptych verify --repair."
    ], None
