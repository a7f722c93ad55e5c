"""Races in which syncs lose data, each as a story over HTTP: what people do, what both sides must show afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.creating import NewRecord
from diptych.domain.outcome import Outcome
from diptych.salesforce.org import SalesforceOrg
from diptych.store.values_at_rest import unpack
from diptych.sync.outbound import wishes
from diptych.sync.ports import Write
from practice_org.data import dml
from tests.acceptance.installation import Installation
from tests.races.stage import Stage
from tests.salesforce.practice import Practice, Salesperson, practice_org

MINUTE = 60


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice_org(tmp_path_factory.mktemp("org"), records=10) as org:
        yield org


@pytest.fixture(scope="module")
def stage(practice: Practice, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("here"), practice)
    assert made.sync().status == "Succeeded"
    yield made
    made.close()


def a_lead(stage: Stage, name: str, **values: object) -> str:
    lead = stage.sales.create("Lead", LastName=name, Company="Race", **values)
    stage.settled()
    return lead


def test_a_row_committed_eleven_minutes_late(stage: Stage) -> None:
    """A long transaction stamps its row when it begins and commits it eleven minutes later; meanwhile cycles go by."""
    lead = a_lead(stage, "Late", City="Bonn")
    stage.sales.edit("Lead", lead, late_by=11 * MINUTE, City="Rom")
    for _ in range(3):
        stage.sales.advance(3 * MINUTE)
        stage.sync()
        assert stage.ours(lead, "city") == "Bonn"  # nobody can see it yet
    stage.sales.advance(3 * MINUTE)
    stage.sync()
    assert stage.theirs("Lead", lead, "City") == stage.ours(lead, "city") == "Rom"


def test_every_write_was_noted_and_committed_before_it_left(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks into the database at the moment a write leaves - as the next process would, were this one killed - finds
    just these values in flight, under the attempt that the request bears; so for creations."""
    leads = [a_lead(stage, f"Noted {n}", City="Bonn") for n in range(3)]
    columns = dict(stage.sql("SELECT field, column_name FROM field_mapping WHERE object_name = 'Lead'"))
    update, create, seen = SalesforceOrg.update, SalesforceOrg.create, list[str]()

    def in_flight(where: str, key: str) -> tuple[object, str]:
        ((values, attempt),) = stage.sql(f"SELECT inflight, attempt_id FROM pair WHERE {where} = ?", key)
        return unpack(values), attempt

    def updating(org: SalesforceOrg, name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
        for write in writes:
            values = {columns[field]: value for field, value in write.values.items()}
            assert in_flight("sf_id", write.sf_id) == (values, attempt_id)
            seen.append(write.sf_id)
        return update(org, name, writes, attempt_id)

    def creating(
        org: SalesforceOrg, name: str, new: Sequence[NewRecord], attempt_id: str, *more: Any
    ) -> list[Outcome]:
        for one in new:
            values, attempt = in_flight("ext_key", one.key)
            assert attempt == attempt_id and isinstance(values, dict) and values["last_name"] == "Made here"
            seen.append("new")
        return create(org, name, new, attempt_id, *more)

    monkeypatch.setattr(SalesforceOrg, "update", updating)
    monkeypatch.setattr(SalesforceOrg, "create", creating)
    for number, lead in enumerate(leads):
        stage.edit(lead, city="Rom", title=f"Title {number}" if number else None)
    stage.sql("INSERT INTO person (last_name, company_name) VALUES ('Made here', 'Race')")
    ((made,),) = stage.sql("SELECT id FROM person WHERE last_name = 'Made here'")
    wishes.ask(stage.workspace.store, made, stage.workspace.clock.now(), False)
    stage.settled()
    assert sorted(seen) == sorted([*leads, "new"])
    assert stage.sql("SELECT count(*) FROM pair WHERE inflight IS NOT NULL") == [(0,)]


def test_the_text_na(stage: Stage, tmp_path: Path) -> None:
    """Words that CSV libraries take for 'nothing' are names of people and places; through bulk load, feed and write-back."""
    words = ["NA", "N/A", "#N/A", "null", "NULL", "None", "nan", "NaN", "-", "0", "false"]
    leads = {w: stage.sales.create("Lead", LastName=w, Company="Race", City=w) for w in words}
    stage.settled()
    assert {word: stage.ours(lead, "city") for word, lead in leads.items()} == {word: word for word in words}

    with_load = Stage(tmp_path / "second", stage.practice)  # the same records by bulk load
    with_load.sync()
    assert {w: with_load.ours(lead, "last_name") for w, lead in leads.items()} == {
        word: word for word in words
    }
    with_load.close()

    blank = a_lead(stage, "Blank", City="NA")
    stage.edit(blank, city=None, title="NA")
    stage.settled()
    assert (stage.theirs("Lead", blank, "City"), stage.theirs("Lead", blank, "Title")) == (None, "NA")


def test_a_merge_then_an_update_of_the_loser(stage: Stage) -> None:
    """Two leads are merged in Salesforce; before we know, somebody here edits the one that has lost."""
    winner, loser = a_lead(stage, "Winner", City="Bonn"), a_lead(stage, "Loser", City="Rom")
    stays = stage.sql("SELECT person_id FROM pair WHERE sf_id = ?", winner)
    stage.sales.merge(winner, loser)
    stage.edit(loser, title="Edited after the merge")
    stage.settled()
    stage.settled()
    # the loser stays dead there, and what was typed here is on the winner, on both sides
    assert stage.theirs("Lead", loser, "IsDeleted") == 1
    assert stage.theirs("Lead", loser, "Title") is None
    ended = stage.sql("SELECT state, redirect_to FROM pair WHERE sf_id = ?", loser)
    assert ended == [("redirected", winner)]
    assert stage.sql("SELECT person_id FROM pair WHERE sf_id = ?", loser) == stays
    assert stage.theirs("Lead", winner, "Title") == stage.ours(winner, "title") == "Edited after the merge"
    assert not _letters(stage, stays[0][0])


def test_a_conversion_then_an_update_of_the_lead(stage: Stage) -> None:
    """A salesperson converts the lead; before we know, marketing edits it. Converted leads cannot be written."""
    lead = a_lead(stage, "Convert", City="Bonn")
    person = stage.sql("SELECT person_id FROM pair WHERE sf_id = ?", lead)[0][0]
    contact = stage.sales.convert(lead)
    stage.edit(lead, title="Edited after the conversion")
    stage.settled()
    stage.settled()
    assert stage.sql("SELECT person_id, state FROM pair WHERE sf_id = ?", lead) == [(person, "converted")]
    assert stage.sql("SELECT person_id, state FROM pair WHERE sf_id = ?", contact) == [(person, "paired")]
    typed = "Edited after the conversion"
    assert stage.theirs("Contact", contact, "Title") == stage.ours(contact, "title") == typed
    assert stage.theirs("Lead", lead, "Title") is None and not _letters(stage, person)
    leads = stage.practice.inside.reader().execute(
        'SELECT count(*) FROM "Lead" WHERE "LastName" = \'Convert\''
    )
    assert leads.fetchone()[0] == 1  # and no third record was made


def test_the_limit_is_exceeded_in_mid_load(practice: Practice, tmp_path: Path) -> None:
    """The org's daily calls run out while the initial load is under way: it waits, and then goes on where it was."""
    stage = Stage(tmp_path / "data", practice, page_rows=100)
    used_up = {"trigger": "bulk", "after_n": 4, "times": 50, "status": 403}
    practice.control("faults", {**used_up, "error_code": "REQUEST_LIMIT_EXCEEDED"})
    stopped = stage.sync()
    practice.control("faults", method="DELETE")
    assert stopped.status != "Succeeded" and "limit" in (stopped.error or "").lower()
    assert stage.sync().status == "Succeeded"
    stage.sync()
    assert stage.workspace.verify()["equal"]
    assert stage.sql(
        "SELECT count(*) FROM (SELECT sf_id FROM pair GROUP BY object_name, sf_id HAVING count(*) > 1)"
    ) == [(0,)]
    stage.close()


def test_sigkill_at_every_step(practice: Practice, tmp_path: Path) -> None:
    """kill -9 of the real process in the load, in the feed and around a write; started again, it is as if nothing had
    happened. (tests/acceptance/test_kill.py does the same at every named point, and at random moments.)"""
    here = Installation(tmp_path / "data", practice).set_up()
    sales, records = Salesperson(practice), practice.control("state")["records"]
    for point in ("C-06", "C-09:2"):
        here.killed_at(point)
    here.sync()
    ((person, lead),) = here.sql(
        "SELECT person_id, sf_id FROM pair WHERE object_name = 'Lead' AND state = 'paired' ORDER BY id LIMIT 1"
    )
    sales.edit("Lead", lead, City="Seen")
    here.killed_at("C-03")
    here.sync()
    assert here.sql("SELECT city FROM person WHERE id = ?", person) == [("Seen",)]
    for point in ("C-11", "C-12", "C-13"):
        here.sql("UPDATE person SET title = ? WHERE id = ?", point, person)
        here.killed_at(point)
        here.sync()
        here.sync()
        assert sales.value("Lead", lead, "Title") == point
    here.assert_whole()
    assert here.sql("SELECT count(*) FROM v_conflicts") == [(0,)]
    assert practice.control("state")["records"] == records  # nothing was made twice


def test_different_fields_then_the_same_field_edited_on_both_sides(stage: Stage) -> None:
    """Different fields: both edits stay. The same field: one wins by the policy, the other is kept in the conflict log."""
    lead = a_lead(stage, "Both", City="Bonn", Title="Chief")
    stage.edit(lead, title="Ours")
    stage.sales.edit("Lead", lead, City="Theirs")
    stage.settled()
    assert (stage.theirs("Lead", lead, "Title"), stage.ours(lead, "city")) == ("Ours", "Theirs")
    assert stage.sql("SELECT count(*) FROM v_conflicts WHERE salesforce_id = ?", lead) == [(0,)]

    stage.edit(lead, city="Ours again")
    stage.sales.edit("Lead", lead, City="Theirs again")
    stage.settled()
    ((winner, lost_ours, lost_theirs),) = stage.sql(
        "SELECT winner, ours_value, theirs_value FROM v_conflicts WHERE salesforce_id = ?", lead
    )
    assert (lost_ours, lost_theirs) == ("Ours again", "Theirs again")
    expected = lost_ours if winner == "ours" else lost_theirs
    assert stage.theirs("Lead", lead, "City") == stage.ours(lead, "city") == expected

    lines = stage.sql("SELECT count(*) FROM change_log")
    stage.settled()
    stage.settled()
    assert stage.sql("SELECT count(*) FROM change_log") == lines  # and then there is rest: no flip-flop


def test_a_record_deleted_for_good(stage: Stage) -> None:
    """Hard delete: the record skips the recycle bin. It must not come back by an edit here, nor be taken for alive."""
    lead, kept = a_lead(stage, "Gone", City="Bonn"), a_lead(stage, "Stays", City="Bonn")
    admin = stage.practice.user("admin")["user_id"]
    obj = dml.object_named(stage.practice.inside, "Lead")
    access = stage.practice.inside
    (outcome,) = dml.apply(access, admin, [dml.Write("delete", obj, lead, {})])
    assert outcome.error is None
    (outcome,) = dml.apply(access, admin, [dml.Write("emptyRecycleBin", obj, lead, {})])
    assert outcome.error is None
    person = stage.sql("SELECT person_id FROM pair WHERE sf_id = ?", lead)[0][0]
    count = stage.practice.control("state")["records"]["Lead"]
    stage.sql("UPDATE person SET city = 'Edited after the delete' WHERE id = ?", person)
    stage.edit(kept, city="Kiel")
    for _ in range(3):
        stage.settled()
    assert stage.practice.control("state")["records"]["Lead"] == count  # nothing was created in its place
    assert stage.theirs("Lead", kept, "City") == "Kiel"  # and nothing else was held up
    assert stage.sql("SELECT city FROM person WHERE id = ?", person) == [("Edited after the delete",)]


def test_five_thousand_rows_in_one_second(stage: Stage) -> None:
    """A bulk import stamps 5,000 rows with one and the same second: more than one page of the feed."""
    before = stage.sql("SELECT count(*) FROM person")[0][0]
    with stage.sales.frozen():
        ids = [
            sf_id
            for start in range(0, 5_000, 1_000)
            for sf_id in stage.sales.create_many(
                "Lead",
                [{"LastName": f"Row {start + n}", "Company": "Race"} for n in range(1_000)],
            )
        ]
        assert len({stage.theirs("Lead", sf_id, "SystemModstamp") for sf_id in ids[::500]}) == 1
        stage.sync()
    stage.settled()
    assert stage.sql("SELECT count(*) FROM person")[0][0] == before + 5_000
    assert (
        stage.sql("SELECT count(*), count(DISTINCT sf_id) FROM pair WHERE object_name = 'Lead'")[0][0]
        >= 5_000
    )
    compared = stage.workspace.verify()
    (found,) = [one for one in compared["objects"] if one["object"] == "Lead"]
    # what another race purged for good in this org is named there, and rightly
    assert {one["kind"] for one in found["differing"]} <= {"missing_there"}
    assert not {one["id"] for one in found["differing"]} & set(ids), found["differing"]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_a_bulk_result_larger_than_memory() -> None:
    """200 MB of result in a process that may hold 150 MB, interpreter and all; `make soak` loads 2 GB in 256 MB."""
    arguments = ["--megabytes", "200", "--limit", "150", "--part-rows", "1000"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.races.large_result", *arguments],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["stored"] == found["rows"] > 50_000


def _letters(stage: Stage, person: int) -> list[tuple[object, ...]]:
    return stage.sql("SELECT message FROM v_dead_letters WHERE person_id = ?", person)
