"""How fast, how long, and what could be left out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from diptych.domain.throughput import Hourly, Share, Stretch, by_hour, is_growing, proposals, time_left

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_steps_are_spread_over_the_hours_they_took() -> None:
    stretches = [
        Stretch("Lead", True, NOW - 2.5 * HOUR, NOW - 0.5 * HOUR, 100),
        Stretch("Lead", True, NOW - HOUR / 4, NOW, 9),
        Stretch("Lead", False, NOW - 3 * HOUR, NOW - 3 * HOUR, 7),
        Stretch("Lead", False, NOW - 25 * HOUR, NOW - 23 * HOUR, 50),
    ]
    inbound, outbound = by_hour(stretches, NOW)
    assert (inbound.outbound, inbound.records[0], inbound.records[21]) == (False, 25, 7)
    assert outbound.records[-3:] == (25, 50, 34) and (outbound.total, outbound.most, outbound.least) == (
        109,
        50,
        0,
    )
    assert Hourly("Lead", True, ()).mean == 0


def test_time_left_needs_a_rate_and_growing_an_earlier_count() -> None:
    assert time_left(0, None) == timedelta() and time_left(5, None) is None
    assert time_left(120, 2.0) == timedelta(minutes=1)
    assert is_growing(5, 4) and not is_growing(5, 5) and not is_growing(5, None)


def test_only_what_stands_out_is_proposed() -> None:
    fields = [Share("Lead.Score__c", 640, 1000), Share("Lead.City", 200, 1000)]
    few = [Share("Lead.Fax", 9, 9)]
    skipped = {"Lead": Share("Lead", 1900, 2000), "Contact": Share("Contact", 10, 10)}
    found = proposals(fields, [Share("sql", 1000, 1000)], skipped)
    assert [(p.kind, p.subject) for p in found] == [
        ("field", "Lead.Score__c"),
        ("actor", "sql"),
        ("noise", "Lead"),
    ]
    assert found[0].command == "diptych mapping direction Lead.Score__c inbound"
    assert proposals(few, few, {}) == []
