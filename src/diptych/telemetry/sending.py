"""The SDK: what makes spans and sends them, over OTLP/HTTP. Imported only where something is to be sent."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

_UNNAMED = "unknown_service"


def resource_of(process: Mapping[str, str]) -> Resource:
    """Who sends: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and of `process` what they leave open."""
    said = Resource.create()
    given = {
        key: value for key, value in said.attributes.items() if key != SERVICE_NAME or not _unnamed(value)
    }
    return Resource({**process, **given}, said.schema_url)


def _unnamed(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_UNNAMED)


class SpanSender:
    """Spans, made here and sent in batches by a thread of its own, from a queue that drops what it cannot hold."""

    def __init__(self, endpoint: str, resource: Resource) -> None:
        self._exporter = OTLPSpanExporter(endpoint=endpoint)
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(self._exporter))

    def close(self, seconds: float) -> None:
        """Send what waits, in that time at most; what is not sent by then is lost."""
        ending = threading.Thread(target=self.provider.shutdown, name="telemetry-end", daemon=True)
        ending.start()
        ending.join(seconds)
        if ending.is_alive():
            self._exporter.shutdown()  # it stops waiting for another try


class FigureSender:
    """Figures, sent when they are given."""

    def __init__(self, endpoint: str) -> None:
        self._exporter = OTLPMetricExporter(endpoint=endpoint)

    def send(self, figures: MetricsData) -> bool:
        """Whether they have arrived; tries again for as long as OTEL_EXPORTER_OTLP_TIMEOUT says."""
        return self._exporter.export(figures) is MetricExportResult.SUCCESS

    def close(self) -> None:
        """Give up what is being tried."""
        self._exporter.shutdown()
