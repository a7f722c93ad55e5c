"""API tokens: shown once, kept as a digest, with a scope, an end, and when they were last used."""

from __future__ import annotations

import contextlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Row

from diptych.access.sessions import digest
from diptych.domain.roles import Principal, Role, Scope
from diptych.store import SqlStore
from diptych.store.auditing import actor, note
from diptych.store.system_tables import access_user, api_token
from diptych.sync.ports import StoreBusy

PREFIX = "dpt_"
_USED_EVERY = timedelta(minutes=1)
LONGEST_DAYS = 3650


class TokenRefused(ValueError):
    """It cannot be made or revoked; the text says why."""


class NoSuchToken(TokenRefused):
    """There is none of that number."""


@dataclass(frozen=True)
class Token:
    """`hint`: its beginning, to tell tokens apart. `state`: usable, expired or revoked."""

    id: int
    name: str
    hint: str
    scope: Scope
    owner: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    state: str


class Tokens:
    """API tokens of one database. Changes are in the audit log."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def create(
        self, name: str, scope: Scope, days: int | None, owner: Principal | None = None
    ) -> tuple[str, Token]:
        """A new token for `days` (None: without end) and its text, which is not kept. It may never do more than its owner.

        Raises TokenRefused.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= 100:
            raise TokenRefused("Give the token a name of 1 to 100 characters, that says what uses it.")
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise TokenRefused(f"A token is good for 1 to {LONGEST_DAYS} days, or without end.")
        if owner is not None and not owner.may(scope.role):
            raise TokenRefused(f"The scope {scope} is more than the role {owner.role} may do.")
        text, now = PREFIX + secrets.token_urlsafe(32), self._store.now()
        who = actor()
        with self._store.edit_as("access") as connection:
            made = connection.execute(
                api_token.insert().values(
                    name=name,
                    token_hash=digest(text),
                    hint=text[: len(PREFIX) + 4],
                    scope=scope.value,
                    user_id=owner.user_id if owner else None,
                    created_by=owner.name if owner else (who.name if who else "terminal"),
                    created_at=now,
                    expires_at=now + timedelta(days=days) if days is not None else None,
                )
            )
            key = made.inserted_primary_key
            assert key is not None
            until = f"for {days} days" if days is not None else "without end"
            note(connection, f"token {key[0]} {name}", None, f"{scope} {until}", self._store.now)
            row = connection.execute(_joined().where(api_token.c.id == key[0])).one()
        return text, _token(row, now)

    def all(self) -> list[Token]:
        """All that were ever made, the newest first."""
        now = self._store.now()
        with self._store.reading() as connection:
            return [_token(row, now) for row in connection.execute(_joined().order_by(api_token.c.id.desc()))]

    def revoke(self, token_id: int) -> None:
        """From now on it is refused. Raises NoSuchToken."""
        with self._store.edit_as("access") as connection:
            row = connection.execute(_joined().where(api_token.c.id == token_id)).first()
            if row is None:
                raise NoSuchToken(f"There is no token {token_id}.")
            if row.revoked_at is None:
                revoked = api_token.update().where(api_token.c.id == token_id)
                connection.execute(revoked.values(revoked_at=self._store.now()))
                note(connection, f"token {token_id} {row.name}", row.scope, "revoked", self._store.now)

    def principal(self, text: str) -> Principal | None:
        """Whose token this is and what it may do now; None for one that is unknown, over, revoked, or a disabled user's."""
        if not text.startswith(PREFIX) or len(text) > 200:
            return None
        now = self._store.now()
        with self._store.reading() as connection:
            row = connection.execute(_joined().where(api_token.c.token_hash == digest(text))).first()
        if row is None or row.user_disabled_at is not None or _state(row, now) != "usable":
            return None
        if row.last_used_at is None or row.last_used_at <= now - _USED_EVERY:
            with contextlib.suppress(StoreBusy), self._store.edit_as("access") as connection:
                used = api_token.update().where(api_token.c.id == row.id)
                connection.execute(used.values(last_used_at=now))
        role = Scope(row.scope).role
        if row.user_role is not None:
            role = role.at_most(Role(row.user_role))
        return Principal(f"token {row.name}", role, row.user_id, token_id=row.id)


def _joined() -> sa.Select[Any]:
    u = access_user
    return sa.select(
        api_token,
        u.c.name.label("user_name"),
        u.c.role.label("user_role"),
        u.c.disabled_at.label("user_disabled_at"),
    ).select_from(api_token.outerjoin(u, u.c.id == api_token.c.user_id))


def _state(row: Row[Any], now: datetime) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= now else "usable"


def _token(row: Row[Any], now: datetime) -> Token:
    return Token(
        row.id,
        row.name,
        row.hint,
        Scope(row.scope),
        row.user_name,
        row.created_by,
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
        _state(row, now),
    )
