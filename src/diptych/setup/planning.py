"""Asking the org for what a plan needs: counts, a few sample records, the calls that are left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.outcome import OrgError
from diptych.domain.pair import Record
from diptych.domain.plan import Plan, Sample, plan_object, plan_sync
from diptych.domain.values import InvalidValue, Value, canonical
from diptych.sync.ports import FeedRead, Org

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def make_plan(
    org: Org, current: Mappings, wanted: Mappings, page_rows: int, pause_seconds: float, samples: int
) -> Plan:
    """The plan for the mapping `wanted`, of which `current` exists already. About one call an object, one for samples."""
    shown = _samples(org, wanted, samples) if samples else {}
    objects = []
    for known in SYNCED_OBJECTS:
        mapped = wanted.of(known.name)
        if not mapped.fields:
            continue
        there = current.columns(known.table)
        try:
            rows: int | None = org.count(known.name)
        except OrgError:  # the plan is an estimate; a count that is refused leaves a gap in it
            rows = None
        objects.append(
            plan_object(
                known.name,
                known.label_plural,
                known.table,
                rows,
                len(mapped.fields),
                tuple(column for column in mapped.by_column if column not in there),
                page_rows,
                shown.get(known.name, ()),
            )
        )
    usage = org.usage()
    left = None if usage.used is None or usage.allowed is None else max(0, usage.allowed - usage.used)
    return plan_sync(tuple(objects), pause_seconds, left, usage.allowed)


def _samples(org: Org, wanted: Mappings, number: int) -> Mapping[str, tuple[Sample, ...]]:
    mapped = [wanted.of(o.name) for o in SYNCED_OBJECTS if o.two_way and wanted.of(o.name).fields]
    reads = [
        FeedRead(m.object_name, tuple(f.field for f in m.fields), _LONG_AGO, limit=number) for m in mapped
    ]
    try:
        pages = org.changed(reads)
    except OrgError:
        return {}
    return {
        m.object_name: tuple(_sample(m, record) for record in page.records[:number])
        for m, page in zip(mapped, pages, strict=True)
    }


def _sample(mapped: ObjectMapping, record: Record) -> Sample:
    after: dict[str, Value] = {}
    for field in mapped.fields:
        if field.field in record.fields:
            try:
                after[field.column] = canonical(field.kind, record.fields[field.field], field.scale)
            except InvalidValue as problem:
                after[field.column] = f"({problem})"
    return Sample(record.sf_id, dict(record.fields), after)
