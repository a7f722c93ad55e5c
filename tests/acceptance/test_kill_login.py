"""SIGKILL between a rotated refresh token's arrival and its storing (C-26): nothing is lost, and the way out is said."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.acceptance.installation import Installation
from tests.practice_org.server import RunningOrg, start_practice_org
from tests.practice_org.test_oauth import Browser

from diptych.config import read_settings
from diptych.wiring import open_workspace


def login_with_salesforce(installation: Installation, org: RunningOrg) -> None:
    """What the browser does at 'Login with Salesforce', and the yes to the card."""
    with open_workspace(read_settings(data_dir=installation.folder)) as workspace:
        leave = workspace.setup.authorize(
            org.base_url, org.client_id, org.client_secret, "http://127.0.0.1:1/back"
        )
        browser = Browser(org)
        page = browser.http.get(f"/services/oauth2/authorize?{urlsplit(leave.url).query}")
        answer = browser.log_in(page, "sync")
        if answer.status_code != 302:  # the app is allowed once a user; later logins go straight back
            answer = browser.submit(answer, step="allow")
        assert answer.status_code == 302, answer.text
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        card = workspace.setup.authorized(leave, back["state"][0], back["code"][0])
        workspace.setup.save(card.credentials, card)


def test_killed_after_a_rotated_token_came_and_before_it_was_stored(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, records=60) as org:
        org.control("settings", {"refresh_rotation": True})
        installation = Installation(tmp_path / "data", org)
        login_with_salesforce(installation, org)
        installation.diptych("fields", "sync", "--yes")
        installation.diptych("start", "--yes")
        installation.sync()
        installation.sync()  # each process renews the token once, and keeps the new one
        people = installation.sql("SELECT count(*) FROM person")

        installation.killed_at("C-26")
        refused = installation.run("sync", "--once")
        assert refused.returncode == 1
        assert "Connect again with Login with Salesforce" in refused.stderr
        status = json.loads(installation.diptych("status", "--json"))
        assert status["state"] == "failed"

        login_with_salesforce(installation, org)
        installation.sync()
        assert installation.sql("SELECT count(*) FROM person") == people
        installation.assert_whole()
