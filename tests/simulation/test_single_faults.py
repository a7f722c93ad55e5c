"""Every single fault at every call and every crash point of the reference programs (correctness.md 9.1)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.episode import Episode, final_values, run, run_world
from tests.simulation.program import Program
from tests.simulation.reference import LOADING, PEACEFUL, QUARRELSOME, single_faults, with_fault


@pytest.mark.parametrize(
    ("program", "collections"),
    [(PEACEFUL, False), (PEACEFUL, True), (QUARRELSOME, False), (QUARRELSOME, True), (LOADING, False)],
    ids=["peaceful", "peaceful, in collections", "quarrelsome", "quarrelsome, in collections", "loading"],
)
def test_every_single_fault(program: Program, collections: bool) -> None:
    """On both channels of writing."""
    peaceful = program is PEACEFUL
    program = replace(program, collections=collections)
    undisturbed = final_values(run_world(program)[0])
    runs, different, violated, unfired = 0, [], [], []
    for place, fault in single_faults(program):
        episode: Episode = run(with_fault(program, place, fault))
        runs += 1
        if episode.violation is not None:
            violated.append(f"cycle at {place}, {fault}: {episode.violation}")
        elif not episode.counters[f"at {fault.label}"]:
            unfired.append(f"cycle at {place}, {fault}")
        elif (
            peaceful and fault.kind not in ("refused", "refuse_all") and final_values(episode) != undisturbed
        ):
            different.append(f"cycle at {place}, {fault}: {final_values(episode)} is not {undisturbed}")
    assert not violated, f"{len(violated)} of {runs}:\n" + "\n".join(violated[:10])
    assert not different, f"{len(different)} of {runs}:\n" + "\n".join(different[:10])
    assert not unfired and runs >= 150, f"{runs} runs, never fired: {unfired}"
