"""The org's file: restarts, kills, threads, and files that are none."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from practice_org.data import dml
from practice_org.org import Org, OrgFileError
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org

KILLED = """
import os, signal, sys
from pathlib import Path
from practice_org.data import dml
from practice_org.org import Org

org = Org.open(Path(sys.argv[1]))
for number in range(20):
    print(dml.insert(org, None, "Lead", {"LastName": f"L{number}", "Company": "c"}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_state_survives_a_restart(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    create_field(org, "Lead", "Colour", "picklist", picklist=("red", "blue"), default="red")
    lead = admin.create("Lead", LastName="x", Company="c")
    org.set_setting("job_speed", "slow")
    org.limits.count()
    described = admin("GET", "/sobjects/Lead/describe").json
    org.close()
    again = Org.open(tmp_path / "org.sqlite3")
    caller = Caller(again, admin.user_id)
    assert caller("GET", f"/sobjects/Lead/{lead}").json["Colour__c"] == "red"
    assert caller("GET", "/sobjects/Lead/describe").json == described
    assert (again.setting("job_speed"), again.limits.used) == ("slow", 1)
    again.close()


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    org.close()
    path = tmp_path / "org.sqlite3"
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True)
    acknowledged = ended.stdout.split()
    assert (ended.returncode, len(acknowledged)) == (-9, 20), ended.stderr
    again = Org.open(path)
    found = Caller(again, admin.user_id).query("SELECT Id FROM Lead ORDER BY Id")["records"]
    assert [r["Id"] for r in found] == acknowledged
    again.close()


def test_threads_write_and_read_together(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(20):
                made = dml.insert(org, admin.user_id, "Lead", {"LastName": f"{name}{number}", "Company": "c"})
                assert admin("GET", f"/sobjects/Lead/{made}").status == 200
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert admin.query("SELECT COUNT() FROM Lead")["totalSize"] == 80
    org.close()


def test_a_snapshot_does_not_move(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    with org.snapshot() as reader:
        count = 'SELECT count(*) FROM "Lead"'
        before = reader.execute(count).fetchone()
        thread = threading.Thread(target=lambda: admin.create("Lead", LastName="x", Company="c"))
        thread.start()
        thread.join()
        assert reader.execute(count).fetchone() == before
    assert org.reader().execute(count).fetchone() == (1,)
    org.close()


def test_files_that_cannot_be_used_are_refused_with_the_reason(tmp_path: Path) -> None:
    org, _ = new_org(tmp_path)
    org.close()
    path = tmp_path / "org.sqlite3"
    with pytest.raises(OrgFileError, match="exists already"):
        Org.create(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE _meta SET value = '99' WHERE key = 'file_version'")
    with pytest.raises(OrgFileError, match="newer version"):
        Org.open(path)
    text = tmp_path / "notes.txt"
    text.write_text("no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(OrgFileError, match="not a practice org"):
        Org.open(text)
    with pytest.raises(OrgFileError, match="no file"):
        Org.open(tmp_path / "none")
    with pytest.raises(OrgFileError, match="cannot be written"):
        Org.create(tmp_path / "notes.txt" / "org.sqlite3")


def test_an_older_file_gains_the_fields_of_a_newer_catalogue(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    lead = admin.create("Lead", LastName="x", Company="c", Phone="1")
    org.close()
    path = tmp_path / "org.sqlite3"
    connection = sqlite3.connect(path)
    connection.execute('ALTER TABLE "Lead" DROP COLUMN "Phone"')
    connection.execute('DELETE FROM "FieldPermissions" WHERE "Field" = \'Lead.Phone\'')
    connection.execute('DROP TABLE "UserRole"')
    connection.commit()
    connection.close()
    again = Org.open(path)
    caller = Caller(again, admin.user_id)
    assert caller("PATCH", f"/sobjects/Lead/{lead}", {"Phone": "2"}).status == 204
    assert caller.query("SELECT Phone FROM Lead")["records"][0]["Phone"] == "2"
    assert caller.query("SELECT Id FROM UserRole")["totalSize"] == 0
    again.close()
