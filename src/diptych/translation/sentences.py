"""A sentence of the engine is known again by its message, and said in another language with the same values in it.

The engine speaks, stores and logs English; what was stored by an older version is read in the same way. A text that is no sentence
of the engine (Salesforce's own words, what somebody typed) is none of the messages and stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from diptych.translation import moments
from diptych.translation.catalogue import ENGLISH, sentences_of

_PLACE = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER, _UP_TO_A_MARK = re.compile(r"\d[\d,.]*(?<![,.])"), re.compile(r"[^,;(]*")
_BETWEEN = re.compile(r"(?<=[.;:!?)])\s+|\n+")
_DEPTH = 4
_LONGEST = 4000
_JOINTS = {"and_": (" and ", " y "), "list_": (", ", ", "), "attributes": (", ", ", ")}


@dataclass(frozen=True)
class Message:
    """A message with places for values: `parts` is the text around them, `names` what the places are called."""

    text: str
    parts: tuple[str, ...]
    names: tuple[str, ...]
    words: int

    @classmethod
    def of(cls, text: str) -> Message:
        pieces = _PLACE.split(text)
        parts = tuple(pieces[::2])
        return cls(text, parts, tuple(pieces[1::2]), len(_WORD.findall(" ".join(parts))))

    @property
    def first_word(self) -> str:
        """The word it begins with; empty when a place does, or is part of it."""
        word, blank, _rest = self.parts[0].partition(" ")
        return word if blank else ""

    @property
    def is_telling(self) -> bool:
        """Whether it is known by its words alone; else ('{n} records') each of its values has to be one word."""
        around = "".join(self.parts).strip()
        return self.words > 1 or around[:1].isupper() or any(mark in around for mark in ":?.(")

    @property
    def weight(self) -> int:
        return sum(map(len, self.parts))

    def values(self, text: str) -> dict[str, str] | None:
        """The values of the places in this text; None when it is another sentence."""
        first, *middle, last = self.parts
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return None
        end, at, found = len(text) - len(last), len(first), []
        for number, part in enumerate(middle, 1):
            there = text.find(part, at, end) if part else self._edge(text, at, end, number)
            if self.names[number - 1].startswith("and_"):  # 'Read and Edit' is one value
                while there >= 0 and part and text.startswith("and ", there + len(part)):
                    there = text.find(part, there + len(part) + len("and "), end)
            if there < 0:
                return None
            found.append(text[at:there])
            at = there + len(part)
        return dict(zip(self.names, [*found, text[at:end]], strict=True))

    def _edge(self, text: str, at: int, end: int, number: int) -> int:
        """Where the first of two places ends that touch each other: with its number, else before a comma or bracket."""
        after = next((part for part in self.parts[number + 1 : -1] if part), "")
        limit = text.find(after, at, end) if after else end
        found = _NUMBER.match(text, at, limit) or _UP_TO_A_MARK.match(text, at, limit)
        return found.end() if found else at


@cache
def _messages(language: str) -> tuple[Message, ...]:
    """Those with places, the most telling first."""
    found = [Message.of(text) for text in sentences_of(language) if _PLACE.search(text)]
    return tuple(sorted(found, key=lambda one: (-one.weight, one.text)))


@lru_cache(maxsize=2048)
def _candidates(language: str, word: str) -> tuple[Message, ...]:
    """Those that a text with this first word can be, the most telling first."""
    return tuple(one for one in _messages(language) if one.first_word in ("", word))


@lru_cache(maxsize=4096)
def translated(text: str, language: str) -> str | None:
    """The text in this language; None when nothing of it is a sentence of the engine. In English its times and days alone
    are written anew."""
    if not text.strip() or len(text) > _LONGEST or (language == ENGLISH and not moments.are_in(text)):
        return None
    return _whole(text, language, 2, 0) or _in_parts(text, language)


def said(text: str, language: str) -> str:
    """The text in this language as far as it is the engine's; the rest stays."""
    return translated(text, language) or text


