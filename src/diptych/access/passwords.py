"""Passwords: argon2id with a salt of their own, checked in the same time whether the user exists or not."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LEAST = 12
MOST = 1024
_hasher = PasswordHasher()


class UnfitPassword(ValueError):
    """The text says what a password needs."""


def fit(password: str, name: str) -> str:
    """The password, if it will do. Raises UnfitPassword."""
    if len(password) < LEAST:
        raise UnfitPassword(f"A password has at least {LEAST} characters; several words do well.")
    if len(password) > MOST:
        raise UnfitPassword(f"A password has at most {MOST} characters.")
    if name.lower() in password.lower() and len(password) - len(name) < LEAST // 2:
        raise UnfitPassword("The password is little more than the name.")
    if len(set(password)) < 5:
        raise UnfitPassword("The password repeats too few characters.")
    return password


def hashed(password: str) -> str:
    return _hasher.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one. Without a stored one the same work is done, for nothing."""
    try:
        return _hasher.verify(stored or _nobody(), password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Whether it was hashed with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _hasher.hash("nobody's password")
