"""Components that the practice org does not interpret: deployed, listed, read, retrieved, deleted all the same."""

from __future__ import annotations

import base64

from tests.practice_org.calls import Caller
from tests.practice_org.metadata.soap_calls import NS, Soap, package

CLASS = "public class Greeter { public static String hi() { return 'hi & <bye>'; } }"
META = f'<?xml version="1.0"?><ApexClass xmlns="{NS}"><apiVersion>60.0</apiVersion><status>Active</status></ApexClass>'
WORKFLOW = (
    f'<?xml version="1.0"?><Workflow xmlns="{NS}"><rules><fullName>Greet</fullName><active>true</active>'
    "<formula>1 &lt; 2</formula></rules><rules><fullName>Part</fullName><active>false</active></rules></Workflow>"
)
FILES = {
    "package.xml": package({
        "ApexClass": ["Greeter"], "Workflow": ["*"], "Report": ["Mine", "Mine/Leads"],
        "Settings": ["OauthOidc"], "CustomMetadata": ["Rate.Low"], "LightningComponentBundle": ["hello"],
    }),
    "classes/Greeter.cls": CLASS,
    "classes/Greeter.cls-meta.xml": META,
    "workflows/Account.workflow": WORKFLOW,
    "reports/Mine-meta.xml": f'<ReportFolder xmlns="{NS}"><name>Mine</name></ReportFolder>',
    "reports/Mine/Leads.report": f'<Report xmlns="{NS}"><name>Leads</name><columns><field>A</field></columns></Report>',
    "settings/OauthOidc.settings": f'<OauthOidcSettings xmlns="{NS}"><blockOAuthUnPwFlow>false</blockOAuthUnPwFlow></OauthOidcSettings>',
    "customMetadata/Rate.Low.md": (
        f'<CustomMetadata xmlns="{NS}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xmlns:xsd="http://www.w3.org/2001/XMLSchema"><label>Low</label><values><field>Of__c</field>'
        '<value xsi:type="xsd:double">1.5</value></values><values><field>To__c</field><value xsi:nil="true"/>'
        "</values></CustomMetadata>"
    ),
    "lwc/hello/hello.js": "export default 1;",
    "lwc/hello/hello.html": "<template></template>",
}  # fmt: skip


def names(soap: Soap, type_name: str, folder: str = "") -> list[str]:
    found = soap.call("listMetadata", queries={"type": type_name, "folder": folder})
    return [one["fullName"][0] for one in found]


def test_what_is_deployed_is_listed_and_comes_back_as_it_was(soap: Soap) -> None:
    result = soap.deploy(FILES)
    assert result["status"] == ["Succeeded"], result
    assert names(soap, "ApexClass") == ["Greeter"]
    assert (names(soap, "ReportFolder"), names(soap, "Report", "Mine")) == (["Mine"], ["Mine/Leads"])
    assert names(soap, "Report") == []
    assert names(soap, "WorkflowRule") == ["Account.Greet", "Account.Part"]
    got, _ = soap.retrieve({
        "ApexClass": ["*"], "Workflow": ["Account"], "Report": ["Mine", "Mine/Leads"], "Settings": ["OauthOidc"],
        "CustomMetadata": ["*"], "LightningComponentBundle": ["hello"],
    })  # fmt: skip
    assert set(got) == {f"unpackaged/{path}" for path in FILES}
    assert got["unpackaged/classes/Greeter.cls"] == CLASS
    assert "<status>Active</status>" in got["unpackaged/classes/Greeter.cls-meta.xml"]
    assert "<formula>1 &lt; 2</formula>" in got["unpackaged/workflows/Account.workflow"]
    assert '<value xsi:type="xsd:double">1.5</value>' in got["unpackaged/customMetadata/Rate.Low.md"]
    assert '<value xsi:nil="true"/>' in got["unpackaged/customMetadata/Rate.Low.md"]
    assert got["unpackaged/lwc/hello/hello.js"] == "export default 1;"
    again = soap.deploy({path.removeprefix("unpackaged/"): text for path, text in got.items()})
    told = again["details"][0]["componentSuccesses"]
    assert {one["changed"][0] for one in told if one["fullName"] != ["package.xml"]} == {"false"}


