"""Deployments and retrievals of packages, over SOAP and REST."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practice_org.errors import ApiError
from practice_org.metadata import archive
from practice_org.xmltree import BadXml, parse
from tests.practice_org.calls import Caller
from tests.practice_org.metadata.soap_calls import NS, Fault, Soap, package, zipped

FIELD = (
    "<fields><fullName>{name}</fullName><label>{name}</label><type>Text</type><length>20</length></fields>"
)


def lead(*fields: str, more: str = "") -> str:
    return f'<?xml version="1.0"?>\n<CustomObject xmlns="{NS}">\n{"".join(fields)}{more}</CustomObject>'


def field(name: str) -> str:
    return FIELD.format(name=name)


def files(*names: str, **more: str) -> dict[str, str]:
    return {
        "package.xml": package({"CustomField": [f"Lead.{n}" for n in names]}),
        "objects/Lead.object": lead(*(field(n) for n in names)),
        **more,
    }


def failures(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (one["fullName"][0], one["problem"][0]) for one in result["details"][0].get("componentFailures", [])
    ]


def test_fields_are_deployed_and_told_one_by_one(soap: Soap) -> None:
    result = soap.deploy(files("A__c", "B__c"))
    assert (result["status"], result["done"], result["success"]) == (["Succeeded"], ["true"], ["true"])
    assert result["numberComponentsTotal"] == ["2"] and result["id"][0].startswith("0Af")
    told = {one["fullName"][0]: one for one in result["details"][0]["componentSuccesses"]}
    assert told["Lead.A__c"]["created"] == ["true"] and told["Lead.A__c"]["componentType"] == ["CustomField"]
    assert "package.xml" in told
    again = soap.deploy(files("A__c", "B__c"))
    told = {one["fullName"][0]: one for one in again["details"][0]["componentSuccesses"]}
    assert (told["Lead.A__c"]["created"], told["Lead.A__c"]["changed"]) == (["false"], ["false"])


def test_one_failure_undoes_all_unless_ordered_otherwise(soap: Soap) -> None:
    bad = files("A__c", "B__c")
    bad["objects/Lead.object"] = bad["objects/Lead.object"].replace("<length>20", "<length>900", 1)
    result = soap.deploy(bad)
    assert result["status"] == ["Failed"]
    assert [name for name, _ in failures(result)] == ["Lead.A__c"]
    assert soap.org.schema["Lead"].get("B__c") is None
    partial = soap.deploy(bad, rollbackOnError=False)
    assert partial["status"] == ["SucceededPartial"]
    assert soap.org.schema["Lead"].get("B__c") is not None


def test_a_validation_leaves_nothing_and_can_be_deployed_quickly(soap: Soap) -> None:
    result = soap.deploy(files("A__c"), checkOnly=True)
    assert (result["status"], result["checkOnly"]) == (["Succeeded"], ["true"])
    assert soap.org.schema["Lead"].get("A__c") is None
    (quick,) = soap.call("deployRecentValidation", validationId=result["id"][0])
    assert quick.startswith("0Af") and soap.org.schema["Lead"].get("A__c") is not None
    with pytest.raises(Fault, match="Invalid validation ID"):
        soap.call("deployRecentValidation", validationId=quick)


def test_objects_come_before_what_refers_to_them(soap: Soap) -> None:
    house = (
        f'<CustomObject xmlns="{NS}"><label>House</label><pluralLabel>Houses</pluralLabel><nameField><label>N</label>'
        "<type>Text</type></nameField><deploymentStatus>Deployed</deploymentStatus><sharingModel>ReadWrite</sharingModel>"
        "<fields><fullName>Lead__c</fullName><label>L</label><type>Lookup</type><referenceTo>Lead</referenceTo>"
        "<relationshipName>Houses</relationshipName></fields></CustomObject>"
    )
    allowed = (
        f'<PermissionSet xmlns="{NS}"><label>P</label><objectPermissions><allowCreate>false</allowCreate><allowDelete>'
        "false</allowDelete><allowEdit>false</allowEdit><allowRead>true</allowRead><modifyAllRecords>false"
        "</modifyAllRecords><object>House__c</object><viewAllRecords>false</viewAllRecords></objectPermissions>"
        "<fieldPermissions><editable>true</editable><field>House__c.Lead__c</field><readable>true</readable>"
        "</fieldPermissions></PermissionSet>"
    )
    result = soap.deploy({
        "package.xml": package({"PermissionSet": ["P"], "CustomObject": ["House__c"]}),
        "permissionsets/P.permissionset": allowed,
        "objects/House__c.object": house,
    })  # fmt: skip
    assert failures(result) == [] and result["numberComponentsTotal"] == ["3"]


def test_what_is_wrong_with_a_package_is_said_with_its_place(soap: Soap) -> None:
    unknown = soap.deploy({"package.xml": package({"Coffee": ["Black"]})})
    assert failures(unknown) == [("package.xml", "Unknown type name 'Coffee' specified in package.xml")]
    missing = soap.deploy({"package.xml": package({"CustomField": ["Lead.X__c"]})})
    assert failures(missing) == [(
        "Lead.X__c",
        "An object 'Lead.X__c' of type CustomField was named in package.xml, but was not found in zipped directory",
    )]  # fmt: skip
    odd = files("A__c")
    odd["objects/Lead.object"] = lead(field("A__c").replace("<label>", "\n<colour>red</colour><label>"))
    result = soap.deploy(odd)
    (told,) = result["details"][0]["componentFailures"]
    assert "Element {" + NS + "}colour invalid at this location in type CustomField" in told["problem"][0]
    assert told["lineNumber"] == ["4"]
    none = soap.deploy({"objects/Lead.object": lead()})
    assert (none["status"], none["errorMessage"]) == (["Failed"], ["No package.xml found"])


def test_destructive_changes_delete(soap: Soap) -> None:
    soap.deploy(files("A__c", "B__c"))
    result = soap.deploy({
        "package.xml": package({}),
        "destructiveChanges.xml": package({"CustomField": ["Lead.A__c", "Lead.Nope__c"]}),
    }, ignoreWarnings=True)  # fmt: skip
    assert result["status"] == ["Succeeded"]
    assert failures(result) == [("Lead.Nope__c", "No CustomField named: Lead.Nope__c found")]
    assert soap.org.schema["Lead"].get("A__c") is None and soap.org.schema["Lead"].get("B__c") is not None


def test_what_is_retrieved_can_be_deployed_again(soap: Soap) -> None:
    soap.deploy(files("A__c", "B__c"))
    wanted = {
        "CustomField": ["Lead.A__c"],
        "Layout": ["Lead-Lead Layout"],
        "PermissionSet": ["*"],
        "StandardValueSet": ["LeadSource"],
        "Profile": ["Admin"],
    }
    got, result = soap.retrieve(wanted)
    assert set(got) == {
        "unpackaged/package.xml", "unpackaged/objects/Lead.object", "unpackaged/layouts/Lead-Lead Layout.layout",
        "unpackaged/standardValueSets/LeadSource.standardValueSet", "unpackaged/profiles/Admin.profile",
    }  # fmt: skip
    assert "<fullName>A__c</fullName>" in got["unpackaged/objects/Lead.object"]
    assert "B__c" not in got["unpackaged/objects/Lead.object"]
    assert {one["fullName"][0] for one in result["fileProperties"]} >= {"Lead.A__c", "Admin"}
    again = soap.deploy({name.removeprefix("unpackaged/"): text for name, text in got.items()})
    assert failures(again) == []
    changed = [
        one["fullName"][0] for one in again["details"][0]["componentSuccesses"] if one["changed"] == ["true"]
    ]
    assert changed == ["package.xml"]


def test_a_single_package_lies_at_the_root_and_what_is_missing_is_told(soap: Soap) -> None:
    got, result = soap.retrieve(
        {"CustomField": ["Lead.Nope__c"], "CustomObject": ["Account"]}, singlePackage=True
    )
    assert set(got) == {"package.xml", "objects/Account.object"}
    assert result["messages"][0]["problem"] == [
        "Entity of type 'CustomField' named 'Lead.Nope__c' cannot be found"
    ]


def test_deployments_move_in_steps_and_can_be_canceled(soap: Soap) -> None:
    soap.org.set_setting("job_speed", "stepped")
    result = soap.deploy(files("A__c"))
    assert (result["status"], result["done"]) == (["InProgress"], ["false"])
    (later,) = soap.call("checkDeployStatus", asyncProcessId=result["id"][0])
    assert later["status"] == ["Succeeded"] and "details" not in later
    second = soap.deploy(files("B__c"))
    soap.call("cancelDeploy", String=second["id"][0])
    (gone,) = soap.call("checkDeployStatus", asyncProcessId=second["id"][0])
    assert gone["status"] == ["Canceled"] and soap.org.schema["Lead"].get("B__c") is None
    with pytest.raises(Fault, match="already completed"):
        soap.call("cancelDeploy", String=second["id"][0])


def test_the_same_over_rest(admin: Caller) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n'
        + json.dumps({"deployOptions": {"checkOnly": True, "singlePackage": True}}).encode()
        + b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="p.zip"\r\n'
        b"Content-Type: application/zip\r\n\r\n" + zipped(files("A__c")) + b"\r\n--x--\r\n"
    )
    made = admin(
        "POST", "/metadata/deployRequest", raw=body, content_type='multipart/form-data; boundary="x"'
    )
    assert made.status == 201 and made.json["deployResult"]["checkOnly"] is True
    told = admin("GET", f"/metadata/deployRequest/{made.json['id']}?includeDetails=true").json["deployResult"]
    assert (told["status"], told["numberComponentsDeployed"]) == ("Succeeded", 1)
    assert told["details"]["componentSuccesses"][0]["fullName"] == "Lead.A__c"
    quick = admin("POST", "/metadata/deployRequest", {"validatedDeployRequestId": made.json["id"]})
    assert quick.status == 201 and admin.org.schema["Lead"].get("A__c") is not None
    cancel = admin(
        "PATCH", f"/metadata/deployRequest/{made.json['id']}", {"deployResult": {"status": "Canceling"}}
    )
    assert cancel.status == 400
    assert admin("GET", "/metadata/deployRequest/0Af000000000000AAA").status == 400
    assert admin("POST", "/metadata/deployRequest", {}).json[0]["errorCode"] == "MISSING_ARGUMENT"
    nobody = replace(admin, user_id="")
    assert nobody is not admin


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04nonsense", b"no zip"])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(archive.BadArchive):
        archive.unzip(data)


def test_entities_and_paths_out_of_the_package_are_refused() -> None:
    with pytest.raises(BadXml, match="DOCTYPE"):
        parse(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>')
    with pytest.raises(archive.BadArchive, match="Illegal path"):
        archive.unzip(zipped({"../package.xml": "x"}))


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda t: f"<Package>{t}</Package>".encode("utf-8", "replace"))
)
@settings(max_examples=300, deadline=None)
def test_whatever_comes_as_a_manifest_is_read_or_refused(data: bytes) -> None:
    try:
        archive.manifest(data)
    except ApiError:
        pass


def test_clients_of_old_habits_are_served(soap: Soap) -> None:
    """`runAllTests` and `checkStatus` are of old versions; CumulusCI sends both to new ones."""
    body = zipped(files("A__c"))
    options = {"runAllTests": False, "singlePackage": True}
    (started,) = soap.call("deploy", ZipFile=base64.b64encode(body).decode(), DeployOptions=options)
    (state,) = soap.call("checkStatus", asyncProcessId=started["id"][0])
    assert (state["done"], state["state"]) == (["true"], ["Completed"])
    with pytest.raises(Fault, match="INVALID_CROSS_REFERENCE_KEY"):
        soap.call("checkStatus", asyncProcessId="09S000000000001")
