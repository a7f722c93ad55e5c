"""Sessions of browsers: an opaque token in a cookie, its digest here; listed, and ended by whoever may."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from diptych.domain.roles import Principal, Role
from diptych.store import SqlStore
from diptych.store.auditing import note
from diptych.store.system_tables import access_session, access_user
from diptych.sync.ports import StoreBusy

LASTS = timedelta(days=30)
IDLE = timedelta(days=14)
_SEEN_EVERY = timedelta(minutes=10)
TERMINAL = "admin"
"""Whoever opened the link that was printed in the terminal: whoever reads that may read the database itself."""


@dataclass(frozen=True)
class Session:
    """`how`: link, password or provider. `name`: the user, or TERMINAL."""

    id: int
    name: str
    user_id: int | None
    how: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


class Sessions:
    """Sessions of one database."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def begin(self, user_id: int | None, how: str, address: str = "", agent: str = "") -> str:
        """A new session; the token that goes into the cookie."""
        token, now = secrets.token_urlsafe(32), self._store.now()
        with self._store.edit_as("access") as connection:
            c = access_session.c
            connection.execute(
                access_session.delete().where(sa.or_(c.expires_at <= now, c.seen_at <= now - IDLE))
            )
            connection.execute(
                access_session.insert().values(
                    token_hash=digest(token),
                    user_id=user_id,
                    how=how,
                    created_at=now,
                    seen_at=now,
                    expires_at=now + LASTS,
                    address=address[:100],
                    agent=agent[:300],
                )
            )
        return token

    def principal(self, token: str | None) -> Principal | None:
        """Whose session this is, with the role they have now; None for none of ours, one that is over, or a disabled user's."""
        if not token:
            return None
        now = self._store.now()
        with self._store.reading() as connection:
            row = connection.execute(_joined().where(access_session.c.token_hash == digest(token))).first()
        if row is None or row.expires_at <= now or row.seen_at <= now - IDLE:
            return None
        if row.user_id is not None and row.disabled_at is not None:
            return None
        if row.seen_at <= now - _SEEN_EVERY:
            with contextlib.suppress(StoreBusy), self._store.edit_as("access") as connection:
                touched = access_session.update().where(access_session.c.id == row.id)
                connection.execute(touched.values(seen_at=now))
        role = Role(row.role) if row.user_id is not None else Role.ADMIN
        return Principal(row.name or TERMINAL, role, row.user_id, row.id)

    def all(self, user_id: int | None = None) -> list[Session]:
        """Those that are good now (of one user), the latest seen first."""
        now, c = self._store.now(), access_session.c
        wanted = _joined().where(c.expires_at > now, c.seen_at > now - IDLE).order_by(c.seen_at.desc(), c.id)
        if user_id is not None:
            wanted = wanted.where(c.user_id == user_id)
        with self._store.reading() as connection:
            return [_session(row) for row in connection.execute(wanted)]

    def end(self, session_id: int) -> bool:
        """End it; whether there was such a session."""
        with self._store.edit_as("access") as connection:
            row = connection.execute(_joined().where(access_session.c.id == session_id)).first()
            if row is None:
                return False
            connection.execute(access_session.delete().where(access_session.c.id == session_id))
            note(
                connection,
                f"session {row.name or TERMINAL}",
                f"since {row.created_at:%Y-%m-%d %H:%M}",
                "ended",
                self._store.now,
            )
            return True


def digest(token: str) -> str:
    """What is kept of a random token: 256 bits of it need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def _joined() -> sa.Select[Any]:
    u = access_user
    return sa.select(access_session, u.c.name, u.c.role, u.c.disabled_at).select_from(
        access_session.outerjoin(u, u.c.id == access_session.c.user_id)
    )


def _session(row: Row[Any]) -> Session:
    return Session(
        row.id,
        row.name or TERMINAL,
        row.user_id,
        row.how,
        row.created_at,
        row.seen_at,
        row.expires_at,
        row.address or "",
        row.agent or "",
    )
