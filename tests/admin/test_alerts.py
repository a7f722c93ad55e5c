"""The pages of alerts: what is open, rules, channels."""

from __future__ import annotations

import json
import re

from diptych.domain.alerts import Kind, Rule, Severity
from diptych.domain.outcome import ErrorClass, Problem
from diptych.wiring import Workspace
from tests.admin.conftest import Browser
from tests.alerts.sinks import web_sink

LOGIN = Problem("INVALID_LOGIN", "INVALID_LOGIN: wrong <b>password</b>", ErrorClass.LOGIN)


def test_a_channel_is_added_tested_told_and_the_alert_acknowledged(
    browser: Browser, loaded: Workspace
) -> None:
    assert "Nobody is told yet" in browser.get("/alerts")
    with web_sink() as sink:
        html = browser.post("/alerts/channels", name="pager", kind="webhook", url=sink.url, least="critical")
        found = re.search(r"<pre[^>]*><code>([\w-]{30,})</code>", html)
        assert found and found.group(1) not in browser.get("/alerts/channels?edit=pager")
        assert "has gone out" in browser.post("/alerts/channels/test", name="pager")
        assert json.loads(sink.posted[0].body)["event"] == "test"
        with loaded.store.transaction() as tx:
            run = tx.open_run("cycle", loaded.clock.now())
            tx.close_run(run, "Failed", loaded.clock.now(), LOGIN.message)
            tx.causes.blame(run, LOGIN)
        loaded.alerts.look(force=True)
        loaded.alerts.deliver()
        assert json.loads(sink.posted[1].body)["alerts"][0]["kind"] == "login_failed"
    html = browser.get("/alerts")
    assert "does not let the sync user in" in html and "<b>password" not in html and "Acknowledge" in html
    (alert,) = loaded.alerts.firing()
    assert "not told again" in browser.post("/alerts/acknowledge", alert=str(alert.id))
    assert "acknowledged by" in browser.get("/alerts")
    assert loaded.run_cycle().status == "Succeeded"
    assert "is removed" in browser.post("/alerts/channels/remove", name="pager")
    assert "no channel" in browser.post("/alerts/channels/remove", 422, name="pager")


def test_channels_that_cannot_work_are_refused_and_what_was_typed_stays(browser: Browser) -> None:
    html = browser.post(
        "/alerts/channels", 422, name="ops", kind="mail", host="smtp.example.com", sender="x", to="y"
    )
    assert "is not a mail address" in html and 'value="smtp.example.com"' in html
    assert "No channel takes the digest" in browser.post("/alerts/digest", 422)


def test_rules_are_set_on_their_page(browser: Browser, loaded: Workspace) -> None:
    shown = browser.shown("/alerts/rules")
    for name in ("picklist.enabled", "schema.enabled"):
        shown.pop(name)
    shown.pop("form_token")
    told = browser.post(
        "/alerts/rules", **{**shown, "backlog_age.threshold": "45", "backlog_age.severity": "critical"}
    )
    assert "rules are changed" in told
    rules = {rule.kind: rule for rule in loaded.alerts.all_rules()[0]}
    assert rules[Kind.BACKLOG_AGE] == Rule(Kind.BACKLOG_AGE, Severity.CRITICAL, 45)
    assert not rules[Kind.PICKLIST].enabled and rules[Kind.VERIFY].enabled
    assert "between 1 and 100" in browser.post(
        "/alerts/rules", 422, **{**shown, "api_share.threshold": "500"}
    )
    assert "could not be read" in browser.post("/alerts/rules", 422, **{**shown, "verify.threshold": "some"})
