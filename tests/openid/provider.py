"""An OpenID Connect provider in a thread: discovery, keys, authorization code with PKCE. As strict as the standard asks."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def published() -> list[dict[str, str]]:
    public, point = RSA_KEY.public_key().public_numbers(), EC_KEY.public_key().public_numbers()
    return [
        {"kty": "RSA", "use": "sig", "kid": "rsa-1", "n": number(public.n), "e": number(public.e)},
        {
            "kty": "EC",
            "use": "sig",
            "kid": "ec-1",
            "crv": "P-256",
            "x": number(point.x),
            "y": number(point.y),
        },
        {"kty": "oct", "kid": "hmac"},
    ]


def signed(claims: dict[str, Any], algorithm: str = "RS256", key: Any = RSA_KEY, **header: Any) -> str:
    """A token as a provider makes it."""
    kid = "ec-1" if algorithm.startswith("ES") else "rsa-1"
    parts = [b64(json.dumps(one).encode()) for one in ({"alg": algorithm, "kid": kid, **header}, claims)]
    text = ".".join(parts).encode()
    if algorithm == "RS256":
        signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    elif algorithm == "PS256":
        signature = key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    elif algorithm == "ES256":
        r, s = decode_dss_signature(EC_KEY.sign(text, ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    else:
        signature = b""
    return f"{text.decode()}.{b64(signature)}"


@dataclass
class Provider:
    """`claims`: of whoever logs in; `change`: what a token says otherwise than it should; `algorithm`, `key`: how it is signed."""

    address: str = ""
    client_id: str = "diptych"
    secret: str = "s3cret:with/odd chars"
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "42", "email": "ada@example.org", "email_verified": True}
    )
    change: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    key: Any = RSA_KEY
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def log_in(self, url: str) -> dict[str, str]:
        """What the browser brings back after a person has logged in at that address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert url.startswith(f"{self.address}/authorize?")
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.address}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if (unquote(user), unquote(password)) != (self.client_id, self.secret):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form["code"], None)  # a code works once
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or form["redirect_uri"] != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant", "error_description": "the code is not good"}
        now = int(time.time())
        claims = {
            "iss": self.address,
            "aud": self.client_id,
            "exp": now + 300,
            "iat": now,
            "nonce": asked["nonce"],
        }
        return 200, {
            "access_token": "x",
            "token_type": "Bearer",
            "id_token": signed(claims | self.claims | self.change, self.algorithm, self.key),
        }


@contextmanager
def running() -> Iterator[Provider]:
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/.well-known/openid-configuration":
                self._answer(
                    200,
                    {
                        "issuer": provider.address,
                        "authorization_endpoint": f"{provider.address}/authorize",
                        "token_endpoint": f"{provider.address}/token",
                        "jwks_uri": f"{provider.address}/keys",
                    },
                )
            elif self.path == "/keys":
                self._answer(200, {"keys": published()})
            else:
                self._answer(404, {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(*provider.token(form, self.headers.get("Authorization", "Basic ")))

        def _answer(self, status: int, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
