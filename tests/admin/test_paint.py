"""What a page costs does not grow with the number of people: counted in steps of SQLite's machine, not in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from benchmarks.pages import addresses
from benchmarks.past import make_past, scaled
from sqlalchemy import event

from diptych.wiring import Workspace
from tests.admin.conftest import Browser, admit, browser_of

EVERY = 200  # steps between two calls of the handler
ROOM = 4_000  # steps that a page may take more, however many people came: another page of an index, a longer number
ASKING = {"/setup/fields", "/setup/prepare", "/setup/prepare/org", "/setup/confirm"}
"""Pages that ask Salesforce much and the database nothing of people."""
GROWING = {
    # what is looked for has to be looked for in everybody
    "/people?search=smith",
    "/people?search=nobody-of-that-name",
    "/people?sort=name",
    # a page of which only the number is known: links say the id at its edge
    "/people?page=2000",
    # says of each column that is not synced how many values it holds, to the last one
    "/mapping/arrange",
    # says to the last one how many values a change would touch
    "/mapping/preview?name=Lead.Title&direction=inbound",
}


class Steps:
    """Steps of all statements of a workspace's database, counted while it is looked at."""

    def __init__(self) -> None:
        self.taken = 0

    def _more(self) -> None:
        self.taken += EVERY

    @contextmanager
    def counted(self, workspace: Workspace) -> Iterator[Steps]:
        def listen(connection: Any, *_: Any) -> None:
            connection.connection.driver_connection.set_progress_handler(self._more, EVERY)

        event.listen(workspace.store.engine, "before_cursor_execute", listen)
        try:
            yield self
        finally:
            event.remove(workspace.store.engine, "before_cursor_execute", listen)


def more_people(workspace: Workspace, count: int) -> None:
    """People as a load brings them, without a past of their own."""
    with workspace.store.transaction() as unit:
        unit._engine_writes()
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})"
        last = unit.connection.execute(sa.text("SELECT max(id) FROM person")).scalar_one()
        for statement in (
            f"INSERT INTO person (id, last_name, salesforce_id, salesforce_type, link_state) {numbers} "
            "SELECT :last + i, 'Name ' || i, '00Q9' || (:last + i), 'lead', 'lead' FROM n",
            f"INSERT INTO pair (person_id, object_name, sf_id, state) {numbers} "
            "SELECT :last + i, 'Lead', '00Q9' || (:last + i), 'paired' FROM n",
        ):
            unit.connection.execute(sa.text(statement), {"last": last})


@pytest.fixture(scope="module")
def aged(loaded: Workspace) -> Workspace:
    """A workspace with a past, and enough people to fill any page and any sample."""
    more_people(loaded, 11_000)
    make_past(loaded.store, loaded.clock.now(), scaled(0.004))
    return loaded


def steps_of(browser: Browser, workspace: Workspace, pages: list[str]) -> dict[str, int]:
    found = {}
    for page in pages:
        browser.app.state.live.forget()
        browser.app.state.throughput = None
        with Steps().counted(workspace) as steps:
            answer = browser.client.get(
                page, headers={"Sec-Fetch-Site": "same-origin"}, follow_redirects=False
            )
        assert answer.status_code < 500 or page.endswith("/why"), (page, answer.text)
        found[page] = steps.taken
    return found


def test_no_page_costs_more_when_there_are_more_people(aged: Workspace) -> None:
    browser = admit(browser_of(aged))
    pages = [page for page in addresses(aged) if page not in GROWING | ASKING]
    browser.get("/people")
    before = steps_of(browser, aged, pages)
    more_people(aged, 11_000)
    after = steps_of(browser, aged, pages)
    grown = {page: (before[page], after[page]) for page in pages if after[page] > before[page] + ROOM}
    assert grown == {}
    assert len(pages) > 60
