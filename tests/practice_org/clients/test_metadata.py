"""Metadata and tooling through jsforce and simple-salesforce (which reads Salesforce's own WSDL), unmodified."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from simple_salesforce import Salesforce

from tests.practice_org.clients.peers import run_node
from tests.practice_org.clients.watch import watched
from tests.practice_org.metadata.soap_calls import NS, package, zipped
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with start_practice_org(tmp_path_factory.mktemp("org"), records=50, tls=True) as running:
        yield running


@pytest.fixture
def sf(org: RunningOrg, monkeypatch: pytest.MonkeyPatch) -> Salesforce:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
    instance = org.tls_url.removeprefix("https://")
    return Salesforce(instance=instance, session_id=org.token("admin"), version="60.0")


def deployable(*names: str) -> bytes:
    fields = "".join(
        f"<fields><fullName>{name}</fullName><label>{name}</label><type>Text</type><length>20</length></fields>"
        for name in names
    )
    return zipped(
        {
            "package.xml": package({"CustomField": [f"Lead.{name}" for name in names]}),
            "objects/Lead.object": f'<CustomObject xmlns="{NS}">{fields}</CustomObject>',
        }
    )


def test_jsforce(org: RunningOrg) -> None:
    zipped_fields = base64.b64encode(deployable("Js_Zip__c")).decode()
    orders = {"url": org.base_url, "token": org.token("admin"), "zip": zipped_fields}
    with watched(org, "jsforce 3.10.26"):
        said = run_node("metadata.mjs", orders)
    assert [one["success"] for one in said["created"]] == [True, False]
    assert said["created"][1]["errors"][0]["statusCode"] == "FIELD_INTEGRITY_EXCEPTION"
    assert (said["one"]["success"], said["one"]["fullName"]) == (True, "Lead.Js_Three__c")
    assert (said["read"]["fullName"], said["read"]["length"], said["read"]["unique"]) == (
        "Lead.Js_One__c",
        40,
        False,
    )
    assert said["updated"][0]["success"] is True
    assert [one["created"] for one in said["upserted"]] == [False, True]
    assert said["renamed"]["success"] and said["permissions"]["success"] and said["layout"]["success"], said
    assert said["object"]["success"]
    assert {"CustomField:Lead.Js_One__c", "CustomField:Lead.Js_Five__c", "PermissionSet:Js_Fields"} <= set(
        said["listed"]
    )
    assert {"CustomObject", "Layout", "PermissionSet", "Profile"} <= set(said["types"]) and said[
        "partialSave"
    ] is True
    assert said["deploy"] == {"status": "Succeeded", "done": True, "total": 1}
    assert said["rest"] == {
        "status": "Succeeded",
        "checkOnly": True,
        "names": ["Lead.Js_Zip__c", "package.xml"],
    }
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(said["retrieved"]["zip"]))) as archive:
        assert "<fullName>Js_One__c</fullName>" in archive.read("objects/Lead.object").decode()
    assert "Js_One__c Text(40)" in said["fields"] and "Js_Zip__c Text(20)" in said["fields"]
    assert said["made"] and said["changed"] and said["destroyed"]
    assert said["tool"] == {"FullName": "Contact.Js_Tool__c", "precision": 5}
    assert said["refused"] == {
        "code": "DUPLICATE_DEVELOPER_NAME",
        "message": "There is already a field named Js_One on Lead.",
    }
    assert said["tooling"] > 20 and said["described"] == "CustomField" and said["apex"] is False
    assert [one["success"] for one in said["deleted"]] == [True, False]


def test_simple_salesforce_with_its_own_wsdl(org: RunningOrg, sf: Salesforce, tmp_path: Path) -> None:
    with watched(org, "simple-salesforce"):
        mdapi = sf.mdapi
        field = mdapi.CustomField(
            fullName="Lead.Py_Code__c",
            label="Code",
            type=mdapi._client.get_type("ns0:FieldType")("Text"),
            length=20,
            externalId=True,
        )
        mdapi.CustomField.create(field)
        with pytest.raises(
            Exception, match=r"DUPLICATE_DEVELOPER_NAME, There is already a field named Py_Code on Lead\."
        ):
            mdapi.CustomField.create(field)
        read = mdapi.CustomField.read("Lead.Py_Code__c")
        assert (read.fullName, str(read.type), read.length, read.externalId) == (
            "Lead.Py_Code__c",
            "Text",
            20,
            True,
        )
        read.label = "New"
        mdapi.CustomField.update([read])
        again = mdapi.CustomField.read("Lead.Py_Code__c")
        assert again.label == "New"
        mdapi.CustomField.upsert([again])
        mdapi.CustomField.rename("Lead.Py_Code__c", "Lead.Py_Key__c")
        shape = mdapi.CustomField.describe()
        assert shape.apiCreatable and "referenceTo" in [one.name for one in shape.valueTypeFields]
        types = {one.xmlName: one for one in mdapi.describe_metadata().metadataObjects}
        assert types["Layout"].directoryName == "layouts"
        query = mdapi._client.get_type("ns0:ListMetadataQuery")(type="CustomField")
        assert "Lead.Py_Key__c" in [one.fullName for one in mdapi.list_metadata(query)]
        file = tmp_path / "package.zip"
        file.write_bytes(deployable("Py_Zip__c"))
        process, state = mdapi.deploy(str(file), sandbox=False)
        assert process and state
        status, _, deployed, tests = mdapi.check_deploy_status(process)
        assert (status, deployed["total_count"], deployed["errors"]) == ("Succeeded", "1", [])
        assert tests["failed_count"] == "0"
        got, _ = mdapi.retrieve("", unpackaged={"CustomField": ["Lead.Py_Zip__c"]})
        assert mdapi.check_retrieve_status(got)[0] == "Succeeded"
        state, error, messages, data = mdapi.retrieve_zip(got)
        assert (state, error, messages) == ("Succeeded", None, [])
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert any(name.endswith("objects/Lead.object") for name in archive.namelist())
        mdapi.CustomField.delete(["Lead.Py_Key__c"])
        with pytest.raises(
            Exception, match=r"INVALID_CROSS_REFERENCE_KEY, no CustomField named Lead\.Py_Key__c found"
        ):
            mdapi.CustomField.delete(["Lead.Py_Key__c"])
        found = sf.toolingexecute(
            "query", params={"q": "SELECT DeveloperName FROM CustomField WHERE DeveloperName = 'Py_Zip'"}
        )
        assert found["totalSize"] == 1
