"""Users, sessions, tokens, the audit log and the mark of a restored database, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from diptych.access.sessions import IDLE, Sessions
from diptych.access.throttle import PER_NAME, WINDOW, TooMany
from diptych.access.tokens import Tokens
from diptych.access.users import UserRefused, Users
from diptych.domain.roles import Role, Scope
from diptych.services import restoring
from diptych.store import SqlStore
from diptych.store.auditing import Actor, acting_as
from diptych.sync.repair import recovery

PASSWORD = "correct horse battery"


class Clock:
    def __init__(self, store: SqlStore) -> None:
        self.at = datetime(2026, 11, 26, 8, tzinfo=UTC)
        store.now = lambda: self.at

    def forward(self, time: timedelta) -> None:
        self.at += time


def test_users_sessions_and_tokens(store: SqlStore) -> None:
    clock = Clock(store)
    users, sessions, tokens = Users(store), Sessions(store), Tokens(store)
    with acting_as(Actor("root", "command")):
        ada = users.add("Ada", Role.OPERATOR, PASSWORD)
        text, token = tokens.create("job", Scope.READ, 30)
    assert [u.name for u in users.all()] == ["ada"]
    session = sessions.begin(ada.id, "password", "127.0.0.1", "a browser")
    who = sessions.principal(session)
    assert who and (who.name, who.role) == ("ada", Role.OPERATOR)
    assert [s.agent for s in sessions.all(ada.id)] == ["a browser"]
    clock.forward(timedelta(hours=1))
    assert sessions.principal(session) and sessions.all()[0].seen_at == clock.at
    assert tokens.principal(text) and tokens.all()[0].last_used_at == clock.at
    clock.forward(IDLE)
    assert sessions.principal(session) is None
    assert tokens.principal(text)
    clock.forward(timedelta(days=30))
    assert tokens.principal(text) is None
    assert tokens.all()[0].state == "expired"
    lines = store.queries.audit()
    assert [(line.what, line.new) for line in lines] == [
        (f"token {token.id} job", "read for 30 days"),
        ("user ada", "operator"),
    ]
    assert store.queries.audit(what="user", before=lines[0].id)[0].at == datetime(2026, 11, 26, 8, tzinfo=UTC)
    assert store.queries.audit(since=clock.at) == []


def test_the_limit_of_logins_passes(store: SqlStore) -> None:
    clock = Clock(store)
    users = Users(store)
    users.add("ada", Role.VIEWER, PASSWORD)
    for _ in range(PER_NAME):
        assert users.check_password("ada", "wrong one", "10.0.0.1") is None
    with pytest.raises(TooMany):
        users.check_password("ada", PASSWORD, "10.0.0.2")
    assert users.check_password("bo", "wrong one", "10.0.0.1") is None
    clock.forward(WINDOW)
    assert users.check_password("ada", PASSWORD, "10.0.0.2")
    with store.reading() as connection:
        left = connection.exec_driver_sql(
            "SELECT count(*) FROM login_failure WHERE subject = 'name ada'"
        ).scalar()
    assert left == 0


def test_users_of_an_identity_provider(store: SqlStore) -> None:
    users = Users(store)
    made = users.from_provider("https://issuer\n42", "ada@example.org", Role.VIEWER)
    again = users.from_provider("https://issuer\n42", "ada@example.org", Role.ADMIN)
    assert (again.id, again.role, again.external) == (made.id, Role.ADMIN, True)
    users.add("bo", Role.VIEWER, PASSWORD)
    with pytest.raises(UserRefused, match="with a password here"):
        users.from_provider("https://issuer\n43", "bo", Role.VIEWER)
    assert users.check_password("ada@example.org", "", "x") is None
    users.disable("ada@example.org")
    with pytest.raises(UserRefused, match="disabled"):
        users.from_provider("https://issuer\n42", "ada@example.org", Role.VIEWER)


def test_a_database_put_back_by_other_means(store: SqlStore) -> None:
    session = Sessions(store).begin(None, "link")
    now = store.now()
    lease = store.acquire_lease("worker-1", now, 60)
    assert lease
    restoring.put_back_by_other_means(store)
    assert Sessions(store).principal(session) is None
    with store.looking() as unit:
        assert recovery.is_marked(unit)
    later = store.acquire_lease("worker-2", now, 60)
    assert later and later.epoch > lease.epoch + 100
    assert store.queries.oldest_waiting() == {}
