"""The Salesforce CLI, unmodified, over plain http: login, query, records, bulk both ways, trees, describe, projects."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from simple_salesforce import Salesforce

from tests.practice_org.clients.peers import NODE, node_environment, node_packages
from tests.practice_org.clients.watch import watched
from tests.practice_org.server import RunningOrg, start_practice_org

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(900)]
NS = "http://soap.sforce.com/2006/04/metadata"
PROJECT = {
    "objects/Room__c/Room__c.object-meta.xml": (
        f'<CustomObject xmlns="{NS}"><deploymentStatus>Deployed</deploymentStatus><label>Room</label><nameField>'
        "<label>No.</label><type>Text</type></nameField><pluralLabel>Rooms</pluralLabel><sharingModel>ReadWrite"
        "</sharingModel></CustomObject>"
    ),
    "objects/Room__c/fields/Size__c.field-meta.xml": (
        f'<CustomField xmlns="{NS}"><fullName>Size__c</fullName><label>Size</label><precision>5</precision>'
        "<scale>0</scale><type>Number</type></CustomField>"
    ),
    "permissionsets/Rooms.permissionset-meta.xml": (
        f'<PermissionSet xmlns="{NS}"><fieldPermissions><editable>true</editable><field>Room__c.Size__c</field>'
        "<readable>true</readable></fieldPermissions><label>Rooms</label></PermissionSet>"
    ),
    "classes/Greeter.cls": "public class Greeter {}\n",
    "classes/Greeter.cls-meta.xml": (
        f'<ApexClass xmlns="{NS}"><apiVersion>60.0</apiVersion><status>Active</status></ApexClass>'
    ),
}
TEXT = 'sf: "é" 東京,\nsecond line; NULL'
Cli = Callable[..., Any]


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with (
        start_practice_org(tmp_path_factory.mktemp("org"), records=1200, tls=True) as running,
        watched(running, "Salesforce CLI"),
    ):
        yield running


@pytest.fixture(scope="module")
def sf(org: RunningOrg, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """`sf(*words)`: runs a command with --json against the administrator, logged in by JWT; returns its result."""
    cli = node_packages("cli") / "node_modules" / "@salesforce" / "cli" / "bin" / "run.js"
    home = tmp_path_factory.mktemp("home")
    environment = node_environment(
        HOME=str(home),
        SF_USE_GENERIC_UNIX_KEYCHAIN="true",
        SF_DISABLE_TELEMETRY="true",
        SF_AUTOUPDATE_DISABLE="true",
        SF_ORG_API_VERSION="60.0",
        SF_TEMP_SHOW_SECRETS="true",
    )

    def run(*words: str | Path, fails: bool = False, target: str = "org", **more: str) -> Any:
        command = [NODE, cli, *words, "--json"]
        if words[:2] not in (("org", "login"), ("org", "list")):
            command += ["--target-org", target]
        done = subprocess.run(
            list(map(str, command)),
            cwd=project(home),
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=240,
        )
        said = json.loads(done.stdout)
        assert fails or said["status"] == 0, done.stdout
        return said if fails else said["result"]

    run(
        *("org", "login", "jwt", "--client-id", org.client_id, "--jwt-key-file", org.facts["jwt_key_file"]),
        *("--username", org.user("admin")["username"], "--instance-url", org.base_url, "--alias", "org"),
    )
    return run


@pytest.fixture(scope="module")
def python(org: RunningOrg) -> Iterator[Salesforce]:
    """simple-salesforce, to read what the CLI wrote."""
    before = os.environ.get("REQUESTS_CA_BUNDLE")
    os.environ["REQUESTS_CA_BUNDLE"] = org.ca_file
    yield Salesforce(
        instance=org.tls_url.removeprefix("https://"), session_id=org.token("admin"), version="60.0"
    )
    if before is None:
        del os.environ["REQUESTS_CA_BUNDLE"]
    else:
        os.environ["REQUESTS_CA_BUNDLE"] = before


def project(home: Path) -> Path:
    """A project of the CLI's own layout, made once: an object with a field, a permission set, a class."""
    folder = home / "project"
    source = folder / "force-app" / "main" / "default"
    if folder.exists():
        return folder
    for path, text in PROJECT.items():
        place = source / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    told = {"packageDirectories": [{"path": "force-app", "default": True}], "sourceApiVersion": "60.0"}
    (folder / "sfdx-project.json").write_text(json.dumps(told))
    return folder


def test_login_by_token_and_by_jwt(org: RunningOrg, sf: Cli) -> None:
    login = (
        "org",
        "login",
        "access-token",
        "--instance-url",
        org.base_url,
        "--no-prompt",
        "--alias",
        "bytoken",
    )
    assert sf(*login, SF_ACCESS_TOKEN=org.token())["orgId"] == org.org_id
    shown = sf("org", "display", target="bytoken")
    assert (shown["username"], shown["connectedStatus"]) == (org.username, "Connected")
    assert sf("org", "display")["username"] == org.user("admin")["username"]


