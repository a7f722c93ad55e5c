"""The addresses that describes hand out: layouts, list views, default values, and what a home page asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema import record_types
from tests.practice_org.calls import Caller, new_org


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Caller]:
    org, caller = new_org(tmp_path)
    yield caller
    org.close()


NOT_SERVED = {
    "caseArticleSuggestions",
    "caseRowArticleSuggestions",
    "passwordUtilities",
    "eventSeriesUpdates",
}
PAGES = {"uiDetailTemplate", "uiEditTemplate", "uiNewRecord"}


def test_no_address_of_a_describe_is_a_dead_end(admin: Caller) -> None:
    for name in [s["name"] for s in admin("GET", "/sobjects").json["sobjects"]]:
        urls = admin("GET", f"/sobjects/{name}/describe").json["urls"]
        for key, url in urls.items():
            if key in NOT_SERVED | PAGES or "{" in url:
                continue
            path = url.removeprefix("/services/data/v60.0")
            assert admin("GET", path).status == 200, (name, key, path)


def test_a_layout_shows_fields_in_sections(admin: Caller) -> None:
    answer = admin("GET", "/sobjects/Lead/describe/layouts")
    (layout,) = answer.json["layouts"]
    assert [s["heading"] for s in layout["detailLayoutSections"]] == [
        "Lead Information",
        "System Information",
    ]
    items = [i for s in layout["editLayoutSections"] for r in s["layoutRows"] for i in r["layoutItems"]]
    shown = {c["value"]: i for i in items for c in i["layoutComponents"]}
    assert shown["Company"]["required"] is True
    assert shown["Email"]["layoutComponents"][0]["details"]["type"] == "email"
    (mapping,) = answer.json["recordTypeMappings"]
    assert [mapping["developerName"], mapping["layoutId"]] == ["Master", layout["id"]]
    status = next(p for p in mapping["picklistsForRecordType"] if p["picklistName"] == "Status")
    assert [p["value"] for p in status["picklistValues"] if p["defaultValue"]] == ["Open - Not Contacted"]
    again = admin("GET", "/sobjects/Lead/describe/layouts", if_none_match=answer.headers["etag"])
    assert again.status == 304
    master = mapping["urls"]["layout"].removeprefix("/services/data/v60.0")
    assert admin("GET", master).json == layout


def test_with_several_record_types_each_layout_is_asked_for(admin: Caller) -> None:
    one = record_types.create(admin.org, "Lead", "Trade")
    record_types.create(admin.org, "Lead", "Web")
    answer = admin("GET", "/sobjects/Lead/describe/layouts").json
    assert [answer["layouts"], answer["recordTypeSelectorRequired"]] == [None, [True]]
    assert len(answer["recordTypeMappings"]) == 3
    assert "detailLayoutSections" in admin("GET", f"/sobjects/Lead/describe/layouts/{one}").json
    assert admin("GET", "/sobjects/Contact/describe/layouts/" + one).status == 404
    assert admin("GET", "/sobjects/LeadStatus/describe/layouts").status == 404


def test_compact_and_other_layouts(admin: Caller) -> None:
    compact = admin("GET", "/sobjects/Account/describe/compactLayouts").json
    names = [i["layoutComponents"][0]["value"] for i in compact["compactLayouts"][0]["fieldItems"]]
    assert names == ["Name", "Phone", "Website"]
    assert compact["recordTypeCompactLayoutMappings"][0]["compactLayoutName"] == "SYSTEM"
    primary = admin("GET", compact["urls"]["primary"].removeprefix("/services/data/v60.0")).json
    assert primary == compact["compactLayouts"][0]
    assert admin("GET", "/sobjects/Account/describe/approvalLayouts").json == {"approvalLayouts": []}
    assert admin("GET", "/sobjects/User/describe/namedLayouts/UserAlt").status == 200
    assert admin("GET", "/sobjects/User/describe/namedLayouts/Other").status == 404


def test_default_values(admin: Caller) -> None:
    every = admin("GET", "/sobjects/Lead/defaultValues?recordTypeId&fields").json
    assert [every["attributes"]["type"], every["Status"], every["DoNotCall"]] == [
        "Lead", "Open - Not Contacted", False,
    ]  # fmt: skip
    assert admin("GET", "/sobjects/Lead/defaultValues?fields=status").json == {
        "attributes": {"type": "Lead"},
        "Status": "Open - Not Contacted",
    }
    assert (
        admin("GET", "/sobjects/Lead/defaultValues?fields=Nonesuch").json[0]["errorCode"] == "INVALID_FIELD"
    )


def view(admin: Caller, name: str, developer_name: str) -> str:
    listed = admin("GET", f"/sobjects/{name}/listviews").json
    assert listed["size"] == len(listed["listviews"])
    found = next(v for v in listed["listviews"] if v["developerName"] == developer_name)
    return str(found["url"]).removeprefix("/services/data/v60.0")


def test_results_of_a_list_view_are_as_recorded(admin: Caller) -> None:
    admin.create("Account", Name="Burlington Textiles", Type="Customer - Direct", BillingState="NC")
    admin.create("Account", Name="Almond")
    url = view(admin, "Account", "AllAccounts")
    answer = admin("GET", f"{url}/results").json
    assert list(answer) == ["columns", "developerName", "done", "id", "label", "records", "size"]
    assert [c["fieldNameOrPath"] for c in answer["columns"]] == [
        "Name", "Site", "BillingState", "Phone", "Type", "Owner.Alias",
        "Id", "CreatedDate", "LastModifiedDate", "SystemModstamp",
    ]  # fmt: skip
    columns: dict[str, dict[str, Any]] = {c["fieldNameOrPath"]: c for c in answer["columns"]}
    assert columns["Name"] == {
        "ascendingLabel": "Z-A",
        "descendingLabel": "A-Z",
        "fieldNameOrPath": "Name",
        "hidden": False,
        "label": "Account Name",
        "selectListItem": "Name",
        "sortDirection": "ascending",
        "sortIndex": 0,
        "sortable": True,
        "type": "string",
    }
    assert columns["Phone"]["ascendingLabel"] == "9-0"
    assert columns["Type"]["selectListItem"] == "toLabel(Type)"
    assert columns["Owner.Alias"]["label"] == "Account Owner Alias"
    assert columns["CreatedDate"]["sortable"] is False
    first, second = answer["records"]
    values = {c["fieldNameOrPath"]: c["value"] for c in second["columns"]}
    assert [first["columns"][0]["value"], values["BillingState"], values["Phone"]] == ["Almond", "NC", None]
    assert re.fullmatch(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d GMT \d{4}", values["CreatedDate"])
    assert [answer["done"], answer["size"], len(answer["id"])] == [True, 2, 15]
    less = admin("GET", f"{url}/results?limit=1&offset=1").json
    assert [less["done"], less["size"]] == [True, 1]
    assert admin("GET", f"{url}/results?limit=x").status == 400


def test_a_list_view_says_what_it_asks_for(admin: Caller) -> None:
    told = admin("GET", view(admin, "Lead", "NewThisWeek") + "/describe").json
    assert told["whereCondition"] == {"field": "CreatedDate", "operator": "equals", "values": ["THIS_WEEK"]}
    assert told["query"].endswith(
        "WHERE CreatedDate = THIS_WEEK ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST"
    )
    assert admin.query(told["query"])["totalSize"] == 0
    mine = admin("GET", view(admin, "Lead", "MyLeads") + "/describe").json
    assert mine["scope"] == "mine"
    assert admin("GET", view(admin, "Lead", "MyLeads")).json["soqlCompatible"] is True
    assert admin("GET", "/sobjects/Lead/listviews/00B000000000001").status == 404
    assert admin("GET", "/sobjects/User/listviews").status == 404
    found = admin.query("SELECT Id, DeveloperName FROM ListView WHERE SobjectType = 'Lead'")
    assert found["totalSize"] == 3


@pytest.mark.parametrize(
    "name", ["Account", "Campaign", "Case", "Contact", "Lead", "Opportunity", "Individual"]
)
def test_each_list_view_has_results(admin: Caller, name: str) -> None:
    for one in admin("GET", f"/sobjects/{name}/listviews").json["listviews"]:
        path = str(one["resultsUrl"]).removeprefix("/services/data/v60.0")
        assert admin("GET", path).status == 200, path


def test_recent_records_are_those_looked_at(admin: Caller) -> None:
    assert admin("GET", "/recent").json == []
    one, two = (admin.create("Lead", LastName=n, Company="C") for n in ("One", "Two"))
    admin.query(f"SELECT Id FROM Lead WHERE Id = '{one}' FOR VIEW")
    admin.query(f"SELECT Id FROM Lead WHERE Id = '{two}' FOR REFERENCE")
    url = f"/services/data/v60.0/sobjects/Lead/{two}"
    assert admin("GET", "/recent").json[0] == {
        "attributes": {"type": "Lead", "url": url},
        "Id": two,
        "Name": "Two",
    }
    admin.query(f"SELECT Id FROM Lead WHERE Id = '{one}' FOR VIEW")
    assert [r["Name"] for r in admin("GET", "/recent?limit=1").json] == ["One"]
    assert len(admin("GET", "/sobjects/Lead").json["recentItems"]) == 2
    assert admin("GET", "/sobjects/Account").json["recentItems"] == []
    admin("DELETE", f"/sobjects/Lead/{one}")
    assert [r["Id"] for r in admin("GET", "/recent").json] == [two]
    assert admin("GET", "/recent?limit=0").status == 400


def test_tabs_themes_menus_and_actions(admin: Caller) -> None:
    tabs = admin("GET", "/tabs").json
    assert {t["sobjectName"] for t in tabs} >= {"Account", "Contact", "Lead"}
    assert {t["name"] for t in admin("GET", "/theme").json["themeItems"]} == {t["sobjectName"] for t in tabs}
    assert admin("GET", "/appMenu/AppSwitcher").json == {"appMenuItems": []}
    assert admin("GET", "/appMenu/Nonesuch").status == 404
    assert admin("GET", "/quickActions").json == admin("GET", "/sobjects/Lead/quickActions").json == []


def test_passwords_of_users(admin: Caller) -> None:
    from practice_org.auth.tables import create_tables
    from practice_org.schema import birth

    create_tables(admin.org)
    other = Caller(admin.org, birth.create_user(admin.org, username="o@example.com", last_name="Other"))
    path = f"/sobjects/User/{other.user_id}/password"
    assert admin("GET", path).json == {"isExpired": False}
    assert admin("POST", path, {"NewPassword": "short"}).json[0]["errorCode"] == "INVALID_NEW_PASSWORD"
    assert admin("POST", path, {"NewPassword": "correct-horse-7"}).status == 204
    assert len(admin("DELETE", path).json["NewPassword"]) >= 8
    assert other("GET", f"/sobjects/User/{admin.user_id}/password").status == 403
    assert admin("GET", "/sobjects/User/005000000000000/password").status == 404
    lead = admin.create("Lead", LastName="One", Company="C")
    assert admin("GET", f"/sobjects/Lead/{lead}/password").status == 404
    assert admin("GET", "/sobjects/Case/suggestedArticles").json == []
    assert admin("GET", "/sobjects/Lead/suggestedArticles").status == 404
