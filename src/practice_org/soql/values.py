"""Literals of a query as values of the store, checked against the type of the field that they meet."""

from __future__ import annotations

from datetime import UTC, datetime, time, tzinfo
from typing import Any

from practice_org import ids
from practice_org.clock import stamp
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field
from practice_org.soql import dates
from practice_org.soql.refusal import refuse, ungrammatical
from practice_org.soql.tree import Call, Literal, Path

_TYPE_NAMES = {
    "double": "double",
    "currency": "currency",
    "percent": "percent",
    "int": "int",
    "boolean": "boolean",
    "date": "date",
    "datetime": "dateTime",
    "time": "time",
}
_EXPECTED = {
    "boolean": "boolean",
    "int": "number",
    "double": "number",
    "currency": "number",
    "percent": "number",
    "date": "date",
    "datetime": "datetime",
    "time": "time",
}


class Values:
    """Checks and converts the literals of one query; refusals point at the field, as recorded ones do."""

    def __init__(self, text: str, now: datetime, zone: tzinfo) -> None:
        self._text = text
        self._now = now
        self._zone = zone

    def stored(self, f: Field, literal: Literal, left: Path | Call) -> Any:
        """The stored form of a literal; None for null and for the empty text.

        Raises ApiError INVALID_FIELD for the wrong type, INVALID_QUERY_FILTER_OPERATOR for what is no id.
        """
        if literal.kind == "null":
            return None
        if f.type in ("id", "reference"):
            return self._id(f, literal, left)
        if f.is_text:
            if literal.kind != "string":
                raise self.wrong_type(f, left)
            return literal.value or None
        if literal.kind != _EXPECTED.get(f.type):
            raise self.wrong_type(f, left)
        if f.type == "boolean":
            return int(literal.value == "true")
        if literal.kind == "number":
            return float(literal.value)
        if literal.kind == "date":
            return self._date(literal)
        if literal.kind == "time":
            return self._clock(literal)
        return self._moment(literal)

    def bounds(self, f: Field, literal: Literal, left: Path | Call) -> tuple[str, str]:
        """The stored form of a date literal's first moment and of the first one after it."""
        if f.type not in ("date", "datetime"):
            raise self.wrong_type(f, left)
        try:
            first, after = dates.span(literal.value, literal.count, self._now, self._zone)
            if f.type == "date":
                return first.isoformat(), after.isoformat()
            return stamp(dates.instant(first, self._zone)), stamp(dates.instant(after, self._zone))
        except (OverflowError, ValueError):
            raise self._invalid("date", literal) from None

    def _id(self, f: Field, literal: Literal, left: Path | Call) -> str | None:
        if literal.kind != "string":
            raise self.wrong_type(f, left)
        if not literal.value:
            return None
        found = ids.to18(literal.value)
        if found is None:
            raise refuse(
                "INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {literal.value}", self._text, left.at
            )
        return found

    def _date(self, literal: Literal) -> str:
        try:
            return datetime.strptime(literal.value, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            raise self._invalid("date", literal) from None

    def _clock(self, literal: Literal) -> str:
        try:
            moment = time.fromisoformat(literal.value.upper().rstrip("Z"))
        except ValueError:
            raise self._invalid("time", literal) from None
        return moment.isoformat("milliseconds") + "Z"

    def _moment(self, literal: Literal) -> str:
        text = literal.value.upper().replace("Z", "+00:00")
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC)
            seconds = stamp(moment)
        except (ValueError, OverflowError):
            raise self._invalid("datetime", literal) from None
        return seconds + f".{moment.microsecond // 1000:03d}" if moment.microsecond else seconds

    def _invalid(self, kind: str, literal: Literal) -> ApiError:
        return ungrammatical(self._text, literal.at, f"Invalid {kind}: {literal.value}")

    def wrong_type(self, f: Field, left: Path | Call) -> ApiError:
        """A literal of another type than the field's."""
        kind = _TYPE_NAMES.get(f.type, "string")
        quotes = "should be enclosed in quotes" if kind == "string" else "should not be enclosed in quotes"
        return refuse(
            "INVALID_FIELD",
            f"value of filter criterion for field '{f.name}' must be of type {kind} and {quotes}",
            self._text,
            left.at,
        )
