"""A checked formula as an SQL expression, for formula fields: they are computed whenever they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count
from typing import Any

from practice_org.data.tables import quoted
from practice_org.formula.checked import Apply, Checked, Column, Constant, Global, Step
from practice_org.formula.functions import FUNCTIONS, Function, call
from practice_org.formula.refusal import FormulaError
from practice_org.schema.catalogue import Field


def expression(node: Checked, prefix: str) -> str:
    """The SQL of a formula; `prefix` (`t0.`) stands before each column of the record itself.

    Raises FormulaError for what formula fields cannot use.
    """
    sql = _Writer(prefix, count(1)).node(node)
    if sql.count("(") > SURELY_SHALLOW and _too_deep(sql):
        raise FormulaError("Compiled formula is too big to execute. Maximum size is 15,000 characters")
    return sql


SURELY_SHALLOW = 15
"""So many brackets nest less deeply than SQLite can read, whatever stands between them."""


def _too_deep(sql: str) -> bool:
    """Whether SQLite's parser gives up; names need not exist for it to find out."""
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"EXPLAIN SELECT {sql}")
    except sqlite3.Error as error:
        return "stack overflow" in str(error) or "too large" in str(error)
    finally:
        connection.close()
    return False


def shown(sql: str, f: Field) -> str:
    """A formula's expression as the value of its field: numbers rounded, empty text blank."""
    if f.type in ("double", "currency", "percent"):
        return f"round({sql}{' * 100' if f.type == 'percent' else ''}, {f.scale})"
    return f"nullif({sql}, '')" if f.is_text else sql


class _Writer:
    def __init__(self, prefix: str, numbers: count[int]) -> None:
        self._prefix = prefix
        self._numbers = numbers

    def node(self, node: Checked) -> str:
        if isinstance(node, Constant):
            return _literal(node)
        if isinstance(node, Column):
            return self._column(node)
        if isinstance(node, Global):
            raise FormulaError(
                f"Field ${node.group}.{node.field.name} may not be used in this type of formula"
            )
        if node.function == "IF":
            return self._choice(node)
        args = [self.node(arg) for arg in node.args]
        plain = _SQL.get(node.function)
        if plain is not None:
            return plain(node, args)
        return f"fx_{_word(node.function)}({', '.join(args)})"

    def _choice(self, node: Apply) -> str:
        """IF, with the IFs in its last argument beside it, so that long chains stay flat."""
        cases = ""
        rest: Checked = node
        while isinstance(rest, Apply) and rest.function == "IF":
            test, yes, rest = rest.args
            cases += f" WHEN {self.node(test)} THEN {self.node(yes)}"
        return f"CASE{cases} ELSE {self.node(rest)} END"

    def _column(self, node: Column) -> str:
        sql = self._over(node, list(node.steps), self._prefix)
        if node.field.type == "percent":
            return f"({sql} / 100.0)"
        # A column's collation is case-insensitive, formulas are not.
        return f"({sql} COLLATE BINARY)" if node.type in ("Text", "Picklist", "Multipicklist") else sql

    def _over(self, node: Column, steps: list[Step], prefix: str) -> str:
        if not steps and node.inner is not None:
            return shown(_Writer(prefix, self._numbers).node(node.inner), node.field)
        if not steps and node.field.derived is not None:
            return f"({node.field.derived.format(t=prefix.rstrip('.'))})"
        if not steps:
            return f"{prefix}{quoted(node.field.name)}"
        step, *rest = steps
        alias = f"f{next(self._numbers)}"
        inner = self._over(node, rest, alias + ".")
        return (
            f"(SELECT {inner} FROM {quoted(step.target.name)} {alias} "
            f'WHERE {alias}."Id" = {prefix}{quoted(step.reference.name)})'
        )


def _literal(node: Constant) -> str:
    value = node.value
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace("\x00", "") + "'"
    return repr(value)


def _equal(node: Apply, args: list[str]) -> str:
    test = "IS" if node.function == "=" else "IS NOT"
    if any(arg.type in ("Text", "Picklist") for arg in node.args):
        args = [f"nullif({arg}, '')" for arg in args]
    return f"({args[0]} {test} {args[1]})"


def _compare(node: Apply, args: list[str]) -> str:
    return f"coalesce({args[0]} {node.function} {args[1]}, 0)"


def _arithmetic(node: Apply, args: list[str]) -> str:
    return f"({args[0]} {node.function} {args[1]})"


def _case(node: Apply, args: list[str]) -> str:
    pairs = "".join(
        f" WHEN {args[0]} IS {args[place]} THEN {args[place + 1]}" for place in range(1, len(args) - 1, 2)
    )
    return f"CASE{pairs} ELSE {args[-1]} END"


def _blank(node: Apply, args: list[str]) -> str:
    return f"(coalesce({args[0]}, '') = '')"


_SQL: dict[str, Callable[[Apply, list[str]], str]] = {
    "AND": lambda _, a: "(" + " AND ".join(f"coalesce({one}, 0)" for one in a) + ")",
    "OR": lambda _, a: "(" + " OR ".join(f"coalesce({one}, 0)" for one in a) + ")",
    "NOT": lambda _, a: f"(NOT coalesce({a[0]}, 0))",
    "CASE": _case,
    "ISBLANK": _blank,
    "BLANKVALUE": lambda _, a: f"CASE WHEN coalesce({a[0]}, '') = '' THEN {a[1]} ELSE {a[0]} END",
    "=": _equal,
    "!=": _equal,
    "<": _compare,
    "<=": _compare,
    ">": _compare,
    ">=": _compare,
    "+": _arithmetic,
    "-": _arithmetic,
    "*": _arithmetic,
    "/": lambda _, a: f"({a[0]} * 1.0 / nullif({a[1]}, 0))",
    "NEGATE": lambda _, a: f"(-{a[0]})",
    "&": lambda _, a: f"(coalesce({a[0]}, '') || coalesce({a[1]}, ''))",
    "LEN": lambda _, a: f"length(coalesce({a[0]}, ''))",
    "ISPICKVAL": lambda _, a: f"(coalesce({a[0]}, '') = {a[1]})",
    "TODAY": lambda _, a: "fx_today()",
    "NOW": lambda _, a: "fx_now()",
}


def _word(name: str) -> str:
    return {"^": "power"}.get(name, name.lower())


def register_functions(
    connection: sqlite3.Connection, now: Callable[[], str], today: Callable[[], str]
) -> None:
    """The functions that expressions call; `now` and `today` give the org's moment and day as stored."""
    connection.create_function("fx_now", 0, now)
    connection.create_function("fx_today", 0, today)
    for name, function in FUNCTIONS.items():
        if name in _SQL:
            continue

        def run(*args: object, _function: Function = function) -> Any:
            return call(_function, args)

        connection.create_function(f"fx_{_word(name)}", -1, run, deterministic=True)
