"""The recursive-descent parser of SOQL."""

from __future__ import annotations

import re
from collections.abc import Callable

from practice_org.errors import ApiError
from practice_org.soql.lexer import Token, tokens, unquote
from practice_org.soql.refusal import malformed
from practice_org.soql.tree import (
    And,
    Call,
    Child,
    Compare,
    Condition,
    Includes,
    InList,
    Item,
    Literal,
    Not,
    Or,
    Order,
    Path,
    Query,
    SemiJoin,
    TypeOf,
)

MAX_LENGTH = 100_000
MAX_COUNT = 2_147_483_647
MAX_NESTING = 100
_CLAUSES = frozenset(
    [
        "FROM",
        "WHERE",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FOR",
        "USING",
        "WITH",
        "ALL",
        "UPDATE",
        "AND",
        "OR",
        "NOT",
        "LIKE",
        "IN",
        "INCLUDES",
        "EXCLUDES",
        "ASC",
        "DESC",
        "NULLS",
        "SELECT",
        "BY",
        "THEN",
        "WHEN",
        "ELSE",
        "END",
        "TYPEOF",
    ]
)
_PLAIN_RANGES = frozenset(
    [
        "YESTERDAY",
        "TODAY",
        "TOMORROW",
        "LAST_WEEK",
        "THIS_WEEK",
        "NEXT_WEEK",
        "LAST_MONTH",
        "THIS_MONTH",
        "NEXT_MONTH",
        "LAST_90_DAYS",
        "NEXT_90_DAYS",
        "THIS_QUARTER",
        "LAST_QUARTER",
        "NEXT_QUARTER",
        "THIS_YEAR",
        "LAST_YEAR",
        "NEXT_YEAR",
        "THIS_FISCAL_QUARTER",
        "LAST_FISCAL_QUARTER",
        "NEXT_FISCAL_QUARTER",
        "THIS_FISCAL_YEAR",
        "LAST_FISCAL_YEAR",
        "NEXT_FISCAL_YEAR",
    ]
)
_COUNTED_RANGE = re.compile(
    r"(?:LAST|NEXT)_N_(?:DAYS|WEEKS|MONTHS|QUARTERS|YEARS|FISCAL_QUARTERS|FISCAL_YEARS)\Z"
    r"|N_(?:DAYS|WEEKS|MONTHS|QUARTERS|YEARS|FISCAL_QUARTERS|FISCAL_YEARS)_AGO\Z"
)
_OPERATORS = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def parse(text: str) -> Query:
    """The tree of a query.

    Raises ApiError MALFORMED_QUERY in Salesforce's wording.
    """
    if len(text) > MAX_LENGTH:
        raise ApiError(400, "MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters.")
    try:
        return _parsed(_Parser(text))
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> ApiError:
    return ApiError(
        400,
        "QUERY_TOO_COMPLICATED",
        "Query is either selecting too many fields or the filter conditions are too complicated.",
    )


