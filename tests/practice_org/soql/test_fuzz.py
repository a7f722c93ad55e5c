"""Whatever is asked gets an answer or a refusal with a code: the short form of `fuzz`."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from practice_org.errors import ApiError
from practice_org.soql.parser import parse
from tests.practice_org.calls import Caller
from tests.practice_org.soql import dataset, fuzz
from tests.practice_org.soql.writer import WORDS, Writer

ALL_CHECKS = list(HealthCheck)


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, admin, _ = dataset.build(tmp_path_factory.mktemp("fuzz"))
    yield admin
    org.close()


def refused(text: str) -> str | None:
    try:
        parse(text)
    except ApiError as error:
        return error.code
    return None


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)))
@example("SELECT Id FROM Lead WHERE " + "(" * 5000)
@example("SELECT " + "f(" * 5000)
@example("SELECT " + "(SELECT " * 3000)
@example("SELECT Id FROM Lead WHERE A IN (SELECT B FROM C WHERE " * 500)
@example("SELECT Id FROM Lead WHERE Name = '\\ud800'")
def test_any_text_is_parsed_or_refused(text: str) -> None:
    assert refused(text) in (None, "MALFORMED_QUERY", "QUERY_TOO_COMPLICATED")


@settings(max_examples=150, deadline=None, suppress_health_check=ALL_CHECKS)
@given(st.integers(0, 1 << 32))
def test_what_is_written_by_the_rules_is_answered(crm: Caller, seed: int) -> None:
    soql = Writer(Random(seed)).query()
    answer = crm.query(soql)
    assert refused(soql) is None
    assert isinstance(answer, dict) or answer[0]["errorCode"] in (
        "INVALID_FIELD",  # a field that can be neither sorted nor grouped
        "INVALID_QUERY_FILTER_OPERATOR",
        "MALFORMED_QUERY",  # an aggregate that a field does not bear
    ), answer


@settings(max_examples=250, deadline=None, suppress_health_check=ALL_CHECKS)
@given(st.integers(0, 1 << 32))
def test_whatever_is_asked_is_answered_or_refused(crm: Caller, seed: int) -> None:
    assert fuzz.outcome(crm, fuzz.call_of(Random(seed)))


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Lead WHERE Name LIKE '" + "%a" * 20_000 + "'",
        "SELECT Id FROM Lead WHERE Name LIKE '" + "%_" * 4_000 + "'",
        "SELECT " + ", ".join(f"FORMAT(AnnualRevenue) a{n}" for n in range(2_500)) + " FROM Lead",
        "SELECT Id FROM Lead WHERE " + " OR ".join(f"Score__c = {n}" for n in range(5_000)),
        "SELECT Id FROM Lead WHERE Colours__c INCLUDES (" + ", ".join(["'a;b;c'"] * 3_000) + ")",
        "SELECT Id FROM Lead WHERE Due__c IN (" + ", ".join(["TODAY"] * 5_000) + ")",
        "SELECT Id FROM Lead WHERE Score__c > 1e999 OR Score__c < -1e999",
        "SELECT Id FROM Lead WHERE Due__c = LAST_N_YEARS:9999999",
        "SELECT Id FROM Lead WHERE Met__c > 9999-12-31T23:59:59-11:00",
        "SELECT Id FROM Lead WHERE Met__c > 0000-00-00T00:00:00Z",
        "SELECT " + ", ".join(["(SELECT Id FROM Contacts)"] * 30) + " FROM Account",
        "SELECT Id FROM Lead LIMIT 99999999999999999999",
        "SELECT Name, COUNT(Id) FROM Lead GROUP BY CUBE(Name, Rating, Company, Status)",
    ],
    ids=lambda soql: soql[:50],
)
def test_large_and_strange_queries(crm: Caller, soql: str) -> None:
    answer = crm.query(soql)
    assert isinstance(answer, dict) or answer[0]["errorCode"] in fuzz.CODES
