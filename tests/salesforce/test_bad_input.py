"""What people and networks do wrong, met by the adapter at a practice org: one clear message each, with the way out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from diptych.domain.outcome import (
    Done,
    LimitExceeded,
    LoginFailed,
    OrgError,
    OrgOutcomeUnknown,
    OrgUnavailable,
    WrongOrg,
)
from diptych.salesforce import SalesforceOrg, Wire, connect
from diptych.salesforce.auth import ask_consent, log_in, take_consent
from diptych.salesforce.credentials import ClientCredentials, Credentials, Jwt, Password, RefreshToken
from diptych.salesforce.session import Keeper
from diptych.sync.ports import FeedRead, Write
from tests.practice_org.server import start_practice_org
from tests.practice_org.test_oauth import Browser
from tests.salesforce.practice import Practice, Salesperson, practice_org
from tests.salesforce.wire import QUICK

WIRE = Wire(patience=QUICK)
HOME = "http://127.0.0.1:1717/back"


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    with practice_org(tmp_path_factory.mktemp("org"), records=30) as running:
        yield running


@pytest.fixture(autouse=True)
def calm(practice: Practice) -> Iterator[None]:
    yield
    practice.control("reset", {})


@pytest.fixture
def org(practice: Practice) -> Iterator[SalesforceOrg]:
    made = connect(practice.credentials(), wire=WIRE, fresh=True)
    yield made
    made.close()


def refused(given: Credentials) -> LoginFailed:
    with pytest.raises(LoginFailed) as raised:
        connect(given, wire=WIRE, fresh=True)
    assert raised.value.problem.remedy and "\n" not in str(raised.value)
    return raised.value


# ---------------------------------------------------------------- who


def test_wrong_password_wrong_token_and_unknown_user(practice: Practice) -> None:
    good = practice.credentials()
    for bad in (
        replace(good, password="wrong"),
        replace(good, security_token="wrong"),
        replace(good, username="nobody@example.com"),
    ):
        for given in (bad, replace(bad, client_id=practice.client_id, client_secret=practice.client_secret)):
            assert "Reset My Security Token" in str(refused(given))


def test_an_inactive_user(practice: Practice) -> None:
    error = refused(practice.credentials("inactive"))
    assert "inactive" in error.problem.cause


def test_a_user_without_api_access(practice: Practice) -> None:
    assert "API Enabled" in refused(practice.credentials("no_api")).problem.remedy


def test_soap_login_switched_off_leads_to_the_other_ways(practice: Practice) -> None:
    practice.control("settings", {"soap_login_enabled": False})
    assert "Login with Salesforce" in refused(practice.credentials()).problem.remedy


def test_a_wrong_app_or_secret(practice: Practice) -> None:
    for app, secret in (("unknown", practice.client_secret), (practice.client_id, "wrong")):
        error = refused(ClientCredentials(app, secret, practice.base_url))
        assert "consumer key" in error.problem.remedy


def test_a_key_that_is_not_the_apps(practice: Practice) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    from tests.salesforce.test_auth import pem

    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    error = refused(Jwt(practice.client_id, practice.username, pem(other), practice.base_url))
    assert error.problem.code == "invalid_grant" and error.problem.cause


def test_the_other_ways_in_work(practice: Practice) -> None:
    key = Path(practice.facts["jwt_key_file"]).read_text()
    ways: list[Credentials] = [
        practice.credentials(),
        replace(practice.credentials(), client_id=practice.client_id, client_secret=practice.client_secret),
        ClientCredentials(practice.client_id, practice.client_secret, practice.base_url),
        Jwt(practice.client_id, practice.username, key, practice.base_url),
    ]
    for way in ways:
        made = connect(way, expected_org_id=practice.org_id[:15], wire=WIRE, fresh=True)
        assert made.identity().username == practice.username
        made.close()


def test_another_org_than_the_one_connected(practice: Practice) -> None:
    with pytest.raises(WrongOrg) as raised:
        connect(practice.credentials(), expected_org_id="00D000000000001EAA", wire=WIRE)
    assert practice.org_id in str(raised.value) and "00D000000000001EAA" in str(raised.value)


# ---------------------------------------------------------------- Login with Salesforce


def logged_in_with_browser(practice: Practice) -> RefreshToken:
    consent = ask_consent(practice.base_url, practice.client_id, HOME)
    query = {name: values[0] for name, values in parse_qs(urlsplit(consent.url).query).items()}
    browser = Browser(practice)
    back = browser.submit(browser.log_in(browser.start(**query), "sync"), step="allow")
    told = {name: values[0] for name, values in parse_qs(urlsplit(back.headers["location"]).query).items()}
    transport = WIRE.transport()
    found, _ = take_consent(transport, consent, told, practice.client_secret)
    transport.close()
    return found


def test_login_with_salesforce_and_rotation_while_working(practice: Practice) -> None:
    practice.control("settings", {"refresh_rotation": True, "pkce_required": True})
    found = logged_in_with_browser(practice)
    kept: list[Credentials] = [found]
    keeper = Keeper(kept.append, lambda: kept[-1])
    made = connect(found, keeper=keeper, wire=WIRE)
    for _ in range(2):
        practice.control("sessions", {"expire": "all"})
        assert made.count("Lead") > 0
    assert len(kept) == 4 and len(set(kept)) == 4
    made.close()
    transport = WIRE.transport()
    for token in (kept[0], kept[-1]):  # the first is used again, so that the org withdraws all of them
        with pytest.raises(LoginFailed, match="Connect again"):
            log_in(transport, token, WIRE.now)
    transport.close()


# ---------------------------------------------------------------- in mid-work


def test_a_session_that_expires_in_mid_work(practice: Practice, org: SalesforceOrg) -> None:
    lead = Salesperson(practice).create("Lead", LastName="L", Company="Acme")
    job = org.start_snapshot("Lead", ("LastName",))
    practice.control("sessions", {"expire": "all"})
    assert org.snapshot_job(job).state == "complete"
    pages = org.snapshot_pages(job, None, 7)
    read = next(pages).rows
    practice.control("sessions", {"expire": "all"})
    assert read + sum(page.rows for page in pages) == org.count("Lead")
    practice.control("sessions", {"expire": "all"})
    assert org.update("Lead", [Write(lead, {"City": "Rom"})], "1-1") == [Done(lead)]


def test_a_user_who_is_locked_out_in_mid_work(practice: Practice, org: SalesforceOrg) -> None:
    practice.control("users", {"username": practice.username, "active": False})
    practice.control("sessions", {"expire": "all"})
    try:
        with pytest.raises(LoginFailed):
            org.count("Lead")
    finally:
        practice.control("users", {"username": practice.username, "active": True})


THREE_SHAPES = [
    {"status": 503, "error_code": "SERVER_UNAVAILABLE"},
    {"status": 503, "body_kind": "html"},
    {"status": 503, "body_kind": "empty"},
]


@pytest.mark.parametrize("shape", THREE_SHAPES)
def test_503_in_three_shapes(practice: Practice, org: SalesforceOrg, shape: dict[str, object]) -> None:
    lead = Salesperson(practice).create("Lead", LastName="L", Company="Acme")
    practice.control("faults", {"trigger": "any", "times": 1, **shape})
    assert org.count("Lead") > 0  # tried again
    practice.control("faults", {"trigger": "any", "times": 99, **shape})
    with pytest.raises(OrgUnavailable):
        org.count("Lead")
    with pytest.raises(OrgError) as raised:
        org.update("Lead", [Write(lead, {"City": "Rom"})], "1-1")
    told = "error_code" in shape
    assert type(raised.value) is (OrgUnavailable if told else OrgOutcomeUnknown)


@pytest.mark.parametrize(("cut", "city"), [("before", "Bonn"), ("after", "Rom")])
def test_a_write_whose_connection_is_cut_is_in_doubt_and_sent_once(
    practice: Practice, org: SalesforceOrg, cut: str, city: str
) -> None:
    user = Salesperson(practice)
    lead = user.create("Lead", LastName="L", Company="Acme", City="Bonn")
    practice.control("faults", {"trigger": "any", "cut": cut, "times": 1})
    with pytest.raises(OrgOutcomeUnknown):
        org.update("Lead", [Write(lead, {"City": "Rom"})], "1-1")
    assert user.value("Lead", lead, "City") == city


def test_a_read_whose_connection_is_cut_is_made_again(practice: Practice, org: SalesforceOrg) -> None:
    for cut in ("before", "after"):
        practice.control("faults", {"trigger": "any", "cut": cut, "times": 1})
        assert org.count("Lead") > 0


def test_the_daily_limit(practice: Practice, org: SalesforceOrg) -> None:
    practice.control("limits", {"DailyApiRequests": 100, "used": 100})
    with pytest.raises(LimitExceeded) as raised:
        org.count("Lead")
    assert "24 hours" in str(raised.value)
    usage = org.usage()
    assert usage.allowed == 100 or usage.allowed is None


def test_what_the_org_is_told_with_each_request(practice: Practice, org: SalesforceOrg) -> None:
    lead = Salesperson(practice).create("Lead", LastName="L", Company="Acme")
    org.label_cycle("c-9")
    org.update("Lead", [Write(lead, {"City": "Rom"})], "c-9-1")
    (seen,) = [r for r in practice.control("requests")["requests"] if r["method"] == "PATCH"]
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["sforce-auto-assign"] == "FALSE" and headers["sforce-call-options"] == "client=diptych"
    assert (headers["x-diptych-cycle"], headers["x-diptych-attempt"]) == ("c-9", "c-9-1")


# ---------------------------------------------------------------- facts for pre-flight


def test_rights_of_the_sync_user(practice: Practice, org: SalesforceOrg) -> None:
    facts = org.permissions(["Lead", "Contact", "Account"])
    assert facts.system is not None and facts.system["PermissionsApiEnabled"]
    assert facts.objects is not None and facts.objects["Lead"].read and facts.objects["Lead"].edit
    practice.control(
        "users",
        {
            "username": practice.username,
            "system_permissions": {"ConvertLeads": False},
            "objects": {"Account": ["Read"]},
        },
    )
    facts = org.permissions(["Lead", "Account"])
    assert facts.system is not None and not facts.system["PermissionsConvertLeads"]
    assert facts.objects is not None and facts.objects["Account"].read and not facts.objects["Account"].edit


def test_how_filled_fields_are_in_few_calls(practice: Practice, org: SalesforceOrg) -> None:
    described = org.describe("Lead")
    before = org.usage().ours
    filled = org.fill_counts("Lead", tuple(described.fields))
    assert org.usage().ours - before <= 3
    total = org.count("Lead")
    assert filled["LastName"] == filled["IsConverted"] == total and 0 < filled["Email"] < total
    uncounted = {described.fields[name].type for name in described.fields if name not in filled}
    assert uncounted <= {"textarea", "multipicklist", "address", "location", "base64", "anyType", "time"}


def test_limits_and_records_of_the_whole_org(org: SalesforceOrg) -> None:
    allowed, remaining = org.api_limits()["DailyApiRequests"]
    assert 0 < remaining <= allowed
    assert org.record_counts(["Lead", "Contact"])["Lead"] == org.count("Lead")
    assert "Lead" in org.visible_objects()


def test_an_idle_cycle_costs_two_calls(org: SalesforceOrg) -> None:
    names = ("User", "Account", "Contact", "Lead")
    before = org.usage().ours
    mark = org.watermark(names)
    reads = [FeedRead(name, ("CreatedDate",), mark.server_time) for name in names]
    assert all(page.complete for page in org.changed(reads))
    assert org.usage().ours - before == 2
    assert set(mark.covered) == set(names)


# ---------------------------------------------------------------- TLS


def test_the_practice_orgs_own_certificate_authority(tmp_path: Path) -> None:
    with start_practice_org(tmp_path, tls=True) as running:
        given = Password(running.username, running.password, running.security_token, running.tls_url)
        with pytest.raises(OrgUnavailable) as raised:
            connect(given, wire=WIRE)
        assert raised.value.problem.code == "TLS_CERTIFICATE"
        made = connect(given, wire=Wire(patience=QUICK, ca_file=running.ca_file))
        assert made.identity().instance_url == running.tls_url
        made.close()


def test_the_control_token_is_no_session(practice: Practice) -> None:
    answer = httpx2.get(
        f"{practice.base_url}/services/data/v60.0/limits",
        headers={"Authorization": f"Bearer {practice.control_token}"},
    )
    assert answer.status_code == 401
