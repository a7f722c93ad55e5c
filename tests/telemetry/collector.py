"""An OpenTelemetry collector for tests: takes OTLP over HTTP, keeps the bytes and what they say."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """A span as it arrived. `kind`: 1 internal, 2 server, 3 client; `failed`: its status is error."""

    id: bytes
    parent: bytes
    trace_id: str
    name: str
    kind: int
    failed: bool
    facts: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


@dataclass
class Collector:
    """What has arrived so far."""

    endpoint: str
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[tuple[str, tuple[tuple[str, Any], ...]], float] = field(default_factory=dict)
    arrived: threading.Event = field(default_factory=threading.Event)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def below(self, parent: Span) -> list[Span]:
        """What happened directly within that span."""
        return [span for span in self.spans if span.parent == parent.id]

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            for told in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(_facts(told.resource.attributes))
                for scope in told.scope_spans:
                    self.spans += map(_span, scope.spans)
        elif path == "/v1/metrics":
            for held in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in held.scope_metrics:
                    for metric in scope.metrics:
                        points = (metric.gauge if metric.HasField("gauge") else metric.sum).data_points
                        for point in points:
                            key = (metric.name, tuple(sorted(_facts(point.attributes).items())))
                            self.figures[key] = point.as_double
        self.arrived.set()


def _span(span: Any) -> Span:
    return Span(
        span.span_id,
        span.parent_span_id,
        span.trace_id.hex(),
        span.name,
        span.kind,
        span.status.code == 2,
        _facts(span.attributes),
        [(event.name, _facts(event.attributes)) for event in span.events],
    )


def _facts(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
