"""Notices of schema drift: what an administrator changed in the org, when we saw it, and what we do about it (D-12..D-18, R-13).

A list in the setting `schema_notices`, newest last. Nothing of a change is taken over unasked: a field that is gone, hidden,
retyped or cut is held - neither read nor written, its base kept - until it is usable again or a person accepts it. What was
accepted, or has come back, is filled by a backfill.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from diptych.domain.mapping import ObjectMapping, UsableMapping
from diptych.domain.schema import FieldDescription, ObjectDescription, Retyped, SchemaDifference
from diptych.domain.values import instant_text
from diptych.sync.ports import Transaction

NOTICES = "schema_notices"
_KEPT = 500


@dataclass(frozen=True)
class Notice:
    """One change of one field. `change`: added, removed, renamed, retyped, cut, lengthened, relabelled, picklist, held or
    usable again; `held`: why the field is not synced now; `remedy`: what a person can do, one line."""

    at: str
    object_name: str
    field: str
    change: str
    before: str | None = None
    after: str | None = None
    held: str | None = None
    remedy: str | None = None


def read_notices(tx: Transaction) -> list[Notice]:
    """All that are kept, oldest first."""
    return [Notice(**one) for one in json.loads(tx.setting(NOTICES) or "[]")]


def add_notices(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Append to the list; the oldest of more than 500 are dropped."""
    if notices:
        kept = [asdict(one) for one in (*read_notices(tx), *notices)]
        tx.save_setting(NOTICES, json.dumps(kept[-_KEPT:], ensure_ascii=False))


def notices_of(
    changes: SchemaDifference,
    mapping: ObjectMapping,
    held: Mapping[str, str],
    samples: Mapping[str, str],
    at: datetime,
) -> list[Notice]:
    """One difference in the words of the list. `held`: by field; `samples`: for a renamed field, how alike its values are."""
    name, when = changes.object_name, instant_text(at)
    found = []
    for old in changes.removed:
        new, mapped = changes.renamed.get(old.name), old.name in mapping.by_field
        if new is not None:
            sure = f" ({samples[old.name]})" if old.name in samples else ""
            remedy = f"if so: diptych fields renamed {name}.{old.name} {name}.{new}" if mapped else None
            found.append(
                Notice(when, name, old.name, "renamed", old.name, new + sure, held.get(old.name), remedy)
            )
        else:
            remedy = f"give it back, or: diptych fields deselect {name}.{old.name}" if mapped else None
            found.append(
                Notice(when, name, old.name, "removed", _type(old), None, held.get(old.name), remedy)
            )
    came_by_renaming = set(changes.renamed.values())
    for new_field in changes.added:
        if new_field.name not in came_by_renaming:
            remedy = f"to sync it: diptych fields select {name}.{new_field.name}"
            found.append(Notice(when, name, new_field.name, "added", None, _type(new_field), None, remedy))
    for pair in changes.retyped:
        why = held.get(pair.name)
        remedy = f"to take it over as it is now: diptych schema --accept {name}.{pair.name}" if why else None
        found.append(
            Notice(when, name, pair.name, _kind(pair), _type(pair.before), _type(pair.after), why, remedy)
        )
    for pair in changes.relabelled:
        found.append(Notice(when, name, pair.name, "relabelled", pair.before.label, pair.after.label))
    for pair in changes.picklists:
        gone = [v for v in pair.before.picklist if v not in pair.after.picklist]
        came = [v for v in pair.after.picklist if v not in pair.before.picklist]
        remedy = "values held here that are gone are parked when they are sent" if gone else None
        found.append(
            Notice(when, name, pair.name, "picklist", _listed("-", gone), _listed("+", came), None, remedy)
        )
    return found


def _kind(pair: Retyped) -> str:
    if pair.before.type != pair.after.type:
        return "retyped"
    return "cut" if _is_cut(pair) else "lengthened"


def _is_cut(pair: Retyped) -> bool:
    before, after = pair.before, pair.after
    return (after.length, after.scale, after.precision) < (before.length, before.scale, before.precision) or (
        after.length < before.length or after.scale < before.scale
    )


