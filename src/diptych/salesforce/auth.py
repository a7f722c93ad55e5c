"""Logins: the four ways into an org, and the two halves of Login with Salesforce (authorization code + PKCE)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from diptych.domain.outcome import ErrorClass, LoginFailed, OrgUnavailable, Problem
from diptych.domain.values import full_id
from diptych.salesforce import soap
from diptych.salesforce.credentials import ClientCredentials, Credentials, Jwt, Password, RefreshToken
from diptych.salesforce.errors import Effect, oauth_failed, read_faults
from diptych.salesforce.transport import Answer, Cut, NotSent, Transport, not_the_api

_ID_URL = re.compile(r"/id/(00D\w{12,15})/(005\w{12,15})/?$")


@dataclass(frozen=True)
class Grant:
    """A session: its token, where to use it, and what the login said about org and user. `refresh_token` is a new one."""

    access_token: str = field(repr=False)
    instance_url: str
    org_id: str | None = None
    user_id: str | None = None
    refresh_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Consent:
    """One attempt at Login with Salesforce, to be remembered between the two halves.

    `state` comes back with the answer and must be equal; `verifier` proves that the same program asks.
    """

    url: str
    state: str
    verifier: str = field(repr=False)
    login_url: str
    client_id: str
    redirect_uri: str


def ask_consent(
    login_url: str, client_id: str, redirect_uri: str, *, scopes: tuple[str, ...] = ("api", "refresh_token")
) -> Consent:
    """Where to send the browser. `prompt=login` makes Salesforce ask who it is, so that nobody connects as whoever
    happens to be logged in."""
    verifier = secrets.token_urlsafe(64)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    state = secrets.token_urlsafe(32)
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "prompt": "login consent",
        }
    )
    return Consent(
        f"{login_url}/services/oauth2/authorize?{query}", state, verifier, login_url, client_id, redirect_uri
    )


def take_consent(
    transport: Transport, consent: Consent, answer: Mapping[str, str], client_secret: str | None = None
) -> tuple[RefreshToken, Grant]:
    """The credentials and first session out of the query of the redirect that came back.

    Raises LoginFailed when the person declined, the answer belongs to another attempt, or the code is refused.
    """
    if not secrets.compare_digest(answer.get("state", ""), consent.state):
        raise LoginFailed(
            Problem(
                "STATE_MISMATCH",
                "This answer from Salesforce belongs to another login attempt.",
                ErrorClass.LOGIN,
                remedy="Press Login with Salesforce once more, in one browser window only.",
            )
        )
    faults = read_faults(dict(answer))
    if faults:
        raise oauth_failed(faults[0], consent.login_url)
    form = {
        "grant_type": "authorization_code",
        "code": answer.get("code", ""),
        "redirect_uri": consent.redirect_uri,
        "client_id": consent.client_id,
        "code_verifier": consent.verifier,
    }
    grant = _token(transport, consent.login_url, form, client_secret)
    if grant.refresh_token is None:
        raise LoginFailed(
            Problem(
                "NO_REFRESH_TOKEN",
                "Salesforce gave a login that ends after some hours and cannot be renewed.",
                ErrorClass.LOGIN,
                "The app lacks the scope 'Perform requests at any time (refresh_token, offline_access)'.",
                "Add that scope to the app, then press Login with Salesforce once more.",
            )
        )
    return RefreshToken(consent.client_id, grant.refresh_token, client_secret, consent.login_url), grant


def log_in(transport: Transport, credentials: Credentials, now: Callable[[], datetime]) -> Grant:
    """A new session. `now` is our clock; only the signed statement of a JWT uses it.

    Raises LoginFailed with the way out, or OrgUnavailable when the login address cannot be reached or is busy.
    """
    match credentials:
        case Password(client_id=None):
            return _soap_login(transport, credentials)
        case Password():
            form = {
                "grant_type": "password",
                "client_id": credentials.client_id or "",
                "username": credentials.username,
                "password": credentials.password + credentials.security_token,
            }
            return _token(transport, credentials.login_url, form, credentials.client_secret)
        case RefreshToken():
            form = {
                "grant_type": "refresh_token",
                "client_id": credentials.client_id,
                "refresh_token": credentials.refresh_token,
            }
            return _token(transport, credentials.login_url, form, credentials.client_secret)
        case ClientCredentials():
            form = {"grant_type": "client_credentials", "client_id": credentials.client_id}
            return _token(transport, credentials.login_url, form, credentials.client_secret)
        case Jwt():
            return _jwt_login(transport, credentials, now)


def _soap_login(transport: Transport, credentials: Password) -> Grant:
    body = soap.login_envelope(credentials.username, credentials.password + credentials.security_token)
    url = f"{credentials.login_url}/services/Soap/u/{soap.LOGIN_VERSION}"
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""'}
    answer = _post(transport, url, headers=headers, content=body)
    session = soap.read_login(answer.content, credentials.login_url)
    if session is None:
        raise not_the_api(answer, Effect.READ, login=True)
    return Grant(
        session.session_id,
        _same_scheme(session.server_url, credentials.login_url),
        full_id(session.org_id),
        full_id(session.user_id),
    )


def _jwt_login(transport: Transport, credentials: Jwt, now: Callable[[], datetime]) -> Grant:
    key = _private_key(credentials.private_key)
    answer = _assert(transport, credentials, key, now())
    if answer.status == 400 and (theirs := _date(answer)) and abs(theirs - now()) > timedelta(minutes=2):
        answer = _assert(transport, credentials, key, theirs)  # our clock is off: sign by the org's
    return _grant(answer, credentials.login_url)


def _assert(transport: Transport, credentials: Jwt, key: rsa.RSAPrivateKey, moment: datetime) -> Answer:
    claims = {
        "iss": credentials.client_id,
        "sub": credentials.username,
        "aud": credentials.audience or credentials.login_url,
        "exp": int((moment + timedelta(minutes=3)).timestamp()),
    }
    signed = b".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": (signed + b"." + _b64(signature)).decode(),
    }
    return _post(transport, f"{credentials.login_url}/services/oauth2/token", form=form)


def _private_key(pem: str) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise LoginFailed(
            Problem(
                "PRIVATE_KEY",
                "The private key cannot be read.",
                ErrorClass.LOGIN,
                "It is not a PEM file, or it is protected with a password.",
                "Give the unencrypted private key (-----BEGIN PRIVATE KEY-----) that belongs to the app's certificate.",
            )
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise LoginFailed(
            Problem(
                "PRIVATE_KEY",
                "The private key is not an RSA key.",
                ErrorClass.LOGIN,
                remedy="Salesforce takes RSA keys of at least 2048 bits; make one and upload its certificate to the app.",
            )
        )
    return key


def _token(transport: Transport, login_url: str, form: Mapping[str, str], secret: str | None) -> Grant:
    sent = {**form, "client_secret": secret} if secret else dict(form)
    return _grant(_post(transport, f"{login_url}/services/oauth2/token", form=sent), login_url)


def _post(transport: Transport, url: str, **request: Any) -> Answer:
    headers = {"Accept": "application/json", **(request.pop("headers", None) or {})}
    try:
        return transport.send("POST", url, effect=Effect.READ, headers=headers, **request)
    except (NotSent, Cut) as failure:
        raise failure.error from failure


def _grant(answer: Answer, login_url: str) -> Grant:
    try:
        document = json.loads(answer.content)
    except ValueError:
        raise not_the_api(answer, Effect.READ, login=True) from None
    faults = read_faults(document)
    if faults:
        raise oauth_failed(faults[0], login_url)
    if answer.status != 200 or not isinstance(document, dict) or "access_token" not in document:
        raise not_the_api(answer, Effect.READ, login=True)
    instance = str(document.get("instance_url") or "")
    if not instance:
        raise OrgUnavailable(
            Problem("NO_INSTANCE", f"{login_url} did not say where the org is.", ErrorClass.LOGIN)
        )
    found = _ID_URL.search(str(document.get("id") or ""))
    refresh = document.get("refresh_token")
    return Grant(
        str(document["access_token"]),
        _same_scheme(instance, login_url),
        full_id(found.group(1)) if found else None,
        full_id(found.group(2)) if found else None,
        str(refresh) if refresh else None,
    )


def _same_scheme(url: str, login_url: str) -> str:
    """Scheme and host of `url`. A login over https never leads to an address without it."""
    parts = urlsplit(url)
    if parts.scheme != "https" and urlsplit(login_url).scheme == "https":
        raise LoginFailed(
            Problem(
                "INSECURE_INSTANCE",
                f"{login_url} leads to {url}, which is not encrypted.",
                ErrorClass.LOGIN,
                remedy="Check the login address; Salesforce itself never does this.",
            )
        )
    return f"{parts.scheme}://{parts.netloc}"


def _date(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return None


def _b64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
