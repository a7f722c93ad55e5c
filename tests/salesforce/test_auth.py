"""Logins: what is sent, what is kept, and in which order."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from diptych.domain.outcome import LoginFailed, OrgRefused, WrongOrg
from diptych.salesforce import Wire, connect, credentials
from diptych.salesforce.auth import Grant, ask_consent, log_in, take_consent
from diptych.salesforce.credentials import ClientCredentials, Jwt, Password, RefreshToken, login_address
from diptych.salesforce.session import Keeper, Session, session_for
from diptych.salesforce.transport import Transport
from diptych.sync import crashpoint
from tests.salesforce.wire import HOST, QUICK, answer, composite, soap_session

LOGIN = "https://login.salesforce.com"
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


class Door:
    """A login host that grants everything and remembers the forms it got. With `rotating`, each refresh gives a new token
    and a used one is refused."""

    def __init__(self, *, rotating: bool = False, extra: dict[str, Any] | None = None) -> None:
        self.forms: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.rotating = rotating
        self.live = "refresh-0"
        self.extra = extra or {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(request.content)
        if request.url.path.startswith("/services/Soap/"):
            return soap_session("soap-session")
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.forms.append(form)
        given: dict[str, Any] = {
            "access_token": f"session-{len(self.forms)}",
            "instance_url": HOST,
            "id": f"{LOGIN}/id/00D000000000001EAA/005000000000001AAA",
            "token_type": "Bearer",
            **self.extra,
        }
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] != self.live:
                return answer(
                    {"error": "invalid_grant", "error_description": "expired access/refresh token"}, 400
                )
            if self.rotating:
                self.live = given["refresh_token"] = f"refresh-{len(self.forms)}"
        return answer(given)

    @property
    def transport(self) -> Transport:
        return Transport(QUICK, adapter=httpx2.MockTransport(self))


def grant(door: Door, given: credentials.Credentials) -> Grant:
    return log_in(door.transport, given, lambda: NOW)


def test_password_and_token_go_to_soap_login_and_are_escaped() -> None:
    door = Door()
    found = grant(door, Password("a&b@example.com", "p<w>'&", "T0ken"))
    assert found == Grant("soap-session", HOST, "00D000000000001EAA", "005000000000001AAA")
    assert b"a&amp;b@example.com" in door.bodies[0]
    assert b"p&lt;w&gt;'&amp;T0ken</password>" in door.bodies[0]


def test_password_with_a_client_id_goes_to_the_oauth_flow() -> None:
    door = Door()
    found = grant(door, Password("u@example.com", "secret", "T0ken", client_id="app", client_secret="s"))
    assert door.forms == [
        {
            "grant_type": "password",
            "client_id": "app",
            "client_secret": "s",
            "username": "u@example.com",
            "password": "secretT0ken",
        }
    ]
    assert (found.org_id, found.user_id) == ("00D000000000001EAA", "005000000000001AAA")


def test_client_credentials() -> None:
    door = Door()
    grant(door, ClientCredentials("app", "s", HOST))
    assert door.forms == [{"grant_type": "client_credentials", "client_id": "app", "client_secret": "s"}]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any) -> str:
    private = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()).decode()


def claims(assertion: str) -> dict[str, Any]:
    part = assertion.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_a_jwt_names_app_user_and_login_address_and_is_signed(key: rsa.RSAPrivateKey) -> None:
    door = Door()
    grant(door, Jwt("app", "u@example.com", pem(key)))
    assertion = door.forms[0]["assertion"]
    said = claims(assertion)
    assert (said["iss"], said["sub"], said["aud"]) == ("app", "u@example.com", LOGIN)
    assert NOW.timestamp() < said["exp"] <= (NOW + timedelta(minutes=5)).timestamp()
    signed, _, signature = assertion.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    key.public_key().verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_jwt_is_signed_by_the_time_of_the_org_when_our_clock_is_off(key: rsa.RSAPrivateKey) -> None:
    seen: list[int] = []

    def network(request: httpx2.Request) -> httpx2.Response:
        exp = claims(parse_qs(request.content.decode())["assertion"][0])["exp"]
        seen.append(exp)
        if exp < NOW.timestamp():
            return answer({"error": "invalid_grant", "error_description": "assertion expired"}, 400)
        return answer({"access_token": "s", "instance_url": HOST})

    transport = Transport(QUICK, adapter=httpx2.MockTransport(network))
    found = log_in(transport, Jwt("app", "u", pem(key)), lambda: NOW - timedelta(hours=3))
    assert found.access_token == "s" and len(seen) == 2


@pytest.mark.parametrize(
    "text", ["", "no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_a_private_key_that_is_none(text: str) -> None:
    with pytest.raises(LoginFailed, match="private key"):
        grant(Door(), Jwt("app", "u", text))


def test_a_private_key_of_the_wrong_kind() -> None:
    with pytest.raises(LoginFailed, match="RSA"):
        grant(Door(), Jwt("app", "u", pem(ec.generate_private_key(ec.SECP256R1()))))


def test_an_org_without_encryption_behind_an_encrypted_login_is_refused() -> None:
    door = Door(extra={"instance_url": "http://acme.my.salesforce.com"})
    with pytest.raises(LoginFailed, match="not encrypted"):
        grant(door, ClientCredentials("app", "s", HOST))


# ---------------------------------------------------------------- Login with Salesforce


def test_the_browser_is_sent_with_a_challenge_and_is_always_asked_who_it_is() -> None:
    consent = ask_consent(LOGIN, "app", "http://127.0.0.1:8080/callback")
    query = {name: values[0] for name, values in parse_qs(urlsplit(consent.url).query).items()}
    assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"
    assert query["state"] == consent.state and "login" in query["prompt"].split()
    assert query["redirect_uri"] == "http://127.0.0.1:8080/callback"
    assert "refresh_token" in query["scope"].split()
    assert consent.verifier not in consent.url
    assert ask_consent(LOGIN, "app", "http://127.0.0.1:8080/callback").state != consent.state


def test_the_code_is_exchanged_for_lasting_credentials() -> None:
    door = Door(extra={"refresh_token": "refresh-0"})
    consent = ask_consent(LOGIN, "app", "http://127.0.0.1/cb")
    found, session = take_consent(door.transport, consent, {"code": "c0de", "state": consent.state}, "s")
    assert found == RefreshToken("app", "refresh-0", "s", LOGIN)
    assert session.access_token == "session-1"
    assert door.forms[0]["code"] == "c0de" and door.forms[0]["code_verifier"] == consent.verifier


@pytest.mark.parametrize(
    ("reply", "hint"),
    [
        ({"code": "c", "state": "of another attempt"}, "another login attempt"),
        ({"code": "c"}, "another login attempt"),
        ({"error": "access_denied", "error_description": "end-user denied authorization"}, "denied"),
    ],
)
def test_an_answer_that_does_not_let_us_in(reply: dict[str, str], hint: str) -> None:
    door = Door()
    consent = ask_consent(LOGIN, "app", "http://127.0.0.1/cb")
    told = {"state": consent.state, **reply} if "error" in reply else reply
    with pytest.raises(LoginFailed, match=hint):
        take_consent(door.transport, consent, told)
    assert not door.forms


def test_a_login_that_could_not_be_renewed_is_refused_at_once() -> None:
    consent = ask_consent(LOGIN, "app", "http://127.0.0.1/cb")
    with pytest.raises(LoginFailed, match="offline_access"):
        take_consent(Door().transport, consent, {"code": "c", "state": consent.state})


# ---------------------------------------------------------------- rotation


class Kept:
    """Where the token is kept; `broken` makes storing fail."""

    def __init__(self, token: str) -> None:
        self.credentials: credentials.Credentials = RefreshToken("app", token)
        self.broken = False
        self.events: list[str] = []

    def rotated(self, renewed: credentials.Credentials) -> None:
        if self.broken:
            raise OSError("disk full")
        self.credentials = renewed
        assert isinstance(renewed, RefreshToken)
        self.events.append(renewed.refresh_token)

    @property
    def keeper(self) -> Keeper:
        return Keeper(self.rotated, lambda: self.credentials)


def session(kept: Kept) -> Session:
    made = Session(kept.credentials, lambda: NOW)
    made.keeper = kept.keeper
    return made


def test_a_rotated_token_is_kept_before_its_session_is_used_and_used_the_next_time() -> None:
    door, kept = Door(rotating=True), Kept("refresh-0")
    held = session(kept)
    first = held.grant(door.transport)
    assert kept.events == ["refresh-1"]
    second = held.renew(door.transport, first)
    assert kept.events == ["refresh-1", "refresh-2"] and second.access_token != first.access_token
    assert [form["refresh_token"] for form in door.forms] == ["refresh-0", "refresh-1"]


def test_two_processes_share_one_rotating_token() -> None:
    door, kept = Door(rotating=True), Kept("refresh-0")
    web, worker = session(kept), session(kept)
    for _ in range(3):
        web.renew(door.transport, web.grant(door.transport))
        worker.renew(door.transport, worker.grant(door.transport))
    assert kept.events[-1] == door.live


def test_a_token_that_could_not_be_kept_is_kept_before_the_next_renewal() -> None:
    door, kept = Door(rotating=True), Kept("refresh-0")
    held = session(kept)
    kept.broken = True
    with pytest.raises(OSError):
        held.grant(door.transport)
    with pytest.raises(OSError):
        held.grant(door.transport)
    assert len(door.forms) == 1  # the old token is not used again
    kept.broken = False
    held.grant(door.transport)
    assert kept.events == ["refresh-1", "refresh-2"]


def test_a_crash_before_the_new_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """C-26. An org without rotation renews with the token there is."""

    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        if name == "C-26":
            raise Killed

    door, kept = Door(rotating=True), Kept("refresh-0")
    monkeypatch.setattr(crashpoint, "hook", kill)
    with pytest.raises(Killed):
        session(kept).grant(door.transport)
    assert kept.events == []
    monkeypatch.setattr(crashpoint, "hook", None)
    with pytest.raises(LoginFailed, match="Connect again"):
        session(kept).grant(door.transport)
    door = Door()
    assert session(kept).grant(door.transport).access_token == "session-1"


def test_one_renewal_for_all_who_find_the_session_expired() -> None:
    door = Door()
    held = Session(ClientCredentials("app", "s", HOST), lambda: NOW)
    stale = held.grant(door.transport)
    assert held.renew(door.transport, stale) is held.renew(door.transport, stale)
    assert len(door.forms) == 2


def test_the_same_credentials_share_a_session_in_this_process() -> None:
    one = ClientCredentials("app", "s", "https://shared.my.salesforce.com")
    assert session_for(one, lambda: NOW) is session_for(one, lambda: NOW)
    assert session_for(one, lambda: NOW) is not session_for(
        ClientCredentials("app", "other", "https://shared.my.salesforce.com"), lambda: NOW
    )


# ---------------------------------------------------------------- which org it is


def org_of(org_id: str, *, user_rows: int = 1) -> httpx2.MockTransport:
    def rows(url: str) -> tuple[int, Any]:
        if "Organization" in url:
            row: dict[str, Any] = {
                "Id": org_id,
                "Name": "Acme",
                "OrganizationType": "Enterprise Edition",
                "IsSandbox": True,
            }
            return 200, {"totalSize": 1, "done": True, "records": [row]}
        who = {
            "Id": "005000000000001AAA",
            "Username": "sync@example.com",
            "Name": "Sync",
            "ProfileId": "00e000000000001AAA",
            "Profile": {"Name": "Standard User"},
        }
        return 200, {"totalSize": user_rows, "done": True, "records": [who] * user_rows}

    def network(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/services/Soap/"):
            return soap_session("s", org_id)
        return composite(request, rows)

    return httpx2.MockTransport(network)


def test_who_and_where_we_are() -> None:
    made = connect(
        Password("who@example.com", "x"), wire=Wire(patience=QUICK, adapter=org_of("00D000000000001EAA"))
    )
    found = made.identity()
    assert (found.org_id, found.org_name, found.org_type) == (
        "00D000000000001EAA",
        "Acme",
        "Enterprise Edition",
    )
    assert found.is_sandbox and found.profile_name == "Standard User" and found.instance_url == HOST


def test_another_org_is_refused_with_both_names() -> None:
    wire = Wire(patience=QUICK, adapter=org_of("00D000000000002EAA"))
    with pytest.raises(WrongOrg) as raised:
        connect(Password("other@example.com", "x"), expected_org_id="00D000000000001", wire=wire)
    assert "00D000000000002EAA" in str(raised.value) and "00D000000000001EAA" in str(raised.value)


def test_a_user_who_cannot_read_itself() -> None:
    wire = Wire(patience=QUICK, adapter=org_of("00D000000000001EAA", user_rows=0))
    with pytest.raises(OrgRefused, match="may not read its own user"):
        connect(Password("blind@example.com", "x"), wire=wire)


# ---------------------------------------------------------------- credentials as data


@pytest.mark.parametrize(
    "given",
    [
        Password("u", "p", "t", LOGIN, "app", "s"),
        RefreshToken("app", "r"),
        ClientCredentials("app", "s", HOST),
        Jwt("app", "u", "pem", HOST, "aud"),
    ],
)
def test_credentials_come_back_from_the_vault_and_never_print_secrets(given: credentials.Credentials) -> None:
    assert credentials.from_json(credentials.to_json(given)) == given
    for secret in ("'p'", "'t'", "'s'", "'r'", "pem"):
        assert secret not in repr(given)


@pytest.mark.parametrize("text", ['{"kind":"magic"}', '{"kind":"jwt"}', '{"kind":"password","colour":1}'])
def test_other_things_are_no_credentials(text: str) -> None:
    with pytest.raises(ValueError):
        credentials.from_json(text)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("production", LOGIN),
        ("", LOGIN),
        (" Sandbox ", "https://test.salesforce.com"),
        ("acme.my.salesforce.com", HOST),
        ("https://acme.my.salesforce.com/", HOST),
        ("https://acme.lightning.force.com/lightning/page/home", HOST),
        ("http://127.0.0.1:8090", "http://127.0.0.1:8090"),
        ("http://localhost:8090/x", "http://localhost:8090"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_a_login_address_as_people_type_it(typed: str, address: str) -> None:
    assert login_address(typed) == address


@pytest.mark.parametrize(
    "typed", ["ftp://acme.my.salesforce.com", "https://", "http://acme.com", "https://a b", "https://x:y"]
)
def test_what_is_no_login_address(typed: str) -> None:
    with pytest.raises(LoginFailed):
        login_address(typed)
