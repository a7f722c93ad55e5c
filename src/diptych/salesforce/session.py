"""The session of one set of credentials in this process: shared, renewed once for all who find it expired.

**A rotated refresh token.** An org may give a new refresh token at each use and withdraw everything when an old one is
used again. So: (1) renewal is exclusive, in this process by a lock and between processes by `keeper.exclusive`; (2) the
newest token is read from where it is kept just before it is used; (3) the new one is kept before the session that came
with it is used. A crash between the answer and (3), C-26, leaves the old token: an org without rotation renews with it, an
org with rotation asks for the consent again, which no client can prevent.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime

from diptych.salesforce.auth import Grant, log_in
from diptych.salesforce.credentials import Credentials, RefreshToken, fingerprint
from diptych.salesforce.transport import Transport
from diptych.sync.crashpoint import crashpoint


@dataclass(frozen=True)
class Keeper:
    """Where credentials are kept. `rotated` must have stored the new ones when it returns; `newest` reads them back."""

    rotated: Callable[[Credentials], None] | None = None
    newest: Callable[[], Credentials | None] | None = None
    exclusive: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext


class Session:
    """One session, safe to share between threads."""

    def __init__(self, credentials: Credentials, now: Callable[[], datetime]) -> None:
        self._credentials = credentials
        self._now = now
        self._grant: Grant | None = None
        self._unkept = False
        self._lock = threading.Lock()
        self.keeper = Keeper()

    def grant(self, transport: Transport) -> Grant:
        """The present session; logs in when there is none. Raises what `log_in` raises."""
        held = self._grant
        return held if held is not None else self.renew(transport, None)

    def renew(self, transport: Transport, stale: Grant | None) -> Grant:
        """A session other than `stale`: one that somebody else has got meanwhile, or a new one."""
        with self._lock:
            if self._grant is not None and self._grant is not stale:
                return self._grant
            self._grant = None
            with self.keeper.exclusive():
                if self._unkept:
                    self._keep()
                elif self.keeper.newest is not None:
                    self._credentials = self.keeper.newest() or self._credentials
                grant = log_in(transport, self._credentials, self._now)
                held = self._credentials
                if isinstance(held, RefreshToken) and grant.refresh_token not in (None, held.refresh_token):
                    crashpoint("C-26")
                    self._credentials = replace(held, refresh_token=grant.refresh_token or "")
                    self._unkept = True
                    self._keep()
            self._grant = grant
            return grant

    def adopt(self, grant: Grant | None) -> None:
        """Use a session that was got otherwise (the first one of Login with Salesforce); None: log in at the next use."""
        with self._lock:
            self._grant = grant

    def _keep(self) -> None:
        """Have the rotated token stored. When that fails it is tried again before anything else is done with it."""
        with _known_lock:
            _known[fingerprint(self._credentials)] = self
        if self.keeper.rotated is not None:
            self.keeper.rotated(self._credentials)
        self._unkept = False


_known: dict[str, Session] = {}
_known_lock = threading.Lock()


def session_for(credentials: Credentials, now: Callable[[], datetime]) -> Session:
    """This process's session of these credentials, logged in or not."""
    with _known_lock:
        return _known.setdefault(fingerprint(credentials), Session(credentials, now))
