"""Every way to an access token, and every way to be refused one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.practice_org.server import RunningOrg

REDIRECT = "http://127.0.0.1:1717/back"
VERIFIER = "a-verifier-of-forty-three-characters-or-more-0123"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


def token(org: RunningOrg, **form: str) -> httpx2.Response:
    data = {"client_id": org.client_id, "client_secret": org.client_secret, **form}
    return httpx2.post(f"{org.base_url}/services/oauth2/token", data={k: v for k, v in data.items() if v})


def refused(answer: httpx2.Response) -> tuple[str, str]:
    assert answer.status_code == 400
    body = answer.json()
    return body["error"], body["error_description"]


def password_form(org: RunningOrg, role: str = "sync") -> dict[str, str]:
    one = org.user(role)
    return {
        "grant_type": "password",
        "username": one["username"],
        "password": one["password"] + one["security_token"],
    }


def works(org: RunningOrg, access_token: str, scheme: str = "Bearer") -> bool:
    answer = httpx2.get(
        f"{org.base_url}/services/data/v60.0/limits", headers={"Authorization": f"{scheme} {access_token}"}
    )
    if answer.status_code == 401:
        assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
        return False
    assert answer.status_code != 403
    return True


class Browser:
    """Fills in the pages as a person without JavaScript would."""

    def __init__(self, org: RunningOrg) -> None:
        self.org = org
        self.http = httpx2.Client(base_url=org.base_url, trust_env=False)

    def start(self, **more: str) -> httpx2.Response:
        query = {"response_type": "code", "client_id": self.org.client_id, "redirect_uri": REDIRECT, **more}
        return self.http.get("/services/oauth2/authorize", params=query)

    def submit(self, page: httpx2.Response, **typed: str) -> httpx2.Response:
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        hidden = {k: v.replace("&amp;", "&") for k, v in hidden.items()}
        answer = self.http.post("/services/oauth2/authorize", data={**hidden, **typed})
        if answer.status_code == 303:
            return self.http.get(answer.headers["location"])
        return answer

    def log_in(self, page: httpx2.Response, role: str = "admin") -> httpx2.Response:
        one = self.org.user(role)
        return self.submit(page, step="login", username=one["username"], password=one["password"])

    def code(self, **more: str) -> str:
        answer = self.submit(self.log_in(self.start(**more)), step="allow")
        assert answer.status_code == 302, answer.text
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


def test_the_password_grant_gives_a_signed_answer_in_salesforces_shape(live_org: RunningOrg) -> None:
    body = token(live_org, **password_form(live_org)).json()
    assert re.fullmatch(re.escape(live_org.org_id[:15]) + r"![A-Za-z0-9._]{96}", body["access_token"])
    assert body["instance_url"] == live_org.base_url
    assert body["id"] == f"{live_org.base_url}/id/{live_org.org_id}/{live_org.user('sync')['user_id']}"
    signed = hmac.new(
        live_org.client_secret.encode(), (body["id"] + body["issued_at"]).encode(), hashlib.sha256
    )
    assert body["signature"] == base64.b64encode(signed.digest()).decode()
    assert body["token_type"] == "Bearer" and "refresh_token" not in body and "expires_in" not in body
    assert works(live_org, body["access_token"]) and works(live_org, body["access_token"], "OAuth")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"grant_type": "magic"}, ("unsupported_grant_type", "grant type not supported")),
        ({"client_id": "nobody"}, ("invalid_client_id", "client identifier invalid")),
        ({"client_secret": "wrong"}, ("invalid_client", "invalid client credentials")),
        ({"password": "wrong"}, ("invalid_grant", "authentication failure")),
        ({"username": "nobody@example.com"}, ("invalid_grant", "authentication failure")),
    ],
)
def test_what_is_wrong_is_said_in_salesforces_words(
    live_org: RunningOrg, change: dict[str, str], expected: tuple[str, str]
) -> None:
    assert refused(token(live_org, **{**password_form(live_org), **change})) == expected


def test_password_without_security_token_and_an_inactive_user_are_refused(live_org: RunningOrg) -> None:
    form = password_form(live_org)
    bare = {**form, "password": live_org.password}
    assert refused(token(live_org, **bare)) == ("invalid_grant", "authentication failure")
    inactive = password_form(live_org, "inactive")
    assert refused(token(live_org, **inactive)) == ("inactive_user", "user is inactive")


def test_ten_wrong_passwords_lock_a_user_until_the_lock_is_lifted(live_org: RunningOrg) -> None:
    form = password_form(live_org)
    live_org.control("settings", {"password_attempts": 3})
    for _ in range(3):
        token(live_org, **{**form, "password": "wrong"})
    assert refused(token(live_org, **form)) == ("invalid_grant", "authentication failure")
    live_org.control("users", {"username": live_org.username, "locked": False})
    assert token(live_org, **form).status_code == 200


def test_a_user_without_api_access_gets_a_token_but_no_data(live_org: RunningOrg) -> None:
    access_token = token(live_org, **password_form(live_org, "no_api")).json()["access_token"]
    answer = httpx2.get(
        f"{live_org.base_url}/services/data/v60.0/limits", headers={"Authorization": f"Bearer {access_token}"}
    )
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "API_DISABLED_FOR_ORG")


def test_code_grant_with_pkce_login_and_consent_pages(live_org: RunningOrg) -> None:
    browser = Browser(live_org)
    page = browser.start(code_challenge=CHALLENGE, code_challenge_method="S256", state="a&b=c")
    assert "not Salesforce" in page.text and "script" not in page.headers["content-security-policy"]
    wrong = browser.submit(page, step="login", username=live_org.username, password="wrong")
    assert wrong.status_code == 401 and "wrong" in wrong.text
    consent = browser.log_in(page)
    assert "Allow" in consent.text and "127.0.0.1:1717" in consent.text
    assert "http://127.0.0.1:1717" in consent.headers["content-security-policy"]
    back = urlsplit(browser.submit(consent, step="allow").headers["location"])
    given = parse_qs(back.query)
    assert f"{back.scheme}://{back.netloc}{back.path}" == REDIRECT and given["state"] == ["a&b=c"]
    form = {"grant_type": "authorization_code", "code": given["code"][0], "redirect_uri": REDIRECT}
    assert refused(token(live_org, **form)) == ("invalid_grant", "invalid code verifier")
    body = token(live_org, **form, code_verifier=VERIFIER, client_secret="").json()
    assert works(live_org, body["access_token"]) and body["refresh_token"]
    # A code that is used twice was stolen: what it gave is taken back.
    assert refused(token(live_org, **form, code_verifier=VERIFIER))[0] == "invalid_grant"
    assert not works(live_org, body["access_token"])
    again = Browser(live_org)
    again.http.cookies = browser.http.cookies
    assert again.start().status_code == 302, "allowed before: no page"
    assert "Password" in again.start(prompt="login").text


def test_a_token_without_the_api_scope_opens_no_data(live_org: RunningOrg) -> None:
    code = Browser(live_org).code(scope="id refresh_token")
    body = token(live_org, grant_type="authorization_code", redirect_uri=REDIRECT, code=code).json()
    assert body["scope"] == "id refresh_token" and body["refresh_token"]
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert httpx2.get(body["id"], headers=bearer).status_code == 200
    refusal = httpx2.get(f"{live_org.base_url}/services/data/v60.0/limits", headers=bearer)
    assert refusal.status_code == 401 and "not valid for use with the REST API" in refusal.text


def test_denying_sends_the_person_back_with_the_reason(live_org: RunningOrg) -> None:
    browser = Browser(live_org)
    answer = browser.submit(browser.log_in(browser.start(state="s")), step="deny")
    assert parse_qs(urlsplit(answer.headers["location"]).query) == {
        "error": ["access_denied"],
        "error_description": ["end-user denied authorization"],
        "state": ["s"],
    }


def test_a_stranger_app_or_address_is_told_to_the_person_only(live_org: RunningOrg) -> None:
    browser = Browser(live_org)
    for more in ({"client_id": "nobody"}, {"redirect_uri": "https://elsewhere.example.com/"}):
        answer = browser.start(**more)
        assert answer.status_code == 400 and "location" not in answer.headers
    live_org.control("settings", {"pkce_required": True})
    assert "missing+required+code+challenge" in browser.start().headers["location"]


def test_forms_of_other_sites_are_refused(live_org: RunningOrg) -> None:
    browser = Browser(live_org)
    consent = browser.log_in(browser.start())
    forged = browser.submit(consent, step="allow", form_token="guess")
    assert forged.status_code == 403
    browser.http.headers["Origin"] = "https://elsewhere.example.com"
    assert browser.submit(consent, step="allow").status_code == 403
    cookie = next(iter(browser.http.cookies.jar))
    assert cookie.has_nonstandard_attr("HttpOnly")


def test_refresh_without_rotation_keeps_its_token(live_org: RunningOrg) -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": Browser(live_org).code()}
    first = token(live_org, **form).json()
    for _ in range(2):
        again = token(live_org, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
        assert works(live_org, again["access_token"]) and "refresh_token" not in again
    assert works(live_org, first["access_token"])


def test_rotation_ends_the_old_session_and_reuse_revokes_the_family(live_org: RunningOrg) -> None:
    live_org.control("settings", {"refresh_rotation": True})
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code": Browser(live_org).code()}
    first = token(live_org, **form).json()
    second = token(live_org, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert works(live_org, second["access_token"]) and not works(live_org, first["access_token"])
    stolen = token(live_org, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert refused(stolen) == ("invalid_grant", "expired access/refresh token")
    assert not works(live_org, second["access_token"])
    rest = token(live_org, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert refused(rest) == ("invalid_grant", "expired access/refresh token")


def test_the_sixth_grant_ends_the_first(live_org: RunningOrg) -> None:
    browser = Browser(live_org)
    codes = [browser.code()]
    codes += [parse_qs(urlsplit(browser.start().headers["location"]).query)["code"][0] for _ in range(5)]
    form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT}
    grants = [token(live_org, **form, code=code).json() for code in codes]
    assert not works(live_org, grants[0]["access_token"])
    assert all(works(live_org, grant["access_token"]) for grant in grants[1:])


def assertion(org: RunningOrg, **claims: Any) -> str:
    key = serialization.load_pem_private_key(Path(org.facts["jwt_key_file"]).read_bytes(), None)
    body = {
        "iss": org.client_id,
        "sub": org.username,
        "aud": "https://login.salesforce.com",
        "exp": time.time() + 120,
    }
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps({**body, **claims}).encode()]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr,call-arg,arg-type]
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def jwt_token(org: RunningOrg, signed: str) -> httpx2.Response:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return token(org, grant_type=grant, assertion=signed, client_id="", client_secret="")


def test_jwt_bearer_takes_the_login_host_or_the_instance_as_audience(live_org: RunningOrg) -> None:
    milliseconds = time.time() * 1000 + 300  # as the Salesforce CLI sends them
    for audience, expiry in (
        ("https://login.salesforce.com", time.time() + 120),
        (f"{live_org.base_url}/", milliseconds),
    ):
        body = jwt_token(live_org, assertion(live_org, aud=audience, exp=expiry)).json()
        assert works(live_org, body["access_token"]) and "refresh_token" not in body


def test_jwt_bearer_refusals(live_org: RunningOrg) -> None:
    good = assertion(live_org)
    assert refused(jwt_token(live_org, good[:-8] + "AAAAAAAA"))[0] == "invalid_grant"
    for claims in ({"aud": "https://elsewhere.example.com"}, {"exp": time.time() - 1}):
        assert refused(jwt_token(live_org, assertion(live_org, **claims)))[0] == "invalid_grant"
    unknown = assertion(live_org, sub="nobody@example.com")
    assert refused(jwt_token(live_org, unknown)) == ("invalid_grant", "user hasn't approved this consumer")
    assert refused(jwt_token(live_org, assertion(live_org, iss="nobody")))[0] == "invalid_client_id"
    assert refused(jwt_token(live_org, "rubbish"))[0] == "invalid_grant"


def test_client_credentials_act_as_the_sync_user_with_basic_or_form(live_org: RunningOrg) -> None:
    basic = httpx2.post(
        f"{live_org.base_url}/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(live_org.client_id, live_org.client_secret),
    ).json()
    info = httpx2.get(
        f"{live_org.base_url}/services/oauth2/userinfo",
        headers={"Authorization": f"Bearer {basic['access_token']}"},
    ).json()
    assert info["preferred_username"] == live_org.username
    assert info["organization_id"] == live_org.org_id and info["urls"]["custom_domain"] == live_org.base_url
    assert (
        refused(token(live_org, grant_type="client_credentials", client_secret="no"))[0] == "invalid_client"
    )


def test_identity_revoke_and_introspect(live_org: RunningOrg) -> None:
    body = token(live_org, **password_form(live_org)).json()
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    who = httpx2.get(body["id"], headers=bearer).json()
    assert who["username"] == live_org.username and who["asserted_user"] is True
    other = body["id"].replace(live_org.user("sync")["user_id"], live_org.user("admin")["user_id"])
    assert (httpx2.get(other, headers=bearer).status_code, httpx2.get(other).text) == (
        404,
        "Missing_OAuth_Token",
    )
    wrong = httpx2.get(body["id"], headers={"Authorization": "Bearer 00Dnonsense"})
    assert (wrong.status_code, wrong.text) == (403, "Bad_OAuth_Token")
    latest = httpx2.get(body["id"], headers=bearer, params={"version": "latest"}).json()
    assert latest["urls"]["query"] == f"{live_org.base_url}/services/data/v67.0/query/"
    ask = {
        "token": body["access_token"],
        "client_id": live_org.client_id,
        "client_secret": live_org.client_secret,
    }
    url = f"{live_org.base_url}/services/oauth2"
    told = httpx2.post(f"{url}/introspect", data=ask).json()
    assert told["active"] is True and told["username"] == live_org.username
    assert httpx2.post(f"{url}/revoke", data={"token": body["access_token"]}).status_code == 200
    assert httpx2.post(f"{url}/introspect", data=ask).json() == {"active": False}
    assert httpx2.post(f"{url}/revoke", data={"token": body["access_token"]}).status_code == 400
    assert not works(live_org, body["access_token"])


def test_sessions_expire_by_the_orgs_clock_and_on_order(live_org: RunningOrg) -> None:
    one = live_org.token()
    live_org.control("clock", {"advance": 7100})
    assert works(live_org, one), "used in time: prolonged"
    live_org.control("clock", {"advance": 7100})
    assert works(live_org, one)
    live_org.control("clock", {"advance": 7300})
    assert not works(live_org, one)
    other = live_org.token()
    assert live_org.control("sessions", {"expire": live_org.username})["ended"] >= 1
    assert not works(live_org, other)
    unknown = httpx2.get(f"{live_org.base_url}/services/data/v60.0/limits")
    assert unknown.status_code == 401
