"""The text of a formula to its tree, by recursive descent.

Operators from loose to tight: `||`, `&&`, comparisons, `&`, `+ -`, `* /`, `^`, then signs. `AND`, `OR` and
`NOT` are functions. Comments are `/* */`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from practice_org.formula.refusal import FormulaError
from practice_org.formula.tree import Call, Literal, Name, Node

_TOKEN = re.compile(
    r"(?:\s|/\*.*?\*/)*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>\$?[A-Za-z]\w*(?:[.:][A-Za-z]\w*)*)"
    r"|(?P<op>&&|\|\||==|!=|<>|<=|>=|[-+*/^&=<>!(),]))",
    re.DOTALL,
)
_BLANK = re.compile(r"(?:\s|/\*.*?\*/)*\Z", re.DOTALL)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("=", "==", "!=", "<>"),
    ("<", "<=", ">", ">="),
    ("&",),
    ("+", "-"),
    ("*", "/"),
)
_LEVEL_OF = {op: level for level, ops in enumerate(_LEVELS) for op in ops}
_SAME = {"==": "=", "<>": "!=", "&&": "AND", "||": "OR"}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
DEEPEST = 100
LONGEST = 3900
"""Characters of a formula, as in Setup."""


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """The tree of a formula. Raises FormulaError."""
    if len(text) > LONGEST:
        raise FormulaError(
            f"Formula is too long ({len(text):,} characters). Maximum length is 3,900 characters."
        )
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

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

    def whole(self) -> Node:
        node = self._level(0)
        kind, text = self._tokens[self._at]
        if kind != "end":
            raise FormulaError(
                f"Syntax error. Extra {text}" if text in ",)" else f"Syntax error. Found '{text}'"
            )
        return node

    def _level(self, loosest: int) -> Node:
        """An expression whose operators bind as tightly as those of a level, or tighter."""
        left = self._power()
        while (level := self._level_ahead()) >= loosest:
            _, op = self._take()
            left = Call(_SAME.get(op, op), (left, self._level(level + 1)))
        return left

    def _level_ahead(self) -> int:
        kind, text = self._tokens[self._at]
        return _LEVEL_OF.get(text, -1) if kind == "op" else -1

    def _power(self) -> Node:
        base = self._sign()
        while self._op("^"):
            base = Call("^", (base, self._sign()))
        return base

    def _sign(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FormulaError("Formula is too deeply nested")
        try:
            if self._op("-"):
                return Call("-", (self._sign(),))
            if self._op("+"):
                return self._sign()
            if self._op("!"):
                return Call("NOT", (self._sign(),))
            return self._atom()
        finally:
            self._depth -= 1

    def _atom(self) -> Node:
        if self._op("("):
            inner = self._level(0)
            self._closed()
            return inner
        kind, text = self._take()
        if kind == "number":
            return Literal(float(text) if "." in text else int(text))
        if kind == "string":
            return Literal(_unquoted(text))
        if kind == "name":
            return self._named(text)
        if kind == "end":
            raise FormulaError("Syntax error. Found 'end of formula'")
        raise FormulaError(f"Syntax error. Found '{text}'")

    def _named(self, text: str) -> Node:
        if self._op("("):
            args: list[Node] = []
            while not self._op(")"):
                if args and not self._op(","):
                    self._closed()
                args.append(self._level(0))
            return Call(text.upper(), tuple(args))
        constant = text.upper()
        if constant in ("TRUE", "FALSE"):
            return Literal(constant == "TRUE")
        if constant == "NULL":
            return Literal(None)
        return Name(tuple(text.split(".")))

    def _closed(self) -> None:
        if not self._op(")"):
            raise FormulaError("Syntax error. Missing ')'")


def _tokens(text: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    at = 0
    while not _BLANK.match(text, at):
        match = _TOKEN.match(text, at)
        if match is None:
            found = text[at:].strip()[:1]
            missing = "Missing '\"'" if found in "\"'" else f"Found '{found}'"
            raise FormulaError(f"Syntax error. {missing}")
        kind = match.lastgroup or ""
        out.append((kind, match.group(kind)))
        at = match.end()
    out.append(("end", ""))
    return out


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1], flags=re.DOTALL)
