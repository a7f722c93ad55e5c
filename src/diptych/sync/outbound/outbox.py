"""The outbox: what a pair owes Salesforce, computed from ours and base; and what of it cannot be sent as it is.

Nothing is queued: a value is owed while it differs from base. What would be refused for certain is not sent but parked, per
column, with the reason; the rest of the record goes (R-11).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.domain.mapping import Direction, FieldMapping, UsableMapping
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.values import InvalidValue, Kind, Value, canonical, to_text
from diptych.sync.ports import DeadLetter

OPERATION = "Push updates"


@dataclass(frozen=True)
class Owed:
    """`values`: to send, by column. `letters`: what cannot be sent as it is, one per column."""

    values: Mapping[str, Value] = field(default_factory=dict)
    letters: tuple[DeadLetter, ...] = ()


def owed_by(
    dirty: Mapping[str, Value],
    parked: Mapping[str, Value],
    usable: UsableMapping,
    theirs: Mapping[str, Value],
) -> Owed:
    """What a pair owes. `dirty`: our values that differ from base; `parked`: values held back by a dead letter (a value that
    has changed since is not); `theirs`: what Salesforce has, for the dead letters. Pure."""
    values: dict[str, Value] = {}
    letters: list[DeadLetter] = []
    for column, value in dirty.items():
        if column in parked and parked[column] == value:
            continue
        mapped = usable.mapping.by_column.get(column)
        problem: Problem | None
        if column in usable.held:
            problem = _held(usable.held[column])
        elif mapped is None or mapped.direction is Direction.INBOUND or _wipes_out(mapped, value, theirs):
            continue
        elif column in usable.read_only:
            problem = _read_only(mapped)
        else:
            problem = refusal(mapped, value)
        if problem is None:
            values[column] = value
        else:
            known = {column: theirs[column]} if column in theirs else {}
            letters.append(DeadLetter(OPERATION, problem, column, {column: value}, known))
    return Owed(values, tuple(letters))


def would_take(usable: UsableMapping, column: str, value: Value) -> bool:
    """Whether this value of ours would be sent, as the fields are described now. Pure."""
    return column in owed_by({column: value}, {}, usable, {}).values


def _wipes_out(mapped: FieldMapping, value: Value, theirs: Mapping[str, Value]) -> bool:
    """A blank that may not overwrite, over a value that is there or could not be read."""
    unseen = mapped.column not in theirs
    return value is None and mapped.blanks.keeps_theirs and (unseen or theirs[mapped.column] is not None)


def refusal(mapped: FieldMapping, value: Value) -> Problem | None:
    """Why Salesforce would certainly refuse this value for this field; None when it may take it."""
    if value is None:
        if mapped.nillable:
            return None
        return _problem(
            mapped,
            "REQUIRED_FIELD_MISSING",
            f"{mapped.field} cannot be blank in Salesforce.",
            ErrorClass.REQUIRED,
            "The field is required (a checkbox is never blank).",
            "Fill it in.",
        )
    try:
        canonical(mapped.kind, value, mapped.scale)
    except InvalidValue as problem:
        return _problem(
            mapped,
            "INVALID_VALUE",
            f"{problem}.",
            ErrorClass.VALIDATION,
            f"{mapped.field} takes {mapped.kind.value} values only.",
            "Correct the value here.",
        )
    if isinstance(value, str):
        return _refused_text(mapped, value)
    return None


def _refused_text(mapped: FieldMapping, value: str) -> Problem | None:
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        return _problem(
            mapped,
            "INVALID_CHARACTERS",
            f"The value for {mapped.field} holds a character that cannot be sent.",
            ErrorClass.VALIDATION,
            "NUL and half of a surrogate pair are not text.",
            "Remove the character.",
        )
    if mapped.kind is Kind.TEXT and mapped.length and len(value) > mapped.length:
        return _problem(
            mapped,
            "STRING_TOO_LONG",
            f"The value for {mapped.field} has {len(value)} characters; Salesforce takes {mapped.length}.",
            ErrorClass.LENGTH,
            "The field takes fewer characters than the value has; nothing is cut off silently.",
            "Shorten it here, or lengthen the field in Salesforce and run Sync Fields.",
        )
    if mapped.restricted:
        given = value.split(";") if mapped.kind is Kind.MULTI else [value]
        strange = [one for one in given if one not in mapped.restricted]
        if strange:
            return _problem(
                mapped,
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{mapped.field} does not offer {', '.join(repr(to_text(one)) for one in strange)}.",
                ErrorClass.PICKLIST,
                "It is a restricted picklist.",
                "Choose one of its values, or add this one in Salesforce and run Sync Fields.",
            )
    return None


def _held(why: str) -> Problem:
    return Problem(
        "FIELD_NOT_USABLE",
        f"This value cannot be sent: {why}.",
        ErrorClass.SCHEMA,
        "The mapped field has changed in Salesforce, or its visibility for the sync user.",
        "Make the field visible again, or map the column to another field; then retry.",
    )


def _read_only(mapped: FieldMapping) -> Problem:
    return _problem(
        mapped,
        "FIELD_READ_ONLY",
        f"The sync user may not edit {mapped.field}.",
        ErrorClass.PERMISSION,
        "Field-level security, or the kind of field, forbids it.",
        "Grant edit access in the sync user's permission set, or map the field inbound; then retry.",
    )


def _problem(
    mapped: FieldMapping, code: str, message: str, error_class: ErrorClass, cause: str, remedy: str
) -> Problem:
    return Problem(code, message, error_class, cause, remedy, (mapped.field,))
