"""Health, readiness, metrics."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from diptych.access.tokens import Tokens
from diptych.domain.roles import Scope
from diptych.store.migrations import upgrade
from diptych.wiring import Workspace
from tests.admin.conftest import Browser, browser_of


def scraped(workspace: Workspace) -> dict[tuple[str, str], float]:
    browser = browser_of(workspace)
    token, _ = Tokens(workspace.store).create("prometheus", Scope.READ, None)
    answer = browser.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return {
        (s.name, s.labels.get("object") or s.labels.get("state") or ""): s.value
        for family in text_string_to_metric_families(answer.text)
        for s in family.samples
    }


def test_metrics_of_a_loaded_workspace(loaded: Workspace) -> None:
    before = scraped(loaded)
    assert before["diptych_state", "last_sync"] == 1
    assert before["diptych_records", "Lead"] > 10
    assert before["diptych_backlog", "Lead"] == before["diptych_oldest_waiting_seconds", "Lead"] == 0
    assert before["diptych_loaded_ratio", "Lead"] == 1
    assert before["diptych_rows_per_second", "Lead"] > 0
    assert 0 < before["diptych_api_calls", ""] < before["diptych_api_calls_limit", ""]
    assert before["diptych_org_api_calls_limit", ""] > before["diptych_api_calls_limit", ""]
    number = loaded.queries.people_before(None, 1, salesforce_type="lead")[0]["id"]
    loaded.store.edit_person("admin", number, {"city": "Kiel"})
    with loaded.store.edit_as("test") as connection:
        connection.exec_driver_sql("UPDATE change_log SET at = '2026-01-01T00:00:00Z' WHERE actor = 'admin'")
    after = scraped(loaded)
    assert after["diptych_backlog", "Lead"] == 1
    assert after["diptych_oldest_waiting_seconds", "Lead"] > 3600
    assert after["diptych_oldest_waiting_seconds", "Contact"] == 0


def test_metrics_are_for_tokens(visitor: Browser) -> None:
    assert visitor.client.get("/metrics").status_code == 401
    assert visitor.client.get("/metrics", headers={"Authorization": "Bearer dpt_no"}).status_code == 401


def test_health_and_readiness(visitor: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert visitor.client.get("/healthz").text == "ok"
    assert visitor.client.get("/readyz").json()["ready"] is True
    monkeypatch.setattr("diptych.admin.pages.vitals.SCHEMA_VERSION", upgrade.SCHEMA_VERSION + "x")
    assert visitor.client.get("/readyz").status_code == 503
