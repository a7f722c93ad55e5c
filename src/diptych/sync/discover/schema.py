"""Discovery: the org's objects as the sync user sees them now, compared with what we knew (S-41, D-12..D-18, R-13).

Each object is described at most every `describe_interval`, or when forced (the feed found a field missing). What is no
longer usable of a mapping is held: neither read nor written, its base kept, until a person decides.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from diptych.domain.mapping import Mapping, usable
from diptych.domain.outcome import OrgRefused
from diptych.domain.schema import ObjectDescription, SchemaDifference, difference
from diptych.domain.values import instant_text, parse_instant
from diptych.sync.apply import Applied
from diptych.sync.engine import Engine, described_at
from diptych.sync.ports import Lease, Transaction
from diptych.sync.report import FAILED, CycleReport, begin, note


def drift(object_name: str) -> str:
    """The setting with the last difference found, as JSON: added, removed, renamed, retyped, held."""
    return f"schema_drift.{object_name}"


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
        else:
            engine.usable[name] = usable(object_mapping, description)
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
        note(engine, lease, report, name, "Sync schema", Applied(), began, FAILED, str(problem))
        return None
    changes = difference(before, after) if before is not None else SchemaDifference(name)
    held = usable(mapping.of(name), after).held
    now = engine.clock.now()
    with engine.store.transaction(lease) as tx:
        if before != after:
            tx.save_schema(after, now)
        tx.save_setting(described_at(name), instant_text(now))
        if not changes.empty or (held and tx.setting(drift(name)) is None):
            tx.save_setting(drift(name), _as_json(changes, held))
    if not changes.empty:
        note(engine, lease, report, name, "Sync schema", Applied(), began, detail=_in_words(changes, held))
    return after


def _as_json(changes: SchemaDifference, held: dict[str, str]) -> str:
    return json.dumps(
        {
            "added": [f.name for f in changes.added],
            "removed": [f.name for f in changes.removed],
            "renamed": dict(changes.renamed),
            "retyped": [
                {"field": r.name, "before": r.before.type, "after": r.after.type} for r in changes.retyped
            ],
            "relabelled": [r.name for r in changes.relabelled],
            "picklists": [r.name for r in changes.picklists],
            "held": held,
        }
    )


def _in_words(changes: SchemaDifference, held: dict[str, str]) -> str:
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
