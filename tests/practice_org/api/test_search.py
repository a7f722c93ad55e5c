"""SOSL: what is found in which fields, how it is answered, and how it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.practice_org.calls import Caller, new_org


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, admin = new_org(tmp_path_factory.mktemp("sosl"))
    acme = admin.create(
        "Account", Name="Acme Rockets", Website="https://acme.example", Phone="(415) 555-1212"
    )
    admin.create("Account", Name="Beta", Description="makes rockets too")
    admin.create("Contact", LastName="Joel", FirstName="Billy", AccountId=acme, Email="billy@acme.example")
    admin.create("Contact", LastName="Joe", FirstName="Smith", Title="Rocket engineer")
    admin.create(
        "Lead", LastName="O'Hara", Company="Acme", Email="scarlett@tara.example", MobilePhone="+44 20 7946"
    )
    gone = admin.create("Lead", LastName="Gone", Company="Acme")
    assert admin("DELETE", f"/sobjects/Lead/{gone}").status == 204
    yield admin
    org.close()


def found(crm: Caller, sosl: str) -> list[dict[str, str]]:
    answer = crm("GET", "/search?q=" + quote(sosl))
    assert answer.status == 200, answer.text
    return answer.json["searchRecords"]


def names(crm: Caller, words: str, rest: str = "") -> list[str]:
    returning = "RETURNING Account(Name), Contact(Name), Lead(Name)"
    return [r["Name"] for r in found(crm, f"FIND {{{words}}} {rest} {returning}")]


@pytest.mark.parametrize(
    ("words", "rest", "expected"),
    [
        ("acme", "", ["Acme Rockets", "Billy Joel", "O'Hara"]),
        ("ACME", "IN NAME FIELDS", ["Acme Rockets"]),
        ("Joe", "", ["Smith Joe"]),
        ("Jo*", "", ["Billy Joel", "Smith Joe"]),
        ("Jo?l", "", ["Billy Joel"]),
        ("rocket*", "IN ALL FIELDS", ["Acme Rockets", "Beta", "Smith Joe"]),
        ("acme rockets", "", ["Acme Rockets"]),
        ('"rockets acme"', "", []),
        ("beta OR joe", "", ["Beta", "Smith Joe"]),
        ("rockets AND NOT acme", "", ["Beta"]),
        ("(joe OR joel) AND billy", "", ["Billy Joel"]),
        ("billy@acme.example", "IN EMAIL FIELDS", ["Billy Joel"]),
        ("4155551212", "IN PHONE FIELDS", ["Acme Rockets"]),
        ("415", "IN PHONE FIELDS", ["Acme Rockets"]),
        ("442079*", "IN PHONE FIELDS", ["O'Hara"]),
        ("O\\'Hara", "", ["O'Hara"]),
        ("gone", "", []),
    ],
)
def test_what_is_found(crm: Caller, words: str, rest: str, expected: list[str]) -> None:
    assert names(crm, words, rest) == expected


def test_the_returning_clause_filters_sorts_and_limits(crm: Caller) -> None:
    rows = found(crm, "FIND {Jo*} RETURNING Contact(FirstName, Email WHERE Email != null)")
    assert [list(row) for row in rows] == [["attributes", "FirstName", "Email"]]
    assert rows[0]["Email"] == "billy@acme.example"
    ordered = (
        "FIND {acme OR jo*} RETURNING Contact(LastName ORDER BY LastName DESC LIMIT 1), Account(Name) LIMIT 2"
    )
    assert [r.get("LastName") or r.get("Name") for r in found(crm, ordered)] == ["Joel", "Acme Rockets"]
    only = found(crm, "FIND {acme} IN ALL FIELDS RETURNING Lead WITH METADATA = 'LABELS' LIMIT 5")
    assert [list(row) for row in only] == [["attributes", "Id"]]
    assert only[0]["attributes"]["type"] == "Lead"  # type: ignore[index]


def test_without_a_returning_clause_all_searchable_objects_are_looked_in(crm: Caller) -> None:
    kinds = {row["attributes"]["type"] for row in found(crm, "FIND {acme}")}  # type: ignore[index]
    assert {"Account", "Contact", "Lead"} <= kinds


def test_old_versions_answer_with_a_bare_list(crm: Caller) -> None:
    old = Caller(crm.org, crm.user_id, version="36.0")
    answer = old("GET", "/search?q=" + quote("FIND {beta} RETURNING Account")).json
    assert [row["attributes"]["url"][:34] for row in answer] == ["/services/data/v36.0/sobjects/Acco"]


def test_search_by_parameters(crm: Caller) -> None:
    by_url = crm("GET", "/parameterizedSearch?q=acme&sobject=Account,Lead&fields=Id,Name&in=ALL").json
    assert [r["Name"] for r in by_url["searchRecords"]] == ["Acme Rockets", "O'Hara"]
    body = {
        "q": "Jo*",
        "in": "NAME",
        "fields": ["Id", "LastName"],
        "sobjects": [{"name": "Contact", "where": "Title != null", "limit": 5}],
        "overallLimit": 10,
    }
    by_body = crm("POST", "/parameterizedSearch", body).json
    assert [r["LastName"] for r in by_body["searchRecords"]] == ["Joe"]
    assert crm("GET", "/parameterizedSearch?q=bil%7Dly").status == 200


def test_scope_and_layout(crm: Caller) -> None:
    order = crm("GET", "/search/scopeOrder").json
    assert {"type": "Lead", "url": "/services/data/v60.0/sobjects/Lead/describe"} in order
    (layout,) = crm("GET", "/search/layout?q=Account").json
    assert (layout["objectType"], layout["limitRows"]) == ("Account", 25)
    assert layout["searchColumns"][0] == {
        "field": "Account.Name",
        "format": None,
        "label": "Account Name",
        "name": "Name",
    }


@pytest.mark.parametrize(
    ("sosl", "code", "part"),
    [
        (
            "FIND acme",
            "MALFORMED_SEARCH",
            "No search term found. The search term must be enclosed in braces.",
        ),
        ("", "MALFORMED_SEARCH", "No search term found"),
        ("FIND {}", "MALFORMED_SEARCH", "No search term found"),
        ("FIND {acme", "MALFORMED_SEARCH", "No search term found"),
        ("FIND {a}", "MALFORMED_SEARCH", "search term must be longer than one character: a"),
        ("FIND {(acme}", "MALFORMED_SEARCH", "No search term found"),
        ("FIND {acme} IN", "MALFORMED_SEARCH", "unexpected token"),
        ("FIND {acme} RETURNING Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("FIND {acme} RETURNING Lead(Nope)", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'"),
        ("FIND {acme} RETURNING Lead(COUNT(Id))", "MALFORMED_SEARCH", "Aggregate"),
        ("FIND {acme} RETURNING Profile", "INVALID_TYPE", "not searchable"),
    ],
)
def test_refusals(crm: Caller, sosl: str, code: str, part: str) -> None:
    answer = crm("GET", "/search?q=" + quote(sosl))
    assert answer.status == 400
    assert answer.json[0]["errorCode"] == code
    assert part in answer.json[0]["message"]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(alphabet=st.sampled_from("ab*?\"\\(){} '-ANDORT@é"), max_size=30),
    st.sampled_from(
        ["", " IN EMAIL FIELDS", " RETURNING Lead(Id WHERE Name != null)", " LIMIT 0", " WITH X"]
    ),
)
def test_whatever_is_searched_for_gets_an_answer_or_a_refusal(crm: Caller, words: str, rest: str) -> None:
    answer = crm("GET", "/search?q=" + quote(f"FIND {{{words}}}{rest}"))
    assert answer.status == 200 or answer.json[0]["errorCode"]
