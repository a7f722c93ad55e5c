"""Which Lead and Contact fields are one field of a person: similar names, fitting types, never a guess between two (S-48).

Pure: descriptions and choices in, a proposed mapping with a reason for each pair out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from diptych.domain.schema import FieldDescription

_NEAR_ENOUGH = 8  # characters a name must have before one letter may differ
_TEXT_TYPES = frozenset({"string", "textarea", "picklist", "combobox"})
_SPELLINGS = (
    (re.compile(r"(?<=[a-z]{2})our(?=$|[a-z])"), "or"),  # colour, favourite, behaviour
    (re.compile(r"(?<=[a-z]{3})is(?=e$|ed$|ing$|ation)"), "iz"),  # organisation
    (re.compile(r"tre$"), "ter"),  # centre
    (re.compile(r"ogue$"), "og"),  # catalogue
    (re.compile(r"^programme$"), "program"),
    (re.compile(r"^licence$"), "license"),
    (re.compile(r"^enquiry$"), "inquiry"),
    (re.compile(r"^grey$"), "gray"),
)


@dataclass(frozen=True)
class Pairing:
    """A Lead field and a Contact field that share a column, and why."""

    lead_field: str
    contact_field: str
    reason: str


@dataclass(frozen=True)
class LeftAlone:
    """A field that has a look-alike on the other object and still was not paired, and why."""

    object_name: str
    field: str
    reason: str


def words_of(api_name: str) -> list[str]:
    """The words of an API name in lower case, without the custom suffix: `Favourite_Color__c` gives favourite, color."""
    name = re.sub(r"__[a-z]+$", "", api_name, flags=re.IGNORECASE)
    name = re.sub(r"([a-z])([A-Z])|([0-9])(?=[A-Z][a-z])", r"\1\3_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]


def plain_name(api_name: str) -> str:
    """A name without case, underscores, British spelling and the object's own name in front."""
    words = [_american(word) for word in words_of(api_name)]
    if len(words) > 1 and words[0] in ("lead", "contact"):
        words = words[1:]
    return "".join(words)


def compatible(a: FieldDescription, b: FieldDescription) -> str | None:
    """Why the two cannot share a column, or None when they can."""
    if a.calculated != b.calculated:
        return "one of them is a formula"
    if a.type in _TEXT_TYPES and b.type in _TEXT_TYPES:
        return None
    if a.type != b.type:
        return f"their types differ ({a.type} and {b.type})"
    if a.type in ("double", "currency", "percent") and (a.scale == 0) != (b.scale == 0):
        return "only one of them has decimals"
    if a.type == "reference" and not set(a.reference_to) & set(b.reference_to):
        return "they point at different objects"
    return None


def pair_fields(
    lead: Iterable[FieldDescription],
    contact: Iterable[FieldDescription],
    apart: Collection[str] = (),
) -> tuple[list[Pairing], list[LeftAlone]]:
    """Pair custom Lead fields with custom Contact fields, surest likeness first.

    A likeness counts only when it is the only one on both sides. `apart`: `Object.Field` names a person has broken.
    """
    leads = {f.name: f for f in lead if f"Lead.{f.name}" not in apart}
    contacts = {f.name: f for f in contact if f"Contact.{f.name}" not in apart}
    pairings: list[Pairing] = []
    left: dict[tuple[str, str], LeftAlone] = {}
    for alike, reason in _LIKENESSES:
        found = {
            (a.name, b.name): compatible(a, b)
            for a in leads.values()
            for b in contacts.values()
            if alike(a, b)
        }
        for (one, other), misfit in found.items():
            rivals = [p for p, why in found.items() if why is None and (p[0] == one or p[1] == other)]
            if misfit is not None:
                left.setdefault(("Lead", one), LeftAlone("Lead", one, f"{reason} as {other}, but {misfit}"))
                left.setdefault(
                    ("Contact", other), LeftAlone("Contact", other, f"{reason} as {one}, but {misfit}")
                )
            elif len(rivals) > 1:
                names = ", ".join(
                    sorted({f"Lead.{p[0]}" for p in rivals} | {f"Contact.{p[1]}" for p in rivals})
                )
                left[("Lead", one)] = LeftAlone("Lead", one, f"more than one field is alike: {names}")
                left[("Contact", other)] = LeftAlone(
                    "Contact", other, f"more than one field is alike: {names}"
                )
            else:
                pairings.append(Pairing(one, other, reason))
        for pairing in pairings:
            leads.pop(pairing.lead_field, None)
            contacts.pop(pairing.contact_field, None)
            left.pop(("Lead", pairing.lead_field), None)
            left.pop(("Contact", pairing.contact_field), None)
    return pairings, list(left.values())


def _american(word: str) -> str:
    for pattern, spelling in _SPELLINGS:
        word = pattern.sub(spelling, word)
    return word


def _near(a: FieldDescription, b: FieldDescription) -> bool:
    one, other = plain_name(a.name), plain_name(b.name)
    if min(len(one), len(other)) < _NEAR_ENOUGH or re.sub(r"\D", "", one) != re.sub(r"\D", "", other):
        return False
    return _one_letter_apart(one, other)


def _one_letter_apart(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1:
        return False
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    rest_one, rest_other = one[same:], other[same:]
    return rest_one[1:] == rest_other[1:] or rest_one[1:] == rest_other or rest_one == rest_other[1:]


_LIKENESSES: tuple[tuple[Callable[[FieldDescription, FieldDescription], bool], str], ...] = (
    (lambda a, b: a.name.lower() == b.name.lower(), "same API name"),
    (lambda a, b: a.label.strip().lower() == b.label.strip().lower(), "same label"),
    (lambda a, b: plain_name(a.name) == plain_name(b.name), "same name but for spelling"),
    (_near, "nearly the same name"),
)


def column_name(api_name: str, taken: Collection[str] = (), suffix: str = "") -> str:
    """A free column name for a field: its API name in snake_case, with `suffix` or a number when that is taken."""
    plain = "_".join(words_of(api_name))[:55].rstrip("_") or "field"
    if plain[0].isdigit():
        plain = f"f_{plain}"
    choices = [plain, f"{plain}_{suffix}" if suffix else plain, *(f"{plain}_{n}" for n in range(2, 1000))]
    return next(name for name in choices if name not in taken)


def by_field(pairings: Iterable[Pairing]) -> Mapping[str, Pairing]:
    """Pairings keyed by their Contact field."""
    return {p.contact_field: p for p in pairings}
