"""Record ids: 15 case-sensitive characters, or 18 with a checksum that survives case folding."""

from __future__ import annotations

import re
import sqlite3

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SUFFIX = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_SHAPE = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")
INSTANCE = "Pr0"
"""The three characters after the key prefix: which instance minted the id."""


_CASE = {ord(c): "1" if c.isupper() else "0" for c in ALPHABET}
_LETTERS = {f"{bits:05b}"[::-1]: letter for bits, letter in enumerate(_SUFFIX)}


def checksum(id15: str) -> str:
    """The three characters that tell which of the fifteen are upper case."""
    case = id15.translate(_CASE)
    return _LETTERS[case[:5]] + _LETTERS[case[5:10]] + _LETTERS[case[10:15]]


def to18(value: str) -> str | None:
    """The 18-character form of a 15- or 18-character id; None when `value` is no id.

    The case of the first 15 characters of an 18-character id is restored from its suffix, as
    Salesforce does, so that an id folded to one case still finds its record.
    """
    if not _SHAPE.match(value):
        return None
    if len(value) == 15:
        return value + checksum(value)
    suffix = value[15:].upper()
    if suffix == checksum(value[:15]):
        return value[:15] + suffix
    return _restore(value[:15], suffix)


def _restore(id15: str, suffix: str) -> str | None:
    chars = []
    for start, letter in zip((0, 5, 10), suffix, strict=True):
        bits = _SUFFIX.find(letter)
        if bits < 0:
            return None
        for offset in range(5):
            char = id15[start + offset]
            chars.append(char.upper() if bits >> offset & 1 else char.lower())
    restored = "".join(chars)
    return restored + suffix if checksum(restored) == suffix else None


def encode(prefix: str, number: int) -> str:
    """The id of the `number`-th record of a key prefix; rising numbers give rising ids."""
    digits = []
    for _ in range(9):
        number, rest = divmod(number, 62)
        digits.append(ALPHABET[rest])
    if number:
        raise OverflowError("the sequence of this key prefix is used up")
    id15 = prefix + INSTANCE + "".join(reversed(digits))
    return id15 + checksum(id15)


def mint(writer: sqlite3.Connection, prefix: str, count: int = 1) -> list[str]:
    """Take `count` fresh ids of a key prefix, inside the writer's transaction."""
    row = writer.execute(
        "INSERT INTO _sequence(prefix, next) VALUES(?, ? + 1) "
        "ON CONFLICT(prefix) DO UPDATE SET next = next + ? RETURNING next",
        (prefix, count, count),
    ).fetchone()
    last = int(row[0])
    return [encode(prefix, number) for number in range(last - count, last)]


def take_number(writer: sqlite3.Connection, sequence: str) -> int:
    """The next number, from 0, of a named sequence, inside the writer's transaction."""
    row = writer.execute(
        "INSERT INTO _sequence(prefix, next) VALUES(?, 1) "
        "ON CONFLICT(prefix) DO UPDATE SET next = next + 1 RETURNING next",
        (sequence,),
    ).fetchone()
    return int(row[0]) - 1
