"""OpenID Connect: the org's signing key, its discovery document, and identity tokens.

Members and order of the discovery document are those of the public one of login.salesforce.com, less what
this org does not serve. An identity token lives two minutes, as the documentation says.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from practice_org.org import Org

KEY_SETTING = "openid_key"
TOKEN_SECONDS = 120


def discovery(base: str, scopes: list[str]) -> dict[str, Any]:
    """`/.well-known/openid-configuration`."""
    oauth = f"{base}/services/oauth2"
    return {
        "issuer": base,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "jwks_uri": f"{base}/id/keys",
        "introspection_endpoint": f"{oauth}/introspect",
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "display_values_supported": ["page"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": [
            "active", "address", "email", "email_verified", "family_name", "given_name", "is_app_installed",
            "language", "locale", "name", "nickname", "organization_id", "phone_number",
            "phone_number_verified", "photos", "picture", "preferred_username", "profile", "sub",
            "updated_at", "urls", "user_id", "user_type", "zoneinfo",
        ],
        "code_challenge_methods_supported": ["S256"],
    }  # fmt: skip


def keys(org: Org) -> dict[str, Any]:
    """`/id/keys`: the public key that identity tokens are verified with."""
    numbers = _key(org).public_key().public_numbers()
    return {
        "keys": [
            {
                "kty": "RSA",
                "n": _encoded(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
                "e": _encoded(numbers.e.to_bytes(3, "big")),
                "alg": "RS256",
                "use": "sig",
                "kid": _kid(org),
            }
        ]
    }


def identity_token(
    org: Org, *, issuer: str, subject: str, client_id: str, access_token: str, nonce: str | None
) -> str:
    """A signed statement of who logged in: `subject` is the identity URL, `nonce` the client's own."""
    now = int(org.clock.now().timestamp())
    half = hashlib.sha256(access_token.encode()).digest()[:16]
    claims: dict[str, Any] = {
        "at_hash": _encoded(half),
        "sub": subject,
        "aud": client_id,
        "iss": issuer,
        "exp": now + TOKEN_SECONDS,
        "iat": now,
    }
    if nonce is not None:
        claims["nonce"] = nonce
    signed = f"{_part({'kid': _kid(org), 'typ': 'JWT', 'alg': 'RS256'})}.{_part(claims)}"
    signature = _key(org).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{_encoded(signature)}"


def _key(org: Org) -> rsa.RSAPrivateKey:
    """The org's key; made when it is first asked for."""
    pem = org.setting(KEY_SETTING)
    if pem is None:
        with org.transaction():
            pem = org.setting(KEY_SETTING)
            if pem is None:
                made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
                pem = made.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                ).decode()
                org.set_setting(KEY_SETTING, pem)
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _kid(org: Org) -> str:
    public = _key(org).public_key().public_numbers().n
    return str(public % 1000)


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
