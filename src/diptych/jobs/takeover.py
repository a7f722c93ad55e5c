"""Take up the jobs of a worker that died and is not coming back: its peers do not do so by themselves.

Every worker counts up a number of its own; a worker whose number has stood still for a while, as seen by a peer's own
clock, is taken for dead, and what it was running is queued again. Should it only have been asleep, its result no longer
counts, and the lease of our database keeps it from sending anything.
"""

from __future__ import annotations

import logging
import threading
import time

import sqlalchemy as sa
from dbos import DBOSClient

BEAT_SECONDS = 2.0
DEAD_SECONDS = 12.0

_log = logging.getLogger(__name__)
_beats = sa.Table(
    "diptych_worker_beat",
    sa.MetaData(),
    sa.Column("executor", sa.String(200), primary_key=True),
    sa.Column("beat", sa.BigInteger, nullable=False),
)


class Takeover:
    """The heart of one worker, and its eye on the others."""

    def __init__(
        self,
        engine: sa.Engine,
        client: DBOSClient,
        executor: str,
        queue: str,
        dead_seconds: float = DEAD_SECONDS,
    ) -> None:
        self._engine, self._client, self._executor, self._queue = engine, client, executor, queue
        self._dead_seconds = dead_seconds
        self._last: dict[str, tuple[int, float]] = {}

    def run(self, stop: threading.Event) -> None:
        """Beat and look until `stop`."""
        _beats.metadata.create_all(self._engine, checkfirst=True)
        while not stop.wait(BEAT_SECONDS):
            try:
                self.beat()
                for job_id in self.orphans():
                    _log.warning("taking up the job %s of a worker that died", job_id)
                    self._client.resume_workflow(job_id, queue_name=self._queue)
            except sa.exc.SQLAlchemyError as problem:
                _log.warning("no heartbeat: %s", problem)

    def beat(self) -> None:
        """Say that this worker lives."""
        with self._engine.begin() as connection:
            mine = _beats.c.executor == self._executor
            done = connection.execute(_beats.update().where(mine).values(beat=_beats.c.beat + 1))
            if done.rowcount == 0:
                connection.execute(_beats.insert().values(executor=self._executor, beat=1))

    def orphans(self) -> list[str]:
        """Running jobs of workers whose number has not moved for `dead_seconds` of ours."""
        now = time.monotonic()
        with self._engine.connect() as connection:
            beats = {row.executor: row.beat for row in connection.execute(sa.select(_beats))}
        for executor, beat in beats.items():
            if self._last.get(executor, (None, 0.0))[0] != beat:
                self._last[executor] = (beat, now)
        running = self._client.list_workflows(
            status="PENDING", queue_name=self._queue, load_input=False, load_output=False
        )
        found = []
        for job in running:
            owner = job.executor_id or ""
            if owner == self._executor:
                continue
            self._last.setdefault(owner, (-1, now))
            if now - self._last[owner][1] > self._dead_seconds:
                found.append(job.workflow_id)
        return found
