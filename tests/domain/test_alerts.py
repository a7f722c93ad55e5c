"""What somebody is told, and when it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from diptych.domain.alerts import (
    DEFAULTS,
    Alert,
    ErrorCause,
    Facts,
    Finding,
    Kind,
    Patience,
    Rule,
    SchemaChange,
    Severity,
    Verified,
    Waiting,
    decide,
    findings,
    in_words,
    next_try,
    reaches,
)

NOW = datetime(2026, 11, 26, 8, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WELL = Facts(NOW, True, since=NOW - 100 * HOUR, last_success_at=NOW - MINUTE)


def found(facts: Facts, rules: tuple[Rule, ...] = DEFAULTS) -> list[tuple[str, str]]:
    return [(one.kind.value, one.subject) for one in findings(facts, rules)]


def test_all_well_finds_nothing() -> None:
    assert found(WELL) == [] and found(Facts(NOW, False)) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"trouble_class": "login", "trouble": "INVALID_LOGIN"}, [("login_failed", "login")]),
        ({"trouble_class": "network", "trouble": "away"}, []),
        ({"last_success_at": NOW - 31 * MINUTE}, [("sync_stopped", "sync")]),
        ({"last_success_at": None}, [("sync_stopped", "sync")]),
        ({"last_success_at": None, "in_load": True}, []),
        ({"last_success_at": NOW - 5 * HOUR, "running": False}, []),
        ({"running": False, "paused_at": NOW - 25 * HOUR}, [("paused", "sync")]),
        ({"running": False, "paused_at": NOW - HOUR}, []),
        ({"mass_deletes": {"Lead": "200 of 300"}}, [("mass_delete", "Lead")]),
        ({"missing": {"Lead": "200 of 300"}}, [("mass_delete", "Lead, not shown")]),
        ({"waiting": [Waiting("Lead", 3, NOW - 3 * HOUR)]}, [("backlog_age", "Lead")]),
        ({"waiting": [Waiting("Lead", 3000, NOW - HOUR), Waiting("Contact", 1, None)]}, []),
        ({"api_used": 80, "api_limit": 100}, [("api_share", "share")]),
        ({"org_used": 95, "org_allowed": 100}, [("api_share", "org")]),
        ({"api_used": 79, "api_limit": 100, "org_used": 5}, []),
        ({"held": {"Lead": {"City": "City is hidden"}, "Contact": {}}}, [("fields_held", "Lead")]),
        ({"verified": [Verified("Lead", 2, 2, "t"), Verified("Contact", 0, 0, "t")]}, [("verify", "Lead")]),
    ],
)
def test_each_rule_sees_its_state(facts: dict[str, object], expected: list[tuple[str, str]]) -> None:
    assert found(replace(WELL, **facts)) == expected  # type: ignore[arg-type]


def test_errors_are_found_when_new_and_again_when_many() -> None:
    few = ErrorCause("aaa", "Lead.City", "picklist", 1, NOW, "Not offered")
    many = replace(few, key="bbb", count=100)
    assert found(replace(WELL, causes=[few, many])) == [
        ("errors_many", "bbb"),
        ("errors_new", "aaa"),
        ("errors_new", "bbb"),
    ]
    quiet = (Rule(Kind.ERRORS_NEW, Severity.WARNING, 10), Rule(Kind.ERRORS_MANY, Severity.CRITICAL, 1, False))
    assert found(replace(WELL, causes=[few, many]), quiet) == [("errors_new", "bbb")]


def test_what_one_look_at_the_fields_showed_is_one_notice() -> None:
    changes = [
        SchemaChange("10:00", "Lead", "City", "removed", "City removed"),
        SchemaChange("10:00", "Lead", "Town", "added", "Town added"),
        SchemaChange("10:00", "Lead", "Rating", "picklist", "Rating: +Cool"),
        SchemaChange("11:00", "Lead", "Area", "added", "Area added"),
    ]
    noticed = findings(replace(WELL, changes=changes), DEFAULTS)
    assert [(n.kind, n.subject) for n in noticed] == [
        (Kind.SCHEMA, "Lead 10:00"),
        (Kind.SCHEMA, "Lead 11:00"),
        (Kind.PICKLIST, "Lead 10:00"),
    ]
    assert noticed[0].text == "City removed; Town added"


# ---------------------------------------------------------------- decisions

FINDING = Finding(Kind.BACKLOG_AGE, "Lead", Severity.WARNING, "t", "x")


def alert(finding: Finding = FINDING, **more: object) -> Alert:
    made = Alert(
        7,
        finding.kind,
        finding.subject,
        finding.severity,
        *("t", "x", "", "/", "firing"),
        first_at=NOW - HOUR,
        last_at=NOW - MINUTE,
        told_at=NOW - HOUR,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_new_is_raised_the_same_is_kept_worse_is_told_and_gone_ends_after_a_while() -> None:
    assert decide([FINDING], [], (), NOW).raised == (FINDING,)
    again = decide([FINDING], [alert()], (), NOW)
    assert (again.raised, again.kept, again.again) == ((), ((alert(), FINDING),), ())
    worse = replace(FINDING, severity=Severity.CRITICAL)
    assert decide([worse], [alert()], (), NOW).worse == ((alert(), worse),)
    assert decide([], [alert()], (), NOW).ended == (), "it may come back at once"
    settled = alert(last_at=NOW - 2 * MINUTE)
    assert decide([], [settled], (), NOW).ended == (settled,)


def test_what_nobody_acknowledges_is_told_again_what_somebody_has_seen_is_not() -> None:
    old = alert(told_at=NOW - 25 * HOUR)
    assert decide([FINDING], [old], (), NOW).again == (old,)
    assert decide([FINDING], [replace(old, acked_at=NOW)], (), NOW).again == ()
    assert decide([FINDING], [old], (), NOW, Patience(repeat=None)).again == ()


def test_a_notice_comes_once_and_stays_until_it_is_acknowledged() -> None:
    notice = Finding(Kind.PICKLIST, "Lead 10:00", Severity.INFO, "t", "x")
    assert decide([notice], [], {(Kind.PICKLIST, "Lead 10:00")}, NOW).raised == ()
    open_notice = alert(notice, last_at=NOW - 90 * HOUR)
    assert decide([], [open_notice], (), NOW).ended == ()
    seen = replace(open_notice, acked_at=NOW)
    assert decide([notice], [seen], (), NOW).ended == (seen,)


def test_severities_pauses_and_words() -> None:
    assert reaches(Severity.CRITICAL, Severity.WARNING) and not reaches(Severity.INFO, Severity.WARNING)
    assert [(next_try(n, NOW) - NOW).total_seconds() for n in (1, 2, 5, 50)] == [30, 60, 480, 3600]
    assert [in_words(m * MINUTE) for m in (1, 45, 200, 6000)] == [
        "1 minute",
        "45 minutes",
        "3 hours",
        "4 days",
    ]
