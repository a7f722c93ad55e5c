"""Orders about events: what is captured, platform events, managed subscriptions, and trouble on the bus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from practice_org.events import log, managed, platform_events, reading
from practice_org.events.settings import (
    CHANNELS,
    DEFAULT_ENTITIES,
    DEFAULTS,
    ENTITIES,
    KEEPALIVE,
    OVERFLOW,
    PUBLISH_IDLE,
)
from practice_org.org import Org
from practice_org.schema import setup_rows
from practice_org.sim.plane import BadOrder, Control, Order, caller_id

NUMBERS = {
    "keepalive_seconds": (KEEPALIVE, float),
    "publish_idle_seconds": (PUBLISH_IDLE, float),
    "overflow_from": (OVERFLOW, int),
}


def events(control: Control, order: Order) -> Any:
    """`{entities, channels, define, remove, managed, publish, gaps, expire, trouble, keepalive_seconds, ...}`.

    Each key is an order of its own, carried out in the order of `ORDERS`; see docs/practice-org.md.
    """
    unknown = sorted(set(order) - set(ORDERS) - set(NUMBERS))
    if unknown:
        raise BadOrder(f"unknown order {unknown[0]!r}; there are {', '.join([*ORDERS, *NUMBERS])}")
    for name, value in order.items():
        if name in NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise BadOrder(f"{name} must be a number from 0")
    for name, (setting, kind) in NUMBERS.items():
        if name in order:
            control.org.set_setting(setting, kind(order[name]))
    said = {name: carry(control, order[name]) for name, carry in ORDERS.items() if name in order}
    return {**events_state(control, {}), **said}


def events_state(control: Control, order: Order) -> Any:
    """What is captured and defined, positions, and the trouble in force."""
    org = control.org
    return {
        "entities": list(org.setting(ENTITIES, DEFAULT_ENTITIES)),
        "channels": org.setting(CHANNELS, {}),
        "platform_events": {
            one.name: {f.name: f.type for f in one.fields} for one in platform_events.every(org)
        },
        "managed": [{"id": one.id, "name": one.name, **one.metadata()} for one in managed.every(org)],
        "earliest": reading.oldest(org) + 1,
        "latest": reading.tip(org),
        "gaps": org.changes.gaps,
        "trouble": org.trouble.listing(),
        **{name: org.setting(setting) for name, (setting, _) in NUMBERS.items()},
    }


def restore(org: Org) -> None:
    """Trouble ends, captured objects and numbers are as in a new org; definitions and events stay."""
    org.trouble.clear()
    org.changes.gaps = 0
    for setting in (ENTITIES, *(setting for setting, _ in NUMBERS.values())):
        if org.setting(setting) is not None:
            org.set_setting(setting, DEFAULTS[setting])


def _names(org: Org, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise BadOrder("objects must be a list of names")
    return [org.schema[str(name)].name for name in value]


def _entities(control: Control, value: Any) -> Any:
    control.org.set_setting(ENTITIES, _names(control.org, value))
    return value


def _channels(control: Control, value: Any) -> Any:
    if not isinstance(value, dict) or not all(str(name).endswith("__chn") for name in value):
        raise BadOrder("channels must be an object of name__chn to a list of objects")
    control.org.set_setting(CHANNELS, {name: _names(control.org, members) for name, members in value.items()})
    return value


def _define(control: Control, value: Any) -> Any:
    made = platform_events.define(control.org, value["name"], value.get("fields", {}), value.get("label"))
    return {"name": made.name, "topic": f"/event/{made.name}", "fields": [f.name for f in made.fields]}


def _remove(control: Control, value: Any) -> Any:
    return platform_events.remove(control.org, str(value))


def _managed(control: Control, value: Any) -> Any:
    made = managed.define(control.org, **value)
    return {"id": made.id, "name": made.name, **made.metadata()}


def _publish(control: Control, value: Any) -> Any:
    # Only here: it needs fastavro, which is of the extra `events`.
    from practice_org.events import publishing

    who = value.get("username")
    user_id = caller_id(control, who) if who else setup_rows.first_user(control.org)
    return publishing.publish_values(control.org, value["name"], value.get("values", {}), user_id)


def _gaps(control: Control, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise BadOrder("gaps must be a whole number from 0")
    control.org.changes.gaps = value
    return value


def _expire(control: Control, value: Any) -> Any:
    """All events there are, or those up to a number, are gone as if their 72 hours were over."""
    upto = reading.tip(control.org) if value is True else int(value)
    with control.org.transaction() as tx:
        log.expire(tx.connection, upto)
    return upto


def _trouble(control: Control, value: Any) -> Any:
    if value is None:
        control.org.trouble.clear()
    else:
        control.org.trouble.order(value)
    return control.org.trouble.listing()


ORDERS: dict[str, Callable[[Control, Any], Any]] = {
    "entities": _entities,
    "channels": _channels,
    "define": _define,
    "remove": _remove,
    "managed": _managed,
    "expire": _expire,
    "gaps": _gaps,
    "trouble": _trouble,
    "publish": _publish,
}
