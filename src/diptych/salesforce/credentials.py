"""The ways to be let into an org, as data: what each needs, and how it is kept (encrypted, by the store's vault)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from diptych.domain.outcome import ErrorClass, LoginFailed, Problem

PRODUCTION = "https://login.salesforce.com"
SANDBOX = "https://test.salesforce.com"


@dataclass(frozen=True)
class Password:
    """User name, password and security token (S-25). With a `client_id` the OAuth password flow is used, else SOAP login."""

    username: str
    password: str = field(repr=False)
    security_token: str = field(default="", repr=False)
    login_url: str = PRODUCTION
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    kind: str = field(default="password", init=False)


@dataclass(frozen=True)
class RefreshToken:
    """What Login with Salesforce leaves: a token that stands for the user's consent. It may change at each use (rotation)."""

    client_id: str
    refresh_token: str = field(repr=False)
    client_secret: str | None = field(default=None, repr=False)
    login_url: str = PRODUCTION
    kind: str = field(default="refresh_token", init=False)


@dataclass(frozen=True)
class ClientCredentials:
    """An app that runs as the user chosen in its policies. `login_url` must be the org's My Domain address."""

    client_id: str
    client_secret: str = field(repr=False)
    login_url: str
    kind: str = field(default="client_credentials", init=False)


@dataclass(frozen=True)
class Jwt:
    """A private key (PEM, RSA) whose certificate the app has; `audience` None: the login address."""

    client_id: str
    username: str
    private_key: str = field(repr=False)
    login_url: str = PRODUCTION
    audience: str | None = None
    kind: str = field(default="jwt", init=False)


Credentials = Password | RefreshToken | ClientCredentials | Jwt
_KINDS: Mapping[str, type[Credentials]] = {
    "password": Password,
    "refresh_token": RefreshToken,
    "client_credentials": ClientCredentials,
    "jwt": Jwt,
}


def to_json(credentials: Credentials) -> str:
    """Everything, secrets included: for the vault only."""
    return json.dumps(asdict(credentials))


def from_json(text: str) -> Credentials:
    """The inverse of `to_json`. Raises ValueError for anything else."""
    values = json.loads(text)
    made = _KINDS.get(values.pop("kind", ""))
    if made is None:
        raise ValueError("these are not credentials of a known kind")
    try:
        return made(**values)
    except TypeError as problem:
        raise ValueError("these credentials are incomplete or of another version") from problem


def fingerprint(credentials: Credentials) -> str:
    """The same for the same credentials and of no use for logging in: names a session in this process."""
    return hashlib.sha256(to_json(credentials).encode()).hexdigest()


def login_address(text: str, *, allow_http: bool = False) -> str:
    """What a person typed ('production', 'sandbox', a host name, the address of a page) as a login address.

    Raises LoginFailed for text that is none, and for plain http to another computer unless `allow_http`: the password
    would travel in the clear.
    """
    typed = text.strip()
    word = typed.lower()
    if word in ("", "production", "developer"):
        return PRODUCTION
    if word == "sandbox":
        return SANDBOX
    parts = urlsplit(typed if "://" in typed else f"https://{typed}")
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if parts.scheme not in ("http", "https") or not host or " " in host:
        raise LoginFailed(
            Problem(
                "LOGIN_ADDRESS",
                f"{typed!r} is not a login address.",
                ErrorClass.LOGIN,
                remedy="Use production, sandbox, or an address such as https://your-company.my.salesforce.com.",
            )
        )
    if parts.scheme == "http" and not allow_http and not _is_this_computer(host):
        raise LoginFailed(
            Problem(
                "LOGIN_ADDRESS",
                f"{typed} would send the password over the network in the clear.",
                ErrorClass.LOGIN,
                remedy=f"Use https://{host} instead.",
            )
        )
    for page, login in ((".lightning.force.com", ".my.salesforce.com"),):
        if host.endswith(page):  # the address of a page; logins go to the other one
            host = host.removesuffix(page) + login
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def _is_this_computer(host: str) -> bool:
    return host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127.")
