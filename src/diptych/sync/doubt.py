"""Values that seem to have been lost in Salesforce, and whether to believe it (R-13, I-16).

When an administrator cuts a text field or changes its type, values become shorter or blank: without a new modstamp, and past
recall. A user may have done the same, and that is taken over. The difference is in the description of the object, and only
one that was read after the values can tell. So before values of a custom field are taken over that are blank, or the beginning of
ours, the object is described anew: a field that was changed is held, and what was read of it is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from diptych.domain.mapping import ObjectMapping, observe
from diptych.domain.objects import synced_object
from diptych.domain.pair import PairState, Record
from diptych.domain.values import Value
from diptych.sync.engine import Engine


def believed(engine: Engine, mapping: ObjectMapping, records: Sequence[Record]) -> ObjectMapping:
    """`mapping` without the fields whose values in these records are not to be taken over. One call (a describe) when any value
    seems to be lost, none otherwise; call it outside of a transaction."""
    doubted = _lost(engine, mapping, records)
    if not doubted:
        return mapping
    if engine.look_again is None:  # nobody can be asked: what is unknown is not taken
        return replace(mapping, fields=tuple(m for m in mapping.fields if m.column not in doubted))
    engine.look_again(mapping.object_name)
    usable = engine.usable.get(mapping.object_name)
    now = usable.mapping.by_field if usable is not None else {}
    return replace(mapping, fields=tuple(m for m in mapping.fields if m.field in now))


def _lost(engine: Engine, mapping: ObjectMapping, records: Sequence[Record]) -> set[str]:
    """Columns of custom fields of which a value of ours would become blank or shorter."""
    description = engine.schemas.get(mapping.object_name)
    described = description.fields if description is not None else {}
    fields = tuple(
        m
        for m in mapping.fields
        if m.field.endswith("__c")
        and "." not in m.field
        and not (described[m.field].calculated if m.field in described else m.calculated)
    )
    live = [record for record in records if not record.deleted]
    if not fields or not live:
        return set()
    narrow = replace(mapping, fields=fields)
    seen = {record.sf_id: observe(narrow, record).values for record in live}
    held = _ours(engine, narrow, list(seen))
    return {
        column
        for sf_id, values in seen.items()
        for column, theirs in values.items()
        if _is_less(held.get(sf_id, {}).get(column), theirs)
    }


def _ours(engine: Engine, mapping: ObjectMapping, ids: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
    with engine.store.transaction() as tx:
        if not synced_object(mapping.object_name).two_way:
            return tx.mirrored(mapping, ids)
        found = tx.linked(mapping, ids)
    return {
        sf_id: {c: v for c, v in one.ours.items() if c not in one.dirty}
        for sf_id, one in found.items()
        if one.pair.state is not PairState.DETACHED
    }


def _is_less(ours: Value, theirs: Value) -> bool:
    if ours is None or ours is False or theirs == ours:
        return False
    if theirs is None:
        return True
    return isinstance(ours, str) and isinstance(theirs, str) and ours.startswith(theirs)
