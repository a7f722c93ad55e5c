"""Things that go wrong, addressed by where: `Fault(label, occurrence, kind, argument)` (correctness.md 7 and 8.2).

Labels are the org's method names (`update`, `changed`, ...), `commit` for the store, and crash points (`C-11`). The
n-th passage of a label counts from 1 since `arm`. The org in memory interprets these kinds:

=============== ======================================================================================================
before          nothing happened: OrgUnavailable (N-1)
after           it happened and the answer was lost: OrgOutcomeUnknown for writes, OrgUnavailable for reads (N-2, N-4)
zombie          a write executed `argument` seconds later; OrgOutcomeUnknown now (N-3)
limit           LimitExceeded, nothing happened (N-12)
login           LoginFailed, nothing happened (N-11)
refuse_all      OrgRefused, nothing happened
retryable       row `argument` (None: every row) answers Retryable with SERVER_UNAVAILABLE, nothing happened to it
locked          row `argument` (None: every row) answers Retryable with UNABLE_TO_LOCK_ROW (N-8)
refused         row `argument` (an index, or (index, field names)) answers Refused, nothing happened to it (N-9)
partial         only rows with an even index happen, then the answer is lost
duplicate       every record of a page comes twice (N-5)
stale           the records of the page before come once more, as they were then, ahead of this one's (N-5, N-6)
short           a page stops halfway and says there is more (N-6)
job_failed      the bulk job asked for has failed (N-10)
job_gone        the bulk job asked for is unknown (N-13)
=============== ======================================================================================================

and, at any label: `crash` (raises Crash), `call` (calls `argument()`: user edits between two calls, a second engine).
The store knows `busy` at `commit`: StoreBusy instead of the commit (N-23).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class Crash(BaseException):
    """The process ended here. Not an Exception, so that nothing under test can handle it."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at the `occurrence`-th passage of `label`."""

    label: str
    occurrence: int
    kind: str
    argument: Any = None


class Faults:
    """A plan of faults and what has become of it."""

    def __init__(self, plan: Iterable[Fault] = ()) -> None:
        self.passed: Counter[str] = Counter()
        self.fired: list[Fault] = []
        self.trace: list[str] | None = None
        self._plan: list[Fault] = []
        self.arm(plan)

    def arm(self, plan: Iterable[Fault]) -> None:
        """Replace the plan; passages count from one again."""
        self._plan = list(plan)
        self.passed.clear()

    @property
    def left(self) -> tuple[Fault, ...]:
        """Faults of the plan that have not fired yet."""
        return tuple(self._plan)

    def reach(self, label: str) -> list[Fault]:
        """Pass `label`: crashes and calls happen here; the other faults due are handed back for the caller to act out."""
        self.passed[label] += 1
        if self.trace is not None:
            self.trace.append(label)
        if not self._plan:
            return []
        due = [f for f in self._plan if f.label == label and f.occurrence == self.passed[label]]
        left = []
        for fault in due:
            self._plan.remove(fault)
            self.fired.append(fault)
            if fault.kind == "call":
                fault.argument()
            else:
                left.append(fault)
        if any(f.kind == "crash" for f in left):
            raise Crash(label)
        return left

    def crashpoint(self, name: str) -> None:
        """For `sync.crashpoint.hook`."""
        self.reach(name)
