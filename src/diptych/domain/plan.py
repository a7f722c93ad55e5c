"""What a first sync would do, before it does it: rows, columns, API calls, time (S-56)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from diptych.domain.values import Value

# measured on two shared cores with 40 columns: what a careful reader may expect, not a promise
_CELLS_PER_SECOND = 400_000
_SECONDS_PER_OBJECT = 6.0
_CALLS_PER_OBJECT = 6  # count, create the job, poll, end it
_IDLE_CALLS = 2  # watermark and changes
_DESCRIBE_CALLS = 4


@dataclass(frozen=True)
class Sample:
    """One record before (as Salesforce has it) and after (as the columns will hold it)."""

    sf_id: str
    before: Mapping[str, object]
    after: Mapping[str, Value]


@dataclass(frozen=True)
class ObjectPlan:
    """What happens to one object. `new_columns` do not exist yet; `rows` is None when the org could not count them."""

    object_name: str
    label_plural: str
    table: str
    rows: int | None
    columns: int
    new_columns: tuple[str, ...]
    api_calls: int
    seconds: float
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The whole first sync and what staying in sync costs after it. `calls_left` today; None when the org did not say."""

    objects: tuple[ObjectPlan, ...]
    api_calls: int
    seconds: float
    calls_per_idle_day: int
    calls_left: int | None
    calls_allowed: int | None
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(o.rows or 0 for o in self.objects)


def plan_object(
    object_name: str,
    label_plural: str,
    table: str,
    rows: int | None,
    columns: int,
    new_columns: tuple[str, ...],
    page_rows: int,
    samples: tuple[Sample, ...] = (),
) -> ObjectPlan:
    """Estimate the initial load of one object by a bulk query read in pages of `page_rows`."""
    pages = max(1, math.ceil((rows or 0) / page_rows))
    seconds = _SECONDS_PER_OBJECT + (rows or 0) * max(columns, 10) / _CELLS_PER_SECOND
    return ObjectPlan(
        object_name,
        label_plural,
        table,
        rows,
        columns,
        new_columns,
        _CALLS_PER_OBJECT + pages,
        seconds,
        samples,
    )


def plan_sync(
    objects: tuple[ObjectPlan, ...], pause_seconds: float, calls_left: int | None, calls_allowed: int | None
) -> Plan:
    """The whole plan; warns when the calls do not suffice."""
    calls = _DESCRIBE_CALLS + sum(o.api_calls for o in objects)
    idle = round(_IDLE_CALLS * 86_400 / max(pause_seconds + 1, 1))
    warnings = []
    if calls_left is not None and calls > calls_left:
        warnings.append(
            f"The first sync needs about {calls:,} API calls, but the org has only {calls_left:,} left today. "
            "It will stop before the limit and go on tomorrow."
        )
    if calls_allowed is not None and idle > calls_allowed * 0.5:
        warnings.append(
            f"Cycles with a pause of {pause_seconds:g} seconds use about {idle:,} of the org's {calls_allowed:,} "
            "API calls a day. Choose a longer pause if other systems need them."
        )
    return Plan(
        objects, calls, sum(o.seconds for o in objects), idle, calls_left, calls_allowed, tuple(warnings)
    )
