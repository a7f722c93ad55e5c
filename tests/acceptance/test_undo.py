"""`diptych undo` as it is installed, over HTTP: both sides have the old value again, also after SIGKILL on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.acceptance.installation import Installation
from tests.salesforce.practice import Practice, Salesperson, practice_org


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice_org(tmp_path_factory.mktemp("org"), records=30) as running:
        yield running


@pytest.fixture(scope="module")
def installation(org: Practice, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("undo") / "data", org, DIPTYCH_OVERLAP_MINUTES="1").set_up()
    made.sync()
    return made


def undo(installation: Installation, *arguments: str) -> Any:
    return json.loads(installation.diptych("undo", *arguments, "--json"))


def test_a_run_is_put_back_on_both_sides_even_when_killed_on_the_way(
    installation: Installation, org: Practice
) -> None:
    people = installation.sql(
        "SELECT person_id, sf_id FROM pair WHERE object_name = 'Lead' AND state = 'paired' ORDER BY id LIMIT 3"
    )
    sales = Salesperson(org)
    org.later()
    before = {sf_id: sales.value("Lead", sf_id, "City") for _, sf_id in people}
    for _, sf_id in people:
        sales.edit("Lead", sf_id, City="Rom")
    installation.sync()
    ((run,),) = installation.sql(
        "SELECT max(run_id) FROM change_log WHERE column_name = 'city' AND new_value = 'Rom'"
    )

    shown = undo(installation, str(run))
    assert (shown["restored"], shown["done"]) == (3, False)
    assert {sales.value("Lead", sf_id, "City") for _, sf_id in people} == {"Rom"}

    # somebody goes on from one of them here, from another in Salesforce, before the feed knows
    edited_here, edited_there, free = people
    installation.sql("UPDATE person SET city = 'Oslo' WHERE id = ?", edited_here[0])
    org.edit("Lead", edited_there[1], City="Lima")

    done = installation.run("undo", str(run), "--yes", DIPTYCH_CRASHPOINT="C-32")
    assert done.returncode == -9
    finished = undo(installation, str(run), "--yes")
    assert finished["done"]
    installation.sync()
    assert sales.value("Lead", free[1], "City") == before[free[1]]
    assert sales.value("Lead", edited_here[1], "City") == "Oslo"
    assert sales.value("Lead", edited_there[1], "City") == "Lima"
    installation.assert_whole()

    again = undo(installation, str(run))
    assert again["restored"] == 0
    assert any("newer edit: here by sql" in (i["refused"] or "") for i in again["items"])
    assert any("put it back already" in (i["refused"] or "") for i in again["items"])

    undo(installation, str(finished["undo_run"]), "--yes")
    installation.sync()
    assert sales.value("Lead", free[1], "City") == "Rom"
    installation.assert_whole()


def test_why_tells_the_whole_story(installation: Installation, org: Practice) -> None:
    ((person_id, sf_id),) = installation.sql(
        "SELECT person_id, sf_id FROM pair WHERE object_name = 'Contact' AND state = 'paired' ORDER BY id LIMIT 1"
    )
    installation.sql("UPDATE person SET title = 'Chief' WHERE id = ?", person_id)
    installation.sync()
    org.edit("Contact", sf_id, Title="Boss")
    for asked in (str(person_id), sf_id):
        (answer,) = json.loads(installation.diptych("why", asked, "title", "--json"))
        assert (answer["ours"], answer["records"][0]["theirs"]) == ("Chief", "Boss")
        assert answer["records"][0]["holds"] == ["Nothing holds it: the next sync takes Salesforce's in."]
        assert [c["kind"] for c in answer["causes"]][:2] == ["sent", "edit"]
        assert answer["causes"][-1]["kind"] == "rule"
    assert "came from Salesforce" in installation.diptych("why", str(person_id))
    assert "does not show Lead" in installation.diptych("why", "00Q000000000001AAA")
    assert "no column nope" in installation.run("why", "1", "nope").stderr


def test_a_run_that_is_not_there_or_a_column_that_is_not(installation: Installation) -> None:
    for arguments, said in (
        (("99999",), "There is no run 99999"),
        (("1", "--field", "nope"), "There is no column nope"),
    ):
        failed = installation.run("undo", *arguments)
        assert failed.returncode == 1 and said in failed.stderr and len(failed.stderr.splitlines()) == 1
