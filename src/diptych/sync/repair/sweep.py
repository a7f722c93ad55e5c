"""The sweep: every record of the org compared with what we hold, by one bulk query an object (design.md, `verify`).

It is the proof that both sides are equal, and what finds the rare change that the feed could not see (a commit later than
the overlap, X-1). What is merely on its way - dirty, in flight, parked, or changed in Salesforce since the last cycle - is
counted as pending, not as differing; every suspect is read again on its own before it is called differing. Memory is bounded:
pages are compared as they come, and of all ids only a 64-bit hash is kept, to find what we hold and the org does not show.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from diptych.domain.mapping import ObjectMapping, usable
from diptych.domain.objects import SyncedObject
from diptych.domain.outcome import ErrorClass, OrgUnavailable, Problem
from diptych.domain.values import instant_text
from diptych.sync.engine import Engine
from diptych.sync.guard import mass_disappearance
from diptych.sync.ports import Lease
from diptych.sync.repair.compare import Comparer, Differing, ObjectComparison, in_chunks, read_page
from diptych.sync.repair.reconcile import batches, carry_out, count_in, keep_stopped, look

__all__ = ["Comparison", "Differing", "ObjectComparison", "verify"]
_IDS = 10_000


@dataclass(frozen=True)
class Comparison:
    """The result for all objects, by API name; `at` is server time when it began."""

    at: datetime
    objects: Mapping[str, ObjectComparison]

    @property
    def equal(self) -> bool:
        return all(one.equal for one in self.objects.values())


def verify(engine: Engine, lease: Lease | None = None, *, repair: bool = False) -> Comparison:
    """Compare both sides in full. With `repair` (which needs the lease) what differs is read again and applied.

    Reads only, unless `repair`; may run beside cycles. Raises OrgError, and OrgUnavailable when a query does not finish
    within `snapshot_wait`.
    """
    if repair and lease is None:
        raise ValueError("repairing needs the lease")
    engine.sync_user()
    with engine.store.transaction() as tx:
        mapping = tx.mapping()
        schemas = {known.name: tx.schema(known.name) for known in engine.objects}
    sweeps: list[_Sweep] = []
    engine.budget.reserve("feed")
    began = engine.org.watermark([k.name for k in engine.objects if mapping.of(k.name).fields]).server_time
    for known in engine.objects:
        description = schemas[known.name]
        if description is not None and mapping.of(known.name).fields:
            now_usable = usable(mapping.of(known.name), description)
            usable_mapping = now_usable.mapping
            engine.usable.setdefault(known.name, now_usable)
            engine.schemas.setdefault(known.name, description)
            sweeps.append(_Sweep(engine, lease if repair else None, known, usable_mapping, began))
    for sweep in sweeps:
        sweep.start()  # the org runs the queries side by side
    return Comparison(began, {sweep.name: sweep.finish() for sweep in sweeps})


class _Sweep:
    """The comparison of one object, in one go."""

    def __init__(
        self,
        engine: Engine,
        lease: Lease | None,
        known: SyncedObject,
        mapping: ObjectMapping,
        began: datetime,
    ) -> None:
        self._engine, self._lease, self._known, self._began = engine, lease, known, began
        self._fields = engine.fields_to_read(mapping)
        self._comparer = Comparer(engine, lease, known, mapping, collect=lease is not None)
        self._theirs = array("Q")
        self._job_id = ""

    @property
    def name(self) -> str:
        return self._known.name

    def start(self) -> None:
        """Ask the org for all live records."""
        self._engine.budget.reserve("backfill")
        self._job_id = self._engine.org.start_snapshot(self._known.name, self._fields)

    def finish(self) -> ObjectComparison:
        """Compare what comes."""
        org, options = self._engine.org, self._engine.options
        self._wait(self._job_id)
        self._engine.budget.reserve("feed")
        for page in org.snapshot_pages(self._job_id, None, options.snapshot_rows):
            for records in in_chunks(read_page(page, self._began)):
                self._theirs.extend(_hash(record.sf_id) for record in records)
                self._comparer.compare(records)
            self._engine.budget.reserve("feed")
        org.end_snapshot(self._job_id)
        self._missing_there()
        self._tell_apart()
        return self._comparer.found

    def _wait(self, job_id: str) -> None:
        poll, waited = self._engine.options.poll_seconds, timedelta()
        while (job := self._engine.org.snapshot_job(job_id)).state != "complete":
            if job.state in ("failed", "gone") or waited >= self._engine.options.snapshot_wait:
                raise OrgUnavailable(
                    Problem(
                        "QUERY_NOT_FINISHED",
                        f"The bulk query of {self._known.label_plural} did not finish: {job.error or job.state}.",
                        ErrorClass.OTHER,
                        remedy="Verify again later.",
                    )
                )
            if self._lease is not None:
                self._engine.hold(self._lease)
            self._engine.clock.sleep(poll)
            waited += timedelta(seconds=poll)
            poll = min(poll * 1.5, self._engine.options.poll_max_seconds)
            self._engine.budget.reserve("feed")

    def _tell_apart(self) -> None:
        """With the lease: what has become of the ids that only we hold; too many at once only differ."""
        if self._lease is None or not self._comparer.absent:
            return
        absent, found = self._comparer.absent, self._comparer.found
        with self._engine.store.transaction(self._lease) as tx:
            problem = mass_disappearance(tx, self.name, len(absent), len(absent), self._engine.options)
            keep_stopped(tx, self.name, instant_text(self._began), problem)
        if problem is not None:
            self._comparer.differ(absent)
            return
        for ids in batches(absent, self._engine.options.batch):
            looked = look(self._engine, self.name, ids)
            carry_out(self._engine, self._lease, None, self.name, looked)
            count_in(found, looked, self._engine.options.differing_limit)

    def _missing_there(self) -> None:
        """What we hold as live and the query did not show."""
        theirs, after = array("Q", sorted(self._theirs)), ""
        while True:
            with self._engine.store.transaction() as tx:
                ids = tx.live_ids(self._known.name, after, _IDS)
            if not ids:
                return
            after = ids[-1]
            missing = [sf_id for sf_id in ids if not _contains(theirs, _hash(sf_id))]
            for start in range(0, len(missing), self._engine.options.batch):
                self._comparer.missing(missing[start : start + self._engine.options.batch])


def _hash(sf_id: str) -> int:
    return int.from_bytes(blake2b(sf_id.encode(), digest_size=8).digest(), "big")


def _contains(ordered: array[int], wanted: int) -> bool:
    place = bisect_left(ordered, wanted)
    return place < len(ordered) and ordered[place] == wanted
