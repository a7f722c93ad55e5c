"""A connector and a vault in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from diptych.domain.outcome import ErrorClass, LoginFailed, Problem
from diptych.domain.schema import ObjectDescription
from diptych.setup.conversion import LeadFieldMapping
from diptych.setup.ports import (
    AuthKind,
    Authorization,
    Connection,
    Credentials,
    ObjectAccess,
    PermissionFacts,
)
from diptych.sync.ports import Org
from diptych.testing.org import InMemoryOrg
from diptych.testing.org_schema import STANDARD_OBJECTS, field

PASSWORD = Credentials(
    AuthKind.PASSWORD, username="sync@example.com", password="secret", security_token="tok"
)


class FakeConnector:
    """Knows orgs by login address; only the password 'secret' is let in."""

    def __init__(self, org: InMemoryOrg) -> None:
        self.orgs = {PASSWORD.login_url: org}
        self.permission_facts = PermissionFacts(
            {name: ObjectAccess(True, edit=True) for name in ("Lead", "Contact", "Account", "User")},
            {"PermissionsApiEnabled": True, "PermissionsPasswordNeverExpires": False},
        )
        self.rotate_to: str | None = None
        self.conversion: LeadFieldMapping | None = LeadFieldMapping({})
        self.logins = 0

    def connect(
        self,
        credentials: Credentials,
        expected_org_id: str | None = None,
        on_rotated: Callable[[Credentials], None] | None = None,
    ) -> Org:
        self.logins += 1
        if credentials.kind is AuthKind.PASSWORD and credentials.password != "secret":
            raise LoginFailed(Problem("INVALID_LOGIN", "Wrong password or token.", ErrorClass.LOGIN))
        if self.rotate_to and on_rotated:
            on_rotated(replace(credentials, refresh_token=self.rotate_to))
        return self.orgs[credentials.login_url]

    def permissions(self, org: Org) -> PermissionFacts:
        return self.permission_facts

    def lead_mapping(self, org: Org) -> LeadFieldMapping | None:
        return self.conversion

    def authorize(
        self, login_url: str, client_id: str, client_secret: str, redirect_uri: str
    ) -> Authorization:
        return Authorization(
            f"{login_url}/authorize", "state-1", "verifier", login_url, client_id, redirect_uri
        )

    def exchange(self, authorization: Authorization, answer: Mapping[str, str]) -> Credentials:
        return Credentials(
            AuthKind.OAUTH,
            authorization.login_url,
            client_id=authorization.client_id,
            refresh_token=answer["code"],
        )


class FakeVault:
    def __init__(self) -> None:
        self.connection: Connection | None = None

    def load(self) -> Connection | None:
        return self.connection

    def save(self, connection: Connection) -> None:
        self.connection = connection

    def lock(self) -> None:
        assert self.connection is not None
        self.connection = replace(self.connection, locked=True)

    def forget(self) -> None:
        self.connection = None


def with_custom(**fields: list[tuple[str, str, str]]) -> tuple[ObjectDescription, ...]:
    """The standard objects with custom fields: Lead=[(name, label, type)]."""
    return tuple(
        replace(
            o,
            fields={**o.fields, **{n: field(n, t, label=label) for n, label, t in fields.get(o.name, [])}},
        )
        for o in STANDARD_OBJECTS
    )
