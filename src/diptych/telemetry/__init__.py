"""Traces and figures for an OpenTelemetry collector, where one is named; otherwise nothing at all.

`choice` reads what is wished for, `sending` is the only module that knows the SDK, `tracing` makes spans of pieces of work,
`figures` sends what /metrics shows, `requests` is what the pages tell, `quiet` keeps an exporter in trouble out of the log,
`logs` writes it as JSON lines.
"""

from diptych.telemetry.process import Telemetry, chosen, open_telemetry, traced

__all__ = ["Telemetry", "chosen", "open_telemetry", "traced"]
