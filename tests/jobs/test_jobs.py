from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.jobs.dbos_jobs import DbosJobs
from diptych.jobs.in_process import InProcessJobs
from diptych.jobs.place import jobs_place
from diptych.jobs.port import Jobs, JobStatus
from tests.jobs.jobs_contract import JobsContract, until, worker


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


def test_jobs_have_a_file_of_their_own_on_sqlite_only(tmp_path: Path) -> None:
    assert jobs_place(tmp_path, "sqlite:////x/app.db") == f"sqlite:///{tmp_path}/jobs.sqlite"
    assert jobs_place(tmp_path, "postgresql://u@h/d") == "postgresql://u@h/d"
