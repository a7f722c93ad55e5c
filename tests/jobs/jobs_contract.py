"""What every jobs adapter must do. Subclasses give a `jobs` fixture."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from diptych.jobs.port import Handler, Jobs, JobStatus, JsonMap


@contextmanager
def worker(jobs: Jobs, handlers: Mapping[str, Handler]) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=jobs.run_worker, args=(handlers, stop))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def until(happened: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


class JobsContract:
    def test_a_job_runs_with_its_arguments_and_keeps_its_result(self, jobs: Jobs) -> None:
        job_id = jobs.enqueue("double", {"n": 21})
        assert [(j.id, j.name, j.status) for j in jobs.list()] == [(job_id, "double", JobStatus.WAITING)]
        with worker(jobs, {"double": lambda given, _: {"twice": int(str(given["n"])) * 2}}):
            until(lambda: jobs.list()[0].status is JobStatus.DONE)
        assert jobs.list()[0].result == {"twice": 42}

    def test_a_waiting_job_is_not_queued_twice(self, jobs: Jobs) -> None:
        assert jobs.enqueue("cycle") == jobs.enqueue("cycle")
        assert jobs.enqueue("verify") != jobs.enqueue("cycle")
        assert len(jobs.list()) == 2

    def test_what_is_asked_for_with_other_arguments_is_a_job_of_its_own(self, jobs: Jobs) -> None:
        leads = jobs.enqueue("reconcile", {"object": "Lead"})
        assert jobs.enqueue("reconcile", {"object": "Contact"}) != leads
        assert jobs.enqueue("reconcile", {"object": "Lead"}) == leads
        asked: list[object] = []

        def note(given: JsonMap, _: threading.Event) -> JsonMap:
            asked.append(given["object"])
            return {}

        with worker(jobs, {"reconcile": note}):
            until(lambda: len(asked) == 2)
        assert sorted(map(str, asked)) == ["Contact", "Lead"]

    def test_asking_while_it_runs_runs_it_once_more(self, jobs: Jobs) -> None:
        going, go_on, runs = threading.Event(), threading.Event(), []

        def slow(_: JsonMap, __: threading.Event) -> JsonMap:
            runs.append(1)
            going.set()
            go_on.wait(30)
            return {}

        first = jobs.enqueue("cycle")
        with worker(jobs, {"cycle": slow}):
            assert going.wait(30)
            second = jobs.enqueue("cycle")
            assert second != first
            assert jobs.enqueue("cycle") == second
            go_on.set()
            until(lambda: len(runs) == 2)
            until(lambda: all(j.status is JobStatus.DONE for j in jobs.list()))

    def test_jobs_run_one_at_a_time(self, jobs: Jobs) -> None:
        at_once, most, done = [0], [0], []

        def count(_: JsonMap, __: threading.Event) -> JsonMap:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            time.sleep(0.05)
            at_once[0] -= 1
            done.append(1)
            return {}

        for name in ("a", "b", "c"):
            jobs.enqueue(name)
        with worker(jobs, dict.fromkeys("abc", count)):
            until(lambda: len(done) == 3)
        assert most == [1]

    def test_a_failing_job_says_why_and_stops_no_other(self, jobs: Jobs) -> None:
        def fail(_: JsonMap, __: threading.Event) -> JsonMap:
            raise ValueError("no such thing")

        bad, good = jobs.enqueue("bad"), jobs.enqueue("good")
        unknown = jobs.enqueue("unknown")
        with worker(jobs, {"bad": fail, "good": lambda _, __: {}}):
            until(lambda: all(j.status not in (JobStatus.WAITING, JobStatus.RUNNING) for j in jobs.list()))
        by_id = {j.id: j for j in jobs.list()}
        assert by_id[bad].status is JobStatus.FAILED
        assert "no such thing" in (by_id[bad].error or "")
        assert by_id[good].status is JobStatus.DONE
        assert by_id[unknown].status is JobStatus.FAILED

    def test_a_cancelled_job_does_not_run(self, jobs: Jobs) -> None:
        ran: list[str] = []
        jobs.cancel(jobs.enqueue("a"))
        jobs.enqueue("b")

        def note(name: str) -> Handler:
            def act(_: JsonMap, __: threading.Event) -> JsonMap:
                ran.append(name)
                return {}

            return act

        with worker(jobs, {"a": note("a"), "b": note("b")}):
            until(lambda: ran == ["b"])
        assert JobStatus.CANCELLED in {j.status for j in jobs.list()}

    def test_a_scheduled_job_waits_and_one_asked_for_now_does_not(self, jobs: Jobs) -> None:
        later = jobs.schedule("cycle", 3600)
        assert jobs.schedule("cycle", 10) == later
        ran: list[int] = []

        def note(_: JsonMap, __: threading.Event) -> JsonMap:
            ran.append(1)
            return {}

        soon = jobs.enqueue("cycle")
        assert soon != later
        with worker(jobs, {"cycle": note}):
            until(lambda: bool(ran))
        by_id = {j.id: j for j in jobs.list()}
        assert by_id[later].status is JobStatus.WAITING

    def test_purge_forgets_ended_jobs_only(self, jobs: Jobs) -> None:
        for name in ("a", "b", "c"):
            jobs.enqueue(name)
        with worker(jobs, dict.fromkeys("abc", lambda _, __: {})):
            until(lambda: all(j.status is JobStatus.DONE for j in jobs.list()))
        waiting = jobs.enqueue("d")
        assert jobs.purge(keep=1) == 2
        assert {j.id for j in jobs.list()} >= {waiting}
        assert len(jobs.list()) == 2
