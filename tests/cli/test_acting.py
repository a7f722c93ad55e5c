"""Merging, converting and deleting people with the installed command, against a practice org over HTTP."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Terminal
from tests.practice_org.server import RunningOrg, start_practice_org


class Both:
    """The terminal, and what both sides hold."""

    def __init__(self, terminal: Terminal, org: RunningOrg) -> None:
        self.terminal, self.org = terminal, org

    def sync(self) -> None:
        self.org.later(2)
        assert self.terminal.json("sync", "--once")["status"] == "Succeeded"

    def create(self, name: str, **values: Any) -> str:
        with self.org.at_work() as api:
            return str(api.post(f"sobjects/{name}", json=values).json()["id"])

    def there(self, name: str, sf_id: str, *fields: str) -> dict[str, Any]:
        with self.org.api("admin") as api:
            text = f"SELECT {', '.join(fields)} FROM {name} WHERE Id = '{sf_id}'"
            (row,) = api.get("queryAll", params={"q": text}).json()["records"]
        return {f: row[f] for f in fields}

    def sql(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.terminal.folder / "app.db")) as database, database:
            return database.execute(text, values).fetchall()

    def person(self, sf_id: str) -> int:
        return int(self.sql("SELECT person_id FROM v_pairs WHERE salesforce_id = ?", sf_id)[0][0])


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=5) as org:
        rights = ["Read", "Create", "Edit", "Delete"]
        objects = dict.fromkeys(("Lead", "Contact", "Account", "Opportunity"), rights)
        org.control("users", {"username": org.username, "objects": objects})
        terminal = Terminal(tmp_path_factory.mktemp("data"))
        terminal.set_up(org)
        yield Both(terminal, org)


def lead(both: Both, name: str, **values: Any) -> str:
    return both.create("Lead", LastName=name, **{"Company": "Acme", **values})


def test_leads_are_merged_and_a_kill_between_call_and_answer_does_nothing_twice(both: Both) -> None:
    one, two = lead(both, "Merge", City="Bonn"), lead(both, "Merged", Phone="+49 30 1", Title="Chef")
    three = lead(both, "Third")
    both.sync()
    first, second = both.person(one), both.person(two)
    command = ("people", "merge", str(first), str(second), "--pick", f"last_name={second}")
    shown = both.terminal.json(*command)
    assert shown["done"] is False and shown["plan"]["remaining"] == first
    assert not both.there("Lead", two, "IsDeleted")["IsDeleted"], "a preview changes nothing"
    assert "--yes" in both.terminal.refused(*command)
    both.terminal(*command, "--yes", code=-9, DIPTYCH_CRASHPOINT="C-34")
    assert both.there("Lead", two, "IsDeleted", "MasterRecordId") == {
        "IsDeleted": True,
        "MasterRecordId": one,
    }
    assert both.person(two) == second, "killed before it was settled here"
    both.sync()
    (done,) = both.terminal.json("people", "actions")
    assert (done["state"], done["error"]) == ("done", None)
    assert both.person(two) == first
    both.sync()
    kept = both.there("Lead", one, "LastName", "City", "Phone", "Title")
    assert kept == {"LastName": "Merged", "City": "Bonn", "Phone": "+49 30 1", "Title": "Chef"}
    assert both.terminal.json("verify")["equal"]
    # the id that went leads to the one that stays
    third = both.person(three)
    assert both.terminal.json("people", "merge", str(third), str(second), "--yes")["done"]
    assert both.person(one) == third
    assert "one person here already" in both.terminal.refused("people", "merge", str(first), str(second))
    (why,) = both.terminal.json("why", str(second), "--offline")
    assert why["person_id"] == third
    asked = both.terminal("people", "sync", str(first), code=1).stderr
    assert f"Person {first} has joined person {third}." in asked and "has a record" in asked
    # taken back: the records come out of the recycle bin, the people are apart again
    run = both.terminal.json("people", "actions")[0]["run"]
    shown = both.terminal.json("undo", str(run), "--undelete")
    assert (shown["done"], shown["undelete"]) == (False, [one])
    assert both.terminal.json("undo", str(run), "--undelete", "--yes")["done"]
    assert both.person(one) == first and not both.there("Lead", one, "IsDeleted")["IsDeleted"]
    both.sync()
    assert both.terminal.json("verify")["equal"]


def test_join_policies_are_set_by_column(both: Both) -> None:
    found = {one["column"]: one for one in both.terminal.json("mapping", "join-policy")}
    assert (found["last_name"]["policy"], found["last_name"]["chosen"]) == ("master", False)
    both.terminal("mapping", "join-policy", "title", "most_recent")
    (title,) = both.terminal.json("mapping", "join-policy", "title")
    assert title == {"column": "title", "policy": "most_recent", "chosen": True}
    assert "means nothing for title" in both.terminal.refused("mapping", "join-policy", "title", "sum")
    assert "is consent" in both.terminal.refused("mapping", "join-policy", "unsubscribed", "master")
    both.terminal("mapping", "join-policy", "title", "default")
    assert not both.terminal.json("mapping", "join-policy", "title")[0]["chosen"]


def test_converted_into_an_account_that_is_found_and_into_a_contact(both: Both) -> None:
    account = both.create("Account", Name="Umbrella", Website="https://umbrella.example")
    contact = both.create("Contact", LastName="Wesker", AccountId=account)
    one = lead(both, "Valentine", Company="umbrella", Email="jill@umbrella.example")
    two = lead(both, "Wesker", Email="albert@umbrella.example")
    both.sync()
    person, other, known = both.person(one), both.person(two), both.person(contact)
    shown = both.terminal.json("people", "convert", str(person))
    assert [a["sf_id"] for a in shown["accounts"]] == [account] and not shown["done"]
    options = ("--find-account", "--opportunity-name", "Antidote", "--yes")
    assert both.terminal.json("people", "convert", str(person), *options)["done"]
    after = both.there(
        "Lead", one, "IsConverted", "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId"
    )
    assert after["IsConverted"] and after["ConvertedAccountId"] == account
    assert both.there("Opportunity", after["ConvertedOpportunityId"], "Name") == {"Name": "Antidote"}
    assert both.person(after["ConvertedContactId"]) == person
    assert "is no lead" in both.terminal.refused("people", "convert", str(person), "--yes")
    # a lead and a contact: the lead goes into the contact, whoever is named first
    done = both.terminal.json("people", "merge", str(other), str(known), "--yes")
    assert (done["done"], done["person_id"]) == (True, known)
    joined = both.there("Lead", two, "ConvertedContactId", "ConvertedOpportunityId")
    assert joined == {"ConvertedContactId": contact, "ConvertedOpportunityId": None}
    both.sync()
    assert both.there("Contact", contact, "Email") == {"Email": "albert@umbrella.example"}
    assert both.person(two) == known


def test_deleted_there_kept_away_and_forgotten(both: Both) -> None:
    one, two = lead(both, "Gone", Email="gone@x.org"), lead(both, "Secret", Email="secret@x.org")
    both.sync()
    first, second = both.person(one), both.person(two)
    command = ("people", "delete", str(first), "--policy", "delete", "--suppress")
    assert "--confirm 'delete 1 in Salesforce'" in both.terminal.refused(*command, "--yes")
    assert "Nothing was done" in both.terminal.refused(*command, "--confirm", "delete 2 in Salesforce")
    assert both.terminal.json(*command, "--confirm", "delete 1 in Salesforce")["done"]
    assert both.there("Lead", one, "IsDeleted")["IsDeleted"]
    forgetting = ("people", "forget", str(second), "--confirm", f"forget person {second}")
    assert both.terminal.json(*forgetting)["done"]
    again = lead(both, "Gone", Email="Gone@X.org")
    both.org.edit("Lead", two, Phone="1")
    both.sync()
    assert both.sql("SELECT count(*) FROM person WHERE id IN (?, ?)", first, second) == [(0,)]
    assert both.sql("SELECT count(*) FROM person WHERE email IN ('gone@x.org', 'secret@x.org')") == [(0,)]
    both.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"secret@x.org" not in (both.terminal.folder / "app.db").read_bytes()
    assert both.terminal.json("verify")["equal"]
    listed = both.terminal.json("people", "suppressed", "list")
    assert {s["former_id"] for s in listed} == {first, second} and again in {s["sf_id"] for s in listed}
    both.terminal("people", "suppressed", "release", str(first), "--yes")
    both.org.edit("Lead", again, Phone="2")
    both.sync()
    assert both.sql("SELECT phone FROM v_people WHERE salesforce_id = ?", again) == [("2",)]


def test_many_merges_from_a_file_each_on_its_own(both: Both, tmp_path: Path) -> None:
    a, b, c = (
        both.sql("INSERT INTO person (last_name, email) VALUES (?, ?) RETURNING id", n, f"{n}@bulk.org")[0][0]
        for n in ("Ada", "Bea", "Cid")
    )
    d = both.sql("INSERT INTO person (last_name) VALUES ('Dot') RETURNING id")[0][0]
    listed = tmp_path / "merges.txt"
    listed.write_text(f"# the same people\n{a}, {b}\n\n{c};{d}\n{c} 999999\n")
    shown = both.terminal.json("people", "merge", "--from", str(listed))
    assert [(m["people"], m["remaining"]) for m in shown["merges"]] == [
        ([a, b], a),
        ([c, d], c),
        ([c, 999999], None),
    ]
    assert "1 were not merged" in both.terminal.refused("people", "merge", "--from", str(listed), "--yes")
    gone = both.sql("SELECT count(*) FROM person WHERE id IN (?, ?)", b, d)
    assert gone == [(0,)] and both.sql("SELECT count(*) FROM person WHERE id IN (?, ?)", a, c) == [(2,)]
    listed.write_text("12 x\n")
    assert "Line 1 of" in both.terminal.refused("people", "merge", "--from", str(listed), "--yes")


def test_what_needs_no_salesforce_goes_without_it(terminal: Terminal, both: Both) -> None:
    """A database that is connected to nothing: deleting and joining here work, merging records says why not."""
    terminal("status")
    elsewhere = Both(terminal, both.org)
    one = elsewhere.sql("INSERT INTO person (id) VALUES (NULL) RETURNING id")[0][0]
    two = elsewhere.sql("INSERT INTO person (id) VALUES (NULL) RETURNING id")[0][0]
    assert terminal.json("people", "merge", str(one), str(two), "--only-here", "--yes")["done"]
    assert terminal.json("people", "delete", str(one), "--suppress", "--yes")["done"]
    assert [s["former_id"] for s in terminal.json("people", "suppressed", "list")] == [one]
