"""Users: name, role, password. A user is disabled, never deleted, so that the audit log keeps its names."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.access import passwords, throttle
from diptych.domain.roles import Role
from diptych.store import SqlStore
from diptych.store.auditing import Actor, acting_as, note
from diptych.store.system_tables import access_session, access_user, api_token

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._@+-]{0,98}[a-z0-9])?")
NAME = r"^\s*[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,98}[A-Za-z0-9])?\s*$"
"""What can be given as a name: one of these, in any case and with blanks around it."""


class UserRefused(ValueError):
    """It cannot be done with this user; the text says why and what can be."""


class NoSuchUser(UserRefused):
    """There is no user of that name."""


@dataclass(frozen=True)
class User:
    """`external`: signs in with the identity provider. `disabled_at`: since when the user may not get in."""

    id: int
    name: str
    role: Role
    external: bool
    has_password: bool
    created_at: datetime
    last_login_at: datetime | None
    disabled_at: datetime | None

    @property
    def active(self) -> bool:
        return self.disabled_at is None


class Users:
    """Users of one database. Changes are in the audit log."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def all(self) -> list[User]:
        """Everybody, disabled ones too, by name."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(access_user).order_by(access_user.c.name)).all()
        return [_user(row) for row in rows]

    def get(self, name: str) -> User:
        """Raises NoSuchUser."""
        with self._store.reading() as connection:
            return _user(_row(connection, name))

    def add(self, name: str, role: Role, password: str | None = None) -> User:
        """A new user. Raises UserRefused for a name that is taken or unfit, UnfitPassword."""
        name = _fit(name)
        stored = passwords.hashed(passwords.fit(password, name)) if password is not None else None
        with self._changing() as connection:
            if connection.execute(sa.select(access_user.c.id).where(access_user.c.name == name)).first():
                raise UserRefused(f"There is a user {name} already.")
            now = self._store.now()
            connection.execute(
                access_user.insert().values(
                    name=name,
                    role=role.value,
                    password_hash=stored,
                    created_at=now,
                    password_at=now if stored else None,
                )
            )
            note(connection, f"user {name}", None, role.value, self._store.now)
            return _user(_row(connection, name))

    def set_role(self, name: str, role: Role) -> User:
        """Give another role; it holds from the next request on, for sessions and tokens too. Raises NoSuchUser."""
        with self._changing() as connection:
            row = _row(connection, name)
            self._update(connection, row.id, role=role.value)
            note(connection, f"user.role {row.name}", row.role, role.value, self._store.now)
            return _user(_row(connection, name))

    def set_password(self, name: str, password: str) -> None:
        """Another password; the user's sessions end. Raises NoSuchUser, UnfitPassword."""
        stored = passwords.hashed(passwords.fit(password, name))
        with self._changing() as connection:
            row = _row(connection, name)
            self._update(connection, row.id, password_hash=stored, password_at=self._store.now())
            connection.execute(access_session.delete().where(access_session.c.user_id == row.id))
            note(connection, f"user.password {row.name}", "(kept secret)", "(another)", self._store.now)

    def disable(self, name: str) -> None:
        """Let the user in no more: sessions end, tokens are refused. Raises NoSuchUser."""
        with self._changing() as connection:
            row = _row(connection, name)
            if row.disabled_at is None:
                self._update(connection, row.id, disabled_at=self._store.now())
                connection.execute(access_session.delete().where(access_session.c.user_id == row.id))
                note(connection, f"user.access {row.name}", "enabled", "disabled", self._store.now)

    def enable(self, name: str) -> None:
        """Let a disabled user in again. Raises NoSuchUser."""
        with self._changing() as connection:
            row = _row(connection, name)
            if row.disabled_at is not None:
                self._update(connection, row.id, disabled_at=None)
                note(connection, f"user.access {row.name}", "disabled", "enabled", self._store.now)

    def tokens_of(self, name: str) -> int:
        """How many usable tokens the user has."""
        with self._store.reading() as connection:
            row = _row(connection, name)
            counted = sa.select(sa.func.count()).where(
                api_token.c.user_id == row.id, api_token.c.revoked_at.is_(None)
            )
            return int(connection.execute(counted).scalar_one())

    # ------------------------------------------------------------ logging in

    def check_password(self, name: str, password: str, address: str) -> User | None:
        """The user whose name and password these are; None for anything else. Raises TooMany after too many failures."""
        name = name.strip().lower()[:200]
        with self._store.reading() as connection:
            throttle.check(connection, name, address, self._store.now())
            row = connection.execute(sa.select(access_user).where(access_user.c.name == name)).first()
        stored = row.password_hash if row is not None and row.disabled_at is None else None
        right = passwords.matches(stored, password[: passwords.MOST])
        now = self._store.now()
        with self._changing() as connection:
            if not right or row is None:
                throttle.failed(connection, name, address, now)
                return None
            throttle.passed(connection, name)
            values: dict[str, object] = {"last_login_at": now}
            if passwords.outdated(row.password_hash):
                values["password_hash"] = passwords.hashed(password)
            self._update(connection, row.id, **values)
            return _user(_row(connection, name))

    def from_provider(self, subject: str, name: str, role: Role) -> User:
        """The user whom the identity provider has vouched for: `subject` is the provider's own name of it, kept; role and
        existence follow the provider. Raises UserRefused for a disabled one, or a name that is somebody else's here."""
        name = _fit(name)
        with self._changing() as connection, acting_as(Actor(name, "sign-in")):
            now = self._store.now()
            row = connection.execute(sa.select(access_user).where(access_user.c.subject == subject)).first()
            if row is None:
                if connection.execute(sa.select(access_user.c.id).where(access_user.c.name == name)).first():
                    raise UserRefused(
                        f"{name} is a user with a password here already; an administrator has to rename or disable one."
                    )
                connection.execute(
                    access_user.insert().values(
                        name=name, role=role.value, subject=subject, created_at=now, last_login_at=now
                    )
                )
                note(connection, f"user {name}", None, role.value, self._store.now)
                return _user(_row(connection, name))
            if row.disabled_at is not None:
                raise UserRefused(f"{row.name} is disabled here.")
            self._update(connection, row.id, role=role.value, last_login_at=now)
            note(connection, f"user.role {row.name}", row.role, role.value, self._store.now)
            return _user(_row(connection, row.name))

    # ------------------------------------------------------------ within

    def _changing(self) -> AbstractContextManager[Connection]:
        return self._store.edit_as("access")

    def _update(self, connection: Connection, user_id: int, **values: object) -> None:
        connection.execute(access_user.update().where(access_user.c.id == user_id).values(**values))


def _fit(name: str) -> str:
    given = name.strip().lower()
    if not _NAME.fullmatch(given):
        raise UserRefused(
            "A name has 1 to 100 letters, digits, dots, dashes, underscores, plus or at signs, "
            "and begins and ends with a letter or digit."
        )
    return given


def _row(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(sa.select(access_user).where(access_user.c.name == name.strip().lower())).first()
    if row is None:
        raise NoSuchUser(f"There is no user {name.strip()[:100]}.")
    return row


def _user(row: Row[Any]) -> User:
    return User(
        row.id,
        row.name,
        Role(row.role),
        row.subject is not None,
        row.password_hash is not None,
        row.created_at,
        row.last_login_at,
        row.disabled_at,
    )
