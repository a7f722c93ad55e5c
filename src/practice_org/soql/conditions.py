"""WHERE and HAVING to SQL.

SOQL knows no third truth value: a comparison with null is simply false, and `!=` holds for null. Each
test is written so that its negation holds where SOQL says it does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any

from practice_org import ids
from practice_org.clock import stamp
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field
from practice_org.soql import dates
from practice_org.soql.refusal import refuse
from practice_org.soql.resolve import Column
from practice_org.soql.tree import (
    And,
    Call,
    Compare,
    Condition,
    Includes,
    InList,
    Literal,
    Not,
    Or,
    Path,
    Query,
    SemiJoin,
)

Resolve = Callable[[Path | Call], Column]
SubSelect = Callable[[SemiJoin], tuple[str, list[Any]]]
Sql = tuple[str, list[Any]]

_TYPE_NAMES = {
    "double": "double",
    "currency": "currency",
    "percent": "percent",
    "int": "int",
    "boolean": "boolean",
    "date": "date",
    "datetime": "dateTime",
}


class Conditions:
    """Compiles the conditions of one query level."""

    def __init__(
        self, query: Query, resolve: Resolve, sub_select: SubSelect, now: datetime, zone: tzinfo
    ) -> None:
        self._query = query
        self._resolve = resolve
        self._sub_select = sub_select
        self._now = now
        self._zone = zone

    def compile(self, condition: Condition) -> Sql:
        """The SQL of a condition and its parameters.

        Raises ApiError for unknown fields, operators that do not fit, and values of the wrong type.
        """
        if isinstance(condition, And):
            return self._join(condition.parts, " AND ")
        if isinstance(condition, Or):
            return self._keyset(condition) or self._join(condition.parts, " OR ")
        if isinstance(condition, Not):
            sql, params = self.compile(condition.part)
            return f"NOT COALESCE(({sql}), 0)", params
        if isinstance(condition, Compare):
            return self._compare(condition)
        if isinstance(condition, InList):
            return self._in_list(condition)
        if isinstance(condition, SemiJoin):
            return self._semi_join(condition)
        return self._includes(condition)

    def _join(self, parts: tuple[Condition, ...], joiner: str) -> Sql:
        texts, params = [], []
        for part in parts:
            sql, more = self.compile(part)
            texts.append(f"({sql})")
            params += more
        return _balanced(texts, joiner), params

    def _keyset(self, condition: Or) -> Sql | None:
        """`a > x OR (a = x AND b > y)` as `(a, b) > (x, y)`, for which SQLite can use one index."""
        if len(condition.parts) != 2:
            return None
        for first, second in (condition.parts, condition.parts[::-1]):
            if not (isinstance(first, Compare) and isinstance(second, And) and len(second.parts) == 2):
                continue
            for tie, rest in (second.parts, second.parts[::-1]):
                if not (isinstance(tie, Compare) and isinstance(rest, Compare)):
                    continue
                same = tie.op == "=" and tie.right.value == first.right.value
                ways = first.op == rest.op and first.op in ("<", ">")
                if not (same and ways and _text(tie.left) == _text(first.left)):
                    continue
                if "range" in (tie.right.kind, rest.right.kind):
                    continue
                high, low = self._filterable(first.left), self._filterable(rest.left)
                values = [self._value(high.field, first.right), self._value(low.field, rest.right)]
                if None in values:
                    continue
                return f"({high.sql}, {low.sql}) {first.op} (?, ?)", values
        return None

    # -- tests --------------------------------------------------------------------------------------

    def _filterable(self, left: Path | Call) -> Column:
        column = self._resolve(left)
        if not column.field.has("filterable"):
            raise refuse(
                "INVALID_FIELD",
                f"field '{column.field.name}' can not be filtered in a query call",
                self._query.text,
                left.at,
            )
        return column

    def _compare(self, test: Compare) -> Sql:
        column = self._filterable(test.left)
        f = column.field
        if test.op == "LIKE":
            return self._like(test, column)
        ordered = f.type not in ("boolean", "multipicklist")
        if test.op not in ("=", "!=") and not ordered:
            raise self._operator(f, test.left)
        if test.right.kind == "range":
            return self._range(test, column)
        value = self._value(f, test.right)
        sql = column.sql
        if value is None:
            if test.op not in ("=", "!="):
                raise self._operator(f, test.left)
            if f.type == "boolean":
                return f"COALESCE({sql}, 0) {'IS' if test.op == '=' else 'IS NOT'} NULL", []
            return f"{sql} IS {'' if test.op == '=' else 'NOT '}NULL", []
        if f.type == "boolean":
            sql = f"COALESCE({sql}, 0)"
        if isinstance(value, str) and f.is_text and not value.isascii():
            return self._folded(sql, test.op, value)
        if test.op == "!=":
            return f"{sql} IS NOT ?", [value]
        return f"{sql} {test.op} ?", [value]

    def _folded(self, sql: str, op: str, value: str) -> Sql:
        shown = "IS NOT" if op == "!=" else op
        return f"sf_fold({sql}) {shown} ?", [value.casefold()]

    def _like(self, test: Compare, column: Column) -> Sql:
        f = column.field
        if not f.is_text or f.type == "multipicklist":
            raise self._operator(f, test.left)
        if test.right.kind == "null":
            return f"{column.sql} IS NULL", []
        if test.right.kind != "string":
            raise self._wrong_type(f, test.right)
        pattern = test.right.value
        if not pattern.isascii():
            return f"sf_fold({column.sql}) LIKE ? ESCAPE '\\'", [pattern.casefold()]
        return f"{column.sql} LIKE ? ESCAPE '\\'", [pattern]

    def _range(self, test: Compare, column: Column) -> Sql:
        f = column.field
        if f.type not in ("date", "datetime"):
            raise self._wrong_type(f, test.right)
        try:
            first, after = dates.span(test.right.value, test.right.count, self._now, self._zone)
        except (OverflowError, ValueError):
            raise self._bad_date(test.right) from None
        if f.type == "date":
            low, high = first.isoformat(), after.isoformat()
        else:
            low = stamp(dates.instant(first, self._zone))
            high = stamp(dates.instant(after, self._zone))
        sql = column.sql
        if test.op == "=":
            return f"{sql} >= ? AND {sql} < ?", [low, high]
        if test.op == "!=":
            return f"{sql} IS NULL OR {sql} < ? OR {sql} >= ?", [low, high]
        bound = {"<": ("<", low), ">=": (">=", low), ">": (">=", high), "<=": ("<", high)}[test.op]
        return f"{sql} {bound[0]} ?", [bound[1]]

    def _in_list(self, test: InList) -> Sql:
        column = self._filterable(test.left)
        f = column.field
        if f.type == "multipicklist":
            raise self._operator(f, test.left)
        if any(v.kind == "range" for v in test.values):
            raise self._wrong_type(f, test.values[0])
        values = [self._value(f, literal) for literal in test.values]
        sql = column.sql
        if f.is_text and any(isinstance(v, str) and not v.isascii() for v in values):
            sql = f"sf_fold({sql})"
            values = [v.casefold() if isinstance(v, str) else v for v in values]
        present = [v for v in values if v is not None]
        marks = ",".join("?" * len(present))
        has_null = len(present) < len(values)
        if test.negated:
            tests = [f"{sql} NOT IN ({marks})"] if present else []
            if has_null:
                return " AND ".join([*tests, f"{sql} IS NOT NULL"]), present
            return f"{sql} IS NULL OR {tests[0]}", present
        tests = [f"{sql} IN ({marks})"] if present else []
        if has_null:
            tests.append(f"{sql} IS NULL")
        return " OR ".join(tests), present

    def _semi_join(self, test: SemiJoin) -> Sql:
        column = self._filterable(test.left)
        if column.field.type not in ("id", "reference"):
            raise refuse(
                "MALFORMED_QUERY",
                f"The left operand field '{column.field.name}' in the where expression for semijoin is not an "
                "id or reference field",
                self._query.text,
                test.left.at,
            )
        sub, params = self._sub_select(test)
        if test.negated:
            return f"{column.sql} IS NULL OR {column.sql} NOT IN ({sub})", params
        return f"{column.sql} IN ({sub})", params

    def _includes(self, test: Includes) -> Sql:
        column = self._filterable(test.left)
        if column.field.type != "multipicklist":
            raise self._operator(column.field, test.left)
        alternatives, params = [], []
        for literal in test.values:
            if literal.kind == "null":
                alternatives.append(f"{column.sql} IS NULL")
                continue
            needed = []
            for entry in literal.value.split(";"):
                needed.append(f"instr(sf_fold(';' || {column.sql} || ';'), ?) > 0")
                params.append(f";{entry.casefold()};")
            alternatives.append("(" + " AND ".join(needed) + ")")
        sql = " OR ".join(alternatives)
        if test.negated:
            return f"NOT COALESCE(({sql}), 0)", params
        return sql, params

    # -- values -------------------------------------------------------------------------------------

    def _value(self, f: Field, literal: Literal) -> Any:
        if literal.kind == "null":
            return None
        if f.type in ("id", "reference"):
            return self._id(f, literal)
        if f.is_text:
            if literal.kind != "string":
                raise self._wrong_type(f, literal)
            return literal.value or None
        expected = {
            "boolean": ("boolean",),
            "int": ("number",),
            "double": ("number",),
            "currency": ("number",),
            "percent": ("number",),
            "date": ("date",),
            "datetime": ("datetime",),
        }.get(f.type, ())
        if literal.kind not in expected:
            raise self._wrong_type(f, literal)
        if f.type == "boolean":
            return int(literal.value == "true")
        if literal.kind == "number":
            return float(literal.value)
        if literal.kind == "date":
            return self._date(literal)
        return self._moment(literal)

    def _id(self, f: Field, literal: Literal) -> str | None:
        if literal.kind != "string":
            raise self._wrong_type(f, literal)
        if not literal.value:
            return None
        found = ids.to18(literal.value)
        if found is None:
            raise refuse(
                "INVALID_QUERY_FILTER_OPERATOR",
                f"invalid ID field: {literal.value}",
                self._query.text,
                literal.at,
            )
        return found

    def _date(self, literal: Literal) -> str:
        try:
            return datetime.strptime(literal.value, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
        except ValueError:
            raise self._bad_date(literal) from None

    def _moment(self, literal: Literal) -> str:
        text = literal.value.upper().replace("Z", "+00:00")
        try:
            moment = datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise self._bad_date(literal) from None
        seconds = stamp(moment)
        return seconds + f".{moment.microsecond // 1000:03d}" if moment.microsecond else seconds

    def _bad_date(self, literal: Literal) -> ApiError:
        return refuse(
            "INVALID_QUERY_FILTER_OPERATOR",
            f"invalid date/dateTime value: {literal.value}",
            self._query.text,
            literal.at,
        )

    def _wrong_type(self, f: Field, literal: Literal) -> ApiError:
        kind = _TYPE_NAMES.get(f.type, "string")
        quotes = "should be enclosed in quotes" if kind == "string" else "should not be enclosed in quotes"
        return refuse(
            "INVALID_FIELD",
            f"value of filter criterion for field '{f.name}' must be of type {kind} and {quotes}",
            self._query.text,
            literal.at,
        )

    def _operator(self, f: Field, left: Path | Call) -> ApiError:
        return refuse(
            "INVALID_QUERY_FILTER_OPERATOR",
            f"invalid operator on {f.type} field",
            self._query.text,
            left.at,
        )


def _balanced(texts: list[str], joiner: str) -> str:
    """The joined tests as a shallow tree: SQLite bounds the depth of an expression, not its length."""
    if len(texts) <= 8:
        return joiner.join(texts)
    middle = len(texts) // 2
    return f"({_balanced(texts[:middle], joiner)}){joiner}({_balanced(texts[middle:], joiner)})"


def _text(value: Path | Call) -> str:
    return value.text.lower() if isinstance(value, Path) else ""
