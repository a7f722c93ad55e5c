"""Our describes beside those that real orgs gave, key by key.

The recordings are not part of this repository: they lie in `shared/` beside the checkout, and without them
these tests are left out. What an org has of its own is not compared: ids, hosts, labels that were changed,
record types, and fields and children of its packages. Every other difference is listed here with its
reason; a new one fails, and so does one that is no longer there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from practice_org.schema import person_accounts
from practice_org.schema.custom import create_field
from practice_org.schema.custom_objects import CustomObject, create
from tests.practice_org.calls import Caller, new_org

RECORDED = next(
    (p / "shared/salesforce/real" for p in Path(__file__).parents if (p / "shared/salesforce/real").is_dir()),
    None,
)
pytestmark = pytest.mark.skipif(RECORDED is None, reason="the recordings are not beside this checkout")

_LATER = "the key came with a later release of the server, whatever the API version asked for"
_OPT_OUT = "hidden from the users of the recorded org by field-level security"
_EDITED = "the recording was edited for a test of the project that made it"

DESCRIBES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "cumulusci_bsd3/GET_sobjects_Account_describe.json": ("48.0", {"+sobjectDescribeOption": _LATER}),
    "cumulusci_bsd3/GET_sobjects_Case_describe.json": ("48.0", {"+sobjectDescribeOption": _LATER}),
    "cumulusci_bsd3/GET_sobjects_OpportunityContactRole_describe.json": (
        "48.0",
        {"+sobjectDescribeOption": _LATER},
    ),
    "cumulusci_bsd3/GET_sobjects_Contact_describe.json": (
        "59.0",
        {
            "+fields.HasOptedOutOfEmail": _OPT_OUT,
            "+fields.HasOptedOutOfFax": _OPT_OUT,
            "+fields.DoNotCall": _OPT_OUT,
        },
    ),
    "cumulusci_bsd3/GET_sobjects_Lead_describe.json": (
        "59.0",
        {
            "+fields.HasOptedOutOfEmail": _OPT_OUT,
            "+fields.HasOptedOutOfFax": _OPT_OUT,
            "+fields.DoNotCall": _OPT_OUT,
        },
    ),
    "cumulusci_bsd3/GET_sobjects_Event_describe.json": ("59.0", {}),
    "cumulusci_bsd3/GET_sobjects_Opportunity_describe.json": ("59.0", {}),
    "grouparoo_mit/Campaign_describe_v42.json": ("42.0", {}),
}


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, caller = new_org(tmp_path_factory.mktemp("describes"))
    yield caller
    org.close()


def recorded(name: str) -> Any:
    assert RECORDED is not None
    return json.loads((RECORDED / name).read_text("utf-8"))


def comparable(described: Mapping[str, Any]) -> dict[str, Any]:
    """A describe without what is an org's own, its lists by name."""
    out = {k: _plain(v) for k, v in described.items()}
    fields = [f for f in described.get("fields", ()) if "__" not in f["name"]]
    out["fields"] = {f["name"]: _plain(f) for f in fields}
    out["fieldOrder"] = [f["name"] for f in fields]
    children = [
        c for c in described.get("childRelationships", ()) if "__" not in c["childSObject"] + c["field"]
    ]
    out["childRelationships"] = {
        f"{c['childSObject']}-{c['field']}-{c['relationshipName']}": c for c in children
    }
    out["recordTypeInfos"] = [
        {k: _plain(v) for k, v in one.items() if k != "defaultRecordTypeMapping"}
        for one in described.get("recordTypeInfos", ())
        if one["master"]
    ]
    return out


