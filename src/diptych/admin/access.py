"""The one-time links that `diptych serve` or `diptych demo` print, and the tokens of forms.

The server listens on 127.0.0.1, which every user and every browser page of the machine can reach; the link is what tells
the person at the terminal from the others: the first administrator, and whoever is locked out. Links and the key of forms
are files with mode 0600 in the data folder, so that the process which prints a link and the one which answers it need
nothing else in common. A link is one file named by the hash of its token: using it is renaming that file, which only one
request can do. Sessions are in the database (`diptych.access.sessions`).
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import time
from pathlib import Path

LINK_SECONDS = 24 * 3600


class Access:
    """Links and form tokens of one data folder. Raises OSError when the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._links = folder / "admin" / "links"
        self._links.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._key = _session_key(folder / "admin" / "session.key")

    def new_link(self, base_url: str) -> str:
        """An address that opens the admin once, within a day."""
        for old in self._links.iterdir():
            if old.suffix != ".used" and old.stat().st_mtime < time.time() - LINK_SECONDS:
                old.unlink(missing_ok=True)
        token = secrets.token_urlsafe(24)
        _private_file(self._links / _name_of(token), b"")
        return f"{base_url.rstrip('/')}/enter?token={token}"

    def accept(self, token: str) -> None:
        """Let this token, made by the process that started us, open the admin once; used ones stay used."""
        with contextlib.suppress(FileExistsError):
            if not self._used(token).exists():
                _private_file(self._links / _name_of(token), b"")

    def redeem(self, token: str) -> bool:
        """Whether this is an unused token of a link; it is used now."""
        link = self._links / _name_of(token)
        try:
            fresh = link.stat().st_mtime >= time.time() - LINK_SECONDS
            link.rename(self._used(token))
        except OSError:
            return False
        return fresh

    def form_token(self, session: str) -> str:
        """What every form of this session carries, so that no other site's page can send it. Of the session alone, which
        several web processes share; without one (open access) of this machine's key."""
        return hmac.new(session.encode() or self._key, b"form", hashlib.sha256).hexdigest()

    def is_form_token(self, session: str, token: str) -> bool:
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())

    def seal(self, text: str) -> str:
        """The text with a keyed hash, for what a cookie carries from one page to the next (readable, not forgeable)."""
        return f"{self._sign('note', text)}.{text}"

    def unseal(self, sealed: str) -> str | None:
        """The text of `seal`; None when it is not ours."""
        mark, _, text = sealed.partition(".")
        return text if hmac.compare_digest(mark.encode(), self._sign("note", text).encode()) else None

    def _used(self, token: str) -> Path:
        return self._links / f"{_name_of(token)}.used"

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._key, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _name_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _private_file(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _session_key(path: Path) -> bytes:
    """The key in the file, made on first use. Written aside and linked into place: two processes end up with one key."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        _private_file(draft, secrets.token_bytes(32))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_bytes()
