"""The jobs port on DBOS: durable on SQLite (a file of its own) and on PostgreSQL (the same database as the people).

DBOS keeps one instance a process, so there is at most one worker in a process. The version and the executor's name are
fixed by us: by default they depend on the source text and the process, and then a job begun before an upgrade or a kill
would wait for ever.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer
from dbos import WorkflowStatus as DbosStatus

from diptych.jobs.port import Handler, Job, JobStatus, JsonMap, UnknownJob
from diptych.jobs.takeover import Takeover

# what a waiting job's arguments mean; raise it only when an older job could not be run any more
APPLICATION_VERSION = "jobs-1"
_QUEUE = "diptych"
_WORKFLOW = "diptych_job"
_STATUS = {
    "ENQUEUED": JobStatus.WAITING,
    "DELAYED": JobStatus.WAITING,
    "PENDING": JobStatus.RUNNING,
    "SUCCESS": JobStatus.DONE,
    "ERROR": JobStatus.FAILED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": JobStatus.FAILED,
    "CANCELLED": JobStatus.CANCELLED,
}
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


class DbosJobs:
    """Jobs kept at `url`. `executor` names this worker; the same name after a restart takes its own jobs up again."""

    def __init__(self, url: str, executor: str = "worker-1") -> None:
        self._url, self._executor = url, executor
        self._engine: sa.Engine | None = None
        self._client_: DBOSClient | None = None
        self._guard = threading.Lock()

    def enqueue(self, name: str, arguments: JsonMap | None = None) -> str:
        wish = _wish(name, arguments)
        first = self._enqueue(name, arguments, wish)
        if first.status == "PENDING":  # it runs already and may have passed what is asked for now
            return self._enqueue(name, arguments, f"{wish}:next").workflow_id
        return first.workflow_id

    def schedule(self, name: str, after_seconds: float, arguments: JsonMap | None = None) -> str:
        return self._enqueue(name, arguments, f"{name}:later", after_seconds).workflow_id

    def cancel(self, job_id: str) -> None:
        client = self._client()
        found = client.list_workflows(workflow_ids=[job_id])
        if found and found[0].status in ("ENQUEUED", "DELAYED"):
            client.cancel_workflow(job_id)

    def list(self, limit: int = 50) -> list[Job]:
        found = self._client().list_workflows(name=_WORKFLOW, limit=limit, sort_desc=True)
        return [_job(status) for status in found]

    def purge(self, keep: int = 50) -> int:
        client = self._client()
        ended = client.list_workflows(
            name=_WORKFLOW, status=_ENDED, sort_desc=True, load_input=False, load_output=False
        )
        old = [status.workflow_id for status in ended[keep:]]
        if old:
            client.delete_workflows(old)
        return len(old)

    def run_worker(self, handlers: Mapping[str, Handler], stop: threading.Event) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        self._migrate()
        DBOS(
            config={
                "name": "diptych",
                "application_version": APPLICATION_VERSION,
                "executor_id": self._executor,
                "system_database_url": self._url,
                "system_database_engine": self._own_engine(),
                "serializer": DBOSPortableJSONSerializer(),
                "enable_otlp": False,
                "log_level": "ERROR",
                "use_listen_notify": False,
                "scheduler_polling_interval_sec": 3600.0,
            }
        )

        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=1_000_000)
        def run_job(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            def act() -> dict[str, Any]:
                if name not in handlers:
                    raise UnknownJob(f"no handler for {name}")
                return dict(handlers[name](arguments, stop))

            return DBOS.run_step({"name": name}, act)

        DBOS.launch()
        try:
            DBOS.register_queue(
                _QUEUE,
                global_concurrency=1,
                worker_concurrency=1,
                polling_interval_sec=0.2,
                on_conflict="always_update",
            )
            heart = Takeover(self._own_engine(), self._client(), self._executor, _QUEUE)
            heart.run(stop)
        finally:
            DBOS.destroy(destroy_registry=True)

    def close(self) -> None:
        with self._guard:
            if self._client_ is not None:
                self._client_.destroy()
                self._client_ = None
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _enqueue(
        self, name: str, arguments: JsonMap | None, once: str, delay: float | None = None
    ) -> DbosStatus:
        options: dict[str, Any] = {
            "workflow_name": _WORKFLOW,
            "queue_name": _QUEUE,
            "app_version": APPLICATION_VERSION,
            "deduplication_id": once,
            "duplication_policy": "return-existing",
        }
        if delay is not None:
            options["delay_seconds"] = delay
        handle: Any = self._client().enqueue(options, name, dict(arguments or {}))  # type: ignore[arg-type]
        return handle.get_status()

    def _client(self) -> DBOSClient:
        with self._guard:
            if self._client_ is None:
                self._migrate()
                self._client_ = DBOSClient(
                    system_database_url=self._url,
                    system_database_engine=self._own_engine(),
                    serializer=DBOSPortableJSONSerializer(),
                    application_name="diptych",
                )
            return self._client_

    def _own_engine(self) -> sa.Engine:
        if self._engine is None:
            url = sa.make_url(self._url)
            if url.get_backend_name() == "sqlite":
                self._engine = sa.create_engine(url, connect_args={"timeout": 30})
                sa.event.listen(self._engine, "connect", _write_ahead)
            else:
                self._engine = sa.create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        return self._engine

    def _migrate(self) -> None:
        logging.getLogger("dbos").setLevel(logging.ERROR)
        with _one_at_a_time(self._url):
            DBOS.migrate(self._url)


def _write_ahead(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")  # a lost job is only asked for again
    cursor.close()


@contextmanager
def _one_at_a_time(url: str) -> Iterator[None]:
    """Two processes must not create the same SQLite file at once."""
    path = sa.make_url(url).database if url.startswith("sqlite") else None
    if path is None:
        yield
        return
    import fcntl

    with open(f"{path}.lock", "a") as lock:
        os.chmod(lock.name, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _wish(name: str, arguments: JsonMap | None) -> str:
    """One text for each thing that can be asked for."""
    return f"{name} {json.dumps(dict(arguments), sort_keys=True)}" if arguments else name


def _job(status: DbosStatus) -> Job:
    arguments: Mapping[str, Any] = status.input or {}
    positional = list(arguments.get("args") or ()) or ["?"]
    error = status.error
    return Job(
        status.workflow_id,
        str(positional[0]),
        _STATUS.get(status.status, JobStatus.FAILED),
        datetime.fromtimestamp((status.created_at or 0) / 1000, UTC),
        positional[1] if len(positional) > 1 else {},
        status.output if isinstance(status.output, dict) else None,
        None if error is None else f"{type(error).__name__}: {error}",
    )
