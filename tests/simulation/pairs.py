"""Every pair of faults in a reference program: `python -m tests.simulation.pairs`. The second is put wherever the program
passes once the first has happened. Stops by itself, at the first violation at the latest.

`--every N` takes each N-th pair (a sample that is the same each time), `--program` one of the programs only.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from tests.simulation.episode import run
from tests.simulation.program import Program
from tests.simulation.reference import LOADING, PEACEFUL, QUARRELSOME, single_faults, with_fault

PROGRAMS = {
    "peaceful": PEACEFUL,
    "quarrelsome": QUARRELSOME,
    "collections": replace(QUARRELSOME, collections=True),
    "loading": LOADING,
}


def pairs(program: Program) -> Iterator[Program]:
    """The program with a first fault and a second one at or after the cycle of the first."""
    for place, fault in single_faults(program):
        once = with_fault(program, place, fault)
        for later, second in single_faults(once):
            if (later, second.label, second.occurrence) != (
                place,
                fault.label,
                fault.occurrence,
            ) and later >= place:
                yield with_fault(once, later, second)


def main() -> int:
    parser = argparse.ArgumentParser(description="Every pair of faults in the reference programs.")
    parser.add_argument("--program", choices=PROGRAMS, action="append")
    parser.add_argument("--every", type=int, default=1, help="only each N-th pair")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop after that long, per program"
    )
    options = parser.parse_args()
    for name in options.program or PROGRAMS:
        started = shown = time.monotonic()
        runs = cycles = 0
        for number, program in enumerate(pairs(PROGRAMS[name])):
            if number % options.every:
                continue
            episode = run(program)
            runs, cycles = runs + 1, cycles + episode.counters["cycles"]
            if episode.violation is not None:
                print(f"{name}, pair {number}: {episode.violation}\nat {episode.at}\n{program!r}")
                return 1
            now = time.monotonic()
            if now - shown > 5:
                shown = now
                print(
                    f"{name}: {runs} pairs, {cycles} cycles, {runs / (now - started):.0f} pairs/s", flush=True
                )
            if now - started > options.seconds:
                break
        print(f"{name}: {runs} pairs of faults, {cycles} cycles, nothing lost", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
