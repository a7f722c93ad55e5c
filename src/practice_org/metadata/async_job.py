"""Deployments and retrievals as jobs: asked for at once, looked at until they are done.

A job is worked on at the look that finds it due: at once, one state a look (`stepped`), or when the slow
time has passed, as the org's job speed has it. Its package lies in a file beside the org.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.clock import parse_stamp, stamp
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

PREFIXES = {"deploy": "0Af", "retrieve": "09S"}
DONE = frozenset({"Succeeded", "SucceededPartial", "Failed", "Canceled"})
SLOW_SECONDS = 30


@dataclass(frozen=True)
class AsyncJob:
    """`kind` is deploy or retrieve; `options` what was ordered, `outcome` what came of it."""

    id: str
    kind: str
    user_id: str
    version: float
    created: str
    status: str = "Pending"
    started: str | None = None
    completed: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    outcome: dict[str, Any] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        return self.status in DONE


def new(
    org: Org, kind: str, user_id: str, version: float, options: dict[str, Any], package: bytes = b""
) -> AsyncJob:
    """Store a new job with its package."""
    with org.transaction() as tx:
        job = AsyncJob(
            ids.mint(tx.connection, PREFIXES[kind])[0], kind, user_id, version, tx.stamp, options=options
        )
        if package:
            package_file(org, job.id).write_bytes(package)
        tx.connection.execute(
            "INSERT INTO _job(id, kind, created, definition) VALUES(?, ?, ?, ?)",
            (job.id, kind, tx.stamp, json.dumps(asdict(job))),
        )
    return job


def package_file(org: Org, job_id: str) -> Any:
    """Where the package of a job lies."""
    return org.file(f"job-{job_id}.zip")


def save(org: Org, job: AsyncJob) -> AsyncJob:
    """Store a job's new state."""
    with org.transaction() as tx:
        tx.connection.execute(
            "UPDATE _job SET definition = ? WHERE id = ?", (json.dumps(asdict(job)), job.id)
        )
    return job


def find(org: Org, kind: str, job_id: str) -> AsyncJob:
    """The job.

    Raises ApiError INVALID_CROSS_REFERENCE_KEY, in the words of the real service, when there is none.
    """
    row = (
        org.reader()
        .execute("SELECT definition FROM _job WHERE id = ? AND kind = ?", (ids.to18(job_id) or job_id, kind))
        .fetchone()
    )
    if row is None:
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return AsyncJob(**json.loads(row[0]))


def kind_of(org: Org, job_id: str) -> str:
    """Whether the job is a deploy or a retrieve. Raises ApiError as `find` does."""
    kind = next((one for one, prefix in PREFIXES.items() if job_id.startswith(prefix)), "deploy")
    return find(org, kind, job_id).kind


def due(org: Org, job: AsyncJob) -> tuple[AsyncJob, bool]:
    """The job at this look, and whether its work is to be done now."""
    if job.done:
        return job, False
    speed = org.setting("job_speed", "instant")
    if speed == "instant":
        return job, True
    if job.status == "Pending":
        return save(org, replace(job, status="InProgress", started=stamp(org.clock.now()))), False
    if speed in ("slow", "stuck"):
        seconds = float(org.setting("job_slow_seconds", SLOW_SECONDS))
        passed = org.clock.now() - parse_stamp(job.created)
        return job, speed == "slow" and passed >= timedelta(seconds=seconds)
    return job, True
