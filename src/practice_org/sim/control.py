"""The control plane, `/__sim__/`: fenced off from the org by a token of its own.

Everything here is for tests and demonstrations; no Salesforce has it. Bodies and answers are JSON; a
mistake in an order is answered 400 with `{"error": ...}` and changes nothing.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from practice_org import ids
from practice_org.auth.door import Door
from practice_org.auth.identity import bearer
from practice_org.auth.people import caller_by_username
from practice_org.auth.settings import DoorSettings, change_settings, read_settings
from practice_org.clock import stamp, wire
from practice_org.data import dml
from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.organization import organization
from practice_org.schema import custom
from practice_org.seed import sow
from practice_org.sim import people, rules
from practice_org.sim.faults import Faults
from practice_org.sim.received import ReceivedLog

JOB_SPEEDS = ("instant", "stepped", "slow")
ORG_NUMBERS = {"lock_wait_seconds": 0.2, "lock_status": 400, "job_slow_seconds": 30, "bulk_page_rows": 50_000}
"""Numbers of the data layer that can be set, with their defaults: how long a write waits for a lock, which
status the refusal has, how long a slow job takes, how many rows a page of Bulk results has."""
Order = dict[str, Any]


class BadOrder(ValueError):
    """An order that cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Control:
    """What the control plane moves."""

    door: Door
    faults: Faults
    log: ReceivedLog


def routes(control: Control) -> list[Route]:
    """The routes of the control plane; registers the validation-rule hook as well."""
    control.door.org.validators.append(rules.validator(control.door.org))
    made = [
        Route(f"/__sim__/{name}", _endpoint(control, answer), methods=["POST"])
        for name, answer in WRITES.items()
    ]
    made += [
        Route(f"/__sim__/{name}", _endpoint(control, answer), methods=["GET"])
        for name, answer in READS.items()
    ]
    made.append(Route("/__sim__/", _endpoint(control, lambda *_: _index(WRITES, READS)), methods=["GET"]))
    made.append(Route("/__sim__/faults", _endpoint(control, _clear_faults), methods=["DELETE"]))
    made.append(Route("/__sim__/requests", _endpoint(control, _clear_requests), methods=["DELETE"]))
    return made


def _index(*tables: dict[str, Callable[[Control, Order], Any]]) -> dict[str, str]:
    """What there is, in a line each."""
    listed: dict[str, str] = {}
    for verb, table in zip(("POST", "GET"), tables, strict=True):
        for name, answer in table.items():
            listed[f"{verb} /__sim__/{name}"] = (answer.__doc__ or "").strip().partition("\n")[0]
    return listed


