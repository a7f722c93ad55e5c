from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.jobs.dbos_jobs import DbosJobs
from diptych.jobs.in_process import InProcessJobs
from diptych.jobs.place import jobs_place
from diptych.jobs.port import Jobs, JobStatus, JsonMap
from diptych.jobs.takeover import Takeover
from tests.jobs.jobs_contract import JobsContract, until, worker
from tests.postgres_server import PostgresServer


class TestInProcess(JobsContract):
    @pytest.fixture
    def jobs(self) -> Jobs:
        return InProcessJobs()


class TestDbosOnSqlite(JobsContract):
    @pytest.fixture
    def jobs(self, tmp_path: Path) -> Iterator[Jobs]:
        jobs = DbosJobs(f"sqlite:///{tmp_path}/jobs.sqlite")
        yield jobs
        jobs.close()


@pytest.mark.postgres
class TestDbosOnPostgres(JobsContract):
    @pytest.fixture
    def jobs(self, postgres: PostgresServer) -> Iterator[Jobs]:
        url = postgres.create_database()
        jobs = DbosJobs(url)
        yield jobs
        jobs.close()
        postgres.drop_database(url)


def test_a_job_whose_worker_was_killed_is_run_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    jobs = DbosJobs(url)
    job_id = jobs.enqueue("cycle")
    script = f"""
        import os, signal, threading
        from diptych.jobs.dbos_jobs import DbosJobs
        def die(arguments, stop):
            os.kill(os.getpid(), signal.SIGKILL)
        DbosJobs({url!r}).run_worker({{"cycle": die}}, threading.Event())
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=os.environ, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert jobs.list()[0].status is JobStatus.RUNNING
    with worker(jobs, {"cycle": lambda _, __: {"fine": True}}):
        until(lambda: jobs.list()[0].status is JobStatus.DONE)
    assert (jobs.list()[0].id, jobs.list()[0].result) == (job_id, {"fine": True})
    jobs.close()


def test_a_job_of_a_worker_that_never_comes_back_is_taken_up_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diptych.jobs.takeover.BEAT_SECONDS", 0.1)
    monkeypatch.setattr(Takeover.__init__, "__defaults__", (0.5,))
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    jobs = DbosJobs(url, executor="survivor")
    jobs.enqueue("cycle")
    script = f"""
        import os, signal, threading
        from diptych.jobs.dbos_jobs import DbosJobs
        def die(arguments, stop):
            os.kill(os.getpid(), signal.SIGKILL)
        DbosJobs({url!r}, executor="victim").run_worker({{"cycle": die}}, threading.Event())
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=os.environ, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    with worker(jobs, {"cycle": lambda _, __: {"by": "survivor"}}):
        until(lambda: jobs.list()[0].status is JobStatus.DONE)
    assert jobs.list()[0].result == {"by": "survivor"}
    jobs.close()


def test_a_worker_that_lives_keeps_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = DbosJobs(f"sqlite:///{tmp_path}/jobs.sqlite", executor="busy")
    going, go_on, runs = threading.Event(), threading.Event(), []

    def slow(_: JsonMap, __: threading.Event) -> JsonMap:
        runs.append(1)
        going.set()
        go_on.wait(30)
        return {}

    monkeypatch.setattr("diptych.jobs.takeover.BEAT_SECONDS", 0.05)
    jobs.enqueue("cycle")
    with worker(jobs, {"cycle": slow}):
        assert going.wait(30)
        peer = Takeover(jobs._own_engine(), jobs._client(), "peer", "diptych", dead_seconds=0.5)
        assert all(not peer.orphans() for _ in range(30) if not go_on.wait(0.05))
        go_on.set()
        until(lambda: jobs.list()[0].status is JobStatus.DONE)
    assert runs == [1]
    jobs.close()


def test_jobs_have_a_file_of_their_own_on_sqlite_only(tmp_path: Path) -> None:
    assert jobs_place(tmp_path, "sqlite:////x/app.db") == f"sqlite:///{tmp_path}/jobs.sqlite"
    assert jobs_place(tmp_path, "postgresql://u@h/d") == "postgresql://u@h/d"
