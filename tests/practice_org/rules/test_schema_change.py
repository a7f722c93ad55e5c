"""What an administrator changes while others are at work, and values that change without a stamp."""

from __future__ import annotations

from typing import Any

import pytest

from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order


@pytest.fixture
def field(order: Order) -> str:
    order("fields", {"object": "Lead", "name": "Mood", "type": "text", "length": 20})
    return "Mood__c"


def described(caller: Caller, name: str) -> dict[str, Any] | None:
    fields = caller("GET", "/sobjects/Lead/describe").json["fields"]
    return next((f for f in fields if f["name"] == name), None)


def lead(caller: Caller, **values: Any) -> str:
    return caller.create("Lead", LastName="L", Company="C", **values)


def value(caller: Caller, record_id: str, name: str) -> Any:
    return caller.query(f"SELECT {name} FROM Lead WHERE Id = '{record_id}'")["records"][0][name]


def change(order: Order, what: str, **more: Any) -> None:
    order("schema_change", {"object": "Lead", "field": "Mood__c", "change": what, **more})


def test_drop_and_rename(admin: Caller, order: Order, field: str) -> None:
    one = lead(admin, Mood__c="fine")
    change(order, "rename", to="Humour")
    assert described(admin, field) is None and value(admin, one, "Humour__c") == "fine"
    order("schema_change", [{"object": "Lead", "field": "Humour__c", "change": "drop"}])
    assert admin.query("SELECT Humour__c FROM Lead")[0]["errorCode"] == "INVALID_FIELD"


def test_shorter_fields_cut_their_values(admin: Caller, order: Order, field: str) -> None:
    one = lead(admin, Mood__c="wonderful")
    change(order, "length", length=4)
    assert value(admin, one, field) == "wond"
    answer = admin("PATCH", f"/sobjects/Lead/{one}", {"Mood__c": "great"})
    assert answer.json[0]["errorCode"] == "STRING_TOO_LONG" and "max length=4" in answer.text


def test_another_type_takes_what_it_can(admin: Caller, order: Order, field: str) -> None:
    one = lead(admin, Mood__c="7")
    change(order, "retype", type="number")
    found = described(admin, field)
    assert found is not None and found["type"] == "double"
    assert value(admin, one, field) in (7.0, None)
    change(order, "require")
    assert admin("POST", "/sobjects/Lead", {"LastName": "L", "Company": "C"}).json[0]["errorCode"] == (
        "REQUIRED_FIELD_MISSING"
    )


def test_field_security_comes_and_goes(admin: Caller, order: Order) -> None:
    order("schema_change", {"object": "Lead", "field": "Title", "change": "hide"})
    assert described(admin, "Title") is None
    assert admin("POST", "/sobjects/Lead", {"LastName": "L", "Company": "C", "Title": "x"}).status == 400
    order("schema_change", {"object": "Lead", "field": "Title", "change": "read"})
    found = described(admin, "Title")
    assert found is not None and found["updateable"] is False
    order("schema_change", {"object": "Lead", "field": "Title", "change": "edit"})
    assert lead(admin, Title="x")


def test_picklists_change_their_values(admin: Caller, order: Order) -> None:
    order(
        "fields",
        {"object": "Lead", "name": "Mood", "type": "picklist", "picklist": ["a", "b"], "restricted": True},
    )
    one = lead(admin, Mood__c="a")
    change(order, "picklist", values=["b", "c"])
    assert lead(admin, Mood__c="c")
    refused = admin("POST", "/sobjects/Lead", {"LastName": "L", "Company": "C", "Mood__c": "a"})
    assert refused.json[0]["errorCode"] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert value(admin, one, "Mood__c") == "a"


def test_formulas_drift_without_a_stamp(admin: Caller, order: Order) -> None:
    org = admin.org
    order("fields", {"object": "Contact", "name": "Where", "type": "text", "formula": "Account.Name"})
    order(
        "fields",
        {"object": "Contact", "name": "Age", "type": "number", "formula": "TODAY() - DATEVALUE(CreatedDate)"},
    )
    account = admin.create("Account", Name="Old")
    admin.create("Contact", LastName="C", AccountId=account)

    def read() -> tuple[Any, ...]:
        row = admin.query("SELECT Where__c, Age__c, SystemModstamp FROM Contact")["records"][0]
        return row["Where__c"], row["Age__c"], row["SystemModstamp"]

    first = read()
    org.clock.advance(3 * 86400)
    admin("PATCH", f"/sobjects/Account/{account}", {"Name": "New"})
    # Natural causes: a parent was renamed, and days passed.
    assert read() == ("New", first[1] + 3, first[2])
    order("formula_drift", {"object": "Contact", "field": "Where__c", "formula": 'Account.Name & "!"'})
    assert read() == ("New!", first[1] + 3, first[2])


def test_stored_values_can_be_moved_without_a_stamp(admin: Caller, order: Order) -> None:
    one = lead(admin, Title="a")
    stamp = value(admin, one, "SystemModstamp")
    admin.org.clock.advance(60)
    assert order("formula_drift", {"object": "Lead", "values": {"Title": "b"}, "ids": [one]}) == {
        "changed": 1
    }
    assert (value(admin, one, "Title"), value(admin, one, "SystemModstamp")) == ("b", stamp)


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": "Nope__c", "change": "drop"},
        {"field": "Title", "change": "explode"},
        {"field": "Title", "change": "rename", "to": "X"},
        {"field": "Title", "change": "formula", "formula": "1"},
        {"field": "Title", "change": "picklist", "values": []},
    ],
)
def test_what_makes_no_sense_is_refused(admin: Caller, order: Order, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        order("schema_change", {"object": "Lead", **wrong})
