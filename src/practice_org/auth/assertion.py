"""JWT assertions (RFC 7523) as Salesforce takes them: RS256, signed by a registered certificate."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class BadAssertion(Exception):
    """The assertion is refused; the message is Salesforce's error_description."""


@dataclass(frozen=True)
class Assertion:
    """The claims that count: `issuer` is the client id, `subject` the username."""

    issuer: str
    subject: str
    audience: tuple[str, ...]
    expires: float


@dataclass(frozen=True)
class Unverified:
    """A JWT taken apart, its signature not yet looked at."""

    claims: Assertion
    signed: bytes
    signature: bytes


def take_apart(token: str) -> Unverified:
    """Split and decode. Raises BadAssertion when it is no RS256 JWT with iss, sub, aud and exp."""
    parts = token.split(".")
    if len(parts) != 3:
        raise BadAssertion("invalid assertion")
    header, payload = _json(parts[0]), _json(parts[1])
    if header.get("alg") != "RS256":
        raise BadAssertion("invalid assertion")
    audience = payload.get("aud")
    if isinstance(audience, str):
        audience = [audience]
    try:
        claims = Assertion(
            issuer=str(payload["iss"]),
            subject=str(payload.get("sub") or payload["prn"]),
            audience=tuple(str(one) for one in audience or ()),
            expires=float(payload["exp"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadAssertion("invalid assertion") from error
    return Unverified(claims, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]))


def verify(assertion: Unverified, certificate_pem: str, now: float) -> None:
    """Check signature and expiry (seconds since 1970). Raises BadAssertion.

    A far expiry is taken: the Salesforce CLI sends milliseconds, which lie millennia ahead, and gets in.
    """
    key = public_key(certificate_pem)
    try:
        key.verify(assertion.signature, assertion.signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as error:
        raise BadAssertion("invalid assertion") from error
    if assertion.claims.expires <= now:
        raise BadAssertion("expired authorization code")


def public_key(pem: str) -> rsa.RSAPublicKey:
    """The RSA key of a PEM certificate or PEM public key. Raises ValueError saying what is wrong."""
    data = pem.encode()
    try:
        if "BEGIN CERTIFICATE" in pem:
            key: Any = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)
    except ValueError as error:
        raise ValueError("not a PEM certificate or public key") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("JWT assertions need an RSA key")
    return key


def _bytes(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadAssertion("invalid assertion") from error


def _json(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(part))
    except ValueError as error:
        raise BadAssertion("invalid assertion") from error
    if not isinstance(value, dict):
        raise BadAssertion("invalid assertion")
    return value
