"""Reading JSON bodies, with the parser errors that Salesforce gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from practice_org.data.values import Mistyped
from practice_org.errors import ApiError, json_parser_error
from practice_org.http import Context

_EXPECTED = {
    "Expecting property name enclosed in double quotes": "was expecting double-quote to start field name",
    "Expecting ':' delimiter": "was expecting a colon to separate field name and value",
    "Expecting ',' delimiter": "was expecting comma to separate OBJECT entries",
    "Illegal trailing comma before end of object": "was expecting double-quote to start field name",
    "Invalid control character at": "has to be escaped using backslash to be included in string value",
}
"""What the real service's parser (Jackson) says where ours finds something else."""
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(body: bytes) -> Any:
    """The value of a JSON body.

    Raises ApiError JSON_PARSER_ERROR when it is none.
    """
    if not body.strip():
        raise json_parser_error("Unexpected end-of-input: no content to map to Object due to end of input")
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        return _whole(value) if _HALF.search(body) else value
    except UnicodeDecodeError as error:
        raise json_parser_error(f"Invalid UTF-8 start byte 0x{body[error.start]:02x}") from None
    except json.JSONDecodeError as error:
        at = f"at [line:{error.lineno}, column:{error.colno + 1}]"
        if error.pos >= len(error.doc.rstrip()):
            raise json_parser_error(f"Unexpected end-of-input: expected close marker {at}") from None
        char = error.doc[error.pos]
        raise json_parser_error(
            f"Unexpected character ('{char}' (code {ord(char)})): {_EXPECTED.get(error.msg, 'expected a value')} {at}"
        ) from None
    except ValueError as error:
        raise json_parser_error(f"Numeric value out of range: {error}") from None
    except RecursionError:
        raise json_parser_error("The document is nested too deeply") from None


def _whole(value: Any) -> Any:
    """Halves of surrogate pairs, which no text can hold, become the replacement character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(entry) for entry in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(entry) for key, entry in value.items()}
    return value


def _no_constant(name: str) -> Any:
    raise json_parser_error(
        f"Non-standard token '{name}': enable JsonParser.Feature.ALLOW_NON_NUMERIC_NUMBERS to allow"
    )


def json_object(ctx: Context) -> dict[str, Any]:
    """The JSON object of a request.

    Raises ApiError JSON_PARSER_ERROR for anything else.
    """
    value = parsed(ctx.body)
    if not isinstance(value, dict):
        token = "START_ARRAY" if isinstance(value, list) else "VALUE_STRING"
        raise json_parser_error(
            f"Cannot deserialize instance of sobject from {token} or request may be missing a required field"
        )
    return value


def flag(value: Any) -> bool:
    """A JSON or query-string boolean."""
    return value is True or (isinstance(value, str) and value.lower() == "true")


@contextmanager
def located(ctx: Context) -> Iterator[None]:
    """Add line and column of the offending value to a refusal of its type, as the real parser does."""
    try:
        yield
    except Mistyped as error:
        raise placed(ctx, error) from None


def placed(ctx: Context, error: Mistyped) -> ApiError:
    """The same refusal with line and column of the value, if the body has it."""
    text = ctx.body.decode("utf-8", "replace")
    decoder = json.JSONDecoder()
    for found in re.finditer(rf'"{re.escape(error.field_name)}"\s*:\s*', text, re.IGNORECASE):
        try:
            value, _ = decoder.raw_decode(text, found.end())
        except ValueError:
            continue
        if type(value) is type(error.value) and value == error.value:
            line = text.count("\n", 0, found.end()) + 1
            column = found.end() - text.rfind("\n", 0, found.end())
            return json_parser_error(f"{error.message}{error.joint}[line:{line}, column:{column}]")
    return error
