"""Verifying an ID token (OpenID Connect Core 3.1.3.7): signature, issuer, audience, time, nonce."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from diptych.openid.issuer import SignInFailed

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
_CURVES: dict[str, tuple[type[ec.EllipticCurve], str]] = {
    "ES256": (ec.SECP256R1, "P-256"),
    "ES384": (ec.SECP384R1, "P-384"),
}
_LEEWAY_SECONDS = 120
_LEAST_RSA_BITS = 2048

KeyOf = Callable[[str | None, str], Mapping[str, Any]]


def verified(
    token: str, key_of: KeyOf, issuer: str, client_id: str, nonce: str, now: datetime
) -> dict[str, Any]:
    """The claims of a token that is what it says. `key_of`: the provider's key by id and algorithm. Raises SignInFailed."""
    parts = token.split(".")
    if len(parts) != 3:
        raise _bad("has not three parts")
    header, claims = _json(parts[0]), _json(parts[1])
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise _bad(f"is signed by {algorithm!r}, which is not taken")
    if "crit" in header:
        raise _bad("wants an extension that is not known")
    key_id = header.get("kid")
    key = key_of(key_id if isinstance(key_id, str) else None, algorithm)
    _check_signature(algorithm, key, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2]))
    _check_claims(claims, issuer, client_id, nonce, now)
    return claims


def _check_claims(claims: Mapping[str, Any], issuer: str, client_id: str, nonce: str, now: datetime) -> None:
    if claims.get("iss") != issuer:
        raise _bad("is of another issuer")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise _bad("is for another application")
    if len(audiences) > 1 and claims.get("azp") != client_id:
        raise _bad("was made for another application")
    if "azp" in claims and claims["azp"] != client_id:
        raise _bad("was made for another application")
    if claims.get("nonce") != nonce:
        raise _bad("belongs to another attempt to sign in")
    seconds = now.timestamp()
    if _number(claims, "exp") + _LEEWAY_SECONDS <= seconds:
        raise _bad("is over (are the clocks right?)")
    if _number(claims, "iat") - _LEEWAY_SECONDS > seconds:
        raise _bad("is from the future (are the clocks right?)")
    if "nbf" in claims and _number(claims, "nbf") - _LEEWAY_SECONDS > seconds:
        raise _bad("is not valid yet (are the clocks right?)")
    if not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255:
        raise _bad("does not say whom it is about")


def _check_signature(algorithm: str, key: Mapping[str, Any], signed: bytes, signature: bytes) -> None:
    kind, digest = algorithm[:2], _HASHES[algorithm[2:]]
    try:
        if kind == "ES":
            curve, name = _CURVES[algorithm]
            if key.get("crv") != name:
                raise _bad("is signed by a key of another curve")
            size = (curve.key_size + 7) // 8  # type: ignore[operator]
            if len(signature) != 2 * size:
                raise InvalidSignature
            public = ec.EllipticCurvePublicNumbers(_int(key["x"]), _int(key["y"]), curve()).public_key()
            halves = (int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big"))
            public.verify(encode_dss_signature(*halves), signed, ec.ECDSA(digest))
            return
        rsa_key = rsa.RSAPublicNumbers(_int(key["e"]), _int(key["n"])).public_key()
        if rsa_key.key_size < _LEAST_RSA_BITS:
            raise _bad("is signed by a key that is too short")
        padded = padding.PSS(padding.MGF1(digest), digest.digest_size) if kind == "PS" else padding.PKCS1v15()
        rsa_key.verify(signature, signed, padded, digest)
    except (InvalidSignature, KeyError, ValueError, TypeError) as problem:
        raise _bad("has a signature that is not right") from problem


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"has no {name}")
    return float(value)


def _json(part: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part))
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _bad("cannot be read")
    return found


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as problem:
        raise _bad("cannot be read") from problem


def _int(text: object) -> int:
    return int.from_bytes(_bytes(str(text)), "big")


def _bad(what: str) -> SignInFailed:
    return SignInFailed(f"The identity provider's token {what}.")
