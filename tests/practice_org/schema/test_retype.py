"""Custom objects, and what becomes of values when a custom field changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from practice_org.errors import ApiError
from practice_org.org import Org
from practice_org.schema import custom, custom_objects, retype
from practice_org.schema.catalogue import PicklistEntry
from practice_org.schema.custom_objects import CustomObject
from practice_org.schema.field_spec import FieldSpec
from tests.practice_org.calls import Caller, new_org

HOUSE = CustomObject("House__c", "House", "Houses", "", "House Number")


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


def change(admin: Caller, spec: FieldSpec) -> None:
    obj = admin.org.schema["Lead"]
    old = obj.get(spec.name)
    assert old is not None
    retype.change_field(admin.org, obj, old, spec)


def added(admin: Caller, spec: FieldSpec, *values: object) -> list[str]:
    custom.add_field(admin.org, admin.org.schema["Lead"], spec, None)
    return [admin.create("Lead", LastName="x", Company="c", **{spec.name: value}) for value in values]


def test_a_custom_object_is_an_object_like_others(admin: Caller) -> None:
    made = custom_objects.create(admin.org, HOUSE)
    assert made.prefix.startswith("a") and made.custom
    with pytest.raises(ApiError, match="already in use"):
        custom_objects.create(admin.org, HOUSE)
    house = admin.create("House__c", Name="12b")
    assert house.startswith(made.prefix)
    assert admin.query("SELECT Name, Owner.Name FROM House__c")["records"][0]["Name"] == "12b"
    described = admin("GET", "/sobjects/House__c/describe").json
    assert (described["custom"], described["labelPlural"]) == (True, "Houses")
    assert "LastActivityDate" not in [f["name"] for f in described["fields"]]


def test_a_detail_goes_with_its_master_and_has_no_owner(admin: Caller) -> None:
    custom_objects.create(admin.org, HOUSE)
    spec = FieldSpec(
        "Lead__c", "MasterDetail", "Lead", refers_to=("Lead",), child_name="Houses", relationship_order=0
    )
    custom.add_field(admin.org, admin.org.schema["House__c"], spec)
    lead = admin.create("Lead", LastName="x", Company="c")
    house = admin.create("House__c", Name="1", Lead__c=lead)
    assert admin.org.schema["House__c"].get("OwnerId") is None
    found = admin.query("SELECT (SELECT Name FROM Houses__r) FROM Lead")["records"][0]
    assert found["Houses__r"]["totalSize"] == 1
    assert admin("DELETE", f"/sobjects/Lead/{lead}").status == 204
    assert admin("GET", f"/sobjects/House__c/{house}").status == 404


def test_custom_objects_survive_a_restart_and_can_be_removed(admin: Caller) -> None:
    custom_objects.create(admin.org, HOUSE)
    custom.create_field(admin.org, "House__c", "Floors", "number", length=2)
    path = admin.org.path
    again = Org.open(path)
    try:
        assert again.schema["House__c"].get("Floors__c") is not None
        custom_objects.remove(again, "House__c")
        assert again.schema.get("House__c") is None
        made = custom_objects.create(again, replace(HOUSE, label="Home"))
        assert made.get("Floors__c") is None and made.label == "Home"
    finally:
        again.close()


def test_numbers_become_text_as_a_person_writes_them(admin: Caller) -> None:
    spec = FieldSpec("Size__c", "Number", "Size", precision=8, scale=2)
    whole, broken = added(admin, spec, 100000, 1.5)
    change(admin, replace(spec, type="Text", length=20))
    values = {r["Id"]: r["Size__c"] for r in admin.query("SELECT Id, Size__c FROM Lead")["records"]}
    assert values == {whole: "100000", broken: "1.5"}


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (FieldSpec("X__c", "Text", "X", length=20), "7", FieldSpec("X__c", "Number", "X", precision=5)),
        (FieldSpec("X__c", "Date", "X"), "2024-01-01", FieldSpec("X__c", "Text", "X", length=20)),
        (FieldSpec("X__c", "Checkbox", "X"), True, FieldSpec("X__c", "Text", "X", length=5)),
        (FieldSpec("X__c", "Text", "X", length=9), "abc", FieldSpec("X__c", "Picklist", "X")),
    ],
)
def test_a_change_that_would_lose_data_is_refused_while_there_is_data(
    admin: Caller, before: FieldSpec, value: object, after: FieldSpec
) -> None:
    (lead,) = added(admin, before, value)
    with pytest.raises(ApiError, match="Cannot change type due to existing data"):
        change(admin, after)
    assert admin("GET", f"/sobjects/Lead/{lead}").json["X__c"] == value
    if before.type != "Checkbox":
        admin("PATCH", f"/sobjects/Lead/{lead}", {"X__c": None})
        change(admin, after)
        assert admin("GET", f"/sobjects/Lead/{lead}").json["X__c"] is None


def test_a_length_is_cut_only_as_far_as_the_values_allow(admin: Caller) -> None:
    spec = FieldSpec("X__c", "Text", "X", length=20)
    added(admin, spec, "1234567")
    with pytest.raises(ApiError, match="existing data is longer"):
        change(admin, replace(spec, length=6))
    change(admin, replace(spec, length=7))
    refused = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c", "X__c": "12345678"})
    assert refused.json[0]["errorCode"] == "STRING_TOO_LONG"


def test_unique_needs_values_that_are_unique_also_in_the_recycle_bin(admin: Caller) -> None:
    spec = FieldSpec("X__c", "Text", "X", length=20)
    first, _ = added(admin, spec, "same", "SAME")
    admin("DELETE", f"/sobjects/Lead/{first}")
    with pytest.raises(ApiError, match="building unique index"):
        change(admin, replace(spec, unique=True))
    change(admin, replace(spec, unique=True, case_sensitive=True))
    again = admin("POST", "/sobjects/Lead", {"LastName": "x", "Company": "c", "X__c": "SAME"})
    assert again.json[0]["errorCode"] == "DUPLICATE_VALUE"


def test_a_picklist_that_becomes_multi_select_loses_what_it_does_not_define(admin: Caller) -> None:
    entries = (PicklistEntry("a", "a"), PicklistEntry("b", "b"))
    spec = FieldSpec("X__c", "Picklist", "X", picklist=entries)
    known, unknown = added(admin, spec, "a", "stray")
    change(admin, replace(spec, type="MultiselectPicklist"))
    values = {r["Id"]: r["X__c"] for r in admin.query("SELECT Id, X__c FROM Lead")["records"]}
    assert values == {known: "a", unknown: None}


def test_formulas_and_numbers_keep_to_themselves(admin: Caller) -> None:
    spec = FieldSpec("X__c", "Text", "X", length=20)
    added(admin, spec)
    with pytest.raises(ApiError, match="Cannot change field type from Text to Formula"):
        change(admin, replace(spec, formula="LastName"))
    with pytest.raises(ApiError, match="Cannot change field type from Text to EncryptedText"):
        change(admin, replace(spec, type="EncryptedText"))
