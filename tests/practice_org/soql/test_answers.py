"""What answers look like: select lists, parents, sub-selects, TYPEOF, aggregates and their subtotals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import mean
from typing import Any

import pytest

from tests.practice_org.calls import Caller
from tests.practice_org.soql import dataset
from tests.practice_org.soql.dataset import ACCOUNTS, CONTACTS, LEADS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Caller, dict[str, str]]]:
    org, admin, ids = dataset.build(tmp_path_factory.mktemp("answers"))
    admin.create("Task", Subject="to lead", WhoId=ids["Ash"])
    admin.create("Task", Subject="to contact", WhoId=ids["Adams"], WhatId=ids["Acme"])
    admin.create("Task", Subject="to account", WhatId=ids["beta"])
    yield admin, ids
    org.close()


@pytest.fixture
def crm(made: tuple[Caller, dict[str, str]]) -> Caller:
    return made[0]


@pytest.fixture
def ids(made: tuple[Caller, dict[str, str]]) -> dict[str, str]:
    return made[1]


def records(crm: Caller, soql: str) -> list[dict[str, Any]]:
    answer = crm.query(soql)
    assert isinstance(answer, dict), answer
    assert answer["totalSize"] == len(answer["records"]) and answer["done"] is True
    found: list[dict[str, Any]] = answer["records"]
    return found


def bare(value: Any) -> Any:
    """A record without its attributes."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if key != "attributes"}
    return [bare(inner) for inner in value] if isinstance(value, list) else value


def rows(crm: Caller, soql: str) -> list[Any]:
    return [bare(r) for r in records(crm, soql)]


# -- select lists -----------------------------------------------------------------------------------


def test_keys_come_in_the_order_of_the_query_in_the_schemas_spelling(
    crm: Caller, ids: dict[str, str]
) -> None:
    (record,) = records(crm, "SELECT lastname, ACCOUNT.name, id FROM contact WHERE LastName = 'Adams'")
    assert list(record) == ["attributes", "LastName", "Account", "Id"]
    assert record["attributes"] == {
        "type": "Contact",
        "url": f"/services/data/v60.0/sobjects/Contact/{ids['Adams']}",
    }
    assert record["Account"]["attributes"]["url"].endswith(f"/Account/{ids['Acme']}")


def test_aliases_of_objects_and_joined_relationships(crm: Caller) -> None:
    assert rows(crm, "SELECT c.LastName, a.Name FROM Contact c, c.Account a WHERE a.Name = 'beta'") == [
        {"LastName": "O'Neil", "Account": {"Name": "beta"}}
    ]


def test_five_levels_of_parents(crm: Caller) -> None:
    (record,) = rows(
        crm,
        "SELECT ReportsTo.ReportsTo.ReportsTo.Account.Owner.Username FROM Contact WHERE LastName = 'O\\'Neil'",
    )
    assert record["ReportsTo"]["ReportsTo"]["ReportsTo"]["Account"]["Owner"] == {
        "Username": "admin@example.com"
    }


def test_a_parent_that_is_not_there_is_null_all_the_way(crm: Caller) -> None:
    assert rows(crm, "SELECT Account.Parent.Name FROM Contact WHERE LastName = 'Doe'") == [{"Account": None}]
    assert rows(crm, "SELECT Account.Parent.Name FROM Contact WHERE LastName = 'Adams'") == [
        {"Account": {"Parent": None}}
    ]


def test_places(crm: Caller) -> None:
    (record,) = rows(crm, "SELECT Site__c, BillingAddress FROM Account WHERE Name = 'Acme'")
    assert record["Site__c"] == {"latitude": 37.77, "longitude": -122.42}
    assert record["BillingAddress"]["latitude"] == 37.77
    assert rows(crm, "SELECT Site__c FROM Account WHERE Name = 'beta'") == [{"Site__c": None}]
    (far,) = rows(
        crm, "SELECT DISTANCE(Site__c, GEOLOCATION(37.77,-122.42), 'mi') d FROM Account WHERE Name = 'Acme'"
    )
    assert far == {"d": 0.0}


