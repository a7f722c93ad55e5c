"""The reading position in a query's tokens, and what is said when the wrong one comes."""

from __future__ import annotations

from practice_org.errors import ApiError
from practice_org.soql.lexer import Token, tokens
from practice_org.soql.refusal import ungrammatical
from practice_org.soql.tree import Path

MAX_COUNT = 2_147_483_647
CLAUSES = frozenset(
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
        "SET",
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
"""Words that end a field list or an alias."""
NO_ALIASES = CLAUSES | {"FIRST", "LAST", "NULL"}
"""Words that name nothing (the reference's list, and those that begin a clause)."""
NO_OBJECTS = frozenset(
    ["AND", "ASC", "DESC", "FROM", "HAVING", "IN", "LIKE", "LIMIT", "NOT", "NULLS", "OR", "SELECT", "WHERE"]
)
"""Words that no object is called by; Group and Order are objects."""
_AFTER_BRACKET = frozenset(
    [
        "AND",
        "OR",
        "FROM",
        "GROUP",
        "HAVING",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FOR",
        "WITH",
        "ALL",
        "UPDATE",
        "<EOF>",
        ")",
        ",",
    ]
)


class Cursor:
    """A query's tokens and where reading has come to."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._at = 0

    @property
    def now(self) -> Token:
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        return self.peek(1)

    def peek(self, ahead: int) -> Token:
        return self._tokens[min(self._at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self._at += 1
        return token

    def unexpected(self, token: Token | None = None, *, since: int | None = None) -> ApiError:
        """The refusal of a token; `since` is where the words begin that make no sense together."""
        token = token or self.now
        shown = token.text if since is None else self.text[since : token.end]
        if token.at == 0 and token.kind != "end":
            return ApiError(400, "MALFORMED_QUERY", f"unexpected token: {shown}")
        return ungrammatical(self.text, token.at, f"unexpected token: '{shown}'")

    def missing(self) -> ApiError:
        """The refusal of a token that would fit if something stood before it."""
        return ungrammatical(self.text, self.now.at, f"missing value at '{self.now.text}'")

    def at_word(self, *words: str) -> bool:
        return self.now.kind == "name" and self.now.upper in words

    def word(self, *words: str) -> bool:
        """Take the next word if it is one of `words`."""
        if self.at_word(*words):
            self.take()
            return True
        return False

    def expect_word(self, word: str) -> None:
        if not self.word(word):
            raise self.unexpected()

    def at_op(self, text: str) -> bool:
        return self.now.kind == "op" and self.now.text == text

    def op(self, text: str) -> bool:
        if self.at_op(text):
            self.take()
            return True
        return False

    def expect(self, text: str) -> None:
        if self.op(text):
            return
        beyond = self.following.kind == "op" and self.following.text == text
        if text == ")" and self.now.upper in _AFTER_BRACKET and not beyond:
            raise self.missing()
        raise self.unexpected()

    def path(self) -> Path:
        if self.now.kind != "name":
            raise self.unexpected()
        token = self.take()
        return Path(tuple(token.text.split(".")), token.at)

    def paths(self) -> tuple[Path, ...]:
        out = [self.path()]
        while self.op(","):
            out.append(self.path())
        return tuple(out)

    def integer(self) -> int:
        """A count; one beyond 32 bits is as good as without bound."""
        token = self.take()
        if token.kind != "number" or not token.text.isascii() or not token.text.isdigit():
            raise self.unexpected(token)
        return MAX_COUNT if len(token.text) > 10 else min(int(token.text), MAX_COUNT)
