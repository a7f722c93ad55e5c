"""Run many episodes: `python -m tests.simulation.soak --cycles 100000 --seed 1`. Stops by itself, at the first violation at
the latest; prints what was reached."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.episode import Episode, run, shrink
from tests.simulation.program import random_program


def soak(
    cycles: int,
    seed: int,
    seconds: float = float("inf"),
    progress: bool = False,
    restoring: bool = False,
) -> tuple[Counter[str], list[Episode]]:
    """Episodes from `seed` on until that many cycles have run or the time is over; counters and failed episodes. Every second program
    is a wide one; `restoring`: all are restoring ones."""
    counters: Counter[str] = Counter()
    failed: list[Episode] = []
    started = shown = time.monotonic()
    while counters["cycles"] < cycles and time.monotonic() - started < seconds and len(failed) < 1:
        episode = run(random_program(seed, wide=seed % 2 == 0, restoring=restoring))
        counters.update(episode.counters)
        counters["episodes"] += 1
        if episode.violation is not None:
            failed.append(episode)
        seed += 1
        if progress and time.monotonic() - shown > 5:
            shown = time.monotonic()
            rate = counters["cycles"] / (shown - started)
            print(f"{counters['cycles']:>9} of {cycles} cycles, {rate:.0f}/s, next seed {seed}", flush=True)
    return counters, failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the sync between two sides, with faults.")
    parser.add_argument("--cycles", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="stop after that long at the latest"
    )
    parser.add_argument("--restoring", action="store_true", help="programs that put backups back")
    options = parser.parse_args()
    counters, failed = soak(
        options.cycles, options.seed, options.seconds, progress=True, restoring=options.restoring
    )
    for name, count in sorted(counters.items()):
        print(f"{count:>9}  {name}")
    for episode in failed:
        print(f"\nseed {episode.program.seed}: {episode.violation}\nat {episode.at}")
        invariant = episode.violation.invariant if episode.violation else ""
        smallest = shrink(episode.program, invariant)
        print(f"smallest program: {smallest!r}\n{run(smallest).violation}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
