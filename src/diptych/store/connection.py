"""The one stored connection of this database: who and which org, and the sealed secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.store.system_tables import connection as table


@dataclass(frozen=True)
class StoredConnection:
    """`identity`: who we are to the org, as plain JSON values. `sealed`: the credentials, from `secrets.SecretBox.seal`.

    `locked`: the sync has started once, so only this org may be connected (S-27).
    """

    auth_kind: str
    login_url: str
    org_id: str
    identity: Mapping[str, Any]
    sealed: str = field(repr=False)
    locked: bool = False


def load_connection(connection: Connection) -> StoredConnection | None:
    """The connection that is saved, if any."""
    row = connection.execute(sa.select(table)).first()
    if row is None:
        return None
    return StoredConnection(
        row.auth_kind, row.login_url, row.org_id, json.loads(row.identity), row.sealed, bool(row.locked)
    )


def save_connection(connection: Connection, stored: StoredConnection, now: datetime) -> None:
    """Save it in the place of the one before. Raises ValueError when that one is locked to another org."""
    before = load_connection(connection)
    if before is not None and before.locked and before.org_id != stored.org_id:
        raise ValueError(
            f"This database is locked to the org {before.org_id}; {stored.org_id} cannot take its place. "
            "Use another database for another org."
        )
    connection.execute(table.delete())
    connection.execute(
        table.insert().values(
            id=1,
            auth_kind=stored.auth_kind,
            login_url=stored.login_url,
            org_id=stored.org_id,
            identity=json.dumps(dict(stored.identity)),
            sealed=stored.sealed,
            locked=stored.locked or (before is not None and before.locked),
            saved_at=now,
        )
    )


def lock_connection(connection: Connection) -> None:
    """From now on only this org may be connected."""
    connection.execute(table.update().values(locked=True))


def forget_connection(connection: Connection) -> None:
    """Remove the connection and its secrets."""
    connection.execute(table.delete())
