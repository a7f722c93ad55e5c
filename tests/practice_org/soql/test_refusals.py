"""How queries are refused: code, place and words."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from practice_org.soql.refusal import excerpt
from tests.practice_org.calls import Caller
from tests.practice_org.soql import dataset


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, admin, _ = dataset.build(tmp_path_factory.mktemp("refusals"))
    yield admin
    org.close()


BY_GRAMMAR = [
    ("SELECT Id FROM desc Account", 15, "unexpected token: 'desc'"),
    ("SELECT COUNT(Id) last FROM Account", 17, "unexpected token: 'last'"),
    ("SELECT Id, FROM Account", 11, "unexpected token: 'FROM'"),
    ("SELECT FROM Account", 7, "unexpected token: 'SELECT FROM'"),
    ("SELECT Id FROM Account USING everything", 29, "unexpected token: 'everything'"),
    ("SELECT ParentId FROM Account WHERE ParentId IN ()", 48, "unexpected token: 'ParentId IN ()'"),
    ("SELECT Id from $casecomment", 15, "unexpected token: '$'"),
    ("SELECT Id FROM Account WHERE Name LIKE null", 39, "unexpected token: 'null'"),
    ("SELECT Id FROM Account WHERE A = 1 OR B = 2 AND C = 3", 44, "unexpected token: 'AND'"),
    ("SELECT Id FROM Account WHERE", 28, "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account WHERE Name = :name", 36, "unexpected token: ':'"),
    ("SELECT Id FROM Account WHERE Name = 'x' -- why", 40, "unexpected token: '-'"),
    ("SELECT Id FROM Account /* all */", 23, "unexpected token: '/'"),
    ("SELECT Id FROM Account;", 22, "unexpected token: ';'"),
    ("SELECT * FROM Account", 7, "unexpected token: '*'"),
    ("SELECT Id FROM Account WHERE Name IS NULL", 34, "unexpected token: 'IS'"),
    ("SELECT Id FROM Account WHERE Name == 'x'", 35, "unexpected token: '='"),
    ('SELECT Id FROM Account WHERE Name = "x"', 36, "unexpected token: '\"'"),
    ("SELECT Id FROM Account LIMIT -1", 29, "unexpected token: '-1'"),
    ("SELECT Id FROM Account LIMIT 1 WHERE Name = 'x'", 31, "unexpected token: 'WHERE'"),
    ("SELECT Id FROM Account ORDER Name", 29, "unexpected token: 'Name'"),
    ("SELECT Id FROM Account ORDER BY Name NULLS", 42, "unexpected token: '<EOF>'"),
    ("SELECT COUNT(), Name FROM Account", 14, "unexpected token: ','"),
    ("SELECT Name, COUNT() FROM Account GROUP BY Name", 19, "unexpected token: ')'"),
    ("SELECT SUM() FROM Account", 11, "unexpected token: ')'"),
    ("SELECT Id FROM Account HAVING COUNT(Id) > 1", 23, "unexpected token: 'HAVING'"),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 1)",
        66,
        "missing value at 'LIMIT'",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact GROUP BY X)",
        66,
        "missing value at 'GROUP'",
    ),
    ("SELECT FORMAT(convertCurrency(toLabel(Name))) FROM Account", 37, "unexpected token: '('"),
    ("SELECT Id FROM Account FOR NOTHING", 27, "unexpected token: 'NOTHING'"),
    ("SELECT Id FROM Account WITH NOTHING", 28, "unexpected token: 'NOTHING'"),
    ("SELECT TYPEOF Owner END FROM Lead", 20, "unexpected token: 'END'"),
    ("SELECT TYPEOF Owner WHEN User THEN Name FROM Lead", 40, "unexpected token: 'FROM'"),
    ("SELECT Id FROM Account WHERE (Name = 'x'", 40, "missing value at '<EOF>'"),
    ("SELECT Id Name Phone FROM Account", 15, "unexpected token: 'Phone'"),
    ("SELECT Id Name Phone Fax FROM Account", 15, "missing value at 'Phone'"),
    (
        "SELECT Id FROM Lead WHERE SystemModstamp > 2020-52-12t12:12:00-05:00",
        43,
        "Invalid datetime: 2020-52-12t12:12:00-05:00",
    ),
    ("SELECT Id FROM Lead WHERE Due__c > 2026-02-30", 35, "Invalid date: 2026-02-30"),
    ("SELECT Id FROM Account WHERE Name = 'x\\q'", 36, "Illegal character sequence '\\q' in string literal."),
]


@pytest.mark.parametrize(("soql", "column", "message"), BY_GRAMMAR, ids=[soql for soql, _, _ in BY_GRAMMAR])
def test_by_grammar(crm: Caller, soql: str, column: int, message: str) -> None:
    (error,) = crm.query(soql)
    assert error["errorCode"] == "MALFORMED_QUERY"
    assert error["message"].endswith(message)
    assert f"\nERROR at Row:1:Column:{column}\n" in error["message"]
    window, caret = error["message"].split("\n")[1:3]
    assert window[len(caret) :].startswith(soql[column : column + 3].rstrip())


COLUMN_HINT = " If you are attempting to use a custom field, be sure to append the '__c'"
BY_MEANING = [
    ("SELECT Id FROM Nope", "INVALID_TYPE", "Nope", "sObject type 'Nope' is not supported."),
    (
        "SELECT Nope FROM Lead",
        "INVALID_FIELD",
        "Nope",
        "No such column 'Nope' on entity 'Lead'." + COLUMN_HINT,
    ),
    ("SELECT Owner.Nope FROM Account", "INVALID_FIELD", "Owner", "No such column 'Nope' on entity 'User'."),
    (
        "SELECT Owner.Company FROM Lead",
        "INVALID_FIELD",
        "Owner",
        "No such column 'Company' on entity 'Name'.",
    ),
    (
        "SELECT Nope.Name FROM Lead",
        "INVALID_FIELD",
        "Nope",
        "Didn't understand relationship 'Nope' in field path.",
    ),
    ("SELECT Id FROM Lead WHERE Nope = 1", "INVALID_FIELD", "Nope", "No such column 'Nope'"),
    ("SELECT Id FROM Lead ORDER BY Nope", "INVALID_FIELD", "Nope", "No such column 'Nope'"),
    ("SELECT COUNT(Nope) FROM Lead", "INVALID_FIELD", "Nope", "No such column 'Nope'"),
    (
        "SELECT Id, (SELECT Id FROM Nopes) FROM Account",
        "INVALID_TYPE",
        "Nopes",
        "Didn't understand relationship",
    ),
    (
        "SELECT Id FROM Lead WHERE Company = 5",
        "INVALID_FIELD",
        "Company",
        "must be of type string and should be enclosed",
    ),
    (
        "SELECT Id FROM Lead WHERE Score__c = '5'",
        "INVALID_FIELD",
        "Score__c",
        "of type double and should not be enclosed",
    ),
    (
        "SELECT Id FROM Lead WHERE NumberOfEmployees = '5'",
        "INVALID_FIELD",
        "NumberOfE",
        "of type int and should not be",
    ),
    (
        "SELECT Id FROM Lead WHERE Due__c = '2026-01-01'",
        "INVALID_FIELD",
        "Due__c",
        "must be of type date and should not",
    ),
    (
        "SELECT Id FROM Lead WHERE Met__c = 2026-01-01",
        "INVALID_FIELD",
        "Met__c",
        "must be of type dateTime and should",
    ),
    (
        "SELECT Id FROM Lead WHERE IsConverted = 1",
        "INVALID_FIELD",
        "IsConverted",
        "must be of type boolean and should",
    ),
    ("SELECT Id FROM Lead WHERE Company = TODAY", "INVALID_FIELD", "Company", "must be of type string"),
    ("SELECT Id FROM Lead WHERE Company IN ('a', 5)", "INVALID_FIELD", "Company", "must be of type string"),
    (
        "SELECT Id FROM Lead WHERE Id = 'ZZZ'",
        "INVALID_QUERY_FILTER_OPERATOR",
        "Id = 'Z",
        "invalid ID field: ZZZ",
    ),
    (
        "SELECT Id FROM Lead WHERE OwnerId IN ('x y')",
        "INVALID_QUERY_FILTER_OPERATOR",
        "OwnerId",
        "invalid ID field: x y",
    ),
    (
        "SELECT Id FROM Lead WHERE Id LIKE '00Q%'",
        "INVALID_QUERY_FILTER_OPERATOR",
        "Id LIKE",
        "invalid operator on id field",
    ),
    (
        "SELECT Id FROM Lead WHERE IsConverted > true",
        "INVALID_QUERY_FILTER_OPERATOR",
        "IsConv",
        "invalid operator on boolean",
    ),
    (
        "SELECT Id FROM Lead WHERE Score__c < null",
        "INVALID_QUERY_FILTER_OPERATOR",
        "Score__c",
        "invalid operator on double",
    ),
    (
        "SELECT Id FROM Lead WHERE Rating INCLUDES ('x')",
        "INVALID_QUERY_FILTER_OPERATOR",
        "Rating",
        "on picklist field",
    ),
    (
        "SELECT Id FROM Lead WHERE Description LIKE '%x%'",
        "INVALID_FIELD",
        "Descr",
        "field 'Description' can not be filtered",
    ),
    (
        "SELECT Id FROM Lead WHERE Address = null",
        "INVALID_FIELD",
        "Address",
        "field 'Address' can not be filtered",
    ),
    (
        "SELECT Id FROM Lead ORDER BY Description",
        "INVALID_FIELD",
        "Descr",
        "field 'Description' can not be sorted in a query",
    ),
    (
        "SELECT Id FROM Lead ORDER BY Colours__c",
        "INVALID_FIELD",
        "Colours",
        "field 'Colours__c' can not be sorted in a query",
    ),
    (
        "SELECT COUNT(Id) FROM Lead GROUP BY Description",
        "INVALID_FIELD",
        "Descr",
        "field 'Description' can not be grouped",
    ),
    (
        "SELECT COUNT(Id) FROM Lead GROUP BY CreatedDate",
        "INVALID_FIELD",
        "Created",
        "field 'CreatedDate' can not be grouped",
    ),
    (
        "SELECT Name, COUNT(Id) FROM Lead",
        "MALFORMED_QUERY",
        "Name",
        "Field must be grouped or aggregated: Name",
    ),
    (
        "SELECT Id, CALENDAR_YEAR(CreatedDate) FROM Lead",
        "MALFORMED_QUERY",
        "Id",
        "Field must be grouped or aggregated: Id",
    ),
    (
        "SELECT Id, CALENDAR_YEAR(CreatedDate) y FROM Lead ORDER BY CreatedDate DESC",
        "MALFORMED_QUERY",
        "CreatedDate DESC",
        "Ordered field must be grouped or aggregated: CreatedDate",
    ),
    (
        "SELECT Rating FROM Lead GROUP BY Rating ORDER BY Name",
        "MALFORMED_QUERY",
        "Name",
        "Ordered field must be grouped",
    ),
    (
        "SELECT Rating FROM Lead GROUP BY Rating HAVING Name = 'x'",
        "MALFORMED_QUERY",
        "Name",
        "must be grouped or aggregated",
    ),
    (
        "SELECT Id, COUNT(Id) FROM Lead GROUP BY Id",
        "MALFORMED_QUERY",
        "COUNT",
        "Grouped field should not be aggregated: Id",
    ),
    ("SELECT COUNT(Id) n, MAX(Id) n FROM Lead", "MALFORMED_QUERY", "MAX", "duplicate alias: n"),
    ("SELECT Name x FROM Lead", "MALFORMED_QUERY", "Name", "only aggregate expressions use field aliasing"),
    (
        "SELECT SUM(Name) FROM Lead",
        "MALFORMED_QUERY",
        "SUM",
        "field Name does not support aggregate operator SUM",
    ),
    (
        "SELECT COUNT(Description) FROM Lead",
        "MALFORMED_QUERY",
        "COUNT",
        "field Description does not support aggregate",
    ),
    (
        "SELECT COUNT(IsConverted) FROM Lead",
        "MALFORMED_QUERY",
        "COUNT",
        "does not support aggregate operator COUNT",
    ),
    (
        "SELECT Id FROM Lead WHERE COUNT(Id) > 1",
        "MALFORMED_QUERY",
        "COUNT",
        "not allowed in the WHERE clause",
    ),
    (
        "SELECT Id, (SELECT COUNT(Id) FROM Contacts) FROM Account",
        "MALFORMED_QUERY",
        "COUNT",
        "only root queries support aggregate expressions",
    ),
    # semi-joins
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)",
        "MALFORMED_QUERY",
        "Id IN",
        "The inner and outer selects should not be on the same object type",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 'x' OR Id IN (SELECT AccountId FROM Contact)",
        "MALFORMED_QUERY",
        "Id IN",
        "Semi join sub-selects are not allowed with the 'OR' operator",
    ),
    (
        "SELECT Id FROM Account WHERE Phone = '1' AND (Name = 'x' OR Id IN (SELECT AccountId FROM Contact))",
        "MALFORMED_QUERY",
        "Id IN",
        "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT ContactId FROM Case))",
        "MALFORMED_QUERY",
        "Id IN",
        "Nesting of semi join sub-selects is not supported",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND Id IN (SELECT AccountId FROM "
        "Opportunity) AND Id NOT IN (SELECT AccountId FROM Case)",
        "MALFORMED_QUERY",
        "Id NOT IN",
        "Maximum 2 semi join sub-selects are allowed.",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT LastName FROM Contact)",
        "MALFORMED_QUERY",
        "LastName",
        "Semi join sub-selects can only query id fields, cannot use: 'LastName'",
    ),
    (
        "SELECT Id FROM Contact WHERE Account.Id IN (SELECT AccountId FROM Opportunity)",
        "MALFORMED_QUERY",
        "Account.Id",
        "should be an id field, cannot use: 'Account.Id'",
    ),
    (
        "SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Contact)",
        "MALFORMED_QUERY",
        "Name",
        "should be an id field, cannot use: 'Name'",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT Account.ParentId FROM Contact)",
        "MALFORMED_QUERY",
        "Account.ParentId",
        "The inner select field cannot have more than one level of relationships",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT Id FROM Contact)",
        "MALFORMED_QUERY",
        "Id IN",
        "The selected field 'Id' in the subquery and the left operand field in the where expression in the outer query "
        "'Id' should point to the same object type",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT WhatId FROM Task)",
        "MALFORMED_QUERY",
        "Task",
        "Entity 'Task' is not supported for semi join inner selects",
    ),
    # functions and places
    (
        "SELECT CALENDAR_YEAR(Name) FROM Lead GROUP BY CALENDAR_YEAR(Name)",
        "INVALID_FIELD",
        "CAL",
        "does not support the",
    ),
    ("SELECT UPPER(Name) FROM Lead", "MALFORMED_QUERY", "UPPER", "Invalid aggregate function: UPPER"),
    (
        "SELECT Id FROM Lead WHERE LOWER(Name) = 'x'",
        "MALFORMED_QUERY",
        "LOWER",
        "Invalid aggregate function: LOWER",
    ),
    (
        "SELECT Id FROM Account WHERE DISTANCE(Site__c, GEOLOCATION(91, 0), 'mi') < 1",
        "MALFORMED_QUERY",
        "GEO",
        "Latitude must be within",
    ),
    (
        "SELECT Id FROM Account WHERE DISTANCE(Name, GEOLOCATION(1,1), 'mi') < 1",
        "MALFORMED_QUERY",
        "Name",
        "geolocation",
    ),
    (
        "SELECT Id FROM Account WHERE DISTANCE(Site__c, GEOLOCATION(1,1), 'yd') < 1",
        "MALFORMED_QUERY",
        "DIST",
        "unit",
    ),
    (
        "SELECT TYPEOF Account WHEN User THEN Id END FROM Contact",
        "INVALID_FIELD",
        "Account",
        "not a polymorphic",
    ),
    (
        "SELECT TYPEOF Owner WHEN User THEN Nope END FROM Lead",
        "INVALID_FIELD",
        "Nope",
        "No such column 'Nope' on entity 'User'",
    ),
    (
        "SELECT Account.Parent.Parent.Parent.Parent.Parent.Name FROM Contact",
        "MALFORMED_QUERY",
        "Account",
        "more than 5 levels",
    ),
    (
        "SELECT Id FROM Lead WITH DATA CATEGORY Geography__c AT usa__c",
        "MALFORMED_QUERY",
        "DATA",
        "DATA CATEGORY",
    ),
]


@pytest.mark.parametrize(("soql", "code", "at", "message"), BY_MEANING, ids=[case[0] for case in BY_MEANING])
def test_by_meaning(crm: Caller, soql: str, code: str, at: str | None, message: str) -> None:
    (error,) = crm.query(soql)
    assert (error["errorCode"], list(error)) == (code, ["message", "errorCode"])
    assert message in error["message"]
    if at is not None:
        window, caret, place = error["message"].split("\n")[1:4]
        column = int(place.rpartition(":")[2])
        assert soql[column - 1 :].startswith(at)
        assert window[len(caret) - 1 :].startswith(at[: len(window) - len(caret) + 1])


PLAIN = [
    ("", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
    ("   ", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
    ("SELEKT Name FROM Account", "MALFORMED_QUERY", "unexpected token: SELEKT"),
    ("q=SELECT Id FROM Account", "MALFORMED_QUERY", "unexpected token: q"),
    ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
    (
        "SELECT FIELDS(ALL) FROM Lead",
        "MALFORMED_QUERY",
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    ),
    (
        "SELECT FIELDS(CUSTOM) FROM Lead LIMIT 201",
        "MALFORMED_QUERY",
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    ),
    ("SELECT Id, FIELDS(ALL) FROM Lead LIMIT 200", "INVALID_FIELD", "duplicate field selected: Id"),
    ("SELECT Id, Lead.Id FROM Lead", "INVALID_FIELD", "duplicate field selected: Lead.Id"),
    (
        "SELECT Id FROM Lead USING SCOPE nonsense",
        "INVALID_QUERY_SCOPE",
        "Scope 'nonsense' is not supported for Lead",
    ),
    (
        "SELECT Id FROM Lead WHERE " + "NOT (" * 200 + "Name = 'x'" + ")" * 200,
        "QUERY_TOO_COMPLICATED",
        "Query is either selecting too many fields or the filter conditions are too complicated.",
    ),
    (
        "SELECT Id FROM Lead WHERE Name = '" + "x" * 100_000 + "'",
        "MALFORMED_QUERY",
        "SOQL statements cannot be longer than 100000 characters.",
    ),
]


@pytest.mark.parametrize(("soql", "code", "message"), PLAIN, ids=[soql[:40] for soql, _, _ in PLAIN])
def test_without_a_place(crm: Caller, soql: str, code: str, message: str) -> None:
    assert crm.query(soql) == [{"message": message, "errorCode": code}]


def test_no_query_at_all(crm: Caller) -> None:
    answer = crm("GET", "/query")
    assert (answer.status, answer.json[0]["errorCode"]) == (400, "MALFORMED_QUERY")


RECORDED_WINDOWS = [
    # Whole query (its hidden ends made up), offset of the caret, the lines that real services were seen to print.
    (
        "SELECT Id,Name,BillingCity,IsDeleted FROM Accout",
        "Accout",
        "Name,BillingCity,IsDeleted FROM Accout",
        32,
    ),
    (
        "SELECT Id, DepProbeField__c FROM Account LIMIT 1",
        "DepProbe",
        "SELECT Id, DepProbeField__c FROM Account LIMIT",
        11,
    ),
    (
        "SELECT Id, Dispenser__c, Answer__c, Audit_Question__c FROM Audit_Answer__c",
        "Dispenser",
        "SELECT Id, Dispenser__c, Answer__c, Audit_Question__c",
        11,
    ),
    (
        "SELECT Id, Account.Name, Account.Phone, Account.Rating, Account.RecordTypeId, Account.ShippingCity, Fax FROM X",
        "Account.RecordTypeId",
        "Account.Phone, Account.Rating, Account.RecordTypeId, Account.ShippingCity",
        31,
    ),
    (
        "SELECT Id,IsActive,CreatedById,OCE__ActualCap__c,TPI_Product__c,Name,OCE__JobId__c,OwnerId FROM X",
        "TPI_Product",
        "CreatedById,OCE__ActualCap__c,TPI_Product__c,Name,OCE__JobId__c",
        30,
    ),
]


@pytest.mark.parametrize(("query", "at", "window", "caret"), RECORDED_WINDOWS)
def test_windows_of_long_queries(query: str, at: str, window: str, caret: int) -> None:
    place = query.index(at)
    assert excerpt(query, place) == f"\n{window}\n{' ' * caret}^\nERROR at Row:1:Column:{place + 1}\n"


def test_grammar_in_a_later_row(crm: Caller) -> None:
    (error,) = crm.query(
        "SELECT Id\nFROM Account\nWHERE AccountId = '0014000000p6XlS' AND Name LIKE 'test' OR Name = 'x'"
    )
    assert error["message"].endswith("\nERROR at Row:3:Column:57\nunexpected token: 'OR'")
    assert error["message"].startswith("\n'0014000000p6XlS' AND Name LIKE 'test' OR Name = 'x'\n")
