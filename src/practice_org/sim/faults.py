"""Misbehaviour on order: which calls fail, how, and how often.

A fault is *per call* when it names an HTTP status, a body kind other than JSON, a cut or a latency: it
then counts requests. Otherwise it is *per record*: it counts the records that the data layer is about to
touch, and makes one of a collection fail while its neighbours go through. A cut comes before the effect,
after it without an answer, or during the answer. Faults live in memory: a restart ends all trouble.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from time import sleep
from typing import Any

from practice_org.errors import ApiError
from practice_org.sim.fault import (
    BODY_KINDS,
    CUTS,
    SESSIONS,
    TRIGGERS,
    WRITES,
    BadFault,
    Fault,
    parse_fault,
)
from practice_org.sim.refusals import MESSAGES, usual
from practice_org.sim.request_state import CURRENT, ROWS_KEPT, AnswerOrdered, CutOrdered, RequestState

__all__ = [
    "BODY_KINDS", "CUTS", "MESSAGES", "SESSIONS", "TRIGGERS", "WRITES", "BadFault", "Fault", "Faults",
    "parse_fault",
]  # fmt: skip

HTML = (
    "<!DOCTYPE html><html><head><title>Server Unavailable</title></head><body>"
    "<h1>We are down for maintenance.</h1><p>Sorry for the inconvenience. We'll be back shortly.</p>"
    "</body></html>"
)
GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>"
    "\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class Faults:
    """The orders in force. Thread-safe.

    `orders` carries out what `then` says (by name of the order); `end_session` ends the session of a token;
    `lock_status` is the status that UNABLE_TO_LOCK_ROW has in this org.
    """

    def __init__(self) -> None:
        self.orders: Mapping[str, Callable[[Any], Any]] = {}
        self.end_session: Callable[[str], Any] = lambda token: None
        self.lock_status: Callable[[], int] = lambda: 400
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._faults: list[Fault] = []

    def order(self, order: Mapping[str, Any]) -> Fault:
        """Put one fault in force. Raises BadFault."""
        return self.order_all([order])[0]

    def order_all(self, orders: Sequence[Mapping[str, Any]]) -> list[Fault]:
        """Put several in force, or none of them. Raises BadFault."""
        known = frozenset(self.orders)
        made = [parse_fault(f"fault-{next(self._numbers)}", order, known) for order in orders]
        with self._lock:
            self._faults.extend(made)
        return made

    def clear(self) -> None:
        """End all trouble."""
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[dict[str, Any]]:
        """All orders with how often they were seen and struck."""
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def check(self, trigger: str, object_name: str | None = None, record_id: str | None = None) -> None:
        """Called before an effect: may wait, raise ApiError (one record or call fails) or end the request."""
        if not self._faults:
            return
        state = CURRENT.get() or RequestState()
        for fault in self._struck(trigger, object_name, record_id, state):
            state.faults_met.append(fault.id)
            self._strike(fault, trigger, record_id, state)

    def wrote(self, record_ids: Sequence[str]) -> None:
        """Called after an effect, with the records it met: the log of requests names them."""
        state = CURRENT.get()
        if state is not None:
            state.wrote.extend(record_ids[: ROWS_KEPT - len(state.wrote)])
            state.rows += len(record_ids)

    def _struck(
        self,
        trigger: str,
        object_name: str | None,
        record_id: str | None,
        state: RequestState,
    ) -> list[Fault]:
        struck: list[Fault] = []
        with self._lock:
            for place, fault in enumerate(self._faults):
                if fault.spent or not fault.matches(trigger, object_name, record_id, state):
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

    def _strike(self, fault: Fault, trigger: str, record_id: str | None, state: RequestState) -> None:
        if fault.latency_ms:
            sleep(fault.latency_ms / 1000)
        for name, order in (fault.then or {}).items():
            self.orders[name](order)
        state.no_limit_info |= fault.no_limit_info
        if fault.truncate_to is not None:
            state.truncate_to = fault.truncate_to
        if fault.cut == "before":
            raise CutOrdered
        if fault.cut is not None:
            state.cut_after = fault.cut == "after"
            state.cut_during = fault.cut == "during"
            state.cut_bytes = fault.cut_bytes
            return
        if fault.session == "expire":
            self.end_session(state.token)
        if fault.refuses:
            raise self._refusal(fault, trigger, record_id)

    def _refusal(self, fault: Fault, trigger: str, record_id: str | None) -> BaseException:
        code = fault.error_code or ("INVALID_SESSION_ID" if fault.session else "SERVER_UNAVAILABLE")
        usual_status, usual_message = usual(code, record_id)
        if code == "UNABLE_TO_LOCK_ROW":
            usual_status = self.lock_status()
        status = fault.status or (usual_status if fault.body_kind == "json" else 503)
        message = fault.message or usual_message
        if not fault.per_call:
            return ApiError(status, code, message, ())
        if fault.body_kind != "json":
            html = GATEWAY if status == 502 else HTML
            body = html.encode() if fault.body_kind == "html" else b""
            return AnswerOrdered(status, body, "text/html; charset=UTF-8")
        if trigger == "token":
            oauth = {"error": code, "error_description": message}
            return AnswerOrdered(status, _json(oauth), "application/json;charset=UTF-8")
        if trigger in WRITES or status >= 500:
            # Records are being written, or the server itself speaks: the whole request is answered so.
            entry = [{"message": message, "errorCode": code}]
            return AnswerOrdered(status, _json(entry), "application/json;charset=UTF-8")
        # Each API has its own words for a refused call.
        return ApiError(status, code, message)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