def test_query(sf: Cli, python: Salesforce) -> None:
    found = sf(
        "data", "query", "--query", "SELECT Id, Name, Owner.Name FROM Lead WHERE Email != null LIMIT 5"
    )
    assert found["totalSize"] == 5 and all(row["Owner"]["Name"] for row in found["records"])
    counted = sf("data", "query", "--query", "SELECT COUNT() FROM Lead")
    assert counted["totalSize"] == python.query("SELECT COUNT() FROM Lead")["totalSize"]
    grouped = sf("data", "query", "--query", "SELECT Status, COUNT(Id) n FROM Lead GROUP BY Status")
    assert sum(row["n"] for row in grouped["records"]) == counted["totalSize"]
    refused = sf("data", "query", "--query", "SELECT Bacon__c FROM Lead", fails=True)
    assert (
        refused["name"] == "INVALID_FIELD"
        and "No such column 'Bacon__c' on entity 'Lead'" in refused["message"]
    )


def test_query_with_children_as_a_table(sf: Cli) -> None:
    """The CLI asks for `columns=true` to head its tables."""
    found = sf(
        "data",
        "query",
        "--query",
        "SELECT Name, (SELECT LastName FROM Contacts LIMIT 2) FROM Account LIMIT 3",
    )
    assert len(found["records"]) == 3 and any(row["Contacts"] for row in found["records"])


def test_records_one_by_one(sf: Cli, python: Salesforce) -> None:
    values = f"LastName=Single Company=CLI Description='{TEXT}'"
    lead = sf("data", "create", "record", "--sobject", "Lead", "--values", values)["id"]
    assert python.Lead.get(lead)["Description"] == TEXT
    sf("data", "update", "record", "--sobject", "Lead", "--record-id", lead, "--values", "Title=Boss")
    assert sf("data", "get", "record", "--sobject", "Lead", "--record-id", lead)["Title"] == "Boss"
    assert (
        sf("data", "get", "record", "--sobject", "Lead", "--where", "LastName=Single Company=CLI")["Id"]
        == lead
    )
    sf("data", "delete", "record", "--sobject", "Lead", "--record-id", lead)
    gone = sf("data", "get", "record", "--sobject", "Lead", "--record-id", lead, fails=True)
    assert gone["name"] == "NOT_FOUND"


def test_bulk_import_update_upsert_export_delete(sf: Cli, python: Salesforce, tmp_path: Path) -> None:
    def table(name: str, *rows: list[str]) -> Path:
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        return tmp_path / name

    made = table(
        "new.csv", ["LastName", "Company", "Description"], ["B1", "Bulk CLI", TEXT], ["B2", "Bulk CLI", "NA"]
    )
    said = sf("data", "import", "bulk", "--file", made, "--sobject", "Lead", "--wait", "5")
    assert (said["processedRecords"], said["successfulRecords"]) == (2, 2)
    rows = python.query("SELECT Id, Description FROM Lead WHERE Company = 'Bulk CLI' ORDER BY LastName")[
        "records"
    ]
    assert [row["Description"] for row in rows] == [TEXT, "NA"]

    changed = table("change.csv", ["Id", "Title", "Description"], *[[row["Id"], "T", "#N/A"] for row in rows])
    said = sf("data", "update", "bulk", "--file", changed, "--sobject", "Lead", "--wait", "5")
    assert said["successfulRecords"] == 2
    again = table("upsert.csv", ["Id", "LastName", "Company"], [rows[0]["Id"], "B1 again", "Bulk CLI"])
    said = sf(
        *("data", "upsert", "bulk", "--file", again, "--sobject", "Lead"),
        *("--external-id", "Id", "--wait", "5"),
    )
    assert said["jobInfo"]["numberRecordsFailed"] == 0

    out = tmp_path / "out.csv"
    soql = "SELECT Id, LastName, Title, Description FROM Lead WHERE Company = 'Bulk CLI' ORDER BY LastName"
    said = sf(
        "data",
        "export",
        "bulk",
        "--query",
        soql,
        "--output-file",
        out,
        "--result-format",
        "csv",
        "--wait",
        "5",
    )
    assert said["totalSize"] == 2
    with out.open(newline="") as file:
        got = list(csv.DictReader(file))
    assert [(row["LastName"], row["Title"], row["Description"]) for row in got] == [
        ("B1 again", "T", ""),
        ("B2", "T", ""),
    ]

    dead = table("dead.csv", ["Id"], *[[row["Id"]] for row in rows])
    said = sf("data", "delete", "bulk", "--file", dead, "--sobject", "Lead", "--wait", "5")
    assert said["jobInfo"]["numberRecordsFailed"] == 0
    assert python.query("SELECT COUNT() FROM Lead WHERE Company = 'Bulk CLI'")["totalSize"] == 0


