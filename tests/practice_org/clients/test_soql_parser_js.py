"""@jetstreamapp/soql-parser-js and the practice org's parser: which queries does each take?

Both see the queries that real clients sent, those of the tests, and generated ones, whole and damaged.
Where they differ, DIFFERENCES says why; a difference that it does not know fails the test, and so does an
entry that no query shows any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice_org.errors import ApiError
from practice_org.soql.parser import parse
from tests.practice_org.clients.peers import run_node
from tests.practice_org.soql import test_conditions, test_refusals
from tests.practice_org.soql.writer import Writer, damaged

pytestmark = pytest.mark.clients
SENT = (Path(__file__).parents[1] / "facts" / "client_queries.txt").read_text().splitlines()


@dataclass(frozen=True)
class Difference:
    """Queries of this form are taken by only one of the two: by `ours`, or by the other."""

    ours: bool
    form: str
    why: str
    example: str

    def fits(self, ours: bool, query: str) -> bool:
        return ours is self.ours and re.search(self.form, query, re.IGNORECASE | re.DOTALL) is not None


DIFFERENCES = (
    Difference(
        False,
        r"(NOT \(){100}",
        "it has no bound of nesting",
        "SELECT Id FROM A WHERE " + "NOT (" * 200 + "B = 1" + ")" * 200,
    ),
    Difference(
        False, r".{100001}", "it has no bound of length", "SELECT Id FROM A WHERE B = '" + "x" * 100_000 + "'"
    ),
    Difference(
        True,
        r"\bWHERE\b.*\bOFFSET\s+\d",
        "it takes OFFSET behind WHERE, without a LIMIT between them, for one more condition",
        "SELECT Id FROM Lead WHERE Name = 'x' OFFSET 5",
    ),
    Difference(True, r"\bALL\s+ROWS\b", "it does not know ALL ROWS", "SELECT Id FROM Lead ALL ROWS"),
    Difference(
        True, r"\bSET\s+OPTIONS\b", "it does not know SET OPTIONS", "SELECT Id FROM A SET OPTIONS (a = true)"
    ),
    Difference(
        True,
        r"\b(ROLLUP|CUBE)\s*\(\s*\w+\s*\(",
        "it wants plain fields in ROLLUP and CUBE; the reference names no such rule",
        "SELECT CALENDAR_YEAR(CloseDate) FROM Opportunity GROUP BY ROLLUP(CALENDAR_YEAR(CloseDate))",
    ),
    Difference(
        True,
        r"\b(?!(AND|OR|IN|NOT|WHERE|FROM|SELECT)\b)\w+\(",
        "we ask for a function's name and arguments when we know the fields; the refusal comes then",
        "SELECT UPPER(Name) FROM Lead",
    ),
    Difference(
        True,
        r"USING\s+SCOPE\s+\w+",
        "we ask for the name of a scope when we know the object; the refusal comes then",
        "SELECT Id FROM Lead USING SCOPE nonsense",
    ),
    Difference(
        True,
        r"\b(CUBE|ROLLUP|FIRST|LAST|VIEW|ABOVE|SCOPE|CATEGORY|DATA|ROWS|THEN|WHEN|TODAY)\b",
        "words that the reference does not reserve may be names with us",
        "SELECT Id FROM Account cube",
    ),
    Difference(
        True,
        r"\bORDER\s{2,}BY\b|\bGROUP\s{2,}BY\b",
        "it wants one space in ORDER BY",
        "SELECT Id FROM A ORDER  BY Id",
    ),
    Difference(
        False,
        r"\bOR\b.*\bAND\b|\bAND\b.*\bOR\b",
        "it does not mind AND beside OR without brackets; Salesforce answers unexpected token",
        "SELECT Id FROM Account WHERE A = 1 OR B = 2 AND C = 3",
    ),
    Difference(
        False,
        r"\b\w+\(\s*\)",
        "it takes functions without argument, and COUNT() in company",
        "SELECT Name, COUNT() FROM Account GROUP BY Name",
    ),
    Difference(
        False,
        r"\bIN\s*\(\s*SELECT\b.*\b(LIMIT|ORDER|GROUP|OFFSET|FOR|HAVING)\b",
        "it takes LIMIT, ORDER BY and GROUP BY in the select of a semi-join",
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 1)",
    ),
    Difference(
        False,
        r"\w+\([^()]*\w+\([^()]*\w+\(",
        "it takes a third function within two (release notes of Summer '24)",
        "SELECT FORMAT(convertCurrency(toLabel(Name))) FROM Account",
    ),
    Difference(
        False, r"\\[^nrtbf\"'\\%_u]", "it takes any escape", "SELECT Id FROM Account WHERE Name = 'x\\q'"
    ),
    Difference(
        False,
        r"\bSELECT\b.*\w+\s+\w+\.\w+.*\bFROM\b",
        "it takes a path for an alias",
        "SELECT Id Account.Name FROM Contact",
    ),
    Difference(False, r"LIKE\s+null", "it takes LIKE null", "SELECT Id FROM Account WHERE Name LIKE null"),
    Difference(
        False,
        r"\b(OFFSET|THEN|WHEN|ELSE|END|SCOPE|UPDATE|BY|TYPEOF|ROWS|SET|USING)\b",
        "words that begin or end a clause may be names with it",
        "SELECT THEN FROM Task",
    ),
)


def generated() -> list[str]:
    """The same queries on every run."""
    texts: list[str] = []

    @settings(max_examples=250, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(0, 1 << 32))
    def write(seed: int) -> None:
        chance = Random(seed)
        text = Writer(chance).query()
        texts.extend((text, damaged(chance, text)))

    write()
    return texts


def taken(query: str) -> bool:
    try:
        parse(query)
    except ApiError:
        return False
    return True


def test_both_parsers_take_the_same_queries() -> None:
    queries = [
        *SENT,
        *(f"SELECT Id FROM Lead WHERE {where}" for where, _ in test_conditions.LEAD_CASES),
        *(f"SELECT Id FROM Contact WHERE {where}" for where, _ in test_conditions.CONTACT_CASES),
        *(f"SELECT Id FROM Account WHERE {where}" for where, _ in test_conditions.ACCOUNT_CASES),
        *(case[0] for case in (*test_refusals.BY_GRAMMAR, *test_refusals.BY_MEANING, *test_refusals.PLAIN)),
        *generated(),
        *(difference.example for difference in DIFFERENCES),
    ]
    queries = list(dict.fromkeys(query for query in queries if query.isprintable() or "\n" in query))
    answer = run_node("parse_queries.mjs", {"queries": queries})
    unknown = []
    both = 0
    for query, theirs, said in zip(queries, answer["accepted"], answer["said"], strict=True):
        ours = taken(query)
        both += ours and theirs
        if ours is not theirs and not any(d.fits(ours, query) for d in DIFFERENCES):
            unknown.append(("ours" if ours else "theirs", query[:300], said))
    assert unknown == []
    assert both > 300 and len(queries) > 600
    place = {query: at for at, query in enumerate(queries)}
    gone = [
        d.why
        for d in DIFFERENCES
        if not (taken(d.example) is d.ours and answer["accepted"][place[d.example]] is not d.ours)
    ]
    assert gone == []
