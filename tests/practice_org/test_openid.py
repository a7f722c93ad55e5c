"""Identity tokens, the device flow, single access, and who may use the app at all."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.practice_org.server import RunningOrg
from tests.practice_org.test_oauth import REDIRECT, Browser, password_form, refused, token, works


def unpacked(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def verified(org: RunningOrg, id_token: str) -> dict[str, Any]:
    """The claims, if the published key signed them."""
    found = httpx2.get(f"{org.base_url}/.well-known/openid-configuration").json()
    assert found["issuer"] == org.base_url and found["token_endpoint"].startswith(org.base_url)
    (key,) = httpx2.get(found["jwks_uri"]).json()["keys"]
    head, claims, signature = id_token.split(".")
    assert json.loads(unpacked(head)) == {"kid": key["kid"], "typ": "JWT", "alg": "RS256"}
    e, n = (int.from_bytes(unpacked(key[name]), "big") for name in ("e", "n"))
    rsa.RSAPublicNumbers(e, n).public_key().verify(
        unpacked(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    told: dict[str, Any] = json.loads(unpacked(claims))
    return told


def test_an_identity_token_says_who_logged_in_and_can_be_verified(live_org: RunningOrg) -> None:
    code = Browser(live_org).code(scope="openid api refresh_token", nonce="n-0S6")
    body = token(live_org, grant_type="authorization_code", code=code, redirect_uri=REDIRECT).json()
    assert list(body) == [
        "access_token", "refresh_token", "signature", "scope", "id_token", "instance_url", "id", "token_type",
        "issued_at",
    ]  # fmt: skip
    claims = verified(live_org, body["id_token"])
    assert claims["sub"] == body["id"] and claims["aud"] == live_org.client_id
    assert claims["iss"] == live_org.base_url and claims["nonce"] == "n-0S6"
    assert claims["exp"] - claims["iat"] == 120
    browser = Browser(live_org)
    let_in = browser.submit(browser.log_in(browser.start(scope="api"), "sales"), step="allow")
    code = parse_qs(urlsplit(let_in.headers["location"]).query)["code"][0]
    plain = token(live_org, grant_type="authorization_code", code=code, redirect_uri=REDIRECT).json()
    assert "id_token" not in plain and "refresh_token" not in plain


def test_the_token_endpoint_wants_post_and_knows_three_forms(live_org: RunningOrg) -> None:
    got = httpx2.get(f"{live_org.base_url}/services/oauth2/token", params=password_form(live_org))
    assert refused(got) == ("invalid_request", "must use HTTP POST")
    form = password_form(live_org)
    assert token(live_org, **form).headers["content-type"] == "application/json;charset=UTF-8"
    encoded = token(live_org, **form, format="urlencoded")
    assert parse_qs(encoded.text)["token_type"] == ["Bearer"]
    assert re.search(
        r"<OAuth><access_token>00D.+</issued_at></OAuth>", token(live_org, **form, format="xml").text
    )


def device(org: RunningOrg, code: str) -> httpx2.Response:
    return token(org, grant_type="device", code=code)


def test_a_device_is_let_in_by_its_user(live_org: RunningOrg) -> None:
    asked = token(live_org, response_type="device_code", scope="api refresh_token").json()
    assert list(asked) == ["device_code", "user_code", "verification_uri", "interval"]
    assert refused(device(live_org, asked["device_code"]))[0] == "authorization_pending"
    browser = httpx2.Client(base_url=live_org.base_url, trust_env=False, follow_redirects=True)
    address = urlsplit(asked["verification_uri"]).path
    one = live_org.user("sales")
    login = {"step": "login", "username": one["username"], "password": one["password"]}
    page = browser.post(address, data={**login, "user_code": asked["user_code"]})
    form_token = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert form_token and f'value="{asked["user_code"]}"' in page.text
    forged = browser.post(address, data={"user_code": asked["user_code"], "step": "allow"})
    assert "is let in" not in forged.text
    wrong = browser.post(address, data={"form_token": form_token[1], "user_code": "NOSUCH", "step": "allow"})
    assert "no such code" in wrong.text
    typed = {"form_token": form_token[1], "user_code": asked["user_code"].lower(), "step": "allow"}
    assert "is let in" in browser.post(address, data=typed).text
    body = device(live_org, asked["device_code"]).json()
    assert works(live_org, body["access_token"]) and body["refresh_token"]
    assert body["id"].endswith(one["user_id"])
    assert refused(device(live_org, asked["device_code"])) == ("invalid_grant", "invalid device code")


def test_device_codes_grow_old_and_may_be_refused(live_org: RunningOrg) -> None:
    asked = token(live_org, response_type="device_code").json()
    live_org.control("clock", {"advance": 601})
    assert refused(device(live_org, asked["device_code"])) == ("invalid_grant", "expired device code")
    assert refused(device(live_org, "nonsense")) == ("invalid_grant", "invalid device code")
    assert refused(token(live_org, response_type="device_code", scope="magic"))[0] == "invalid_scope"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"installed": False}, ("app_not_found", "External client app is not installed in this org")),
        (
            {"profiles": ["System Administrator"]},
            ("invalid_app_access", "user is not admin approved to access this app"),
        ),
    ],
)
def test_an_app_that_a_user_may_not_use(
    live_org: RunningOrg, policy: dict[str, Any], expected: tuple[str, str]
) -> None:
    live_org.control("apps", policy)
    assert refused(token(live_org, **password_form(live_org))) == expected
    browser = Browser(live_org)
    answer = browser.submit(browser.log_in(browser.start(), "sales"), step="allow")
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert told["error"][0].startswith("OAUTH_") and told["error_description"] == [expected[1]]
    live_org.control("reset", {})
    assert token(live_org, **password_form(live_org)).status_code == 200


def test_a_token_opens_a_browser_session_once_and_logout_ends_it(live_org: RunningOrg) -> None:
    access = live_org.token("admin")
    bearer = {"Authorization": f"Bearer {access}"}
    made = httpx2.post(f"{live_org.base_url}/services/oauth2/singleaccess", headers=bearer)
    address = made.json()["frontdoor_uri"]
    browser = httpx2.Client(trust_env=False)
    entered = browser.get(address + "&retURL=/bin")
    assert entered.status_code == 302 and entered.headers["location"] == "/bin"
    assert browser.get(f"{live_org.base_url}/bin").status_code == 200
    assert httpx2.get(address).status_code == 401
    assert browser.get(f"{live_org.base_url}/secur/logout.jsp").status_code == 302
    assert browser.get(f"{live_org.base_url}/bin").status_code == 303
    older = httpx2.get(f"{live_org.base_url}/secur/frontdoor.jsp", params={"sid": access, "retURL": "//evil"})
    assert older.status_code == 302 and older.headers["location"] == "/"
    way = f"{live_org.base_url}/services/oauth2/singleaccess"
    assert httpx2.post(way).status_code == 403
    led = httpx2.get(way, headers=bearer, params={"redirect_uri": f"{live_org.base_url}/bin"})
    into = browser.get(led.json()["frontdoor_uri"])
    assert into.status_code == 302 and into.headers["location"] == "/bin"


def test_the_password_grant_can_be_switched_off_as_new_orgs_have_it(live_org: RunningOrg) -> None:
    live_org.control("settings", {"password_flow_enabled": False})
    assert refused(token(live_org, **password_form(live_org))) == ("invalid_grant", "authentication failure")
