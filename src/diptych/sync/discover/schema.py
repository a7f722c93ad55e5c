"""Discovery: the org's objects as the sync user sees them now, compared with what we knew (S-41, D-12..D-18, R-13).

Each object is described at most every `describe_interval`, or when forced (the feed found a field missing). What is no
longer usable of a mapping is held: neither read nor written, its base kept, until a person decides.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as StrMap
from dataclasses import replace

from diptych.domain.mapping import Mapping, ObjectMapping, observe, usable
from diptych.domain.objects import synced_object
from diptych.domain.outcome import OrgRefused
from diptych.domain.schema import ObjectDescription, SchemaDifference, difference
from diptych.domain.values import instant_text, parse_instant
from diptych.sync.decision import Applied
from diptych.sync.drift import (
    add_notices,
    formulas_edited,
    held_fields,
    hold_changed,
    note_held,
    notices_of,
    read_waiting,
    without,
)
from diptych.sync.engine import Engine, described_at, forget_refreshed, schema_changed_at
from diptych.sync.ports import Lease, Transaction
from diptych.sync.report import FAILED, CycleReport, begin, note


def discover(
    engine: Engine, lease: Lease, report: CycleReport, mapping: Mapping, force: Collection[str] = ()
) -> None:
    """Bring `engine.usable` and `engine.schemas` up to date: per mapped object, what of its mapping can be used now. An object that the sync user
    does not see is left out of this cycle, with a failed step that says so."""
    for known in engine.objects:
        name = known.name
        object_mapping = mapping.of(name)
        if not object_mapping.fields:
            engine.usable.pop(name, None)
            continue
        with engine.store.transaction(lease) as tx:
            description = tx.schema(name)
            due = description is None or name in force or _is_due(engine, tx, name)
        if due:
            description = _describe(engine, lease, report, mapping, name, description)
        if description is None:
            engine.usable.pop(name, None)
            continue
        with engine.store.transaction(lease) as tx:
            engine.usable[name] = without(usable(object_mapping, description), read_waiting(tx, name))
            if due:
                note_held(tx, name, held_fields(object_mapping, engine.usable[name]), [], engine.clock.now())
        engine.schemas[name] = description


def _is_due(engine: Engine, tx: Transaction, name: str) -> bool:
    last = tx.setting(described_at(name))
    # a clock that was set back must not put discovery off for years
    return last is None or abs(engine.clock.now() - parse_instant(last)) >= engine.options.describe_interval


def _describe(
    engine: Engine,
    lease: Lease,
    report: CycleReport,
    mapping: Mapping,
    name: str,
    before: ObjectDescription | None,
) -> ObjectDescription | None:
    began = begin(engine)
    engine.budget.reserve("feed")
    try:
        after = engine.org.describe(name)
    except OrgRefused as problem:
        note(engine, lease, report, name, "Sync schema", Applied(), began, FAILED, str(problem), why=problem)
        return None
    changes = difference(before, after) if before is not None else SchemaDifference(name)
    samples = _samples(engine, mapping.of(name), changes)
    now = engine.clock.now()
    with engine.store.transaction(lease) as tx:
        if before != after:
            tx.save_schema(after, now)
            tx.save_setting(schema_changed_at(name), instant_text(now))
        tx.save_setting(described_at(name), instant_text(now))
        hold_changed(tx, changes, mapping.of(name))
        seen = without(usable(mapping.of(name), after), read_waiting(tx, name))
        held = held_fields(mapping.of(name), seen)
        notices = notices_of(changes, mapping.of(name), held, samples, now)
        add_notices(tx, notices)
        note_held(tx, name, held, notices, now)
        if before is not None and (edited := formulas_edited(before, after)):
            forget_refreshed(tx, name, edited)
    if not changes.empty:
        note(engine, lease, report, name, "Sync schema", Applied(), began, detail=_in_words(changes, held))
    return after


def _samples(engine: Engine, mapping: ObjectMapping, changes: SchemaDifference) -> dict[str, str]:
    """For each mapped field that seems to be renamed: in how many of some records the new one holds what we hold."""
    found = {}
    for old, new in changes.renamed.items():
        mapped = mapping.by_field.get(old)
        if mapped is None or not synced_object(mapping.object_name).two_way:
            continue
        with engine.store.transaction() as tx:
            ids = tx.live_ids(mapping.object_name, "", engine.options.batch)
        if not ids:
            continue
        engine.budget.reserve("feed")
        try:
            shown = engine.org.retrieve(mapping.object_name, ids, [new]).records
        except OrgRefused:
            continue
        as_new = replace(mapping, fields=(replace(mapped, field=new),))
        with engine.store.transaction() as tx:
            linked = tx.linked(as_new, ids)
        seen = {i: observe(as_new, r).values.get(mapped.column) for i, r in shown.items() if r is not None}
        pairs = [(value, linked[i].ours.get(mapped.column)) for i, value in seen.items() if i in linked]
        filled = [pair for pair in pairs if pair != (None, None)]
        same = sum(theirs == ours for theirs, ours in filled)
        found[old] = f"{same} of {len(filled)} values looked at are the same"
    return found


def _in_words(changes: SchemaDifference, held: StrMap[str, str]) -> str:
    parts = []
    if changes.added:
        parts.append("new: " + ", ".join(f.name for f in changes.added))
    if changes.removed:
        parts.append("gone: " + ", ".join(f.name for f in changes.removed))
    if changes.renamed:
        parts.append("renamed? " + ", ".join(f"{old} to {new}" for old, new in changes.renamed.items()))
    if changes.retyped:
        parts.append(
            "retyped: " + ", ".join(f"{r.name} ({r.before.type} to {r.after.type})" for r in changes.retyped)
        )
    if changes.relabelled:
        parts.append("relabelled: " + ", ".join(r.name for r in changes.relabelled))
    if changes.picklists:
        parts.append("picklist values changed: " + ", ".join(r.name for r in changes.picklists))
    if held:
        parts.append("held until you decide: " + "; ".join(held.values()))
    return "; ".join(parts)