def test_formats_and_labels(crm: Caller) -> None:
    (record,) = rows(
        crm,
        "SELECT FORMAT(AnnualRevenue) money, FORMAT(NumberOfEmployees) people, convertCurrency(AnnualRevenue), "
        "FORMAT(CreatedDate) made FROM Account WHERE Name = 'Acme West'",
    )
    assert record == {
        "money": "$1,250,000",
        "people": "30",
        "AnnualRevenue": 1_250_000.0,
        "made": "5/20/2026, 8:30 AM",
    }


def test_fields_stands_for_fields(crm: Caller) -> None:
    (everything,) = records(crm, "SELECT FIELDS(ALL) FROM Lead WHERE LastName = 'Ash' LIMIT 200")
    (custom,) = records(crm, "SELECT FIELDS(CUSTOM) FROM Lead WHERE LastName = 'Ash' LIMIT 1")
    (standard,) = records(crm, "SELECT FIELDS(STANDARD) FROM Lead WHERE LastName = 'Ash'")
    assert {key for key in custom if key != "attributes"} == {
        "Colours__c",
        "Score__c",
        "Due__c",
        "Met__c",
        "Partner__c",
        "Twice__c",
    }
    assert set(custom) | set(standard) == set(everything) and set(custom) & set(standard) == {"attributes"}


# -- sub-selects ------------------------------------------------------------------------------------


def test_children_are_filtered_sorted_and_limited_for_each_parent(crm: Caller) -> None:
    found = rows(
        crm,
        "SELECT Name, (SELECT LastName FROM Contacts WHERE LastName != 'Evans' ORDER BY LastName DESC LIMIT 1), "
        "(SELECT LastName FROM Partners__r ORDER BY LastName) FROM Account ORDER BY Name",
    )
    for record in found:
        mine = sorted(
            (c.last for c in CONTACTS if c.account == record["Name"] and c.last != "Evans"), reverse=True
        )
        shown = record["Contacts"]
        assert shown == ({"totalSize": 1, "done": True, "records": [{"LastName": mine[0]}]} if mine else None)
        partners = [r.last for r in LEADS if r.partner == record["Name"]]
        held = record["Partners__r"]["records"] if record["Partners__r"] else []
        assert [r["LastName"] for r in held] == partners


def test_children_of_children(crm: Caller) -> None:
    soql = (
        "SELECT Name, (SELECT Name, (SELECT Name, (SELECT LastName FROM Contacts) FROM ChildAccounts) "
        "FROM ChildAccounts) FROM Account WHERE Name = 'Acme'"
    )
    (acme,) = rows(crm, soql)
    (west,) = acme["ChildAccounts"]["records"]
    (labs,) = west["ChildAccounts"]["records"]
    assert (west["Name"], labs["Name"], labs["Contacts"]) == ("Acme West", "Acme West Labs", None)
    old = Caller(crm.org, crm.user_id, version="57.0")
    (error,) = old.query(soql)
    assert error["errorCode"] == "MALFORMED_QUERY" and "more than 1 level away" in error["message"]


def test_sub_selects_reach_parents_and_other_objects(crm: Caller) -> None:
    found = rows(
        crm, "SELECT Name, (SELECT Subject, Who.Name, Owner.Name FROM Tasks) FROM Account WHERE Name = 'Acme'"
    )
    assert found[0]["Tasks"]["records"] == [
        {"Subject": "to contact", "Who": {"Name": "Ada Adams"}, "Owner": {"Name": "Admin"}}
    ]


def test_a_large_sub_select_has_a_locator_of_its_own(crm: Caller, tmp_path: Any) -> None:
    from practice_org.data.load import bulk_insert
    from tests.practice_org.calls import new_org

    org, admin = new_org(tmp_path)
    account = admin.create("Account", Name="Large")
    bulk_insert(org, "Contact", ["LastName", "AccountId"], ((f"C{n:04}", account) for n in range(450)))
    soql = "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account"
    answer = admin("GET", f"/query?q={soql.replace(' ', '+')}", Sforce_Query_Options="batchSize=200").json
    inner = answer["records"][0]["Contacts"]
    assert list(inner) == ["totalSize", "done", "nextRecordsUrl", "records"]
    assert (inner["totalSize"], inner["done"], len(inner["records"])) == (450, False, 200)
    seen = [r["LastName"] for r in inner["records"]]
    page = inner
    while not page["done"]:
        page = admin("GET", page["nextRecordsUrl"].removeprefix("/services/data/v60.0")).json
        seen += [r["LastName"] for r in page["records"]]
    assert seen == [f"C{n:04}" for n in range(450)]
    org.close()


