"""Functions in a query: aggregates, parts of dates, labels, formats and distances."""

from __future__ import annotations

from practice_org.schema.catalogue import Field
from practice_org.soql import places
from practice_org.soql.plan import Setting
from practice_org.soql.refusal import malformed, refuse, ungrammatical
from practice_org.soql.resolve import Column, Scope
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
"""The fiscal year is the calendar year."""
_OF_MOMENTS = frozenset({"HOUR_IN_DAY", "DAY_ONLY"})
_NUMBERS = frozenset({"double", "currency", "percent", "int"})
_DERIVED = frozenset({"nillable", "filterable", "sortable", "groupable", "aggregatable"})
_SHOWN = frozenset({"nillable"})


class Functions:
    """The functions of one query level."""

    def __init__(self, query: Query, scope: Scope, setting: Setting) -> None:
        self._query = query
        self._scope = scope
        self._setting = setting

    def column(self, call: Call) -> Column:
        """The column of a call.

        Raises ApiError for an unknown function, or one that its argument does not bear.
        """
        name = call.name.upper()
        if name in AGGREGATES:
            return self.aggregate(call)
        if name in _DATE_PARTS:
            return self._date_part(call, name)
        if name == "DISTANCE":
            return self._distance(call)
        if name in ("TOLABEL", "FORMAT", "CONVERTCURRENCY"):
            inner = self._argument(call)
            if inner.compound:
                raise self._unfit(call, inner)
            if name == "TOLABEL":
                return Column(_to_label(inner), inner.field, inner.table, inner.parents)
            if name == "FORMAT":
                sql = _formatted(inner, self._setting.zone_name)
                shown = Field(inner.field.name, inner.field.label, "string", flags=_SHOWN)
                return Column(sql, shown, inner.table, inner.parents)
            if inner.field.type != "currency":
                raise self._unfit(call, inner)
            return inner
        raise malformed(self._query.text, call.at, f"Invalid aggregate function: {call.name}")

    def _argument(self, call: Call) -> Column:
        argument = call.args[0] if len(call.args) == 1 else None
        if isinstance(argument, Call):
            return self.column(argument)
        if isinstance(argument, Path):
            return self._scope.column(argument)
        raise ungrammatical(self._query.text, call.at, f"unexpected token: '{call.name}'")

    def _unfit(self, call: Call, inner: Column) -> Exception:
        return refuse(
            "INVALID_FIELD",
            f"field '{inner.field.name}' does not support the function {call.name}",
            self._query.text,
            call.at,
        )

    def _date_part(self, call: Call, name: str) -> Column:
        argument = call.args[0] if len(call.args) == 1 else None
        local = isinstance(argument, Call) and argument.name.upper() == "CONVERTTIMEZONE"
        inner = self._argument(argument if local and isinstance(argument, Call) else call)
        kinds = {"datetime"} if local or name in _OF_MOMENTS else {"date", "datetime"}
        if inner.field.type not in kinds:
            raise self._unfit(call, inner)
        sql = f"sf_local({inner.sql}, {_text(self._setting.zone_name)})" if local else inner.sql
        kind = "date" if name == "DAY_ONLY" else "int"
        return Column(_DATE_PARTS[name].format(sql), _derived(inner.field.name, kind), inner.table)

    def _distance(self, call: Call) -> Column:
        sql, f, table = places.distance(self._query, self._scope, call)
        return Column(sql, _derived(f, "double", groupable=False), table)

    def aggregate(self, call: Call) -> Column:
        """The column of COUNT, COUNT_DISTINCT, SUM, AVG, MIN or MAX.

        Raises ApiError MALFORMED_QUERY when the field does not bear the function.
        """
        name = call.name.upper()
        if not call.args:
            return Column("COUNT(*)", _derived("", "int"), self._scope.root)
        if isinstance(call.args[0], Call) and is_aggregate(call.args[0]):
            raise ungrammatical(self._query.text, call.args[0].at, f"unexpected token: '{call.args[0].name}'")
        inner = self._argument(call)
        f = inner.field
        if (name in ("SUM", "AVG") and f.type not in _NUMBERS) or not f.has("aggregatable"):
            raise malformed(
                self._query.text, call.at, f"field {f.name} does not support aggregate operator {name}"
            )
        kind = f.type
        if name in ("COUNT", "COUNT_DISTINCT"):
            kind = "int"
        elif name == "AVG":
            kind = "double"
        sql = f"COUNT(DISTINCT {inner.sql})" if name == "COUNT_DISTINCT" else f"{name}({inner.sql})"
        shown = Field(f.name, f.label, kind, scale=f.scale, flags=_DERIVED, picklist=f.picklist)
        return Column(sql, shown, inner.table)


def is_aggregate(value: object) -> bool:
    """Whether a value is a call of an aggregate function, also within FORMAT and its like."""
    if not isinstance(value, Call):
        return False
    return value.name.upper() in AGGREGATES or any(is_aggregate(arg) for arg in value.args)


def is_date_part(value: object) -> bool:
    """Whether a value is a date function, which makes a query an aggregate one as COUNT does."""
    return isinstance(value, Call) and value.name.upper() in _DATE_PARTS


def _derived(name: str, kind: str, *, groupable: bool = True) -> Field:
    return Field(name, name, kind, flags=_DERIVED if groupable else _DERIVED - {"groupable"})


def _to_label(column: Column) -> str:
    different = [p for p in column.field.picklist if p.label != p.value]
    if not different:
        return column.sql
    if column.field.type == "multipicklist":
        sql = f"';' || {column.sql} || ';'"
        for entry in different:
            sql = f"replace({sql}, {_text(f';{entry.value};')}, {_text(f';{entry.label};')})"
        return f"trim({sql}, ';')"
    cases = " ".join(f"WHEN {_text(p.value)} THEN {_text(p.label)}" for p in different)
    return f"CASE {column.sql} {cases} ELSE {column.sql} END"


def _formatted(column: Column, zone: str) -> str:
    f = column.field
    if f.type == "currency":
        return f"sf_number({column.sql}, {f.scale}, '$')"
    if f.type in _NUMBERS:
        return f"sf_number({column.sql}, {f.scale}, '')"
    if f.type in ("date", "datetime"):
        return f"sf_format({column.sql}, {_text(zone)})"
    return f"CAST({column.sql} AS TEXT)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
