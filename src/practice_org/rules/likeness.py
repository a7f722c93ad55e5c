"""When two values of a field count as the same: the methods of matching rules.

`Exact` compares without case. The fuzzy methods normalize both sides and compare what is left, as the help
page "Matching Methods Used with Matching Rules" describes them; the real scores are not public, so a pair
near the border may be judged otherwise [K].
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from types import MappingProxyType

_COMPANY_WORDS = frozenset(
    [
        "inc",
        "incorporated",
        "corp",
        "corporation",
        "co",
        "company",
        "ltd",
        "limited",
        "llc",
        "llp",
        "plc",
        "gmbh",
        "ag",
        "sa",
        "sarl",
        "srl",
        "bv",
        "nv",
        "ab",
        "oy",
        "the",
        "and",
        "of",
        "group",
        "holding",
        "holdings",
    ]
)
_STREET_WORDS = {
    "street": "st", "avenue": "ave", "road": "rd", "boulevard": "blvd", "drive": "dr", "lane": "ln",
    "suite": "ste", "square": "sq", "court": "ct", "place": "pl", "north": "n", "south": "s", "east": "e",
    "west": "w",
}  # fmt: skip
_NICKNAMES = (
    "william will bill billy", "robert rob bob bobby", "richard rick dick rich", "michael mike mick",
    "james jim jimmy", "john jack johnny", "elizabeth liz beth betty lisa", "margaret meg peggy maggie",
    "katherine catherine kate kathy cathy katie", "thomas tom tommy", "joseph joe joey", "daniel dan danny",
    "david dave", "edward ed eddie ted", "anthony tony", "andrew andy drew", "christopher chris",
    "matthew matt", "nicholas nick", "samuel samantha sam", "steven stephen steve", "susan sue suzanne",
    "jennifer jen jenny", "jessica jess", "patricia patrick pat", "rebecca becky", "charles charlie chuck",
    "benjamin ben", "alexander alexandra alex", "gregory greg", "jonathan jon", "kenneth ken", "ronald ron",
    "timothy tim", "victoria vicky",
)  # fmt: skip
_FORMAL: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        name: frozenset(number for number, names in enumerate(_NICKNAMES) if name in names.split())
        for names in _NICKNAMES
        for name in names.split()
    }
)


def plain(text: str) -> str:
    """Letters and digits only, without case and accents; words one space apart."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        re.sub(r"[^\w\s]|_", " ", "".join(c for c in folded if not unicodedata.combining(c))).split()
    )


def digits(text: str) -> str:
    """The last ten digits of a phone number: without country code, separators and extension."""
    number = re.split(r"(?i)\s*(?:ext|x)\.?\s*\d+\s*$", text)[0]
    return re.sub(r"\D", "", number)[-10:]


def company(text: str) -> str:
    """A company's name without its legal form."""
    words = plain(text).split()
    kept = [word for word in words if word not in _COMPANY_WORDS]
    return " ".join(kept or words)


def _near(a: str, b: str) -> bool:
    """Equal, or one slip apart in a word of five letters or more."""
    if a == b:
        return True
    if min(len(a), len(b)) < 5 or abs(len(a) - len(b)) > 1:
        return False
    return _one_edit(a, b)


def _one_edit(a: str, b: str) -> bool:
    if len(a) > len(b):
        a, b = b, a
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    swapped = a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :]
    return swapped or a[at + 1 :] == b[at + 1 :]


def _first_name(a: str, b: str) -> bool:
    one, two = plain(a).split(), plain(b).split()
    if not one or not two:
        return False
    x, y = one[0], two[0]
    if len(x) == 1 or len(y) == 1:
        return x[0] == y[0]
    return _near(x, y) or bool(_FORMAL.get(x, frozenset()) & _FORMAL.get(y, frozenset()))


def _street(text: str) -> str:
    return " ".join(_STREET_WORDS.get(word, word) for word in plain(text).split())


METHODS: Mapping[str, Callable[[str, str], bool]] = MappingProxyType(
    {
        "Exact": lambda a, b: a.strip().casefold() == b.strip().casefold(),
        "FirstName": _first_name,
        "LastName": lambda a, b: _near(plain(a), plain(b)),
        "CompanyName": lambda a, b: _near(company(a), company(b)),
        "Phone": lambda a, b: len(digits(a)) >= 6 and digits(a) == digits(b),
        "City": lambda a, b: _near(plain(a), plain(b)),
        "Street": lambda a, b: _street(a) == _street(b),
        "Zip": lambda a, b: plain(a).replace(" ", "")[:5] == plain(b).replace(" ", "")[:5],
        "Title": lambda a, b: plain(a) == plain(b),
    }
)
"""By the names that MatchingRuleItem.MatchingMethod has."""
