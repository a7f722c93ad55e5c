"""Set-up's way to Salesforce: its credentials in the adapter's terms, one kept refresh token for all processes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from diptych.connection.workshop import SalesforceWorkshop
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.outcome import OrgRefused
from diptych.salesforce import credentials as wire
from diptych.salesforce import lead_mapping
from diptych.salesforce.auth import Consent, Grant, ask_consent, take_consent
from diptych.salesforce.metadata_api import MetadataApi
from diptych.salesforce.org import SalesforceOrg, Wire, connect
from diptych.salesforce.session import Keeper
from diptych.setup.conversion import LeadFieldMapping
from diptych.setup.ports import AuthKind, Authorization, Credentials, ObjectAccess, PermissionFacts
from diptych.sync.ports import Org

_LOGINS_KEPT = 20


class SalesforceConnector:
    """See `diptych.setup.ports.Connector`.

    `newest` reads the saved credentials back: another process may have been given a newer refresh token. `lock_file`
    makes renewals exclusive between the processes of this machine.
    """

    def __init__(
        self,
        newest: Callable[[], Credentials | None] = lambda: None,
        lock_file: Path | None = None,
        how: Wire | None = None,
    ) -> None:
        self._newest, self._lock_file, self._how = newest, lock_file, how or Wire()
        self._grants: dict[wire.Credentials, Grant] = {}

    def connect(
        self,
        credentials: Credentials,
        expected_org_id: str | None = None,
        on_rotated: Callable[[Credentials], None] | None = None,
    ) -> Org:
        given = to_wire(credentials)
        saved = expected_org_id is not None

        def rotated(renewed: wire.Credentials) -> None:
            if on_rotated is not None:
                on_rotated(from_wire(renewed))

        def newest() -> wire.Credentials | None:
            held = self._newest()
            return to_wire(held) if held is not None and held.kind is credentials.kind else None

        keeper = Keeper(rotated, newest if saved else None, self._exclusive if saved else nullcontext)
        return connect(
            given,
            expected_org_id=expected_org_id,
            keeper=keeper,
            grant=self._grants.pop(given, None),
            fresh=not saved,
            wire=self._how,
        )

    def permissions(self, org: Org) -> PermissionFacts:
        assert isinstance(org, SalesforceOrg)
        told = org.permissions([known.name for known in SYNCED_OBJECTS])
        seen = org.sees_all(told, [known.name for known in SYNCED_OBJECTS])
        shown_all = {name: whole for name, whole in seen.items() if whole is not None}
        if told.objects is None:
            return PermissionFacts(None, told.system, shown_all)
        # users may be read by every user, and no permission record says so
        rights = {
            name: ObjectAccess(o.read, o.create, o.edit, o.delete)
            for name, o in told.objects.items()
            if name != "User"
        }
        return PermissionFacts(rights, told.system, shown_all)

    def lead_mapping(self, org: Org) -> LeadFieldMapping | None:
        assert isinstance(org, SalesforceOrg)
        try:
            found = MetadataApi(org.client).read(lead_mapping.TYPE, [lead_mapping.TYPE])
        except (
            OrgRefused
        ):  # reading set-up is an administrator's right, which the sync needs for nothing else
            return None
        return LeadFieldMapping(lead_mapping.targets(found[0]) if found else {})

    def workshop(self, org: Org) -> SalesforceWorkshop:
        assert isinstance(org, SalesforceOrg)
        return SalesforceWorkshop(org)

    def authorize(
        self, login_url: str, client_id: str, client_secret: str, redirect_uri: str
    ) -> Authorization:
        consent = ask_consent(wire.login_address(login_url), client_id, redirect_uri)
        return Authorization(
            consent.url,
            consent.state,
            consent.verifier,
            consent.login_url,
            client_id,
            redirect_uri,
            client_secret,
        )

    def exchange(self, authorization: Authorization, answer: Mapping[str, str]) -> Credentials:
        begun = authorization
        consent = Consent(
            begun.url, begun.state, begun.verifier, begun.login_url, begun.client_id, begun.redirect_uri
        )
        transport = self._how.transport()
        try:
            token, grant = take_consent(transport, consent, answer, begun.client_secret or None)
        finally:
            transport.close()
        while len(self._grants) >= _LOGINS_KEPT:
            self._grants.pop(next(iter(self._grants)))
        self._grants[token] = grant
        return from_wire(token)

    def _exclusive(self) -> AbstractContextManager[object]:
        return nullcontext() if self._lock_file is None else _locked(self._lock_file)


def to_wire(credentials: Credentials) -> wire.Credentials:
    """The adapter's form. Raises LoginFailed when the login address is none."""
    c = credentials
    url = wire.login_address(c.login_url)
    if c.kind is AuthKind.PASSWORD:
        return wire.Password(
            c.username, c.password, c.security_token, url, c.client_id or None, c.client_secret or None
        )
    if c.kind is AuthKind.OAUTH:
        return wire.RefreshToken(c.client_id, c.refresh_token, c.client_secret or None, url)
    if c.kind is AuthKind.CLIENT_CREDENTIALS:
        return wire.ClientCredentials(c.client_id, c.client_secret, url)
    return wire.Jwt(c.client_id, c.username, c.private_key, url)


def from_wire(given: wire.Credentials) -> Credentials:
    """The inverse of `to_wire`."""
    match given:
        case wire.Password():
            return Credentials(
                AuthKind.PASSWORD,
                given.login_url,
                given.username,
                given.client_id or "",
                given.password,
                given.security_token,
                given.client_secret or "",
            )
        case wire.RefreshToken():
            return Credentials(
                AuthKind.OAUTH,
                given.login_url,
                client_id=given.client_id,
                client_secret=given.client_secret or "",
                refresh_token=given.refresh_token,
            )
        case wire.ClientCredentials():
            return Credentials(
                AuthKind.CLIENT_CREDENTIALS,
                given.login_url,
                client_id=given.client_id,
                client_secret=given.client_secret,
            )
        case wire.Jwt():
            return Credentials(
                AuthKind.JWT,
                given.login_url,
                given.username,
                given.client_id,
                private_key=given.private_key,
            )


_in_this_process = threading.Lock()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    import fcntl

    with _in_this_process, path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
