"""When the worker works: after the pause, at once for a change made here, not while paused, not again after a refused login."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from diptych.domain.outcome import ErrorClass, LoginFailed, OrgUnavailable, Problem
from diptych.setup.state import Step
from diptych.store import SqlStore, open_store
from diptych.store.queries import Queries
from diptych.worker import Worker


class FakeSpace:
    """As much of a workspace as a worker asks for."""

    def __init__(self, store: SqlStore) -> None:
        self.store, self.queries = store, Queries(store.reading)
        self.state = SimpleNamespace(step=Step.RUNNING, paused=False)
        self.setup = SimpleNamespace(state=lambda: self.state, pause_seconds=lambda: 3600.0)
        self.jobs = SimpleNamespace(purge=lambda: 0)
        self.trouble: Exception | None = None
        self.cycles = 0

    def run_cycle(self, **_: Any) -> Any:
        self.cycles += 1
        if self.trouble:
            raise self.trouble
        return SimpleNamespace(run_id=1, status="Succeeded", error=None, api_calls=2, counters=dict)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FakeSpace]:
    store = open_store(f"sqlite:///{tmp_path}/app.db")
    yield FakeSpace(store)
    store.close()


@pytest.fixture
def worker(space: FakeSpace) -> Worker:
    return Worker(space, threading.Event())  # type: ignore[arg-type]


def cycle(worker: Worker) -> Any:
    return worker.cycle({}, threading.Event())


def add_person(space: FakeSpace) -> None:
    with space.store.engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO person DEFAULT VALUES"))
        connection.execute(
            sa.text(
                "INSERT INTO change_log (person_id, table_name, column_name, side, actor, at) "
                "VALUES (1, 'person', 'x', 'ours', 'sql', '2026-01-01T00:00:00Z')"
            )
        )


def test_it_begins_at_once_and_then_waits(space: FakeSpace, worker: Worker) -> None:
    assert worker._due()
    assert cycle(worker)["status"] == "Succeeded"
    assert not worker._due()


def test_the_pause_ends(space: FakeSpace, worker: Worker) -> None:
    cycle(worker)
    space.setup.pause_seconds = lambda: 0.0
    assert worker._due()


def test_a_change_made_here_is_a_reason_not_to_wait(space: FakeSpace, worker: Worker) -> None:
    cycle(worker)
    assert not worker._due()
    add_person(space)
    assert worker._due()
    assert not worker._due()


def test_nothing_happens_before_the_start_or_while_paused(space: FakeSpace, worker: Worker) -> None:
    space.state = SimpleNamespace(step=Step.START, paused=False)
    assert not worker._due()
    assert cycle(worker) == {"status": "not started"}
    space.state = SimpleNamespace(step=Step.RUNNING, paused=True)
    assert not worker._due()
    assert cycle(worker) == {"status": "paused"}
    assert space.cycles == 0


def test_a_refused_login_is_not_tried_again_soon_but_when_asked_for(space: FakeSpace, worker: Worker) -> None:
    space.setup.pause_seconds = lambda: 0.0
    space.trouble = LoginFailed(Problem("INVALID_LOGIN", "Wrong password.", ErrorClass.LOGIN))
    assert "Wrong password" in cycle(worker)["error"]
    assert not worker._due()
    space.trouble = None
    assert cycle(worker)["status"] == "Succeeded"
    assert worker._due()


def test_an_org_that_cannot_be_reached_is_tried_again_after_the_pause(
    space: FakeSpace, worker: Worker
) -> None:
    space.trouble = OrgUnavailable(Problem("NO_ROUTE", "Not reachable.", ErrorClass.NETWORK))
    assert cycle(worker)["status"] == "Failed"
    assert not worker._due()
    space.setup.pause_seconds = lambda: 0.0
    assert worker._due()