# -- owners and activities of several kinds -----------------------------------------------------------


def test_references_to_several_objects(crm: Caller, ids: dict[str, str]) -> None:
    found = {
        r["Subject"]: r
        for r in records(crm, "SELECT Subject, Who.Type, Who.Name, What.Type, What.Name FROM Task")
    }
    assert bare(found["to lead"]) == {
        "Subject": "to lead",
        "Who": {"Type": "Lead", "Name": "Ash"},
        "What": None,
    }
    assert bare(found["to contact"]["What"]) == {"Type": "Account", "Name": "Acme"}
    assert found["to account"]["What"]["attributes"] == {
        "type": "Name",
        "url": f"/services/data/v60.0/sobjects/Account/{ids['beta']}",
    }
    assert [r["Subject"] for r in rows(crm, "SELECT Subject FROM Task WHERE Who.Type = 'Contact'")] == [
        "to contact"
    ]


def test_typeof_answers_by_type(crm: Caller) -> None:
    soql = (
        "SELECT Subject, TYPEOF Who WHEN Lead THEN Company, LastName WHEN Contact THEN Email, Account.Name END, "
        "TYPEOF What WHEN Opportunity THEN Amount ELSE Id END FROM Task ORDER BY Subject"
    )
    by_account, by_contact, by_lead = records(crm, soql)
    assert by_account["Who"] is None and list(by_account["What"]) == ["attributes", "Id"]
    assert by_account["What"]["attributes"]["type"] == "Account"
    assert bare(by_contact["Who"]) == {"Email": "ada@acme.example", "Account": {"Name": "Acme"}}
    assert by_lead["Who"]["attributes"]["type"] == "Lead"
    assert bare(by_lead["Who"]) == {"Company": "Acme", "LastName": "Ash"}
    no_case = "SELECT TYPEOF Who WHEN Lead THEN Company END FROM Task WHERE Subject = 'to contact'"
    assert rows(crm, no_case) == [{"Who": None}]


# -- aggregates -------------------------------------------------------------------------------------


def test_totals(crm: Caller) -> None:
    scores = [r.score for r in LEADS if r.score is not None]
    assert rows(
        crm,
        "SELECT COUNT(Id), COUNT(Score__c) some, COUNT_DISTINCT(Score__c), SUM(Score__c), AVG(Score__c) mean, "
        "MIN(LastName), MAX(Due__c) FROM Lead",
    ) == [
        {
            "expr0": len(LEADS),
            "some": len(scores),
            "expr1": len(set(scores)),
            "expr2": sum(scores),
            "mean": pytest.approx(mean(scores)),
            "expr3": "Ash",
            "expr4": dataset.day(75),
        }
    ]


def test_groups(crm: Caller) -> None:
    counted = Counter(r.rating for r in LEADS)
    found = rows(crm, "SELECT Rating, COUNT(Id) n FROM Lead GROUP BY Rating ORDER BY COUNT(Id) DESC, Rating")
    expected = sorted(counted.items(), key=lambda item: (-item[1], item[0] is not None, item[0] or ""))
    assert found == [{"Rating": rating, "n": n} for rating, n in expected]
    many = rows(
        crm, "SELECT Rating FROM Lead GROUP BY Rating HAVING COUNT(Id) > 1 AND Rating != null ORDER BY Rating"
    )
    assert [r["Rating"] for r in many] == sorted(k for k, n in counted.items() if n > 1 and k)
    limited = rows(
        crm, "SELECT Rating r, SUM(NumberOfEmployees) s FROM Lead GROUP BY Rating ORDER BY Rating LIMIT 2"
    )
    assert limited == [
        {"r": None, "s": sum(r.employees or 0 for r in LEADS if r.rating is None)},
        {"r": "Cold", "s": 40},
    ]


