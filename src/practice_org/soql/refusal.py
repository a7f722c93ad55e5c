"""Refusals of a query, with the excerpt and caret that Salesforce prints.

A refusal by meaning (an unknown field) counts columns from one and puts the caret below the thing. A
refusal by grammar gives the offset of the token as its column, so that the caret stands one to the left,
and one at the very start of the query has no excerpt at all. Both are seen in recorded and quoted
errors: `SELECT Bacon__c FROM` at column 8, `SELECT Id, FROM` at column 11, `SELEKT Name` without.
"""

from __future__ import annotations

from practice_org.errors import ApiError

_REACH = 30
"""Characters of the excerpt on either side of the caret, before it grows to whole words.

Inferred from eleven recorded or quoted excerpts of long queries; all fit.
"""


def excerpt(text: str, at: int) -> str:
    """The lines that precede a message: the query (or a window of it), a caret, row and column."""
    return _excerpt(text, at, at - _line_start(text, at) + 1)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _excerpt(text: str, caret: int, shown_column: int) -> str:
    row = text.count("\n", 0, caret) + 1
    start = _line_start(text, caret)
    end = text.find("\n", caret)
    line = text[start : len(text) if end < 0 else end]
    column = caret - start
    first, last = _window(line, column)
    return f"\n{line[first:last]}\n{' ' * (column - first)}^\nERROR at Row:{row}:Column:{shown_column}\n"


def _window(line: str, column: int) -> tuple[int, int]:
    first = max(0, column - _REACH)
    while first > 0 and not _parts(line, first) and not _parts(line, first - 1):
        first -= 1
    while first < column and _parts(line, first):
        first += 1
    last = min(len(line), column + _REACH)
    while last < len(line) and not _parts(line, last):
        last += 1
    return first, last


def _parts(line: str, at: int) -> bool:
    return line[at].isspace() or line[at] == ","


def refuse(code: str, message: str, text: str, at: int) -> ApiError:
    """A refusal by meaning that points into the query."""
    return ApiError(400, code, excerpt(text, at) + message)


def malformed(text: str, at: int, message: str) -> ApiError:
    """MALFORMED_QUERY by meaning."""
    return refuse("MALFORMED_QUERY", message, text, at)


def ungrammatical(text: str, at: int, message: str) -> ApiError:
    """MALFORMED_QUERY by grammar; `at` is the offset of the token that does not fit."""
    at = min(at, len(text))
    column = at - _line_start(text, at)
    if column == 0:
        return ApiError(400, "MALFORMED_QUERY", message)
    return ApiError(400, "MALFORMED_QUERY", _excerpt(text, at - 1, column) + message)


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


def not_for_field(text: str, at: int, name: str, verb: str) -> ApiError:
    """A field that cannot be filtered, sorted or grouped: `verb` says which."""
    return refuse("INVALID_FIELD", f"field '{name}' can not be {verb} in a query call", text, at)


def too_complicated() -> ApiError:
    """A query beyond what the engine takes."""
    return ApiError(
        400,
        "QUERY_TOO_COMPLICATED",
        "Query is either selecting too many fields or the filter conditions are too complicated.",
    )
