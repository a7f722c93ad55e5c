"""Values and conditions: what stands after WHERE and HAVING."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol, TypeVar

from practice_org.soql import dates
from practice_org.soql.cursor import CLAUSES, Cursor
from practice_org.soql.lexer import Token, unquote
from practice_org.soql.refusal import too_complicated
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

T = TypeVar("T")
MAX_NESTING = 100
MOST_CALLS = 2
"""Functions within functions: a third is refused at its bracket (release notes of Summer '24)."""
OPERATORS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_MONEY = re.compile(r"[A-Z]{3}(-?\d+(?:\.\d+)?)\Z")


class SubSelects(Protocol):
    """What reads a query within a query: the parser proper."""

    def query(self, *, joined: bool = False) -> Query: ...


class Criteria(Cursor, SubSelects):
    """Reads values, calls and conditions."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._calls = 0

    # -- values -------------------------------------------------------------------------------------

    def value(self) -> Path | Call:
        """A field path or a call."""
        if self.now.kind != "name":
            raise self.unexpected()
        if self.following.kind == "op" and self.following.text == "(":
            return self._call()
        if self.now.upper in CLAUSES and not (self._calls and self.at_word("ALL")):
            raise self.unexpected()
        return self.path()

    def _call(self) -> Call:
        token = self.take()
        if self._calls == MOST_CALLS:
            raise self.unexpected()
        self.take()
        if self.at_op(")"):
            raise self.unexpected()
        self._calls += 1
        args: list[Path | Call | str] = []
        while not self.op(")"):
            if args:
                self.expect(",")
            if self.now.kind in ("string", "number"):
                args.append(self.take().text)
            else:
                args.append(self.value())
        self._calls -= 1
        return Call(token.text, tuple(args), token.at)

    def literals(self) -> tuple[Literal, ...]:
        """The list after IN or INCLUDES."""
        self.expect("(")
        out = [self.literal()]
        while self.op(","):
            out.append(self.literal())
        self.expect(")")
        return tuple(out)

    def literal(self, *, pattern: bool = False) -> Literal:
        """A constant; as a `pattern` of LIKE only a string will do."""
        token = self.take()
        if token.kind == "string":
            return Literal("string", unquote(token, self.text, pattern=pattern), token.at)
        if pattern and token.upper == "NULL":
            raise self.unexpected(token)
        if token.kind in ("number", "date", "datetime", "time"):
            return Literal(token.kind, token.text, token.at)
        if token.kind == "currency" or (token.kind == "name" and _MONEY.match(token.text)):
            return Literal("number", token.text[3:], token.at)
        if token.kind != "name":
            raise self.unexpected(token)
        return self._word(token)

    def _word(self, token: Token) -> Literal:
        upper = token.upper
        if upper == "NULL":
            return Literal("null", "", token.at)
        if upper in ("TRUE", "FALSE"):
            return Literal("boolean", upper.lower(), token.at)
        if upper in dates.PLAIN:
            return Literal("range", upper, token.at)
        if dates.is_counted(upper):
            self.expect(":")
            return Literal("range", upper, token.at, self.integer())
        raise self.unexpected(token)

    # -- conditions ---------------------------------------------------------------------------------

    def condition(self) -> Condition:
        """`a AND b AND c` or `a OR b OR c`; mixing both needs brackets, as Salesforce has it."""
        parts = [self.negation()]
        joiner = None
        while self.at_word("AND", "OR"):
            if joiner and self.now.upper != joiner:
                raise self.unexpected()
            joiner = self.take().upper
            parts.append(self.negation())
        if joiner is None:
            return parts[0]
        return And(tuple(parts)) if joiner == "AND" else Or(tuple(parts))

    def negation(self) -> Condition:
        if self.word("NOT"):
            return Not(self.deeper(self.negation))
        if self.op("("):
            inner = self.deeper(self.condition)
            self.expect(")")
            return inner
        return self.test()

    def deeper(self, part: Callable[[], T]) -> T:
        """Parse a nested part, within bounds that SQLite's own parser has too."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise too_complicated()
        inner = part()
        self._depth -= 1
        return inner

    def test(self) -> Condition:
        """One comparison."""
        start = self.now.at
        left = self.value()
        token = self.now
        if token.kind == "op" and token.text in OPERATORS:
            self.take()
            return Compare(left, OPERATORS[token.text], self.literal())
        if self.word("LIKE"):
            return Compare(left, "LIKE", self.literal(pattern=True))
        if self.at_word("INCLUDES", "EXCLUDES"):
            self.take()
            if not isinstance(left, Path):
                raise self.unexpected(token)
            return Includes(left, self.literals(), token.upper == "EXCLUDES")
        negated = self.word("NOT")
        if not self.word("IN"):
            raise self.unexpected()
        if self.at_op("(") and self.following.upper == "SELECT":
            return self._semi_join(left, token, negated)
        if self.at_op("(") and self.following.text == ")":
            raise self.unexpected(self.following, since=start)
        return InList(left, self.literals(), negated)

    def _semi_join(self, left: Path | Call, token: Token, negated: bool) -> SemiJoin:
        at = self.take().at
        query = self.deeper(lambda: self.query(joined=True))
        self.expect(")")
        if not isinstance(left, Path):
            raise self.unexpected(token)
        return SemiJoin(left, query, negated, at)
