"""WHERE: each query's result is compared with what Python finds in the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests.practice_org.calls import Caller
from tests.practice_org.soql import dataset
from tests.practice_org.soql.dataset import ACCOUNTS, LEADS, TODAY, Account, Contact, Lead


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    org, admin, _ = dataset.build(tmp_path_factory.mktemp("conditions"))
    yield admin
    org.close()


def some(lead: Lead) -> float:
    return -1e9 if lead.score is None else lead.score


def colours(lead: Lead) -> set[str]:
    return set((lead.colours or "").split(";")) - {""}


def due(holds: Callable[[date], bool]) -> Callable[[Lead], bool]:
    return lambda lead: lead.due is not None and holds(TODAY + timedelta(days=lead.due))


def within(first: int, last: int) -> Callable[[Lead], bool]:
    """Due in the days from TODAY+first to TODAY+last."""
    return due(lambda d: TODAY + timedelta(days=first) <= d <= TODAY + timedelta(days=last))


def between(first: str, last: str) -> Callable[[Lead], bool]:
    return due(lambda d: date.fromisoformat(first) <= d <= date.fromisoformat(last))


LEAD_CASES: list[tuple[str, Callable[[Lead], bool]]] = [
    # text
    ("Company = 'ACME'", lambda r: r.company.lower() == "acme"),
    ("Company != 'acme'", lambda r: r.company.lower() != "acme"),
    ("Company <> 'acme'", lambda r: r.company.lower() != "acme"),
    ("LastName = 'dÖGWOOD'", lambda r: r.last == "Dögwood"),
    ("LastName > 'cedar'", lambda r: r.last.lower() > "cedar"),
    ("LastName <= 'Cedar'", lambda r: r.last.lower() <= "cedar"),
    ("Company = 'line\\none'", lambda r: r.last == "Gum"),
    ("Company = 'quote \\\" and \\\\ slash'", lambda r: r.last == "Fir"),
    ("Company = 'quote \" and \\\\ slash'", lambda r: r.last == "Fir"),
    ("LastName = 'D\\u00f6gwood'", lambda r: r.last == "Dögwood"),
    ("Rating = null", lambda r: r.rating is None),
    ("Rating != null", lambda r: r.rating is not None),
    ("Rating = ''", lambda r: r.rating is None),
    ("Rating != 'Hot'", lambda r: r.rating != "Hot"),
    ("NOT Rating = 'Hot'", lambda r: r.rating != "Hot"),
    ("Rating IN ('hot', 'COLD')", lambda r: r.rating in ("Hot", "Cold")),
    ("Rating NOT IN ('hot', 'COLD')", lambda r: r.rating not in ("Hot", "Cold")),
    ("Rating IN ('Hot', null)", lambda r: r.rating in ("Hot", None)),
    ("Rating NOT IN ('Hot', null)", lambda r: r.rating not in ("Hot", None)),
    ("LastName IN ('DÖGWOOD', 'elm')", lambda r: r.last in ("Dögwood", "Elm")),
    # LIKE
    ("LastName LIKE 'B%'", lambda r: r.last.startswith("B")),
    ("LastName LIKE '%E%'", lambda r: "e" in r.last.lower()),
    ("LastName LIKE '_l_'", lambda r: r.last == "Elm"),
    ("LastName LIKE 'd_gwood'", lambda r: r.last == "Dögwood"),
    ("LastName LIKE 'dÖg%'", lambda r: r.last == "Dögwood"),
    ("Company LIKE '%\\%'", lambda r: r.company.endswith("%")),
    ("Company LIKE 'under\\_%'", lambda r: r.company.startswith("under_")),
    ("Company LIKE 'under\\_x%'", lambda r: False),
    ("Company LIKE '%\\\\%'", lambda r: "\\" in r.company),
    ("Company LIKE '%\\\"%'", lambda r: '"' in r.company),
    ("NOT LastName LIKE '%e%'", lambda r: "e" not in r.last.lower()),
    ("(NOT LastName LIKE 'A%') AND Rating = 'Hot'", lambda r: r.last[0] != "A" and r.rating == "Hot"),
    ("Company LIKE ''", lambda r: False),
    # numbers
    ("Score__c = 9.5", lambda r: r.score == 9.5),
    ("Score__c = 9.50", lambda r: r.score == 9.5),
    ("Score__c > 1.5", lambda r: r.score is not None and r.score > 1.5),
    ("Score__c >= 1.5", lambda r: r.score is not None and r.score >= 1.5),
    ("Score__c < 0", lambda r: r.score is not None and r.score < 0),
    ("Score__c < +0.1", lambda r: r.score is not None and r.score < 0.1),
    ("Score__c = -2.5", lambda r: r.score == -2.5),
    ("Score__c != 9.5", lambda r: r.score != 9.5),
    ("Score__c = null", lambda r: r.score is None),
    ("NOT Score__c > 1", lambda r: not (r.score is not None and r.score > 1)),
    ("Score__c IN (9.5, 0)", lambda r: r.score in (9.5, 0)),
    ("Score__c NOT IN (9.5, 0)", lambda r: r.score not in (9.5, 0)),
    ("NumberOfEmployees = 40", lambda r: r.employees == 40),
    ("NumberOfEmployees > 9", lambda r: r.employees is not None and r.employees > 9),
    ("Twice__c = 19", lambda r: r.score == 9.5),
    ("Twice__c > 0 AND Twice__c < 10", lambda r: 0 < some(r) < 5),
    # booleans
    ("HasOptedOutOfEmail = true", lambda r: r.opted_out),
    ("HasOptedOutOfEmail = FALSE", lambda r: not r.opted_out),
    ("HasOptedOutOfEmail != true", lambda r: not r.opted_out),
    ("HasOptedOutOfEmail IN (true, false)", lambda r: True),
    # multi-select picklists
    ("Colours__c INCLUDES ('red')", lambda r: "red" in colours(r)),
    ("Colours__c INCLUDES ('RED;blue')", lambda r: {"red", "blue"} <= colours(r)),
    (
        "Colours__c INCLUDES ('red;blue', 'green')",
        lambda r: {"red", "blue"} <= colours(r) or "green" in colours(r),
    ),
    ("Colours__c EXCLUDES ('red')", lambda r: "red" not in colours(r)),
    ("Colours__c EXCLUDES ('red', 'green')", lambda r: not colours(r) & {"red", "green"}),
    ("Colours__c = 'red;blue'", lambda r: r.colours == "red;blue"),
    ("Colours__c = null", lambda r: r.colours is None),
    # logic
    ("Rating = 'Hot' AND Score__c > 1", lambda r: r.rating == "Hot" and some(r) > 1),
    ("Rating = 'Hot' OR Score__c > 1", lambda r: r.rating == "Hot" or some(r) > 1),
    ("Rating = 'Hot' AND (Score__c = 0 OR Due__c = TOMORROW)", lambda r: r.rating == "Hot" and r.score == 0),
    ("NOT (Rating = 'Hot' OR Rating = 'Warm')", lambda r: r.rating not in ("Hot", "Warm")),
    ("NOT (NOT (Rating = 'Hot'))", lambda r: r.rating == "Hot"),
    ("((((Rating = 'Hot'))))", lambda r: r.rating == "Hot"),
    ("NOT Rating = 'Hot' AND NOT Rating = null", lambda r: r.rating not in ("Hot", None)),
    # dates
    (f"Due__c = {dataset.day(0)}", within(0, 0)),
    (f"Due__c > {dataset.day(0)}", due(lambda d: d > TODAY)),
    (f"Due__c IN ({dataset.day(1)}, {dataset.day(-1)})", lambda r: r.due in (1, -1)),
    ("Due__c = TODAY", within(0, 0)),
    ("Due__c = YESTERDAY", within(-1, -1)),
    ("Due__c = TOMORROW", within(1, 1)),
    ("Due__c < TODAY", due(lambda d: d < TODAY)),
    ("Due__c <= TODAY", due(lambda d: d <= TODAY)),
    ("Due__c > TODAY", due(lambda d: d > TODAY)),
    ("Due__c >= TODAY", due(lambda d: d >= TODAY)),
    ("Due__c != TODAY", lambda r: r.due != 0),
    ("Due__c = THIS_WEEK", between("2026-05-17", "2026-05-23")),
    ("Due__c = LAST_WEEK", between("2026-05-10", "2026-05-16")),
    ("Due__c = NEXT_WEEK", between("2026-05-24", "2026-05-30")),
    ("Due__c = THIS_MONTH", between("2026-05-01", "2026-05-31")),
    ("Due__c = LAST_MONTH", between("2026-04-01", "2026-04-30")),
    ("Due__c = NEXT_MONTH", between("2026-06-01", "2026-06-30")),
    ("Due__c = THIS_QUARTER", between("2026-04-01", "2026-06-30")),
    ("Due__c = LAST_QUARTER", between("2026-01-01", "2026-03-31")),
    ("Due__c = NEXT_QUARTER", between("2026-07-01", "2026-09-30")),
    ("Due__c = THIS_YEAR", between("2026-01-01", "2026-12-31")),
    ("Due__c = LAST_YEAR", between("2025-01-01", "2025-12-31")),
    ("Due__c = NEXT_YEAR", between("2027-01-01", "2027-12-31")),
    ("Due__c = THIS_FISCAL_QUARTER", between("2026-04-01", "2026-06-30")),
    ("Due__c = LAST_FISCAL_YEAR", between("2025-01-01", "2025-12-31")),
    ("Due__c = LAST_90_DAYS", within(-90, 0)),
    ("Due__c = NEXT_90_DAYS", within(1, 90)),
    ("Due__c = LAST_N_DAYS:8", within(-8, 0)),
    ("Due__c = last_n_days:30", within(-30, 0)),
    ("Due__c < LAST_N_DAYS:8", due(lambda d: d < TODAY - timedelta(days=8))),
    ("Due__c > LAST_N_DAYS:8", due(lambda d: d > TODAY)),
    ("Due__c = NEXT_N_DAYS:1", within(1, 1)),
    ("Due__c = LAST_N_WEEKS:2", between("2026-05-03", "2026-05-16")),
    ("Due__c = LAST_N_MONTHS:1", between("2026-04-01", "2026-04-30")),
    ("Due__c = NEXT_N_MONTHS:3", between("2026-06-01", "2026-08-31")),
    ("Due__c = LAST_N_QUARTERS:2", between("2025-10-01", "2026-03-31")),
    ("Due__c = LAST_N_YEARS:1", between("2025-01-01", "2025-12-31")),
    ("Due__c = NEXT_N_FISCAL_QUARTERS:1", between("2026-07-01", "2026-09-30")),
    ("Due__c = N_DAYS_AGO:8", within(-8, -8)),
    ("Due__c = N_WEEKS_AGO:1", between("2026-05-10", "2026-05-16")),
    ("Due__c = N_MONTHS_AGO:1", between("2026-04-01", "2026-04-30")),
    ("Due__c = N_QUARTERS_AGO:1", between("2026-01-01", "2026-03-31")),
    ("Due__c = N_YEARS_AGO:1", between("2025-01-01", "2025-12-31")),
    ("Due__c = N_FISCAL_YEARS_AGO:0", between("2026-01-01", "2026-12-31")),
    ("Due__c IN (TODAY, YESTERDAY)", within(-1, 0)),
    ("Due__c NOT IN (TODAY, YESTERDAY)", lambda r: r.due not in (0, -1)),
    ("Due__c = null", lambda r: r.due is None),
    ("CALENDAR_MONTH(Due__c) = 5", due(lambda d: d.month == 5)),
    ("CALENDAR_QUARTER(Due__c) = 1", due(lambda d: d.month <= 3)),
    ("DAY_IN_WEEK(Due__c) = 3", due(lambda d: d.isoweekday() % 7 + 1 == 3)),
    ("DAY_IN_YEAR(Due__c) < 140", due(lambda d: d.timetuple().tm_yday < 140)),
    ("WEEK_IN_YEAR(Due__c) = 20", due(lambda d: (d.timetuple().tm_yday + 6) // 7 == 20)),
    ("WEEK_IN_MONTH(Due__c) = 3", due(lambda d: (d.day + 6) // 7 == 3)),
    # moments: all at 19:00 UTC
    ("Met__c = TODAY", lambda r: r.met == 0),
    ("Met__c = LAST_N_DAYS:31", lambda r: r.met is not None and -31 <= r.met <= 0),
    ("Met__c < 2026-05-19T19:00:00Z", lambda r: r.met is not None and r.met < -1),
    ("Met__c <= 2026-05-19T21:00:00+02:00", lambda r: r.met is not None and r.met <= -1),
    ("Met__c = 2026-05-19T12:00:00.000-0700", lambda r: r.met == -1),
    ("Met__c = 2026-05-19t19:00:00z", lambda r: r.met == -1),
    ("Met__c != 2026-05-19T19:00:00Z", lambda r: r.met != -1),
    ("HOUR_IN_DAY(Met__c) = 19", lambda r: r.met is not None),
    ("HOUR_IN_DAY(convertTimezone(Met__c)) = 19", lambda r: False),
    (f"DAY_ONLY(Met__c) = {dataset.day(-8)}", lambda r: r.met == -8),
    ("CALENDAR_YEAR(Met__c) = 2025", lambda r: r.met == -400),
    # relationships
    ("Partner__r.Name = 'ACME'", lambda r: r.partner == "Acme"),
    ("Partner__r.Industry = 'Technology'", lambda r: r.partner in ("Acme", "Acme West")),
    ("Partner__r.Name = null", lambda r: r.partner is None),
    ("Partner__r.Name != 'Acme'", lambda r: r.partner != "Acme"),
    ("Partner__c = null", lambda r: r.partner is None),
    ("Partner__r.Parent.Name = 'Acme'", lambda r: r.partner == "Acme West"),
    ("Partner__r.Parent.Parent.Parent.Name = 'Acme'", lambda r: r.partner == "beta"),
    ("Owner.Type = 'Queue'", lambda r: r.queued),
    ("Owner.Name = 'Inbound'", lambda r: r.queued),
    ("Owner.Profile.Name = 'System Administrator'", lambda r: not r.queued),
    ("Lead.Company = 'other' AND Lead.Partner__r.Name != null", lambda r: r.company.lower() == "other"),
    # semi-joins
    ("Partner__c IN (SELECT Id FROM Account WHERE Industry = 'Food')", lambda r: r.partner == "beta"),
    ("Partner__c NOT IN (SELECT Id FROM Account WHERE Industry = 'Food')", lambda r: r.partner != "beta"),
    (
        "Partner__c IN (SELECT AccountId FROM Contact WHERE Email LIKE '%acme%')",
        lambda r: r.partner in ("Acme", "Acme West"),
    ),
    (
        "Rating = 'Hot' AND Partner__c IN (SELECT AccountId FROM Contact) AND OwnerId IN (SELECT Id FROM User)",
        lambda r: r.rating == "Hot" and r.partner == "Acme" and not r.queued,
    ),
    # toLabel reads what people see
    ("toLabel(Rating) = 'hot'", lambda r: r.rating == "Hot"),
]


@pytest.mark.parametrize(("where", "holds"), LEAD_CASES, ids=[where for where, _ in LEAD_CASES])
def test_leads(crm: Caller, where: str, holds: Callable[[Lead], bool]) -> None:
    answer = crm.query(f"SELECT LastName FROM Lead WHERE {where} ORDER BY LastName")
    assert isinstance(answer, dict), answer
    assert [r["LastName"] for r in answer["records"]] == dataset.leads(holds)


CONTACT_CASES: list[tuple[str, Callable[[Contact], bool]]] = [
    ("LastName = 'O\\'Neil'", lambda r: r.last == "O'Neil"),
    ("LastName LIKE 'ç%'", lambda r: r.last == "Çelik"),
    ("FirstName = null", lambda r: r.first is None),
    ("Email LIKE '%@ACME.example'", lambda r: (r.email or "").lower().endswith("@acme.example")),
    ("Birthdate < 1980-02-29", lambda r: r.birth is not None and r.birth < "1980-02-29"),
    ("Birthdate = 1980-02-29", lambda r: r.last == "Adams"),
    ("Account.Name LIKE 'acme%'", lambda r: (r.account or "").startswith("Acme")),
    ("Account.AnnualRevenue > 1000000", lambda r: r.account in ("Acme", "Acme West")),
    ("Account.Parent.Name != null", lambda r: r.account in ("Acme West", "beta")),
    ("ReportsTo.LastName = 'Adams'", lambda r: r.boss == "Adams"),
    ("ReportsTo.ReportsTo.Account.Name = 'Acme'", lambda r: r.last in ("Çelik", "O'Neil")),
    (
        "AccountId NOT IN (SELECT Id FROM Account WHERE Industry = 'Technology')",
        lambda r: (dataset.account_of(r) or ACCOUNTS[2]).industry != "Technology",
    ),
]


@pytest.mark.parametrize(("where", "holds"), CONTACT_CASES, ids=[where for where, _ in CONTACT_CASES])
def test_contacts(crm: Caller, where: str, holds: Callable[[Contact], bool]) -> None:
    answer = crm.query(f"SELECT LastName FROM Contact WHERE {where}")
    assert isinstance(answer, dict), answer
    assert sorted(r["LastName"] for r in answer["records"]) == sorted(dataset.contacts(holds))


def _miles(a: Account, to: tuple[float, float]) -> float:
    """By the law of cosines, not by the haversine formula that the org uses."""
    from math import acos, cos, radians, sin

    assert a.place
    lat1, lon1, lat2, lon2 = map(radians, (*a.place, *to))
    return 3958.76 * acos(sin(lat1) * sin(lat2) + cos(lat1) * cos(lat2) * cos(lon2 - lon1))


LOS_ANGELES = (34.05, -118.25)
ACCOUNT_CASES: list[tuple[str, Callable[[Account], bool]]] = [
    ("AnnualRevenue = 80000", lambda r: r.revenue == 80_000),
    ("AnnualRevenue > USD1000000", lambda r: (r.revenue or 0) > 1_000_000),
    ("AnnualRevenue >= 0 AND AnnualRevenue < 1000", lambda r: r.revenue == 0),
    ("Name = 'BÄCKEREI GROß'", lambda r: r.name.startswith("B")),
    (
        "DISTANCE(Site__c, GEOLOCATION(34.05, -118.25), 'mi') < 200",
        lambda r: r.place is not None and _miles(r, LOS_ANGELES) < 200,
    ),
    (
        "DISTANCE(BillingAddress, GEOLOCATION(34.05,-118.25), 'km') > 1000",
        lambda r: r.place is not None and _miles(r, LOS_ANGELES) * 1.609344 > 1000,
    ),
    (
        "Id IN (SELECT AccountId FROM Contact WHERE Email != null)",
        lambda r: r.name in ("Acme", "Acme West", "beta"),
    ),
    (
        "Id NOT IN (SELECT AccountId FROM Contact)",
        lambda r: r.name not in ("Acme", "Acme West", "beta", "Bäckerei Groß"),
    ),
    ("Id IN (SELECT Partner__c FROM Lead WHERE Rating = 'Hot')", lambda r: r.name in ("Acme", "Zenith")),
    (
        "ParentId = null AND Industry IN ('Food', 'Energy')",
        lambda r: r.parent is None and r.industry in ("Food", "Energy"),
    ),
]


@pytest.mark.parametrize(("where", "holds"), ACCOUNT_CASES, ids=[where for where, _ in ACCOUNT_CASES])
def test_accounts(crm: Caller, where: str, holds: Callable[[Account], bool]) -> None:
    answer = crm.query(f"SELECT Name FROM Account WHERE {where}")
    assert isinstance(answer, dict), answer
    assert sorted(r["Name"] for r in answer["records"]) == sorted(dataset.accounts(holds))


def test_the_sort_and_the_window_are_those_of_the_rows(crm: Caller) -> None:
    def ordered(by: str) -> list[Any]:
        return [r["LastName"] for r in crm.query(f"SELECT LastName FROM Lead ORDER BY {by}")["records"]]

    rows = list(LEADS)
    by_score = sorted(rows, key=lambda r: (r.score is not None, r.score or 0, r.last))
    assert ordered("Score__c, LastName") == [r.last for r in by_score]
    falling = sorted(rows, key=lambda r: (r.score is None, -(r.score or 0), r.last))
    assert ordered("Score__c DESC NULLS LAST, LastName ASC") == [r.last for r in falling]
    assert ordered("Partner__r.Name NULLS LAST, LastName DESC")[:2] == ["Elm", "Ash"]
    assert ordered("LastName DESC LIMIT 2 OFFSET 1") == ["Gum", "Fir"]
    assert ordered("Rating NULLS FIRST, LastName LIMIT 3") == ["Dögwood", "Gum", "Cedar"]
    assert ordered(
        "DISTANCE(Partner__r.Site__c, GEOLOCATION(37.77, -122.42), 'km') NULLS LAST, LastName LIMIT 3"
    ) == [
        "Ash",
        "Elm",
        "Hazel",
    ]
