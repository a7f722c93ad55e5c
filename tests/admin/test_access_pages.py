"""Users, sessions, tokens and the audit log on their pages, and by command."""

from __future__ import annotations

import csv
import io
import json
import re
from contextvars import copy_context
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.access.sessions import Sessions
from diptych.access.tokens import TokenRefused, Tokens
from diptych.access.users import NoSuchUser, Users
from diptych.cli.main import app
from diptych.domain.roles import Principal, Role, Scope
from diptych.store.auditing import Actor, acting_as
from diptych.wiring import Workspace
from tests.admin.conftest import Browser, admit, browser_of
from tests.admin.test_roles import PASSWORD, log_in


@pytest.fixture
def owner(empty: Workspace) -> Browser:
    """Whoever came by the link."""
    return admit(browser_of(empty))


def test_the_first_administrator_makes_users(owner: Browser, empty: Workspace) -> None:
    assert "Nobody but you" in owner.get("/access/users")
    owner.post("/access/users", name="Ada@example.org", role="admin", password=PASSWORD)
    assert "at least 12 characters" in owner.post(
        "/access/users", 422, name="bo", role="viewer", password="short"
    )
    assert "Choose one of the roles" in owner.post(
        "/access/users", 422, name="bo", role="king", password=PASSWORD
    )
    assert "already" in owner.post(
        "/access/users", 422, name="ada@example.org", role="viewer", password=PASSWORD
    )
    ada = browser_of(empty)
    log_in(ada, "ada@example.org")
    ada.post("/access/users", name="bo", role="viewer", password=PASSWORD)
    ada.post("/access/users/role", name="bo", role="operator")
    assert Users(empty.store).get("bo").role is Role.OPERATOR
    for act in ("disable", "role", "password"):  # nobody locks themselves out by mistake
        assert "That is you" in ada.post(
            f"/access/users/{act}", 422, name="ada@example.org", role="viewer", password=PASSWORD
        )
    ada.post("/access/users/disable", name="bo")
    assert not Users(empty.store).get("bo").active
    ada.post("/access/users/enable", name="bo")
    ada.post("/access/users/password", name="bo", password="yet another one")
    log_in(browser_of(empty), "bo", "yet another one")
    html = ada.get("/access/audit")
    for said in ("user.role bo", "user.access bo", "user.password bo", "ada@example.org"):
        assert said in html
    assert "yet another one" not in html


def test_sessions_are_listed_and_ended(owner: Browser, empty: Workspace) -> None:
    other = admit(browser_of(empty))
    html = owner.get("/access/sessions")
    assert html.count("link from the terminal") == 2
    (number,) = {s.id for s in Sessions(empty.store).all()} - {
        int(re.search(r"this browser.*?name=\"session\" value=\"(\d+)\"", html, re.S).group(1))  # type: ignore[union-attr]
    }
    owner.post("/access/sessions/end", session=str(number))
    other.get("/people", 401)
    owner.get("/people")


def test_an_own_account(empty: Workspace) -> None:
    Users(empty.store).add("vera", Role.VIEWER, PASSWORD)
    vera, elsewhere = browser_of(empty), browser_of(empty)
    log_in(vera, "vera")
    log_in(elsewhere, "vera")
    token = re.search(r'name="form_token" value="(\w+)"', vera.get("/account"))
    assert token
    form = {"form_token": token.group(1), "old": "wrong", "new": "a wholly new one"}
    same = {"Sec-Fetch-Site": "same-origin"}
    assert vera.client.post("/account/password", data=form, headers=same).status_code == 422
    assert (
        vera.client.post("/account/password", data=form | {"old": PASSWORD}, headers=same).status_code == 200
    )
    elsewhere.get("/people", 401)
    vera.get("/access/users", 403)
    log_in(elsewhere, "vera", "a wholly new one")


def test_a_token_is_shown_once(owner: Browser, empty: Workspace) -> None:
    html = owner.post("/access/tokens", name="nightly report", scope="read", days="30")
    text = re.search(r"dpt_[\w-]{40,}", html)
    assert text
    assert text.group() not in owner.get("/access/tokens")
    with empty.store.reading() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM api_token").one()
    assert text.group() not in str(stored)
    tokens = Tokens(empty.store)
    found = tokens.principal(text.group())
    assert found and found.role is Role.VIEWER
    assert tokens.all()[0].last_used_at is not None
    assert tokens.principal(text.group()[:-1]) is None
    owner.post("/access/tokens/revoke", token=str(tokens.all()[0].id))
    assert tokens.principal(text.group()) is None


def test_a_token_does_no_more_than_its_owner(empty: Workspace) -> None:
    users, tokens = Users(empty.store), Tokens(empty.store)
    otto = users.add("otto", Role.OPERATOR, PASSWORD)
    who = Principal("otto", Role.OPERATOR, otto.id)
    with pytest.raises(TokenRefused, match="more than the role"):
        tokens.create("too much", Scope.ADMIN, 30, who)
    text, _ = tokens.create("fits", Scope.OPERATE, None, who)
    users.set_role("otto", Role.VIEWER)
    found = tokens.principal(text)
    assert found and found.role is Role.VIEWER
    users.disable("otto")
    assert tokens.principal(text) is None


def test_settings_are_audited_with_their_author(owner: Browser, empty: Workspace) -> None:
    owner.post("/settings/pause", seconds="90")
    owner.post("/settings/pause", seconds="120")
    newest = empty.queries.audit(1)[0]
    assert (newest.actor, newest.source, newest.what, newest.old, newest.new) == (
        "admin", "page", "pause_between_cycles", "90", "120",
    )  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(owner.get("/access/audit/file?what=pause"))))
    assert [(r["old"], r["new"]) for r in rows] == [("90", "120"), ("", "90")]
    assert "No change is like that" in owner.get("/access/audit?actor=nobody")
    owner.get("/access/audit?since=yesterday", 422)


def test_the_engine_is_not_in_the_audit_log(empty: Workspace) -> None:
    with empty.store.transaction() as unit:
        unit.save_setting("pause_between_cycles", "30")
    with acting_as(Actor("root", "command")), empty.store.transaction() as unit:
        unit.save_setting("api_ledger", "{}")
    assert empty.queries.audit() == []


def test_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PW", PASSWORD)

    def run(*arguments: str, code: int = 0) -> str:
        # in a context of its own: a command acts for its process
        done = copy_context().run(CliRunner().invoke, app, list(arguments))
        assert done.exit_code == code, done.output
        return done.output

    run("user", "add", "ada", "--role", "admin", "--password-env", "PW")
    run("user", "add", "bo", "--password-env", "PW")
    run("user", "role", "bo", "operator")
    run("user", "disable", "bo")
    assert [(u["name"], u["role"]) for u in json.loads(run("user", "list", "--json"))] == [
        ("ada", "admin"),
        ("bo", "operator"),
    ]
    made = json.loads(run("token", "create", "ci", "--scope", "operate", "--days", "7", "--json"))
    assert made["token"].startswith("dpt_")
    run("token", "revoke", str(made["id"]))
    assert json.loads(run("token", "list", "--json"))[0]["state"] == "revoked"
    said = json.loads(run("audit", "--json"))
    assert [one["what"] for one in said] == [
        "token 1 ci",
        "token 1 ci",
        "user.access bo",
        "user.role bo",
        "user bo",
        "user ada",
    ]
    assert said[0]["source"] == "command"
    assert run("audit", "--csv").splitlines()[0] == "at,actor,source,what,old,new"
    done = copy_context().run(CliRunner().invoke, app, ["user", "role", "nobody", "viewer"])
    assert isinstance(done.exception, NoSuchUser)
