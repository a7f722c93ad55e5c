"""The cause of an error: what errors have in common, so that thousands of rows are one thing to look at (S-66).

Errors have the same cause when the same operation on the same object fails with the same code about the same field; where
Salesforce tells its rules apart by their text alone (validation rules, triggers, duplicate rules), the text too, without the
values in it.
"""

from __future__ import annotations

import hashlib
import re

from diptych.domain.outcome import ErrorClass, Problem

OPEN, IGNORED, QUARANTINED = "open", "ignored", "quarantined"
HELD = (OPEN, IGNORED, QUARANTINED)
"""The states in which a value is held back. Open: on the list, tried again when the cause goes. Quarantined: set aside by a
person, tried again when the cause goes. Ignored: left alone until it is edited or a person tries it again."""

LOCAL_ONLY = frozenset({"FIELD_NOT_USABLE", "FIELD_READ_ONLY", "INVALID_VALUE", "INVALID_CHARACTERS"})
"""Codes of ours: decided before anything is sent, from the mapping and the described fields."""
FOR_A_PERSON = frozenset({"CONFLICT_ASK", "REWRITTEN_BY_ORG", "UNREADABLE_VALUE"})
"""Codes that only a person can settle, or only the other side."""
ENDED = frozenset({"ENTITY_IS_DELETED", "ENTITY_MERGED", "CONVERTED_LEAD"})
"""Codes of records that will never take a value again."""

_TOLD_BY_TEXT = frozenset(
    {
        ErrorClass.VALIDATION,
        ErrorClass.AUTOMATION,
        ErrorClass.DUPLICATE,
        ErrorClass.OTHER,
        ErrorClass.PERMISSION,
    }
)
_OF_THE_SCHEMA = frozenset(
    {ErrorClass.PERMISSION, ErrorClass.PICKLIST, ErrorClass.LENGTH, ErrorClass.SCHEMA, ErrorClass.REQUIRED}
)
_ID = re.compile(r"\b(?:[a-zA-Z0-9]{18}|[a-zA-Z0-9]{15})\b")
_VALUE = re.compile(r"'[^']*'|\"[^\"]*\"|\S+@\S+|\d[\d.,:/-]*")


def cause_key(object_name: str, operation: str, column: str | None, problem: Problem) -> str:
    """A short name for the cause, the same for all errors that have it, on any day and in any process."""
    about = ",".join(sorted(problem.fields)) if column is None else column
    text = ""
    if problem.error_class in _TOLD_BY_TEXT and problem.code not in LOCAL_ONLY | FOR_A_PERSON:
        text = said_of(problem.message)
    parts = (object_name, operation, about, problem.code, text)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def said_of(message: str) -> str:
    """The message without what differs from row to row: ids, values in quotes, addresses, numbers."""
    plain = _ID.sub(lambda m: "#" if any(c.isdigit() for c in m.group()) else m.group(), message)
    return " ".join(_VALUE.sub("#", plain).split())[:300]


def of_the_schema(error_class: ErrorClass) -> bool:
    """Whether such an error can go when the org's fields change, so that they are to be looked at before it is tried again."""
    return error_class in _OF_THE_SCHEMA


def tried_by_itself(code: str) -> bool:
    """Whether errors with this code are worth trying again without a person."""
    return code not in FOR_A_PERSON | ENDED
