"""Two sides and the wire between them: a practice org over HTTP, and Diptych on a database of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from diptych.config import read_settings
from diptych.setup.ports import AuthKind, Credentials
from diptych.wiring import Workspace, open_workspace
from tests.salesforce.practice import Practice, Salesperson


class Stage:
    """`sales` works in Salesforce, `sql` in the people database, `sync` is one whole cycle."""

    def __init__(self, folder: Path, practice: Practice, **settings: Any) -> None:
        self.practice, self.sales = practice, Salesperson(practice)
        self.workspace: Workspace = open_workspace(
            read_settings(data_dir=folder, pause_seconds=3600, zombie_minutes=0, **settings)
        )
        self._connect()

    def _connect(self) -> None:
        setup, org = self.workspace.setup, self.practice
        card = setup.check(
            Credentials(
                AuthKind.PASSWORD,
                org.base_url,
                org.username,
                password=org.password,
                security_token=org.security_token,
            )
        )
        setup.prepared()
        setup.save(card.credentials, card)
        setup.sync_fields()
        setup.confirm()
        setup.finish_mapping()
        setup.start()

    def sync(self) -> Any:
        return self.workspace.run_cycle()

    def settled(self) -> None:
        """Let the second of the last edit pass, so that it counts as seen whole; then sync."""
        self.sales.advance(2)
        self.sync()

    def sql(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """As any SQL client on the file."""
        with closing(sqlite3.connect(str(self.workspace.database_file), timeout=30)) as connection:
            found = connection.execute(statement, values).fetchall()
            connection.commit()
            return found

    def ours(self, sf_id: str, column: str) -> Any:
        rows = self.sql(f'SELECT "{column}" FROM v_people WHERE salesforce_id = ?', sf_id)
        assert len(rows) == 1, f"{len(rows)} people for {sf_id}"
        return rows[0][0]

    def edit(self, sf_id: str, **values: object) -> None:
        for column, value in values.items():
            self.sql(f'UPDATE person SET "{column}" = ? WHERE salesforce_id = ?', value, sf_id)

    def theirs(self, object_name: str, sf_id: str, field: str) -> Any:
        return self.sales.value(object_name, sf_id, field)

    def received(self) -> int:
        """How many writes of records the org has got from the sync user."""
        return sum(
            r["method"] in ("PATCH", "POST") and "/composite/sobjects" in r["path"]
            for r in self.practice.control("requests", method="GET")["requests"]
        )

    def close(self) -> None:
        self.workspace.close()
