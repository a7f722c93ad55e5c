"""From what a client sends to what is stored, with the refusals that Salesforce gives.

Two readers: JSON bodies are typed and a wrong JSON type is a parser error; CSV rows, forms and callers
inside the org give text, which is converted.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from practice_org import ids
from practice_org.clock import stamp
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*/=?^_+`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,}\Z"
)
_DATETIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d+))?\s*([Zz]|[+-]\d{2}:?\d{2})?\Z"
)

_TIME = re.compile(r"(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?Z?\Z")


class Mistyped(ApiError):
    """A JSON value of a type that its field cannot take.

    The API adds where in the body it stands, after `message` and `joint`.
    """

    def __init__(self, field_name: str, value: Any, message: str, joint: str = " at ") -> None:
        super().__init__(400, "JSON_PARSER_ERROR", message)
        self.field_name = field_name
        self.value = value
        self.joint = joint


def to_stored(f: Field, value: Any, *, typed: bool = True) -> Any:
    """The stored form of a value; empty text is null, as on the platform.

    Raises ApiError of the value's fault: JSON_PARSER_ERROR, STRING_TOO_LONG, INVALID_EMAIL_ADDRESS,
    INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST, NUMBER_OUTSIDE_VALID_RANGE, MALFORMED_ID,
    INVALID_TYPE_ON_FIELD_IN_RECORD.
    """
    if value is None or value == "":
        return None
    if f.type in ("id", "reference"):
        return _id(f, value)
    if f.type == "boolean":
        return _boolean(f, value, typed)
    if f.type in ("double", "currency", "percent", "int"):
        return _number(f, value, typed)
    if f.type == "base64":
        return _bytes(f, value)
    if f.type == "date":
        return _date(f, value, typed)
    if f.type == "datetime":
        return _datetime(f, value, typed)
    if f.type == "time":
        return _time(f, value, typed)
    return _text(f, value, typed)


def _cannot(f: Field, value: Any) -> Mistyped:
    """The parser's words, as quoted by users; only those for an array lack their second half."""
    token, text = {
        bool: ("VALUE_TRUE" if value is True else "VALUE_FALSE", str(value).lower()),
        int: ("VALUE_NUMBER_INT", str(value)),
        float: ("VALUE_NUMBER_FLOAT", str(value)),
        dict: ("START_OBJECT", "{"),
        list: ("START_ARRAY", ""),
    }.get(type(value), ("VALUE_STRING", str(value)))
    message = f"Cannot deserialize instance of {f.type} from {token} value"
    if not text:
        return Mistyped(f.name, value, message, " ")
    return Mistyped(f.name, value, f"{message} {text} or request may be missing a required field")


def _text(f: Field, value: Any, typed: bool) -> str | None:
    if not isinstance(value, str):
        if typed or isinstance(value, dict | list):
            raise _cannot(f, value)
        value = str(value).lower() if isinstance(value, bool) else str(value)
    value = value.replace("\r\n", "\n").replace("\r", "\n") if f.type == "textarea" else value
    value = value.replace("\x00", "").strip()
    if not value:
        return None
    if f.type == "multipicklist":
        entries = list(dict.fromkeys(part.strip() for part in value.split(";") if part.strip()))
        for entry in entries:
            _picklist(f, entry)
        value = ";".join(_spelled(f, entry) for entry in entries)
    elif f.type == "picklist":
        _picklist(f, value)
        value = _spelled(f, value)
    if f.length and len(value) > f.length:
        raise ApiError(
            400,
            "STRING_TOO_LONG",
            f"{f.label}: data value too large: {value} (max length={f.length})",
            (f.name,),
        )
    if f.type == "email" and not _EMAIL.match(value):
        raise ApiError(400, "INVALID_EMAIL_ADDRESS", f"{f.label}: invalid email address: {value}", (f.name,))
    return value


def _picklist(f: Field, value: str) -> None:
    if not f.has("restrictedPicklist") or not f.picklist:
        return
    if not any(p.active and p.value.lower() == value.lower() for p in f.picklist):
        raise ApiError(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{f.label}: bad value for restricted picklist field: {value}",
            (f.name,),
        )


