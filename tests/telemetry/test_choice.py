"""What the OTEL_* variables come to, and what never happens because of them."""

from __future__ import annotations

import logging
import socket

import pytest

from diptych.sync.observing import NOBODY
from diptych.telemetry import chosen, open_telemetry, process
from diptych.telemetry.choice import Choice, read_choice
from diptych.telemetry.sending import resource_of

HERE = "http://127.0.0.1:4318"
_BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": HERE}


@pytest.mark.parametrize(
    ("environment", "choice"),
    [
        ({}, Choice()),
        ({"OTEL_SERVICE_NAME": "people", "OTEL_TRACES_EXPORTER": "otlp"}, Choice()),
        (_BASE, Choice(f"{HERE}/v1/traces", f"{HERE}/v1/metrics")),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"{HERE}/"}, Choice(f"{HERE}/v1/traces", f"{HERE}/v1/metrics")),
        ({**_BASE, "OTEL_SDK_DISABLED": "TRUE"}, Choice()),
        ({**_BASE, "OTEL_METRICS_EXPORTER": "none"}, Choice(f"{HERE}/v1/traces")),
        ({**_BASE, "OTEL_TRACES_EXPORTER": "none"}, Choice(None, f"{HERE}/v1/metrics")),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{HERE}/x"}, Choice(f"{HERE}/x")),
        ({**_BASE, "OTEL_METRIC_EXPORT_INTERVAL": "5000"}, Choice(f"{HERE}/v1/traces", f"{HERE}/v1/metrics", 5.0)),
        (
            {
                **_BASE,
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
                "OTEL_METRICS_EXPORTER": "none",
            },
            Choice(f"{HERE}/v1/traces"),
        ),
    ],
)  # fmt: skip
def test_what_is_wished_for(environment: dict[str, str], choice: Choice) -> None:
    assert read_choice(environment) == choice


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://[::1"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "OTEL_METRIC_EXPORT_INTERVAL"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_sent(
    more: dict[str, str], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    telemetry = open_telemetry("worker@here:1", {**_BASE, **more})
    assert telemetry.choice.traces is telemetry.choice.metrics is None
    assert [record.getMessage().count(named) for record in caplog.records] == [1]
    assert named in str(telemetry.choice)


def test_without_the_extra_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find_spec", lambda _: None)
    assert "pip install 'diptych[telemetry]'" in str(chosen(_BASE))
    assert chosen({}) == Choice()


def test_an_address_is_shown_without_its_password() -> None:
    shown = str(
        read_choice({"OTEL_EXPORTER_OTLP_ENDPOINT": "https://me:secret@collector.example/otlp?key=secret"})
    )
    assert "https://collector.example/otlp/v1/traces" in shown or "collector.example" in shown
    assert "secret" not in shown


def test_the_service_may_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {"service.name": "diptych", "diptych.process": "web"}
    assert resource_of(ours).attributes["service.name"] == "diptych"
    monkeypatch.setenv("OTEL_SERVICE_NAME", "people")
    told = resource_of(ours).attributes
    assert (told["service.name"], told["diptych.process"]) == ("people", "web")


def test_off_is_nobody() -> None:
    telemetry = open_telemetry("worker@here:1", {})
    assert telemetry.piece("sync") is NOBODY.piece("sync")
    assert telemetry.trace_id() is None
    telemetry.event("step", {})
    telemetry.send_figures(lambda: pytest.fail("nobody asked"))
    telemetry.close()


def test_a_collector_that_is_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(process, "CLOSE_SECONDS", 0.05)
    logging.getLogger("opentelemetry").handlers.clear()  # as in a process of its own
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
        telemetry = open_telemetry("worker@here:1", {"OTEL_EXPORTER_OTLP_ENDPOINT": away})
        for _ in range(5000):  # more than the queue holds
            with telemetry.piece("sync"):
                pass
        telemetry.close()
        with telemetry.piece("after the end") as piece:
            piece.tell({"still": "harmless"})
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1 and "OpenTelemetry" in said[0]
