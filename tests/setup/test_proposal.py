"""What a chosen field is mapped to, and which changes of a mapping are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diptych.domain.mapping import Blanks, Direction, Mapping, Policy
from diptych.domain.objects import synced_object
from diptych.domain.presets import Preset, preset_changes, with_preset
from diptych.domain.proposal import MappingRefused, Proposal, join, named, part, propose, turn
from diptych.domain.schema import ObjectDescription
from diptych.domain.selection import Use, default_selection, use_of
from diptych.domain.values import Kind
from diptych.testing.org_schema import field
from tests.setup.fakes import with_custom

CUSTOM = with_custom(
    Lead=[
        ("Favorite_Color__c", "Favorite Color", "string"),
        ("Tier__c", "Tier", "picklist"),
        ("mkto71_Lead_Score__c", "Score", "double"),
    ],
    Contact=[
        ("Favourite_Colour__c", "Favourite Colour", "string"),
        ("Tier__c", "Tier", "double"),
        ("mkto71_Lead_Score__c", "Score", "double"),
    ],
)


def proposed(objects: tuple[ObjectDescription, ...] = CUSTOM, current: Mapping | None = None) -> Proposal:
    described = {o.name: o for o in objects}
    chosen = {name: default_selection(synced_object(name), d) for name, d in described.items()}
    return propose(described, chosen, current)


def test_standard_fields_of_lead_and_contact_share_their_columns() -> None:
    mapping = Mapping(1, proposed().fields)
    lead, contact = mapping.of("Lead").by_field, mapping.of("Contact").by_field
    for one, other, column in [
        ("City", "MailingCity", "city"),
        ("Street", "MailingStreet", "street"),
        ("Email", "Email", "email"),
        ("HasOptedOutOfEmail", "HasOptedOutOfEmail", "unsubscribed"),
        ("CreatedDate", "CreatedDate", "salesforce_created_at"),
        ("mkto71_Lead_Score__c", "mkto71_Lead_Score__c", "score"),
    ]:
        assert (lead[one].column, contact[other].column) == (column, column)
    assert lead["Company"].column == contact["Account.Name"].column == "company_name"
    assert contact["Account.Name"].direction is Direction.INBOUND


def test_directions_and_policies_of_the_default_and_of_the_marketo_preset() -> None:
    safe = Mapping(1, proposed().fields)
    assert safe.of("Lead").by_field["City"].policy is Policy.SALESFORCE
    assert safe.of("Lead").by_field["mkto71_Lead_Score__c"].policy is Policy.OURS
    assert {c.name for c in preset_changes(safe, Preset.MARKETO)} >= {"Lead.City", "Lead.Favorite_Color__c"}
    assert all(c.name.startswith("Lead.") for c in preset_changes(safe, Preset.MARKETO))
    mapping = with_preset(safe, Preset.MARKETO)
    assert mapping.version == 2
    assert not preset_changes(mapping, Preset.MARKETO)
    assert with_preset(mapping, Preset.SAFE).fields == safe.fields
    for name in ("Lead", "Contact"):
        assert mapping.of(name).by_field["HasOptedOutOfEmail"].policy is Policy.MOST_RESTRICTIVE
        assert safe.of(name).by_field["HasOptedOutOfEmail"].policy is Policy.MOST_RESTRICTIVE
    lead, contact = mapping.of("Lead").by_field, mapping.of("Contact").by_field
    assert (lead["City"].direction, lead["City"].policy) == (Direction.BOTH, Policy.OURS)
    assert (contact["MailingCity"].direction, contact["MailingCity"].policy) == (
        Direction.BOTH,
        Policy.SALESFORCE,
    )
    assert contact["mkto71_Lead_Score__c"].policy is Policy.OURS
    assert lead["OwnerId"].direction is Direction.INBOUND
    assert lead["CreatedDate"].direction is Direction.INBOUND
    assert {f.direction for f in mapping.of("Account").fields} == {Direction.INBOUND}


def test_no_column_is_used_twice_by_one_object_and_none_holds_two_kinds() -> None:
    fields = proposed().fields
    places = [(f.object_name, f.column) for f in fields]
    assert len(places) == len(set(places))
    kinds: dict[tuple[str, str], Kind] = {}
    for f in fields:
        assert kinds.setdefault((f.table, f.column), f.kind) is f.kind


def test_only_a_checkbox_can_be_a_field_of_consent_and_a_column_names_all_its_fields() -> None:
    described = {o.name: o for o in CUSTOM}
    mapping = Mapping(1, proposed().fields)
    assert named(mapping, "city") == named(mapping, "person.city")
    assert sorted(named(mapping, "city")) == ["Contact.MailingCity", "Lead.City"]
    assert named(mapping, "Lead.City") == ["Lead.City"]
    for wrong in ("nowhere", "person.nowhere", "Lead.Nowhere"):
        with pytest.raises(MappingRefused, match="owhere"):
            named(mapping, wrong)
    with pytest.raises(MappingRefused, match="checkbox"):
        turn(mapping, described, "Lead.City", policy=Policy.MOST_RESTRICTIVE)
    with pytest.raises(MappingRefused, match="blanks"):
        turn(mapping, described, "Account.Name", blanks=Blanks.KEEP_OURS)
    opted = turn(mapping, described, "Lead.HasOptedOutOfEmail", restrictive=False, blanks=Blanks.KEEP_BOTH)
    found = opted.of("Lead").by_field["HasOptedOutOfEmail"]
    assert (found.restrictive, found.blanks) == (False, Blanks.KEEP_BOTH)


def test_fields_alike_are_paired_and_unlike_types_are_kept_apart() -> None:
    found = proposed()
    mapping = Mapping(1, found.fields)
    lead, contact = mapping.of("Lead").by_field, mapping.of("Contact").by_field
    assert lead["Favorite_Color__c"].column == contact["Favourite_Colour__c"].column == "favorite_color"
    assert (lead["Tier__c"].column, contact["Tier__c"].column) == ("tier", "tier_contact")
    assert [p.contact_field for p in found.pairings] == ["Favourite_Colour__c"]
    assert "types differ" in found.left_alone[0].reason


def test_a_rerun_keeps_what_a_person_changed_and_places_only_what_is_new() -> None:
    described = {o.name: o for o in CUSTOM}
    first = Mapping(1, proposed().fields)
    changed = turn(first, described, "Lead.City", Direction.INBOUND, Policy.SALESFORCE)
    changed = part(changed, "Lead.Favorite_Color__c")
    lead = described["Lead"]
    more = replace(lead, fields={**lead.fields, "New__c": field("New__c", "date")})
    again = proposed(tuple(more if o.name == "Lead" else o for o in CUSTOM), changed)
    after = Mapping(3, again.fields)
    assert after.of("Lead").by_field["City"].direction is Direction.INBOUND
    assert after.of("Contact").by_field["Favourite_Colour__c"].column == "favourite_colour"
    assert after.of("Lead").by_field["New__c"].kind is Kind.DATE
    assert len(after.fields) == len(first.fields) + 1


def test_a_field_that_became_read_only_comes_in_only() -> None:
    first = Mapping(1, proposed().fields)
    lead = next(o for o in CUSTOM if o.name == "Lead")
    locked = replace(lead, fields={**lead.fields, "City": replace(lead.fields["City"], updateable=False)})
    again = proposed(tuple(locked if o.name == "Lead" else o for o in CUSTOM), first)
    assert Mapping(2, again.fields).of("Lead").by_field["City"].direction is Direction.INBOUND


def test_pairs_can_be_broken_and_made() -> None:
    described = {o.name: o for o in CUSTOM}
    first = Mapping(1, proposed().fields)
    broken = part(first, "Contact.Favourite_Colour__c")
    assert broken.version == 2
    assert broken.of("Contact").by_field["Favourite_Colour__c"].column == "favourite_colour"
    joined = join(broken, described, "Contact.Favourite_Colour__c", "Lead.Favorite_Color__c")
    assert joined.of("Contact").by_field["Favourite_Colour__c"].column == "favorite_color"


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Lead.Tier__c", "Contact.Tier__c", "types differ"),
        ("Lead.City", "Contact.Favourite_Colour__c", "standard pair"),
        ("Lead.Tier__c", "Lead.Favorite_Color__c", "one Lead field and one Contact field"),
        ("Lead.Nothing__c", "Contact.Tier__c", "not a mapped field"),
        ("Lead.Favorite_Color__c", "Contact.Favourite_Colour__c", "a pair already"),
        ("Lead.Tier__c", "Contact.Favourite_Colour__c", "has a partner already"),
    ],
)
def test_pairs_that_cannot_be(one: str, other: str, reason: str) -> None:
    described = {o.name: o for o in CUSTOM}
    with pytest.raises(MappingRefused, match=reason):
        join(Mapping(1, proposed().fields), described, one, other)


def test_what_salesforce_does_not_let_us_write_cannot_be_two_way() -> None:
    described = {o.name: o for o in CUSTOM}
    mapping = Mapping(1, proposed().fields)
    for name in ("Lead.CreatedDate", "Contact.Account.Name"):
        with pytest.raises(MappingRefused, match="does not let the sync user write"):
            turn(mapping, described, name, Direction.BOTH)
    with pytest.raises(MappingRefused, match="come in only"):
        turn(mapping, described, "Account.Name", Direction.BOTH)


def test_uses_of_fields() -> None:
    lead = replace(
        CUSTOM[3],
        fields={
            **CUSTOM[3].fields,
            "Address": field("Address", "address"),
            "LastViewedDate": field("LastViewedDate", "datetime"),
            "Photo__c": field("Photo__c", "base64"),
        },
    )
    known = synced_object("Lead")
    assert use_of(known, lead, "Address")[0] is Use.NEVER
    assert use_of(known, lead, "Photo__c")[0] is Use.NEVER
    assert use_of(known, lead, "SystemModstamp")[0] is Use.NEVER
    assert use_of(known, lead, "Email")[0] is Use.ALWAYS
    assert use_of(known, lead, "LastViewedDate")[0] is Use.OPTIONAL
    assert use_of(known, lead, "Tier__c")[0] is Use.SUGGESTED
    chosen = default_selection(known, lead)
    assert "LastViewedDate" not in chosen
    assert "Address" not in chosen
