"""What a change of mapping makes of values that differ on both sides: the table, and that it says what `merge` does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping_effect import Differing, Fate, Outcome, counts, effects, outcome
from diptych.domain.values import Kind

CITY = FieldMapping("Lead", "City", "person", "city", Kind.TEXT, Direction.BOTH, Policy.SALESFORCE)
CONSENT = FieldMapping(
    "Lead", "HasOptedOutOfEmail", "person", "unsubscribed", Kind.BOOLEAN, Direction.BOTH, Policy.MOST_RESTRICTIVE
)  # fmt: skip


def differing(ours: Any, base: Any, theirs: Any = "same", held: bool = False) -> Differing:
    return Differing(1, "00Q1", base, ours, base if theirs == "same" else theirs, held)


EDIT, BLANKED, FILLED = differing("Rom", "Bonn"), differing(None, "Bonn"), differing("Rom", None)


@pytest.mark.parametrize(
    ("change", "value", "expected"),
    [
        ({}, EDIT, Outcome(Fate.SENT, "Rom", "Rom")),
        ({"direction": Direction.INBOUND}, EDIT, Outcome(Fate.TAKEN, "Bonn", "Bonn")),
        ({"direction": Direction.OUTBOUND}, EDIT, Outcome(Fate.SENT, "Rom", "Rom")),
        ({"policy": Policy.WRITE_ONCE}, EDIT, Outcome(Fate.TAKEN, "Bonn", "Bonn")),
        ({"policy": Policy.WRITE_ONCE}, FILLED, Outcome(Fate.SENT, "Rom", "Rom")),
        ({"blanks": Blanks.KEEP_SALESFORCE}, BLANKED, Outcome(Fate.TAKEN, "Bonn", "Bonn")),
        ({"direction": Direction.INBOUND, "blanks": Blanks.KEEP_OURS}, FILLED, Outcome(Fate.STAYS, "Rom", None)),
        ({"direction": Direction.INBOUND}, FILLED, Outcome(Fate.TAKEN, None, None)),
        ({"policy": Policy.ASK}, differing("Rom", "Bonn", "Köln"), Outcome(Fate.ASKED, "Rom", "Köln")),
        ({"policy": Policy.OURS}, differing("Rom", "Bonn", "Köln"), Outcome(Fate.SENT, "Rom", "Rom")),
        ({"policy": Policy.SALESFORCE}, differing("Rom", "Bonn", "Köln"), Outcome(Fate.TAKEN, "Köln", "Köln")),
        ({"nillable": False}, BLANKED, Outcome(Fate.STAYS, None, "Bonn")),
        ({}, differing("Rom", "Bonn", held=True), Outcome(Fate.STAYS, "Rom", "Bonn")),
        ({}, differing("Rom", "Bonn", "Rom"), Outcome(Fate.STAYS, "Rom", "Rom")),
    ],
)  # fmt: skip
def test_the_fate_of_a_differing_value(change: dict[str, Any], value: Differing, expected: Outcome) -> None:
    assert outcome(replace(CITY, **change), value) == expected


def test_a_refusal_of_consent_is_never_undone_by_a_change_of_direction() -> None:
    refused_here = differing(True, False)
    inbound = replace(CONSENT, direction=Direction.INBOUND)
    assert outcome(inbound, refused_here).fate is Fate.ASKED
    assert outcome(replace(inbound, policy=Policy.SALESFORCE), refused_here).fate is Fate.TAKEN


def test_a_field_that_is_unmapped_or_moves_sends_nothing_more() -> None:
    moved = replace(CITY, column="town")
    for after in (None, moved):
        (one,) = effects(CITY, after, [EDIT])
        assert (one.before.fate, one.after.fate, one.differs) == (Fate.SENT, Fate.STAYS, True)


def test_effects_are_counted_by_fate() -> None:
    found = effects(CITY, replace(CITY, direction=Direction.INBOUND), [EDIT, BLANKED, FILLED])
    assert counts(one.before for one in found)[Fate.SENT] == 3
    assert counts(one.after for one in found) == {Fate.SENT: 0, Fate.TAKEN: 3, Fate.ASKED: 0, Fate.STAYS: 0}