def test_groups_by_parents_and_dates(crm: Caller) -> None:
    found = rows(
        crm,
        "SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name ORDER BY Account.Name NULLS LAST",
    )
    by_account = Counter(c.account for c in CONTACTS)
    assert {r["Name"]: r["expr0"] for r in found} == dict(by_account)
    years = rows(crm, "SELECT CALENDAR_YEAR(Due__c) y, COUNT(Id) FROM Lead GROUP BY CALENDAR_YEAR(Due__c)")
    due = [dataset.days(r) for r in LEADS]
    assert {r["y"]: r["expr0"] for r in years} == dict(Counter(d.year if d else None for d in due))
    zoned = rows(
        crm,
        "SELECT HOUR_IN_DAY(convertTimezone(Met__c)) h, COUNT(Id) n FROM Lead WHERE Met__c > 2026-03-10T00:00:00Z "
        "GROUP BY HOUR_IN_DAY(convertTimezone(Met__c))",
    )
    assert zoned == [{"h": 12, "n": sum(1 for r in LEADS if r.met is not None and r.met > -70)}]


def test_rollup_and_cube(crm: Caller) -> None:
    data = [(r.rating, r.opted_out, r.employees or 0) for r in LEADS if r.rating]
    rolled = rows(
        crm,
        "SELECT Rating, HasOptedOutOfEmail o, GROUPING(Rating) gr, GROUPING(HasOptedOutOfEmail) go, COUNT(Id) n "
        "FROM Lead WHERE Rating != null GROUP BY ROLLUP(Rating, HasOptedOutOfEmail)",
    )
    parts = Counter((rating, out) for rating, out, _ in data)
    detail = {(r["Rating"], r["o"]): r["n"] for r in rolled if r["go"] == 0}
    subtotal = {r["Rating"]: r["n"] for r in rolled if (r["gr"], r["go"]) == (0, 1)}
    assert detail == dict(parts)
    assert subtotal == dict(Counter(rating for rating, _, _ in data))
    assert rolled[-1] == {"Rating": None, "o": None, "gr": 1, "go": 1, "n": len(data)}
    assert len(rolled) == len(parts) + len(subtotal) + 1
    cubed = rows(
        crm,
        "SELECT Rating, HasOptedOutOfEmail o, SUM(NumberOfEmployees) s FROM Lead WHERE Rating != null "
        "GROUP BY CUBE(Rating, HasOptedOutOfEmail) HAVING GROUPING(Rating) = 1 ORDER BY GROUPING(HasOptedOutOfEmail), "
        "HasOptedOutOfEmail",
    )
    expected = [
        {"Rating": None, "o": o, "s": sum(n for _, out, n in data if out is o)} for o in (False, True)
    ]
    assert cubed == [*expected, {"Rating": None, "o": None, "s": sum(n for _, _, n in data)}]


def test_count_alone_answers_with_a_number_and_no_records(crm: Caller) -> None:
    assert crm.query("SELECT COUNT() FROM Lead WHERE Rating = 'Hot'") == {
        "totalSize": 3,
        "done": True,
        "records": [],
    }
    assert crm.query("SELECT count() FROM Lead LIMIT 2")["totalSize"] == 2
    assert crm.query("SELECT COUNT() FROM Lead LIMIT 5 OFFSET 6")["totalSize"] == 2


def test_aggregates_of_formats(crm: Caller) -> None:
    revenue = [a.revenue for a in ACCOUNTS if a.revenue is not None]
    assert rows(crm, "SELECT FORMAT(SUM(AnnualRevenue)) total, FORMAT(MIN(CreatedDate)) FROM Account") == [
        {"total": f"${sum(revenue):,.0f}", "expr0": "5/20/2026, 8:30 AM"}
    ]


