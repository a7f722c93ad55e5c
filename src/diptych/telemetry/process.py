"""The telemetry of one process: opened once, closed with a bound; an observer for the engine and its adapters."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar, cast

from diptych.sync.observing import NOBODY, Facts, Observer, Piece
from diptych.telemetry.choice import Choice, read_choice

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import TracerProvider
    from prometheus_client.core import Metric as Family

    from diptych.telemetry.figures import Figures
    from diptych.telemetry.sending import SpanSender

CLOSE_SECONDS = 2.0
"""How long the end of a process may be held up by what is still to be sent."""
_MISSING = (
    "what sends it is not installed. Install it with: pip install 'diptych[telemetry]', or unset "
    "OTEL_EXPORTER_OTLP_ENDPOINT."
)
_log = logging.getLogger(__name__)


P = ParamSpec("P")
R = TypeVar("R")


class Observed(Protocol):
    """What has work that is traced."""

    telemetry: Telemetry


def traced(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The method is a piece of work of that name: a trace of its own, or within the request that it serves."""

    def dress(method: Callable[P, R]) -> Callable[P, R]:
        @wraps(method)
        def dressed(*given: P.args, **named: P.kwargs) -> R:
            owner = cast(Observed, given[0])
            with owner.telemetry.piece(name):
                return method(*given, **named)

        return dressed

    return dress


class Telemetry:
    """See `sync.observing.Observer`. `who`: the process, as `worker@host:pid`. The SDK is loaded when there is something to
    send, so that a command that tells nothing costs nothing."""

    def __init__(self, choice: Choice, who: str) -> None:
        self.choice, self._who = choice, who
        self._lock = threading.Lock()
        self._spans: SpanSender | None = None
        self._figures: list[Figures] = []
        self._observer: Observer = NOBODY
        if choice.traces is not None:
            from diptych.telemetry.tracing import Tracing

            self._observer = Tracing(lambda: self._provider().get_tracer("diptych"))

    def piece(
        self, name: str, facts: Facts | None = None, *, outward: bool = False
    ) -> AbstractContextManager[Piece]:
        return self._observer.piece(name, facts, outward=outward)

    def event(self, name: str, facts: Facts) -> None:
        self._observer.event(name, facts)

    def trace_id(self) -> str | None:
        return self._observer.trace_id()

    def of_pages(self) -> TelemetryConfig:
        """What `FastAPI` is to tell."""
        from diptych.telemetry.requests import OFF, told

        return OFF if self.choice.traces is None else told(self._provider())

    def send_figures(self, families: Callable[[], Iterable[Family]]) -> None:
        """Send these again and again from now on, if figures are to be sent."""
        if self.choice.metrics is None:
            return
        from diptych.telemetry.figures import Figures
        from diptych.telemetry.sending import FigureSender

        sender = FigureSender(self.choice.metrics)
        self._figures.append(Figures(sender, self._resource(), families, self.choice.every))

    def close(self) -> None:
        """Send what waits, within `CLOSE_SECONDS`; nothing is told after that."""
        self._observer = NOBODY
        for figures in self._figures:
            figures.close(0.5)
        self._figures.clear()
        with self._lock:
            spans, self._spans = self._spans, None
        if spans is not None:
            spans.close(CLOSE_SECONDS)

    def _provider(self) -> TracerProvider:
        with self._lock:
            if self._spans is None:
                from diptych.telemetry.sending import SpanSender

                assert self.choice.traces is not None
                self._spans = SpanSender(self.choice.traces, self._resource())
            return self._spans.provider

    def _resource(self) -> Resource:
        from diptych.telemetry.sending import resource_of

        return resource_of(
            {
                "service.name": "diptych",
                "service.version": version("diptych"),
                "diptych.process": self._who.partition("@")[0],
            }
        )


def open_telemetry(who: str, environment: Mapping[str, str] | None = None) -> Telemetry:
    """The telemetry that the environment asks for. What cannot be had is said once, on the log, and nothing is sent then: it
    never keeps anything else from running."""
    choice = chosen(environment)
    if choice.trouble is not None:
        _log.warning("OpenTelemetry is off: %s", choice.trouble)
    elif choice.traces or choice.metrics:
        from diptych.telemetry.quiet import keep_quiet

        keep_quiet()
    return Telemetry(choice, who)


def chosen(environment: Mapping[str, str] | None = None) -> Choice:
    """What the environment asks for, and whether it can be had."""
    choice = read_choice(os.environ if environment is None else environment)
    wanted = choice.traces is not None or choice.metrics is not None
    return Choice(trouble=_MISSING) if wanted and not _installed() else choice


def _installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False
