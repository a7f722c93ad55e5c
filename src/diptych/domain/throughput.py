"""How fast the sync is, how long what waits will take, and what could be left out (S-67..S-69). Values in, values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOURS = 24
GROWING_OVER = timedelta(hours=6)
COUNTED_UP_TO = 50_000
"""Records that wait are counted up to here, all objects together: what a page costs does not grow with what waits."""

_SHARE, _LEAST = 0.3, 100
_NOISE, _NOISE_LEAST = 0.8, 1000


@dataclass(frozen=True)
class Hourly:
    """Records of one object and direction in each of the last 24 hours, the oldest first. `outbound`: sent to Salesforce."""

    object_name: str
    outbound: bool
    records: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.records)

    @property
    def most(self) -> int:
        return max(self.records, default=0)

    @property
    def least(self) -> int:
        return min(self.records, default=0)

    @property
    def mean(self) -> float:
        return self.total / len(self.records) if self.records else 0.0


@dataclass(frozen=True)
class Stretch:
    """One step of the ledger: so many records between two moments."""

    object_name: str
    outbound: bool
    began: datetime
    ended: datetime
    records: int


def by_hour(stretches: Sequence[Stretch], now: datetime) -> list[Hourly]:
    """The last 24 hours, counted back from now. A step that lasted longer is spread evenly over the hours it took."""
    since = now - timedelta(hours=HOURS)
    sums: dict[tuple[str, bool], list[float]] = {}
    for one in stretches:
        hours = sums.setdefault((one.object_name, one.outbound), [0.0] * HOURS)
        for place, share in _spread(one, since):
            hours[place] += one.records * share
    return [
        Hourly(name, outbound, tuple(round(n) for n in hours))
        for (name, outbound), hours in sorted(sums.items())
    ]


def _spread(one: Stretch, since: datetime) -> list[tuple[int, float]]:
    """Which hours a step took, each with its share of it; what lies before is left out."""
    seconds = (one.ended - one.began).total_seconds()
    begin, end = (one.began - since).total_seconds(), (one.ended - since).total_seconds()
    if seconds <= 0:
        place = int(begin // 3600)
        return [(min(place, HOURS - 1), 1.0)] if place >= 0 else []
    found = []
    for place in range(max(int(begin // 3600), 0), min(int(end // 3600), HOURS - 1) + 1):
        within = min(end, (place + 1) * 3600.0) - max(begin, place * 3600.0)
        if within > 0:
            found.append((place, within / seconds))
    return found


def time_left(waiting: int, rate_per_second: float | None) -> timedelta | None:
    """How long what waits takes at that rate; None when the rate is not known."""
    if not waiting:
        return timedelta()
    return timedelta(seconds=waiting / rate_per_second) if rate_per_second else None


def is_growing(now: int, earlier: int | None) -> bool:
    """Whether more waits than six hours ago."""
    return earlier is not None and now > earlier


# ---------------------------------------------------------------- what makes it


@dataclass(frozen=True)
class Share:
    """A part of what waits, or of what was read: by field, by who made the changes."""

    name: str
    count: int
    of: int

    @property
    def part(self) -> float:
        return self.count / self.of if self.of else 0.0


@dataclass(frozen=True)
class Proposal:
    """Something to leave out. `kind`: field, actor, noise; `command`: what does it, where there is one."""

    kind: str
    subject: str
    part: float
    count: int
    command: str = ""


def proposals(
    fields: Sequence[Share], actors: Sequence[Share], skipped: Mapping[str, Share]
) -> list[Proposal]:
    """What stands out enough to be worth a decision. `fields`: `Object.Field`; `skipped`: by object, how many records were read
    in which nothing that is synced had changed."""
    found = [
        Proposal("field", one.name, one.part, one.count, f"diptych mapping direction {one.name} inbound")
        for one in fields
        if one.part >= _SHARE and one.count >= _LEAST
    ]
    found += [
        Proposal("actor", one.name, one.part, one.count)
        for one in actors
        if one.part >= _SHARE and one.count >= _LEAST
    ]
    found += [
        Proposal("noise", name, one.part, one.count)
        for name, one in sorted(skipped.items())
        if one.part >= _NOISE and one.of >= _NOISE_LEAST
    ]
    return found
