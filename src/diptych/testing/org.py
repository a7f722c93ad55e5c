"""A Salesforce org in memory: `sync.ports.Org`, with users who work in it (`records`) and faults."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from diptych.domain.objects import synced_object
from diptych.domain.outcome import (
    Done,
    ErrorClass,
    LimitExceeded,
    LoginFailed,
    Moved,
    OrgOutcomeUnknown,
    OrgRefused,
    OrgUnavailable,
    Outcome,
    Problem,
    Refused,
    Retryable,
)
from diptych.domain.pair import Record
from diptych.domain.schema import ObjectDescription
from diptych.sync.ports import (
    ApiUsage,
    FeedPage,
    FeedRead,
    OrgIdentity,
    Retrieved,
    SnapshotJob,
    SnapshotPage,
    Traces,
    Watermark,
    Write,
)
from diptych.testing.clock import VirtualClock
from diptych.testing.faults import Fault, Faults
from diptych.testing.org_creating import Creating, Unborn
from diptych.testing.org_lifecycle import Belated, Living
from diptych.testing.org_records import RecordLocked, Records, Stored
from diptych.testing.org_schema import STANDARD_OBJECTS

_NOT_EXECUTED = Problem("CONNECTION", "Salesforce could not be reached.", ErrorClass.NETWORK)
_NO_ANSWER = Problem("CONNECTION", "Salesforce did not answer.", ErrorClass.NETWORK)
_LIMIT = Problem("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", ErrorClass.LIMIT)
_LOGIN = Problem("INVALID_LOGIN", "The sync user cannot log in.", ErrorClass.LOGIN)


@dataclass(frozen=True)
class Received:
    """One write the org has received, and how it ended for that record: done, refused, locked, retryable, moved."""

    at: datetime
    object_name: str
    sf_id: str
    values: Mapping[str, Any]
    attempt_id: str
    ending: str


@dataclass
class _Job:
    object_name: str
    columns: tuple[str, ...]
    polls_left: int
    state: str = "waiting"
    lines: list[list[str]] | None = None


@dataclass(frozen=True)
class _Queued:
    due: datetime
    object_name: str
    writes: tuple[Write, ...]
    attempt_id: str


class InMemoryOrg(Creating, Living):
    """An Org. `records` is the inside; `received` is its log of writes; `calls` counts API calls.

    `seconds_per_call` passes with every call. `readable` and `writable` are the sync user's field permissions: hide a
    field with `hide`, make it read-only with `lock_field`; records in `unseen` are not shared with the sync user. `refuse` may name a problem for a write, as a validation rule
    would. `tells_sharing`: the sync user may ask whether it is shown every record; `bin_denied`: it may not read deleted
    records by id.
    """

    def __init__(
        self,
        clock: VirtualClock | None = None,
        faults: Faults | None = None,
        objects: Iterable[ObjectDescription] = STANDARD_OBJECTS,
        seconds_per_call: float = 0.0,
        job_polls: int = 1,
        write_csv: Callable[[Any], str] | None = None,
    ) -> None:
        """`write_csv` turns a text value into the text of its cell (a simulation that marks values)."""
        self.clock = clock or VirtualClock()
        self.faults = faults or Faults()
        self.records = Records(self.clock, objects)
        self.sync_user = self.records.mint("005")
        self.org_id = self.records.mint("00D")
        self.seconds_per_call = seconds_per_call
        self.job_polls = job_polls
        self.write_csv = write_csv or str
        self.calls = 0
        self.allowed: int | None = None
        self.received: list[Received] = []
        self.on_write: Callable[[str, Write, str], None] | None = None
        self.refuse: Callable[[str, Write], Problem | None] | None = None
        self.unseen: set[str] = set()
        self.tells_sharing = True
        self.bin_denied = False
        self._hidden: set[tuple[str, str]] = set()
        self._read_only: set[tuple[str, str]] = set()
        self._zombies: list[_Queued] = []
        self._unborn: list[Unborn] = []
        self._belated: list[Belated] = []
        self.asked: list[tuple[str, str, str]] = []
        self.barred: set[str] = set()
        self.duplicate_rule: Callable[[str, Mapping[str, Any]], Sequence[str]] | None = None
        self._jobs: dict[str, _Job] = {}
        self._last_pages: dict[str, FeedPage] = {}

    # ------------------------------------------------------------ administration

    def hide(self, object_name: str, field: str, hidden: bool = True) -> None:
        """Take the field from the sync user's view, or give it back."""
        (self._hidden.add if hidden else self._hidden.discard)((object_name, field))

    def lock_field(self, object_name: str, field: str, locked: bool = True) -> None:
        """Make the field read-only for the sync user, or editable again."""
        (self._read_only.add if locked else self._read_only.discard)((object_name, field))

    def lose_job(self, job_id: str) -> None:
        """A bulk job and its result disappear (expired, deleted by an administrator)."""
        self._jobs.pop(job_id, None)

    @property
    def zombies(self) -> int:
        """Requests that were given up and are still going to be executed."""
        return len(self._zombies) + len(self._unborn) + len(self._belated)

    # ------------------------------------------------------------ Org: reading

    def identity(self) -> OrgIdentity:
        self._call("identity")
        return OrgIdentity(
            self.org_id,
            "Org in memory",
            "Developer Edition",
            False,
            self.sync_user,
            "sync@example.com",
            "Sync User",
            "00e5e0000000001AAA",
            "Diptych sync",
            "https://example.my.salesforce.com",
            "66.0",
        )

    def describe(self, object_name: str) -> ObjectDescription:
        late = self._call("describe")
        found = self.records.described.get(object_name)
        if found is None:
            raise OrgRefused(Problem("NOT_FOUND", f"{object_name} is not visible.", ErrorClass.PERMISSION))
        shown = {
            name: replace(f, updateable=False, createable=False)
            if (object_name, name) in self._read_only
            else f
            for name, f in found.fields.items()
            if (object_name, name) not in self._hidden
        }
        self._answer(late)
        return replace(found, fields=shown)

    def watermark(self, object_names: Sequence[str]) -> Watermark:
        late = self._call("watermark")
        now = self.records.now()
        covered = {name: self.records.covered(name) for name in object_names}
        self._answer(late)
        return Watermark(now, covered)

    def changed(self, reads: Sequence[FeedRead]) -> list[FeedPage]:
        late = self._call("changed")
        for read in reads:
            self._check_fields(read.object_name, read.fields)
        pages = [self._page(read, late) for read in reads]
        self._answer(late)
        return pages

    def _page(self, read: FeedRead, faults: list[Fault]) -> FeedPage:
        start = (read.since, read.after_id or "")
        rows = sorted(
            (
                row
                for row in self.records.rows[read.object_name].values()
                if row.sf_id not in self.unseen
                and (
                    (row.modstamp, row.sf_id) > start
                    or (read.after_id is None and row.modstamp == read.since)
                )
            ),
            key=lambda row: (row.modstamp, row.sf_id),
        )
        found, complete = rows[: read.limit], len(rows) <= read.limit
        if any(f.kind == "short" for f in faults) and len(found) > 1:
            found, complete = found[: len(found) // 2], False
        read_at = self.records.now()
        records = tuple(self._record(read.object_name, row, read.fields, read_at) for row in found)
        if any(f.kind == "duplicate" for f in faults):
            records = tuple(r for record in records for r in (record, record))
        page = FeedPage(read.object_name, records, complete)
        if any(f.kind == "stale" for f in faults) and read.object_name in self._last_pages:
            return replace(page, records=self._last_pages[read.object_name].records + records)
        self._last_pages[read.object_name] = page
        return page

    def retrieve(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], deleted_too: bool = False
    ) -> Retrieved:
        late = self._call("retrieve")
        if len(ids) > 200:
            raise OrgRefused(Problem("LIMIT", "At most 200 records at a time.", ErrorClass.OTHER))
        self._check_fields(object_name, fields)
        if deleted_too and self.bin_denied:
            raise OrgRefused(Problem("INSUFFICIENT_ACCESS", "queryAll is denied", ErrorClass.PERMISSION))
        read_at = self.records.now()
        found: dict[str, Record | None] = {}
        for sf_id in ids:
            row = self.records.rows[object_name].get(sf_id)
            live = row is not None and (deleted_too or not row.deleted) and sf_id not in self.unseen
            found[sf_id] = self._record(object_name, row, fields, read_at) if row and live else None
        self._answer(late)
        return Retrieved(read_at, found)

    def trace(self, object_name: str, ids: Sequence[str]) -> Traces:
        late = self._call("trace")
        deleted = frozenset(i for i in ids if (object_name, i) in self.records.delete_log) - self.unseen
        sees_all = not self.unseen if self.tells_sharing else None
        self._answer(late)
        return Traces(deleted, frozenset(), sees_all)

    def count(self, object_name: str) -> int:
        self._call("count")
        return len(self.records.ids(object_name))

    def count_ranges(self, object_name: str, ranges: Sequence[tuple[str, str]]) -> list[int]:
        late = self._call("count_ranges")
        if len(ranges) > 5:
            raise OrgRefused(Problem("LIMIT", "At most five ranges at a time.", ErrorClass.OTHER))
        ids = [sf_id for sf_id in self.records.ids(object_name) if sf_id not in self.unseen]
        self._answer(late)
        return [sum(after < sf_id <= until for sf_id in ids) for after, until in ranges]

    def fill_counts(self, object_name: str, fields: Sequence[str]) -> Mapping[str, int]:
        self._call("fill_counts")
        rows = [r for r in self.records.rows[object_name].values() if not r.deleted]
        described = self.records.described[object_name].fields
        return {
            name: sum(self.records.value(object_name, row, name) not in (None, "") for row in rows)
            for name in fields
            if name in described and described[name].type not in ("textarea", "multipicklist")
        }

    def repeated(self, object_name: str, field: str, limit: int) -> Mapping[str, int]:
        self._call("repeated")
        rows = [r for r in self.records.rows[object_name].values() if not r.deleted]
        values = [self.records.value(object_name, row, field) for row in rows]
        counted = Counter(str(value).casefold() for value in values if value not in (None, ""))
        return {value: count for value, count in counted.most_common(limit) if count > 1}

    def usage(self) -> ApiUsage:
        return ApiUsage(self.calls, self.allowed, self.calls)

    def _record(self, object_name: str, row: Stored, fields: Sequence[str], read_at: datetime) -> Record:
        return Record(
            object_name,
            row.sf_id,
            row.modstamp,
            read_at,
            row.modified_at,
            row.modified_by,
            row.deleted,
            row.master_id,
            bool(row.values.get("IsConverted")),
            row.values.get("ConvertedContactId"),
            {name: self.records.value(object_name, row, name) for name in fields},
        )

    def _check_fields(self, object_name: str, fields: Iterable[str]) -> None:
        """A query that names a field the sync user does not see fails as a whole."""
        described = self.records.described[object_name].fields
        relations = {f.relationship_name for f in described.values()}
        for name in fields:
            known = name.split(".")[0] in relations if "." in name else name in described
            if not known or (object_name, name) in self._hidden:
                raise OrgRefused(_no_field(object_name, name))

    # ------------------------------------------------------------ Org: writing

    def update(self, object_name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
        if len(writes) > 200:
            raise OrgRefused(Problem("LIMIT", "At most 200 records at a time.", ErrorClass.OTHER))
        faults = self._call("update", write=True)
        for write in writes:
            if self.on_write is not None:
                self.on_write(object_name, write, attempt_id)
        for fault in faults:
            if fault.kind == "zombie":
                due = self.clock.true_now() + timedelta(seconds=fault.argument or 60)
                self._zombies.append(_Queued(due, object_name, tuple(writes), attempt_id))
                raise OrgOutcomeUnknown(_NO_ANSWER)
            if fault.kind == "partial":
                for write in writes[::2]:
                    self._write(object_name, write, attempt_id)
                raise OrgOutcomeUnknown(_NO_ANSWER)
        outcomes = [
            _row_fault(faults, index) or self._write(object_name, write, attempt_id)
            for index, write in enumerate(writes)
        ]
        self._answer(faults, write=True)
        return outcomes

    def _write(self, object_name: str, write: Write, attempt_id: str) -> Outcome:
        outcome = self._judge(object_name, write)
        if outcome is None:
            values: dict[str, Any] = dict(write.values)
            self.records.edit(object_name, write.sf_id, by=self.sync_user, **values)
            outcome = Done(write.sf_id)
        ending = type(outcome).__name__.lower()
        self.received.append(
            Received(self.records.now(), object_name, write.sf_id, dict(write.values), attempt_id, ending)
        )
        return outcome

    def _judge(self, object_name: str, write: Write) -> Outcome | None:
        try:
            row = self.records.live(object_name, write.sf_id)
        except KeyError:
            return Refused(Problem("ENTITY_IS_DELETED", "entity is deleted", ErrorClass.GONE))
        except RecordLocked:
            return Retryable(
                Problem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", ErrorClass.LOCK)
            )
        if write.unmodified_since is not None and row.modified_at > write.unmodified_since:
            return Moved(Problem("PRECONDITION_FAILED", "saved since it was read", ErrorClass.LOCK))
        if row.values.get("IsConverted"):
            return Refused(
                Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ErrorClass.GONE)
            )
        return self._judge_values(object_name, write)

    def _judge_values(self, object_name: str, write: Write, creating: bool = False) -> Outcome | None:
        fields = self.records.described[object_name].fields
        for name, value in write.values.items():
            described = fields.get(name)
            if described is None or (object_name, name) in self._hidden:
                return Refused(_no_field(object_name, name))
            if (
                not (described.createable if creating else described.updateable)
                or (object_name, name) in self._read_only
            ):
                return _refused(
                    "INVALID_FIELD_FOR_INSERT_UPDATE", "not writable", ErrorClass.PERMISSION, name
                )
            if value is None and not described.nillable:
                return _refused(
                    "REQUIRED_FIELD_MISSING", "Required fields are missing", ErrorClass.REQUIRED, name
                )
            if isinstance(value, str) and described.length and len(value) > described.length:
                return _refused("STRING_TOO_LONG", "data value too large", ErrorClass.LENGTH, name)
            if described.restricted_picklist and value is not None and value not in described.picklist:
                return _refused(
                    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value", ErrorClass.PICKLIST, name
                )
        problem = self.refuse(object_name, write) if self.refuse else None
        return Refused(problem) if problem else None

    # ------------------------------------------------------------ Org: snapshots

    def start_snapshot(self, object_name: str, fields: Sequence[str]) -> str:
        late = self._call("start_snapshot")
        columns = tuple(dict.fromkeys((*synced_object(object_name).system_fields, *fields)))
        self._check_fields(object_name, columns)
        job_id = self.records.mint("750")
        self._jobs[job_id] = _Job(object_name, columns, self.job_polls)
        self._answer(late)
        return job_id

    def snapshot_job(self, job_id: str) -> SnapshotJob:
        late = self._call("snapshot_job")
        if any(f.kind == "job_gone" for f in late):
            self.lose_job(job_id)
        job = self._jobs.get(job_id)
        if job is None:
            self._answer(late)
            return SnapshotJob(job_id, "gone", error="the job is not known any more")
        if any(f.kind == "job_failed" for f in late):
            job.state = "failed"
        if job.state == "waiting" and job.polls_left > 0:
            job.polls_left -= 1
        elif job.state == "waiting":
            self._run(job)
            job.state = "running"
        elif job.state == "running":
            job.state = "complete"
        self._answer(late)
        failed = "InternalServerError : the query failed" if job.state == "failed" else None
        total = len(job.lines) if job.lines is not None and job.state == "complete" else None
        return SnapshotJob(job_id, job.state, total, failed)

    def _run(self, job: _Job) -> None:
        """The result shows all live records as they are at this moment, in order of id."""
        every = self.records.rows[job.object_name].values()
        rows = [r for r in every if not r.deleted and r.sf_id not in self.unseen]
        job.lines = [
            [self._cell(self.records.value(job.object_name, row, name)) for name in job.columns]
            for row in sorted(rows, key=lambda row: row.sf_id)
        ]

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        return (
            self.write_csv(value)
            if isinstance(value, str)
            else format(value, "f" if isinstance(value, Decimal) else "")
        )

    def snapshot_pages(self, job_id: str, locator: str | None, max_rows: int) -> Iterator[SnapshotPage]:
        while True:
            late = self._call("snapshot_pages")
            if any(f.kind == "job_gone" for f in late):
                self.lose_job(job_id)
            job = self._jobs.get(job_id)
            if job is None or job.lines is None:
                raise OrgRefused(Problem("NOT_FOUND", "There is no such query result.", ErrorClass.GONE))
            start = int(locator or 0)
            lines = job.lines[start : start + max_rows]
            following = str(start + max_rows) if start + max_rows < len(job.lines) else None
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerow(job.columns)
            writer.writerows(lines)
            self._answer(late)
            content = text.getvalue().encode()
            yield SnapshotPage(job.object_name, job.columns, content, len(lines), locator, following)
            if following is None:
                return
            locator = following

    def end_snapshot(self, job_id: str) -> None:
        self._call("end_snapshot")
        self._jobs.pop(job_id, None)

    # ------------------------------------------------------------ every call

    def settle(self) -> None:
        """Let happen what is due by now: late commits and requests given up long ago."""
        due = sorted((q for q in self._zombies if q.due <= self.clock.true_now()), key=lambda q: q.due)
        for queued in due:
            self._zombies.remove(queued)
            self.records.settle(queued.due)
            self.records.acting_at = queued.due
            for write in queued.writes:
                self._write(queued.object_name, write, queued.attempt_id)
            self.records.acting_at = None
        self._bear()
        self._belatedly()
        self.records.settle()

    def _call(self, label: str, write: bool = False) -> list[Fault]:
        faults = self.faults.reach(label)
        self.clock.advance(self.seconds_per_call)
        self.settle()
        kinds = {f.kind for f in faults}
        if "before" in kinds or (kinds & {"zombie", "partial"} and not write):
            raise OrgUnavailable(_NOT_EXECUTED)
        if "limit" in kinds:
            raise LimitExceeded(_LIMIT)
        if "login" in kinds:
            raise LoginFailed(_LOGIN)
        self.calls += 1
        if "refuse_all" in kinds:
            raise OrgRefused(Problem("MALFORMED_QUERY", "Refused by the fault plan.", ErrorClass.OTHER))
        return faults

    def _answer(self, faults: list[Fault], write: bool = False) -> None:
        if any(f.kind == "after" for f in faults):
            raise OrgOutcomeUnknown(_NO_ANSWER) if write else OrgUnavailable(_NO_ANSWER)


def _row_fault(faults: list[Fault], index: int) -> Outcome | None:
    for fault in faults:
        row, names = fault.argument if isinstance(fault.argument, tuple) else (fault.argument, ())
        if row not in (None, index):
            continue
        if fault.kind == "retryable":
            return Retryable(Problem("SERVER_UNAVAILABLE", "Try again later.", ErrorClass.OTHER))
        if fault.kind == "locked":
            return Retryable(
                Problem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", ErrorClass.LOCK)
            )
        if fault.kind == "refused":
            return _refused(
                "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A rule says no.", ErrorClass.VALIDATION, *names
            )
    return None


def _refused(code: str, message: str, error_class: ErrorClass, *fields: str) -> Refused:
    return Refused(Problem(code, message, error_class, fields=tuple(fields)))


def _no_field(object_name: str, name: str) -> Problem:
    message = f"No such column '{name}' on entity '{object_name}'."
    return Problem("INVALID_FIELD", message, ErrorClass.SCHEMA, fields=(name,))
