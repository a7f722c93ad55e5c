"""Automation: before, after and long after a save (spec 5.11, 'automation echo')."""

from __future__ import annotations

from typing import Any

import pytest

from practice_org.rules.badrule import BadRule
from practice_org.schema import setup_rows
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order

FIELDS = "Id, Title, Description, Rating, SystemModstamp, LastModifiedDate, LastModifiedById"


def read(caller: Caller, record_id: str, object_name: str = "Lead") -> dict[str, Any]:
    fields = FIELDS if object_name == "Lead" else "Id, Description, SystemModstamp, LastModifiedById"
    record: dict[str, Any] = caller.query(f"SELECT {fields} FROM {object_name} WHERE Id = '{record_id}'")[
        "records"
    ][0]
    return record


def lead(caller: Caller, **values: Any) -> str:
    return caller.create("Lead", LastName="L", Company="C", **values)


def test_before_the_save_fields_are_set_in_the_same_write(admin: Caller, order: Order) -> None:
    rule = {
        "object": "Lead",
        "moment": "before_save",
        "on": "create",
        "when": "ISBLANK(Title)",
        "set": {"Title": {"formula": '"of " & Company'}, "Rating": "Warm"},
    }
    order("rules", {"automation": [rule]})
    one = read(admin, lead(admin))
    assert (one["Title"], one["Rating"], one["LastModifiedById"]) == ("of C", "Warm", admin.user_id)
    assert read(admin, lead(admin, Title="Boss"))["Title"] == "Boss"
    admin("PATCH", f"/sobjects/Lead/{one['Id']}", {"Title": None})
    assert read(admin, one["Id"])["Title"] is None


def test_after_the_save_another_field_changes_under_the_name_of_the_automation(
    admin: Caller, order: Order
) -> None:
    rule = {
        "object": "Lead",
        "on": "update",
        "when": "ISCHANGED(Title)",
        "set": {"Description": {"formula": '"was " & PRIORVALUE(Title)'}},
    }
    order("rules", {"automation": [rule]})
    one = lead(admin, Title="a")
    admin.org.clock.freeze()
    admin("PATCH", f"/sobjects/Lead/{one}", {"Title": "b"})
    after = read(admin, one)
    assert after["Description"] == "was a"
    assert after["LastModifiedById"] == setup_rows.first_user(admin.org) != admin.user_id
    assert after["SystemModstamp"] == after["LastModifiedDate"]
    order("rules", {"automation": [{**rule, "as": "user"}]})
    admin("PATCH", f"/sobjects/Lead/{one}", {"Title": "c"})
    assert read(admin, one)["LastModifiedById"] == admin.user_id


def test_a_parent_is_updated(admin: Caller, order: Order) -> None:
    rule = {
        "object": "Contact",
        "target": "AccountId",
        "set": {"Description": {"formula": '"with " & LastName'}},
    }
    order("rules", {"automation": [rule]})
    account = admin.create("Account", Name="A")
    admin.create("Contact", LastName="Z", AccountId=account)
    assert read(admin, account, "Account")["Description"] == "with Z"
    assert admin("POST", "/sobjects/Contact", {"LastName": "Alone"}).status == 201


def test_later_a_background_job_does_it_with_a_stamp_of_its_own(admin: Caller, order: Order) -> None:
    order(
        "rules",
        {"automation": [{"object": "Lead", "moment": "later", "seconds": 60, "set": {"Title": "Late"}}]},
    )
    admin.org.clock.freeze()
    one = lead(admin)
    first = read(admin, one)
    admin.org.clock.advance(59)
    assert read(admin, one) == first
    admin.org.clock.advance(600)
    after = read(admin, one)
    assert after["Title"] == "Late"
    assert after["SystemModstamp"] == after["LastModifiedDate"] > first["SystemModstamp"]


def test_a_bump_moves_the_modstamp_alone_and_survives_a_restart(admin: Caller, order: Order) -> None:
    order("rules", {"automation": [{"object": "Lead", "moment": "later", "seconds": 60, "bump": True}]})
    one = lead(admin)
    first = read(admin, one)
    again = type(admin.org).open(admin.org.path)
    again.clock.advance(61)
    after = read(Caller(again, admin.user_id), one)
    assert {name for name in after if after[name] != first[name]} == {"SystemModstamp"}
    again.close()


def test_automations_meet_validation_and_the_whole_save_is_undone(admin: Caller, order: Order) -> None:
    order(
        "rules",
        {
            "automation": [{"object": "Lead", "name": "Mark", "set": {"Title": "Forbidden"}}],
            "validation": [{"object": "Lead", "message": "no such title", "when": 'Title = "Forbidden"'}],
        },
    )
    records = [{"attributes": {"type": "Lead"}, "LastName": "L", "Company": "C"}]
    refused = admin("POST", "/composite/sobjects", {"records": records}).json[0]["errors"][0]
    assert refused["statusCode"] == "CANNOT_EXECUTE_FLOW_TRIGGER"
    assert "“Mark” process failed" in refused["message"]
    assert "FIELD_CUSTOM_VALIDATION_EXCEPTION: no such title" in refused["message"]
    assert admin.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


def test_each_runs_once_for_a_record(admin: Caller, order: Order) -> None:
    add = {"set": {"Description": {"formula": 'BLANKVALUE(Description, "") & "x"'}}}
    order("rules", {"automation": [{"object": "Lead", "name": n, **add} for n in ("one", "two")]})
    assert read(admin, lead(admin))["Description"] in ("x", "xx")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"set": {"Nope": 1}}, "Nope"),
        ({"set": {"CreatedDate": 1}}, "CreatedDate"),
        ({"set": {}}, "sets something"),
        ({"set": {"Title": {"formula": "Nope"}}}, "Field Nope"),
        ({"set": {"Title": "x"}, "moment": "never"}, "never"),
        ({"set": {"Title": "x"}, "target": "Title"}, "target"),
        ({"set": {"Title": "x"}, "on": "delete"}, "delete"),
        ({"bump": True}, "bump"),
    ],
)
def test_what_makes_no_sense_is_named(order: Order, more: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRule, match=says):
        order("rules", {"automation": [{"object": "Lead", **more}]})