def _endpoint(control: Control, answer: Callable[[Control, Order], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        given = bearer(request.headers.get("authorization", ""))
        token = control.door.org.setting("control_token", "")
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return JSONResponse(
                {"error": "the control plane needs its own token: Authorization: Bearer ..."}, 401
            )
        body = await request.body()
        return await run_in_threadpool(_answer, control, answer, request, body)

    return endpoint


def _answer(
    control: Control, answer: Callable[[Control, Order], Any], request: Request, body: bytes
) -> Response:
    try:
        order = json.loads(body) if body.strip() else dict(request.query_params)
        return JSONResponse(answer(control, order))
    except ApiError as error:
        return JSONResponse({"error": error.message, "errorCode": error.code}, 400)
    except KeyError as error:
        return JSONResponse({"error": f"missing or unknown: {error.args[0]}"}, 400)
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, 400)


def _reset(control: Control, order: Order) -> Any:
    """Trouble, clock, limits, rules, job speed, switches and log back to normal; `records`: empty the org."""
    org = control.door.org
    control.faults.clear()
    control.log.clear()
    org.clock.unfreeze()
    org.clock.set_offset(0.0)
    org.save_clock()
    org.set_setting("limits", {})
    org.limits.set_used(0)
    org.set_setting(rules.SETTING, [])
    org.set_setting("job_speed", "instant")
    org.set_setting("assignment_rules", {})
    for name in ORG_NUMBERS:
        if org.setting(name) is not None:
            org.set_setting(name, ORG_NUMBERS[name])
    change_settings(org, asdict(DoorSettings()))
    control.door.sessions.forget()
    if order.get("records"):
        sow.clear(org)
    return {"ok": True}


def _seed(control: Control, order: Order) -> Any:
    """`{people, seed}`: put people into the org; deterministic in `seed`."""
    count = order.get("people", order.get("records"))
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1_000_000:
        raise BadOrder("people must be a whole number from 1 to 1000000")
    org = control.door.org
    sow.prepare_fields(org)
    return asdict(sow.sow(org, people=count, seed=int(order.get("seed", 1))))


def _faults(control: Control, order: Any) -> Any:
    """One order or a list of them; see `sim.faults`."""
    orders = order if isinstance(order, list) else [order]
    return [asdict(control.faults.order(one)) for one in orders]


def _faults_in_force(control: Control, order: Order) -> Any:
    """All orders with how often they were seen and struck."""
    return control.faults.listing()


def _rules_in_force(control: Control, order: Order) -> Any:
    """The validation rules."""
    return control.door.org.setting(rules.SETTING, [])


def _clear_faults(control: Control, order: Order) -> Any:
    control.faults.clear()
    return {"ok": True}


def _clear_requests(control: Control, order: Order) -> Any:
    control.log.clear()
    return {"ok": True}


def _clock(control: Control, order: Order) -> Any:
    """`{offset_seconds}`, `{advance}` seconds, `{freeze: true | false | moment}`."""
    org = control.door.org
    clock = org.clock
    if "freeze" in order and order["freeze"] is False:
        clock.unfreeze()
    if "offset_seconds" in order:
        clock.unfreeze()
        clock.set_offset(float(order["offset_seconds"]))
    if order.get("freeze"):
        clock.freeze(None if order["freeze"] is True else _moment(order["freeze"]))
    if "advance" in order:
        clock.advance(float(order["advance"]))
    org.save_clock()
    control.door.sessions.forget()
    return {
        "now": wire(stamp(clock.now())),
        "offset_seconds": clock.offset_seconds,
        "frozen": clock.frozen_at is not None,
    }


def _moment(text: Any) -> datetime:
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00").replace("+0000", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limits(control: Control, order: Order) -> Any:
    """`{used}` API calls of today, `{DailyApiRequests: maximum, ...}`."""
    limits = control.door.org.limits
    for name, value in order.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadOrder(f"{name} must be a whole number from 0")
    for name, value in order.items():
        if name == "used":
            limits.set_used(value)
        else:
            limits.set_maximum(name, value)
    return {"used": limits.used, "maximum": limits.maximum}


def _users(control: Control, order: Order) -> Any:
    """Create or change a user, or a profile's rights; see `sim.people`."""
    return people.order(control.door, order)


def _rules(control: Control, order: Any) -> Any:
    """`[rule, ...]` or `{validation: [...], assignment: {Lead: owner id}}`: replaces what there was.

    See `sim.rules` for validation rules; an assignment rule gives new records their owner.
    """
    org = control.door.org
    if not isinstance(order, dict):
        return rules.store_rules(org, order)
    if "assignment" in order:
        owners = {org.schema[name].name: ids.to18(str(owner)) for name, owner in order["assignment"].items()}
        if None in owners.values():
            raise BadOrder("an assignment rule names the id of a user or queue")
        org.set_setting("assignment_rules", owners)
    if "validation" in order:
        rules.store_rules(org, order["validation"])
    return {"validation": org.setting(rules.SETTING, []), "assignment": org.setting("assignment_rules", {})}


def _jobs(control: Control, order: Order) -> Any:
    """`{speed}`: instant, stepped (one state each time it is asked) or slow."""
    speed = order.get("speed", order.get("mode"))
    if speed not in JOB_SPEEDS:
        raise BadOrder(f"speed must be one of {', '.join(JOB_SPEEDS)}")
    control.door.org.set_setting("job_speed", speed)
    return {"speed": speed}


def _settings(control: Control, order: Order) -> Any:
    """The switches of `auth.settings`, and those numbers of the data layer that ORG_NUMBERS names."""
    org = control.door.org
    numbers = {name: value for name, value in order.items() if name in ORG_NUMBERS}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise BadOrder(f"{name} must be a number from 0")
    settings = change_settings(org, {name: value for name, value in order.items() if name not in numbers})
    for name, value in numbers.items():
        org.set_setting(name, value)
    control.door.sessions.forget()
    return {**asdict(settings), **_numbers(org)}


def _numbers(org: Org) -> dict[str, Any]:
    return {name: org.setting(name) for name in ORG_NUMBERS if org.setting(name) is not None}


def _sessions(control: Control, order: Order) -> Any:
    """`{expire: "all" | username}`: end sessions now."""
    who = order["expire"]
    if who == "all":
        return {"ended": control.door.sessions.end_where(kind="api")}
    caller = caller_by_username(control.door.org, str(who))
    if caller is None:
        raise BadOrder(f"no user {who!r}")
    return {"ended": control.door.sessions.end_where(user_id=caller.id)}


def _fields(control: Control, order: Order) -> Any:
    """Create a custom field (`schema.custom.create_field`'s arguments), or `{delete: true}` one."""
    order = dict(order)
    object_name, name = order.pop("object"), order.pop("name")
    if order.pop("delete", False):
        custom.delete_field(control.door.org, object_name, name)
        return {"deleted": f"{object_name}.{name}"}
    for key in ("picklist", "visible_to"):
        if order.get(key) is not None:
            order[key] = tuple(order[key])
    made = custom.create_field(control.door.org, object_name, name, order.pop("type"), **order)
    return {"object": object_name, "name": made.name, "type": made.type, "label": made.label}


def _bump(control: Control, order: Order) -> Any:
    """`{object, ids}`: move SystemModstamp alone, as background jobs of the platform do."""
    return {"bumped": dml.bump(control.door.org, order["object"], order["ids"])}


def _late_commit(control: Control, order: Order) -> Any:
    """`{operation, object, id, values, seconds, username}`: a write that commits later, stamped now.

    `username` says who writes; without it the org itself does.
    """
    org = control.door.org
    user_id = None
    if order.get("username"):
        caller = caller_by_username(org, order["username"])
        if caller is None:
            raise BadOrder(f"no user {order['username']!r}")
        user_id = caller.id
    operation = order.get("operation", "update")
    if operation not in ("insert", "update", "delete", "undelete"):
        raise BadOrder("operation must be insert, update, delete or undelete")
    record_id = ids.to18(str(order["id"])) if operation != "insert" else None
    if operation != "insert" and record_id is None:
        raise BadOrder(f"{order['id']!r} is no record id")
    number = org.late.hold(
        user_id, operation, order["object"], record_id, order.get("values", {}), float(order["seconds"])
    )
    return {"number": number, "open": org.late.listing()}


def _requests(control: Control, order: Order) -> Any:
    """`?since=N&path=...&method=...`: what was received, oldest first."""
    return control.log.listing(int(order.get("since", 0)), order.get("path", ""), order.get("method", ""))


def _records(control: Control, order: Order) -> Any:
    """`?object=X[&id=...][&limit=N&offset=M]`: rows as they are stored, deleted ones too."""
    org = control.door.org
    obj = org.schema[order["object"]]
    where, values = "", []
    if order.get("id"):
        where, values = 'WHERE "Id" = ?', [ids.to18(order["id"])]
    limit, offset = int(order.get("limit", 2000)), int(order.get("offset", 0))
    with org.snapshot() as connection:
        total = connection.execute(f'SELECT count(*) FROM "{obj.name}" {where}', values).fetchone()[0]
        cursor = connection.execute(
            f'SELECT * FROM "{obj.name}" {where} ORDER BY "Id" LIMIT ? OFFSET ?', [*values, limit, offset]
        )
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {"object": obj.name, "total": total, "records": rows}


def _state(control: Control, order: Order) -> Any:
    """Everything that can be switched, as it stands."""
    org = control.door.org
    connection = org.reader()
    counts = {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        for name in ("Account", "Contact", "Lead", "User")
    }
    return {
        "organization": asdict(organization(org)),
        "now": wire(stamp(org.clock.now())),
        "clock": {"offset_seconds": org.clock.offset_seconds, "frozen": org.clock.frozen_at is not None},
        "settings": {**asdict(read_settings(org)), **_numbers(org)},
        "jobs": {"speed": org.setting("job_speed", "instant")},
        "limits": {"used": org.limits.used, "maximum": org.limits.maximum},
        "late_commits": org.late.listing(),
        "faults": control.faults.listing(),
        "rules": org.setting(rules.SETTING, []),
        "records": counts,
    }


WRITES: dict[str, Callable[[Control, Order], Any]] = {
    "reset": _reset,
    "seed": _seed,
    "faults": _faults,
    "clock": _clock,
    "limits": _limits,
    "users": _users,
    "rules": _rules,
    "jobs": _jobs,
    "late_commit": _late_commit,
    "settings": _settings,
    "sessions": _sessions,
    "fields": _fields,
    "bump": _bump,
}
READS: dict[str, Callable[[Control, Order], Any]] = {
    "requests": _requests,
    "records": _records,
    "state": _state,
    "faults": _faults_in_force,
    "rules": _rules_in_force,
}
