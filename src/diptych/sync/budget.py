"""API calls are money: how many the sync may make, by lane, in any 24 hours (R-12, I-15; design.md decision 9).

Our share of the org's daily calls is ours to use in full only for reading what changed and for reading back; writing stops
at 90 % of it, loading in bulk at 80 %, comparing both sides at 70 %, so that a large backlog never stops deletes from being seen. Writing also stops when
all users of the org together have used 90 % of its calls. Running out changes no outcome, only the time.

Calls are counted in buckets of an hour, kept in the database (setting `api_ledger`), so that a restart does not forget them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from diptych.domain.outcome import ErrorClass, LimitExceeded, Problem
from diptych.sync.ports import Clock, Org, Store

LEDGER = "api_ledger"
USAGE = "api_usage"
LANES = {"feed": 1.0, "actions": 0.9, "edits": 0.9, "bulk": 0.8, "backfill": 0.8, "sweep": 0.7}
"""How much of our share each lane may use up to."""
_KEPT_HOURS = 25


@dataclass(frozen=True)
class BudgetState:
    """`ours`: our calls in the last 24 hours; `limit`: what our share allows (None: the org has not said); `used` and
    `allowed`: all calls of the org in its rolling 24 hours, as it last said."""

    ours: int
    limit: int | None
    used: int | None
    allowed: int | None


class CallBudget:
    """`sync.ports.Budget` over what the org says of its calls. `share`: the part of the daily calls that we may use (0..1).

    One a process and org. `keep` stores the ledger; call it at the end of every cycle. Calls of a process that was killed
    since its last `keep` are not counted: the margin of the lanes is there for that.
    """

    def __init__(self, org: Org, store: Store, clock: Clock, share: float = 0.5) -> None:
        if not 0 < share <= 1:
            raise ValueError("the share of API calls is more than 0 and at most 1")
        self._org, self._store, self._clock, self._share = org, store, clock, share
        self._counted = 0
        with store.transaction() as tx:
            kept = tx.setting(LEDGER)
        self._hours: dict[str, int] = json.loads(kept) if kept else {}

    def reserve(self, lane: str, calls: int = 1) -> None:
        """Raises LimitExceeded when the lane may not use that many calls now, KeyError for an unknown lane."""
        part = LANES[lane]
        state = self.state()
        if state.limit is not None and state.ours + calls > part * state.limit:
            raise LimitExceeded(
                Problem(
                    "API_SHARE_USED",
                    f"{state.ours} of the {state.limit} API calls that the sync may use in 24 hours are used.",
                    ErrorClass.LIMIT,
                    f"{lane} stops at {part:.0%} of them.",
                    "It goes on by itself as they become free; raise DIPTYCH_API_SHARE to allow more.",
                )
            )
        # for reading, the org itself says no: only a call can show that its count has been reset
        if lane == "feed" or state.used is None or not state.allowed:
            return
        if state.used + calls > part * state.allowed:
            raise LimitExceeded(
                Problem(
                    "API_NEARLY_USED",
                    f"{state.used} of the org's {state.allowed} daily API calls are used, by all its users together.",
                    ErrorClass.LIMIT,
                    f"{lane} stops at {part:.0%} so that others are not locked out.",
                    "It goes on by itself when Salesforce has freed calls; see Setup > Company Information in Salesforce.",
                )
            )

    def state(self) -> BudgetState:
        """Where we stand, without a call."""
        usage = self._org.usage()
        self._count(usage.ours)
        limit = int(self._share * usage.allowed) if usage.allowed else None
        return BudgetState(sum(self._hours.values()), limit, usage.used, usage.allowed)

    def keep(self) -> None:
        """Store the ledger, and what the org last said of its calls."""
        usage = self._org.usage()
        self._count(usage.ours)
        with self._store.transaction() as tx:
            tx.save_setting(LEDGER, json.dumps(self._hours, sort_keys=True))
            if usage.allowed:
                said = {
                    "limit": int(self._share * usage.allowed),
                    "used": usage.used,
                    "allowed": usage.allowed,
                }
                tx.save_setting(USAGE, json.dumps(said))

    def _count(self, ours: int) -> None:
        now = self._clock.now().astimezone(UTC)
        if ours > self._counted:
            hour = _hour(now)
            self._hours[hour] = self._hours.get(hour, 0) + ours - self._counted
            self._counted = ours
        oldest = _hour(now - timedelta(hours=_KEPT_HOURS - 1))
        # hours ahead of now come from a clock that was set back since
        self._hours = {h: n for h, n in self._hours.items() if oldest <= h <= _hour(now)}


def _hour(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H")
