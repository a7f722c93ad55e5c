"""Errors by cause, in memory: `sync.causes.Causes`."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from diptych.domain.causes import HELD, OPEN, QUARANTINED, cause_key
from diptych.domain.outcome import Problem
from diptych.domain.pair import PairState
from diptych.sync.causes import HeldCause
from diptych.sync.ports import StoredDeadLetter
from diptych.testing.tables import Tables


class InMemoryCauses:
    """See `sync.causes.Causes`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def all(self) -> list[HeldCause]:
        groups: dict[str, list[StoredDeadLetter]] = {}
        for kept in self._tables.dead_letters.values():
            if kept.status in (OPEN, QUARANTINED):
                groups.setdefault(_key(kept), []).append(kept)
        found = []
        for key, letters in groups.items():
            newest = letters[-1]
            times = [kept.at for kept in letters if kept.at is not None]
            found.append(
                HeldCause(
                    key,
                    newest.object_name,
                    newest.letter.operation,
                    newest.letter.column,
                    newest.letter.problem.code,
                    newest.letter.problem.error_class.value,
                    sum(kept.status == OPEN for kept in letters),
                    sum(kept.status == QUARANTINED for kept in letters),
                    min(times),
                    max(times),
                )
            )
        return sorted(found, key=lambda one: (-one.open - one.quarantined, one.key))

    def letters(self, key: str, statuses: Collection[str], after: int, limit: int) -> list[StoredDeadLetter]:
        found = [
            kept
            for number, kept in sorted(self._tables.dead_letters.items())
            if number > after and kept.status in statuses and _key(kept) == key
        ]
        return found[:limit]

    def held(self, pair_id: int) -> list[StoredDeadLetter]:
        letters = [self._tables.dead_letters[n] for n in self._tables.letters_of.get(pair_id, ())]
        return [kept for kept in letters if kept.status in HELD]

    def blame(self, run_id: int, problem: Problem) -> None:
        """Runs in memory keep their text alone."""

    def fate(self, pair_id: int, columns: Sequence[str]) -> str:
        pair = self._tables.pairs.get(pair_id)
        if pair is None or pair.state not in (PairState.NEW, PairState.PAIRED, PairState.PARKED):
            return "ended"
        if pair.state is PairState.NEW or pair.inflight is not None:
            return "owing"
        return "owing" if any(c in columns for c in self._tables.base.get(pair_id, {})) else "settled"


def _key(kept: StoredDeadLetter) -> str:
    letter = kept.letter
    return cause_key(kept.object_name, letter.operation, letter.column, letter.problem)
