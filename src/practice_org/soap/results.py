"""Results of records: errors, id, success, in the order of the service description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice_org.data.dml import Outcome
from practice_org.errors import ApiError
from practice_org.soap.caller import SoapCall
from practice_org.soap.markup import element, elements, wrap
from practice_org.soap.sobject import record


def error(call: SoapCall, refusal: ApiError | None) -> str:
    """The `errors` elements of a refusal; nothing without one."""
    return "".join(_error(call, one) for one in refusal.all) if refusal is not None else ""


def _error(call: SoapCall, refusal: ApiError) -> str:
    code, message = refusal.code, refusal.message
    if code == "NOT_FOUND":
        code, message = "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
    fields = elements("fields", refusal.fields or ())
    told = f"{fields}{element('message', message)}{element('statusCode', code)}"
    found = (refusal.extra or {}).get("duplicateResut")
    if found is None:
        return wrap("errors", told)
    result = wrap("duplicateResult", duplicate_result(call, found))
    return f'<errors xsi:type="DuplicateError">{told}{result}</errors>'


def duplicate_result(call: SoapCall, told: Mapping[str, Any]) -> str:
    """The elements of a DuplicateResult."""
    head = ("allowSave", "duplicateRule", "duplicateRuleEntityType", "errorMessage")
    matches = (wrap("matchResults", _match(call, one)) for one in told["matchResults"])
    return "".join(element(name, told[name]) for name in head) + "".join(matches)


def _match(call: SoapCall, told: Mapping[str, Any]) -> str:
    records = "".join(wrap("matchRecords", _match_record(call, one)) for one in told["matchRecords"])
    head = element("entityType", told["entityType"]) + element("matchEngine", told["matchEngine"])
    return head + records + "".join(element(name, told[name]) for name in ("rule", "size", "success"))


def _match_record(call: SoapCall, told: Mapping[str, Any]) -> str:
    differences = "".join(
        wrap("fieldDiffs", element("difference", one["difference"]) + element("name", one["name"]))
        for one in told["fieldDiffs"]
    )
    shown = record(call.org.schema, call.api, "record", told["record"])
    return differences + element("matchConfidence", told["matchConfidence"]) + shown


def result(call: SoapCall, outcome: Outcome, *, upsert: bool = False) -> str:
    """One `result` of a write."""
    created = element("created", outcome.created) if upsert else ""
    told = outcome.id if outcome.error is None else None
    return wrap(
        "result",
        f"{created}{error(call, outcome.error)}{element('id', told)}{element('success', outcome.error is None)}",
    )
