"""What the next cycle does, where a value came from and goes, and taking back what a run did: on their pages."""

from __future__ import annotations

import json
import re

from typer.testing import CliRunner

from diptych.cli.main import app
from diptych.services.planning import Fate, next_cycle
from diptych.wiring import Workspace
from tests.admin.conftest import Browser, admit, browser_of


def leads(loaded: Workspace, first: int, count: int) -> list[int]:
    rows = loaded.queries.people(salesforce_type="lead", link_state="lead", sort="id").rows
    return [int(row["id"]) for row in rows[first : first + count]]


def test_what_the_next_cycle_sends_and_what_is_kept_back(browser: Browser, loaded: Workspace) -> None:
    sent, refused = leads(loaded, 0, 2)
    loaded.store.edit_person("admin:alice", sent, {"title": "Chief <of> all"})
    loaded.store.edit_person("admin:alice", refused, {"last_name": None})
    found = next_cycle(loaded.store, loaded.clock.now())
    assert {(v.person_id, v.column): v.fate for v in found.values} == {
        (sent, "title"): Fate.SENT,
        (refused, "last_name"): Fate.REFUSED,
    }
    assert (found.records, found.sent, found.paused) == (2, 1, False) and "Lead" in found.read_up_to
    html = browser.get("/plan")
    assert "Chief &lt;of&gt; all" in html and "is sent" in html and "it becomes an error" in html
    assert "LastName cannot be blank" in html and 'href="/plan"' in browser.get("/salesforce")
    said = CliRunner().invoke(
        app, ["plan", "--json"], env={"DIPTYCH_DATA_DIR": str(loaded.settings.data_dir)}
    )
    assert [v["fate"] for v in json.loads(said.stdout)["values"]] == ["sent", "refused"], said.output
    loaded.run_cycle()
    assert [v.fate for v in next_cycle(loaded.store, loaded.clock.now()).values] == [Fate.ERROR]
    assert "an error holds it" in browser.get("/plan")
    loaded.setup.pause()
    assert "is paused" in browser.get("/plan")
    loaded.setup.resume()


def test_a_person_says_where_a_value_came_from_and_where_it_goes(browser: Browser, loaded: Workspace) -> None:
    (person,) = leads(loaded, 2, 1)
    loaded.store.edit_person("admin:alice", person, {"city": "Nantes"})
    html = browser.get(f"/people/{person}")
    city = html[html.index(f"/people/{person}/why?field=city") - 700 :][:1800]
    assert "admin:alice" in city and "Lead.City" in city and "both ways" in city
    assert "ours goes with the next sync" in city and "came with the Lead" in html and "only from" in html
    loaded.run_cycle()
    html = browser.get(f"/people/{person}")
    assert "ours goes with the next sync" not in html


def test_a_run_is_looked_at_and_taken_back(browser: Browser, loaded: Workspace) -> None:
    (person,) = leads(loaded, 3, 1)
    before = loaded.queries.person(person)
    loaded.store.edit_person("admin:alice", person, {"rating": "Cold", "title": "Gone again"})
    loaded.run_cycle()
    run = loaded.queries.runs(1)[0].id
    assert f'href="/runs/{run}/undo"' in browser.get(f"/runs/{run}")
    shown = browser.get(f"/runs/{run}/undo?person={person}&field=title")
    assert "Gone again" in shown and "Lead.Title" in shown and "Cold" not in shown
    said = browser.post(f"/runs/{run}/undo", person=str(person), field="title")
    assert "1 thing is put back by run" in said
    now = loaded.queries.person(person)
    assert before and now and now.values["title"] == before.values["title"] and now.values["rating"] == "Cold"
    number = re.search(r"put back by run (\d+)", said)
    assert number and "Gone again" in browser.get(f"/runs/{number.group(1)}/undo")
    assert "no such run" in browser.get("/runs/4711/undo", 404)
    assert "no such column" in browser.get(f"/runs/{run}/undo?field=nonsense", 404)


def test_nothing_is_planned_before_the_start(empty: Workspace) -> None:
    assert "has not been started" in admit(browser_of(empty)).get("/plan")
