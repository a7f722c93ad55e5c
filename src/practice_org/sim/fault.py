"""One order of trouble: which calls it is about, and what happens to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from practice_org.sim.request_state import RequestState

WRITES = ("insert", "update", "upsert", "delete", "undelete", "merge", "convert")
CALLS = (
    "query", "search", "retrieve", "bulk", "describe", "limits", "tooling", "metadata", "soap", "token", "any",
)  # fmt: skip
TRIGGERS = (*WRITES, *CALLS)
CUTS = ("before", "during", "after")
BODY_KINDS = ("json", "html", "empty")
SESSIONS = ("expire",)


class BadFault(ValueError):
    """The order cannot be understood; the message says which part."""


@dataclass(frozen=True)
class Fault:
    """One order. `after_n` matches pass unharmed, then `times` are hit (None: until cleared).

    `record_id` narrows it to one record. `session` "expire" ends the session of the call, which is then
    refused. `then` are orders of the control plane by name, carried out just before the call is. `cut_bytes`
    (with `cut` during) is how much of the body leaves; `truncate_to` shortens the body of an answer that
    otherwise looks whole. `no_limit_info` leaves the header Sforce-Limit-Info out.
    """

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
    record_id: str | None = None
    session: str | None = None
    then: Mapping[str, Any] | None = None
    cut_bytes: int | None = None
    truncate_to: int | None = None
    no_limit_info: bool = False
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

    @property
    def refuses(self) -> bool:
        """True when the call, or the record, gets an error for an answer."""
        return (
            self.error_code is not None
            or self.status is not None
            or self.body_kind != "json"
            or self.session is not None
        )

    def matches(
        self, trigger: str, object_name: str | None, record_id: str | None, state: RequestState
    ) -> bool:
        """True when this fault is about such a call; `path` is any part of the request's path."""
        if self.trigger not in ("any", trigger):
            return False
        if self.path is not None and self.path not in state.path:
            return False
        if self.method is not None and self.method != state.method:
            return False
        if self.record_id is not None and (record_id or "")[:15] != self.record_id[:15]:
            return False
        return self.object is None or (object_name or "").lower() == self.object.lower()


KNOWN = frozenset(f.name for f in fields(Fault)) - {"id", "seen", "hit"}

SPELT = {re.sub("_([a-z])", lambda found: found[1].upper(), name): name for name in KNOWN}
"""Names as JSON often spells them (`errorCode`, `afterN`), to ours."""


def parse_fault(id: str, order: Mapping[str, Any], orders: frozenset[str] = frozenset()) -> Fault:
    """Read one order from the control plane; `orders` are the names that `then` may use.

    Raises BadFault naming the field that is wrong.
    """
    if not isinstance(order, Mapping):
        raise BadFault(f"a fault must be an object, not {order!r}")
    order = {SPELT.get(name, name): value for name, value in order.items()}
    unknown = sorted(set(order) - KNOWN)
    if unknown:
        raise BadFault(f"unknown field {unknown[0]!r}; a fault has {', '.join(sorted(KNOWN))}")
    cut_bytes, truncate_to = _integer(order, "cut_bytes", 0), _integer(order, "truncate_to", 0)
    if cut_bytes is not None and order.get("cut") != "during":
        raise BadFault("cut_bytes says how much leaves of an answer that is cut during")
    return Fault(
        id=id,
        trigger=str(_one_of(order, "trigger", TRIGGERS, "any")),
        object=_text(order, "object"),
        error_code=_text(order, "error_code"),
        message=_text(order, "message"),
        status=_integer(order, "status", 100, 599),
        after_n=_integer(order, "after_n", 0) or 0,
        times=_integer(order, "times", 1) if "times" in order else 1,
        latency_ms=_integer(order, "latency_ms", 0) or 0,
        cut=_one_of(order, "cut", CUTS),
        body_kind=str(_one_of(order, "body_kind", BODY_KINDS, "json")),
        path=_text(order, "path"),
        method=_text(order, "method"),
        record_id=_text(order, "record_id"),
        session=_one_of(order, "session", SESSIONS),
        then=_then(order, orders),
        cut_bytes=cut_bytes,
        truncate_to=truncate_to,
        no_limit_info=_switch(order, "no_limit_info"),
    )


def _one_of(
    order: Mapping[str, Any], name: str, known: tuple[str, ...], default: str | None = None
) -> str | None:
    value = order.get(name)
    if value is None:
        return default
    if value not in known:
        raise BadFault(f"{name} must be one of {', '.join(known)}, not {value!r}")
    return str(value)


def _text(order: Mapping[str, Any], name: str) -> str | None:
    value = order.get(name)
    if value is not None and not isinstance(value, str):
        raise BadFault(f"{name} must be a text, not {value!r}")
    return value


def _switch(order: Mapping[str, Any], name: str) -> bool:
    value = order.get(name, False)
    if not isinstance(value, bool):
        raise BadFault(f"{name} must be true or false, not {value!r}")
    return value


def _integer(order: Mapping[str, Any], name: str, least: int, most: int = 10**9) -> int | None:
    value = order.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadFault(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return value


def _then(order: Mapping[str, Any], orders: frozenset[str]) -> Mapping[str, Any] | None:
    value = order.get("then")
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value:
        raise BadFault("then must be orders by name, such as {'schema_change': {...}}")
    unknown = sorted(set(value) - orders)
    if unknown:
        raise BadFault(f"then knows no order {unknown[0]!r}; there are {', '.join(sorted(orders))}")
    return dict(value)
