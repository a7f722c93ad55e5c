"""SIGKILL of the real process at the named crash points (correctness.md section 6) and at random moments of a load.

Whatever the moment: started again it goes on, both sides end up equal, each record is here once, and nothing was created
at the org.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.installation import Installation
from tests.practice_org.server import RunningOrg, start_practice_org

LOAD_POINTS = ["C-06", "C-07:2", "C-08:3", "C-09:4", "C-10", "C-21"]
FEED_POINTS = ["C-01", "C-02", "C-03", "C-04", "C-05"]
PUSH_POINTS = ["C-11", "C-12", "C-13", "C-14", "C-25"]
KILLS = 20


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=1_200) as running:
        yield running


@pytest.fixture(scope="module")
def started(org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Set up and switched on, nothing loaded."""
    return Installation(tmp_path_factory.mktemp("started") / "data", org).set_up()


@pytest.fixture(scope="module")
def loaded(started: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """After its initial load."""
    copy = started.copy(tmp_path_factory.mktemp("loaded") / "data")
    copy.sync()
    return copy


@pytest.fixture
def records_before(org: RunningOrg) -> dict[str, int]:
    return dict(org.control("state")["records"])


def some_leads(installation: Installation, count: int) -> list[tuple[int, str]]:
    """Person and lead ids of open leads that nothing is owed to."""
    return [
        (int(person), str(lead))
        for person, lead in installation.sql(
            "SELECT person_id, sf_id FROM pair WHERE object_name = 'Lead' AND state = 'paired'"
            " AND id NOT IN (SELECT pair_id FROM base) ORDER BY id LIMIT ?",
            count,
        )
    ]


@pytest.mark.parametrize("point", LOAD_POINTS)
def test_killed_while_loading(
    point: str, started: Installation, org: RunningOrg, records_before: dict[str, int], tmp_path: Path
) -> None:
    copy = started.copy(tmp_path / "data")
    copy.killed_at(point)
    copy.sync()
    copy.sync()
    copy.assert_whole()
    assert org.control("state")["records"] == records_before


@pytest.mark.parametrize("point", FEED_POINTS)
def test_killed_while_reading_changes(
    point: str, loaded: Installation, org: RunningOrg, records_before: dict[str, int], tmp_path: Path
) -> None:
    copy = loaded.copy(tmp_path / "data")
    leads = some_leads(copy, 3)
    with org.at_work() as sales:
        for _, lead in leads:
            sales.patch(f"sobjects/Lead/{lead}", json={"Title": f"seen at {point}"}).raise_for_status()
    copy.killed_at(point)
    copy.sync()
    assert {
        row[0] for row in copy.sql("SELECT title FROM person WHERE id IN (?, ?, ?)", *(p for p, _ in leads))
    } == {f"seen at {point}"}
    copy.assert_whole()
    assert org.control("state")["records"] == records_before


@pytest.mark.parametrize("point", PUSH_POINTS)
def test_killed_while_writing_back(
    point: str, loaded: Installation, org: RunningOrg, records_before: dict[str, int], tmp_path: Path
) -> None:
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    leads = some_leads(copy, 3)
    for person, _ in leads:
        copy.sql("UPDATE person SET title = ? WHERE id = ?", f"sent at {point}", person)
    copy.killed_at(point)
    copy.sync()
    copy.sync()
    with org.api() as api:
        for _, lead in leads:
            assert api.get(f"sobjects/Lead/{lead}?fields=Title").json()["Title"] == f"sent at {point}"
    copy.assert_whole()
    assert copy.sql("SELECT count(*) FROM v_conflicts") == [(0,)]
    assert org.control("state")["records"] == records_before


def test_killed_while_a_delete_is_taken_in(loaded: Installation, org: RunningOrg, tmp_path: Path) -> None:
    copy = loaded.copy(tmp_path / "data")
    ((person, lead),) = some_leads(copy, 1)
    with org.at_work("admin") as admin:
        assert admin.delete(f"sobjects/Lead/{lead}").status_code == 204
    copy.killed_at("C-17")
    copy.sync()
    assert copy.sql("SELECT salesforce_deleted, link_state FROM person WHERE id = ?", person) == [
        (1, "deleted")
    ]
    copy.sql("UPDATE person SET title = 'after its end' WHERE id = ?", person)
    copy.sync()
    with org.api("admin") as admin:
        assert admin.get(f"sobjects/Lead/{lead}").status_code == 404, "a deleted lead came back"
    copy.assert_whole()


def one_person(installation: Installation, *records: str) -> int:
    """The person of all these records."""
    places = ", ".join("?" * len(records))
    ((person,),) = installation.sql(
        f"SELECT DISTINCT person_id FROM pair WHERE sf_id IN ({places})", *records
    )
    return int(person)


def test_killed_while_a_merge_is_followed(loaded: Installation, org: RunningOrg, tmp_path: Path) -> None:
    """C-18: the two people are one, or two; never half of it."""
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    (stays, winner), (joins, loser) = some_leads(copy, 2)
    copy.sql("UPDATE person SET title = 'typed on the loser' WHERE id = ?", joins)
    org.does({"merge": {"winner": winner, "losers": [loser]}})
    copy.killed_at("C-18")
    assert copy.sql("SELECT state FROM pair WHERE sf_id = ?", loser) == [("paired",)]
    assert copy.sql("SELECT count(*) FROM person WHERE id IN (?, ?)", stays, joins) == [(2,)]
    copy.sync()
    copy.sync()
    assert one_person(copy, winner, loser) == stays
    with org.api() as api:
        assert api.get(f"sobjects/Lead/{winner}?fields=Title").json()["Title"] == "typed on the loser"
    assert copy.sql("SELECT now_id FROM person_redirect WHERE former_id = ?", joins) == [(stays,)]
    copy.assert_whole()


@pytest.mark.parametrize("existing", [False, True], ids=["new contact", "existing contact"])
def test_killed_while_a_conversion_is_followed(
    existing: bool, loaded: Installation, org: RunningOrg, tmp_path: Path
) -> None:
    """C-19: the lead has ended and its contact is linked, or neither."""
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    ((person, lead),) = some_leads(copy, 1)
    given: dict[str, object] = {"lead": lead, "no_opportunity": True}
    if existing:
        wanted = "SELECT Id, AccountId FROM Contact WHERE AccountId != null LIMIT 1"
        with org.api() as api:
            (found,) = api.get("query", params={"q": wanted}).json()["records"]
        given |= {"account": found["AccountId"], "contact": found["Id"]}
    copy.sql("UPDATE person SET title = 'typed on the lead' WHERE id = ?", person)
    contact = org.does({"convert": given})["contact"]
    before = copy.sql("SELECT person_id FROM pair WHERE sf_id = ?", contact)
    copy.killed_at("C-19")
    assert copy.sql("SELECT state FROM pair WHERE sf_id = ?", lead) == [("paired",)]
    copy.sync()
    copy.sync()
    assert one_person(copy, lead, contact) == (before[0][0] if existing else person)
    with org.api() as api:
        assert api.get(f"sobjects/Contact/{contact}?fields=Title").json()["Title"] == "typed on the lead"
    copy.assert_whole()


def test_killed_while_missing_records_are_told_apart(
    loaded: Installation, org: RunningOrg, tmp_path: Path
) -> None:
    copy = loaded.copy(tmp_path / "data")
    with org.at_work() as sales:  # of their own: no feed tells the other copies of a hard delete
        for name in ("Purged", "Erased"):
            values = {"LastName": name, "Company": "Acme"}
            sales.post("sobjects/Lead", json=values).raise_for_status()
    copy.sync()
    query = "SELECT id, salesforce_id FROM person WHERE last_name IN ('Purged', 'Erased') ORDER BY id"
    leads = [(int(person), str(lead)) for person, lead in copy.sql(query)]
    assert len(leads) == 2
    for person, lead in leads:
        copy.sql("UPDATE person SET title = 'never got there' WHERE id = ?", person)
        org.does({"hard_delete": lead})
    for point in ("C-17", "C-27"):
        copy.killed_at(point, "reconcile", "--object", "Lead")
    copy.diptych("reconcile")
    people = [person for person, _ in leads]
    ended = copy.sql("SELECT link_state, title FROM person WHERE id IN (?, ?)", *people)
    assert ended == [("deleted", "never got there")] * 2
    assert copy.sql("SELECT count(*) FROM v_dead_letters WHERE person_id IN (?, ?)", *people) == [(2,)]
    copy.assert_whole()


def test_killed_while_a_conflict_is_decided(loaded: Installation, org: RunningOrg, tmp_path: Path) -> None:
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    ((person, lead),) = some_leads(copy, 1)
    org.edit("Lead", lead, Title="theirs")
    copy.sql("UPDATE person SET title = 'ours' WHERE id = ?", person)
    copy.killed_at("C-22")
    copy.sync()
    copy.sync()
    logged = copy.sql(
        "SELECT column_name, ours_value, theirs_value, winner FROM v_conflicts WHERE person_id = ?", person
    )
    assert logged == [("title", "ours", "theirs", "salesforce")]
    copy.assert_whole()


def test_killed_while_a_record_is_parked(loaded: Installation, org: RunningOrg, tmp_path: Path) -> None:
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    ((person, lead),) = some_leads(copy, 1)
    copy.sql("UPDATE person SET title = ?, phone = '+34 600 000 000' WHERE id = ?", "x" * 300, person)
    copy.killed_at("C-23")
    copy.sync()
    copy.sync()
    letters = copy.sql("SELECT column_name, error_class FROM v_dead_letters WHERE person_id = ?", person)
    assert letters == [("title", "length")]
    with org.api() as api:
        assert api.get(f"sobjects/Lead/{lead}?fields=Phone").json()["Phone"] == "+34 600 000 000"


def test_killed_while_an_error_is_tried_again(loaded: Installation, org: RunningOrg, tmp_path: Path) -> None:
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    ((person, lead),) = some_leads(copy, 1)
    copy.sql("UPDATE person SET title = ? WHERE id = ?", "x" * 300, person)
    copy.sync()
    ((letter,),) = copy.sql("SELECT id FROM v_dead_letters WHERE person_id = ?", person)
    copy.killed_at("C-24", "errors", "--retry", str(letter))
    assert copy.sql("SELECT id FROM v_dead_letters WHERE person_id = ?", person) == [(letter,)], "still open"
    copy.sql("UPDATE person SET title = 'fits' WHERE id = ?", person)
    copy.diptych("errors", "--retry", str(letter))
    copy.sync()
    with org.api() as api:
        assert api.get(f"sobjects/Lead/{lead}?fields=Title").json()["Title"] == "fits"
    copy.assert_whole()


def test_killed_while_a_difference_is_mended(loaded: Installation, org: RunningOrg, tmp_path: Path) -> None:
    copy = loaded.copy(tmp_path / "data")
    copy.sync()
    leads = some_leads(copy, 2)
    with copy.database() as database:  # damage that no trigger tells of
        for person, _ in leads:
            database.execute("UPDATE person SET title = 'damaged' WHERE id = ?", (person,))
        database.execute("DELETE FROM base")
    compared = copy.verify()
    assert not compared["equal"]
    assert sum(len(o["differing"]) for o in compared["objects"]) == 2
    copy.killed_at("C-27", "verify", "--repair")
    copy.diptych("verify", "--repair")
    copy.assert_whole()


def rows_loaded(installation: Installation) -> int:
    return int(installation.sql("SELECT coalesce(sum(rows_applied), 0) FROM snapshot")[0][0])


def test_killed_at_random_moments_of_a_load(started: Installation, org: RunningOrg, tmp_path: Path) -> None:
    chance = random.Random(20261124)
    number = kills = in_the_middle = 0
    while kills < KILLS:
        number += 1
        assert number <= KILLS, "the load ended too soon each time"
        copy = started.copy(tmp_path / str(number))
        finished = False
        while kills < KILLS and not finished:
            loaded_before = rows_loaded(copy)
            with copy.start("sync", "--once", DIPTYCH_PAGE_ROWS="20") as process:
                while process.poll() is None and rows_loaded(copy) == loaded_before:
                    time.sleep(0.02)
                time.sleep(chance.uniform(0, 0.4))
                finished = process.poll() is not None
                process.kill()
            if not finished:
                kills += 1
                in_the_middle += rows_loaded(copy) > loaded_before
        copy.sync()
        copy.assert_whole()
    assert in_the_middle > KILLS // 2
