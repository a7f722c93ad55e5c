"""The budget: shares by lane, the org's own use, and a ledger that survives a restart."""

from __future__ import annotations

import pytest

from diptych.domain.outcome import LimitExceeded
from diptych.sync.budget import CallBudget
from diptych.sync.ports import ApiUsage
from diptych.testing import InMemoryStore, VirtualClock


class UsedOrg:
    """Only what the budget asks of an org."""

    def __init__(self, used: int | None = 0, allowed: int | None = 1000) -> None:
        self.used, self.allowed, self.ours = used, allowed, 0

    def usage(self) -> ApiUsage:
        return ApiUsage(self.used, self.allowed, self.ours)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(clock: VirtualClock) -> InMemoryStore:
    return InMemoryStore(clock)


def budget(org: UsedOrg, store: InMemoryStore, clock: VirtualClock, share: float = 0.5) -> CallBudget:
    return CallBudget(org, store, clock, share)  # type: ignore[arg-type]


def test_writing_stops_before_reading_does(store: InMemoryStore, clock: VirtualClock) -> None:
    org = UsedOrg()
    calls = budget(org, store, clock)
    for ours, allowed in [
        (399, ("feed", "edits", "backfill")),
        (400, ("feed", "edits")),
        (450, ("feed",)),
        (500, ()),
    ]:
        org.ours = ours
        for lane in ("feed", "edits", "backfill"):
            if lane in allowed:
                calls.reserve(lane)
            else:
                with pytest.raises(LimitExceeded):
                    calls.reserve(lane)


def test_other_users_of_the_org_come_first_when_writing(store: InMemoryStore, clock: VirtualClock) -> None:
    org = UsedOrg(used=900)
    calls = budget(org, store, clock)
    with pytest.raises(LimitExceeded, match="900 of the org's 1000"):
        calls.reserve("edits")
    org.used = 1000
    calls.reserve("feed")  # only a call can show that the count was reset
    org.used = 10
    calls.reserve("edits")


def test_calls_are_free_again_after_a_day(store: InMemoryStore, clock: VirtualClock) -> None:
    org = UsedOrg()
    calls = budget(org, store, clock)
    org.ours = 500
    with pytest.raises(LimitExceeded):
        calls.reserve("feed")
    clock.advance(23 * 3600)
    with pytest.raises(LimitExceeded):
        calls.reserve("feed")
    clock.advance(2 * 3600)
    calls.reserve("edits")


def test_a_restart_forgets_nothing_that_was_kept(store: InMemoryStore, clock: VirtualClock) -> None:
    org = UsedOrg()
    first = budget(org, store, clock)
    org.ours = 460
    first.keep()
    second = budget(UsedOrg(), store, clock)
    assert second.state().ours == 460
    with pytest.raises(LimitExceeded):
        second.reserve("edits")


def test_a_clock_set_back_does_not_count_calls_for_ever(store: InMemoryStore, clock: VirtualClock) -> None:
    org = UsedOrg()
    calls = budget(org, store, clock)
    org.ours = 460
    calls.state()
    clock.jump(-30 * 86400)
    calls.reserve("edits")


def test_without_a_known_limit_nothing_is_refused(store: InMemoryStore, clock: VirtualClock) -> None:
    org = UsedOrg(None, None)
    org.ours = 10**6
    budget(org, store, clock).reserve("backfill", 100)


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_is_a_part(store: InMemoryStore, clock: VirtualClock, share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        budget(UsedOrg(), store, clock, share)
