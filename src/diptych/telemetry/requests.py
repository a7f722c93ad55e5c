"""What the pages and the API tell of a request: FastAPI's own spans, without address, query or texts.

FastAPI keeps path and query in its spans, where people's names may be; of a request only its route, method and status are told.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer, TracerProvider, use_span
from opentelemetry.util.types import Attributes

_TOLD = frozenset(
    [
        "http.request.method",
        "url.scheme",
        "network.protocol.name",
        "network.protocol.version",
        "server.address",
        "server.port",
    ]
)
_UNTOLD = ("/static", "/healthz", "/readyz", "/metrics", "/events")
"""Static files, what probes ask for over and over, and streams that last as long as a page is open."""

OFF: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def told(provider: TracerProvider) -> TelemetryConfig:
    """For `FastAPI(telemetry=...)`."""
    return {
        "tracer_provider": _Discreet(provider),
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": False,
        "exclude": _excluded,
    }


def _excluded(scope: MutableMapping[str, Any]) -> bool:
    path = str(scope.get("path", ""))
    return any(path == one or path.startswith(f"{one}/") for one in _UNTOLD)


class _Discreet(TracerProvider):
    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider

    def get_tracer(self, *args: Any, **more: Any) -> Tracer:
        return _DiscreetTracer(self._provider.get_tracer(*args, **more))


class _DiscreetTracer(Tracer):
    """Begins spans with what may be told alone."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        kept = {key: value for key, value in (attributes or {}).items() if key in _TOLD}
        given: list[Link] | None = list(links) if links else None
        return self._tracer.start_span(name, context, kind, kept, given, start_time, False, False)

    @contextmanager
    def start_as_current_span(self, name: str, *args: Any, **more: Any) -> Iterator[Span]:  # type: ignore[override]
        with use_span(self.start_span(name, *args, **more), end_on_exit=True, record_exception=False) as span:
            yield span
