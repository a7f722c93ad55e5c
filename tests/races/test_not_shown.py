"""Records that are not shown any more, over HTTP: hidden by sharing, deleted for good, many at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.races.stage import Stage
from tests.salesforce.practice import Practice, practice_org


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice_org(tmp_path_factory.mktemp("org")) as org:
        yield org


@pytest.fixture(scope="module")
def stage(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("here"), practice)
    made.sales.create_many("Lead", [{"LastName": f"Lee {n}", "Company": "Acme"} for n in range(60)])
    assert made.sync().status == "Succeeded"
    yield made
    made.close()


def leads(stage: Stage) -> list[str]:
    return [row[0] for row in stage.sql("SELECT sf_id FROM pair WHERE state = 'paired' ORDER BY sf_id")]


def state(stage: Stage, lead: str) -> tuple[str, str]:
    ((found, link),) = stage.sql(
        "SELECT q.state, p.link_state FROM pair AS q JOIN person AS p ON p.id = q.person_id WHERE q.sf_id = ?",
        lead,
    )
    return found, link


def test_hidden_by_sharing_it_waits_and_heals(stage: Stage) -> None:
    """An administrator makes leads private: two are not shared with the sync user. Marketing edits one of them meanwhile."""
    first, second, *others = leads(stage)
    stage.sales.show_only("Lead", others)
    stage.edit(first, title="Typed while it was hidden")
    stage.settled()
    assert state(stage, first) == ("hidden", "out_of_scope"), "the write that found no record has told"
    told = {c.name: c.status for c in stage.workspace.setup.preflight().checks if "sharing" in c.name}
    assert told == {"Lead: sharing": "warning", "Contact: sharing": "warning"}, "contacts as their accounts"
    (looked,) = stage.workspace.reconcile("Lead", look_only=True)
    assert looked.records == {first: "hidden", second: "hidden"} and state(stage, second)[0] == "paired"
    (done,) = stage.workspace.reconcile("Lead")
    assert done.gone == {"hidden": 2} and done.stopped is None
    assert state(stage, second) == ("hidden", "out_of_scope")
    assert stage.ours(first, "title") == "Typed while it was hidden"
    assert stage.sql("SELECT count(*) FROM v_dead_letters") == [(0,)]
    assert [o.hidden for o in stage.workspace.status().objects if o.object == "Lead"] == [2]
    assert "is hidden from the sync user" in stage.workspace.why(first)[0].records[0].holds[0]
    stage.sales.show_only("Lead", None)
    (done,) = stage.workspace.reconcile("Lead")
    assert done.shown_again == 2
    stage.settled()
    assert state(stage, first) == state(stage, second) == ("paired", "lead")
    assert stage.theirs("Lead", first, "Title") == "Typed while it was hidden"


def test_deleted_for_good_is_told_apart_from_the_recycle_bin(stage: Stage) -> None:
    purged, binned = leads(stage)[2:4]
    stage.edit(purged, title="Never got there")
    stage.sales.purge("Lead", purged)
    stage.sales.delete("Lead", binned)
    before = stage.practice.control("state")["records"]["Lead"]
    stage.settled()
    assert state(stage, purged) == state(stage, binned) == ("tombstoned", "deleted")
    ((code,),) = stage.sql("SELECT code FROM v_dead_letters WHERE salesforce_id = ?", purged)
    assert code == "ENTITY_IS_PURGED"
    assert "deleted in Salesforce for good" in stage.workspace.why(purged)[0].records[0].holds[-1]
    assert "recycle bin" in stage.workspace.why(binned)[0].records[0].holds[-1]
    stage.sales.undelete("Lead", binned)
    stage.settled()
    assert state(stage, binned) == ("paired", "lead")
    stage.sales.delete("Lead", binned)
    stage.settled()
    stage.sales.empty_bin(binned)
    stage.settled()
    assert state(stage, binned)[0] == "tombstoned"
    assert "for good" in stage.workspace.why(binned)[0].records[0].holds[-1]
    assert stage.practice.control("state")["records"]["Lead"] <= before, "nothing was made in their place"


def test_the_sync_user_loses_its_access_and_nobody_is_buried(stage: Stage) -> None:
    """More than half of all leads disappear at once: somebody looks first."""
    every = leads(stage)
    stage.sales.show_only("Lead", every[:3])
    (done,) = stage.workspace.reconcile("Lead")
    assert done.stopped is not None and "are not shown to the sync user any more" in done.stopped
    assert leads(stage) == every
    (shown,) = [o for o in stage.workspace.status().objects if o.object == "Lead"]
    assert shown.missing is not None and "diptych reconcile --object Lead --allow" in shown.missing
    stage.sales.show_only("Lead", None)
    (done,) = stage.workspace.reconcile("Lead")
    assert (done.stopped, done.gone) == (None, {})
    assert stage.workspace.verify()["equal"]


def test_the_object_itself_is_not_readable(stage: Stage) -> None:
    every, username = leads(stage), stage.practice.username
    stage.practice.control("users", {"username": username, "objects": {"Lead": []}})
    stage.settled()
    stage.workspace.reconcile()
    assert leads(stage) == every
    rights = ["Read", "Create", "Edit", "Delete"]
    stage.practice.control("users", {"username": username, "objects": {"Lead": rights}})
    stage.settled()
    assert leads(stage) == every
