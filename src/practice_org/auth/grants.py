"""Authorization codes and refresh tokens: what turns into sessions, once or for as long as it lives.

With rotation on, a refresh token works once: using it gives a new one and ends the session that came
from it. Using a spent one means that somebody copied it: the whole family, sessions included, is revoked.
At most five grants live per user and app; the oldest dies for the sixth.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass

from practice_org.auth.sessions import ALPHABET, Sessions, digest, end_sessions
from practice_org.auth.tables import writing
from practice_org.org import Org

LIVE_GRANTS = 5


class BadGrant(Exception):
    """The code or token is refused; the message is the error_description."""

    def __init__(self, description: str, error: str = "invalid_grant") -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True)
class Grant:
    """A user's leave for an app to act; `family` names all tokens that spring from it."""

    family: str
    client_id: str
    user_id: str
    scope: str
    nonce: str | None = None


def _secret(prefix: str, length: int) -> str:
    return prefix + "".join(secrets.choice(ALPHABET) for _ in range(length))


def issue_code(
    org: Org,
    client_id: str,
    user_id: str,
    redirect_uri: str,
    scope: str,
    seconds: int,
    challenge: str | None,
    method: str | None,
    nonce: str | None = None,
) -> str:
    """A single-use authorization code, bound to the redirect address and the PKCE challenge."""
    code = _secret("aPrx", 60)
    expires = org.clock.now().timestamp() + seconds
    with writing(org) as connection:
        connection.execute(
            "INSERT INTO _authorization_code (digest, client_id, user_id, redirect_uri, scope, challenge,"
            " challenge_method, expires, nonce) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (digest(code), client_id, user_id, redirect_uri, scope, challenge, method, expires, nonce),
        )
    return code


def redeem_code(
    org: Org, sessions: Sessions, code: str, client_id: str, redirect_uri: str, verifier: str | None
) -> Grant:
    """Turn a code into a grant, once. A second use revokes what the first one gave. Raises BadGrant."""
    key = digest(code)
    with writing(org) as connection:
        row = connection.execute(
            "SELECT client_id, user_id, redirect_uri, scope, challenge, challenge_method, expires, family,"
            " nonce"
            " FROM _authorization_code WHERE digest = ?",
            (key,),
        ).fetchone()
        reused = row is not None and row[7] is not None
        if reused:
            connection.execute("UPDATE _refresh_token SET state = 'revoked' WHERE family = ?", (row[7],))
            end_sessions(connection, family=row[7])
        elif (
            row is not None
            and row[0] == client_id
            and row[2] == redirect_uri
            and _proves(row[4], row[5], verifier)
        ):
            family = secrets.token_hex(12)
            if org.clock.now().timestamp() < row[6]:
                connection.execute(
                    "UPDATE _authorization_code SET family = ? WHERE digest = ?", (family, key)
                )
                return Grant(family, client_id, row[1], row[3], row[8])
    if reused:
        sessions.forget()
    if row is None or row[0] != client_id:
        raise BadGrant("invalid authorization code")
    if not reused and row[2] != redirect_uri:
        raise BadGrant("redirect_uri must match configuration", "redirect_uri_mismatch")
    if not reused and not _proves(row[4], row[5], verifier):
        raise BadGrant("invalid code verifier")
    raise BadGrant("expired authorization code")


def _proves(challenge: str | None, method: str | None, verifier: str | None) -> bool:
    if challenge is None:
        return True
    if not verifier:
        return False
    if method == "plain":
        return hmac.compare_digest(verifier, challenge)
    hashed = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    return hmac.compare_digest(hashed, challenge.rstrip("="))


def issue_refresh_token(org: Org, sessions: Sessions, grant: Grant) -> str:
    """A refresh token for a grant; the sixth live grant of a user and app ends the oldest."""
    token = _secret("5Aep", 83)
    with writing(org) as connection:
        connection.execute(
            "INSERT INTO _refresh_token (digest, family, client_id, user_id, scope, issued, state)"
            " VALUES (?, ?, ?, ?, ?, ?, 'live')",
            (
                digest(token),
                grant.family,
                grant.client_id,
                grant.user_id,
                grant.scope,
                org.clock.now().timestamp(),
            ),
        )
        old = connection.execute(
            "SELECT family FROM _refresh_token WHERE client_id = ? AND user_id = ? AND state = 'live'"
            " GROUP BY family ORDER BY min(rowid) DESC LIMIT -1 OFFSET ?",
            (grant.client_id, grant.user_id, LIVE_GRANTS),
        ).fetchall()
        for (family,) in old:
            connection.execute("UPDATE _refresh_token SET state = 'revoked' WHERE family = ?", (family,))
            end_sessions(connection, family=family)
    if old:
        sessions.forget()
    return token


def redeem_refresh_token(
    org: Org, sessions: Sessions, token: str, client_id: str, *, rotate: bool
) -> tuple[Grant, str | None]:
    """The grant of a live refresh token, and its successor when rotation is on. Raises BadGrant."""
    key = digest(token)
    successor: str | None = None
    with writing(org) as connection:
        row = connection.execute(
            "SELECT family, client_id, user_id, scope, state FROM _refresh_token WHERE digest = ?", (key,)
        ).fetchone()
        if row is None or row[1] != client_id or row[4] == "revoked":
            raise BadGrant("expired access/refresh token")
        grant = Grant(row[0], row[1], row[2], row[3])
        spent = row[4] == "used"
        if spent:
            connection.execute(
                "UPDATE _refresh_token SET state = 'revoked' WHERE family = ?", (grant.family,)
            )
            end_sessions(connection, family=grant.family)
        elif rotate:
            connection.execute("UPDATE _refresh_token SET state = 'used' WHERE digest = ?", (key,))
            end_sessions(connection, family=grant.family)
            successor = _secret("5Aep", 83)
            connection.execute(
                "INSERT INTO _refresh_token (digest, family, client_id, user_id, scope, issued, state)"
                " VALUES (?, ?, ?, ?, ?, ?, 'live')",
                (
                    digest(successor),
                    grant.family,
                    client_id,
                    grant.user_id,
                    grant.scope,
                    org.clock.now().timestamp(),
                ),
            )
    sessions.forget()
    if spent:
        raise BadGrant("expired access/refresh token")
    return grant, successor


def refresh_token_grant(org: Org, token: str) -> Grant | None:
    """The grant of a refresh token that still works."""
    connection = org.reader()
    row = connection.execute(
        "SELECT family, client_id, user_id, scope FROM _refresh_token WHERE digest = ? AND state = 'live'",
        (digest(token),),
    ).fetchone()
    return Grant(*row) if row else None


def revoke_family(org: Org, sessions: Sessions, family: str) -> None:
    """End a grant: its refresh tokens and the sessions that came from them."""
    with writing(org) as connection:
        connection.execute("UPDATE _refresh_token SET state = 'revoked' WHERE family = ?", (family,))
        end_sessions(connection, family=family)
    sessions.forget()
