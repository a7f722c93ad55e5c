"""Choosing what is synced: fields taken in or left out, and what may not be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diptych.domain.objects import SYNCED_OBJECTS, synced_object
from diptych.domain.schema import ObjectDescription
from diptych.domain.selection import Use, use_of
from diptych.setup import state as kept
from diptych.setup.field_choice import chosen
from diptych.setup.state import SetupRefused
from diptych.sync.ports import Transaction


def choose(
    unit: Transaction, described: Mapping[str, ObjectDescription], names: Sequence[str], wanted: bool
) -> None:
    """Take these fields (`Object.Field`) into what is synced, or out of it. Raises SetupRefused for one that cannot be."""
    selected = {name: list(fields) for name, fields in chosen(described, kept.read_selection(unit)).items()}
    for name in names:
        object_name, _, field = name.partition(".")
        if object_name not in described or field not in described[object_name].fields:
            raise SetupRefused(
                f"{name} is not a field that the sync user sees.",
                "Write it as Object.Field with API names, such as Lead.City.",
            )
        use, reason = use_of(synced_object(object_name), described[object_name], field)
        if wanted and use is Use.NEVER:
            raise SetupRefused(f"{name} cannot be chosen: {reason}.")
        if not wanted and use is Use.ALWAYS:
            raise SetupRefused(f"{name} cannot be left out: {reason}.")
        if wanted and field not in selected[object_name]:
            selected[object_name].append(field)
        elif not wanted and field in selected[object_name]:
            selected[object_name].remove(field)
    kept.save_selection(unit, {name: tuple(fields) for name, fields in selected.items()})


def need_some(described: Mapping[str, ObjectDescription], selected: Mapping[str, tuple[str, ...]]) -> None:
    """Raises SetupRefused where nothing of a two-way object is chosen."""
    for known in SYNCED_OBJECTS:
        if not known.two_way:
            continue
        own = [
            n for n in selected[known.name] if use_of(known, described[known.name], n)[0] is not Use.ALWAYS
        ]
        if not own:
            raise SetupRefused(
                f"No field of {known.name} is chosen.",
                "Choose at least one (diptych fields select Lead.Phone, or tick it in the list).",
            )