def _parsed(parser: _Parser) -> Query:
    if parser.now.upper != "SELECT":
        shown = parser.now.text if parser.now.kind != "end" else "'<EOF>'"
        raise ApiError(400, "MALFORMED_QUERY", f"unexpected token: {shown}")
    query = parser.query(nested=False)
    if parser.now.kind != "end":
        raise parser.unexpected()
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0

    # -- tokens -------------------------------------------------------------------------------------

    @property
    def now(self) -> Token:
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self._at += 1
        return token

    def unexpected(self, token: Token | None = None) -> ApiError:
        token = token or self.now
        return malformed(self.text, min(token.at, len(self.text)), f"unexpected token: '{token.text}'")

    def word(self, *words: str) -> bool:
        """Take the next word if it is one of `words`."""
        if self.now.kind == "name" and self.now.upper in words:
            self.take()
            return True
        return False

    def expect_word(self, word: str) -> None:
        if not self.word(word):
            raise self.unexpected()

    def op(self, text: str) -> bool:
        if self.now.kind == "op" and self.now.text == text:
            self.take()
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.op(text):
            raise self.unexpected()

    def path(self) -> Path:
        if self.now.kind != "name":
            raise self.unexpected()
        token = self.take()
        return Path(tuple(token.text.split(".")), token.at)

    def integer(self) -> int:
        token = self.take()
        if token.kind != "number" or not token.text.isdigit():
            raise self.unexpected(token)
        return min(int(token.text), MAX_COUNT)

    # -- query --------------------------------------------------------------------------------------

    def query(self, *, nested: bool) -> Query:
        self.expect_word("SELECT")
        items = [self.item(nested=nested)]
        while self.op(","):
            items.append(self.item(nested=nested))
        self.expect_word("FROM")
        source = self.path()
        alias = self.alias()
        joined: list[tuple[Path, str]] = []
        while self.op(","):
            path = self.path()
            joined.append((path, self.alias() or path.names[-1]))
        scope = None
        if self.word("USING"):
            self.expect_word("SCOPE")
            scope = self.path().text
        where = self.condition() if self.word("WHERE") else None
        self.with_clause()
        group_by, having = self.grouping()
        order_by: list[Order] = []
        if self.word("ORDER"):
            self.expect_word("BY")
            order_by.append(self.order())
            while self.op(","):
                order_by.append(self.order())
        limit = self.integer() if self.word("LIMIT") else None
        offset = self.integer() if self.word("OFFSET") else 0
        purpose = self.purpose()
        all_rows = False
        if self.word("ALL"):
            self.expect_word("ROWS")
            all_rows = True
        if self.word("UPDATE"):
            self.path()
            while self.op(","):
                self.path()
        purpose = purpose or self.purpose()
        return Query(
            text=self.text,
            items=tuple(items),
            source=source,
            alias=alias,
            joined=tuple(joined),
            scope=scope,
            where=where,
            group_by=group_by,
            having=having,
            order_by=tuple(order_by),
            limit=limit,
            offset=offset,
            all_rows=all_rows,
            purpose=purpose,
        )

    def alias(self) -> str | None:
        if self.now.kind == "name" and self.now.upper == "AS":
            self.take()
        if self.now.kind == "name" and "." not in self.now.text and self.now.upper not in _CLAUSES:
            return self.take().text
        return None

    def purpose(self) -> str | None:
        found = None
        while self.word("FOR"):
            token = self.take()
            if token.upper not in ("VIEW", "REFERENCE", "UPDATE"):
                raise self.unexpected(token)
            found = token.upper
        return found

    def with_clause(self) -> None:
        while self.word("WITH"):
            token = self.take()
            if token.upper not in ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"):
                raise self.unexpected(token)

    def grouping(self) -> tuple[tuple[Path | Call, ...], Condition | None]:
        groups: list[Path | Call] = []
        having = None
        if self.word("GROUP"):
            self.expect_word("BY")
            groups.append(self.value())
            while self.op(","):
                groups.append(self.value())
        if self.word("HAVING"):
            having = self.condition()
        return tuple(groups), having

    # -- select list --------------------------------------------------------------------------------

    def item(self, *, nested: bool) -> Item | TypeOf | Child:
        at = self.now.at
        if self.now.kind == "op" and self.now.text == "(":
            if nested:
                raise self.unexpected()
            self.take()
            child = self.query(nested=True)
            self.expect(")")
            return Child(child, at)
        if self.now.upper == "TYPEOF" and self.following.kind == "name":
            return self.typeof()
        if self.now.upper == "FROM":
            raise self.unexpected()
        value = self.value()
        alias = None
        if self.now.kind == "name" and self.now.upper not in _CLAUSES and "." not in self.now.text:
            alias = self.take().text
        return Item(value, alias)

    def typeof(self) -> TypeOf:
        at = self.take().at
        path = self.path()
        cases: list[tuple[str, tuple[Path, ...]]] = []
        while self.word("WHEN"):
            name = self.path().text
            self.expect_word("THEN")
            cases.append((name, self.paths()))
        if not cases:
            raise self.unexpected()
        otherwise = self.paths() if self.word("ELSE") else ()
        self.expect_word("END")
        return TypeOf(path, tuple(cases), otherwise, at)

    def paths(self) -> tuple[Path, ...]:
        out = [self.path()]
        while self.op(","):
            out.append(self.path())
        return tuple(out)

    def value(self) -> Path | Call:
        """A field path or a call."""
        if self.now.kind != "name":
            raise self.unexpected()
        if self.following.kind == "op" and self.following.text == "(":
            token = self.take()
            self.take()
            args: list[Path | Call | str] = []
            while not self.op(")"):
                if args:
                    self.expect(",")
                if self.now.kind in ("string", "number"):
                    args.append(self.take().text)
                else:
                    args.append(self.value())
            return Call(token.text, tuple(args), token.at)
        if self.now.upper in _CLAUSES - {"END", "ALL", "FOR", "WITH", "UPDATE", "GROUP", "ORDER"}:
            raise self.unexpected()
        return self.path()

    # -- conditions ---------------------------------------------------------------------------------

    def condition(self) -> Condition:
        """`a AND b AND c` or `a OR b OR c`; mixing both needs brackets, as Salesforce has it."""
        parts = [self.negation()]
        joiner = None
        while self.now.kind == "name" and self.now.upper in ("AND", "OR"):
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

    def deeper(self, part: Callable[[], Condition]) -> Condition:
        """Parse a nested condition, within bounds that SQLite's own parser has too."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise _too_deep()
        inner = part()
        self._depth -= 1
        return inner

    def test(self) -> Condition:
        left = self.value()
        token = self.now
        if token.kind == "op" and token.text in _OPERATORS:
            self.take()
            return Compare(left, _OPERATORS[token.text], self.literal())
        if self.word("LIKE"):
            return Compare(left, "LIKE", self.literal(pattern=True))
        if token.upper in ("INCLUDES", "EXCLUDES") and token.kind == "name":
            self.take()
            if not isinstance(left, Path):
                raise self.unexpected(token)
            return Includes(left, self.literals(), token.upper == "EXCLUDES")
        negated = self.word("NOT")
        if not self.word("IN"):
            raise self.unexpected()
        if self.now.kind == "op" and self.now.text == "(" and self.following.upper == "SELECT":
            at = self.now.at
            self.take()
            query = self.query(nested=True)
            self.expect(")")
            if not isinstance(left, Path):
                raise self.unexpected(token)
            return SemiJoin(left, query, negated, at)
        return InList(left, self.literals(), negated)

    def literals(self) -> tuple[Literal, ...]:
        self.expect("(")
        out = [self.literal()]
        while self.op(","):
            out.append(self.literal())
        self.expect(")")
        return tuple(out)

    def literal(self, *, pattern: bool = False) -> Literal:
        token = self.take()
        if token.kind == "string":
            return Literal("string", unquote(token, self.text, pattern=pattern), token.at)
        if token.kind in ("number", "date", "datetime"):
            return Literal(token.kind, token.text, token.at)
        if token.kind == "op" and token.text == ":":
            raise malformed(self.text, token.at, "unexpected token: ':'")
        if token.kind != "name":
            raise self.unexpected(token)
        upper = token.upper
        if upper == "NULL":
            return Literal("null", "", token.at)
        if upper in ("TRUE", "FALSE"):
            return Literal("boolean", upper.lower(), token.at)
        if upper in _PLAIN_RANGES:
            return Literal("range", upper, token.at)
        if _COUNTED_RANGE.match(upper):
            self.expect(":")
            return Literal("range", upper, token.at, self.integer())
        raise malformed(self.text, token.at, f"unexpected token: '{token.text}'")

    def order(self) -> Order:
        value = self.value()
        descending = False
        if self.word("DESC"):
            descending = True
        else:
            self.word("ASC")
        nulls_last = None
        if self.word("NULLS"):
            token = self.take()
            if token.upper not in ("FIRST", "LAST"):
                raise self.unexpected(token)
            nulls_last = token.upper == "LAST"
        return Order(value, descending, nulls_last)
