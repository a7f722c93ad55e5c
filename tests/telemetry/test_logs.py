"""The log as JSON lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from diptych.telemetry import Telemetry
from diptych.telemetry.choice import Choice
from diptych.telemetry.logs import write_log
from tests.telemetry.collector import collecting


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("diptych")
    before, level = list(root.handlers), ours.level
    written = io.StringIO()
    write_log("json", written)
    yield written
    root.handlers = before
    ours.setLevel(level)


def test_a_line_knows_its_trace(lines: io.StringIO) -> None:
    log = logging.getLogger("diptych.test")
    with collecting() as collector:
        telemetry = Telemetry(Choice(traces=f"{collector.endpoint}/v1/traces"), "worker@here:1")
        with telemetry.piece("sync"):
            log.info("%d people", 3)
            trace_id = telemetry.trace_id()
        try:
            raise ValueError("no")
        except ValueError:
            log.exception("outside of it")
        telemetry.close()
    inside, outside = map(json.loads, lines.getvalue().splitlines())
    assert (inside["event"], inside["level"], inside["logger"]) == ("3 people", "info", "diptych.test")
    assert inside["trace_id"] == trace_id == collector.named("sync")[0].trace_id
    assert inside["timestamp"].endswith("Z") and len(inside["span_id"]) == 16
    assert "trace_id" not in outside and "ValueError: no" in outside["exception"]
