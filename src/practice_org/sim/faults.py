"""Misbehaviour on order: which calls fail, how, and how often.

A fault is *per call* when it names an HTTP status, a body kind other than JSON, a cut or a latency: it
then counts requests. Otherwise it is *per record*: it counts the records that the data layer is about to
touch, and makes one of a collection fail while its neighbours go through. A cut comes before the effect,
after it without an answer, or during the answer, when half of its first piece has left.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from time import sleep
from typing import Any

from practice_org.errors import ApiError
from practice_org.sim.request_state import CURRENT, ROWS_KEPT, AnswerOrdered, CutOrdered, RequestState

WRITES = ("insert", "update", "upsert", "delete", "undelete", "convert", "merge")
TRIGGERS = (*WRITES, "query", "bulk", "describe", "token", "any")
CUTS = ("before", "during", "after")
BODY_KINDS = ("json", "html", "empty")

MESSAGES = {
    "INVALID_SESSION_ID": (401, "Session expired or invalid"),
    "REQUEST_LIMIT_EXCEEDED": (403, "TotalRequests Limit exceeded."),
    "SERVER_UNAVAILABLE": (503, "Server Unavailable"),
    "UNABLE_TO_LOCK_ROW": (400, "unable to obtain exclusive access to this record"),
    "UNKNOWN_EXCEPTION": (
        500,
        "An unexpected error occurred. Please include this ErrorId if you contact support",
    ),
    "QUERY_TIMEOUT": (400, "Your query request was running for too long."),
    "INVALID_QUERY_LOCATOR": (400, "invalid query locator"),
    "NOT_FOUND": (404, "The requested resource does not exist"),
    "INSUFFICIENT_ACCESS_OR_READONLY": (403, "insufficient access rights on object id"),
}

HTML = (
    "<!DOCTYPE html><html><head><title>Server Unavailable</title></head><body>"
    "<h1>We are down for maintenance.</h1><p>Sorry for the inconvenience. We'll be back shortly.</p>"
    "</body></html>"
)


class BadFault(ValueError):
    """The order cannot be understood; the message says which part."""


@dataclass(frozen=True)
class Fault:
    """One order. `after_n` matches pass unharmed, then `times` are hit (None: until cleared)."""

    id: str
    trigger: str
    object: str | None = None
    error_code: str | None = None
    message: str | None = None
    status: int | None = None
    after_n: int = 0
    times: int | None = 1
    latency_ms: int = 0
    cut: str | None = None
    body_kind: str = "json"
    path: str | None = None
    method: str | None = None
    seen: int = 0
    hit: int = 0

    @property
    def per_call(self) -> bool:
        """True when it strikes a request as a whole rather than one record of it."""
        return (
            self.status is not None
            or self.cut is not None
            or self.body_kind != "json"
            or self.trigger not in WRITES
            or self.error_code is None
        )

    @property
    def spent(self) -> bool:
        """True when it has struck as often as was ordered."""
        return self.times is not None and self.hit >= self.times

    def matches(self, trigger: str, object_name: str | None, state: RequestState) -> bool:
        """True when this fault is about such a call; `path` is any part of the request's path."""
        if self.trigger not in ("any", trigger):
            return False
        if self.path is not None and self.path not in state.path:
            return False
        if self.method is not None and self.method != state.method:
            return False
        return self.object is None or (object_name or "").lower() == self.object.lower()


