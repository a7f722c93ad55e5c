"""The operating pages: Salesforce, Sync status, Errors, Conflicts, Settings."""

from __future__ import annotations

import itertools
import json
import re
import threading

import pytest

from diptych.domain.merge import Conflict
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import PairState
from diptych.sync.ports import DeadLetter, PairChange
from diptych.sync.repair.reconcile import reconciled
from diptych.wiring import Workspace
from diptych.worker import Worker
from tests.admin.conftest import Browser

_places = itertools.count()  # an ignored value stays ignored: each test takes a person of its own


@pytest.fixture
def parked(loaded: Workspace) -> int:
    """A person whose title Salesforce would refuse: a dead letter of its own, by number."""
    person = loaded.queries.people(salesforce_type="lead", link_state="lead").rows[next(_places)]
    loaded.store.edit_person("test", person["id"], {"title": "x" * 300})
    loaded.run_cycle()
    (letter,), total = loaded.queries.dead_letters()
    assert total == 1
    return letter.id


def test_an_error_says_what_why_and_what_to_do_and_can_be_ignored(
    browser: Browser, loaded: Workspace, parked: int
) -> None:
    html = browser.get("/errors")
    assert "Lead.Title" in html and "too long" in html and "What to do:" in html and "tried by itself" in html
    (cause,) = loaded.queries.causes()
    assert f'value="{parked}"' in browser.get(f"/errors/{cause.key}")
    assert "off the list" in browser.post("/errors/ignore", letters=str(parked))
    assert "Nothing is wrong." in browser.get("/errors")
    assert "Lead.Title" in browser.get("/errors?status=ignored")


def test_what_salesforce_said_is_shown_as_text(browser: Browser, loaded: Workspace) -> None:
    row = loaded.queries.people(salesforce_type="lead").rows[-1]
    (pair,) = loaded.queries.person(row["id"]).pairs  # type: ignore[union-attr]
    said = Problem(
        "RULE", "<script>x</script> 5 % of", ErrorClass.VALIDATION, "<b>why</b> 5 % so", "<i>do</i>"
    )
    with loaded.store.transaction() as tx:
        tx.save(
            [PairChange(pair.id, row["id"], dead_letters=(DeadLetter("Push updates", said, "title"),))], None
        )
    (cause,) = loaded.queries.causes()
    for html in (browser.get("/errors"), browser.get(f"/errors/{cause.key}")):
        assert "&lt;b&gt;why&lt;/b&gt; 5 % so" in html and "<script>x" not in html and "<i>do" not in html
    with loaded.store.transaction() as tx:
        tx.save([PairChange(pair.id, row["id"], clear_dead_letters=True)], None)


def test_a_cause_is_quarantined_exported_filtered_and_put_back(
    browser: Browser, loaded: Workspace, parked: int
) -> None:
    (cause,) = loaded.queries.causes()
    assert "in quarantine" in browser.post("/errors/all", cause=cause.key, do="quarantined", status="open")
    assert loaded.queries.cause_totals()["quarantined"] == 1 and loaded.status().dead_letters == 0
    assert "Lead.Title" in browser.get("/errors?status=quarantined&object=Lead&class=length&field=Title")
    assert "No error is like that." in browser.get("/errors?status=quarantined&class=login")
    lines = browser.get("/errors.csv?status=quarantined").splitlines()
    assert len(lines) == 2 and lines[0].startswith("number,status,") and "STRING_TOO_LONG" in lines[1]
    assert "on the list again" in browser.post(
        "/errors/all", cause=cause.key, do="open", status="quarantined"
    )
    assert "nothing of that name" in browser.post("/errors/all", 422, cause=cause.key, do="shred")
    browser.get("/errors/0123456789ab", 404)
    browser.post("/errors/ignore", letters=str(parked))


def test_an_error_is_tried_again_once_its_value_fits(
    browser: Browser, loaded: Workspace, parked: int
) -> None:
    (letter,), _ = loaded.queries.dead_letters()
    loaded.store.edit_person("test", letter.person_id, {"title": "Short"})
    browser.post("/errors/retry", letters=str(parked))
    loaded.run_cycle()
    assert loaded.queries.dead_letters()[1] == 0
    assert "Nothing is wrong." in browser.get("/errors")


def test_numbers_that_are_none_do_nothing(browser: Browser, parked: int) -> None:
    browser.post("/errors/retry", letters="9999,x,,-1")
    assert "Lead.Title" in browser.get("/errors")
    assert "the winner is" in browser.post("/errors/decide", 422, letters=str(parked), winner="nobody")
    browser.post("/errors/ignore", letters=str(parked))


def test_steps_are_filtered_sorted_exported_and_refreshed(browser: Browser, loaded: Workspace) -> None:
    html = browser.get("/runs")
    assert "Initial sync" in html and "Succeeded" in html and 'data-poll="/runs/table"' in html
    only = browser.get("/runs/table?object=Lead&operation=Initial+sync&status=Succeeded&sort=started")
    assert only.count("<tr") == 2 and "Contact" not in only and 'aria-sort="ascending"' in only
    assert "No step is like that." in browser.get("/runs?until=2001-01-01T00:00")
    assert "is not a moment" in browser.get("/runs?since=soon", 422)
    lines = browser.get("/runs.csv?object=Lead").splitlines()
    assert lines[0].startswith("step,run,kind,started_at") and ",Lead,Initial sync,Succeeded,25," in lines[-1]
    assert 'data-poll="' not in browser.get("/runs?page=2")


