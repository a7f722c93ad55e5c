"""The provider over HTTP: its discovery document, its keys, its token endpoint. Answers are checked before they are used."""

from __future__ import annotations

import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

_TIMEOUT_SECONDS = 10
_KEPT_SECONDS = 3600
_KEYS_AGAIN_SECONDS = 60
_MOST_BYTES = 1_000_000


class SignInFailed(Exception):
    """Nobody was signed in; the text says why, for the person and the log."""


@dataclass(frozen=True)
class Endpoints:
    """What the discovery document says."""

    issuer: str
    authorization: str
    token: str
    keys: str
    secret_in_body: bool


class Issuer:
    """One provider. May be used from several threads; what it says is kept for an hour, its keys are asked for again when one
    is not known."""

    def __init__(self, address: str, ca_file: Path | None = None) -> None:
        self.address = address.rstrip("/")
        _secure(self.address)
        context = ssl.create_default_context(cafile=str(ca_file)) if ca_file else ssl.create_default_context()
        self._http = httpx2.Client(timeout=_TIMEOUT_SECONDS, verify=context, trust_env=True)
        self._guard = threading.Lock()
        self._endpoints: tuple[float, Endpoints] | None = None
        self._keys: tuple[float, list[dict[str, Any]]] | None = None

    def endpoints(self) -> Endpoints:
        """Raises SignInFailed."""
        with self._guard:
            if self._endpoints is None or time.monotonic() - self._endpoints[0] > _KEPT_SECONDS:
                self._endpoints = (time.monotonic(), self._discover())
            return self._endpoints[1]

    def key(self, key_id: str | None, algorithm: str) -> dict[str, Any]:
        """The signing key of that id (the only one that fits, where the token names none). Raises SignInFailed."""
        address = self.endpoints().keys
        with self._guard:
            for again in (False, True):
                if self._keys is None or (again and time.monotonic() - self._keys[0] > _KEYS_AGAIN_SECONDS):
                    self._keys = (time.monotonic(), _key_list(self._get(address)))
                found = [k for k in self._keys[1] if _fits(k, key_id, algorithm)]
                if len(found) == 1:
                    return found[0]
        raise SignInFailed("The identity provider signed with a key that it does not publish.")

    def exchange(self, form: dict[str, str], client_id: str, secret: str | None) -> dict[str, Any]:
        """The answer of the token endpoint. Raises SignInFailed."""
        endpoints = self.endpoints()
        auth: httpx2.Auth = httpx2.Auth()
        if secret is None or endpoints.secret_in_body:
            form = {**form, "client_id": client_id} | (
                {"client_secret": secret} if secret is not None else {}
            )
        else:
            auth = httpx2.BasicAuth(_quoted(client_id), _quoted(secret))
        try:
            answer = self._http.post(
                endpoints.token, data=form, auth=auth, headers={"Accept": "application/json"}
            )
        except httpx2.HTTPError as problem:
            raise SignInFailed(f"The identity provider could not be reached: {problem}") from problem
        body = _object(answer)
        if answer.status_code != 200:
            raise SignInFailed(
                f"The identity provider refused: {body.get('error_description') or body.get('error') or answer.status_code}."
            )
        return body

    def _discover(self) -> Endpoints:
        found = self._get(f"{self.address}/.well-known/openid-configuration")
        issuer = str(found.get("issuer", ""))
        if issuer.rstrip("/") != self.address:
            raise SignInFailed(
                f"{self.address} says that it is {issuer or 'nobody'}: see DIPTYCH_OIDC_ISSUER."
            )
        places = [found.get(n) for n in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        for place in places:
            if not isinstance(place, str):
                raise SignInFailed(f"The discovery document of {self.address} is not complete.")
            _secure(place)
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        in_body = "client_secret_basic" not in methods
        return Endpoints(issuer, str(places[0]), str(places[1]), str(places[2]), in_body)

    def _get(self, address: str) -> dict[str, Any]:
        try:
            answer = self._http.get(address, headers={"Accept": "application/json"})
        except httpx2.HTTPError as problem:
            raise SignInFailed(f"The identity provider could not be reached: {problem}") from problem
        if answer.status_code != 200:
            raise SignInFailed(f"{address} answered {answer.status_code}.")
        return _object(answer)


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = answer.json() if len(answer.content) <= _MOST_BYTES else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise SignInFailed("The identity provider's answer could not be read.")
    return body


def _key_list(body: dict[str, Any]) -> list[dict[str, Any]]:
    keys = body.get("keys")
    return [k for k in keys if isinstance(k, dict)] if isinstance(keys, list) else []


def _fits(key: dict[str, Any], key_id: str | None, algorithm: str) -> bool:
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    return (
        key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    )


def _secure(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    ):
        raise SignInFailed(f"{address} has to be https.")


def _quoted(text: str) -> str:
    """As RFC 6749, 2.3.1 wants it in Basic."""
    return quote(text, safe="")
