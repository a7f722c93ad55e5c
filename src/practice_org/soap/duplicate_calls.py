"""findDuplicates and findDuplicatesByIds: what the active duplicate rules find, without saving anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice_org.data import checks
from practice_org.data.checks import Writer
from practice_org.data.lifecycle.actor import any_id
from practice_org.errors import ApiError
from practice_org.rules import duplicates
from practice_org.rules.moments import moment
from practice_org.schema.catalogue import ObjectType
from practice_org.soap.caller import SoapCall
from practice_org.soap.faults import SoapFault
from practice_org.soap.markup import element, wrap
from practice_org.soap.results import duplicate_result, error

MOST_RECORDS = 50


def find_duplicates(call: SoapCall) -> str:
    """findDuplicates(sObjects): records that need not be stored; up to 50."""
    call.bounded(call.body.all("sObjects"), MOST_RECORDS)
    out = []
    for given in call.given("sObjects"):
        try:
            row = checks.stored_values(_writer(call), given.obj, given.values, creating=True)
            out.append(_found(call, given.obj, row))
        except ApiError as refusal:
            out.append(wrap("result", error(call, refusal) + element("success", False)))
    return "".join(out)


def find_duplicates_by_ids(call: SoapCall) -> str:
    """findDuplicatesByIds(ids)."""
    out = []
    for one in call.bounded(call.body.all("ids"), MOST_RECORDS):
        try:
            record_id = any_id(one.text.strip())
            obj = call.org.schema.by_prefix(record_id)
            if obj is None:
                raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
            row = checks.current_row(call.org.reader(), obj, record_id)
            out.append(_found(call, obj, row))
        except ApiError as refusal:
            out.append(wrap("result", error(call, refusal) + element("success", False)))
    return "".join(out)


def _writer(call: SoapCall) -> Writer:
    return Writer(call.org, call.org.reader(), call.access, False)


def _found(call: SoapCall, obj: ObjectType, row: Mapping[str, Any]) -> str:
    rules = call.org.rulebook.of(obj).duplicates
    if not rules:
        raise SoapFault("NO_ACTIVE_DUPLICATE_RULE", f"No active duplicate rules are defined for {obj.name}")
    whole = {**dict.fromkeys(f.name for f in obj.stored_fields), **row}
    if obj.is_person and not whole.get("Name"):
        whole["Name"] = " ".join(str(whole[n]) for n in ("FirstName", "LastName") if whole.get(n)) or None
    now = moment(call.org, call.org.reader(), call.user.id, whole, None)
    options = call.options().duplicates
    told = duplicates.results(rules, _writer(call), obj, now, options)
    results = "".join(wrap("duplicateResults", duplicate_result(call, one)) for one in told)
    return wrap("result", results + element("success", True))