def test_bulk_import_names_the_rows_that_failed(sf: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("LastName,Company,Email\nGood,Mixed CLI,\nBad,Mixed CLI,no address\n")
    said = sf("data", "import", "bulk", "--file", file, "--sobject", "Lead", "--wait", "5", fails=True)
    assert said["name"] == "FailedRecordDetailsError" or said["status"] != 0
    results = sf("data", "bulk", "results", "--job-id", said["data"]["jobId"])
    assert (results["processedRecords"], results["failedRecords"]) == (2, 1)


def test_trees(sf: Cli, tmp_path: Path, python: Salesforce) -> None:
    account = python.Account.create({"Name": "Tree CLI"})["id"]
    for name in ("Leaf 1", "Leaf 2"):
        python.Contact.create({"LastName": name, "AccountId": account})
    soql = f"SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Id = '{account}'"
    sf("data", "export", "tree", "--query", soql, "--output-dir", tmp_path)
    (file,) = tmp_path.glob("*.json")
    made = sf("data", "import", "tree", "--files", file)
    assert sorted(row["type"] for row in made) == ["Account", "Contact", "Contact"]
    assert python.query("SELECT COUNT() FROM Contact WHERE Account.Name = 'Tree CLI'")["totalSize"] == 4


def test_describe_limits_and_plain_requests(sf: Cli, python: Salesforce) -> None:
    described = sf("sobject", "describe", "--sobject", "Lead")
    assert described["name"] == "Lead" and len(described["fields"]) == len(python.Lead.describe()["fields"])
    assert {"Lead", "Contact", "Account"} <= set(sf("sobject", "list"))
    limits = {row["name"]: row for row in sf("org", "list", "limits", "--target-org", "org")}
    assert limits["DailyApiRequests"]["max"] == 15000 > limits["DailyApiRequests"]["remaining"]


def test_a_project_is_deployed_used_retrieved_and_deleted(sf: Cli, python: Salesforce) -> None:
    deployed = sf("project", "deploy", "start", "--source-dir", "force-app", "--wait", "3")
    assert (deployed["status"], deployed["numberComponentErrors"]) == ("Succeeded", 0)
    assert {"Room__c", "Room__c.Size__c", "Rooms", "Greeter"} <= {
        one["fullName"] for one in deployed["files"]
    }
    given = sf("org", "assign", "permset", "--name", "Rooms")
    assert (len(given["successes"]), given["failures"]) == (1, [])
    room = sf("data", "create", "record", "--sobject", "Room__c", "--values", "Name=Attic Size__c=7")["id"]
    assert python.query(f"SELECT Size__c FROM Room__c WHERE Id = '{room}'")["records"][0]["Size__c"] == 7
    back = sf(
        "project",
        "retrieve",
        "start",
        "--metadata",
        "CustomObject:Room__c",
        "--metadata",
        "ApexClass",
        "--wait",
        "3",
    )
    assert back["success"] and {"Room__c.Size__c", "Greeter"} <= {one["fullName"] for one in back["files"]}
    classes = sf("data", "query", "--use-tooling-api", "--query", "SELECT Name, Body FROM ApexClass")
    assert [(one["Name"], one["Body"]) for one in classes["records"]] == [
        ("Greeter", "public class Greeter {}\n")
    ]
    gone = sf("project", "delete", "source", "--metadata", "ApexClass:Greeter", "--no-prompt")
    assert gone["status"] == "Succeeded"
    assert sf("data", "query", "--use-tooling-api", "--query", "SELECT Id FROM ApexClass")["totalSize"] == 0


def test_what_there_is_in_setup(sf: Cli) -> None:
    listed = sf("org", "list", "metadata", "--metadata-type", "CustomObject", "--target-org", "org")
    assert {"Lead", "Contact"} <= {one["fullName"] for one in listed}
    types = sf("org", "list", "metadata-types", "--target-org", "org")["metadataObjects"]
    assert {"CustomObject", "ApexClass", "Report"} <= {one["xmlName"] for one in types}
    assert sf("package", "installed", "list") == []
    assert sf("org", "display", "user")["profileName"] == "System Administrator"


def test_search_plain_requests_and_the_way_into_a_browser(org: RunningOrg, sf: Cli) -> None:
    name = sf("data", "query", "--query", "SELECT LastName FROM Lead LIMIT 1")["records"][0]["LastName"]
    found = sf("data", "search", "--query", f"FIND {{{name}}} IN NAME FIELDS RETURNING Lead(Id, Name)")
    assert any(name in row["Name"] for row in found["searchRecords"])
    opened = sf("org", "open", "--url-only")
    assert opened["url"].startswith(f"{org.base_url}/secur/frontdoor.jsp?otp=")
    password = sf("org", "generate", "password")["password"]
    assert len(password) >= 12
