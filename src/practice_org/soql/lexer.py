"""SOQL's words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from practice_org.soql.refusal import ungrammatical

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<datetime>\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:?\d{2}))
  | (?P<date>\d{4}-\d{2}-\d{2})
  | (?P<time>\d{2}:\d{2}:\d{2}(?:\.\d+)?[Zz]?)
  | (?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<string>'(?:[^'\\]|\\.)*')
  | (?P<currency>[A-Z]{3}(?:-\d+(?:\.\d+)?|\d+\.\d+)(?![\w.]))
  | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
  | (?P<op><=|>=|!=|<>|=|<|>|\(|\)|,|:)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """One word; `kind` is the name of its group in the pattern, or `end`."""

    kind: str
    text: str
    at: int

    @property
    def upper(self) -> str:
        return self.text.upper()

    @property
    def end(self) -> int:
        return self.at + len(self.text)


def tokens(text: str) -> list[Token]:
    """The tokens of a query, ended by one of kind `end`.

    Comments are no words of SOQL: they are refused at their first character.
    Raises ApiError MALFORMED_QUERY at a character that begins no token.
    """
    out: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            shown = text[at:] if text[at] == "'" else text[at]
            raise ungrammatical(text, at, f"unexpected token: '{shown}'")
        kind = match.lastgroup or ""
        if kind != "space":
            out.append(Token(kind, match.group(), at))
        at = match.end()
    out.append(Token("end", "<EOF>", len(text)))
    return out


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_HEX = re.compile(r"[0-9A-Fa-f]{4}")


def unquote(token: Token, text: str, *, pattern: bool = False) -> str:
    """The value of a string literal. With `pattern`, `\\%` and `\\_` stay escaped for LIKE.

    Raises ApiError MALFORMED_QUERY for an unknown escape.
    """
    raw = token.text[1:-1]
    if "\\" not in raw:
        return raw
    out: list[str] = []
    at = 0
    while at < len(raw):
        char = raw[at]
        if char != "\\":
            out.append(char)
            at += 1
            continue
        follow = raw[at + 1]
        if follow in "uU" and _HEX.match(raw, at + 2):
            out.append(chr(int(raw[at + 2 : at + 6], 16)))
            at += 6
            continue
        if follow in "%_":
            out.append("\\" + follow if pattern else follow)
        elif follow == "\\" and pattern:
            out.append("\\\\")
        elif follow.lower() in _ESCAPES:
            out.append(_ESCAPES[follow.lower()])
        else:
            raise ungrammatical(
                text,
                token.at,
                f"Invalid string literal '{raw}'. Illegal character sequence '\\{follow}' in string literal.",
            )
        at += 2
    # A lone surrogate from \uD800 cannot be stored or compared as UTF-8.
    return "".join(out).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
