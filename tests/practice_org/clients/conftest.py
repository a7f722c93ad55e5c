"""Notes each client test's outcome for the conformance report, when one is being made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.practice_org.clients import watch


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    folder = os.environ.get(watch.SETTING)
    place = report.nodeid.partition("clients/test_")
    if not folder or not place[1] or (report.when != "call" and report.passed):
        return
    module, _, test = place[2].partition("::")
    said = test.removeprefix("test_").replace("_", " ")
    row = {"client": module.removesuffix(".py").replace("_", " "), "test": said, "outcome": report.outcome}
    watch.note(Path(folder), [row])
