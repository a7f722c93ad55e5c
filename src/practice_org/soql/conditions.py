"""WHERE and HAVING to SQL.

SOQL knows no third truth value: a comparison with null is simply false, and `!=` holds for null. Each
test is written so that its negation holds where SOQL says it does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field
from practice_org.soql.refusal import malformed, not_for_field, refuse
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
from practice_org.soql.values import Values

Resolve = Callable[[Path | Call], Column]
SubSelect = Callable[[SemiJoin], tuple[str, list[Any]]]
Sql = tuple[str, list[Any]]
_LONGEST_PATTERN = 10_000


class Conditions:
    """Compiles the conditions of one query level."""

    def __init__(
        self, query: Query, resolve: Resolve, sub_select: SubSelect, now: datetime, zone: tzinfo
    ) -> None:
        self._query = query
        self._resolve = resolve
        self._sub_select = sub_select
        self._values = Values(query.text, now, zone)

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
                if not (same and ways and _text(tie.left) == _text(first.left) != ""):
                    continue
                if "range" in (tie.right.kind, first.right.kind, rest.right.kind):
                    continue
                high, low = self._filterable(first.left), self._filterable(rest.left)
                values = [
                    self._values.stored(high.field, first.right, first.left),
                    self._values.stored(low.field, rest.right, rest.left),
                ]
                folded = any(isinstance(value, str) and not value.isascii() for value in values)
                if None in values or folded or "boolean" in (high.field.type, low.field.type):
                    continue
                return f"({high.sql}, {low.sql}) {first.op} (?, ?)", values
        return None

    # -- tests --------------------------------------------------------------------------------------

    def _filterable(self, left: Path | Call) -> Column:
        column = self._resolve(left)
        if column.compound or not column.field.has("filterable"):
            raise not_for_field(self._query.text, left.at, column.field.name, "filtered")
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
            return self._range(test.op, test.right, test.left, column)
        value = self._values.stored(f, test.right, test.left)
        sql = column.sql
        if value is None:
            if test.op not in ("=", "!="):
                raise self._operator(f, test.left)
            if f.type == "boolean":
                return f"COALESCE({sql}, 0) {'IS' if test.op == '=' else 'IS NOT'} NULL", []
            return f"{sql} IS {'' if test.op == '=' else 'NOT '}NULL", []
        if f.type == "boolean":
            sql = f"COALESCE({sql}, 0)"
        if _folds(f, value):
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
        if test.right.kind != "string":
            raise self._values.wrong_type(f, test.left)
        pattern = test.right.value
        if len(pattern.encode()) > _LONGEST_PATTERN:
            raise malformed(self._query.text, test.left.at, "LIKE pattern is too long")
        if not pattern.isascii():
            return f"sf_fold({column.sql}) LIKE ? ESCAPE '\\'", [pattern.casefold()]
        return f"{column.sql} LIKE ? ESCAPE '\\'", [pattern]

    def _range(self, op: str, literal: Literal, left: Path | Call, column: Column) -> Sql:
        low, high = self._values.bounds(column.field, literal, left)
        sql = column.sql
        if op == "=":
            return f"{sql} >= ? AND {sql} < ?", [low, high]
        if op == "!=":
            return f"{sql} IS NULL OR {sql} < ? OR {sql} >= ?", [low, high]
        bound = {"<": ("<", low), ">=": (">=", low), ">": (">=", high), "<=": ("<", high)}[op]
        return f"{sql} {bound[0]} ?", [bound[1]]

    def _in_list(self, test: InList) -> Sql:
        column = self._filterable(test.left)
        f = column.field
        if f.type == "multipicklist":
            raise self._operator(f, test.left)
        if any(v.kind == "range" for v in test.values):
            return self._in_ranges(test)
        values = [self._values.stored(f, literal, test.left) for literal in test.values]
        sql = column.sql
        if any(_folds(f, v) for v in values):
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

    def _in_ranges(self, test: InList) -> Sql:
        different = {(v.kind, v.value, v.count): v for v in test.values}
        equal: tuple[Condition, ...] = tuple(Compare(test.left, "=", v) for v in different.values())
        return self.compile(Not(Or(equal)) if test.negated else Or(equal))

    def _semi_join(self, test: SemiJoin) -> Sql:
        column = self._filterable(test.left)
        if column.field.type not in ("id", "reference") or column.parents:
            raise malformed(
                self._query.text,
                test.left.at,
                "The left operand field in the where expression of outer query should be an id field, cannot "
                f"use: '{test.left.text}'",
            )
        sub, params = self._sub_select(test)
        if test.negated:
            return f"{column.sql} IS NULL OR {column.sql} NOT IN ({sub})", params
        return f"{column.sql} IN ({sub})", params

    def _includes(self, test: Includes) -> Sql:
        column = self._filterable(test.left)
        if column.field.type != "multipicklist":
            raise self._operator(column.field, test.left)
        alternatives: list[str] = []
        params: list[Any] = []
        for literal in test.values:
            if literal.kind not in ("string", "null"):
                raise self._values.wrong_type(column.field, test.left)
            if literal.kind == "null" or not literal.value:
                alternatives.append(f"{column.sql} IS NULL")
                continue
            needed = []
            for entry in literal.value.split(";"):
                needed.append(f"instr(sf_fold(';' || {column.sql} || ';'), ?) > 0")
                params.append(f";{entry.casefold()};")
            alternatives.append("(" + _balanced(needed, " AND ") + ")")
        sql = _balanced(alternatives, " OR ")
        if test.negated:
            return f"NOT COALESCE(({sql}), 0)", params
        return sql, params

    def _operator(self, f: Field, left: Path | Call) -> ApiError:
        kind = "id" if f.type == "reference" else f.type
        return refuse(
            "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {kind} field", self._query.text, left.at
        )


def _folds(f: Field, value: Any) -> bool:
    return isinstance(value, str) and f.is_text and not f.has("caseSensitive") and not value.isascii()


def _balanced(texts: list[str], joiner: str) -> str:
    """The joined tests as a shallow tree: SQLite bounds the depth of an expression, not its length."""
    if len(texts) <= 8:
        return joiner.join(texts)
    middle = len(texts) // 2
    return f"({_balanced(texts[:middle], joiner)}){joiner}({_balanced(texts[middle:], joiner)})"


def _text(value: Path | Call) -> str:
    return value.text.lower() if isinstance(value, Path) else ""
