"""getUpdated, getDeleted and getServerTimestamp: the feeds of REST in SOAP's form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api import replication
from practice_org.clock import stamp
from practice_org.http import Context
from practice_org.soap.caller import SoapCall
from practice_org.soap.markup import element, elements, wrap
from practice_org.soap.sobject import moment


def updated(call: SoapCall) -> str:
    """getUpdated(sObjectType, startDate, endDate)."""
    told = _feed(call, replication.updated)
    return wrap("result", elements("ids", told["ids"]) + _moments(told, "latestDateCovered"))


def deleted(call: SoapCall) -> str:
    """getDeleted(sObjectType, startDate, endDate)."""
    told = _feed(call, replication.deleted)
    records = "".join(
        wrap("deletedRecords", element("deletedDate", moment(one["deletedDate"])) + element("id", one["id"]))
        for one in told["deletedRecords"]
    )
    return wrap("result", records + _moments(told, "earliestDateAvailable", "latestDateCovered"))


def _moments(told: dict[str, Any], *names: str) -> str:
    return "".join(element(name, moment(told[name])) for name in names)


def _feed(call: SoapCall, answer: Callable[[Context, Request], Response]) -> dict[str, Any]:
    obj = call.object_of(call.body.value("sObjectType"))
    ctx = Context(
        org=call.org,
        user=call.user,
        version=call.version,
        session=call.session.id,
        base_url=call.base_url,
        params={"object": obj.name},
        query={"start": call.body.value("startDate") or "", "end": call.body.value("endDate") or ""},
    )
    response = answer(ctx, Request({"type": "http", "headers": []}))
    told: dict[str, Any] = json.loads(bytes(response.body))
    return told


def server_timestamp(call: SoapCall) -> str:
    """getServerTimestamp()."""
    return wrap("result", element("timestamp", stamp(call.org.clock.now()) + ".000Z"))