def test_a_run_shows_what_it_did_to_whom(browser: Browser, loaded: Workspace, parked: int) -> None:
    (letter,), _ = loaded.queries.dead_letters()
    html = browser.get(f"/runs/{letter.run_id}")
    assert "To the error" in html and f"/errors/{letter.cause_key}" in html
    first = loaded.queries.runs(kind="initial load")[0]
    html = browser.get(f"/runs/{first.id}?what=new&object=Lead")
    assert "1 to 25 of 25" in html
    browser.get("/runs/999999", 404)
    browser.post("/errors/ignore", letters=str(parked))


def test_how_long_is_kept_is_a_setting(browser: Browser, loaded: Workspace) -> None:
    assert "kept for 120 days" in browser.post("/settings/keep", days="120")
    assert "120 days are kept" in browser.get("/runs")
    assert "Between 90" in browser.post("/settings/keep", 422, days="30")
    assert "not a number" in browser.post("/settings/keep", 422, days="few")


def test_pause_resume_and_the_state_at_the_top_right(browser: Browser, loaded: Workspace) -> None:
    browser.post("/salesforce/pause")
    assert loaded.setup.state().paused
    assert re.search(r'class="state paused"', browser.get("/salesforce"))
    browser.post("/salesforce/resume")
    assert not loaded.setup.state().paused


def test_a_comparison_is_shown_by_object(browser: Browser, loaded: Workspace) -> None:
    assert loaded.verify()["equal"]
    html = browser.get("/salesforce")
    assert html.count("equal</span>") == 4


def test_hidden_records_are_told_of_and_many_that_are_gone_are_allowed(
    browser: Browser, loaded: Workspace
) -> None:
    html = browser.get("/salesforce")
    assert "hidden from the sync user" not in html and "Look for missing records" in html
    person = loaded.queries.people(salesforce_type="lead", link_state="lead").rows[next(_places)]
    with loaded.store.transaction() as unit:
        lead = unit.linked(unit.mapping().of("Lead"), [person["salesforce_id"]])[person["salesforce_id"]].pair
        hidden = PairChange(lead.id, lead.person_id, state=PairState.HIDDEN, link_state="out_of_scope")
        unit.save([hidden], None)
        told = {"at": "2026-01-05T09:00:00Z", "done_at": "2026-01-05T09:00:00Z", "gone": {}}
        unit.save_setting(
            reconciled("Lead"), json.dumps({**told, "stopped": "70 of 90 Leads are not shown."})
        )
    html = browser.get("/salesforce")
    assert "Lead: 1 records are hidden from the sync user" in html and "70 of 90 Leads are not shown." in html
    assert "no longer visible" in browser.get("/people?link_state=out_of_scope")
    assert "not visible there; edits wait" in browser.get(f"/people/{person['id']}")
    assert "are looked for" in browser.post("/salesforce/reconcile")
    assert "is taken over, once" in browser.post("/salesforce/reconcile/Lead")
    assert "not an object" in browser.post("/salesforce/reconcile/Nothing", 422)
    stop = threading.Event()
    assert Worker(loaded, stop).reconcile({"object": "Lead", "allowed": False}, stop) == {"Lead": {}}
    assert "hidden from the sync user" not in browser.get("/salesforce")


def test_the_pause_between_cycles_is_checked(browser: Browser, loaded: Workspace) -> None:
    browser.post("/settings/pause", seconds="30")
    assert loaded.setup.pause_seconds() == 30
    assert "must be between" in browser.post("/settings/pause", 422, seconds="0")
    assert "number of seconds" in browser.post("/settings/pause", 422, seconds="soon")
    assert loaded.setup.pause_seconds() == 30


def test_only_guarded_objects_can_be_allowed_to_lose_many(browser: Browser, loaded: Workspace) -> None:
    assert "not an object" in browser.post("/settings/allow-deletes", 422, object="Account")
    browser.post("/settings/allow-deletes", object="Lead")
    with loaded.store.transaction() as unit:
        assert unit.setting("allow_mass_delete.Lead") == "yes"


def test_no_conflicts_is_said(browser: Browser, loaded: Workspace) -> None:
    assert "No conflicts so far." in browser.get("/conflicts")


def test_conflicts_are_searched_and_reversed(browser: Browser, loaded: Workspace) -> None:
    (row,) = loaded.queries.people(salesforce_type="lead", page_size=1).rows
    (pair,) = loaded.queries.person(row["id"]).pairs  # type: ignore[union-attr]
    loaded.store.edit_person("alice", row["id"], {"title": "Theirs"})
    lost = Conflict("title", None, "Ours", "Theirs", "salesforce", "most_complete")
    with loaded.store.transaction() as tx:
        tx.save([PairChange(pair.id, row["id"], conflicts=(lost,))], None)
    (conflict,), _ = loaded.queries.conflicts(person_id=row["id"])
    html = browser.get(f"/conflicts?person={row['id']}&column=title&winner=salesforce")
    assert "the fuller value" in html and "Reverse" in html
    assert "No conflict is like that." in browser.get("/conflicts?winner=ours&column=title")
    assert 'role="alert"' in browser.get("/conflicts?since=soon", 422)
    assert "in place again" in browser.post("/conflicts/reverse", conflict=str(conflict.id))
    assert loaded.queries.person(row["id"]).values["title"] == "Ours"  # type: ignore[union-attr]
    assert "stands already" in browser.post("/conflicts/reverse", conflict=str(conflict.id))
    loaded.store.edit_person("alice", row["id"], {"title": "Newer"})
    assert "edited since" in browser.post("/conflicts/reverse", 422, conflict=str(conflict.id))
    assert "no conflict" in browser.post("/conflicts/reverse", 422, conflict="zero").lower()
