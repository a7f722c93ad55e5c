"""Values that come along a relationship, such as a contact's `Account.Name`: when the account changes, Salesforce moves the
account's modstamp and not the contact's, so the feed of contacts would never show it.

So the page that brings the account also notes, in the same transaction, that the records pointing at it are to be read
again (setting `reread.<object>.<reference>`); after the feed they are, some hundred a call, and come through `apply` like any
other observation. Killed in between, the note is still there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from diptych.domain.mapping import ObjectMapping, observe
from diptych.domain.pair import Record
from diptych.domain.schema import ObjectDescription
from diptych.sync.apply import Applied, apply_records
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
    """The relationships that this mapping follows, as far as the reference itself is mapped too."""
    watched: dict[str, list[str]] = {}
    for mapped in mapping.fields:
        if "." in mapped.field:
            relation, rest = mapped.field.split(".", 1)
            watched.setdefault(relation, []).append(rest)
    found = []
    for described in description.fields.values() if description is not None and watched else ():
        mapped_reference = mapping.by_field.get(described.name)
        if described.relationship_name in watched and described.reference_to and mapped_reference is not None:
            fields = tuple(watched[described.relationship_name])
            found.append(
                Path(mapping.object_name, described.reference_to[0], mapped_reference.column, fields)
            )
    return found


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
    columns = [parent.by_field[name].column for name in path.watched if name in parent.by_field]
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
            shown = engine.org.retrieve(mapping.object_name, ids, fields).records.values()
            with engine.store.transaction(lease) as tx:
                terms = engine.terms(report.run_id)
                total += apply_records(tx, mapping, [r for r in shown if r is not None], terms)
            after = ids[-1]
        status = INCOMPLETE if parents else SUCCEEDED
        detail = f"{len(parents)} changed {path.parent} records to go" if parents else None
        note(engine, lease, report, mapping.object_name, "Pull updates", total, began, status, detail)


def _pending(tx: Transaction, path: Path) -> list[str]:
    return list(json.loads(tx.setting(path.setting) or "[]"))
