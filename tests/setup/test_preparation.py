"""What is to be changed in an org, worked out from what is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diptych.domain.creating import KEY_FIELD
from diptych.setup.preparation import PERMISSION_SET, Act, Change, Part, PreparationFacts, Wishes, plan
from diptych.setup.prepare import FIELDS_TO_CREATE, KEY

RECOMMENDED = tuple(f.api_name for f in FIELDS_TO_CREATE if f.recommended)
ALL = frozenset(f.api_name for f in FIELDS_TO_CREATE)
LAYOUTS = {"Lead-Lead Layout": frozenset({"LastName"}), "Contact-Contact Layout": frozenset({"LastName"})}
EMPTY = PreparationFacts({"Lead": frozenset(), "Contact": frozenset()}, "sync@example.com", layouts=LAYOUTS)
READY = PreparationFacts(
    {"Lead": ALL, "Contact": ALL},
    "sync@example.com",
    True,
    {
        "Lead": frozenset({"Read", "Edit"}),
        "Contact": frozenset({"Read", "Edit"}),
        "Account": frozenset({"Read"}),
    },
    frozenset(f"{o}.{f}" for o in ("Lead", "Contact") for f in ALL),
    True,
    dict.fromkeys(LAYOUTS, ALL),
    ALL,
)


def acts(facts: PreparationFacts, wishes: Wishes = Wishes()) -> list[Act]:
    return [change.act for change in plan(facts, wishes)]


def test_an_empty_org_gets_everything_in_an_order_that_works() -> None:
    changes = plan(EMPTY, Wishes())
    assert [c.act for c in changes] == sorted((c.act for c in changes), key=list(Act).index)
    assert changes[0] == Change(Act.CREATE_FIELDS, "Lead", RECOMMENDED)
    assert Change(Act.GRANT_OBJECT, "Account", ("Read",), PERMISSION_SET) in changes
    assert Change(Act.ASSIGN, target="sync@example.com") in changes
    assert Change(Act.PLACE_FIELDS, "Contact", RECOMMENDED, "Contact-Contact Layout") in changes
    assert changes[-1] == Change(Act.MAP_FIELDS, "Lead", RECOMMENDED)
    assert all(change.text and change.undoing for change in changes)


def test_what_is_there_is_left_alone() -> None:
    assert plan(READY, Wishes(optional=True)) == ()
    without_one = replace(READY, fields={"Lead": ALL - {RECOMMENDED[0]}, "Contact": ALL})
    assert plan(without_one, Wishes()) == (
        Change(Act.CREATE_FIELDS, "Lead", RECOMMENDED[:1]),
        Change(Act.SHOW_FIELDS, "Lead", RECOMMENDED[:1]),
    )


def test_optional_fields_are_wanted_only_when_asked_for() -> None:
    assert len(plan(EMPTY, Wishes())[0].names) == 3
    assert len(plan(EMPTY, Wishes(optional=True))[0].names) == 16


@pytest.mark.parametrize("part", list(Part))
def test_each_part_can_be_left_out(part: Part) -> None:
    changes = plan(EMPTY, Wishes(without=frozenset({part})))
    assert part not in {change.part for change in changes}


def test_without_new_fields_nothing_is_granted_placed_or_mapped_that_is_not_there() -> None:
    without = Wishes(without=frozenset({Part.FIELDS}))
    assert Act.GRANT_FIELDS not in acts(EMPTY, without) and Act.MAP_FIELDS not in acts(EMPTY, without)
    one = replace(EMPTY, fields={"Lead": frozenset(RECOMMENDED[:1]), "Contact": frozenset()})
    changes = plan(one, without)
    assert Change(Act.GRANT_FIELDS, "Lead", RECOMMENDED[:1], PERMISSION_SET) in changes
    assert Act.MAP_FIELDS not in [c.act for c in changes]  # the contact has no such field


def test_sizes_are_said_as_the_form_in_setup_asks_for_them() -> None:
    assert [f.attributes for f in FIELDS_TO_CREATE[:4]] == [
        "Length 10, Decimal Places 0", "", "Length 255", "Length 18, Decimal Places 0",
    ]  # fmt: skip


KEYED = Wishes(creating=True)


def test_what_creating_needs_is_done_only_when_asked_for_and_apart() -> None:
    assert KEY_FIELD not in {name for c in plan(EMPTY, Wishes(optional=True)) for name in c.names}
    changes = plan(EMPTY, KEYED)
    made = [c for c in changes if KEY_FIELD in c.names]
    assert [(c.act, c.part) for c in made] == [
        (Act.CREATE_FIELDS, Part.CREATING),
        (Act.CREATE_FIELDS, Part.CREATING),
        (Act.GRANT_FIELDS, Part.PERMISSIONS),
        (Act.GRANT_FIELDS, Part.PERMISSIONS),
        (Act.MAP_FIELDS, Part.CREATING),
    ]
    assert Change(Act.GRANT_OBJECT, "Lead", ("Read", "Create", "Edit"), PERMISSION_SET) in changes
    assert Change(Act.GRANT_OBJECT, "Contact", ("Read", "Edit"), PERMISSION_SET) in changes


def test_the_right_to_create_is_added_to_what_is_granted() -> None:
    lead = {**READY.granted_objects, "Lead": frozenset({"Read", "Edit", "Delete"})}
    key = {name: ALL | {KEY_FIELD} for name in ("Lead", "Contact")}
    seen = READY.granted_fields | {f"{name}.{KEY_FIELD}" for name in key}
    facts = replace(READY, granted_objects=lead, fields=key, granted_fields=seen, mapped=ALL | {KEY_FIELD})
    assert plan(facts, KEYED) == (
        Change(Act.GRANT_OBJECT, "Lead", ("Read", "Create", "Edit", "Delete"), PERMISSION_SET),
    )
    assert plan(facts, Wishes()) == ()


def test_what_acting_on_whole_people_needs_is_granted_only_when_asked_for() -> None:
    assert plan(READY, Wishes()) == ()
    assert plan(READY, Wishes(acting=True)) == (
        Change(Act.GRANT_OBJECT, "Lead", ("Read", "Edit", "Delete"), PERMISSION_SET),
        Change(Act.GRANT_OBJECT, "Contact", ("Read", "Create", "Edit", "Delete"), PERMISSION_SET),
        Change(Act.GRANT_OBJECT, "Account", ("Read", "Create", "Edit"), PERMISSION_SET),
        Change(Act.GRANT_OBJECT, "Opportunity", ("Read", "Create", "Edit"), PERMISSION_SET),
        Change(Act.GRANT_SYSTEM, names=("ConvertLeads",), target=PERMISSION_SET),
    )


def test_the_key_is_an_external_id() -> None:
    assert KEY.attributes == "Length 40, Unique, External ID"
