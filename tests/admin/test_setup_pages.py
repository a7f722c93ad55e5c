"""The guided set-up through its forms: bad input says the way out and keeps nothing; the card comes before saving."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest

from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import Browser, admit, browser_of, connect, settings_of
from tests.practice_org.server import RunningOrg, serve_in_thread

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def fresh(empty: Workspace) -> Browser:
    return admit(browser_of(empty))


@pytest.fixture(scope="module")
def other_org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("other"), records=5) as org:
        yield org


def by_password(org: RunningOrg, **more: str) -> dict[str, str]:
    typed = {
        "environment": "custom",
        "login_url": org.base_url,
        "kind": "password",
        "password.username": org.username,
        "password.password": org.password,
        "password.security_token": org.security_token,
    }
    return typed | more


def card_of(html: str) -> str:
    found = re.search(r'name="card" value="([^"]+)"', html)
    assert found, html
    return found.group(1)


def test_nothing_is_saved_before_the_yes(fresh: Browser, empty: Workspace, practice_org: RunningOrg) -> None:
    html = fresh.post("/setup/credentials", **by_password(practice_org))
    for told in (practice_org.username, practice_org.org_id, "Diptych Sync", "Practice Org", "Production"):
        assert told in html
    assert practice_org.password not in html and practice_org.security_token not in html
    assert empty.setup.connection() is None
    fresh.post("/setup/credentials/discard")
    assert empty.setup.connection() is None
    card = card_of(fresh.post("/setup/credentials", **by_password(practice_org)))
    assert "What the org says" in fresh.post("/setup/credentials/save", card=card)
    connection = empty.setup.connection()
    assert connection and connection.identity.org_id == practice_org.org_id
    assert "nothing was saved" in fresh.post("/setup/credentials/save", card=card)  # a card counts once


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"password.password": "wrong"}, "password"),
        ({"password.security_token": "wrong"}, "security token"),
        ({"password.password": ""}, "This is needed."),
        ({"login_url": "my.salesforce.com"}, "whole address"),
        ({"login_url": "http://login.example.com"}, "use https"),
        ({"kind": "magic"}, "Choose how to log in"),
        ({"login_url": "http://127.0.0.1:1"}, "127.0.0.1:1"),
        ({"kind": "jwt", "jwt.client_id": "x", "jwt.username": "y", "jwt.private_key": "no key"}, "key"),
    ],
)
def test_bad_credentials_are_said_and_not_kept(
    fresh: Browser, empty: Workspace, practice_org: RunningOrg, typed: dict[str, str], told: str
) -> None:
    html = fresh.post("/setup/credentials", 422, **by_password(practice_org, **typed))
    assert 'role="alert"' in html and told in html
    assert practice_org.username in html, "what was typed stays"
    assert practice_org.password not in html, "but no secret does"
    assert empty.setup.connection() is None


def test_after_the_start_another_org_is_refused_and_the_same_one_is_not(
    browser: Browser, loaded: Workspace, practice_org: RunningOrg, other_org: RunningOrg
) -> None:
    html = browser.post("/setup/credentials", 422, **by_password(other_org))
    assert other_org.org_id in html and practice_org.org_id in html
    again = browser.post(
        "/setup/credentials",
        environment="custom",
        login_url=practice_org.base_url,
        kind="client_credentials",
        **{
            "client_credentials.client_id": practice_org.client_id,
            "client_credentials.client_secret": practice_org.client_secret,
        },
    )
    browser.post("/setup/credentials/save", card=card_of(again))
    connection = loaded.setup.connection()
    assert connection and connection.locked and connection.credentials.kind == "client_credentials"
    assert loaded.run_cycle().status == "Succeeded"


def test_login_with_salesforce(fresh: Browser, empty: Workspace, practice_org: RunningOrg) -> None:
    address = start_login(fresh, practice_org)
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"] and "login" in asked["prompt"][0]
    html = fresh.get(log_in_there(practice_org, address, "allow"))
    assert "Connected. Is this right?" in html and practice_org.org_id in html
    assert empty.setup.connection() is None
    fresh.post("/setup/credentials/save", card=card_of(html))
    connection = empty.setup.connection()
    assert connection and connection.credentials.kind == "oauth" and connection.credentials.refresh_token


def test_login_with_salesforce_denied_forged_and_repeated(
    fresh: Browser, empty: Workspace, practice_org: RunningOrg
) -> None:
    back = log_in_there(practice_org, start_login(fresh, practice_org), "deny")
    assert "not allowed" in fresh.get(back, 422)
    assert "does not belong" in fresh.get(back, 422)  # a state counts once
    forged = "/setup/credentials/callback?" + urlencode({"state": "made-up", "code": "x"})
    assert "does not belong" in fresh.get(forged, 422)
    start_login(fresh, practice_org)
    assert empty.setup.connection() is None


def start_login(browser: Browser, org: RunningOrg) -> str:
    """The address of the login page that the browser is sent to."""
    html = browser.post(
        "/setup/credentials",
        environment="custom",
        login_url=org.base_url,
        kind="oauth",
        **{"oauth.client_id": org.client_id, "oauth.client_secret": org.client_secret},
    )
    found = re.search(r'href="(http[^"]+/services/oauth2/authorize[^"]+)"', html)
    assert found, html
    return found.group(1).replace("&amp;", "&")


def log_in_there(org: RunningOrg, address: str, answer: str) -> str:
    """Log in and answer the question whether we may; the path that leads back to us."""
    with httpx2.Client(base_url=org.base_url, follow_redirects=False) as http:

        def send(page: httpx2.Response, **typed: str) -> httpx2.Response:
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            hidden = {name: value.replace("&amp;", "&") for name, value in hidden.items()}
            done = http.post("/services/oauth2/authorize", data={**hidden, **typed})
            while done.has_redirect_location and done.headers["location"].startswith(("/", org.base_url)):
                done = http.get(done.headers["location"])
            return done

        page = send(http.get(address), username=org.username, password=org.password, step="login")
        back = urlsplit(send(page, step=answer).headers["location"])
        return f"{back.path}?{back.query}"


def test_a_choice_of_fields_is_kept_and_zero_fields_are_refused(
    fresh: Browser, empty: Workspace, practice_org: RunningOrg
) -> None:
    fresh.post(
        "/setup/credentials/save", card=card_of(fresh.post("/setup/credentials", **by_password(practice_org)))
    )
    names = [c.name for c in empty.setup.fields() if c.selected and c.name != "Lead.Fax"]
    fresh.post("/setup/fields", field=names, then="save")
    assert not next(c for c in empty.setup.fields("Lead") if c.name == "Lead.Fax").selected
    assert empty.setup.state().fields_synced_at is None, "nothing is created before Sync Fields"
    html = fresh.post("/setup/fields", 422, then="sync")
    assert 'role="alert"' in html and "chosen" in html
    assert empty.setup.state().fields_synced_at is None
    assert "columns were created" in fresh.post("/setup/fields", field=names, then="sync")
    assert "lead" in fresh.get("/setup/confirm").lower()


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory, practice_org: RunningOrg) -> Iterator[Workspace]:
    """All of the set-up is done but the start."""
    with open_workspace(settings_of(tmp_path_factory.mktemp("ready"))) as workspace:
        connect(workspace, practice_org)
        yield workspace


def test_the_mapping_goes_out_as_a_file_and_comes_back(ready: Workspace) -> None:
    browser, loaded = admit(browser_of(ready)), ready
    file = browser.get("/mappings/file")
    before = next(r for r in loaded.setup.mapping().pairs if r.column == "favorite_color")
    assert before.lead and before.lead.policy == "salesforce"
    changed = json.loads(file)
    for entry in changed["fields"]:
        if entry["field"] == "Lead.Favorite_Color__c":
            entry["policy"] = "ask"
    assert "is taken over" in upload(browser, json.dumps(changed))
    after = next(r for r in loaded.setup.mapping().pairs if r.column == "favorite_color")
    assert after.lead and after.lead.policy == "ask"
    version = loaded.setup.mapping().version
    for content in ("", "no json", '{"format": "another"}', file.replace('"ours"', '"nobody"')):
        assert 'role="alert"' in upload(browser, content, 422)
    assert loaded.setup.mapping().version == version
    upload(browser, file)


def upload(browser: Browser, content: str, code: int = 200) -> str:
    answer = browser.client.post(
        "/mappings/file",
        data={"form_token": browser.token()},
        files={"file": ("mapping.json", content.encode(), "application/json")},
        headers=SAME,
    )
    assert answer.status_code == code, answer.text
    return str(answer.text)


def test_direction_policy_and_breaking_a_pair(ready: Workspace) -> None:
    browser, loaded = admit(browser_of(ready)), ready

    def lead() -> tuple[str, str]:
        row = next(r for r in loaded.setup.mapping().pairs if r.column == "region")
        assert row.lead
        return row.lead.direction, row.lead.policy

    shown = {
        "name": "Lead.Region__c",
        "was_direction": "both",
        "was_policy": "salesforce",
        "column": "region",
    }
    browser.post("/mappings/change", direction="inbound", policy="ours", **shown)
    assert lead() == ("inbound", "ours")
    assert 'role="alert"' in browser.post(
        "/mappings/change", 422, direction="sideways", policy="ours", **shown
    )
    browser.post("/mappings/change", direction="both", policy="ours", **shown | {"was_direction": "inbound"})
    assert lead() == ("both", "ours")
    given = {"name": "Lead.Region__c", "direction": "both", "was_direction": "both", "policy": "ours"}
    browser.post("/mappings/change", was_policy="ours", blanks="keep_ours", was_blanks="overwrite", **given)
    row = next(r for r in loaded.setup.mapping().pairs if r.column == "region")
    assert row.lead and row.lead.blanks == "keep_ours"
    html = browser.get("/setup/mappings")
    assert "/mapping/history" in html, "and what was changed can be taken back"
    assert 'value="most_complete"' in html and 'value="most_restrictive" selected' in html
    refused = browser.post("/mappings/break", 422, name="Lead.mkto71_Lead_Score__c")
    assert "standard pair" in refused
    html = browser.get("/setup/mappings")
    row = html[html.index('id="column-score"') :].split("</tr>")[0]
    assert "Break Mapping" not in row


def test_after_the_start_the_same_orders_lead_to_the_preview(browser: Browser, loaded: Workspace) -> None:
    version = loaded.setup.mapping().version
    file = browser.get("/mappings/file")
    for address in ("/mappings", "/setup/mappings"):
        assert "Move fields to columns" in browser.get(address)
    given = {"name": "Lead.Region__c", "was_direction": "both", "direction": "inbound"}
    assert "What this change would do" in browser.post("/mappings/change", **given)
    html = browser.post("/mappings/break", name="Contact.Favourite_Color__c")
    assert "favourite_color" in html and "What this change would do" in html
    html = browser.post("/mappings/pair", lead="Lead.Region__c", contact="Contact.Favourite_Color__c")
    assert "favorite_color keeps its" in html and "goes on with Lead.Favorite_Color__c" in html
    assert "Contact.Region__c" in html and "Here then" in html, (
        "it takes the place of the field that is there"
    )
    assert "not a mapped field" in browser.post(
        "/mappings/pair", lead="Lead.Nope", contact="Contact.Region__c"
    )
    assert "automatic pairs" in browser.post("/mappings/reset")
    assert "not a mapping file" in upload(browser, "{}", 422)
    assert "What taking over this file would do" in upload(browser, file.replace('"ours"', '"ask"'))
    assert loaded.setup.mapping().version == version


def test_a_broken_data_folder_is_named(tmp_path: Path) -> None:
    from diptych.admin.access import Access

    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OSError, match="file"):
        Access(blocked)
