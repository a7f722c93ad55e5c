"""Results of records: errors, id, success, in the order of the service description."""

from __future__ import annotations

from practice_org.data.dml import Outcome
from practice_org.errors import ApiError
from practice_org.soap.markup import element, elements, wrap


def error(refusal: ApiError | None) -> str:
    """The `errors` elements of a refusal; nothing without one."""
    return "".join(_error(one) for one in refusal.all) if refusal is not None else ""


def _error(refusal: ApiError) -> str:
    code, message = refusal.code, refusal.message
    if code == "NOT_FOUND":
        code, message = "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
    fields = elements("fields", refusal.fields or ())
    return wrap("errors", f"{fields}{element('message', message)}{element('statusCode', code)}")


def result(outcome: Outcome, *, upsert: bool = False, id_always: str | None = None) -> str:
    """One `result` of a write; `id_always` is told of a refused one, too."""
    created = element("created", outcome.created) if upsert else ""
    told = outcome.id if outcome.error is None else id_always
    return wrap(
        "result",
        f"{created}{error(outcome.error)}{element('id', told)}{element('success', outcome.error is None)}",
    )
