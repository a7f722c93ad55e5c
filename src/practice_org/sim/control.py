"""The control plane, `/__sim__/`: fenced off from the org by a token of its own.

Everything here is for tests and demonstrations; no Salesforce has it. Bodies and answers are JSON; a
mistake in an order is answered 400 with `{"error": ...}` and changes nothing.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from practice_org.auth.identity import bearer
from practice_org.errors import ApiError
from practice_org.sim import gate, people
from practice_org.sim.orders import (
    apps,
    clock,
    components,
    events,
    lifecycle,
    limits,
    log,
    objects,
    records,
    rules,
    schema,
    settings,
    sharing,
    state,
    trouble,
)
from practice_org.sim.orders.settings import JOB_SPEEDS, ORG_NUMBERS
from practice_org.sim.plane import BadOrder, Carry, Control, Order

__all__ = ["JOB_SPEEDS", "ORG_NUMBERS", "READS", "WRITES", "Control", "routes"]


def _users(control: Control, order: Order) -> Any:
    """Create or change a user, or a profile's rights; see `sim.people`."""
    return people.order(control.door, order)


WRITES: dict[str, Carry] = {
    "reset": state.reset,
    "seed": records.seed,
    "faults": trouble.faults,
    "clock": clock.clock,
    "limits": limits.limits,
    "users": _users,
    "apps": apps.apps,
    "rules": rules.rules,
    "sharing": sharing.sharing,
    "jobs": settings.jobs,
    "late_commit": records.late_commit,
    "settings": settings.settings,
    "sessions": settings.sessions,
    "fields": schema.fields,
    "schema_change": schema.schema_change,
    "formula_drift": schema.formula_drift,
    "objects": objects.objects,
    "record_types": objects.types,
    "person_accounts": objects.persons,
    "metadata": components.metadata,
    "bump": records.bump,
    "events": events.events,
    "lifecycle": lifecycle.lifecycle,
}
READS: dict[str, Carry] = {
    "requests": log.requests,
    "records": records.records,
    "state": state.state,
    "faults": trouble.faults_in_force,
    "rules": rules.rules_in_force,
    "sharing": sharing.sharing_in_force,
    "events": events.events_state,
}
DELETES: dict[str, Carry] = {"faults": trouble.clear_faults, "requests": log.clear_requests}

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(control: Control) -> list[Route]:
    """The routes of the control plane; faults learn what their `then` may order."""
    control.faults.orders = {
        name: gate.bound(name, carry, control) for name, carry in WRITES.items() if name != "faults"
    }
    tables: tuple[tuple[str, Mapping[str, Carry]], ...] = (
        ("POST", WRITES), ("GET", READS), ("DELETE", DELETES),
    )  # fmt: skip
    made = [
        Route(f"/__sim__/{name}{end}", _endpoint(control, gate.bound(name, carry, control)), methods=[verb])
        for verb, table in tables
        for name, carry in table.items()
        for end in ("", "/")
    ]
    index = _endpoint(control, lambda order: _index())
    made += [Route(path, index, methods=["GET"]) for path in ("/__sim__", "/__sim__/")]
    made.append(Route("/__sim__/{rest:path}", _endpoint(control, _no_such_order), methods=list(VERBS)))
    return made


def _no_such_order(order: Any) -> Any:
    raise BadOrder("no such order: GET /__sim__/ lists what there is, with its verb")


def _index() -> dict[str, str]:
    """What there is, in a line each."""
    return {
        f"{verb} /__sim__/{name}": (carry.__doc__ or "").strip().partition("\n")[0]
        for verb, table in (("POST", WRITES), ("GET", READS), ("DELETE", DELETES))
        for name, carry in table.items()
    }


def _endpoint(control: Control, carried: Callable[[Any], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        given = bearer(request.headers.get("authorization", ""))
        token = control.org.setting("control_token", "")
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return JSONResponse(
                {"error": "the control plane needs its own token: Authorization: Bearer ..."}, 401
            )
        body = await request.body()
        return await run_in_threadpool(_answer, carried, request, body)

    return endpoint


def _answer(carried: Callable[[Any], Any], request: Request, body: bytes) -> Response:
    try:
        order = json.loads(body) if body.strip() else dict(request.query_params)
    except (ValueError, RecursionError) as error:
        return JSONResponse({"error": f"the body is no JSON: {error}"}, 400)
    try:
        return JSONResponse(carried(order))
    except ApiError as error:
        return JSONResponse({"error": error.message, "errorCode": error.code}, 400)
    except BadOrder as error:
        return JSONResponse({"error": str(error)}, 400)
