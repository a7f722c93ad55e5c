"""Set-up's vault over the store: one connection, its credentials sealed with the master key, bound to the org."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cached_property

from diptych.setup.ports import AuthKind, Connection, Credentials
from diptych.store import SqlStore
from diptych.store.auditing import note
from diptych.store.connection import (
    StoredConnection,
    forget_connection,
    load_connection,
    lock_connection,
    save_connection,
)
from diptych.store.secrets import SecretBox, SecretUnreadable
from diptych.sync.ports import OrgIdentity

_PURPOSE = "credentials"


class StoreVault:
    """See `diptych.setup.ports.Vault`. `open_box` is asked when a secret is first needed: a master key file that cannot be
    read is no reason not to show people."""

    def __init__(self, store: SqlStore, open_box: Callable[[], SecretBox]) -> None:
        self._store, self._open_box = store, open_box
        self._opened: tuple[StoredConnection, Connection] | None = None
        self._guard = threading.Lock()

    @cached_property
    def _box(self) -> SecretBox:
        return self._open_box()

    def seal(self, plain: str, purpose: str) -> str:
        """Another secret of this database, sealed. Raises SecretUnreadable when there is no usable master key."""
        return self._box.seal(plain, "", purpose)

    def unseal(self, sealed: str, purpose: str) -> str:
        """What `seal` sealed. Raises SecretUnreadable."""
        return self._box.open(sealed, "", purpose)

    def load(self) -> Connection | None:
        """The saved connection; with `trouble` when the master key is not the one it was saved with."""
        with self._store.reading() as unit:
            stored = load_connection(unit)
        if stored is None:
            return None
        with self._guard:
            if self._opened is None or self._opened[0] != stored:
                self._opened = (stored, self._unsealed(stored))
            return self._opened[1]

    def save(self, connection: Connection) -> None:
        org_id = connection.identity.org_id
        secrets = json.dumps(asdict(connection.credentials))
        stored = StoredConnection(
            connection.credentials.kind.value,
            connection.credentials.login_url,
            org_id,
            asdict(connection.identity),
            self._box.seal(secrets, org_id, _PURPOSE),
            connection.locked,
        )
        before = self.load()
        with self._store.edit_as("setup") as unit:
            save_connection(unit, stored, self._store.now())
            note(unit, "connection", *_change(before, connection), self._store.now)

    def lock(self) -> None:
        with self._store.edit_as("setup") as unit:
            lock_connection(unit)

    def forget(self) -> None:
        with self._store.edit_as("setup") as unit:
            forget_connection(unit)
            note(unit, "connection", "connected", None, self._store.now)

    def _unsealed(self, stored: StoredConnection) -> Connection:
        identity = OrgIdentity(**stored.identity)
        try:
            given = json.loads(self._box.open(stored.sealed, stored.org_id, _PURPOSE))
        except SecretUnreadable as problem:
            blank = Credentials(AuthKind(stored.auth_kind), stored.login_url)
            return Connection(identity, blank, stored.locked, str(problem))
        given["kind"] = AuthKind(given["kind"])
        return Connection(identity, Credentials(**given), stored.locked)


def _change(before: Connection | None, after: Connection) -> tuple[str | None, str]:
    """The connections in words for the audit log, without secrets. A refresh token that Salesforce has replaced is no change."""
    was, now = _words(before) if before else None, _words(after)
    if before is not None and _lasting(before.credentials) != _lasting(after.credentials):
        now += ", other credentials"
    return was, now


def _words(connection: Connection) -> str:
    who = connection.identity
    return f"{who.username} of {who.org_name} ({who.org_id}), {connection.credentials.kind}"


def _lasting(credentials: Credentials) -> Credentials:
    return replace(credentials, refresh_token="")
