"""Duplicate rules, sharing and search as SOAP shows them."""

from __future__ import annotations

import pytest

from tests.practice_org.server import RunningOrg
from tests.practice_org.soap.client import XSI, Client, Fault, local, names, text
from tests.practice_org.soap.test_calls import errors, lead

BY_EMAIL = {"object": "Lead", "name": "Lead_Email", "items": [{"field": "Email"}]}


@pytest.fixture
def soap(live_org: RunningOrg) -> Client:
    return Client(live_org, live_org.token("admin"))


def record(email: str) -> list[tuple[str, object]]:
    return [("type", "Lead"), ("LastName", "Twin"), ("Company", "c"), ("Email", email)]


def test_a_duplicate_is_refused_with_what_was_found(soap: Client) -> None:
    rule = {"object": "Lead", "name": "Leads", "matching": ["Lead_Email"], "message": "Seen before"}
    soap.org.control("rules", {"matching": [BY_EMAIL], "duplicate": [rule]})
    first = lead(soap, "One", ("Email", "twin@example.com"))
    refused = soap.results("create", ("sObjects", record("twin@example.com")))[0]
    assert errors(refused) == [("DUPLICATES_DETECTED", "Seen before")]
    error = refused[0]
    assert error.attrib[f"{{{XSI}}}type"] == "DuplicateError"
    assert names(error) == ["message", "statusCode", "duplicateResult"]
    result = error[-1]
    assert names(result) == [
        "allowSave",
        "duplicateRule",
        "duplicateRuleEntityType",
        "errorMessage",
        "matchResults",
    ]
    assert text(result, "allowSave") == "true" and text(result, "duplicateRule") == "Leads"
    match = result[-1]
    assert names(match) == ["entityType", "matchEngine", "matchRecords", "rule", "size", "success"]
    found = next(one for one in match if local(one) == "matchRecords")
    assert names(found) == ["matchConfidence", "record"] and text(found[-1], "Id") == first
    looked = soap.results(
        "findDuplicates", ("sObjects", record("TWIN@example.com")), ("sObjects", record("no@example.com"))
    )
    assert [names(one) for one in looked] == [["duplicateResults", "success"]] * 2
    assert text(looked[0][0][-1], "size") == "1" and "matchResults" not in names(looked[1][0])
    by_id = soap.results("findDuplicatesByIds", ("ids", first), ("ids", "x"))
    assert text(by_id[0], "success") == "true" and errors(by_id[1]) == [("MALFORMED_ID", "bad id x")]
    soap.headers = {
        "DuplicateRuleHeader": {
            "allowSave": "true",
            "includeRecordDetails": "false",
            "runAsCurrentUser": "true",
        }
    }
    assert text(soap.results("create", ("sObjects", record("twin@example.com")))[0], "success") == "true"
    with pytest.raises(Fault) as none:
        soap("findDuplicates", ("sObjects", [("type", "Account"), ("Name", "x")]))
    assert none.value.code == "NO_ACTIVE_DUPLICATE_RULE"


def test_a_lead_is_no_duplicate_of_what_it_becomes(soap: Client) -> None:
    rule = {"object": "Contact", "name": "Contacts", "matching": ["Lead_Email"], "on_create": "block"}
    soap.org.control("rules", {"matching": [BY_EMAIL], "duplicate": [rule]})
    first = lead(soap, "One", ("Email", "twin@example.com"))
    second = lead(soap, "Two", ("Email", "twin@example.com"))
    order = [("leadId", first), ("convertedStatus", "Closed - Converted")]
    refused = soap.results("convertLead", ("leadConverts", order))[0]
    assert errors(refused)[0][0] == "DUPLICATES_DETECTED"
    soap("delete", ("ids", second))
    assert text(soap.results("convertLead", ("leadConverts", order))[0], "success") == "true"


def test_what_a_user_does_not_own_is_neither_converted_nor_merged(soap: Client) -> None:
    theirs, other = lead(soap), lead(soap)
    soap.org.control("sharing", {"defaults": {"Lead": "Read"}})
    rep = Client(soap.org, soap.org.token("sales"))
    order = [("leadId", theirs), ("convertedStatus", "Closed - Converted")]
    refused = rep.results("convertLead", ("leadConverts", order))[0]
    assert errors(refused)[0][0] == "INSUFFICIENT_ACCESS_OR_READONLY"
    request = [("masterRecord", [("type", "Lead"), ("Id", theirs)]), ("recordToMergeIds", other)]
    assert errors(rep.results("merge", ("request", request))[0])[0][0] == "INSUFFICIENT_ACCESS_OR_READONLY"


def test_search(soap: Client) -> None:
    made = lead(soap, "Zyxwvut")
    told = soap.results(
        "search", ("searchString", "FIND {Zyxwvut} RETURNING Lead(Id, LastName), Account(Name)")
    )[0]
    assert names(told) == ["queryId", "searchRecords"]
    assert [one.text for one in told[1][0]] == ["Lead", made, made, "Zyxwvut"]
    with pytest.raises(Fault) as bad:
        soap("search", ("searchString", "SELECT Id FROM Lead"))
    assert (bad.value.code, bad.value.detail) == ("MALFORMED_SEARCH", "MalformedSearchFault")