def _spelled(f: Field, value: str) -> str:
    """A known entry in the picklist's own spelling."""
    return next((p.value for p in f.picklist if p.value.lower() == value.lower()), value)


def check_types(obj: ObjectType, values: Mapping[str, Any]) -> None:
    """Raises Mistyped for the first JSON value that the parser would not take for its field.

    Dates and numbers of the right JSON type are looked at too: the parser reads them. Unknown fields pass.
    """
    for key, value in values.items():
        f = obj.get(key)
        if f is None or value is None or value == "" or (f.is_text and isinstance(value, str)):
            continue
        try:
            to_stored(f, value)
        except Mistyped:
            raise
        except ApiError:
            continue


def _bytes(f: Field, value: Any) -> str:
    """Base64 text, as it came but for white space."""
    text = "".join(value.split()) if isinstance(value, str) else ""
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        raise _cannot(f, value) from None
    if not text:
        raise _cannot(f, value)
    return text


def _id(f: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _cannot(f, value)
    found = ids.to18(value)
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"{f.label}: id value of incorrect type: {value}", (f.name,))
    return found


def _boolean(f: Field, value: Any, typed: bool) -> int:
    if isinstance(value, bool):
        return int(value)
    lowered = str(value).strip().lower()
    if isinstance(value, str) and lowered in ("true", "false"):
        return int(lowered == "true")
    if not typed and lowered in ("1", "0", "yes", "no", "y", "n", "t", "f", "on", "off"):
        return int(lowered in ("1", "yes", "y", "t", "on"))
    if typed:
        raise _cannot(f, value)
    raise _mistyped(f, value)


def _number(f: Field, value: Any, typed: bool) -> float | int:
    if isinstance(value, bool | dict | list):
        raise _cannot(f, value)
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    except (TypeError, ValueError):
        if typed:
            raise _cannot(f, value) from None
        raise _mistyped(f, value) from None
    whole = f.digits if f.type == "int" else f.precision - f.scale
    if not math.isfinite(number) or (whole and abs(number) >= 10**whole):
        raise ApiError(
            400,
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{f.label}: value outside of valid range on numeric field: {value}",
            (f.name,),
        )
    if f.type == "int":
        if typed and isinstance(value, float) and not value.is_integer():
            raise _cannot(f, value)
        return int(number)
    return round(number, f.scale)


def _date(f: Field, value: Any, typed: bool) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).strip()
    try:
        if len(text) > 10 and _DATETIME.match(text):
            return _moment(text).date().isoformat()
        if len(text) == 10:
            return date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError):
        pass
    if typed:
        raise _cannot(f, value)
    raise _mistyped(f, value)


def _datetime(f: Field, value: Any, typed: bool) -> str:
    if isinstance(value, datetime):
        return stamp(value if value.tzinfo else value.replace(tzinfo=UTC))
    text = str(value).strip()
    try:
        if len(text) == 10:
            return stamp(datetime.fromisoformat(text).replace(tzinfo=UTC))
        return stamp(_moment(text))
    except (ValueError, OverflowError):
        pass
    if typed:
        raise _cannot(f, value)
    raise _mistyped(f, value)


def _time(f: Field, value: Any, typed: bool) -> str:
    match = _TIME.match(str(value).strip())
    if match is not None:
        hour, minute, second, fraction = match.groups()
        if int(hour) < 24 and int(minute) < 60 and int(second or 0) < 60:
            return f"{hour}:{minute}:{second or '00'}.{(fraction or '')[:3].ljust(3, '0')}Z"
    if typed:
        raise _cannot(f, value)
    raise _mistyped(f, value)


def _moment(text: str) -> datetime:
    match = _DATETIME.match(text)
    if match is None:
        raise ValueError(text)
    day, clock, _, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}{(zone or 'Z').upper().replace('Z', '+00:00')}")
    return moment.astimezone(UTC)


def _mistyped(f: Field, value: Any) -> ApiError:
    return ApiError(
        400,
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        f"{f.label}: value not of required type: {value}",
        (f.name,),
    )