def parse_fault(id: str, order: Mapping[str, Any]) -> Fault:
    """Read one order from the control plane. Raises BadFault naming the field that is wrong."""
    known = {
        "trigger",
        "object",
        "error_code",
        "message",
        "status",
        "after_n",
        "times",
        "latency_ms",
        "cut",
        "body_kind",
        "path",
        "method",
    }
    unknown = sorted(set(order) - known)
    if unknown:
        raise BadFault(f"unknown field {unknown[0]!r}; a fault has {', '.join(sorted(known))}")
    trigger = order.get("trigger", "any")
    if trigger not in TRIGGERS:
        raise BadFault(f"trigger must be one of {', '.join(TRIGGERS)}, not {trigger!r}")
    cut = order.get("cut")
    if cut is not None and cut not in CUTS:
        raise BadFault(f"cut must be before, during or after, not {cut!r}")
    body_kind = order.get("body_kind") or "json"
    if body_kind not in BODY_KINDS:
        raise BadFault(f"body_kind must be one of {', '.join(BODY_KINDS)}, not {body_kind!r}")
    return Fault(
        id=id,
        trigger=trigger,
        object=order.get("object"),
        error_code=order.get("error_code"),
        message=order.get("message"),
        status=_integer(order, "status", 100, 599),
        after_n=_integer(order, "after_n", 0) or 0,
        times=_integer(order, "times", 1) if "times" in order else 1,
        latency_ms=_integer(order, "latency_ms", 0) or 0,
        cut=cut,
        body_kind=body_kind,
        path=order.get("path"),
        method=order.get("method"),
    )


def _integer(order: Mapping[str, Any], name: str, least: int, most: int = 10**9) -> int | None:
    value = order.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadFault(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return value


class Faults:
    """The orders in force. Thread-safe; lives in memory, so that a restart ends all trouble."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: list[Fault] = []

    def order(self, order: Mapping[str, Any]) -> Fault:
        """Put one fault in force. Raises BadFault."""
        fault = parse_fault(f"fault-{next(self._numbers)}", order)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """End all trouble."""
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[dict[str, Any]]:
        """All orders with how often they were seen and struck."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def check(self, trigger: str, object_name: str | None = None, record_id: str | None = None) -> None:
        """Called before an effect: may wait, raise ApiError (one record fails) or end the request."""
        if not self._faults:
            return
        state = CURRENT.get() or RequestState()
        for fault in self._struck(trigger, object_name, state):
            state.faults_met.append(fault.id)
            self._strike(fault, state)

    def wrote(self, record_ids: Sequence[str]) -> None:
        """Called after an effect, with the records it met: the log of requests names them."""
        state = CURRENT.get()
        if state is not None:
            state.wrote.extend(record_ids[: ROWS_KEPT - len(state.wrote)])
            state.rows += len(record_ids)

    def _struck(self, trigger: str, object_name: str | None, state: RequestState) -> list[Fault]:
        struck: list[Fault] = []
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.spent or not fault.matches(trigger, object_name, state):
                    continue
                if fault.per_call:
                    # One request asks many times (frame, then each record); it counts once.
                    key = (fault.id, "", "")
                    if key in state.decided:
                        continue
                    state.decided.add(key)
                hits = fault.seen >= fault.after_n
                fault = replace(fault, seen=fault.seen + 1, hit=fault.hit + hits)
                self._faults[place] = fault
                if hits:
                    struck.append(fault)
        return struck

    def _strike(self, fault: Fault, state: RequestState) -> None:
        if fault.latency_ms:
            sleep(fault.latency_ms / 1000)
        if fault.cut == "before":
            raise CutOrdered
        if fault.cut is not None:
            state.cut_after = fault.cut == "after"
            state.cut_during = fault.cut == "during"
            return
        if fault.error_code is None and fault.status is None and fault.body_kind == "json":
            return
        code = fault.error_code or "SERVER_UNAVAILABLE"
        usual_status, usual_message = MESSAGES.get(code, (400, code.replace("_", " ").lower()))
        status = fault.status or (usual_status if fault.body_kind == "json" else 503)
        message = fault.message or usual_message
        if not fault.per_call:
            raise ApiError(status, code, message)
        if fault.body_kind == "html":
            raise AnswerOrdered(status, HTML.encode(), "text/html; charset=UTF-8")
        if fault.body_kind == "empty":
            raise AnswerOrdered(status, b"", "text/html; charset=UTF-8")
        if fault.trigger == "token":
            body: Any = {"error": code, "error_description": message}
        else:
            body = [{"message": message, "errorCode": code}]
        raise AnswerOrdered(
            status, json.dumps(body, separators=(",", ":")).encode(), "application/json;charset=UTF-8"
        )
