"""Each command as a process: what it prints, its exit code, one line for each kind of trouble."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.cli.conftest import Terminal, connect_arguments
from tests.postgres_server import PostgresServer
from tests.practice_org.server import RunningOrg


def test_the_whole_way_from_connect_to_verify(terminal: Terminal, practice_org: RunningOrg) -> None:
    assert terminal.json("status")["state"] == "not_connected"
    terminal.environment |= {"PW": practice_org.password, "TOKEN": practice_org.security_token}
    shown = terminal(*connect_arguments(practice_org), "--yes").stdout
    assert practice_org.org_id in shown
    assert practice_org.username in shown
    assert practice_org.password not in shown
    assert terminal.json("status")["state"] == "connected"
    report = terminal.json("preflight")
    assert report["ready"]
    fields = {f["field"]: f for f in terminal.json("fields")}
    assert fields["Lead.Email"]["use"] == "always"
    terminal("fields", "deselect", "Lead.Fax")
    done = terminal.json("fields", "sync", "--yes")
    assert "email" in done["created"]
    assert terminal.json("status")["state"] == "fields_synced"
    plan = terminal.json("plan")
    assert plan["rows"] > 60
    assert {o["object_name"] for o in plan["objects"]} == {"User", "Account", "Contact", "Lead"}
    terminal("confirm", "--yes")
    assert terminal.json("status")["state"] == "ready"
    terminal("start", "--yes")
    assert terminal.json("status")["state"] == "initial_load"
    counters = terminal.json("sync", "--once")
    assert counters["status"] == "Succeeded"
    status = terminal.json("status")
    assert status["state"] == "last_sync"
    assert status["last_sync_at"]
    assert status["backlog"] == 0
    assert status["api_calls_today"] > 0
    assert {o["object"] for o in status["objects"]} == {"User", "Account", "Contact", "Lead"}
    found = terminal.json("verify")
    assert found["equal"]
    by_object = {o["object"]: o for o in found["objects"]}
    assert by_object["Lead"]["ours"] == by_object["Lead"]["theirs"] > 0
    assert by_object["Lead"]["differing"] == []
    assert terminal.json("errors") == []
    assert terminal.json("conflicts") == []
    assert [run["kind"] for run in terminal.json("runs")][:1] == ["cycle"]
    terminal("pause")
    assert terminal.json("status")["state"] == "paused"
    terminal("resume")
    for words in (
        ["status"],
        ["fields", "--object", "Lead"],
        ["plan"],
        ["runs"],
        ["mapping", "show"],
        ["config"],
    ):
        assert terminal(*words).stdout


def test_an_edit_on_each_side_arrives_with_one_cycle(loaded: Terminal, practice_org: RunningOrg) -> None:
    terminal = loaded
    terminal("sync", "--once")
    with sqlite3.connect(terminal.folder / "app.db") as database:
        rows = database.execute(
            "SELECT id, salesforce_id FROM person WHERE link_state = 'lead' ORDER BY id LIMIT 2"
        ).fetchall()
        database.execute("UPDATE person SET title = 'From SQL' WHERE id = ?", (rows[0][0],))
    database.close()
    practice_org.edit("Lead", rows[1][1], Title="From there")
    counters = terminal.json("sync", "--once")
    assert counters["objects"]["Lead"]["pushed"] == 1
    assert counters["objects"]["Lead"]["updated"] == 1
    with practice_org.api("sales") as api:
        assert api.get(f"sobjects/Lead/{rows[0][1]}").json()["Title"] == "From SQL"
    with sqlite3.connect(terminal.folder / "app.db") as database:
        assert database.execute("SELECT title FROM person WHERE id = ?", (rows[1][0],)).fetchone() == (
            "From there",
        )
    database.close()
    idle = terminal.json("sync", "--once")
    assert sum(n for o in idle["objects"].values() for n in o.values()) == 0


def test_a_field_chosen_after_the_start_arrives_for_everyone(
    terminal: Terminal, practice_org: RunningOrg
) -> None:
    terminal.connect(practice_org)
    terminal("fields", "deselect", "Lead.Industry")
    terminal("fields", "sync", "--yes")
    terminal("start", "--yes")
    terminal("sync", "--once")
    people = len_of(terminal, "SELECT count(*) FROM person")
    terminal("fields", "select", "Lead.Industry")
    assert terminal.json("fields", "sync", "--yes")["created"] == ["industry"]
    assert terminal.json("status")["state"] == "last_sync", (
        "the sync goes on while a backfill fills the field"
    )
    assert terminal.json("sync", "--once")["status"] == "Succeeded"
    assert len_of(terminal, "SELECT count(*) FROM person WHERE industry IS NOT NULL") > 0
    assert len_of(terminal, "SELECT count(*) FROM person") == people
    assert terminal.json("verify")["equal"]


def test_an_error_is_listed_with_its_remedy_and_tried_again(loaded: Terminal) -> None:
    terminal = loaded
    terminal("sync", "--once")
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database, database:
        database.execute(
            "UPDATE person SET last_name = ? WHERE id = "
            "(SELECT max(id) FROM person WHERE link_state = 'lead')",
            ("x" * 200,),
        )
    terminal("sync", "--once")
    (error,) = terminal.json("errors")
    assert (error["field"], error["status"]) == ("LastName", "open")
    assert error["remedy"]
    assert error["message"] in terminal("errors").stdout
    assert terminal.json("status")["dead_letters"] == 1
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database, database:
        database.execute(
            "UPDATE person SET last_name = 'Short' WHERE id = "
            "(SELECT max(id) FROM person WHERE link_state = 'lead')"
        )
    terminal("errors", "--retry", str(error["id"]))
    terminal("sync", "--once")
    assert terminal.json("errors") == []
    assert terminal.json("verify")["equal"]
    assert "9999" in terminal.refused("errors", "--ignore", "9999")


def test_a_conflict_is_found_and_reversed(loaded: Terminal, practice_org: RunningOrg) -> None:
    terminal = loaded
    terminal("sync", "--once")
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database, database:
        person, lead = database.execute(
            "SELECT id, salesforce_id FROM person WHERE link_state = 'lead' ORDER BY id DESC LIMIT 1"
        ).fetchone()
        database.execute("UPDATE person SET title = 'Ours' WHERE id = ?", (person,))
    practice_org.edit("Lead", lead, Title="Theirs")
    terminal("sync", "--once")
    (conflict,) = terminal.json("conflicts", "--person", str(person), "--column", "title")
    assert (conflict["ours"], conflict["theirs"], conflict["winner"]) == ("Ours", "Theirs", "salesforce")
    assert conflict["reason"] == "policy"
    number = str(conflict["id"])
    assert terminal.json("conflicts", "--winner", "ours", "--person", str(person)) == []
    assert terminal.json("conflicts", "--since", "2999-01-01") == []
    assert "no time" in terminal.refused("conflicts", "--since", "soon")
    assert "Theirs" in terminal("conflicts").stdout
    assert "add --yes" in terminal.refused("conflicts", "reverse", number)
    assert terminal.json("conflicts", "reverse", number, "--yes")["reversed"]
    assert not terminal.json("conflicts", "reverse", number, "--yes")["reversed"]
    terminal("sync", "--once")
    with practice_org.api("sales") as api:
        assert api.get(f"sobjects/Lead/{lead}").json()["Title"] == "Ours"
    practice_org.edit("Lead", lead, Title="Newer")
    terminal("sync", "--once")
    assert "edited since" in terminal.refused("conflicts", "reverse", number, "--yes")
    assert "no conflict 9999" in terminal.refused("conflicts", "reverse", "9999", "--yes")
    assert terminal.json("verify")["equal"]


def len_of(terminal: Terminal, query: str) -> int:
    with contextlib.closing(sqlite3.connect(terminal.folder / "app.db")) as database:
        return int(database.execute(query).fetchone()[0])


def test_mapping_commands(terminal: Terminal, practice_org: RunningOrg, tmp_path: Path) -> None:
    terminal.connect(practice_org)
    assert "Sync Fields first" in terminal.refused("mapping", "break", "Lead.City")
    terminal("fields", "sync", "--yes")
    seen = terminal.json("mapping", "show")
    custom = next(
        p for p in seen["pairs"] if p["lead"]["field"].endswith("__c") and not p["lead"]["standard"]
    )
    lead, contact = f"Lead.{custom['lead']['field']}", f"Contact.{custom['contact']['field']}"
    file = tmp_path / "mapping.json"
    terminal("mapping", "export", str(file))
    terminal("mapping", "break", lead)
    assert len(terminal.json("mapping", "show")["pairs"]) == len(seen["pairs"]) - 1
    terminal("mapping", "pair", lead, contact)
    terminal("mapping", "direction", "Lead.City", "inbound")
    terminal("mapping", "policy", "Lead.Email", "salesforce")
    terminal("mapping", "policy", "city", "most_complete", "--blanks", "keep_both")
    shown = terminal("mapping", "show").stdout
    assert "City (inbound, blanks keep_both)" in shown
    assert "MailingCity (both, most_complete, blanks keep_both)" in shown
    assert "checkbox" in terminal.refused("mapping", "policy", "Lead.Email", "most_restrictive")
    assert "nothing was changed" in terminal.refused("mapping", "policy", "Lead.Email")
    assert "add --yes" in terminal.refused("mapping", "preset", "marketo")
    preview = terminal.json("mapping", "preset", "marketo", "--yes")
    assert {"name": "Lead.Email", "column": "email", "before": "salesforce", "after": "ours"} in preview
    assert terminal.json("mapping", "preset", "marketo", "--yes") == []
    terminal("mapping", "preset", "safe", "--yes")
    assert "inbound, outbound" in terminal.refused("mapping", "direction", "Lead.City", "sideways")
    terminal("mapping", "import", str(file))
    now = json.loads(terminal("mapping", "export", "-").stdout)
    before = json.loads(file.read_text())
    assert now["fields"] == before["fields"]
    changed = terminal.json("mapping", "change", "Lead.City", "--direction", "outbound", "--dry-run")
    assert changed["fields"][0]["change"]["after"]["direction"] == "outbound"
    assert "add --yes" in terminal.refused("mapping", "change", "Lead.City", "--direction", "outbound")
    version = terminal.json("mapping", "history")[0]["version"]
    terminal("mapping", "change", "Lead.City", "--direction", "outbound", "--reason", "ours", "--yes")
    newest = terminal.json("mapping", "history", "--limit", "1")[0]
    assert newest["reason"] == "Lead.City: direction outbound - ours" and newest["author"]
    assert "direction both -> outbound" in terminal("mapping", "diff", str(version)).stdout
    (row,) = terminal.json("mapping", "list", "--search", "lead.city")
    assert (row["direction"], row["changed_version"]) == ("outbound", version + 1)
    assert "no version 999" in terminal.refused("mapping", "undo", "999", "--yes")
    terminal("mapping", "undo", str(version), "--yes")
    assert terminal.json("mapping", "diff", str(version)) == []
    assert "Nothing would change" in terminal("mapping", "promote", str(file), "--yes").stderr
    terminal("mapping", "reset", "--yes")
    assert "standard pair" in terminal.refused("mapping", "break", "Lead.City")


def test_other_ways_to_log_in(terminal: Terminal, practice_org: RunningOrg) -> None:
    terminal.environment["SECRET"] = practice_org.client_secret
    url = practice_org.base_url
    shown = terminal.json(
        "connect", "--login-url", url, "--client-id", practice_org.client_id, "--client-secret-env", "SECRET", "--yes"
    )  # fmt: skip
    assert shown["org_id"] == practice_org.org_id
    shown = terminal.json(
        "connect", "--login-url", url, "--client-id", practice_org.client_id,
        "--username", practice_org.username, "--jwt-key-file", practice_org.facts["jwt_key_file"], "--yes",
    )  # fmt: skip
    assert shown["username"] == practice_org.username


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"PW": "wrong"}, "password"),
        ({"TOKEN": "wrong"}, "token"),
    ],
)
def test_wrong_secrets(
    terminal: Terminal, practice_org: RunningOrg, change: dict[str, str], said: str
) -> None:
    terminal.environment |= {"PW": practice_org.password, "TOKEN": practice_org.security_token} | change
    assert said in terminal.refused(*connect_arguments(practice_org), "--yes").lower()
    assert terminal.json("status")["state"] == "not_connected"


def test_users_that_cannot_be_used(terminal: Terminal, practice_org: RunningOrg) -> None:
    for role in ("inactive", "no_api"):
        user = practice_org.user(role)
        terminal.environment |= {"PW": user["password"], "TOKEN": user["security_token"]}
        arguments = connect_arguments(practice_org)
        arguments[arguments.index("--username") + 1] = user["username"]
        assert len(terminal.refused(*arguments, "--yes")) > 40
    assert terminal.json("status")["state"] == "not_connected"


def test_wrong_addresses(terminal: Terminal) -> None:
    terminal.environment |= {"PW": "x", "TOKEN": "y"}
    login = ["--username", "a@example.com", "--password-env", "PW", "--security-token-env", "TOKEN", "--yes"]
    assert "not a login address" in terminal.refused("connect", "--login-url", "no address", *login)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    said = terminal.refused("connect", "--login-url", f"http://127.0.0.1:{port}", *login)
    assert "127.0.0.1" in said
    assert terminal.json("status")["state"] == "not_connected"


def test_incomplete_credentials(terminal: Terminal) -> None:
    assert "how to log in" in terminal.refused("connect", "--yes")
    assert "NOT_THERE" in terminal.refused("connect", "--username", "a", "--password-env", "NOT_THERE")
    assert "--password-env" in terminal.refused("connect", "--username", "a")
    assert "--client-secret-env" in terminal.refused("connect", "--client-id", "a")
    assert "No such file" in terminal.refused("connect", "--jwt-key-file", "/nowhere/key.pem")


def test_nothing_is_saved_without_a_yes(terminal: Terminal, practice_org: RunningOrg) -> None:
    terminal.environment |= {"PW": practice_org.password, "TOKEN": practice_org.security_token}
    done = terminal(*connect_arguments(practice_org), code=1)
    assert "--yes" in done.stderr
    assert terminal.json("status")["state"] == "not_connected"


def test_commands_out_of_order_say_what_comes_first(terminal: Terminal) -> None:
    assert "diptych connect" in terminal.refused("preflight")
    assert "diptych connect" in terminal.refused("fields")
    assert "has not been started" in terminal.refused("pause")
    assert "diptych start" in terminal.refused("sync", "--once")
    assert "not an object" in terminal.refused("fields", "--object", "Nonsense")


def test_a_taken_port_an_unwritable_folder_and_a_newer_database(terminal: Terminal, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"Port {port}" in terminal.refused("serve", "--port", port)
        assert f"Port {port}" in terminal.refused("web", "--port", port)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert "DIPTYCH_DATA_DIR" in terminal.refused("status", DIPTYCH_DATA_DIR=str(blocked / "below"))
    if os.geteuid() != 0:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        assert "cannot be written" in terminal.refused("status", DIPTYCH_DATA_DIR=str(locked))
    terminal("status")
    with sqlite3.connect(terminal.folder / "app.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "newer" in terminal.refused("status")
    (terminal.folder / "app.db").write_text("this is no database, whatever its name says" * 40)
    assert terminal.refused("status")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DIPTYCH_PORT", "high"),
        ("DIPTYCH_DATABASE_URL", "mysql://x/y"),
        ("DIPTYCH_DATABASE_URL", "nonsense"),
        ("DIPTYCH_CRASHPOINT", "everywhere"),
        ("DIPTYCH_API_SHARE", "7"),
    ],
)
def test_bad_settings_are_named(terminal: Terminal, setting: str, value: str) -> None:
    assert setting in terminal.refused("status", **{setting: value})


def test_settings_are_shown_without_secrets(terminal: Terminal) -> None:
    terminal.environment |= {
        "DIPTYCH_SECRET_KEY": "hush-hush",
        "DIPTYCH_DATABASE_URL": "postgresql://user:hush-hush@db/people",
    }
    shown = terminal("config").stdout
    assert "hush-hush" not in shown
    assert "DIPTYCH_SECRET_KEY" in shown


def test_usage_errors_are_exit_code_2(terminal: Terminal) -> None:
    assert "No such command" in terminal("nonsense", code=2).stderr
    terminal("fields", "--nonsense", code=2)


def test_another_org_is_refused_after_the_start(
    loaded: Terminal, practice_org: RunningOrg, other_org: RunningOrg
) -> None:
    terminal = loaded
    before = terminal.json("status")["org"]
    terminal.environment |= {"PW": other_org.password, "TOKEN": other_org.security_token}
    said = terminal.refused(*connect_arguments(other_org), "--yes")
    assert practice_org.org_id in said
    assert other_org.org_id in said
    assert terminal.json("status")["org"] == before
    terminal.environment["SECRET"] = practice_org.client_secret
    terminal(
        "connect", "--login-url", practice_org.base_url, "--client-id", practice_org.client_id,
        "--client-secret-env", "SECRET", "--yes",
    )  # fmt: skip
    assert terminal.json("sync", "--once")["status"] == "Succeeded"


@pytest.fixture
def other_org(tmp_path: Path) -> Iterator[RunningOrg]:
    from tests.practice_org.server import start_practice_org

    folder = tmp_path / "other"
    folder.mkdir()
    with start_practice_org(folder, name="Another Org") as org:
        yield org


def test_another_master_key_is_said(terminal: Terminal, practice_org: RunningOrg) -> None:
    terminal.connect(practice_org)
    assert "DIPTYCH_SECRET_KEY" in terminal.refused("preflight", DIPTYCH_SECRET_KEY="another one")
    terminal.environment["DIPTYCH_SECRET_KEY"] = "another one"
    assert terminal.json("status")["state"] == "connected"
    terminal.connect(practice_org)
    assert terminal.json("preflight")["ready"]


@pytest.mark.postgres
def test_the_same_on_postgresql(
    terminal: Terminal, practice_org: RunningOrg, postgres: PostgresServer
) -> None:
    terminal.environment["DIPTYCH_DATABASE_URL"] = url = postgres.create_database()
    terminal.set_up(practice_org)
    assert terminal.json("sync", "--once")["status"] == "Succeeded"
    with psycopg.connect(url) as database:
        row = database.execute(
            "UPDATE person SET title = 'From SQL' WHERE id = "
            "(SELECT min(id) FROM person WHERE link_state = 'lead') RETURNING salesforce_id"
        ).fetchone()
    assert row is not None
    assert terminal.json("sync", "--once")["objects"]["Lead"]["pushed"] == 1
    with practice_org.api("sales") as api:
        assert api.get(f"sobjects/Lead/{row[0]}").json()["Title"] == "From SQL"
    assert terminal.json("verify")["equal"]
    assert not list(terminal.folder.glob("*.db"))


def test_prepare_shows_does_and_takes_back(terminal: Terminal, practice_org: RunningOrg) -> None:
    terminal.connect(practice_org)
    shown = terminal.json("prepare")
    assert shown["done"] is False
    acts = [change["act"] for change in shown["changes"]]
    assert "create_permission_set" in acts and "place_fields" in acts
    assert "--yes" in terminal.refused("prepare")
    assert terminal.json("prepare", "--yes", "--without", "layouts")["done"] is True
    left = terminal.json("prepare")["changes"]
    assert {change["act"] for change in left} == {"place_fields"}
    assert "lead-mapping" in terminal.refused("prepare", "--without", "coffee")
    told = terminal("prepare", "--undo", "--yes")
    assert "Delete the permission set Diptych_Sync." in told.stderr and "Taken back." in told.stdout
    assert "nothing in this org" in terminal.refused("prepare", "--undo", "--yes")
    one = practice_org.user("sales")
    asked = ("prepare", "--admin-username", one["username"], "--admin-password-env", "ADMIN_PW")
    assert "ADMIN_PW" in terminal.refused(*asked)
    refused = terminal.refused(
        *asked,
        "--admin-security-token-env",
        "ADMIN_TOKEN",
        "--yes",
        ADMIN_PW=one["password"],
        ADMIN_TOKEN=one["security_token"],
    )
    assert "may not change the org's set-up" in refused
