"""What happens in one episode, as data: users' deeds, time, and cycles with their fault plans.

A deed names things by number ('the third record, whatever that is by then'), so that a program can be shortened by leaving
deeds out and still runs. `random_program` draws one from a seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

Deed = tuple[str, int, int, int]


@dataclass(frozen=True)
class PlannedFault:
    """`kind` as in diptych.testing.faults, or `deed` (a user does `argument` just then) or `second_engine`."""

    label: str
    occurrence: int
    kind: str
    argument: Any = None


@dataclass(frozen=True)
class Cycle:
    """One cycle under a fault plan."""

    plan: tuple[PlannedFault, ...] = ()


Step = Deed | Cycle


@dataclass(frozen=True)
class Program:
    """One episode. `call_seconds`: how long every call to the org takes; `loaded`: the initial load is over before it;
    `collections`: writes go without a condition, as for a very large backlog; `wide`: people are created in Salesforce too, runs undone, values change
    unseen, and both sides are compared on a schedule; `restoring`: backups are taken and put back, too."""

    steps: tuple[Step, ...]
    call_seconds: float = 0.0
    job_polls: int = 0
    loaded: bool = False
    collections: bool = False
    wide: bool = False
    restoring: bool = False
    seed: int | None = field(default=None, compare=False)


# name -> how often, relative to the others
USER_DEEDS = {
    "sf_edit": 20,
    "sf_edit_two": 6,
    "our_edit": 22,
    "our_edit_two": 6,
    "sf_edit_hot": 10,
    "our_edit_hot": 8,
    "sf_blank": 2,
    "our_blank": 2,
    "our_long": 1,
    "sf_late": 4,
    "sf_bulk": 2,
    "our_bulk": 2,
    "sf_touch": 2,
    "sf_new": 4,
    "our_new": 1,
    "sf_delete": 4,
    "sf_undelete": 4,
    "our_delete": 1,
    "sf_convert": 4,
    "sf_merge": 5,
    "account_edit": 1,
}
ADMIN_DEEDS = {
    "policy": 2,
    "direction": 1,
    "rule": 2,
    "wait": 18,
    "jump": 1,
    "restart": 2,
    "forget_cursor": 1,
    "restart_snapshot": 4,
    "replay": 2,
}
WIDE_DEEDS = {
    **USER_DEEDS,
    **ADMIN_DEEDS,
    "our_new": 16,
    "create_rule": 6,
    "ask": 8,
    "undo": 8,
    "sf_silent": 6,
}
"""What is done in wide programs, beside what is done in all."""
RESTORING_DEEDS = {**WIDE_DEEDS, "backup": 6, "restore": 12}
"""The same for programs in which backups are taken and put back."""
CRASH_POINTS = tuple(
    f"C-{n:02d}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 21, 22, 23, 25)
)
CALLS = (
    "watermark",
    "changed",
    "retrieve",
    "update",
    "start_snapshot",
    "snapshot_job",
    "snapshot_pages",
    "describe",
)
_READ_FAULTS = ("before", "after", "limit")
FAULTS_OF = {
    "watermark": _READ_FAULTS,
    "describe": _READ_FAULTS,
    "changed": (*_READ_FAULTS, "duplicate", "stale", "short", "refuse_all"),
    "retrieve": _READ_FAULTS,
    "update": (
        "before",
        "after",
        "after",
        "after",
        "zombie",
        "zombie",
        "zombie",
        "limit",
        "login",
        "retryable",
        "locked",
        "refused",
        "partial",
        "refuse_all",
    ),
    "find": _READ_FAULTS,
    "create": (
        "before",
        "after",
        "after",
        "zombie",
        "zombie",
        "limit",
        "login",
        "retryable",
        "refused",
        "partial",
        "refuse_all",
    ),
    "start_snapshot": _READ_FAULTS,
    "snapshot_job": (*_READ_FAULTS, "job_failed", "job_gone"),
    "snapshot_pages": (*_READ_FAULTS, "job_gone"),
}
# calls a cycle makes often are where most faults go
_CALL_WEIGHTS = (2, 6, 8, 14, 1, 1, 2, 1)
_POINT_WEIGHTS = (1, 2, 3, 3, 3, 5, 5, 6, 5, 5, 6, 7, 7, 4, 6, 14, 8, 1, 5, 5, 3)


def random_deed(
    rng: random.Random, users_only: bool = False, wide: bool = False, restoring: bool = False
) -> Deed:
    kind = RESTORING_DEEDS if restoring else WIDE_DEEDS if wide else {**USER_DEEDS, **ADMIN_DEEDS}
    deeds = USER_DEEDS if users_only else kind
    (name,) = rng.choices(list(deeds), list(deeds.values()))
    return (name, rng.randrange(60), rng.randrange(60), rng.randrange(60))


def random_fault(rng: random.Random) -> PlannedFault:
    draw = rng.random()
    occurrence = rng.choice((1, 1, 1, 1, 2, 2, 3))
    if draw < 0.22:
        (label,) = rng.choices(CRASH_POINTS, _POINT_WEIGHTS)
        return PlannedFault(label, occurrence, "crash")
    if draw < 0.28:
        return PlannedFault("commit", rng.randrange(1, 12), "busy")
    if draw < 0.32:
        (label,) = rng.choices(CRASH_POINTS, _POINT_WEIGHTS)
        return PlannedFault(label, occurrence, "second_engine")
    if draw < 0.60:
        label = rng.choice((*CALLS, "retrieve", "update", "update", "changed", "C-11", "C-12", "C-05"))
        return PlannedFault(label, occurrence, "deed", random_deed(rng, users_only=True))
    (label,) = rng.choices(CALLS, _CALL_WEIGHTS)
    return _faulty_call(rng, label, occurrence)


def _faulty_call(rng: random.Random, label: str, occurrence: int) -> PlannedFault:
    kind = rng.choice(FAULTS_OF[label])
    argument: Any = None
    if kind == "zombie":
        argument = rng.choice((1, 30, 300, 890))
    elif kind in ("retryable", "locked", "refused"):
        argument = rng.choice((None, 0, 1))
    return PlannedFault(label, occurrence, kind, argument)


def random_plan(rng: random.Random, creating: bool = False) -> tuple[PlannedFault, ...]:
    """`creating`: somebody may be created in this cycle, and often something goes wrong with it."""
    count = rng.choice((0, 1, 2, 2, 3, 3, 4, 5, 6))
    plan = tuple(random_fault(rng) for _ in range(count))
    if not creating or rng.random() < 0.1:
        return plan
    label = rng.choice(("find", "create", "create", "create", "create", "C-11", "C-12", "C-13"))
    if label in CRASH_POINTS:
        return (*plan, PlannedFault(label, 1, rng.choice(("crash", "second_engine"))))
    return (*plan, _faulty_call(rng, label, 1))


def random_program(seed: int, wide: bool = False, restoring: bool = False) -> Program:
    """Users meet on few records; a cycle comes after every few deeds. A restoring program is a wide one."""
    wide = wide or restoring
    rng = random.Random(seed)
    steps: list[Step] = []
    for _ in range(rng.randrange(4, 17)):
        deeds = [
            random_deed(rng, wide=wide, restoring=restoring) for _ in range(rng.choice((0, 1, 2, 3, 4, 6)))
        ]
        if restoring and rng.random() < 0.2:
            deeds.append(("backup", 0, 0, 0))  # while edits wait
        creating = wide and any(deed[0] in ("our_new", "ask", "create_rule") for deed in deeds)
        steps += [*deeds, Cycle(random_plan(rng, creating))]
    return Program(
        tuple(steps),
        rng.choice((0.0, 0.0, 0.4, 1.0)),
        rng.choice((0, 0, 1)),
        rng.random() < 0.65,
        seed % 3 == 0,
        wide,
        restoring,
        seed,
    )
