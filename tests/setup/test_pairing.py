"""Automatic pairs: likeness with a reason, fitting types, no guess between two."""

from __future__ import annotations

import pytest

from diptych.domain.pairing import column_name, compatible, pair_fields, plain_name
from diptych.domain.schema import FieldDescription


def described(name: str, label: str = "", sf_type: str = "string", **more: object) -> FieldDescription:
    return FieldDescription(name, label or name, sf_type, custom=True, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lead", "contact", "reason"),
    [
        (("Region__c", "A"), ("Region__c", "B"), "same API name"),
        (("Reg__c", "Sales region"), ("Sales__c", "sales Region"), "same label"),
        (("Favorite_Color__c", "1"), ("Favourite_Colour__c", "2"), "same name but for spelling"),
        (("FavoriteColor__c", "1"), ("favorite_color__c", "2"), "same name but for spelling"),
        (("Organisation_Unit__c", "1"), ("Organization_Unit__c", "2"), "same name but for spelling"),
        (("Lead_Tier__c", "1"), ("Contact_Tier__c", "2"), "same name but for spelling"),
        (("Product_Interest__c", "1"), ("Product_Interests__c", "2"), "nearly the same name"),
    ],
)
def test_similar_names_are_paired_with_the_reason(
    lead: tuple[str, str], contact: tuple[str, str], reason: str
) -> None:
    pairs, left = pair_fields([described(*lead)], [described(*contact)])
    assert [(p.lead_field, p.contact_field, p.reason) for p in pairs] == [(lead[0], contact[0], reason)]
    assert not left


@pytest.mark.parametrize(
    ("lead", "contact"),
    [
        ("Region_1__c", "Region_2__c"),
        ("Code__c", "Mode__c"),
        ("Budget__c", "Owner__c"),
        ("Tour__c", "Tor__c"),
    ],
)
def test_different_names_are_not_paired(lead: str, contact: str) -> None:
    assert pair_fields([described(lead)], [described(contact)]) == ([], [])


def test_types_must_fit() -> None:
    lead = [described("Size__c", sf_type="double"), described("Since__c", sf_type="date")]
    contact = [described("Size__c"), described("Since__c", sf_type="datetime")]
    pairs, left = pair_fields(lead, contact)
    assert not pairs
    assert {(a.object_name, a.field) for a in left} == {
        ("Lead", "Size__c"),
        ("Contact", "Size__c"),
        ("Lead", "Since__c"),
        ("Contact", "Since__c"),
    }
    assert "types differ (double and string)" in left[0].reason


def test_a_formula_is_no_partner_of_a_field_one_can_write() -> None:
    assert compatible(described("A__c", calculated=True), described("A__c")) == "one of them is a formula"


def test_lookups_must_point_at_the_same_object() -> None:
    a = described("A__c", sf_type="reference", reference_to=("Account",))
    b = described("A__c", sf_type="reference", reference_to=("User",))
    assert compatible(a, b) == "they point at different objects"
    assert compatible(a, a) is None


def test_two_candidates_are_a_reason_not_to_choose() -> None:
    pairs, left = pair_fields(
        [described("Tier__c", "Tier")], [described("Level_A__c", "Tier"), described("Level_B__c", "Tier")]
    )
    assert not pairs
    assert all("more than one field is alike" in a.reason for a in left)
    assert len(left) == 3


def test_the_surest_likeness_goes_first() -> None:
    pairs, _ = pair_fields(
        [described("Tier__c", "Rank"), described("Other__c", "Tier")],
        [described("Tier__c", "Tier"), described("X__c", "Rank")],
    )
    assert [(p.lead_field, p.contact_field) for p in pairs] == [("Tier__c", "Tier__c")]


def test_a_broken_pair_is_not_made_again() -> None:
    assert pair_fields([described("A__c")], [described("A__c")], apart={"Contact.A__c"}) == ([], [])


def test_column_names() -> None:
    assert column_name("NumberOfEmployees") == "number_of_employees"
    assert column_name("acme__HTTPServer_Code__c") == "acme_http_server_code"
    assert column_name("3D_Model__c") == "f_3d_model"
    assert column_name("Tier__c", {"tier"}, "contact") == "tier_contact"
    assert column_name("Tier__c", {"tier", "tier_contact"}, "contact") == "tier_2"
    assert len(column_name("A" * 80 + "__c")) <= 60
    assert plain_name("Tour__c") == "tour"
