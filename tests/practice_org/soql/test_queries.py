"""Queries: what is accepted, what they find, and how they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from practice_org.schema.birth import create_queue
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org

CLIENT_QUERIES = (Path(__file__).parents[1] / "facts" / "client_queries.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, admin = new_org(tmp_path_factory.mktemp("soql"))
    create_field(org, "Lead", "Multi", "multipicklist", picklist=("a", "b", "c"))
    create_field(org, "Lead", "Greeting", "text", formula='"Dear " & FirstName')
    create_field(org, "Lead", "Score", "number", length=5, scale=1)
    queue = create_queue(org, "Inbound")
    acme = admin.create("Account", Name="Acme", Industry="Tech", AnnualRevenue=2000000)
    beta = admin.create("Account", Name="beta")
    admin.create("Contact", LastName="Ng", FirstName="Ada", AccountId=acme, Email="ada@acme.example")
    admin.create("Contact", LastName="Ito", AccountId=acme)
    admin.create("Contact", LastName="Alone")
    admin.create("Contact", LastName="Beta", AccountId=beta, Email="b@beta.example")
    admin.create(
        "Lead", FirstName="Zoë", LastName="O'Brien", Company="ACME", Multi__c="a;b", Score__c=1.5, City="Köln"
    )
    admin.create("Lead", LastName="Percent%", Company="x_y", Multi__c="c", Rating="Hot", OwnerId=queue)
    admin.create("Lead", LastName="Zwei", Company="acme", Email="ZWEI@example.com", Rating="Cold", Score__c=3)
    gone = admin.create("Lead", LastName="Gone", Company="acme")
    assert admin("DELETE", f"/sobjects/Lead/{gone}").status == 204
    yield admin
    org.close()


def names(crm: Caller, where: str, obj: str = "Lead", path: str = "/query") -> list[str]:
    answer = crm.query(f"SELECT LastName FROM {obj} WHERE {where} ORDER BY LastName", path)
    return [r["LastName"] for r in answer["records"]]


@pytest.mark.parametrize("soql", CLIENT_QUERIES)
def test_queries_that_clients_send_are_taken(crm: Caller, soql: str) -> None:
    answer = crm.query(soql)
    assert answer["done"] is True, answer


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("Company = 'aCmE'", ["O'Brien", "Zwei"]),
        ("Company != 'acme'", ["Percent%"]),
        ("LastName = 'O\\'Brien'", ["O'Brien"]),
        ("City = 'kÖLN'", ["O'Brien"]),
        ("FirstName LIKE 'ZO_'", ["O'Brien"]),
        ("City != 'köln'", ["Percent%", "Zwei"]),
        ("LastName LIKE '%\\%'", ["Percent%"]),
        ("Company LIKE 'x\\_y'", ["Percent%"]),
        ("Company LIKE 'x\\_z'", []),
        ("Email = null", ["O'Brien", "Percent%"]),
        ("Email = ''", ["O'Brien", "Percent%"]),
        ("NOT Email = 'zwei@example.com'", ["O'Brien", "Percent%"]),
        ("NOT (Rating = 'Hot' OR Email LIKE 'zwei%')", ["O'Brien"]),
        ("Rating IN ('hot', 'cold')", ["Percent%", "Zwei"]),
        ("Rating NOT IN ('hot')", ["O'Brien", "Zwei"]),
        ("Rating IN ('hot', null)", ["O'Brien", "Percent%"]),
        ("Multi__c INCLUDES ('b;a')", ["O'Brien"]),
        ("Multi__c INCLUDES ('a', 'c')", ["O'Brien", "Percent%"]),
        ("Multi__c EXCLUDES ('a')", ["Percent%", "Zwei"]),
        ("Score__c > 1.5", ["Zwei"]),
        ("Score__c >= 1.5 AND Score__c < 3", ["O'Brien"]),
        ("CreatedDate = TODAY AND Score__c != null", ["O'Brien", "Zwei"]),
        ("CreatedDate < LAST_N_DAYS:3", []),
        ("CreatedDate > 2020-01-01T00:00:00+02:00 AND Rating = 'Hot'", ["Percent%"]),
        ("Owner.Type = 'Queue'", ["Percent%"]),
        ("Owner.Name = 'inbound'", ["Percent%"]),
        ("Greeting__c = 'dear zoë'", ["O'Brien"]),
        ("IsDeleted = true", []),
        ("IsConverted = false AND Rating = 'Hot'", ["Percent%"]),
    ],
)
def test_conditions(crm: Caller, where: str, expected: list[str]) -> None:
    assert names(crm, where) == expected


def test_deleted_rows_are_seen_by_query_all_and_all_rows(crm: Caller) -> None:
    assert names(crm, "IsDeleted = true", path="/queryAll") == ["Gone"]
    found = crm.query("SELECT LastName FROM Lead WHERE IsDeleted = true ALL ROWS")
    assert [r["LastName"] for r in found["records"]] == ["Gone"]


def test_parents_and_children(crm: Caller) -> None:
    answer = crm.query(
        "SELECT Account.Name, (SELECT Contact.LastName FROM Account.Contacts ORDER BY LastName LIMIT 1) "
        "FROM Account ORDER BY Name"
    )
    first, second = answer["records"]
    assert list(first) == ["attributes", "Name", "Contacts"]
    assert first["Name"] == "Acme"
    assert first["Contacts"]["totalSize"] == 1
    assert first["Contacts"]["records"][0]["LastName"] == "Ito"
    assert second["Contacts"]["records"][0]["LastName"] == "Beta"
    parent = crm.query(
        "SELECT Id, Account.Name, Owner.Name FROM Contact ORDER BY Account.Name NULLS LAST, LastName"
    )
    assert [r["Account"] and r["Account"]["Name"] for r in parent["records"]] == [
        "Acme",
        "Acme",
        "beta",
        None,
    ]
    assert parent["records"][0]["Account"]["attributes"]["type"] == "Account"
    assert parent["records"][0]["Owner"]["attributes"]["type"] == "User"


def test_a_parent_without_children_shows_null(crm: Caller) -> None:
    answer = crm.query("SELECT Id, (SELECT Id FROM Contacts WHERE LastName = 'none') FROM Account LIMIT 1")
    assert answer["records"][0]["Contacts"] is None


def test_semi_joins(crm: Caller) -> None:
    assert names(crm, "AccountId IN (SELECT Id FROM Account WHERE Name LIKE 'a%')", "Contact") == [
        "Ito",
        "Ng",
    ]
    assert names(crm, "AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'Acme')", "Contact") == [
        "Alone",
        "Beta",
    ]
    found = crm.query(
        "SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Email != null)"
    )
    assert sorted(r["Name"] for r in found["records"]) == ["Acme", "beta"]


def test_aggregates(crm: Caller) -> None:
    assert crm.query("SELECT COUNT() FROM Contact") == {"totalSize": 4, "done": True, "records": []}
    answer = crm.query("SELECT COUNT(Id), MAX(Score__c) top FROM Lead")
    assert answer["records"] == [{"attributes": {"type": "AggregateResult"}, "expr0": 3, "top": 3.0}]
    grouped = crm.query(
        "SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name HAVING COUNT(Id) > 1"
    )
    assert grouped["records"] == [{"attributes": {"type": "AggregateResult"}, "Name": "Acme", "n": 2}]
    years = crm.query(
        "SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) FROM Lead GROUP BY CALENDAR_YEAR(CreatedDate)"
    )
    assert years["records"][0]["expr0"] == 3


def test_order_puts_nulls_first_unless_told(crm: Caller) -> None:
    def order(by: str) -> list[float | None]:
        return [r["Score__c"] for r in crm.query(f"SELECT Score__c FROM Lead ORDER BY {by}")["records"]]

    assert order("Score__c") == [None, 1.5, 3.0]
    assert order("Score__c DESC") == [None, 3.0, 1.5]
    assert order("Score__c DESC NULLS LAST") == [3.0, 1.5, None]


def test_values_are_shown_as_salesforce_shows_them(crm: Caller) -> None:
    record = crm.query(
        "SELECT Id, Address, IsConverted, CreatedDate, Score__c FROM Lead WHERE City = 'Köln'"
    )["records"][0]
    assert record["Address"] == {
        "city": "Köln",
        "country": None,
        "geocodeAccuracy": None,
        "latitude": None,
        "longitude": None,
        "postalCode": None,
        "state": None,
        "street": None,
    }
    assert record["IsConverted"] is False
    assert record["CreatedDate"].endswith(".000+0000")
    assert record["Score__c"] == 1.5
    assert len(record["Id"]) == 18


def test_an_owner_of_several_kinds_shows_its_own_url(crm: Caller) -> None:
    owner = crm.query("SELECT Owner.Name FROM Lead WHERE Rating = 'Hot'")["records"][0]["Owner"]
    assert owner["attributes"]["type"] == "Name"
    assert "/sobjects/Group/00G" in owner["attributes"]["url"]


def test_typeof_and_labels(crm: Caller) -> None:
    found = crm.query(
        "SELECT TYPEOF Owner WHEN User THEN Username WHEN Group THEN DeveloperName END, toLabel(Rating) "
        "FROM Lead WHERE Rating = 'Hot'"
    )["records"][0]
    assert found["Owner"]["DeveloperName"] == "Inbound"
    assert found["Rating"] == "Hot"


@pytest.mark.parametrize("length", [15, 18])
def test_ids_of_either_length_are_compared(crm: Caller, length: int) -> None:
    lead = crm.query("SELECT Id FROM Lead WHERE Rating = 'Hot'")["records"][0]["Id"]
    assert names(crm, f"Id = '{lead[:length]}'") == ["Percent%"]


COLUMN_HINT = (
    " If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)
TYPE_HINT = (
    " If you are attempting to use a custom object, be sure to append the '__c' after the entity name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELEKT Name FROM Account", "MALFORMED_QUERY", "unexpected token: SELEKT"),
        (
            "SELECT Bacon__c FROM Account LIMIT 2",
            "INVALID_FIELD",
            "\nSELECT Bacon__c FROM Account LIMIT 2\n       ^\nERROR at Row:1:Column:8\n"
            "No such column 'Bacon__c' on entity 'Account'." + COLUMN_HINT,
        ),
        (
            "select count() from XYZZY",
            "INVALID_TYPE",
            "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
            "sObject type 'XYZZY' is not supported." + TYPE_HINT,
        ),
        (
            "SELECT Id,Name,BillingCity,IsDeleted FROM Accout",
            "INVALID_TYPE",
            "\nName,BillingCity,IsDeleted FROM Accout\n                                ^\n"
            "ERROR at Row:1:Column:43\nsObject type 'Accout' is not supported." + TYPE_HINT,
        ),
    ],
)
def test_refusals_are_worded_as_recorded(crm: Caller, soql: str, code: str, message: str) -> None:
    assert crm.query(soql) == [{"message": message, "errorCode": code}]


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
        ("SELECT FROM Lead", "MALFORMED_QUERY", "unexpected token: 'SELECT FROM'"),
        ("SELECT Id FROM Lead WHERE", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT Id FROM Lead WHERE Email = 'x", "MALFORMED_QUERY", "unexpected token: ''x'"),
        ("SELECT Id FROM Lead LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        ("SELECT Id FROM Lead WHERE A = 1 OR B = 2 AND C = 3", "MALFORMED_QUERY", "'AND'"),
        ("SELECT Id FROM Lead WHERE Email = 5", "INVALID_FIELD", "must be of type string"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2020'", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2020-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE IsConverted = 'true'", "INVALID_FIELD", "must be of type boolean"),
        (
            "SELECT Id FROM Lead WHERE Id = 'nonsense'",
            "INVALID_QUERY_FILTER_OPERATOR",
            "invalid ID field: nonsense",
        ),
        (
            "SELECT Id FROM Lead WHERE Description = 'x'",
            "INVALID_FIELD",
            "can not be filtered in a query call",
        ),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD", "can not be sorted in a query call"),
        ("SELECT Foo.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Foo'"),
        (
            "SELECT Id, (SELECT Id FROM Foos) FROM Account",
            "INVALID_TYPE",
            "Didn't understand relationship 'Foos'",
        ),
        ("SELECT Id, Id FROM Lead", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Name, COUNT(Id) FROM Lead", "MALFORMED_QUERY", "must be grouped or aggregated: Name"),
        ("SELECT FIELDS(ALL) FROM Lead", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT Id FROM Lead WHERE Score__c LIKE 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Owner.Fax FROM Lead", "INVALID_FIELD", "on entity 'Name'"),
    ],
)
def test_other_refusals(crm: Caller, soql: str, code: str, part: str) -> None:
    (error,) = crm.query(soql)
    assert error["errorCode"] == code
    assert part in error["message"]


def test_paging_by_modstamp_and_id_uses_the_index_in_the_form_that_clients_send(crm: Caller) -> None:
    from practice_org.data.query import plan_of

    plan = plan_of(
        crm.org,
        crm.user_id,
        "SELECT Id FROM Lead WHERE (SystemModstamp > 2026-01-01T00:00:00Z OR (SystemModstamp = "
        "2026-01-01T00:00:00Z AND Id > '00Q000000000011EAA')) ORDER BY SystemModstamp ASC NULLS FIRST, Id ASC "
        "LIMIT 2000",
    )
    steps = [row[3] for row in crm.org.reader().execute("EXPLAIN QUERY PLAN " + plan.sql, plan.params)]
    assert steps == ["SEARCH t0 USING INDEX _ix_Lead_SystemModstamp_Id ((SystemModstamp,Id)>(?,?))"]


def test_locators(crm: Caller, tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    from practice_org.data.load import bulk_insert

    bulk_insert(org, "Lead", ["LastName", "Company"], ((f"L{n}", "C") for n in range(450)))
    first = admin("GET", "/query?q=SELECT+Id+FROM+Lead", Sforce_Query_Options="batchSize=200").json
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    assert list(first) == ["totalSize", "done", "nextRecordsUrl", "records"]
    url = first["nextRecordsUrl"].removeprefix("/services/data/v60.0")
    assert url.startswith("/query/0r8") and url.endswith("-200")
    other = Caller(org, admin.user_id, session="another")
    assert other("GET", url).json == [
        {"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}
    ]
    second = admin("GET", url).json
    last = admin("GET", second["nextRecordsUrl"].removeprefix("/services/data/v60.0")).json
    assert (second["done"], last["done"], len(last["records"])) == (False, True, 50)
    seen = [r["Id"] for page in (first, second, last) for r in page["records"]]
    assert len(set(seen)) == 450 and seen == sorted(seen)
    for _ in range(10):
        admin("GET", "/query?q=SELECT+Id+FROM+Lead", Sforce_Query_Options="batchSize=200")
    assert admin("GET", url).json[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert len(list(org.files.glob("cursor-*"))) == 10
    newest = admin("GET", "/query?q=SELECT+Id+FROM+Lead", Sforce_Query_Options="batchSize=1").json
    assert len(newest["records"]) == 200
    org.clock.advance(49 * 3600)
    expired = newest["nextRecordsUrl"].removeprefix("/services/data/v60.0")
    assert admin("GET", expired).json[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    org.close()


def test_batches_with_long_text_are_smaller_and_deleted_rows_page_too(tmp_path: Path) -> None:
    from practice_org.data.load import bulk_insert

    org, admin = new_org(tmp_path)
    bulk_insert(org, "Lead", ["LastName", "Company"], ((f"L{n}", "C") for n in range(2100)))
    gone = admin.query("SELECT Id FROM Lead LIMIT 1")["records"][0]["Id"]
    assert admin("DELETE", f"/sobjects/Lead/{gone}").status == 204
    assert len(admin.query("SELECT Id FROM Lead")["records"]) == 2000
    long = admin.query("SELECT Id, Description FROM Lead")
    assert (long["totalSize"], len(long["records"]), long["nextRecordsUrl"][-5:]) == (2099, 1000, "-1000")
    everything = admin.query("SELECT Id, IsDeleted FROM Lead", "/queryAll")
    key = everything["nextRecordsUrl"].rpartition("/")[2]
    rest = admin("GET", f"/queryAll/{key}").json
    assert (everything["totalSize"], len(rest["records"])) == (2100, 100)
    assert sum(r["IsDeleted"] for r in everything["records"] + rest["records"]) == 1
    for wrong in ("0r8", key[:-4] + "9999", f"{key}0", "01g000000000000AAA-2000", key.replace("-2000", "-x")):
        assert admin("GET", f"/query/{wrong}").json[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    org.close()


def test_large_queries(crm: Caller) -> None:
    from practice_org import ids

    listed = ",".join(f"'{ids.encode('00Q', number)}'" for number in range(4_000))
    assert crm.query(f"SELECT Id FROM Lead WHERE Id IN ({listed})")["totalSize"] == 3
    many = " OR ".join(f"LastName = '{n}'" for n in range(3_000))
    assert crm.query(f"SELECT Id FROM Lead WHERE {many}")["totalSize"] == 0
    nested = "(" * 50 + "LastName = 'x'" + ")" * 50
    assert crm.query(f"SELECT Id FROM Lead WHERE {nested}")["totalSize"] == 0
    deep = "NOT (" * 20_000 + "LastName = 'x'" + ")" * 20_000
    assert crm.query(f"SELECT Id FROM Lead WHERE {deep}")[0]["errorCode"]