def test_parts_are_read_and_retrieved_without_the_rest(soap: Soap) -> None:
    soap.deploy(FILES)
    (rule,) = soap.read("WorkflowRule", "Account.Greet")
    assert (rule["fullName"], rule["active"]) == (["Account.Greet"], ["true"])
    got, _ = soap.retrieve({"WorkflowRule": ["Account.Part"]})
    assert "Greet" not in got["unpackaged/workflows/Account.workflow"]
    assert soap.delete("WorkflowRule", "Account.Part")[0]["success"]
    assert names(soap, "WorkflowRule") == ["Account.Greet"]


def test_list_views_and_field_sets_stand_in_their_object(soap: Soap) -> None:
    soap.create(
        "ListView", {"fullName": "Lead.Hot", "columns": ["NAME"], "filterScope": "Everything", "label": "Hot"}
    )
    got, _ = soap.retrieve({"ListView": ["Lead.Hot"], "CustomObject": ["Lead"]})
    assert "<fullName>Hot</fullName>" in got["unpackaged/objects/Lead.object"]
    assert "<fullName>LastName</fullName>" in got["unpackaged/objects/Lead.object"]
    code, _ = soap.refused("ListView", {"fullName": "Nope__c.X", "filterScope": "Everything", "label": "X"})
    assert code == "INVALID_CROSS_REFERENCE_KEY"


def test_created_and_read_by_calls(soap: Soap) -> None:
    content = base64.b64encode(b"body").decode()
    soap.create("StaticResource", {"fullName": "Logo", "contentType": "text/plain", "content": content})
    (read,) = soap.read("StaticResource", "Logo")
    assert read["content"] == [content]
    assert soap.delete("StaticResource", "Logo")[0]["success"] and names(soap, "StaticResource") == []
    soap.create("CustomLabel", {"fullName": "Hi", "language": "en_US", "value": "Hi!", "protected": "false"})
    assert soap.read("CustomLabels", "CustomLabels")[0]["labels"][0]["fullName"] == ["Hi"]


def test_files_that_are_missing_or_no_xml_are_told_of(soap: Soap) -> None:
    result = soap.deploy({
        "package.xml": package({"ApexClass": ["Gone"], "Report": ["Bad/R"], "Workflow": ["Account"]}),
        "reports/Bad/R.report": "<Report",
        "workflows/Account.workflow": f'<Report xmlns="{NS}"/>',
    })  # fmt: skip
    told = {one["fullName"][0]: one["problem"][0] for one in result["details"][0]["componentFailures"]}
    assert "was named in package.xml, but was not found in zipped directory" in told["Gone"]
    assert told["Bad/R"].startswith("Error parsing file")
    assert told["Account"] == "Error parsing file: Unexpected element Report"


def test_deployed_code_is_found_by_tooling_queries(soap: Soap, admin: Caller) -> None:
    soap.deploy(FILES)
    soap.create("StaticResource", {"fullName": "Logo", "contentType": "text/plain", "content": "aGVsbG8="})
    (found,) = admin.query("SELECT Name, ApiVersion, Status, Body FROM ApexClass", "/tooling/query")[
        "records"
    ]
    assert (found["Name"], found["ApiVersion"], found["Status"], found["Body"]) == (
        "Greeter",
        60.0,
        "Active",
        CLASS,
    )
    (logo,) = admin.query("SELECT Name, ContentType, BodyLength FROM StaticResource", "/tooling/query")[
        "records"
    ]
    assert (logo["Name"], logo["ContentType"], logo["BodyLength"]) == ("Logo", "text/plain", 5)
    for soql in (
        "SELECT SubscriberPackage.NamespacePrefix, SubscriberPackageVersion.MajorVersion FROM InstalledSubscriberPackage",
        "SELECT ActiveVersion.VersionNumber, LatestVersion.VersionNumber FROM FlowDefinition",
    ):
        assert admin.query(soql, "/tooling/query")["totalSize"] == 0
