"""Bulk jobs: their records in the org's file, and the threads that work on them.

A job's state is stored, its work is not: after a restart a job that was not finished starts again at the
next look at it (a query has no effect; an ingest job notes how many rows it has done, in the transaction
that does them).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.clock import parse_stamp, stamp
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
FINISHED = frozenset({"JobComplete", "Aborted", "Failed"})
SLOW_SECONDS = 30
INSTANT_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class Job:
    """`kind` is query or ingest; `created` and `modified` are stamps; `facts` what the kind needs."""

    id: str
    kind: str
    operation: str
    object: str
    user_id: str
    created: str
    modified: str
    state: str
    api_version: str
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    records: int = 0
    failed: int = 0
    milliseconds: int = 0
    error: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def new(org: Org, job: Job) -> Job:
    """Store a new job under a fresh id."""
    with org.transaction() as tx:
        made = replace(job, id=ids.mint(tx.connection, "750")[0], created=tx.stamp, modified=tx.stamp)
        tx.connection.execute(
            "INSERT INTO _job VALUES(?, ?, ?, ?)",
            (made.id, made.kind, made.created, json.dumps(asdict(made))),
        )
    return made


def save(org: Org, job: Job) -> Job:
    """Store a job's new state."""
    with org.transaction():
        moved = replace(job, modified=stamp(org.clock.now()))
        store(org, moved)
    return moved


def store(org: Org, job: Job) -> None:
    """Write a job as it is, inside a transaction of the caller."""
    with org.transaction() as tx:
        tx.connection.execute(
            "UPDATE _job SET definition = ? WHERE id = ?", (json.dumps(asdict(job)), job.id)
        )


def find(org: Org, kind: str, job_id: str) -> Job:
    """The job.

    Raises ApiError 404 NOT_FOUND when there is none of that kind.
    """
    row = (
        org.reader()
        .execute("SELECT definition FROM _job WHERE id = ? AND kind = ?", (ids.to18(job_id) or job_id, kind))
        .fetchone()
    )
    if row is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    return Job(**json.loads(row[0]))


def every(org: Org, kind: str) -> list[Job]:
    """All jobs of a kind, the newest first."""
    rows = org.reader().execute(
        "SELECT definition FROM _job WHERE kind = ? ORDER BY created DESC, id DESC", (kind,)
    )
    return [Job(**json.loads(row[0])) for row in rows]


def forget(org: Org, job: Job) -> None:
    """Delete a job and its files."""
    with org.transaction() as tx:
        tx.connection.execute("DELETE FROM _job WHERE id = ?", (job.id,))
    for path in org.files.glob(f"job-{job.id}*"):
        path.unlink(missing_ok=True)


def advance(org: Org, job: Job, work: Callable[[Org, Job], None]) -> Job:
    """A look at a job moves it on as the org's job speed has it.

    `instant` works at once, in a thread, and the look waits a moment for its end; `stepped` moves one
    state a look; `slow` stays in progress for half a minute of the org's time.
    """
    if job.state not in ("UploadComplete", "InProgress"):
        return job
    speed = org.setting("job_speed", "instant")
    if speed == "stepped" and job.state == "UploadComplete":
        return save(org, replace(job, state="InProgress"))
    if speed == "slow":
        begun = parse_stamp(job.facts.get("queued") or job.created)
        if org.clock.now() - begun < timedelta(seconds=float(org.setting("job_slow_seconds", SLOW_SECONDS))):
            return job if job.state == "InProgress" else save(org, replace(job, state="InProgress"))
    thread = start(org, job, work)
    thread.join(INSTANT_WAIT_SECONDS)
    return find(org, job.kind, job.id)


def start(org: Org, job: Job, work: Callable[[Org, Job], None]) -> threading.Thread:
    """The thread that works on a job, started if there is none."""
    running = org.jobs.get(job.id)
    if running is not None and running.is_alive():
        return running

    def run() -> None:
        try:
            work(org, job)
        except ApiError as error:
            current = find(org, job.kind, job.id)
            save(org, replace(current, state="Failed", error=f"{error.code}: {error.message}"))
        finally:
            org.jobs.pop(job.id, None)
            org.release_reader()

    thread = threading.Thread(target=run, name=f"job-{job.id}", daemon=True)
    org.jobs[job.id] = thread
    thread.start()
    return thread


def still_wanted(org: Org, job: Job) -> bool:
    """Whether work on a job should go on: neither aborted, nor deleted, nor the org closing."""
    if org.closing.is_set():
        return False
    try:
        return find(org, job.kind, job.id).state in ("UploadComplete", "InProgress")
    except ApiError:
        return False
