"""A practice org in a thread of this process, and the people who work in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from diptych.domain.creating import KEY_FIELD
from diptych.salesforce.credentials import Password
from practice_org import cli
from practice_org.app import create_app
from practice_org.data import dml
from practice_org.org import Org as PracticeOrg
from practice_org.serving import Serving, listen
from tests.practice_org.server import RunningOrg


class Practice(RunningOrg):
    """A running practice org with its inside within reach."""

    inside: PracticeOrg

    def credentials(self, role: str = "sync") -> Password:
        one = self.user(role)
        return Password(one["username"], one["password"], one["security_token"], self.base_url)


@contextmanager
def practice_org(folder: Path, records: int = 0) -> Iterator[Practice]:
    org = cli.open_or_create(folder / "org.sqlite3", "Practice Org", sandbox=False, seed=records, quiet=True)
    org.set_setting("lock_wait_seconds", 0.01)
    sock = listen("127.0.0.1", 0)
    ready = threading.Event()
    server = Serving(create_app(org), sock, on_ready=ready.set)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(60)

    def stop() -> None:
        server.should_exit = True
        thread.join(10)
        org.close()

    running = Practice(cli.facts(org, "127.0.0.1", sock, None, None), _stop=stop)
    running.inside = org
    with running:
        yield running


class Salesperson:
    """An OrgUser of the contract: works in the org as one of its users, and as its administrator."""

    def __init__(self, practice: Practice) -> None:
        self._practice = practice
        self._org = practice.inside
        self._user = practice.user("admin")["user_id"]

    def create(self, object_name: str, late_by: float = 0, **values: Any) -> str:
        assert not late_by
        return dml.insert(self._org, self._user, object_name, values)

    def create_many(self, object_name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        obj = dml.object_named(self._org, object_name)
        outcomes = dml.apply(self._org, self._user, [dml.Write("insert", obj, None, row) for row in rows])
        assert all(outcome.error is None for outcome in outcomes)
        return [str(outcome.id) for outcome in outcomes]

    def edit(self, object_name: str, sf_id: str, late_by: float = 0, **values: Any) -> None:
        if late_by:
            self._org.late.hold(self._user, "update", object_name, sf_id, values, late_by)
        else:
            dml.update(self._org, self._user, object_name, sf_id, values)

    def delete(self, object_name: str, sf_id: str) -> None:
        dml.delete(self._org, self._user, object_name, sf_id)

    def undelete(self, object_name: str, sf_id: str) -> None:
        dml.undelete(self._org, self._user, object_name, sf_id)

    def convert(self, lead_id: str, **how: Any) -> str:
        """Convert a lead as a user would; its contact's id. `how`: account, contact, no_opportunity ..."""
        given = {"no_opportunity": True, **how}
        done = self._practice.control("lifecycle", {"convert": {"lead": lead_id, **given}})
        return str(done["contact"])

    def merge(self, winner: str, *losers: str, **values: Any) -> None:
        """Merge up to two records into a third, of which these values are set."""
        order = {"merge": {"winner": winner, "losers": list(losers), "values": values}}
        self._practice.control("lifecycle", order)

    def purge(self, object_name: str, sf_id: str) -> None:
        self._practice.control("lifecycle", {"hard_delete": sf_id})

    def empty_bin(self, sf_id: str) -> None:
        self._practice.control("lifecycle", {"purge": sf_id})

    def show_only(self, object_name: str, ids: Sequence[str] | None) -> None:
        """By organization-wide default and manual shares, and no right to view all; None: everything, by that right too."""
        all_data = {"ViewAllData": ids is None, "ModifyAllData": ids is None}
        self._practice.control("users", {"username": self._practice.username, "system_permissions": all_data})
        if ids is None:
            self._practice.control("sharing", {"defaults": {}})
            return
        shares = [{"id": one, "with": self._practice.username, "level": "Edit"} for one in ids]
        self._practice.control("sharing", {"defaults": {object_name: "Private"}, "share": shares})

    def value(self, object_name: str, sf_id: str, field: str) -> Any:
        row = self._org.reader().execute(f'SELECT "{field}" FROM "{object_name}" WHERE "Id" = ?', (sf_id,))
        return row.fetchone()[0]

    def advance(self, seconds: float) -> None:
        self._practice.control("clock", {"advance": seconds})

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self._practice.control("clock", {"freeze": True})
        yield
        self._practice.control("clock", {"freeze": False})

    def hide(self, object_name: str, field: str) -> None:
        self._right(object_name, field, "hidden")

    def make_read_only(self, object_name: str, field: str) -> None:
        self._right(object_name, field, "read")

    def _right(self, object_name: str, field: str, right: str) -> None:
        order = {"username": self._practice.username, "fields": {f"{object_name}.{field}": right}}
        self._practice.control("users", order)

    def add_key_field(self) -> None:
        for name in ("Lead", "Contact"):
            made = {"object": name, "name": KEY_FIELD, "type": "Text", "length": 40}
            self._practice.control(
                "fields", {**made, "label": "Diptych Key", "unique": True, "external_id": True}
            )
            self._right(name, KEY_FIELD, "edit")
        self._practice.control(
            "users", {"username": self._practice.username, "objects": {"Lead": ["Read", "Create", "Edit"]}}
        )

    def duplicate_rule(self, email: str, found: str) -> None:
        items = [{"field": "Email", "method": "Exact"}]
        self._practice.control(
            "rules",
            {
                "matching": [{"object": "Lead", "name": "Lead_Email", "items": items}],
                "duplicate": [
                    {"object": "Lead", "name": "Leads", "matching": ["Lead_Email"], "on_create": "alert"}
                ],
            },
        )

    def let_manage(self) -> None:
        rights = ["Read", "Create", "Edit", "Delete"]
        objects = dict.fromkeys(("Lead", "Contact", "Account", "Opportunity"), rights)
        self._practice.control("users", {"username": self._practice.username, "objects": objects})

    @contextmanager
    def holding(self, object_name: str, sf_id: str) -> Iterator[None]:
        self.edit(object_name, sf_id, late_by=60)
        yield
        self.advance(60)

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        yield from self._trouble({"cut": "after"})

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        yield from self._trouble({"status": 503, "error_code": "SERVER_UNAVAILABLE"})

    def _trouble(self, how: dict[str, Any]) -> Iterator[None]:
        self._practice.control("faults", {"trigger": "any", "times": 50, **how})
        yield
        self._practice.control("faults", method="DELETE")