def _type(f: FieldDescription) -> str:
    size = f.length or (f"{f.precision},{f.scale}" if f.precision else "")
    return f"{f.type}({size})" if size else f.type


def _listed(sign: str, values: Sequence[str]) -> str | None:
    return ", ".join(f"{sign}{v}" for v in values) or None


# ---------------------------------------------------------------- what is held until a person accepts it


def waiting(object_name: str) -> str:
    """The setting with the fields that are held until a person accepts them: field -> why (JSON)."""
    return f"schema_waiting.{object_name}"


def read_waiting(tx: Transaction, object_name: str) -> dict[str, str]:
    """Fields that are held until a person accepts them, with the reason."""
    return dict(json.loads(tx.setting(waiting(object_name)) or "{}"))


def hold_changed(tx: Transaction, changes: SchemaDifference, mapping: ObjectMapping) -> None:
    """Hold mapped fields whose type was changed or whose size was cut: either may have cost values in Salesforce, without a new
    modstamp and past recall, and those must not be taken for edits."""
    why = read_waiting(tx, changes.object_name)
    for pair in changes.retyped:
        if pair.name not in mapping.by_field or pair.before.calculated:
            continue
        if pair.before.type != pair.after.type:
            why[pair.name] = f"{pair.name} was {_type(pair.before)} and has become {_type(pair.after)}"
        elif _is_cut(pair):
            why[pair.name] = f"{pair.name} was cut from {_type(pair.before)} to {_type(pair.after)}"
    if why:
        tx.save_setting(waiting(changes.object_name), json.dumps(why))


def accept(tx: Transaction, object_name: str, field: str) -> bool:
    """A person takes the field as it is now: it is synced again, and filled by a backfill. False when it was not held so."""
    why = read_waiting(tx, object_name)
    if why.pop(field, None) is None:
        return False
    tx.save_setting(waiting(object_name), json.dumps(why) if why else None)
    return True


def without(usable: UsableMapping, why: Mapping[str, str]) -> UsableMapping:
    """`usable` less the fields that wait for a person."""
    if not why:
        return usable
    kept = tuple(m for m in usable.mapping.fields if m.field not in why)
    held = {m.column: why[m.field] for m in usable.mapping.fields if m.field in why}
    return replace(usable, mapping=replace(usable.mapping, fields=kept), held={**usable.held, **held})


def held_fields(mapping: ObjectMapping, usable: UsableMapping) -> dict[str, str]:
    """Why each held field is held, by API name."""
    return {mapping.by_column[c].field: why for c, why in usable.held.items() if c in mapping.by_column}


def note_held(
    tx: Transaction, object_name: str, held: Mapping[str, str], told: Sequence[Notice], at: datetime
) -> None:
    """Notices for fields that have become held, or usable again, without a difference that says so (hidden before the first
    look, say); and what has been held is to be filled when it is usable again."""
    key = f"schema_held.{object_name}"
    before: dict[str, str] = json.loads(tx.setting(key) or "{}")
    if before == dict(held):
        return
    named = {one.field for one in told}
    when = instant_text(at)
    notices = [
        Notice(when, object_name, f, "held", held=why)
        for f, why in held.items()
        if f not in before and f not in named
    ]
    notices += [
        Notice(when, object_name, f, "usable again", remedy="its values are filled by a backfill")
        for f in before
        if f not in held
    ]
    add_notices(tx, notices)
    tx.save_setting(key, json.dumps(dict(held)) if held else None)
    progress = tx.snapshot(object_name)
    if progress is not None and progress.state == "complete" and set(held) & set(progress.fields):
        tx.save_snapshot(replace(progress, fields=tuple(f for f in progress.fields if f not in held)))


def held_now(tx: Transaction, object_name: str) -> dict[str, str]:
    """Fields that are not synced now although they are mapped, with the reason, as of the last look."""
    return dict(json.loads(tx.setting(f"schema_held.{object_name}") or "{}"))


def formulas_edited(before: ObjectDescription, after: ObjectDescription) -> list[str]:
    """Calculated fields whose formula has changed: their values have, without any new modstamp."""
    return [
        name
        for name, f in after.fields.items()
        if name in before.fields and before.fields[name].formula and before.fields[name].formula != f.formula
    ]
