"""verify, refresh, reconcile, schema and what status shows of them, as a person calls them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Terminal
from tests.practice_org.server import RunningOrg, start_practice_org


@pytest.fixture(scope="module")
def own_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=30) as org:
        grade = {
            "object": "Lead",
            "name": "Grade",
            "type": "text",
            "formula": 'IF(NumberOfEmployees > 9, "A", "B")',
        }
        org.control("fields", grade)
        org.control("fields", {"object": "Lead", "name": "Hue", "type": "text", "length": 40})
        yield org


def test_refresh_verify_and_schema(terminal: Terminal, own_org: RunningOrg, tmp_path: Path) -> None:
    terminal.connect(own_org)
    terminal("fields", "select", "Lead.Grade__c", "Lead.Hue__c")
    terminal("fields", "sync", "--yes")
    assert "has not been started" in terminal.refused("refresh", "--calculated")
    terminal("start", "--yes")
    terminal.json("sync", "--once")
    shown = {o["object"]: o for o in terminal.json("status")["objects"]}
    assert shown["Lead"]["verified_at"] is None and shown["Lead"]["refreshed_at"] is None
    assert shown["Lead"]["covered"]

    assert "Name fields" in terminal.refused("refresh")
    assert "Lead.Nonsense is not a field" in terminal.refused("refresh", "Lead.Nonsense")
    done = {one["object"]: one for one in terminal.json("refresh", "--calculated")}
    assert "Grade__c" in done["Lead"]["fields"] and done["Lead"]["records"] > 0
    assert "Lead" in terminal("refresh", "Lead.Grade__c").stdout
    assert terminal.json("verify")["equal"]
    status = terminal.json("status")
    shown = {o["object"]: o for o in status["objects"]}
    assert shown["Lead"]["verified_at"] and shown["Lead"]["refreshed_at"] and shown["Lead"]["differing"] == 0
    assert status["verified"]["equal"] and status["passes"] == []
    assert "verified at" in terminal("status").stdout
    assert "refresh" in {run["kind"] for run in terminal.json("runs")}

    with own_org.api() as api:
        found = api.get("query", params={"q": "SELECT Id FROM Lead WHERE IsConverted = false LIMIT 1"})
    lead = found.json()["records"][0]["Id"]
    own_org.does({"hard_delete": lead})
    assert "it is one of" in terminal.refused("reconcile", "--object", "Case").lower()
    (looked,) = terminal.json("reconcile", "--object", "Lead", "--dry-run")
    assert looked["records"] == {lead: "purged"} and looked["looked_only"] and looked["stopped"] is None
    assert f"Lead {lead}: purged" in terminal("reconcile").stdout
    shown = {o["object"]: o for o in terminal.json("status")["objects"]}
    assert (
        shown["Lead"]["reconciled_at"] and shown["Lead"]["hidden"] == 0 and shown["Lead"]["missing"] is None
    )
    assert "deleted in Salesforce for good" in terminal("why", lead).stdout

    assert terminal.json("schema") == {"notices": [], "held": {}}
    own_org.control("schema_change", {"object": "Lead", "field": "Hue__c", "change": "length", "length": 4})
    later = {"DIPTYCH_CLOCK_OFFSET_SECONDS": "7200"}
    terminal("sync", "--once", **later)
    told = terminal.json("schema")
    assert [(n["field"], n["change"]) for n in told["notices"]] == [("Hue__c", "cut")]
    assert list(told["held"]) == ["Lead.Hue__c"]
    assert "diptych schema --accept Lead.Hue__c" in terminal("schema").stdout
    assert "1 fields are held" in terminal("status").stdout
    assert "does not wait" in terminal.refused("schema", "--accept", "Lead.Grade__c")
    terminal("schema", "--accept", "Lead.Hue__c")
    for _ in range(3):
        terminal("sync", "--once", **later)
    assert terminal.json("schema")["held"] == {}
    runs = [run for run in terminal.json("runs") if run["kind"] == "backfill"]
    assert [run["status"] for run in runs] == ["Succeeded"]
