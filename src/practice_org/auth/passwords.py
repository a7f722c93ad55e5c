"""Passwords: hashed with argon2, checked in constant time."""

from __future__ import annotations

import secrets
import string

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Weaker than argon2's defaults on purpose: a practice org logs in thousands of times in a test run.
HASHER = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)

LETTERS = string.ascii_letters + string.digits


def hash_password(password: str) -> str:
    """An argon2id hash with its own salt."""
    return HASHER.hash(password)


def password_matches(hashed: str, password: str) -> bool:
    """True when `password` is the one hashed; a damaged hash matches nothing."""
    try:
        return HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def new_password() -> str:
    """A password that satisfies Salesforce's default policy: letters, digits, ten characters."""
    return "P" + "".join(secrets.choice(LETTERS) for _ in range(10)) + str(secrets.randbelow(10))


def new_security_token() -> str:
    """24 letters and digits, as Salesforce mails them."""
    return "".join(secrets.choice(LETTERS) for _ in range(24))
