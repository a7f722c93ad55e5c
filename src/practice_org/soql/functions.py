"""Functions in a query: aggregates, parts of dates, labels and formats."""

from __future__ import annotations

from practice_org.schema.catalogue import Field
from practice_org.soql.refusal import malformed, refuse
from practice_org.soql.resolve import Column, Scope, Table
from practice_org.soql.tree import Call, Path, Query

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
_DATE_PARTS = {
    "CALENDAR_YEAR": "CAST(strftime('%Y', {0}) AS INTEGER)",
    "FISCAL_YEAR": "CAST(strftime('%Y', {0}) AS INTEGER)",
    "CALENDAR_MONTH": "CAST(strftime('%m', {0}) AS INTEGER)",
    "FISCAL_MONTH": "CAST(strftime('%m', {0}) AS INTEGER)",
    "CALENDAR_QUARTER": "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
    "FISCAL_QUARTER": "(CAST(strftime('%m', {0}) AS INTEGER) + 2) / 3",
    "DAY_IN_MONTH": "CAST(strftime('%d', {0}) AS INTEGER)",
    "DAY_IN_WEEK": "CAST(strftime('%w', {0}) AS INTEGER) + 1",
    "DAY_IN_YEAR": "CAST(strftime('%j', {0}) AS INTEGER)",
    "HOUR_IN_DAY": "CAST(strftime('%H', {0}) AS INTEGER)",
    "WEEK_IN_MONTH": "(CAST(strftime('%d', {0}) AS INTEGER) + 6) / 7",
    "WEEK_IN_YEAR": "(CAST(strftime('%j', {0}) AS INTEGER) + 6) / 7",
    "DAY_ONLY": "substr({0}, 1, 10)",
}
_DERIVED = frozenset({"nillable", "filterable", "sortable", "groupable", "aggregatable"})


class Functions:
    """The functions of one query level."""

    def __init__(self, query: Query, scope: Scope) -> None:
        self._query = query
        self._scope = scope

    def column(self, call: Call) -> Column:
        """The column of a call.

        Raises ApiError for an unknown function, or one that its argument does not bear.
        """
        name = call.name.upper()
        argument = call.args[0] if call.args else None
        if name in AGGREGATES:
            return self.aggregate(call)
        if name in _DATE_PARTS:
            if isinstance(argument, Call) and argument.name.upper() == "CONVERTTIMEZONE":
                argument = argument.args[0] if argument.args else None
            if not isinstance(argument, Path):
                raise malformed(self._query.text, call.at, f"unexpected token: '{call.name}'")
            inner = self._scope.column(argument)
            if inner.field.type not in ("date", "datetime"):
                raise refuse(
                    "INVALID_FIELD",
                    f"field '{inner.field.name}' does not support the function {call.name}",
                    self._query.text,
                    call.at,
                )
            kind = "date" if name == "DAY_ONLY" else "int"
            sql = _DATE_PARTS[name].format(inner.sql)
            return Column(sql, _derived(inner.field.name, kind), inner.table, inner.parents)
        if name in ("TOLABEL", "FORMAT", "CONVERTCURRENCY") and argument is not None:
            if isinstance(argument, Call):
                inner = self.column(argument)
            elif isinstance(argument, Path):
                inner = self._scope.column(argument)
            else:
                raise malformed(self._query.text, call.at, f"unexpected token: '{call.name}'")
            if name == "TOLABEL":
                return Column(_to_label(inner), inner.field, inner.table, inner.parents)
            if name == "FORMAT":
                return Column(
                    _formatted(inner), _derived(inner.field.name, "string"), inner.table, inner.parents
                )
            return inner
        raise malformed(self._query.text, call.at, f"unknown function: {call.name}")

    def aggregate(self, call: Call) -> Column:
        """The column of COUNT, COUNT_DISTINCT, SUM, AVG, MIN or MAX."""
        name = call.name.upper()
        if not call.args:
            if name != "COUNT":
                raise malformed(self._query.text, call.at, f"unexpected token: '{call.name}'")
            return Column("COUNT(*)", _derived("", "int"), Table(((self._scope.obj, self._scope.alias),)))
        argument = call.args[0]
        if isinstance(argument, Path):
            inner = self._scope.column(argument)
        elif isinstance(argument, Call) and not is_aggregate(argument):
            inner = self.column(argument)
        else:
            raise malformed(self._query.text, call.at, f"unexpected token: '{call.name}'")
        f = inner.field
        numeric = f.type in ("double", "currency", "percent", "int")
        if (name in ("SUM", "AVG") and not numeric) or not (f.has("aggregatable") or name == "COUNT"):
            raise refuse(
                "MALFORMED_QUERY",
                f"field {f.name} does not support aggregate operator {name}",
                self._query.text,
                call.at,
            )
        kind = f.type
        if name in ("COUNT", "COUNT_DISTINCT"):
            kind = "int"
        elif name == "AVG":
            kind = "double"
        sql = f"COUNT(DISTINCT {inner.sql})" if name == "COUNT_DISTINCT" else f"{name}({inner.sql})"
        return Column(sql, _derived(f.name, kind), inner.table, inner.parents)


def is_aggregate(value: Path | Call) -> bool:
    """Whether a value is a call of an aggregate function."""
    return isinstance(value, Call) and value.name.upper() in AGGREGATES


def _derived(name: str, kind: str) -> Field:
    return Field(name, name, kind, flags=_DERIVED)


def _to_label(column: Column) -> str:
    different = [p for p in column.field.picklist if p.label != p.value]
    if not different:
        return column.sql
    cases = " ".join(f"WHEN {_text(p.value)} THEN {_text(p.label)}" for p in different)
    return f"CASE {column.sql} {cases} ELSE {column.sql} END"


def _formatted(column: Column) -> str:
    f = column.field
    if f.type == "currency":
        return f"'$' || printf('%,.{f.scale}f', {column.sql})"
    if f.type in ("double", "percent"):
        return f"printf('%,.{f.scale}f', {column.sql})"
    if f.type == "int":
        return f"printf('%,d', {column.sql})"
    return f"CAST({column.sql} AS TEXT)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
