"""The hex bitmaps in which change events name fields (`0x650004E0`, `4-0x03`).

The first bitmap is about the fields of the schema, the header being field 0; each further one, behind the
number of a compound field, about its parts. A compound field whose parts are named has no bit of its own,
as recorded events show once they are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable

Place = tuple[int, int | None]
"""A field's number in the schema, and the number of the part within it, if it is a compound."""


def bitmaps(places: Iterable[Place]) -> list[str]:
    """The texts that name these fields; none for no fields."""
    top = 0
    parts: dict[int, int] = {}
    for number, part in places:
        if part is None:
            top |= 1 << number
        else:
            parts[number] = parts.get(number, 0) | 1 << part
    texts = [_hex(top)] if top else []
    return texts + [f"{number}-{_hex(bits)}" for number, bits in sorted(parts.items())]


def _hex(bits: int) -> str:
    digits = f"{bits:X}"
    return "0x" + digits.rjust(len(digits) + len(digits) % 2, "0")
