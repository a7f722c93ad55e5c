"""Sessions: the access tokens that callers hold, and what they may still do."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from dataclasses import dataclass

from practice_org.auth.settings import read_settings
from practice_org.auth.tables import writing
from practice_org.org import Org

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._"


@dataclass(frozen=True)
class Session:
    """One session. `kind` is api or web; `family` names the refresh-token grant it came from."""

    id: str
    user_id: str
    client_id: str | None
    family: str | None
    scope: str
    kind: str
    expires: float
    created: float


def digest(secret: str) -> str:
    """What is stored of a secret that a client presents."""
    return hashlib.sha256(secret.encode()).hexdigest()


def new_token(org: Org) -> str:
    """An access token in Salesforce's form: `00D` + 12 characters of the org, `!`, then 96 of secret."""
    return f"{org.id[:15]}!AQ" + "".join(secrets.choice(ALPHABET) for _ in range(94))


class Sessions:
    """Looks sessions up and keeps them alive; a small cache spares the database a read per request."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._cache: dict[str, Session] = {}
        self._seconds: int | None = None

    def open(
        self,
        user_id: str,
        *,
        client_id: str | None = None,
        family: str | None = None,
        scope: str = "api",
        kind: str = "api",
    ) -> str:
        """Start a session and return its access token, which is stored only as a digest."""
        token = new_token(self._org)
        now = self._org.clock.now().timestamp()
        with writing(self._org) as connection:
            connection.execute(
                "insert into _session (digest, id, user_id, client_id, family, scope, kind, created, expires)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    digest(token),
                    secrets.token_hex(12),
                    user_id,
                    client_id,
                    family,
                    scope,
                    kind,
                    now,
                    now + self.seconds(),
                ),
            )
        return token

    def seconds(self) -> int:
        """How long an idle session lives."""
        if self._seconds is None:
            self._seconds = read_settings(self._org).session_seconds
        return self._seconds

    def find(self, token: str) -> Session | None:
        """The live session of an access token, its life prolonged; None when unknown or expired."""
        key = digest(token)
        with self._lock:
            session = self._cache.get(key)
        if session is None:
            session = self._load(key)
            if session is None:
                return None
        now = self._org.clock.now().timestamp()
        if now >= session.expires:
            self.end(token)
            return None
        # Prolonged in steps of a quarter life: one write an hour instead of one a request.
        if session.expires - now < self.seconds() * 0.75:
            with writing(self._org) as connection:
                connection.execute(
                    "update _session set expires = ? where digest = ?", (now + self.seconds(), key)
                )
            session = self._load(key) or session
        with self._lock:
            if len(self._cache) > 10_000:
                self._cache.clear()
            self._cache[key] = session
        return session

    def alive(self, token: str) -> Session | None:
        """The live session of an access token, read afresh and not prolonged; None when there is none."""
        session = self._load(digest(token))
        if session is None or self._org.clock.now().timestamp() >= session.expires:
            return None
        return session

    def end(self, token: str) -> bool:
        """End the session of this token; False when there was none."""
        with writing(self._org) as connection:
            gone = connection.execute("delete from _session where digest = ?", (digest(token),)).rowcount > 0
        self.forget()
        return gone

    def end_where(
        self, *, user_id: str | None = None, family: str | None = None, kind: str | None = None
    ) -> int:
        """End all sessions that match; with no argument all there are. Returns how many."""
        with writing(self._org) as connection:
            count = end_sessions(connection, user_id=user_id, family=family, kind=kind)
        self.forget()
        return count

    def forget(self) -> None:
        """Drop the cache: after sessions or settings changed in the database."""
        with self._lock:
            self._cache.clear()
            self._seconds = None

    def _load(self, key: str) -> Session | None:
        connection = self._org.reader()
        row = connection.execute(
            "select id, user_id, client_id, family, scope, kind, expires, created from _session where digest = ?",
            (key,),
        ).fetchone()
        return Session(*row) if row else None


def end_sessions(
    connection: sqlite3.Connection,
    *,
    user_id: str | None = None,
    family: str | None = None,
    kind: str | None = None,
) -> int:
    """End matching sessions inside the caller's transaction; the caller then calls Sessions.forget."""
    return connection.execute(
        "delete from _session where (?1 is null or user_id = ?1) and (?2 is null or family = ?2)"
        " and (?3 is null or kind = ?3)",
        (user_id, family, kind),
    ).rowcount
