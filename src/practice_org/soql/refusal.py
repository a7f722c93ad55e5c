"""Refusals of a query, with the excerpt and caret that Salesforce prints."""

from __future__ import annotations

import re

from practice_org.errors import ApiError

_BEFORE = 32
_AFTER = 32


def excerpt(text: str, at: int) -> str:
    """The lines that precede a message: the query (or a window of it), a caret, row and column.

    A long line is cut to a window around the error at word boundaries; its exact width is inferred
    from two recorded errors (spec 5.3).
    """
    row = text.count("\n", 0, at) + 1
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    line = text[line_start : len(text) if line_end < 0 else line_end]
    column = at - line_start
    starts = [m.start() for m in re.finditer(r"[\w.'%:+-]+|\S", line)]
    first = next((s for s in starts if column - s <= _BEFORE), column)
    ends = [m.end() for m in re.finditer(r"[\w.'%:+-]+|\S", line) if m.end() - column <= _AFTER]
    last = max([e for e in ends if e > column], default=len(line))
    if len(line) - column <= _AFTER:
        last = len(line)
    window = line[first:last]
    return f"\n{window}\n{' ' * (column - first)}^\nERROR at Row:{row}:Column:{column + 1}\n"


def refuse(code: str, message: str, text: str, at: int) -> ApiError:
    """A refusal that points into the query."""
    return ApiError(400, code, excerpt(text, at) + message)


def malformed(text: str, at: int, message: str) -> ApiError:
    """MALFORMED_QUERY at a place."""
    return refuse("MALFORMED_QUERY", message, text, at)


def no_such_column(text: str, at: int, name: str, entity: str) -> ApiError:
    """A field that the entity lacks, or that the user may not see."""
    return refuse(
        "INVALID_FIELD",
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use a custom field, be sure "
        "to append the '__c' after the custom field name. Please reference your WSDL or the describe call for "
        "the appropriate names.",
        text,
        at,
    )


def no_such_relationship(text: str, at: int, name: str) -> ApiError:
    """A parent relationship that there is not."""
    return refuse(
        "INVALID_FIELD",
        f"Didn't understand relationship '{name}' in field path. If you are attempting to use a custom "
        "relationship, be sure to append the '__r' after the custom relationship name. Please reference your "
        "WSDL or the describe call for the appropriate names.",
        text,
        at,
    )


def no_such_child(text: str, at: int, name: str) -> ApiError:
    """A child relationship that there is not."""
    return refuse(
        "INVALID_TYPE",
        f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a "
        "custom relationship, be sure to append the '__r' after the custom relationship name. Please reference "
        "your WSDL or the describe call for the appropriate names.",
        text,
        at,
    )


def no_such_object(text: str, at: int, name: str) -> ApiError:
    """An object that there is not, or that the user may not read."""
    return refuse(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to "
        "append the '__c' after the entity name. Please reference your WSDL or the describe call for the "
        "appropriate names.",
        text,
        at,
    )