def _plain(value: Any) -> Any:
    """Versions and hosts out of urls."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return re.sub(r"^https?://[^/]+", "", re.sub(r"/v(?:\d+\.0|xx\.0)/", "/v/", value))
    return value


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """`+path` for what only we have, `-path` for what only they have, `path` where the values differ."""
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        if ours != theirs:
            yield path
        return
    for key in ours.keys() | theirs.keys():
        inner = f"{path}.{key}" if path else key
        if key not in theirs:
            yield f"+{inner}"
        elif key not in ours:
            yield f"-{inner}"
        else:
            yield from differences(ours[key], theirs[key], inner)


def without_extra_in_order(found: set[str], ours: dict[str, Any], theirs: dict[str, Any]) -> set[str]:
    """Fields that one side lacks are a difference of their own, not one of the order as well."""
    both = set(ours["fieldOrder"]) & set(theirs["fieldOrder"])
    orders = [[name for name in one["fieldOrder"] if name in both] for one in (ours, theirs)]
    return found - {"fieldOrder"} if orders[0] == orders[1] else found


def compare(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> set[str]:
    mine, yours = comparable(ours), comparable(theirs)
    return without_extra_in_order(set(differences(mine, yours)), mine, yours)


@pytest.mark.parametrize("name", DESCRIBES)
def test_a_describe_is_as_recorded(admin: Caller, name: str) -> None:
    version, explained = DESCRIBES[name]
    theirs = recorded(name)
    ours = Caller(admin.org, admin.user_id, version=version)(
        "GET", f"/sobjects/{theirs['name']}/describe"
    ).json
    assert compare(ours, theirs) == set(explained)
    assert list(ours["fields"][0]) == list(theirs["fields"][0])


def test_account_of_an_org_with_person_accounts_is_as_recorded(tmp_path: Path) -> None:
    org, caller = new_org(tmp_path)
    person_accounts.enable(org)
    ours = Caller(org, caller.user_id, version="59.0")("GET", "/sobjects/Account/describe").json
    assert compare(ours, recorded("cumulusci_bsd3/GET_sobjects_Account_PersonAccount_describe.json")) == set()
    org.close()


# -- sampled describes: only what they show is compared ----------------------------------------------

_CUT = "left out of the sample"
_SAMPLED: Mapping[str, Mapping[str, str]] = {
    "Account": {"recordTypeInfos": _CUT, "supportedScopes": _CUT, "urls": _CUT},
    "Organization": {},
}


@pytest.mark.parametrize("name", _SAMPLED)
def test_a_sampled_describe_is_as_recorded(admin: Caller, name: str) -> None:
    found = {
        r["body"]["name"]: r["body"]
        for file in ("metadata_read_accounts-sampled.json", "metadata_read_organization-sampled.json")
        for r in recorded(f"amp_connectors_mit/{file}")["compositeResponse"]
    }
    ours, theirs = comparable(admin("GET", f"/sobjects/{name}/describe").json), comparable(found[name])
    sampled = {
        one
        for one in differences(ours, theirs)
        if not one.startswith(("+fields.", "+childRelationships.")) and one != "fieldOrder"
    }
    assert sampled == set(_SAMPLED[name]), sorted(sampled)


# -- custom objects ------------------------------------------------------------------------------------

_CUSTOM_OBJECT: Mapping[str, str] = {"supportedScopes": "left out of the sample"}


def test_a_custom_object_is_as_recorded(admin: Caller) -> None:
    theirs = recorded("amp_connectors_mit/metadata_read_custom-object-with-custom-fields.json")
    theirs = theirs["compositeResponse"][0]["body"]
    create(
        admin.org,
        CustomObject("TestObject15__c", theirs["label"], theirs["labelPlural"], "", "Test Object Name"),
    )
    create_field(admin.org, "TestObject15__c", "MailBox", "email", label="MailBox")
    mine = admin("GET", "/sobjects/TestObject15__c/describe").json
    fields = {f["name"]: f for f in mine["fields"]}
    for f in theirs["fields"]:
        if f["name"] in fields:
            assert fields[f["name"]] == f, f["name"]
    rest = {"fields", "urls", "keyPrefix"}
    found = {k for k in theirs if k not in rest and _plain(mine[k]) != _plain(theirs[k])}
    assert found == set(_CUSTOM_OBJECT), found
    assert list(mine) == list(theirs)


_EARLY: Mapping[str, str] = {
    "IsDeleted.defaultValue": "version 23 gave booleans no default value",
}


def test_system_fields_of_an_early_recording_are_those_of_today(admin: Caller) -> None:
    """A custom object as API version 23 described it: the keys of then still say the same."""
    theirs = recorded("restforce_mit/sobject_describe_success_response.json")
    create(admin.org, CustomObject("Whizbang__c", "Whizbang", "Whizbangs", "", "Whizbang Name"))
    create_field(admin.org, "Whizbang__c", "Checkbox_Label", "checkbox")
    ours = {f["name"]: f for f in admin("GET", "/sobjects/Whizbang__c/describe").json["fields"]}
    seen, found = 0, set()
    for f in theirs["fields"]:
        mine = ours.get(f["name"])
        if mine is None or f["custom"]:
            continue
        seen += 1
        found |= {f"{f['name']}.{k}" for k, v in f.items() if mine[k] != v and k != "label"}
    assert found == set(_EARLY)
    assert seen > 5


# -- the list of all objects -----------------------------------------------------------------------------

_GLOBAL: Mapping[str, str] = {
    "+Event.urls.eventSeriesUpdates": _EDITED,
    "-Event.urls.approvalLayouts": _EDITED,
    "-Event.urls.listviews": _EDITED,
    "Event.feedEnabled": _EDITED,
    "Event.keyPrefix": _EDITED,
    "Event.mergeable": _EDITED,
    "Lead.keyPrefix": _EDITED,
}


def test_the_list_of_objects_is_as_recorded(admin: Caller) -> None:
    theirs = {s["name"]: s for s in recorded("cumulusci_bsd3/GET_sobjects_Global_describe.json")["sobjects"]}
    ours = {s["name"]: s for s in admin("GET", "/sobjects").json["sobjects"]}
    found = {
        one
        for name in ours.keys() & theirs.keys()
        for one in differences(_plain(ours[name]), _plain(theirs[name]), name)
    }
    assert found == set(_GLOBAL), sorted(found)
    early = recorded("restforce_mit/list_sobjects_success_response.json")["sobjects"][0]
    assert {k: v for k, v in early.items() if k != "urls"} == {
        k: v for k, v in ours["Account"].items() if k in early and k != "urls"
    }


_ORGANIZATION: Mapping[str, str] = {
    "PreferencesIndividualAutoCreateEnabled": "not in the recorded org; listed by another recording of names",
}


def test_the_record_of_the_organization_has_the_recorded_fields(admin: Caller) -> None:
    theirs = recorded("cumulusci_bsd3/GET_sobjects_Organization.json")
    ours = admin("GET", f"/sobjects/Organization/{admin.org.id}").json
    assert [k for k in ours if k in theirs] == list(theirs)
    assert set(ours) - set(theirs) == set(_ORGANIZATION)
    assert {k: type(v) for k, v in ours.items() if v is not None and theirs.get(k) is not None} == {
        k: type(v) for k, v in theirs.items() if v is not None and ours[k] is not None
    }


# -- names, nullability and relationships -----------------------------------------------------------------

_FEATURE = "of a feature that was off in the org whose describe we follow"
_SCHEMA: Mapping[str, str] = dict.fromkeys(
    (
        "-Account.child.Entitlements",
        "-Account.child.Personas",
        "-Account.child.Posts",
        "-Account.child.ServiceContracts",
        "-Case.BusinessHoursId",
        "-Case.EntitlementId",
        "-Case.HasCommentsUnreadByOwner",
        "-Case.HasSelfServiceComments",
        "-Case.IsClosedOnCreate",
        "-Case.IsSelfServiceClosed",
        "-Case.IsStopped",
        "-Case.IsVisibleInSelfService",
        "-Case.MilestoneStatus",
        "-Case.ProductId",
        "-Case.SlaExitDate",
        "-Case.SlaStartDate",
        "-Case.SourceId",
        "-Case.StopStartDate",
        "-Case.child.CaseArticles",
        "-Case.child.CaseExternalDocuments",
        "-Case.child.CaseMilestones",
        "-Case.child.Posts",
        "-Case.parent.BusinessHours",
        "-Case.parent.Entitlement",
        "-Case.parent.Product",
        "-Case.parent.Source",
        "-Contact.CanAllowPortalSelfReg",
        "-Contact.child.Personas",
        "-Contact.child.Posts",
        "-Lead.child.Personas",
        "-Lead.child.Posts",
    ),
    _FEATURE,
)


def test_names_nullability_and_relationships_are_as_recorded(admin: Caller) -> None:
    theirs = recorded("jsforce_standard_schema_subset_mit.json")
    names = {s["name"] for s in admin("GET", "/sobjects").json["sobjects"]}
    found = set()
    for name in theirs.keys() & names:
        described = admin("GET", f"/sobjects/{name}/describe").json
        found |= set(_schema_differences(name, described, theirs[name]))
    assert found == set(_SCHEMA), sorted(found)


def _schema_differences(name: str, described: Any, theirs: Any) -> Iterator[str]:
    ours = {f["name"]: f["nillable"] for f in described["fields"]}
    for field, kind in theirs["Fields"].items():
        if field not in ours:
            yield f"-{name}.{field}"
        elif ours[field] != ("null" in kind):
            yield f"{name}.{field}"
    parents = {f["relationshipName"] for f in described["fields"] if f["relationshipName"]}
    yield from (f"-{name}.parent.{one}" for one in theirs.get("ParentReferences", {}) if one not in parents)
    children = {c["relationshipName"] for c in described["childRelationships"]}
    yield from (f"-{name}.child.{one}" for one in theirs.get("ChildRelationships", {}) if one not in children)