# -- scopes and purposes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("USING SCOPE mine", [r.last for r in LEADS if not r.queued]),
        ("USING SCOPE queue_owned", [r.last for r in LEADS if r.queued]),
        ("USING SCOPE everything", [r.last for r in LEADS]),
        ("WITH SECURITY_ENFORCED", [r.last for r in LEADS]),
        ("WITH USER_MODE", [r.last for r in LEADS]),
        ("USING SCOPE mine WHERE Rating = 'Hot' WITH SECURITY_ENFORCED", ["Ash", "Fir"]),
    ],
)
def test_scopes(crm: Caller, clause: str, expected: list[str]) -> None:
    assert [
        r["LastName"] for r in rows(crm, f"SELECT LastName FROM Lead {clause} ORDER BY LastName")
    ] == expected


@pytest.mark.parametrize(
    "tail",
    [
        "FOR VIEW",
        "FOR REFERENCE",
        "FOR UPDATE",
        "FOR VIEW FOR REFERENCE",
        "LIMIT 1 FOR VIEW",
        "UPDATE TRACKING",
        "UPDATE VIEWSTAT",
        "ALL ROWS",
        "LIMIT 1 ALL ROWS",
        "LIMIT 1 SET OPTIONS (honorEmptyStrings = true)",
    ],
)
def test_what_may_stand_at_the_end(crm: Caller, tail: str) -> None:
    assert records(crm, f"SELECT Id FROM Lead {tail}")


# -- columns and plans --------------------------------------------------------------------------------


def test_columns_are_described_as_the_cli_reads_them(crm: Caller) -> None:
    def columns(soql: str) -> Any:
        return crm("GET", f"/query?columns=true&q={soql.replace(' ', '+')}").json

    answer = columns("SELECT Id, Owner.Name, (SELECT LastName FROM Contacts) FROM Account")
    assert (answer["entityName"], answer["idSelected"], answer["keyPrefix"]) == ("Account", True, "001")
    key, owner, contacts = answer["columnMetadata"]
    assert key == {
        "aggregate": False,
        "apexType": "Id",
        "booleanType": False,
        "columnName": "Id",
        "custom": False,
        "displayName": "Id",
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": False,
        "textType": False,
        "updatable": False,
    }
    assert (owner["columnName"], owner["apexType"], owner["foreignKeyName"]) == ("Owner", None, "OwnerId")
    assert [c["columnName"] for c in owner["joinColumns"]] == ["Name"]
    assert contacts["aggregate"] is True
    assert [(c["columnName"], c["textType"], c["insertable"]) for c in contacts["joinColumns"]] == [
        ("LastName", True, True)
    ]
    grouped = columns("SELECT Rating, AVG(AnnualRevenue), COUNT(Id) n FROM Account GROUP BY Rating")
    assert grouped["groupBy"] is True
    assert [(c["columnName"], c["displayName"], c["aggregate"]) for c in grouped["columnMetadata"]] == [
        ("Rating", "Rating", False),
        ("expr0", "AVG(AnnualRevenue)", True),
        ("n", "COUNT(Id)", True),
    ]


def test_columns_of_setup_objects(crm: Caller) -> None:
    path = "/tooling/query?columns=true&q=SELECT+QualifiedApiName+FROM+EntityDefinition"
    answer = crm("GET", path).json
    assert [c["columnName"] for c in answer["columnMetadata"]] == ["QualifiedApiName"]


def test_plans_say_what_is_indexed(crm: Caller) -> None:
    answer = crm("GET", "/query?explain=SELECT+Id+FROM+Lead+WHERE+Rating='Hot'+AND+CreatedDate=TODAY").json
    assert answer["sourceQuery"].startswith("SELECT Id FROM Lead")
    best = answer["plans"][0]
    assert list(best) == [
        "cardinality",
        "fields",
        "leadingOperationType",
        "notes",
        "relativeCost",
        "sobjectCardinality",
        "sobjectType",
    ]
    assert (best["cardinality"], best["sobjectCardinality"], best["sobjectType"]) == (3, len(LEADS), "Lead")
    assert {p["leadingOperationType"] for p in answer["plans"]} == {"Index", "TableScan"}
    note = {"fields": ["Rating"], "tableEnumOrId": "Lead"}
    assert {"description": "Not considering filter for optimization because unindexed", **note} in best[
        "notes"
    ]
    assert crm("GET", "/query?explain=SELECT+Nope+FROM+Lead").json[0]["errorCode"] == "INVALID_FIELD"
