"""Authorization code with PKCE: where the browser is sent, and who it was when it comes back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from diptych.config import Settings
from diptych.domain.roles import Role, RoleRules, parse_rules
from diptych.openid.id_token import verified
from diptych.openid.issuer import Issuer, SignInFailed


@dataclass(frozen=True)
class Attempt:
    """What has to be remembered of a browser that was sent to the provider."""

    state: str
    nonce: str
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Identity:
    """Whom the provider has vouched for. `subject` is unique among all providers; `name` is for people; `role`: what the rules
    make of the claims."""

    subject: str
    name: str
    role: Role


class Flow:
    """Signing in with one provider."""

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None and settings.oidc_client_id is not None
        self.issuer = Issuer(settings.oidc_issuer, settings.ca_file)
        self._client_id = settings.oidc_client_id
        secret = settings.oidc_client_secret
        self._secret = secret.get_secret_value() if secret is not None else None
        self._scopes, self._claim = settings.oidc_scopes, settings.oidc_role_claim
        self._rules: RoleRules = parse_rules(settings.oidc_roles)

    def begin(self, redirect_uri: str) -> tuple[str, Attempt]:
        """Where to send the browser. Raises SignInFailed."""
        attempt = Attempt(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).decode().rstrip("=")
        )
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": self._scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        address = self.issuer.endpoints().authorization
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}", attempt

    def finish(
        self, attempt: Attempt, answer: Mapping[str, str], redirect_uri: str, now: datetime
    ) -> Identity:
        """Who has come back with this answer. Raises SignInFailed."""
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise SignInFailed("The answer belongs to another attempt to sign in. Begin again.")
        if "error" in answer:
            said = " ".join((answer.get("error_description") or answer["error"]).split())[:200]
            raise SignInFailed(f"The identity provider refused: {said}.")
        endpoints = self.issuer.endpoints()
        if answer.get("iss", endpoints.issuer) != endpoints.issuer:  # RFC 9207
            raise SignInFailed("The answer is of another identity provider.")
        form = {
            "grant_type": "authorization_code",
            "code": answer.get("code", ""),
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        token = self.issuer.exchange(form, self._client_id, self._secret).get("id_token")
        if not isinstance(token, str):
            raise SignInFailed("The identity provider gave no ID token: is the scope openid asked for?")
        claims = verified(token, self.issuer.key, endpoints.issuer, self._client_id, attempt.nonce, now)
        role = self._rules.role_for(_at(claims, self._claim))
        if role is None:
            raise SignInFailed(
                f"{name_of(claims)} is known to the identity provider, but has no role here ({self._claim}). "
                "An administrator sets DIPTYCH_OIDC_ROLES."
            )
        return Identity(f"{endpoints.issuer}\n{claims['sub']}", name_of(claims), role)


def name_of(claims: Mapping[str, Any]) -> str:
    """What to call somebody: a verified address, else the name at the provider, else its id."""
    email = claims.get("email")
    if isinstance(email, str) and email and claims.get("email_verified") in (True, "true"):
        return email
    username = claims.get("preferred_username")
    return username if isinstance(username, str) and username else str(claims["sub"])


def _at(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    """The values of a claim, such as `groups` or `realm_access.roles`; one text counts as one value."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return frozenset({found})
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()
