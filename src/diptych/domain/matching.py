"""Match rules: when two Salesforce records are one person (D-46, D-47; design decision 2).

The default rule is none: each Salesforce record is a person of its own. By choice: the same e-mail; the same e-mail and
name; the same value of a field that is an id elsewhere too. Pure: rows in, groups out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from diptych.domain.values import Value, to_text


class MatchRule(StrEnum):
    NONE = "none"
    EMAIL = "email"
    EMAIL_NAME = "email+name"
    EXTERNAL_ID = "external-id"


@dataclass(frozen=True)
class Matching:
    """A rule, and the column it looks at when it is the external id."""

    rule: MatchRule = MatchRule.NONE
    column: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that must agree; empty when nothing is matched."""
        match self.rule:
            case MatchRule.EMAIL:
                return ("email",)
            case MatchRule.EMAIL_NAME:
                return ("email", "first_name", "last_name")
            case MatchRule.EXTERNAL_ID:
                return (self.column,) if self.column else ()
        return ()

    def key_of(self, values: Mapping[str, Value]) -> tuple[str, ...] | None:
        """What two records of one person have in common; None for one that matches nobody. Case and outer blanks do not
        count. A first name may be lacking, provided that it is lacking on both; the first column and a last name may not."""
        key = [_folded(values.get(column)) for column in self.columns]
        if not key or not key[0] or (self.rule is MatchRule.EMAIL_NAME and not key[2]):
            return None
        return tuple(key)

    def texts_of(self, values: Mapping[str, Value]) -> set[str]:
        """What to look for in the first column: the text as Python and as the databases fold it, which differ beyond ASCII
        (SQLite leaves such letters as they are, and neither knows that ß is ss). `key_of` says afterwards who agrees."""
        text = (to_text(values.get(self.columns[0])) or "").strip() if self.columns else ""
        plain = "".join(letter.lower() if letter.isascii() else letter for letter in text)
        return {text.casefold(), text.lower(), plain} - {""}


@dataclass(frozen=True)
class Group:
    """People whom a rule takes for one. `people` in order of id."""

    key: tuple[str, ...]
    people: tuple[int, ...]


def groups(matching: Matching, rows: Iterable[tuple[int, Mapping[str, Value]]]) -> list[Group]:
    """The groups of two and more, in order of the first person."""
    found: dict[tuple[str, ...], list[int]] = {}
    for person_id, values in rows:
        key = matching.key_of(values)
        if key is not None:
            found.setdefault(key, []).append(person_id)
    alike = [Group(key, tuple(sorted(set(people)))) for key, people in found.items()]
    return sorted((g for g in alike if len(g.people) > 1), key=lambda g: g.people)


@dataclass(frozen=True)
class Verdict:
    """Whom a new record belongs to: the person to join, nobody (a new person), or several (ambiguous: no guess, N-28)."""

    person_id: int | None = None
    ambiguous: tuple[int, ...] = ()


def verdict(people: Sequence[int]) -> Verdict:
    """`people`: who matches the new record."""
    alike = tuple(dict.fromkeys(people))
    if len(alike) == 1:
        return Verdict(alike[0])
    return Verdict(ambiguous=alike)


def _folded(value: Value) -> str:
    return (to_text(value) or "").strip().casefold()
