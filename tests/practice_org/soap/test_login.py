"""SOAP login(): the recorded order of elements, and the faults."""

from __future__ import annotations

import re

import httpx2
import pytest

from tests.practice_org.server import RunningOrg

TEXT = (
    "metadataServerUrl passwordExpired sandbox serverUrl sessionId userId userInfo accessibilityMode chatterExternal"
    " currencySymbol orgAttachmentFileSizeLimit orgDefaultCurrencyIsoCode orgDefaultCurrencyLocale"
    " orgDisallowHtmlAttachments orgHasPersonAccounts organizationId organizationMultiCurrency organizationName"
    " profileId roleId sessionSecondsValid userDefaultCurrencyIsoCode userEmail userFullName userId userLanguage"
    " userLocale userName userTimeZone userType userUiSkin"
)
ORDER = TEXT.split()


def login(
    org: RunningOrg, username: str, password: str, version: str = "59.0", prefix: str = "n1:"
) -> httpx2.Response:
    spaces = (
        f'xmlns:{prefix[:-1]}="urn:partner.soap.sforce.com"'
        if prefix
        else 'xmlns="urn:partner.soap.sforce.com"'
    )
    body = (
        '<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<env:Body><{prefix}login {spaces}><{prefix}username>{username}</{prefix}username>"
        f"<{prefix}password>{password}</{prefix}password></{prefix}login></env:Body></env:Envelope>"
    )
    return httpx2.post(
        f"{org.base_url}/services/Soap/u/{version}",
        content=body.encode(),
        headers={"Content-Type": "text/xml", "SOAPAction": "login"},
    )


def fault(answer: httpx2.Response) -> tuple[str, str]:
    assert answer.status_code == 500 and answer.headers["content-type"] == "text/xml; charset=utf-8"
    code = re.search(r"<faultcode>sf:(\w+)</faultcode>", answer.text)
    said = re.search(r"<faultstring>(.*?)</faultstring>", answer.text)
    assert code and said and said[1].startswith(code[1] + ": ")
    return code[1], said[1].removeprefix(code[1] + ": ")


@pytest.mark.parametrize("prefix", ["n1:", "urn:", ""])
def test_login_answers_element_by_element_in_the_recorded_order(live_org: RunningOrg, prefix: str) -> None:
    answer = login(live_org, live_org.username, live_org.password + live_org.security_token, prefix=prefix)
    assert answer.status_code == 200, answer.text
    inner = answer.text.split("<result>")[1].split("</result>")[0]
    assert re.findall(r"<([a-zA-Z]+)[ >/]", inner) == ORDER
    assert f"<serverUrl>{live_org.base_url}/services/Soap/u/59.0/{live_org.org_id[:15]}</serverUrl>" in inner
    session = re.search("<sessionId>(.*?)</sessionId>", inner)
    assert session
    data = httpx2.get(
        f"{live_org.base_url}/services/data/v59.0/limits", headers={"Authorization": f"Bearer {session[1]}"}
    )
    assert data.status_code == 200


def test_faults(live_org: RunningOrg) -> None:
    good = live_org.password + live_org.security_token
    wrong = ("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
    assert fault(login(live_org, live_org.username, live_org.password)) == wrong
    assert fault(login(live_org, live_org.username, "wrong")) == wrong
    inactive = live_org.user("inactive")
    assert (
        fault(login(live_org, inactive["username"], inactive["password"] + inactive["security_token"]))
        == wrong
    )
    without = live_org.user("no_api")
    refused = fault(login(live_org, without["username"], without["password"] + without["security_token"]))
    assert refused == ("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")
    assert fault(login(live_org, live_org.username, good, version="65.0"))[0] == "INVALID_OPERATION"
    assert fault(login(live_org, live_org.username, good, version="20.0"))[0] == "UNSUPPORTED_API_VERSION"
    live_org.control("settings", {"soap_login_enabled": False})
    assert fault(login(live_org, live_org.username, good)) == (
        "INVALID_OPERATION",
        "SOAP API login() is disabled by default in this org.",
    )
    rubbish = httpx2.post(f"{live_org.base_url}/services/Soap/u/59.0", content=b"<a><b></a>")
    assert rubbish.status_code == 500 and "faultcode" in rubbish.text


def test_logout_ends_the_session(live_org: RunningOrg) -> None:
    session = live_org.token()
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:p="urn:partner.soap.sforce.com"><e:Header>'
        f"<p:SessionHeader><p:sessionId>{session}</p:sessionId></p:SessionHeader></e:Header>"
        "<e:Body><p:logout/></e:Body></e:Envelope>"
    )
    url = f"{live_org.base_url}/services/Soap/u/60.0/{live_org.org_id[:15]}"
    assert "logoutResponse" in httpx2.post(url, content=body.encode()).text
    assert fault(httpx2.post(url, content=body.encode()))[0] == "INVALID_SESSION_ID"
