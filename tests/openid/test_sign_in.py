"""Signing in with an identity provider, by browser; and tokens that are not what they should be."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diptych.access.users import Users
from diptych.config import BadSettings, read_settings
from diptych.domain.roles import Role, parse_rules
from diptych.openid.id_token import verified
from diptych.openid.issuer import Issuer, SignInFailed
from diptych.wiring import Workspace, open_workspace
from tests.admin.conftest import Browser, browser_of, settings_of
from tests.openid.provider import OTHER_KEY, Provider, published, running, signed

ROLES = "admin=it; operator=marketing, sales; viewer=staff"


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with running() as provider:
        yield provider


@pytest.fixture
def provider(server: Provider) -> Provider:
    fresh = Provider()
    for name in ("claims", "change", "algorithm", "key", "codes"):
        setattr(server, name, getattr(fresh, name))
    return server


@pytest.fixture
def workspace(provider: Provider, tmp_path: Path) -> Iterator[Workspace]:
    given = settings_of(
        tmp_path,
        oidc_issuer=provider.address,
        oidc_client_id=provider.client_id,
        oidc_client_secret=provider.secret,
        oidc_roles=ROLES,
        oidc_label="Example SSO",
    )
    with open_workspace(given) as made:
        yield made


def sign_in(browser: Browser, provider: Provider, status: int = 303, **answer: str) -> str:
    there = browser.client.get("/login/provider", follow_redirects=False)
    assert there.status_code == 303
    brought = provider.log_in(there.headers["location"]) | answer
    back = browser.client.get("/login/provider/back", params=brought, follow_redirects=False)
    assert back.status_code == status, back.text
    return back.text


def test_a_user_signs_in_and_has_the_role_of_the_claim(workspace: Workspace, provider: Provider) -> None:
    browser = browser_of(workspace)
    assert "Log in with Example SSO" in browser.client.get("/enter").text
    provider.claims["groups"] = ["everybody", "marketing"]
    sign_in(browser, provider)
    assert "ada@example.org" in browser.get("/account")
    user = Users(workspace.store).get("ada@example.org")
    assert (user.role, user.external, user.has_password) == (Role.OPERATOR, True, False)
    browser.get("/people/new")
    browser.get("/access/users", 403)

    provider.claims["groups"] = ["it"]  # the provider decides anew at each sign-in
    again = browser_of(workspace)
    sign_in(again, provider)
    again.get("/access/users")
    assert len(Users(workspace.store).all()) == 1
    line = workspace.queries.audit(what="user.role")[0]
    assert (line.actor, line.source, line.old, line.new) == (
        "ada@example.org",
        "sign-in",
        "operator",
        "admin",
    )
    Users(workspace.store).disable("ada@example.org")
    again.get("/people", 401)
    assert "is disabled here" in sign_in(browser_of(workspace), provider, 403)


@pytest.mark.parametrize("algorithm", ["PS256", "ES256"])
def test_other_signatures(workspace: Workspace, provider: Provider, algorithm: str) -> None:
    provider.algorithm, provider.claims["groups"] = algorithm, "staff"
    browser = browser_of(workspace)
    sign_in(browser, provider)
    browser.get("/people")


def test_nobody_without_a_role_gets_in(workspace: Workspace, provider: Provider) -> None:
    provider.claims["groups"] = ["strangers"]
    browser = browser_of(workspace)
    assert "has no role here" in sign_in(browser, provider, 403)
    browser.get("/people", 401)
    assert Users(workspace.store).all() == []


def test_an_answer_is_of_this_browsers_attempt(workspace: Workspace, provider: Provider) -> None:
    provider.claims["groups"] = ["it"]
    victim, attacker = browser_of(workspace), browser_of(workspace)
    there = attacker.client.get("/login/provider", follow_redirects=False)
    brought = provider.log_in(there.headers["location"])
    assert victim.client.get("/login/provider/back", params=brought).status_code == 403
    victim.client.get("/login/provider", follow_redirects=False)
    assert victim.client.get("/login/provider/back", params=brought).status_code == 403
    victim.get("/people", 401)
    assert "another identity provider" in sign_in(
        browser_of(workspace), provider, 403, iss="https://evil.example"
    )
    assert "the code is not good" in sign_in(browser_of(workspace), provider, 403, code="stolen")
    assert "they said no" in sign_in(
        browser_of(workspace), provider, 403, error="access_denied", error_description="they said no"
    )


def test_without_a_provider_there_is_no_such_page(tmp_path: Path) -> None:
    with open_workspace(settings_of(tmp_path)) as plain:
        browser = browser_of(plain)
        assert browser.client.get("/login/provider").status_code == 404
        assert browser.client.get("/login/provider/back").status_code in (403, 404)


NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
GOOD: dict[str, Any] = {
    "iss": "https://issuer",
    "aud": "diptych",
    "sub": "42",
    "nonce": "n",
    "iat": NOW.timestamp(),
    "exp": NOW.timestamp() + 300,
}


def look(token: str) -> dict[str, Any]:
    issuer = Issuer.__new__(Issuer)  # its keys, without its network
    issuer._keys = (time.monotonic(), published())  # type: ignore[assignment]
    issuer._guard = __import__("threading").Lock()
    issuer.endpoints = lambda: __import__("types").SimpleNamespace(keys="")  # type: ignore[assignment]
    return verified(token, issuer.key, "https://issuer", "diptych", "n", NOW)


def test_a_good_token() -> None:
    for audience in ("diptych", ["diptych"]):
        assert look(signed(GOOD | {"aud": audience}))["sub"] == "42"
    assert look(signed(GOOD | {"aud": ["diptych", "other"], "azp": "diptych"}))["sub"] == "42"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iss": "https://other"}, "another issuer"),
        ({"aud": "other"}, "another application"),
        ({"aud": ["diptych", "other"]}, "another application"),
        ({"azp": "other"}, "another application"),
        ({"nonce": "other"}, "another attempt"),
        ({"nonce": None}, "another attempt"),
        ({"exp": NOW.timestamp() - 300}, "is over"),
        ({"exp": "soon"}, "no exp"),
        ({"iat": NOW.timestamp() + 600}, "from the future"),
        ({"nbf": NOW.timestamp() + 600}, "not valid yet"),
        ({"sub": ""}, "whom it is about"),
    ],
)
def test_claims_that_are_not_right(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SignInFailed, match=said):
        look(signed(GOOD | change))


def test_signatures_that_are_not_right() -> None:
    good = signed(GOOD)
    head, body, signature = good.split(".")
    other_body = signed(GOOD | {"sub": "43"}).split(".")[1]
    for token, said in [
        (signed(GOOD, key=OTHER_KEY), "signature"),
        (f"{head}.{other_body}.{signature}", "signature"),
        (f"{head}.{body}.", "signature"),
        (signed(GOOD, algorithm="none"), "not taken"),
        (signed(GOOD, algorithm="HS256"), "not taken"),
        (signed(GOOD, kid="unknown"), "does not publish"),
        (signed(GOOD, crit=["x"]), "extension"),
        (f"{head}.{body}", "three parts"),
        ("a.b.c", "cannot be read"),
        (f"{head}.{body}.*", "cannot be read"),
    ]:
        with pytest.raises(SignInFailed, match=said):
            look(token)
    with pytest.raises(SignInFailed, match="signature"):  # an EC signature over other claims
        es = signed(GOOD, algorithm="ES256")
        look(f"{es.split('.')[0]}.{other_body}.{es.split('.')[2]}")


def test_rules_of_roles() -> None:
    rules = parse_rules(ROLES)
    assert rules.role_for(["sales", "staff"]) is Role.OPERATOR
    assert rules.role_for(["nobody"]) is None
    assert parse_rules("viewer=*").role_for([]) is Role.VIEWER
    assert parse_rules("").role_for(["it"]) is None
    for wrong in ("king=it", "admin"):
        with pytest.raises(ValueError, match="is not of the form"):
            parse_rules(wrong)


def test_settings_of_a_provider_are_checked(tmp_path: Path) -> None:
    for given, said in [
        ({"oidc_issuer": "https://x"}, "given together"),
        ({"oidc_issuer": "http://x.example", "oidc_client_id": "d"}, "https"),
        ({"oidc_roles": "king=it"}, "OIDC_ROLES"),
    ]:
        with pytest.raises(BadSettings, match=said):
            read_settings(data_dir=tmp_path, **given)
