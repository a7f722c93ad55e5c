"""Metadata on order: the control plane makes, changes and shows components without a session."""

from __future__ import annotations

import pytest

from tests.practice_org.server import RunningOrg


def test_fields_and_components_on_order(live_org: RunningOrg) -> None:
    org = live_org
    org.control(
        "fields", {"object": "Lead", "name": "Colour", "type": "picklist", "picklist": ["red", "blue"]}
    )
    with org.api("admin") as api:
        made = api.post("sobjects/Lead", json={"LastName": "x", "Company": "c", "Colour__c": "red"}).json()[
            "id"
        ]
        replaced = org.control("metadata", {"replace": {"Lead.Colour__c": {"red": "blue"}}})
        assert replaced == {"Lead.Colour__c": 1}
        assert api.get(f"sobjects/Lead/{made}").json()["Colour__c"] == "blue"
        rule = {
            "fullName": "Lead.No",
            "active": True,
            "errorConditionFormula": "ISBLANK(Phone)",
            "errorMessage": "Phone!",
        }
        assert org.control("metadata", {"type": "ValidationRule", "components": [rule]}) == ["Lead.No"]
        assert (
            api.post("sobjects/Lead", json={"LastName": "x", "Company": "c"}).json()[0]["message"] == "Phone!"
        )
        assert org.control("metadata", {"type": "ValidationRule"}) == ["Lead.No"]
        assert (
            org.control("metadata", {"type": "ValidationRule", "read": ["Lead.No"]})[0]["errorMessage"]
            == "Phone!"
        )
        org.control("metadata", {"type": "ValidationRule", "delete": ["Lead.No"]})
        assert api.post("sobjects/Lead", json={"LastName": "x", "Company": "c"}).status_code == 201
    with pytest.raises(ValueError, match="Unknown type:Coffee"):
        org.control("metadata", {"type": "Coffee"})
    with pytest.raises(ValueError, match="no CustomField named"):
        org.control("metadata", {"type": "CustomField", "delete": ["Lead.Nope__c"]})


def test_the_tooling_api_tells_the_columns_of_a_query(live_org: RunningOrg) -> None:
    with live_org.api("admin") as api:
        told = api.get(
            "tooling/query", params={"q": "SELECT Id, FullName FROM CustomField", "columns": "true"}
        ).json()
    assert [one["columnName"] for one in told["columnMetadata"]] == ["Id", "FullName"]
