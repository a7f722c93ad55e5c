"""Connected apps: the clients that may ask for grants."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from practice_org.auth.assertion import public_key
from practice_org.auth.tables import writing
from practice_org.org import Org

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class ConnectedApp:
    """A client. With no redirect URIs registered, any address on the loopback interface will do.

    `run_as` is the user of the client-credentials grant; without `admin_approved`, JWT callers need the
    user's own approval first. `secret_required` False lets public clients in with PKCE alone.
    """

    client_id: str
    name: str
    secret: str
    scopes: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    certificate: str | None
    run_as: str | None
    admin_approved: bool
    secret_required: bool

    def accepts_redirect(self, uri: str) -> bool:
        """True when a code may be sent to this address."""
        if self.redirect_uris:
            return uri in self.redirect_uris
        try:
            parts = urlsplit(uri)
            return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK and not parts.fragment
        except ValueError:
            return False

    def secret_matches(self, secret: str) -> bool:
        """Constant-time comparison."""
        return hmac.compare_digest(self.secret.encode(), secret.encode())


def find_app(org: Org, client_id: str) -> ConnectedApp | None:
    """The app with this client id (consumer key)."""
    connection = org.reader()
    row = connection.execute(
        "SELECT client_id, name, secret, scopes, redirect_uris, certificate, run_as, admin_approved,"
        " secret_required FROM _connected_app WHERE client_id = ?",
        (client_id,),
    ).fetchone()
    return _app(row) if row else None


def all_apps(org: Org) -> list[ConnectedApp]:
    """Every connected app, by name."""
    connection = org.reader()
    rows = connection.execute(
        "SELECT client_id, name, secret, scopes, redirect_uris, certificate, run_as, admin_approved,"
        " secret_required FROM _connected_app ORDER BY name, client_id"
    ).fetchall()
    return [_app(row) for row in rows]


def _app(row: tuple[Any, ...]) -> ConnectedApp:
    return ConnectedApp(
        row[0],
        row[1],
        row[2],
        tuple(row[3].split()),
        tuple(json.loads(row[4])),
        row[5],
        row[6],
        bool(row[7]),
        bool(row[8]),
    )


def save_app(org: Org, app: ConnectedApp) -> None:
    """Register an app, or change it. Raises ValueError when its certificate cannot be used."""
    if app.certificate:
        public_key(app.certificate)
    with writing(org) as connection:
        connection.execute(
            "INSERT OR REPLACE INTO _connected_app VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                app.client_id,
                app.name,
                app.secret,
                " ".join(app.scopes),
                json.dumps(app.redirect_uris),
                app.certificate,
                app.run_as,
                int(app.admin_approved),
                int(app.secret_required),
            ),
        )


def approve(org: Org, client_id: str, user_id: str) -> None:
    """Remember that this user lets this app act for them."""
    with writing(org) as connection:
        connection.execute("INSERT OR IGNORE INTO _app_approval VALUES (?, ?)", (client_id, user_id))


def approved(org: Org, app: ConnectedApp, user_id: str) -> bool:
    """True when the app may act for the user without asking (JWT, password)."""
    if app.admin_approved:
        return True
    connection = org.reader()
    row = connection.execute(
        "SELECT 1 FROM _app_approval WHERE client_id = ? AND user_id = ?", (app.client_id, user_id)
    ).fetchone()
    return row is not None
