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
from practice_org.sim import people
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
from practice_org.sim.plane import Carry, Control, Order

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


def routes(control: Control) -> list[Route]:
    """The routes of the control plane; faults learn what their `then` may order."""
    control.faults.orders = {
        name: _bound(carry, control) for name, carry in WRITES.items() if name != "faults"
    }
    tables: tuple[tuple[str, Mapping[str, Carry]], ...] = (
        ("POST", WRITES), ("GET", READS), ("DELETE", DELETES),
    )  # fmt: skip
    made = [
        Route(f"/__sim__/{name}", _endpoint(control, carry), methods=[verb])
        for verb, table in tables
        for name, carry in table.items()
    ]
    made.append(Route("/__sim__/", _endpoint(control, lambda *_: _index()), methods=["GET"]))
    return made


def _bound(carry: Carry, control: Control) -> Callable[[Any], Any]:
    return lambda order: carry(control, order)


def _index() -> dict[str, str]:
    """What there is, in a line each."""
    return {
        f"{verb} /__sim__/{name}": (carry.__doc__ or "").strip().partition("\n")[0]
        for verb, table in (("POST", WRITES), ("GET", READS))
        for name, carry in table.items()
    }


def _endpoint(control: Control, carry: Carry) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        given = bearer(request.headers.get("authorization", ""))
        token = control.org.setting("control_token", "")
        if not token or not hmac.compare_digest(given.encode(), token.encode()):
            return JSONResponse(
                {"error": "the control plane needs its own token: Authorization: Bearer ..."}, 401
            )
        body = await request.body()
        return await run_in_threadpool(_answer, control, carry, request, body)

    return endpoint


def _answer(control: Control, carry: Carry, request: Request, body: bytes) -> Response:
    try:
        order = json.loads(body) if body.strip() else dict(request.query_params)
        return JSONResponse(carry(control, order))
    except ApiError as error:
        return JSONResponse({"error": error.message, "errorCode": error.code}, 400)
    except KeyError as error:
        return JSONResponse({"error": f"missing or unknown: {error.args[0]}"}, 400)
    except (ValueError, TypeError) as error:
        return JSONResponse({"error": str(error)}, 400)
