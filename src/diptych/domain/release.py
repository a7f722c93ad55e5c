"""When errors are tried again by themselves: one record of each cause, with growing pauses, until its cause is gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Probe:
    """How one cause is tried. `tries`: how often in vain; `letter`: the error that is being tried now, `pair_id` and `columns`
    what it is about, `was` its state before; `last`: the error that was tried last, so that the next one is another."""

    next_at: datetime
    tries: int = 0
    letter: int | None = None
    pair_id: int = 0
    columns: tuple[str, ...] = ()
    was: str = ""
    last: int = 0
    tried_at: datetime | None = None

    @property
    def under_way(self) -> bool:
        return self.letter is not None


def pause(tries: int, first: timedelta, most: timedelta) -> timedelta:
    """How long to leave a cause alone after that many tries in vain."""
    return min(first * 2 ** min(tries, 20), most)


def failed(probe: Probe, now: datetime, first: timedelta, most: timedelta) -> Probe:
    """It was refused again."""
    tries = probe.tries + 1
    return replace(
        probe,
        tries=tries,
        next_at=now + pause(tries, first, most),
        letter=None,
        last=probe.letter or probe.last,
    )


def is_due(probe: Probe, now: datetime, schema_changed_at: datetime | None) -> bool:
    """Its time has come, or the org's fields have changed since it was tried last."""
    if probe.under_way:
        return False
    changed = schema_changed_at is not None and (probe.tried_at is None or schema_changed_at > probe.tried_at)
    return now >= probe.next_at or (changed and probe.tries > 0)
