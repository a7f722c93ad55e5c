"""Bulk jobs: their records in the org's file, and the threads that work on them.

A job's state is stored, its work is not: a job that was not finished when the process ended goes on when
the org is served again (a query has no effect; an ingest job notes how many rows it has done, in the
transaction that does them).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from practice_org import ids
from practice_org.clock import parse_stamp, stamp
from practice_org.errors import ApiError
from practice_org.events.origin import act

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
WORKING = frozenset({"UploadComplete", "InProgress"})
SLOW_SECONDS = 30
KEPT_DAYS = 7
"""How long a job and its results are kept after its last change."""
INSTANT_WAIT_SECONDS = 0.5


Work: TypeAlias = "Callable[[Org, Job], None]"


@dataclass(frozen=True)
class Job:
    """`kind` is query, ingest or classic (Bulk API 1.0); `created` and `modified` are stamps.

    `facts` is what the kind needs.
    """

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


def change(org: Org, job: Job, check: Callable[[Job], None] = lambda _: None, **values: Any) -> Job:
    """Change a job as it is *now*, whatever it was when it was read, and return it.

    `check` sees it first and may raise. Raises ApiError 404 NOT_FOUND when it is gone.
    """
    with org.transaction():
        current = find(org, job.kind, job.id)
        check(current)
        return save(org, replace(current, **values))


def working(org: Org, job: Job) -> Job | None:
    """The job as it is now, if it is still to be worked on; None when it was aborted or deleted."""
    try:
        current = find(org, job.kind, job.id)
    except ApiError:
        return None
    return current if current.state in WORKING else None


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
    job = Job(**json.loads(row[0])) if row else None
    if job is None or job.modified < _oldest(org):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    return job


def _oldest(org: Org) -> str:
    return stamp(org.clock.now() - timedelta(days=KEPT_DAYS))


def forget_old(org: Org) -> None:
    """Delete the jobs that nothing happened to for seven days, with their results."""
    for kind in ("query", "ingest", "classic"):
        rows = org.reader().execute(
            "SELECT definition FROM _job WHERE kind = ? AND created < ?", (kind, _oldest(org))
        )
        for (text,) in rows.fetchall():
            job = Job(**json.loads(text))
            if job.modified < _oldest(org) and job.id not in org.jobs:
                forget(org, job)


def counted(org: Org, kind: str, **conditions: str) -> int:
    """How many jobs of a kind there are; `since` (a stamp) and `state` narrow it."""
    sql, values = "SELECT count(*) FROM _job WHERE kind = ?", [kind]
    if "since" in conditions:
        sql += " AND created >= ?"
        values.append(conditions["since"])
    if "state" in conditions:
        sql += " AND json_extract(definition, '$.state') = ?"
        values.append(conditions["state"])
    return int(org.reader().execute(sql, values).fetchone()[0])


def every(org: Org, *kinds: str) -> list[Job]:
    """All jobs of some kinds, the newest first."""
    marks = ", ".join("?" * len(kinds))
    rows = org.reader().execute(
        f"SELECT definition FROM _job WHERE kind IN ({marks}) ORDER BY created DESC, id DESC", kinds
    )
    return [Job(**json.loads(row[0])) for row in rows]


def forget(org: Org, job: Job) -> None:
    """Delete a job and its files."""
    with org.transaction() as tx:
        tx.connection.execute("DELETE FROM _job WHERE id = ?", (job.id,))
        tx.connection.execute("DELETE FROM _batch WHERE job = ?", (job.id,))
    for path in org.files.glob(f"job-{job.id}*"):
        path.unlink(missing_ok=True)


def advance(org: Org, job: Job, work: Work) -> Job:
    """A look at a job moves it on as the org's job speed has it.

    `instant` works at once, in a thread, and the look waits a moment for its end; `stepped` moves one
    state a look; `slow` stays in progress for half a minute of the org's time; `stuck` stays in progress
    until the speed is another.
    """
    if job.state not in WORKING:
        return job
    speed = org.setting("job_speed", "instant")
    if speed != "instant" and job.id not in org.jobs and (job.state == "UploadComplete" or speed == "stuck"):
        return job if job.state == "InProgress" else change(org, job, still_working, state="InProgress")
    if speed == "slow":
        begun = parse_stamp(job.facts.get("queued") or job.created)
        if org.clock.now() - begun < timedelta(seconds=float(org.setting("job_slow_seconds", SLOW_SECONDS))):
            return job
    thread = start(org, job, work)
    thread.join(INSTANT_WAIT_SECONDS)
    return find(org, job.kind, job.id)


def still_working(job: Job) -> None:
    """A check for `change`.

    Raises ApiError INVALIDJOBSTATE when the job has ended.
    """
    if job.state not in WORKING:
        raise ApiError(400, "INVALIDJOBSTATE", f"The job is {job.state} already")


def resume(org: Org, works: Mapping[str, Work]) -> None:
    """Go on with the jobs that were not finished when the process ended; `works` go by kind."""
    forget_old(org)
    if org.setting("job_speed", "instant") != "instant":
        return
    for job in every(org, *works):
        if job.state in WORKING:
            start(org, job, works[job.kind])


def start(org: Org, job: Job, work: Work) -> threading.Thread:
    """The thread that works on a job, started if there is none."""
    running = org.jobs.get(job.id)
    if running is not None and running.is_alive():
        return running

    def run() -> None:
        act(job.user_id, "bulkapi", job.api_version, job.facts.get("client"))
        try:
            work(org, job)
        except ApiError as error:
            fail(org, job, f"{error.code}: {error.message}")
        except Exception:
            fail(org, job, "InternalServerError : An unexpected error ended the job")
            raise
        finally:
            org.jobs.pop(job.id, None)
            org.release_reader()

    thread = threading.Thread(target=run, name=f"job-{job.id}", daemon=True)
    org.jobs[job.id] = thread
    thread.start()
    return thread


def fail(org: Org, job: Job, message: str) -> None:
    """End a job as Failed, unless somebody ended it otherwise meanwhile."""
    with org.transaction():
        current = working(org, job)
        if current is not None:
            save(org, replace(current, state="Failed", error=message))
