"""Creating people in Salesforce with the installed command, against a practice org over HTTP."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.creating import KEY_FIELD
from tests.cli.conftest import Terminal
from tests.practice_org.server import RunningOrg, start_practice_org


@pytest.fixture(scope="module")
def practice_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=20) as running:
        for name in ("Lead", "Contact"):
            field = {"object": name, "name": KEY_FIELD, "type": "Text", "length": 40, "label": "Diptych Key"}
            running.control("fields", {**field, "unique": True, "external_id": True})
        rights = {"Lead": ["Read", "Create", "Edit"]}
        running.control("users", {"username": running.username, "objects": rights})
        yield running


def insert(terminal: Terminal, **values: Any) -> int:
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database, database:
        names = ", ".join(values)
        made = database.execute(
            f"INSERT INTO person ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
        )
        return int(made.lastrowid or 0)


def row(terminal: Terminal, number: int, column: str) -> Any:
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database:
        return database.execute(f"SELECT {column} FROM person WHERE id = ?", (number,)).fetchone()[0]


def leads(practice_org: RunningOrg, email: str) -> list[dict[str, Any]]:
    with practice_org.api("sales") as api:
        text = f"SELECT Id, LastName, Company, {KEY_FIELD} FROM Lead WHERE Email = '{email}'"
        return list(api.get("query", params={"q": text}).json()["records"])


def test_a_person_inserted_by_sql_becomes_exactly_one_lead(
    loaded: Terminal, practice_org: RunningOrg
) -> None:
    terminal = loaded
    number = insert(terminal, last_name="Ode", company_name="Acme", email="ode@one.example")
    other = insert(terminal, last_name="Una", company_name="Acme", email="una@two.example")
    text = "email contains '@one.example'"
    found = terminal.json("create-rule", "preview", text)
    assert (found["people"], found["waiting"], found["sample"][0]["id"]) == (1, 0, number)
    terminal("create-rule", "set", text, "--yes")
    assert terminal.json("create-rule", "show")["filter"] == 'email contains "@one.example"'
    counters = terminal.json("sync", "--once")
    assert counters["objects"]["Lead"]["created"] == 1
    (lead,) = leads(practice_org, "ode@one.example")
    assert lead[KEY_FIELD]
    assert (row(terminal, number, "salesforce_id"), row(terminal, number, "link_state")) == (
        lead["Id"],
        "lead",
    )
    assert leads(practice_org, "una@two.example") == []
    terminal(
        "sync", "--once"
    )  # takes in what Salesforce has filled: the owner, the status, when it was created
    idle = terminal.json("sync", "--once")
    assert sum(n for o in idle["objects"].values() for n in o.values()) == 0
    terminal("people", "sync", str(other))
    assert "has a record" in terminal.refused("people", "sync", str(number))
    assert "no person" in terminal.refused("people", "sync", "99999")
    terminal("sync", "--once")
    assert len(leads(practice_org, "una@two.example")) == 1
    assert terminal.json("verify")["equal"]


@pytest.mark.parametrize("point", ["C-11", "C-12", "C-13"])
def test_killed_while_creating_it_makes_one_lead_all_the_same(
    loaded: Terminal, practice_org: RunningOrg, point: str
) -> None:
    terminal, email = loaded, f"{point.lower()}@kill.example"
    terminal.environment["DIPTYCH_ZOMBIE_MINUTES"] = "0"
    number = insert(terminal, last_name="Kil", company_name="Acme", email=email)
    terminal("create-rule", "set", f"email = {email}", "--yes")
    terminal("sync", "--once", code=-9, DIPTYCH_CRASHPOINT=point)
    assert len(leads(practice_org, email)) == (0 if point == "C-11" else 1)
    for _ in range(3):
        terminal("sync", "--once")
    (lead,) = leads(practice_org, email)
    assert row(terminal, number, "salesforce_id") == lead["Id"]
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database:
        assert database.execute("SELECT count(*) FROM person WHERE email = ?", (email,)).fetchone() == (1,)


def test_who_lacks_data_waits_and_who_is_there_already_is_for_review(
    loaded: Terminal, practice_org: RunningOrg
) -> None:
    terminal = loaded
    with practice_org.at_work() as api:
        made = api.post("sobjects/Contact", json={"LastName": "Doe", "Email": "doe@dup.example"}).json()
    terminal("sync", "--once")
    number = insert(terminal, last_name="Doe", company_name="Acme", email="DOE@dup.example")
    lacking = insert(terminal, last_name="Gap", email="gap@dup.example")
    terminal("create-rule", "set", "email contains @dup.example and salesforce_created_at is blank", "--yes")
    terminal("sync", "--once")
    (waiting,) = terminal.json("waiting")
    assert (waiting["person_id"], waiting["fields"]) == (lacking, ["Company"])
    (review,) = terminal.json("review", "list")
    assert (review["person_id"], review["matches"]) == (number, [made["id"]])
    status = terminal.json("status")
    assert (status["waiting_for_data"], status["for_review"]) == (1, 1)
    assert "1 wait for data; 1 for review" in terminal("status").stdout
    assert "not under review" in terminal.refused("review", "create", str(lacking))
    assert "no field" in terminal.refused("create-rule", "default", "Nonsense__c", "x")
    assert "not the id" in terminal.refused("review", "link", str(number), "0015e000001")
    terminal("create-rule", "default", "Company", "[unknown]")
    terminal("review", "create", str(number))
    terminal("sync", "--once")
    assert [one["Company"] for one in leads(practice_org, "gap@dup.example")] == ["[unknown]"]
    assert len(leads(practice_org, "doe@dup.example")) == 1
    assert terminal.json("waiting") == terminal.json("review", "list") == []
    terminal("create-rule", "clear")
    assert terminal.json("create-rule", "show")["filter"] == ""
    assert "one of link, create, hold" in terminal.refused("create-rule", "set", "email = a", "--policy", "x")
    assert "no column 'emial'" in terminal.refused("create-rule", "preview", "emial is blank")


def test_duplicates_are_told_of_and_a_match_rule_is_previewed_and_works(
    terminal: Terminal, practice_org: RunningOrg
) -> None:
    with practice_org.at_work() as api:
        for name in ("Twin", "Twain"):
            lead = {"LastName": name, "Company": "Acme", "Email": "twin@same.example"}
            assert api.post("sobjects/Lead", json=lead).status_code == 201
        api.post("sobjects/Contact", json={"LastName": "Twin", "Email": "TWIN@same.example"})
    terminal.connect(practice_org)
    before = terminal.json("duplicates")
    assert before["source"] == "salesforce"
    leads_of = next(one for one in before["groups"] if one["kind"] == "leads")
    assert {"email": "twin@same.example", "records": 2} in leads_of["sample"]
    assert "twin@same.example" in terminal("duplicates").stdout
    assert "diptych duplicates" in terminal("plan").stdout
    terminal("fields", "sync", "--yes")
    terminal("start", "--yes")
    terminal("sync", "--once")
    here = {one["kind"]: one for one in terminal.json("duplicates")["groups"]}
    assert {"email": "twin@same.example", "records": 3} in here["all"]["sample"]
    assert {"email": "twin@same.example", "records": 3} in here["leads and contacts"]["sample"]
    found = terminal.json("identity", "preview", "--rule", "email")
    group = next(one for one in found["sample"] if one["key"] == ["twin@same.example"])
    assert len(group["people"]) == 3
    assert len(terminal.json("identity", "preview", "--rule", "email+name")["sample"]) < found["groups"] + 1
    assert "one of none" in terminal.refused("identity", "preview", "--rule", "phone")
    assert "no mapped column" in terminal.refused(
        "identity", "preview", "--rule", "external-id", "--column", "nothing"
    )
    assert terminal.json("identity", "show")["rule"] == "none"
    terminal("identity", "rule", "email", "--yes")
    assert terminal.json("identity", "show")["rule"] == "email"
    number = insert(terminal, last_name="Solo", email="solo@same.example", city="Bonn")
    with practice_org.at_work() as api:
        made = api.post("sobjects/Contact", json={"LastName": "Solo", "Email": "Solo@same.example"}).json()
        api.post("sobjects/Contact", json={"LastName": "Third", "Email": "twin@same.example"})
    terminal("sync", "--once")
    assert row(terminal, number, "salesforce_id") == made["id"]
    terminal("sync", "--once")
    with practice_org.api("sales") as api:
        assert api.get(f"sobjects/Contact/{made['id']}").json()["MailingCity"] == "Bonn"
    (review,) = terminal.json("review", "list")
    assert "matches several people" in review["reason"] and len(review["matches"]) == 3
    third = str(review["person_id"])
    assert "identity undo" in terminal("review", "link", third, review["matches"][0]).stdout
    assert terminal.json("review", "list") == []

    shown = terminal.json("identity", "apply", "--largest", "4")
    assert shown["done"] is False
    twins = next(one for one in shown["sample"] if one["key"] == ["twin@same.example"])
    assert len(twins["people"]) == 3
    done = terminal.json("identity", "apply", "--largest", "4", "--yes")
    counts = ("groups", "people", "joins", "given_up", "writes", "records", "too_large")
    assert done["done"] is True and [done[c] for c in counts] == [shown[c] for c in counts]
    remains = twins["remains"]
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database:
        linked = [r[0] for r in database.execute("SELECT sf_id FROM pair WHERE person_id = ?", (remains,))]
        assert len(linked) == 4
    terminal("sync", "--once")
    assert {one["LastName"] for one in leads(practice_org, "twin@same.example")} == {
        row(terminal, remains, "last_name")
    }
    assert terminal.json("verify")["equal"]
    back = terminal.json("identity", "undo", "--yes")
    assert (back["run"], back["taken_apart"], back["refused"]) == (done["run"], done["joins"], 0)
    terminal("sync", "--once")
    assert {one["LastName"] for one in leads(practice_org, "twin@same.example")} == {"Twin", "Twain"}
    assert terminal.json("verify")["equal"]


def test_a_duplicate_rule_of_the_org_is_respected(
    loaded: Terminal, practice_org: RunningOrg, tmp_path: Path
) -> None:
    terminal = loaded
    with practice_org.at_work() as api:
        lead = {"LastName": "Rule", "Company": "Acme", "Phone": "030 1234567"}
        there = [api.post("sobjects/Lead", json=lead).json()["id"] for _ in range(2)]
    items = [{"field": "Phone", "method": "Exact"}]
    practice_org.control(
        "rules",
        {
            "matching": [{"object": "Lead", "name": "Lead_Phone", "items": items}],
            "duplicate": [
                {"object": "Lead", "name": "Phones", "matching": ["Lead_Phone"], "on_create": "alert"}
            ],
        },
    )
    try:
        number = insert(
            terminal, last_name="Rul", company_name="Acme", email="rul@rule.example", phone="030 1234567"
        )
        terminal("create-rule", "set", "email = rul@rule.example", "--yes")
        terminal("sync", "--once")
        (review,) = terminal.json("review", "list")
        assert sorted(review["matches"]) == sorted(there)
        assert leads(practice_org, "rul@rule.example") == []
        terminal("review", "create", str(number))
        terminal("sync", "--once")
        assert len(leads(practice_org, "rul@rule.example")) == 1
    finally:
        practice_org.control("rules", {"matching": [], "duplicate": []})
