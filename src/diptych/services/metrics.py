"""The state of the sync as Prometheus takes it, read anew each time from our own database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from diptych.services.status import Status
from diptych.store.queries import CauseRow, StoreStatus

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = (
    "not_connected", "connected", "fields_synced", "ready", "initial_load", "last_sync", "in_progress", "failed", "paused",
)  # fmt: skip


class Reads(Protocol):
    """What is asked of the database (`store.queries.Queries`)."""

    def status(self) -> StoreStatus: ...
    def causes(self, limit: int = 200, **filters: Any) -> list[CauseRow]: ...
    def oldest_waiting(self) -> dict[str, datetime]: ...


def exposition(status: Status, reads: Reads, now: datetime) -> bytes:
    """All metrics, in the text format."""
    found = list(families(status, reads, now))

    class Collector:
        def collect(self) -> Iterable[Metric]:
            return found

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)


def families(status: Status, reads: Reads, now: datetime) -> Iterator[Metric]:
    """All metrics, by whatever way they are told."""
    counts = reads.status()
    state = GaugeMetricFamily(
        "diptych_state", "1 for the state of the sync, 0 for the others.", labels=["state"]
    )
    for name in STATES:
        state.add_metric([name], float(status.state == name))
    yield state
    yield GaugeMetricFamily("diptych_people", "People here.", counts.people)
    if status.last_sync_at is not None:
        at = status.last_sync_at
        yield GaugeMetricFamily(
            "diptych_last_sync_timestamp_seconds", "End of the last cycle that succeeded.", at.timestamp()
        )
        yield GaugeMetricFamily(
            "diptych_last_sync_age_seconds",
            "Since the last cycle that succeeded.",
            (now - at).total_seconds(),
        )
    yield from _by_object(status, reads.oldest_waiting(), now)
    yield _speeds(counts)
    errors = GaugeMetricFamily(
        "diptych_errors", "Open errors, by object and class.", labels=["object", "class"]
    )
    for (name, kind), number in _errors(reads.causes(10_000)).items():
        errors.add_metric([name, kind], number)
    yield errors
    yield GaugeMetricFamily("diptych_conflicts", "Decided conflicts that are kept.", status.conflicts)
    yield GaugeMetricFamily(
        "diptych_waiting_for_data",
        "People to be created who lack what Salesforce demands.",
        status.waiting_for_data,
    )
    yield GaugeMetricFamily(
        "diptych_for_review", "People to be created who are for review.", status.for_review
    )
    if status.api_calls_today is not None:
        yield GaugeMetricFamily(
            "diptych_api_calls", "API calls made by the sync in 24 hours.", status.api_calls_today
        )
    usage = status.api_usage
    if usage is not None:
        yield GaugeMetricFamily(
            "diptych_api_calls_limit", "API calls that the sync may make in 24 hours.", usage.limit
        )
        yield GaugeMetricFamily(
            "diptych_org_api_calls", "API calls of all users of the org in 24 hours.", usage.used
        )
        yield GaugeMetricFamily(
            "diptych_org_api_calls_limit", "API calls that the org allows in 24 hours.", usage.allowed
        )
    run = status.last_run
    if run is not None:
        yield CounterMetricFamily("diptych_runs", "Runs begun since the beginning.", run.id)


def _by_object(status: Status, oldest: Mapping[str, datetime], now: datetime) -> Iterator[Metric]:
    def gauge(name: str, told: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"diptych_{name}", told, labels=["object"])

    records = gauge("records", "Live records held.")
    backlog = gauge("backlog", "Records that owe a write to Salesforce.")
    waits = gauge("oldest_waiting_seconds", "Age of the change made here that waits longest; 0: none waits.")
    fenced = gauge("in_flight", "Records of which a write is not yet answered.")
    differing = gauge("differing", "Records that differed after the last comparison.")
    loaded = gauge("loaded_ratio", "Share of the initial load that is done.")
    for one in status.objects:
        since = oldest.get(one.object)
        records.add_metric([one.object], one.ours)
        backlog.add_metric([one.object], one.backlog)
        waits.add_metric([one.object], max(0.0, (now - since).total_seconds()) if since else 0.0)
        fenced.add_metric([one.object], one.fenced)
        if one.differing is not None:
            differing.add_metric([one.object], one.differing)
        if one.load_state == "complete":
            loaded.add_metric([one.object], 1)
        elif one.total:
            loaded.add_metric([one.object], min(1.0, (one.loaded or 0) / one.total))
    yield from (records, backlog, waits, fenced, differing, loaded)


def _speeds(counts: StoreStatus) -> Metric:
    """Rows a second of the latest step of each operation that had any."""
    speed = GaugeMetricFamily(
        "diptych_rows_per_second",
        "Rows of the latest step of each operation, a second.",
        labels=["object", "operation"],
    )
    for one in counts.objects:
        for step in one.steps:
            rows = step.new + step.updated + step.deleted
            if rows and step.ended_at is not None:
                seconds = max((step.ended_at - step.started_at).total_seconds(), 0.001)
                speed.add_metric([step.object_name, step.operation], rows / seconds)
    return speed


def _errors(causes: Iterable[CauseRow]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for one in causes:
        key = (one.object_name, one.error_class)
        sums[key] = sums.get(key, 0) + one.open
    return sums
