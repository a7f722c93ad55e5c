"""Values that come along a relationship, such as a contact's `Account.Name`: when the account changes, Salesforce moves the
account's modstamp and not the contact's, so the feed of contacts would never show it. The same holds for a formula of the
contact that names a field of the account.

So the page that brings the account also notes, in the same transaction, that the records pointing at it are to be read
again (setting `reread.<object>.<reference>`); after the feed they are, some hundred a call, and come through `apply` like any
other observation. Killed in between, the note is still there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from diptych.domain.mapping import ObjectMapping, observe
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.pair import Record
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.sync.apply import apply_records
from diptych.sync.decision import Applied
from diptych.sync.doubt import believed
from diptych.sync.engine import Engine
from diptych.sync.ports import Lease, Transaction
from diptych.sync.report import INCOMPLETE, SUCCEEDED, CycleReport, begin, note


@dataclass(frozen=True)
class Path:
    """One relationship that mapped fields of an object follow. `reference` is our column with the id of the parent; `watched`
    are the parent's fields that are followed."""

    object_name: str
    parent: str
    reference: str
    watched: tuple[str, ...]

    @property
    def setting(self) -> str:
        return f"reread.{self.object_name}.{self.reference}"


def paths_of(mapping: ObjectMapping, description: ObjectDescription | None) -> list[Path]:
    """The relationships that this mapping follows, as far as the reference itself is mapped too: named in a mapped path
    (`Account.Name`), or in the formula of a mapped field."""
    watched: dict[str, dict[str, None]] = {}
    for mapped in mapping.fields:
        formula = described_formula(description, mapped.field)
        for relation, rest in [mapped.field.split(".", 1)] if "." in mapped.field else _STEP.findall(formula):
            watched.setdefault(relation.lower(), {})[rest] = None
    found = []
    for described in description.fields.values() if description is not None and watched else ():
        mapped_reference = mapping.by_field.get(described.name)
        fields = watched.get((described.relationship_name or "").lower())
        if fields is None or mapped_reference is None:
            continue
        # an owner is a queue or a user, say: whichever of them are synced are watched
        for parent in described.reference_to if len(described.reference_to) < 2 else _synced(described):
            found.append(Path(mapping.object_name, parent, mapped_reference.column, tuple(fields)))
    return found


_STEP = re.compile(r"\b([A-Za-z]\w*)\.([A-Za-z]\w*)\b", re.ASCII)


def described_formula(description: ObjectDescription | None, field: str) -> str:
    """The formula of a calculated field; empty for any other."""
    described = description.fields.get(field) if description is not None else None
    return (described.formula or "") if described is not None else ""


def _synced(described: FieldDescription) -> list[str]:
    return [known.name for known in SYNCED_OBJECTS if known.name in described.reference_to]


def note_changed(
    tx: Transaction, paths: Sequence[Path], parent: ObjectMapping, records: Sequence[Record]
) -> None:
    """Note which parents are about to change in a followed field; call it before they are applied."""
    for path in paths:
        if path.parent != parent.object_name:
            continue
        changed = _changed(tx, path, parent, records)
        if changed:
            pending = _pending(tx, path)
            tx.save_setting(
                path.setting, json.dumps([*pending, *(i for i in changed if i not in set(pending))])
            )


def _changed(tx: Transaction, path: Path, parent: ObjectMapping, records: Sequence[Record]) -> list[str]:
    names = {name.lower() for name in path.watched}
    columns = [mapped.column for mapped in parent.fields if mapped.field.lower() in names]
    before = tx.mirrored(parent, [record.sf_id for record in records])
    found: dict[str, None] = {}
    for record in records:
        held, seen = before.get(record.sf_id), observe(parent, record).values
        if held is not None and any(c in seen and seen[c] != held.get(c) for c in columns):
            found[record.sf_id] = None
    return list(found)


def reread(
    engine: Engine, lease: Lease, report: CycleReport, mapping: ObjectMapping, paths: Sequence[Path]
) -> None:
    """Read again the records that point at changed parents; a bounded number of calls a cycle."""
    fields = tuple(dict.fromkeys(m.field for m in mapping.fields))
    calls = engine.options.feed_pages
    for path in paths:
        began, total, after = begin(engine), Applied(), ""
        with engine.store.transaction(lease) as tx:
            parents = _pending(tx, path)
        while parents and calls > 0:
            some = parents[: engine.options.batch]
            with engine.store.transaction(lease) as tx:
                ids = tx.related(mapping, path.reference, some, after, engine.options.batch)
            if not ids:
                with engine.store.transaction(lease) as tx:
                    parents = [one for one in _pending(tx, path) if one not in set(some)]
                    tx.save_setting(path.setting, json.dumps(parents) if parents else None)
                after = ""
                continue
            engine.hold(lease)
            engine.budget.reserve("feed")
            calls -= 1
            read = engine.org.retrieve(mapping.object_name, ids, fields).records.values()
            shown = [record for record in read if record is not None]
            mapping, terms = believed(engine, mapping, shown), engine.terms(report.run_id)
            with engine.store.transaction(lease) as tx:
                total += apply_records(tx, mapping, shown, terms)
            after = ids[-1]
        status = INCOMPLETE if parents else SUCCEEDED
        detail = f"{len(parents)} changed {path.parent} records to go" if parents else None
        note(engine, lease, report, mapping.object_name, "Pull updates", total, began, status, detail)


def _pending(tx: Transaction, path: Path) -> list[str]:
    return list(json.loads(tx.setting(path.setting) or "[]"))
