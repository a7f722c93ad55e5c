"""The org in memory under observation: every write it receives is checked against what the engine had promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from diptych.domain.creating import NewRecord
from diptych.domain.mapping import Direction, Policy
from diptych.domain.outcome import Done, Moved, Outcome
from diptych.domain.pair import Pair, PairState, Record
from diptych.domain.values import Value
from diptych.sync.ports import FeedPage, FeedRead, Retrieved, Write
from diptych.testing import Faults, InMemoryOrg, InMemoryStore, VirtualClock
from diptych.testing.faults import Fault
from diptych.testing.org_records import Stored
from tests.simulation.graph import Graph, to_cell, token_of

FIELDS = {
    "Lead": {"first_name": "FirstName", "city": "City", "title": "Title", "phone": "Phone", "fax": "Fax"},
    "Contact": {
        "first_name": "FirstName",
        "city": "MailingCity",
        "title": "Title",
        "phone": "Phone",
        "fax": "Fax",
    },
}


OPT_OUT = "HasOptedOutOfEmail"


class Violation(AssertionError):
    """An invariant of correctness.md 5.4 does not hold."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant


class WatchedOrg(InMemoryOrg):
    """Checks I-6, I-7, I-11, I-13 and I-17 on every write, and settles what residual X-2 allows to be overwritten."""

    def __init__(
        self,
        clock: VirtualClock,
        faults: Faults,
        store: InMemoryStore,
        graph: Graph,
        counters: Counter[str],
        call_seconds: float,
        job_polls: int,
    ) -> None:
        super().__init__(clock, faults, seconds_per_call=call_seconds, job_polls=job_polls, write_csv=to_cell)
        self.store, self.graph, self.counters = store, graph, counters
        self.on_write = self._received
        self.holds_lease: Callable[[], bool] = lambda: True
        self.home: Callable[[str], str] = lambda sf_id: sf_id
        self.pages: list[FeedPage] = []
        self._delivered: dict[tuple[str, str], Record] = {}
        self._delivered_tokens: set[int] = set()
        self._sent: set[int] = set()
        self._read_in_cycle: set[tuple[str, str]] = set()
        self.on_create: Callable[[str, int], None] = lambda sf_id, person_id: None
        self.older_than = 0
        """Up to this token all was written before the last restore."""
        self.followed: set[int] = set()
        """Values that waited in a backup for a record that has been merged or converted since without having received them: they may
        have been sent to its successor, and replaced there. The policy judges them (decision 0018)."""
        self.decided: set[tuple[int, int]] = set()
        """After a restore: ours and theirs of conflicts that the backup knows of as won by ours."""
        self.made: dict[str, list[str]] = {}
        """The records that were made for us, by the external key they were made under."""

    def begin_cycle(self) -> None:
        """A new cycle: what was read before does not count as looked at."""
        self._read_in_cycle.clear()
        self._delivered.clear()
        self._delivered_tokens.clear()

    def note_agreement(self) -> None:
        """Where both sides show the same text just now, though different people wrote it."""
        tables = self.store.tables
        for pair in tables.pairs.values():
            person = tables.person.get(pair.person_id)
            row = self.records.rows[pair.object_name].get(pair.sf_id or "")
            if person is not None and row is not None:
                for column, field in FIELDS[pair.object_name].items():
                    ours, theirs = person.get(column), row.values.get(field)
                    if ours is not None and ours == theirs:
                        self.graph.agree(ours, theirs)

    def note_intents(self) -> None:
        """Remember what is in flight, sent or not."""
        for pair in self.store.tables.pairs.values():
            sent = pair.inflight.values.values() if pair.inflight else ()
            self._sent.update(t for t in map(token_of, sent) if t is not None)

    # ------------------------------------------------------------ reading

    def _call(self, label: str, write: bool = False) -> list[Fault]:
        if self.store.journal.open:
            raise Violation("R-2", f"{label} is called while a transaction is open")
        faults = super()._call(label, write)
        self.note_agreement()
        return faults

    def changed(self, reads: Sequence[FeedRead]) -> list[FeedPage]:
        found = super().changed(reads)
        for page in found:
            if page.records:
                self.pages.append(page)
            self._note(page.records)
        return found

    def retrieve(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], deleted_too: bool = False
    ) -> Retrieved:
        found = super().retrieve(object_name, ids, fields, deleted_too)
        self._read_in_cycle.update((object_name, sf_id) for sf_id in found.records)
        self._note([r for r in found.records.values() if r is not None])
        return found

    def _note(self, records: Sequence[Record]) -> None:
        for record in records:
            key = (record.object_name, record.sf_id)
            self._delivered_tokens.update(t for t in map(token_of, record.fields.values()) if t is not None)
            known = self._delivered.get(key)
            if known is None or record.modstamp >= known.modstamp:
                self._delivered[key] = record

    # ------------------------------------------------------------ writing

    def _received(self, object_name: str, write: Write, attempt_id: str) -> None:
        self._sent.update(t for t in map(token_of, write.values.values()) if t is not None)
        pair = self._pair(object_name, write.sf_id)
        where = f"{object_name} {write.sf_id} {dict(write.values)} ({attempt_id})"
        tx_mapping = next(reversed(self.store.tables.mappings.values()))[0].of(object_name)
        columns = {name: tx_mapping.by_field.get(name) for name in write.values}
        for name, mapped in columns.items():
            if mapped is None or mapped.direction is Direction.INBOUND:
                raise Violation("I-13", f"{name} is not written by us: {where}")
        values: dict[str, Value] = {m.column: write.values[n] for n, m in columns.items() if m}
        if not values:
            raise Violation("I-13", f"a write of nothing: {where}")
        if pair.state is PairState.DETACHED:
            return  # the person was deleted here after the intent had been written
        if pair.inflight is None or pair.inflight.attempt_id != attempt_id:
            raise Violation("I-7", f"no intent for {where}: {pair.inflight}")
        if pair.inflight.values != values:
            raise Violation("I-7", f"intent {pair.inflight.values} differs from {where}")
        if any(w.sf_id == write.sf_id for q in self._zombies for w in q.writes):
            raise Violation("I-6", f"an earlier write may still be executed: {where}")
        if pair.state not in (PairState.PAIRED, PairState.PARKED):
            raise Violation("I-11", f"the pair is {pair.state}: {where}")
        if not self.holds_lease():
            raise Violation("I-17", f"sent under an old epoch: {where}")
        noted = self.store.tables.base.get(pair.id, {})
        clean = [c for c, v in values.items() if c not in noted or noted[c] == v]
        if clean:
            raise Violation("I-13", f"{clean} is clean: {where}")
        looked = self._delivered.get((object_name, write.sf_id))
        for mapped in filter(None, columns.values()):
            there = looked.fields.get(mapped.field) if looked else None
            if there is None:
                continue
            if write.values[mapped.field] is None and mapped.blanks.keeps_theirs:
                raise Violation("D-44", f"a blank over {mapped.field} {there!r}: {where}")
            if mapped.policy is Policy.WRITE_ONCE:
                raise Violation("D-44", f"{mapped.field} {there!r} is written once: {where}")
        if (object_name, write.sf_id) not in self._read_in_cycle:
            raise Violation("R-7", f"written without a look at it in this cycle: {where}")

    def create(
        self,
        object_name: str,
        new: Sequence[NewRecord],
        attempt_id: str,
        by_key: bool,
        allow_duplicates: bool = False,
    ) -> list[Outcome]:
        for one in new:
            self._creating(object_name, one, attempt_id)
        return super().create(object_name, new, attempt_id, by_key, allow_duplicates)

    def _creating(self, object_name: str, one: NewRecord, attempt_id: str) -> None:
        """I-6, I-7 and I-17 for a creation."""
        where = f"the creation of {dict(one.values)} under {one.key} ({attempt_id})"
        pairs = [p for p in self.store.tables.pairs.values() if p.ext_key == one.key]
        by_field = next(reversed(self.store.tables.mappings.values()))[0].of(object_name).by_field
        values = {by_field[name].column: value for name, value in one.values.items() if name in by_field}
        self._sent.update(t for t in map(token_of, values.values()) if t is not None)
        if len(pairs) != 1:
            raise Violation("I-1", f"{len(pairs)} pairs for {where}")
        inflight = pairs[0].inflight
        if inflight is None or inflight.attempt_id != attempt_id or inflight.values != values:
            raise Violation("I-7", f"no intent for {where}: {inflight}")
        if any(other.key == one.key for waiting in self._unborn for other in waiting.new):
            raise Violation("I-6", f"an earlier one may still be executed: {where}")
        if not self.holds_lease():
            raise Violation("I-17", f"sent under an old epoch: {where}")

    def _create(self, object_name: str, one: NewRecord, by_key: bool, allow_duplicates: bool) -> Outcome:
        before = set(self.records.rows[object_name])
        outcome = super()._create(object_name, one, by_key, allow_duplicates)
        if isinstance(outcome, Done) and outcome.sf_id not in before:
            self.counters["records made"] += 1
            made = self.made.setdefault(one.key, [])
            made.append(outcome.sf_id)
            if len(made) > 1:
                raise Violation("I-1", f"made twice under {one.key}: {made}")
            (pair,) = (p for p in self.store.tables.pairs.values() if p.ext_key == one.key)
            self.on_create(outcome.sf_id, pair.person_id)
        return outcome

    def _write(self, object_name: str, write: Write, attempt_id: str) -> Outcome:
        before = self.records.rows[object_name].get(write.sf_id)
        outcome = super()._write(object_name, write, attempt_id)
        self.counters["writes moved"] += isinstance(outcome, Moved)
        if isinstance(outcome, Done) and before is not None:
            self.counters["writes landed"] += 1
            pair = self._pair(object_name, write.sf_id)
            promised = pair.inflight is not None and pair.inflight.channel == "record"
            conditional = write.unmodified_since is not None or (promised and self.records.acting_at is None)
            self.counters["writes on condition" if conditional else "writes in collections"] += 1
            for name, value in write.values.items():
                self._goes_back(object_name, write.sf_id, name, before.values.get(name), value)
                self._overwritten(
                    object_name, write.sf_id, pair, before, before.values.get(name), value, conditional
                )
        return outcome

    def _goes_back(self, object_name: str, sf_id: str, field: str, old: Any, new: Value) -> None:
        """After a restore: what was known to the backup does not go over what had replaced it. A field that goes out only is ours,
        whatever is there."""
        token, sent = token_of(old), token_of(new)
        mapped = next(reversed(self.store.tables.mappings.values()))[0].of(object_name).by_field.get(field)
        if mapped is None or mapped.direction is Direction.OUTBOUND or token is None or sent is None:
            return
        if (sent, token) in self.decided:
            return  # the backup knows of both, and that ours won
        if sent > self.older_than or sent in self.followed or token in self.graph.settled or old == new:
            return
        if self._was_sent_before(token, self.graph.ancestors([sent], generous=True)):
            return  # it may as well be our own write
        if sent in self.graph.ancestors([token], generous=False):
            raise Violation(
                "N-25", f"{field}: {new!r} ({sent}) goes over {old!r} ({token}), which replaced it: {sf_id}"
            )

    def _overwritten(
        self,
        object_name: str,
        sf_id: str,
        pair: Pair,
        before: Stored,
        old: Any,
        new: Value,
        conditional: bool,
    ) -> None:
        """Residuals are allowed for what they are: X-1 on either channel, X-2 where writes have no condition."""
        token, sent = token_of(old), token_of(new)
        if token is None or (sent is not None and token in self.graph.ancestors([sent], generous=True)):
            return
        if old == new:
            self.graph.settle(old)  # the same text stands there now: nobody's wish was lost
            return
        # whoever blanks a field has seen, and so settled, what stood there
        seen = self.graph.ancestors([sent] if sent is not None else self.graph.settled, generous=True)
        if self._was_sent_before(token, seen):
            # word for word what we had sent before: no one can tell it from our own write, which was seen when replaced
            self.counters["coincided with a sent value"] += 1
            self.graph.settle(old)
            return
        same_second = before.modstamp == pair.seen_modstamp
        if conditional:
            residual = same_second and token not in self._delivered_tokens
        elif self.records.acting_at is not None:
            residual = True  # executed long after it was sent; what had been taken in by then is kept with us
        else:
            looked = self._delivered.get((object_name, sf_id))
            unsettled = looked is not None and looked.read_at <= before.modstamp <= looked.modstamp
            residual = token not in self._delivered_tokens and not unsettled
        if residual:
            self.counters["residual X-1" if same_second else "residual X-2"] += 1
            self.graph.settle(old)

    def _was_sent_before(self, token: int, seen: set[int]) -> bool:
        """Whether one of the edits `seen` was sent to the same place with the same text."""
        mine = self.graph.edits[token]
        return any(
            (self.home(e.home[0]), e.home[1], e.text) == (self.home(mine.home[0]), mine.home[1], mine.text)
            for e in map(self.graph.edits.get, seen & self._sent)
            if e
        )

    def _pair(self, object_name: str, sf_id: str) -> Pair:
        return self.store.tables.pairs[self.store.tables.pair_of[(object_name, sf_id)]]
