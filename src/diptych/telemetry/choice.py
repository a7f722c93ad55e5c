"""What is wished for, as the standard OTEL_* variables say it. Without an endpoint nothing is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_GENERAL = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "http/protobuf"


@dataclass(frozen=True)
class Choice:
    """Where traces and figures go (None: nowhere), and every how many seconds figures do. `trouble`: why what the variables
    ask for cannot be done, with the way out; nothing is sent then."""

    traces: str | None = None
    metrics: str | None = None
    every: float = 60.0
    trouble: str | None = None

    def __str__(self) -> str:
        if self.trouble is not None:
            return f"off: {self.trouble}"
        parts = [f"traces to {shown_address(self.traces)}"] if self.traces else []
        parts += [f"figures to {shown_address(self.metrics)} every {self.every:g} s"] if self.metrics else []
        return "; ".join(parts) or f"off ({_GENERAL} is not set)"


class _Unusable(Exception):
    pass


def read_choice(environment: Mapping[str, str]) -> Choice:
    """The wish in these variables; never raises."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Choice()
    try:
        traces, metrics = _target(environment, "TRACES"), _target(environment, "METRICS")
        return Choice(traces, metrics, _interval(environment) if metrics else 60.0)
    except _Unusable as problem:
        return Choice(trouble=str(problem))


def _target(environment: Mapping[str, str], signal: str) -> str | None:
    name = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
    given, general = environment.get(name, "").strip(), environment.get(_GENERAL, "").strip()
    exporter = environment.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() or "otlp"
    if exporter == "none" or not (given or general):
        return None
    if exporter != "otlp":
        raise _Unusable(f"OTEL_{signal}_EXPORTER is {exporter}; it can be otlp or none.")
    for variable in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(variable, "").strip()
        if protocol and protocol != _PROTOCOL:
            raise _Unusable(
                f"{variable} is {protocol}; only {_PROTOCOL} is spoken here, which collectors take on port 4318."
            )
        if protocol:
            break
    target = given or f"{general.removesuffix('/')}/v1/{signal.lower()}"
    try:
        parts = urlsplit(target)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise _Unusable(f"{name if given else _GENERAL} must be an address such as http://127.0.0.1:4318.")
    return target


def _interval(environment: Mapping[str, str]) -> float:
    name = "OTEL_METRIC_EXPORT_INTERVAL"
    text = environment.get(name, "").strip() or "60000"
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = 0.0
    if not 1000 <= milliseconds <= 86_400_000:
        raise _Unusable(f"{name} is {text}; it is a number of milliseconds, 1000 at least.")
    return milliseconds / 1000


def shown_address(address: str | None) -> str:
    """An address without what may be secret in it."""
    parts = urlsplit(address or "")
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path}"
