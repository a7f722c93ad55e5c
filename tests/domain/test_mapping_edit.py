"""Changes of a mapping as ordered, taking over another one, and how two versions differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.setup.fakes import with_custom

from diptych.domain.mapping import Blanks, Direction, Mapping, Policy
from diptych.domain.mapping_adopt import Verdict, Wanted, adopt, wanted_of
from diptych.domain.mapping_changes import by_name, differences
from diptych.domain.mapping_edit import Edit, edited, edited_partly
from diptych.domain.objects import synced_object
from diptych.domain.proposal import MappingRefused, propose
from diptych.domain.selection import default_selection
from diptych.domain.values import Kind
from diptych.testing.org_schema import field

DESCRIBED = {
    o.name: o
    for o in with_custom(
        Lead=[("Color__c", "Color", "string"), ("Tier__c", "Tier", "string")],
        Contact=[("Color__c", "Color", "string"), ("Grade__c", "Grade", "double")],
    )
}
NOW = Mapping(
    7,
    propose(DESCRIBED, {n: default_selection(synced_object(n), d) for n, d in DESCRIBED.items()}).fields,
)
TIER = "Lead.Tier__c"


def parts(before: Mapping, after: Mapping) -> dict[str, list[str]]:
    return {c.name: [f"{p.name} {p.before} {p.after}" for p in c.parts] or [c.what] for c in differences(before, after)}  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Edit((TIER,), Direction.INBOUND), {TIER: ["direction both inbound"]}),
        (Edit((TIER, "Lead.City"), policy=Policy.OURS), {
            "Lead.City": ["policy salesforce ours"], TIER: ["policy salesforce ours"],
        }),
        (Edit(("city",), blanks=Blanks.KEEP_OURS), {
            "Contact.MailingCity": ["blanks overwrite keep_ours"], "Lead.City": ["blanks overwrite keep_ours"],
        }),
        (Edit((TIER,), column="level"), {TIER: ["column person.tier person.level"]}),
        (Edit((TIER,), unmap=True), {TIER: ["removed"]}),
    ],
)  # fmt: skip
def test_an_edit_is_a_new_version_with_just_that_change(edit: Edit, expected: dict[str, list[str]]) -> None:
    after = edited(NOW, DESCRIBED, edit)
    assert after.version == 8 and parts(NOW, after) == expected


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Edit((TIER,)), "nothing would change"),
        (Edit(()), "Name a field"),
        (Edit(("Lead.Nothing",), Direction.BOTH), "not a mapped field"),
        (Edit((TIER, "Lead.City"), column="level"), "one field"),
        (Edit((TIER,), column="id"), "cannot be the name"),
        (Edit((TIER,), column="été"), "cannot be the name"),
        (Edit((TIER,), column="city"), "both mapped"),
        (Edit(("Contact.Grade__c",), column="tier"), "does not fit the kind"),
        (Edit(("Lead.City",), column="town"), "standard pair"),
        (Edit(("Lead.Email",), unmap=True), "needed"),
        (Edit(("Contact.Account.Name",), unmap=True), "given"),
        (Edit(("Account.Name",), Direction.BOTH), "come in only"),
        (Edit((TIER,), add=True), "mapped already"),
        (Edit(("Lead.Id",), add=True), "cannot be mapped"),
        (Edit(("Lead.Nope__c",), add=True), "not a field that the sync user sees"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(edit: Edit, reason: str) -> None:
    with pytest.raises(MappingRefused, match=reason):
        edited(NOW, DESCRIBED, edit)


def test_a_field_unmapped_and_mapped_again_is_where_it_was() -> None:
    without = edited(NOW, DESCRIBED, Edit((TIER,), unmap=True))
    again = edited(without, DESCRIBED, Edit((TIER,), Direction.INBOUND, add=True))
    assert parts(NOW, again) == {TIER: ["direction both inbound"]}


def test_a_retyped_field_keeps_its_column_or_leaves_it_to_its_partner() -> None:
    lead = DESCRIBED["Lead"]
    retyped = {
        **DESCRIBED,
        "Lead": replace(
            lead,
            fields={
                **lead.fields,
                "Tier__c": field("Tier__c", "double"),
                "Color__c": field("Color__c", "double"),
            },
        ),
    }
    after = edited(NOW, retyped, Edit((TIER, "Lead.Color__c"), take_type=True))
    found = after.of("Lead").by_field
    assert (found["Tier__c"].column, found["Tier__c"].kind) == ("tier", Kind.INTEGER)
    assert found["Color__c"].column != after.of("Contact").by_field["Color__c"].column == "color"


def test_going_back_takes_over_all_that_still_can_be() -> None:
    then = NOW
    later = edited(then, DESCRIBED, Edit((TIER,), unmap=True))
    later = edited(later, DESCRIBED, Edit(("Lead.City",), Direction.INBOUND, Policy.OURS))
    back = adopt(later, DESCRIBED, wanted_of(then), whole=True)
    assert {f.name: f.verdict for f in back.changes} == {TIER: Verdict.ADDED, "Lead.City": Verdict.CHANGED}
    assert differences(then, back.after) == [] and back.after.version == later.version + 1
    first = adopt(then, DESCRIBED, wanted_of(later), whole=True)
    assert {f.name: f.verdict for f in first.changes} == {TIER: Verdict.REMOVED, "Lead.City": Verdict.CHANGED}


def test_a_mapping_of_another_org_is_taken_over_as_far_as_this_one_allows() -> None:
    both, ours = Direction.BOTH, Policy.OURS
    without = edited(NOW, DESCRIBED, Edit(("Contact.Grade__c",), unmap=True))
    found = adopt(
        without,
        DESCRIBED,
        [
            Wanted(TIER, "person.level", both, ours, kind=Kind.TEXT, length=999),
            Wanted("Contact.Grade__c", "person.grade_there", both, ours, kind=Kind.DECIMAL),
            Wanted("Lead.OnlyThere__c", "person.only_there", both, ours),
            Wanted("Contact.Color__c", "person.color", both, ours, kind=Kind.DATE, sf_type="date"),
            Wanted("Lead.City", "person.town", both, ours),
            Wanted("Account.Name", "company.name", both, ours),
        ],
    )
    verdicts = {f.name: f.verdict for f in found.fields if f.verdict is not Verdict.ONLY_HERE}
    assert verdicts == {
        TIER: Verdict.CHANGED,
        "Contact.Grade__c": Verdict.ADDED,
        "Lead.OnlyThere__c": Verdict.MISSING,
        "Contact.Color__c": Verdict.TYPE,
        "Lead.City": Verdict.REFUSED,
        "Account.Name": Verdict.REFUSED,
    }
    assert parts(without, found.after) == {
        TIER: ["column person.tier person.level", "policy salesforce ours"],
        "Contact.Grade__c": ["added"],
    }
    assert found.after.of("Contact").by_field["Grade__c"].column == "grade_there"
    assert "date there and string here" in next(f.reason for f in found.refused if f.verdict is Verdict.TYPE)
    assert len(found.only_here) == len(without.fields) - 4


def test_of_two_fields_that_would_share_a_column_neither_moves() -> None:
    found = adopt(
        NOW,
        DESCRIBED,
        [
            Wanted(TIER, "person.shared", Direction.BOTH, Policy.OURS),
            Wanted("Lead.Color__c", "person.shared", Direction.BOTH, Policy.OURS),
            Wanted("Contact.Grade__c", "person.industry", Direction.BOTH, Policy.OURS),
        ],
    )
    assert {f.name for f in found.refused} >= {"Contact.Grade__c"}
    columns = {f.column for f in found.after.of("Lead").fields}
    assert len(columns) == len(found.after.of("Lead").fields)


def test_a_field_takes_the_place_of_another_and_goes_into_a_column_of_its_own() -> None:
    there = by_name(NOW)
    with pytest.raises(MappingRefused, match="both mapped"):
        edited(NOW, DESCRIBED, Edit((TIER,), column="person.color"))
    after = by_name(edited(NOW, DESCRIBED, Edit((TIER,), column="person.color", instead=True)))
    assert after[TIER].column == "color" and "Lead.Color__c" not in after
    assert after["Contact.Color__c"].column == "color", "the other object's field stays with it"
    with pytest.raises(MappingRefused, match=r"Lead\.LastName cannot be left out"):
        edited(NOW, DESCRIBED, Edit((TIER,), column="person.last_name", instead=True))
    with pytest.raises(MappingRefused, match="does not fit the kind"):
        edited(NOW, DESCRIBED, Edit(("Contact.Grade__c",), column="person.tier"))
    apart = by_name(edited(NOW, DESCRIBED, Edit(("Contact.Color__c",), own_column=True)))
    assert there["Contact.Color__c"].column == "color"
    assert apart["Contact.Color__c"].column == "color_contact" and apart["Lead.Color__c"].column == "color"
    with pytest.raises(MappingRefused, match="nothing would change"):
        edited(NOW, DESCRIBED, Edit((TIER,), own_column=True))
    with pytest.raises(MappingRefused, match="standard pair"):
        edited(NOW, DESCRIBED, Edit(("Contact.MailingCity",), own_column=True))


def test_a_field_is_added_into_a_column_of_its_own_or_one_that_is_there() -> None:
    less = edited(NOW, DESCRIBED, Edit(("Contact.Color__c",), unmap=True))
    assert (
        by_name(edited(less, DESCRIBED, Edit(("Contact.Color__c",), add=True)))["Contact.Color__c"].column
        == "color"
    )
    own = edited(less, DESCRIBED, Edit(("Contact.Color__c",), add=True, own_column=True))
    assert by_name(own)["Contact.Color__c"].column == "color_contact"
    at = edited(less, DESCRIBED, Edit(("Contact.Color__c",), add=True, column="person.tier"))
    assert by_name(at)["Contact.Color__c"].column == "tier"


def test_of_many_fields_those_that_cannot_be_changed_are_left_out() -> None:
    names = (TIER, "Lead.LastName", "Account.Name", "Lead.Nope")
    with pytest.raises(MappingRefused):
        edited(NOW, DESCRIBED, Edit(names, unmap=True))
    found = edited_partly(NOW, DESCRIBED, Edit(names, unmap=True, partly=True))
    assert {c.name for c in differences(NOW, found.after)} == {TIER}
    assert [name for name, _ in found.left_out] == ["Lead.LastName", "Account.Name", "Lead.Nope"]
    found = edited_partly(NOW, DESCRIBED, Edit((TIER, "Account.Industry"), policy=Policy.OURS, partly=True))
    assert dict(found.left_out) == {"Account.Industry": "Account records come in only: nobody wins or loses."}
    with pytest.raises(MappingRefused, match=r"nothing would change\. Lead\.LastName cannot be left out"):
        edited_partly(NOW, DESCRIBED, Edit(("Lead.LastName",), unmap=True, partly=True))
