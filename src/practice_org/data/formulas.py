"""Formula fields: a small part of Salesforce's formula language, compiled to an SQL expression.

Known: fields of the same record, text and numbers, TRUE, FALSE, NULL, + - * / &, comparisons
(= == != <> < <= > >=), && || !, and the functions of `_FUNCTIONS`. Formulas are computed on reading, so
their value changes without a new SystemModstamp, as on the real platform.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.schema.catalogue import ObjectType

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<op>&&|\|\||==|!=|<>|<=|>=|[-+*/&=<>!(),]))"
)

_FUNCTIONS: dict[str, tuple[int, int, Callable[[list[str]], str]]] = {
    "IF": (3, 3, lambda a: f"CASE WHEN {a[0]} THEN {a[1]} ELSE {a[2]} END"),
    "ISBLANK": (1, 1, lambda a: f"({a[0]} IS NULL OR {a[0]} = '')"),
    "ISNULL": (1, 1, lambda a: f"({a[0]} IS NULL)"),
    "BLANKVALUE": (2, 2, lambda a: f"COALESCE({a[0]}, {a[1]})"),
    "NULLVALUE": (2, 2, lambda a: f"COALESCE({a[0]}, {a[1]})"),
    "ISPICKVAL": (2, 2, lambda a: f"(COALESCE({a[0]}, '') = {a[1]})"),
    "TEXT": (1, 1, lambda a: f"CAST({a[0]} AS TEXT)"),
    "VALUE": (1, 1, lambda a: f"CAST({a[0]} AS REAL)"),
    "UPPER": (1, 1, lambda a: f"upper({a[0]})"),
    "LOWER": (1, 1, lambda a: f"lower({a[0]})"),
    "TRIM": (1, 1, lambda a: f"trim({a[0]})"),
    "LEN": (1, 1, lambda a: f"length(COALESCE({a[0]}, ''))"),
    "LEFT": (2, 2, lambda a: f"substr({a[0]}, 1, {a[1]})"),
    "RIGHT": (2, 2, lambda a: f"substr({a[0]}, -({a[1]}))"),
    "CONTAINS": (2, 2, lambda a: f"(instr(COALESCE({a[0]}, ''), {a[1]}) > 0)"),
    "BEGINS": (2, 2, lambda a: f"(substr(COALESCE({a[0]}, ''), 1, length({a[1]})) = {a[1]})"),
    "SUBSTITUTE": (3, 3, lambda a: f"replace({a[0]}, {a[1]}, {a[2]})"),
    "ABS": (1, 1, lambda a: f"abs({a[0]})"),
    "ROUND": (2, 2, lambda a: f"round({a[0]}, {a[1]})"),
    "MAX": (2, 9, lambda a: f"max({', '.join(a)})"),
    "MIN": (2, 9, lambda a: f"min({', '.join(a)})"),
    "MOD": (2, 2, lambda a: f"({a[0]} % {a[1]})"),
    "AND": (1, 9, lambda a: "(" + " AND ".join(a) + ")"),
    "OR": (1, 9, lambda a: "(" + " OR ".join(a) + ")"),
    "NOT": (1, 1, lambda a: f"(NOT {a[0]})"),
    "YEAR": (1, 1, lambda a: f"CAST(substr({a[0]}, 1, 4) AS INTEGER)"),
    "MONTH": (1, 1, lambda a: f"CAST(substr({a[0]}, 6, 2) AS INTEGER)"),
    "DAY": (1, 1, lambda a: f"CAST(substr({a[0]}, 9, 2) AS INTEGER)"),
    "TODAY": (0, 0, lambda a: "date('now')"),
}
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("=", "==", "!=", "<>"),
    ("<", "<=", ">", ">="),
    ("+", "-", "&"),
    ("*", "/"),
)


def compile_formula(formula: str, obj: ObjectType, *, quote_prefix: str) -> str:
    """The SQL of a formula; `quote_prefix` (`t0.`) stands before each column.

    Raises ApiError FIELD_INTEGRITY_EXCEPTION when it cannot be understood.
    """
    return _Parser(formula, obj, quote_prefix).whole()


class _Parser:
    def __init__(self, formula: str, obj: ObjectType, prefix: str) -> None:
        self._formula, self._obj, self._prefix = formula, obj, prefix
        self._tokens: list[tuple[str, str]] = []
        at = 0
        text = formula.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._error(f"Syntax error. Unexpected '{text[at:].strip()[:1]}'")
            self._tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            at = match.end()
        self._tokens.append(("end", "end of formula"))
        self._at = 0

    def _error(self, message: str) -> ApiError:
        return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", f"Error: {message} in formula: {self._formula}")

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += token[0] != "end"
        return token

    def _op(self, *texts: str) -> str | None:
        kind, text = self._tokens[self._at]
        if kind == "op" and text in texts:
            self._at += 1
            return text
        return None

    def whole(self) -> str:
        sql = self._level(0)
        if self._tokens[self._at][0] != "end":
            raise self._error(f"Syntax error. Extra '{self._tokens[self._at][1]}'")
        return sql

    def _level(self, level: int) -> str:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while op := self._op(*_LEVELS[level]):
            right = self._level(level + 1)
            if op == "&" or (op == "+" and (_is_text(left) or _is_text(right))):
                left = f"(COALESCE({left}, '') || COALESCE({right}, ''))"
            elif op == "/":
                left = f"({left} * 1.0 / nullif({right}, 0))"
            elif op in ("=", "=="):
                left = f"({left} IS {right})"
            elif op in ("!=", "<>"):
                left = f"({left} IS NOT {right})"
            else:
                left = f"({left} {({'&&': 'AND', '||': 'OR'}).get(op, op)} {right})"
        return left

    def _unary(self) -> str:
        if self._op("-"):
            return f"(-{self._unary()})"
        if self._op("!"):
            return f"(NOT {self._unary()})"
        if self._op("("):
            inner = self._level(0)
            if not self._op(")"):
                raise self._error("Syntax error. Missing ')'")
            return f"({inner})"
        kind, text = self._take()
        if kind == "number":
            return text
        if kind == "string":
            value = re.sub(r"\\(.)", r"\1", text[1:-1])
            return "'" + value.replace("'", "''") + "'"
        if kind == "name":
            return self._name(text)
        raise self._error(f"Syntax error. Unexpected '{text}'")

    def _name(self, name: str) -> str:
        if self._op("("):
            args: list[str] = []
            while not self._op(")"):
                if args and not self._op(","):
                    raise self._error("Syntax error. Missing ')'")
                args.append(self._level(0))
            known = _FUNCTIONS.get(name.upper())
            if known is None:
                raise self._error(f"Unknown function {name}")
            if not known[0] <= len(args) <= known[1]:
                raise self._error(f"Incorrect number of parameters for function {name}")
            return known[2](args)
        if name.upper() in ("TRUE", "FALSE"):
            return "1" if name.upper() == "TRUE" else "0"
        if name.upper() == "NULL":
            return "NULL"
        f = self._obj.get(name)
        if f is None or not f.stored:
            raise self._error(f"Field {name} does not exist. Check spelling.")
        return f'{self._prefix}"{f.name}"'


def _is_text(sql: str) -> bool:
    return sql.startswith(("'", "(COALESCE", "CAST(", "upper", "lower"))
