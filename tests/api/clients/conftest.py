"""Notes each outcome for the conformance report, when one is being made."""

from __future__ import annotations

from tests.practice_org.clients.conftest import pytest_runtest_logreport

__all__ = ["pytest_runtest_logreport"]
