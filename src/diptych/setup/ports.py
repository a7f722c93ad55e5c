"""What set-up needs from the world: something that connects to an org, and a place for the connection and its secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from diptych.setup.conversion import LeadFieldMapping
from diptych.setup.preparation import Change, PreparationFacts
from diptych.sync.ports import Org, OrgIdentity

PRODUCTION_LOGIN = "https://login.salesforce.com"
SANDBOX_LOGIN = "https://test.salesforce.com"


class AuthKind(StrEnum):
    """The ways in (S-24..S-32)."""

    PASSWORD = "password"
    OAUTH = "oauth"
    CLIENT_CREDENTIALS = "client_credentials"
    JWT = "jwt"


@dataclass(frozen=True)
class Credentials:
    """How we log in. Secrets are left out of its text form. Which fields count depends on `kind`:

    password: username, password, security_token (client_id and client_secret when the org has SOAP login switched off);
    oauth: client_id, client_secret (if the app has one), refresh_token; client_credentials: client_id, client_secret;
    jwt: client_id, username, private_key (PEM text).
    """

    kind: AuthKind
    login_url: str = PRODUCTION_LOGIN
    username: str = ""
    client_id: str = ""
    password: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    client_secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class ConnectionCard:
    """'Connected as USER, PROFILE, ORG NAME, ORG ID, production/sandbox: is this right?' (S-33), before anything is saved.

    `credentials` are those to save: a refresh token may have been replaced while connecting.
    """

    identity: OrgIdentity
    kind: AuthKind
    login_url: str
    credentials: Credentials = field(repr=False)
    replaces: OrgIdentity | None = None

    @property
    def environment(self) -> str:
        return "sandbox" if self.identity.is_sandbox else "production"

    @property
    def question(self) -> str:
        who = self.identity
        return (
            f"Connected as {who.user_name} ({who.username}), profile {who.profile_name}, "
            f"to {who.org_name} ({who.org_id}, {who.org_type}, {self.environment}). Is this right?"
        )


@dataclass(frozen=True)
class Authorization:
    """A started 'Login with Salesforce': send the browser to `url`; keep `state` and `verifier` for the way back."""

    url: str
    state: str
    verifier: str = field(repr=False)
    login_url: str
    client_id: str
    redirect_uri: str
    client_secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Connection:
    """The saved connection. `locked`: the sync has started once, so only this org may be connected (S-27).

    `trouble`: why the secrets in `credentials` cannot be read, when they cannot; connecting again mends it.
    """

    identity: OrgIdentity
    credentials: Credentials = field(repr=False)
    locked: bool = False
    trouble: str = ""


@dataclass(frozen=True)
class ObjectAccess:
    """What the sync user may do with one object (S-14)."""

    read: bool
    create: bool = False
    edit: bool = False
    delete: bool = False


@dataclass(frozen=True)
class PermissionFacts:
    """What the org says about the sync user's rights. None: the org did not tell.

    `system` by API name such as PermissionsApiEnabled (S-12, S-13). `shown_all`: by object, whether sharing can keep no record
    from the sync user; an object of which the org did not tell that is missing.
    """

    objects: Mapping[str, ObjectAccess] | None = None
    system: Mapping[str, bool] | None = None
    shown_all: Mapping[str, bool] = field(default_factory=dict)


class Workshop(Protocol):
    """Changes the org's set-up, for whom it is opened. Raises OrgError and its kinds."""

    def facts(self, sync_user_id: str, sync_username: str) -> PreparationFacts:
        """What is there of what the sync may want; a few read calls."""

    def carry_out(self, change: Change, sync_username: str) -> None:
        """Make a change; what is there already is left as it is."""

    def undo(self, change: Change, sync_username: str) -> None:
        """Take a change back; what is gone already is no trouble."""


class Connector(Protocol):
    """Opens orgs. Raises OrgError and its kinds (LoginFailed, WrongOrg, OrgUnavailable ...)."""

    def connect(
        self,
        credentials: Credentials,
        expected_org_id: str | None = None,
        on_rotated: Callable[[Credentials], None] | None = None,
    ) -> Org:
        """A connected org; `on_rotated` is told when the org replaced the refresh token, before the new one is used."""

    def permissions(self, org: Org) -> PermissionFacts:
        """What the sync user may do; a few read calls."""

    def lead_mapping(self, org: Org) -> LeadFieldMapping | None:
        """Where the org sends lead fields on a conversion; None when the sync user may not read that. One call."""

    def workshop(self, org: Org) -> Workshop:
        """What changes that org's set-up."""

    def authorize(
        self, login_url: str, client_id: str, client_secret: str, redirect_uri: str
    ) -> Authorization:
        """Start 'Login with Salesforce' (authorization code with PKCE, login always asked for: S-33)."""

    def exchange(self, authorization: Authorization, answer: Mapping[str, str]) -> Credentials:
        """The credentials that the answer on the way back (the query of the redirect) stands for."""


class Vault(Protocol):
    """Keeps the one connection of this database, secrets encrypted (design.md decision 1)."""

    def load(self) -> Connection | None: ...

    def save(self, connection: Connection) -> None: ...

    def lock(self) -> None:
        """From now on only this org may be connected."""

    def forget(self) -> None: ...
