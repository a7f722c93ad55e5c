"""The same merge, made in Salesforce or ordered here, ends in the same values on both sides: scores, consent, Booleans, blanks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diptych.domain.values import Kind
from diptych.sync.actions import preview
from diptych.testing import field
from tests.sync import test_actions as acting
from tests.sync.world import LEAD_FIELDS, World, person_field

FIELDS = (
    *LEAD_FIELDS,
    person_field("Lead", "Email", "email"),
    person_field("Lead", "mkto71_Lead_Score__c", "score", Kind.INTEGER),
    person_field("Lead", "Vip__c", "vip", Kind.BOOLEAN, nillable=False),
)
COLUMNS = ("city", "title", "email", "score", "unsubscribed", "vip")


def merged(here: bool, winner: dict[str, Any], loser: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Values of the remaining person and of the remaining record, after the merge and some cycles."""
    world = World(fields=FIELDS)
    described = world.sf.described["Lead"]
    more = {f.name: f for f in (field("mkto71_Lead_Score__c", "int"), field("Vip__c", "boolean"))}
    world.sf.described["Lead"] = replace(described, fields={**described.fields, **more})
    one, two = world.lead("Stays", **winner), world.lead("Goes", **loser)
    world.ready()
    people = [world.pair(sf_id).person_id for sf_id in (one, two)]
    if here:
        shown = preview.merge(world.engine, people)
        acting.act(world, shown.action("test", world.clock.now()))
    else:
        world.sf.merge("Lead", one, two)
    world.cycles(4, 5)
    assert world.pair(two).person_id == world.pair(one).person_id == people[0] and not world.letters()
    person, record = world.person(one), world.there(one)
    fields = {f.column: f.field for f in FIELDS}
    return [person[c] for c in COLUMNS], [record.get(fields[c]) for c in COLUMNS]


@pytest.mark.parametrize(
    ("winner", "loser", "expected"),
    [
        (
            {"City": "Bonn", "mkto71_Lead_Score__c": 10},
            {"City": "Ulm", "mkto71_Lead_Score__c": 20, "Email": "goes@example.com"},
            ["Bonn", None, "goes@example.com", 30, False, False],
        ),
        ({"Title": "Boss"}, {"HasOptedOutOfEmail": True}, [None, "Boss", None, None, True, False]),
        ({"HasOptedOutOfEmail": True}, {"City": "Ulm"}, ["Ulm", None, None, None, True, False]),
        # a deliberate 'no' is a value: the loser's 'yes' does not fill it like a blank
        ({"Vip__c": False}, {"Vip__c": True, "Title": "Clerk"}, [None, "Clerk", None, None, False, False]),
        ({"Vip__c": True}, {"Vip__c": False}, [None, None, None, None, False, True]),
    ],
    ids=["scores and blanks", "loser opted out", "winner opted out", "no is a value", "yes stays"],
)
def test_a_merge_ends_the_same_wherever_it_starts(
    winner: dict[str, Any], loser: dict[str, Any], expected: list[Any]
) -> None:
    there, here = merged(False, winner, loser), merged(True, winner, loser)
    assert there == here == (expected, expected)
