"""Reference programs, and every fault that may be put at any place which they pass (correctness.md 9.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulation.episode import run_world
from tests.simulation.program import CALLS, CRASH_POINTS, FAULTS_OF, Cycle, Deed, PlannedFault, Program, Step

# the first lead, the second lead, the contact; persons: the contact (0), the first lead (1), the second (2)
CITY, TITLE, FIRST_NAME, FAX = 1, 2, 0, 4
WAIT_A_MINUTE: Deed = ("wait", 2, 0, 0)

# No two people touch one field of one record without having seen each other: every fault must end in the same state (I-18).
PEACEFUL = Program(
    (
        ("our_edit", 1, CITY, 2),
        ("sf_edit", 1, FIRST_NAME, 2),
        ("our_edit", 0, TITLE, 1),
        WAIT_A_MINUTE,
        Cycle(),
        ("our_edit_two", 2, CITY, 1),
        ("sf_edit", 0, FIRST_NAME, 0),
        ("our_edit", 0, FAX, 1),
        ("sf_new", 0, 2, 0),
        WAIT_A_MINUTE,
        Cycle(),
        ("sf_edit", 2, CITY, 0),
        ("sf_delete", 1, 0, 0),
        WAIT_A_MINUTE,
        Cycle(),
    ),
    loaded=True,
)

# Conflicts, a conversion, a dead letter, an undelete: no fault may lose anything, though the winners may differ.
QUARRELSOME = Program(
    (
        ("our_edit_two", 1, CITY, 1),
        ("sf_edit_two", 0, CITY, 2),
        ("our_edit", 0, CITY, 2),
        ("our_long", 2, 0, 0),
        Cycle(),
        ("sf_delete", 1, 0, 0),
        ("our_edit", 2, CITY, 2),
        ("our_edit", 1, TITLE, 0),
        ("sf_convert", 0, 0, 0),
        Cycle((PlannedFault("update", 1, "after"),)),
        ("sf_undelete", 0, 0, 0),
        ("sf_edit", 0, CITY, 1),
        ("our_edit", 2, CITY, 0),
        WAIT_A_MINUTE,
        Cycle(),
    ),
    call_seconds=1.0,
    loaded=True,
)

# The initial load itself, with users at work meanwhile.
LOADING = Program(
    (
        ("sf_edit", 1, CITY, 0),
        Cycle(),
        ("sf_delete", 0, 0, 0),
        Cycle(),
        ("our_edit", 0, CITY, 1),
        Cycle(),
        Cycle(),
    ),
    call_seconds=1.0,
)


def passages(program: Program) -> list[tuple[int, str, int]]:
    """Every (cycle, label, occurrence) that the program passes; the cycle by its place among the steps."""
    episode, world_passed = run_world(program)
    assert episode.violation is None, episode.violation
    return [
        (place, label, occurrence)
        for place, passed in world_passed.items()
        for label, count in passed.items()
        for occurrence in range(1, count + 1)
    ]


def kinds(label: str) -> list[tuple[str, Any]]:
    if label in CRASH_POINTS:
        return [("crash", None), ("second_engine", None)]
    if label == "commit":
        return [("busy", None)]
    if label not in CALLS:
        return [("before", None), ("after", None)]
    arguments: dict[str, list[Any]] = {
        "zombie": [30, 890],
        "refused": [None],
        "locked": [0],
        "retryable": [None],
    }
    return [
        (kind, argument)
        for kind in dict.fromkeys((*FAULTS_OF[label], "crash"))
        for argument in arguments.get(kind, [None])
    ]


def single_faults(program: Program) -> list[tuple[int, PlannedFault]]:
    """Each fault at each place that the program passes, with the step (a cycle) that it is planned in."""
    return [
        (place, PlannedFault(label, occurrence, kind, argument))
        for place, label, occurrence in passages(program)
        for kind, argument in kinds(label)
    ]


def with_fault(program: Program, place: int, fault: PlannedFault) -> Program:
    steps: list[Step] = list(program.steps)
    cycle = steps[place]
    assert isinstance(cycle, Cycle)
    steps[place] = replace(cycle, plan=(*cycle.plan, fault))
    return replace(program, steps=tuple(steps))
