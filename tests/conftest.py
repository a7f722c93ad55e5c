from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nobody_acts() -> Iterator[None]:
    """A command that a test runs in this process acts for the process; the next test is another one."""
    from diptych.store.auditing import act_as

    yield
    act_as(None)


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Passwords hashed with little work: tests log in often, and nobody attacks them."""
    from argon2 import PasswordHasher

    from diptych.access import passwords

    before = passwords._hasher
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    yield
    passwords._hasher = before
