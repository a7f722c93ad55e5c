"""Forms of records: which inputs a visitor gets, and what they filled in as values for the data layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType

KINDS = {
    "boolean": "checkbox",
    "picklist": "select",
    "multipicklist": "text",
    "date": "date",
    "email": "email",
    "phone": "tel",
    "url": "text",
    "textarea": "textarea",
}
LEFT_OUT = ("Latitude", "Longitude", "GeocodeAccuracy", "Jigsaw", "CleanStatus", "EmailBounced", "IsUnread")


@dataclass(frozen=True)
class Input:
    """One input. `text` is what stands in it; `options` are a select's values with labels."""

    field: Field
    kind: str
    text: str
    options: tuple[tuple[str, str], ...]
    required: bool

    @property
    def name(self) -> str:
        """The API name."""
        return self.field.name


def inputs(
    org: Org, rights: Access, obj: ObjectType, row: dict[str, Any] | None, form: Mapping[str, str]
) -> list[Input]:
    """Inputs for the fields that may be written; a form that was sent keeps what was typed."""
    sent = "form_token" in form
    made = []
    for f in obj.stored_fields:
        writable = f.has("updateable") if row else f.has("createable")
        if not writable or not rights.writes(obj, f) or any(part in f.name for part in LEFT_OUT):
            continue
        if f.type == "reference" and f.name != "AccountId" and (row is None or f.name != "OwnerId"):
            continue
        kind = KINDS.get(f.type, "text")
        stored = input_text(f, row.get(f.name) if row else f.default_value)
        if kind == "select" and not stored and row is None:
            stored = next((entry.value for entry in f.picklist if entry.default), "")
        text = form.get(f.name, "") if sent else stored
        made.append(Input(f, kind, text, _options(f, text), f.required and f.type != "boolean"))
    return made


def _options(f: Field, text: str) -> tuple[tuple[str, str], ...]:
    if f.type != "picklist":
        return ()
    known = [(entry.value, entry.label) for entry in f.picklist if entry.active]
    if text and text not in (value for value, _ in known):
        known.insert(0, (text, text))
    return (("", "-"), *known)


def input_text(f: Field, value: Any) -> str:
    """A stored value as it stands in an input."""
    if value is None:
        return ""
    if f.type == "boolean":
        return "on" if value else ""
    if f.type in ("double", "currency", "percent"):
        return f"{value:.{f.scale}f}" if isinstance(value, int | float) else str(value)
    if f.type == "datetime":
        return str(value).replace("T", " ")
    return str(value).replace("\r\n", "\n")


def values(inputs: list[Input], form: Mapping[str, str], row: dict[str, Any] | None) -> dict[str, Any]:
    """What was filled in, as the REST API would be given it; of an existing record only what changed.

    Raises ApiError for a number that is none.
    """
    given: dict[str, Any] = {}
    for one in inputs:
        text = form.get(one.name, "").replace("\r\n", "\n")
        before = input_text(one.field, row.get(one.name)) if row else ""
        if text == before and not (row is None and one.required):
            continue
        given[one.name] = _value(one.field, text)
    return given


def _value(f: Field, text: str) -> Any:
    if f.type == "boolean":
        return text == "on"
    if text == "":
        return None
    if f.type == "int" or f.type in ("double", "currency", "percent"):
        try:
            return int(text) if f.type == "int" else float(text.replace(",", ""))
        except ValueError as error:
            raise ApiError(
                400, "INVALID_FIELD", f"{f.label}: {text!r} is not a number.", (f.name,)
            ) from error
    if f.type == "datetime":
        moment = text.strip().replace(" ", "T")
        if len(moment) == 16:
            moment += ":00"
        return moment + ("" if moment.endswith("Z") else ".000Z" if "." not in moment else "")
    return text