def _whole(text: str, language: str, words: int, depth: int) -> str | None:
    """One sentence, with its values. `words`: as many a message without places has at least, so that it is no accident."""
    known = sentences_of(language)
    plain = text.strip()
    if plain in known and (words < 2 or len(plain.split()) > 1):
        return known[plain]
    if depth > _DEPTH:
        return None
    for message in _candidates(language, plain.partition(" ")[0]):
        values = message.values(plain)
        if values is not None and (
            message.is_telling or all(len(one.split()) == 1 for one in values.values())
        ):
            return _filled(known[message.text], values, language, depth)
    return _capitalised(plain, language, words, depth)


def _capitalised(text: str, language: str, words: int, depth: int) -> str | None:
    """A phrase that was made the beginning of a sentence."""
    small = text[:1].lower() + text[1:]
    if not text[:1].isupper() or not text[1:2].islower():
        return None
    found = sentences_of(language).get(small) if " " in small else None
    if found is None and len(text.split()) > 3:  # of fewer words it may be anybody's
        found = _whole(small, language, words, depth)
    return None if found is None else found[0].upper() + found[1:]


def _filled(pattern: str, values: dict[str, str], language: str, depth: int) -> str:
    found = _PLACE.sub(lambda match: _value(match[1], values.get(match[1], ""), language, depth + 1), pattern)
    return found.replace("UTC UTC", "UTC")


def _value(name: str, value: str, language: str, depth: int) -> str:
    """A value within a sentence: a phrase of ours, a list of such, a time, a number; or somebody's own."""
    if not value.strip() or value[0] in "'\"`":
        return value
    for prefix, (theirs, ours) in _JOINTS.items():
        if name.startswith(prefix) and theirs in value:
            return ours.join(_value("", one, language, depth) for one in value.split(theirs))
    found = _whole(value, language, 1, depth)
    if found is not None:
        return value[: len(value) - len(value.lstrip())] + found + value[len(value.rstrip()) :]
    return _two(value, language, depth) or _in_parts(value, language) or moments.in_text(value, language)


def _two(value: str, language: str, depth: int) -> str | None:
    """Two phrases, one after the other."""
    if depth > _DEPTH or len(value) > 300:
        return None
    for space in re.finditer(r" ", value.strip()):
        left, right = value.strip()[: space.start()], value.strip()[space.end() :]
        one, other = _whole(left, language, 1, _DEPTH), _whole(right, language, 1, _DEPTH)
        if one and other and (len(left.split()) > 1 or len(right.split()) > 1):
            return f"{one} {other}"
    return None


def _in_parts(text: str, language: str) -> str | None:
    """Several sentences, one after the other; what is none stays. None when none of them is known."""
    breaks = [0, *(match.end() for match in _BETWEEN.finditer(text)), len(text)]
    found: list[str] = []
    known, start = False, 0
    while start < len(breaks) - 1:
        for end in range(len(breaks) - 1, start, -1):
            part = text[breaks[start] : breaks[end]]
            body = part.rstrip()
            whole = (start, end) == (0, len(breaks) - 1)
            said_so = None if whole or not body else _part(body, language)
            if said_so is not None:
                found.append(said_so + part[len(body) :])
                known, start = True, end
                break
        else:
            found.append(text[breaks[start] : breaks[start + 1]])
            start += 1
    return "".join(found) if known else None


def _part(body: str, language: str) -> str | None:
    found = _whole(body, language, 2, 1)
    if found is None and body[-1] in ";:":
        found = _whole(body[:-1], language, 2, 1) or _head(body[:-1], language)
        return None if found is None else found + body[-1]
    return found


def _head(text: str, language: str) -> str | None:
    """What stands before a colon: 'Lead, Pull updates'."""
    known = sentences_of(language)
    pieces = text.split(", ")
    if len(pieces) < 2 or pieces[-1] not in known:
        return None
    return ", ".join(known.get(one, one) for one in pieces)


def listed(text: str, language: str) -> str:
    """Words of ours with commas between them: 'Length 40, Unique'."""
    return _value("list_", text, language, 1) if text and language != ENGLISH else text


def term(word: str, language: str) -> str:
    """A single word of ours, such as the kind of a run; one that there is not stays."""
    return sentences_of(language).get(word) or said(word, language)
