"""Secrets at rest: AES-256-GCM, bound to org and purpose, so that a ciphertext moved elsewhere is refused.

The master key comes from DIPTYCH_SECRET_KEY, else from a file in the data folder that only its owner can read, made at the
first start. Several keys separated by commas allow rotation: the first one seals, all of them open; a sealed text says
which key it needs.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "secret.key"
_VERSION = "v1"
_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A stored secret cannot be opened; the text says why and what to do, in one line."""


@dataclass(frozen=True, repr=False)
class SecretBox:
    """Seals and opens secrets. `keys`: by id; the first one seals."""

    keys: dict[str, bytes]

    def seal(self, plain: str, org_id: str, purpose: str) -> str:
        """`plain` encrypted, as text; it opens only for the same org and purpose."""
        key_id, key = next(iter(self.keys.items()))
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(key).encrypt(nonce, plain.encode(), _bound(org_id, purpose))
        return f"{_VERSION}.{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, org_id: str, purpose: str) -> str:
        """What was sealed. Raises SecretUnreadable for another key, org or purpose, or a damaged text."""
        version, _, rest = sealed.partition(".")
        key_id, _, text = rest.partition(".")
        key = self.keys.get(key_id)
        if version != _VERSION or key is None:
            raise SecretUnreadable(
                "The stored credentials were encrypted with another master key. Give the key they were made with in "
                "DIPTYCH_SECRET_KEY (several, separated by commas, are possible), or connect again."
            )
        try:
            data = base64.urlsafe_b64decode(text)
            plain = AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _bound(org_id, purpose))
        except (InvalidTag, ValueError) as problem:
            raise SecretUnreadable(
                "The stored credentials are damaged or belong to another org. Connect again."
            ) from problem
        return plain.decode()

    def current(self, sealed: str) -> bool:
        """Whether a text was sealed with the key that seals now; if not, seal it again to finish a rotation."""
        return sealed.split(".")[1:2] == [next(iter(self.keys))]


def _bound(org_id: str, purpose: str) -> bytes:
    return f"diptych\n{org_id}\n{purpose}".encode()


def open_secrets(data_dir: Path, secret_key: str | None = None) -> SecretBox:
    """The box with the master key of the setting, else of the key file (made when missing).

    Raises SecretUnreadable when the file cannot be read or made.
    """
    given = [part.strip() for part in (secret_key or "").split(",") if part.strip()]
    texts = given or [_key_file(data_dir / KEY_FILE)]
    keys = {}
    for text in texts:
        key = hashlib.scrypt(text.encode(), salt=b"diptych master key", n=2**14, r=8, p=1, dklen=32)
        keys[hashlib.sha256(b"id" + key).hexdigest()[:8]] = key
    return SecretBox(keys)


def _key_file(path: Path) -> str:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)  # fails when another process was first: its key counts
            except FileExistsError:
                pass
            finally:
                draft.unlink(missing_ok=True)
        text = path.read_text().strip()
    except OSError as problem:
        raise SecretUnreadable(
            f"The master key file {path} cannot be used ({problem.strerror}). Mend its rights, choose another folder "
            "with DIPTYCH_DATA_DIR, or give the key in DIPTYCH_SECRET_KEY."
        ) from problem
    if not text:
        raise SecretUnreadable(
            f"The master key file {path} is empty. Restore it from a backup, or connect again."
        )
    return text
