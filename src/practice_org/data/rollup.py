"""Roll-up summary fields: computed on reading from the live children, as an SQL expression."""

from __future__ import annotations

from practice_org.data.tables import quoted
from practice_org.data.values import to_stored
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, Schema, Summary

_COMPARED = {"lessThan": "<", "greaterThan": ">", "lessOrEqual": "<=", "greaterOrEqual": ">="}


def expression(summary: Summary, schema: Schema, alias: str) -> str:
    """The SQL of a summary of the children of the record in table `alias`; NULL when the child is gone."""
    child = schema.get(summary.child)
    if child is None or child.get(summary.key) is None:
        return "NULL"
    tests = [f'c.{quoted(summary.key)} = {alias}."Id"']
    if child.soft_deletes:
        tests.append('c."IsDeleted" = 0')
    for name, operation, wanted in summary.filters:
        f = child.get(name)
        if f is not None and f.stored:
            tests.append(_test(f, operation, wanted))
    what = "count(*)"
    if summary.operation != "count" and summary.field:
        column = f"c.{quoted(summary.field)}"
        what = f"{summary.operation}({column})"
        if summary.operation == "sum":
            what = f"COALESCE({what}, 0)"
    return f"(SELECT {what} FROM {quoted(child.name)} c WHERE {' AND '.join(tests)})"


def _test(f: Field, operation: str, wanted: str) -> str:
    column = f"c.{quoted(f.name)}"
    try:
        value = to_stored(f, wanted, typed=False)
    except ApiError:
        return "0"
    literal = "NULL" if value is None else _literal(value)
    if operation in _COMPARED:
        return f"{column} {_COMPARED[operation]} {literal}"
    if operation in ("contains", "startsWith"):
        place = "> 0" if operation == "contains" else "= 1"
        return f"instr(lower(COALESCE({column}, '')), lower({literal})) {place}"
    if operation == "notEqual":
        return f"{column} IS NOT {literal}"
    return f"{column} IS {literal}"


def _literal(value: object) -> str:
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
