"""The batches of a job, as they are stored.

A batch's request and result lie in files beside the org, named after job and batch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.bulk1.refusal import BulkError
from practice_org.clock import stamp
from practice_org.data.jobs import Job

if TYPE_CHECKING:
    from practice_org.org import Org

ENDED = frozenset({"Completed", "Failed", "NotProcessed"})


@dataclass(frozen=True)
class Batch:
    """`state` is Queued, InProgress, Completed, Failed or NotProcessed; `created` and `modified` are stamps."""

    id: str
    job_id: str
    created: str
    modified: str
    state: str = "Queued"
    message: str | None = None
    records: int = 0
    failed: int = 0
    milliseconds: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


def new(org: Org, job: Job, content: bytes, facts: Mapping[str, Any]) -> Batch:
    """Store a batch and its request."""
    with org.transaction() as tx:
        batch = Batch(ids.mint(tx.connection, "751")[0], job.id, tx.stamp, tx.stamp, facts=dict(facts))
        request(org, batch).write_bytes(content)
        tx.connection.execute(
            "INSERT INTO _batch VALUES(?, ?, ?)", (batch.id, job.id, json.dumps(asdict(batch)))
        )
    return batch


def change(org: Org, batch: Batch, **values: Any) -> Batch:
    """Store a batch's new state."""
    with org.transaction() as tx:
        changed = replace(batch, modified=stamp(org.clock.now()), **values)
        tx.connection.execute(
            "UPDATE _batch SET definition = ? WHERE id = ?", (json.dumps(asdict(changed)), batch.id)
        )
    return changed


def of(org: Org, job: Job) -> list[Batch]:
    """The batches of a job, in the order in which they came."""
    rows = org.reader().execute("SELECT definition FROM _batch WHERE job = ? ORDER BY id", (job.id,))
    return [Batch(**json.loads(row[0])) for row in rows]


def find(org: Org, job: Job, batch_id: str) -> Batch:
    """One batch of a job.

    Raises BulkError InvalidBatch when the job has none of that id.
    """
    wanted = ids.to18(batch_id) or batch_id
    row = (
        org.reader()
        .execute("SELECT definition FROM _batch WHERE id = ? AND job = ?", (wanted, job.id))
        .fetchone()
    )
    if row is None:
        raise BulkError("InvalidBatch", f"Unable to find batch for id: {batch_id}")
    return Batch(**json.loads(row[0]))


def request(org: Org, batch: Batch) -> Path:
    """What was sent."""
    return org.file(f"job-{batch.job_id}-{batch.id}.request")


def outcome(org: Org, batch: Batch) -> Path:
    """What became of it: the rows of a query, or a line of JSON for each record."""
    return org.file(f"job-{batch.job_id}-{batch.id}.result")
