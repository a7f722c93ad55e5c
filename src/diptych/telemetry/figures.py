"""What /metrics shows, sent to the collector: the same families, names and numbers, translated."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric as Family

from diptych.telemetry.sending import FigureSender

Families = Callable[[], Iterable[Family]]
_log = logging.getLogger(__name__)


class Figures:
    """Reads the figures and sends them, again and again, in a thread of its own."""

    def __init__(self, sender: FigureSender, resource: Resource, families: Families, every: float) -> None:
        self._sender, self._resource, self._families, self._every = sender, resource, families, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="telemetry-figures", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """End, in that time at most."""
        self._stop.set()
        self._sender.close()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self._sender.send(translated(self._families(), self._resource, time.time_ns()))
            except Exception as problem:  # the database may be busy, or away: the next time will do
                _log.info("figures were not sent: %s", problem)


def translated(families: Iterable[Family], resource: Resource, now: int) -> MetricsData:
    """Prometheus families in OpenTelemetry's model. `now`: nanoseconds since 1970."""
    scope = ScopeMetrics(InstrumentationScope("diptych"), [_metric(one, now) for one in families], "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(family: Family, now: int) -> Metric:
    """Under the name that its samples have at /metrics; a counter's beginning is not known (0)."""
    counter = family.type == "counter"
    points = [
        NumberDataPoint(dict(sample.labels), 0, now, float(sample.value))
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    name = f"{family.name}_total" if counter else family.name
    data = Sum(points, AggregationTemporality.CUMULATIVE, True) if counter else Gauge(points)
    return Metric(name, family.documentation, "", data)
