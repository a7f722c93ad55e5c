"""What errors have in common."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from diptych.domain import release
from diptych.domain.causes import cause_key, said_of
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.release import Probe

V = ErrorClass.VALIDATION


def key(problem: Problem, column: str | None = None, object_name: str = "Lead") -> str:
    return cause_key(object_name, "Push updates", column, problem)


def test_values_ids_and_numbers_do_not_make_another_cause() -> None:
    one = Problem("RULE", "Lead 00Q5e00000AbCdEEAV: 'Bonn' is no town, 3 of 17 (a@b.example)", V)
    two = Problem("RULE", "Lead 00Q5e00000XyZzEEAV: 'Rome' is no town, 4 of 21 (c@d.example)", V)
    assert key(one) == key(two)
    assert said_of(one.message) == "Lead #: # is no town, # of # #"
    assert "internationalization" in said_of("No internationalization"), "a long word is no id"


def test_other_rules_fields_objects_and_codes_are_other_causes() -> None:
    rule = Problem("RULE", "No such town.", V)
    others = [
        key(Problem("RULE", "No such street.", V)),
        key(Problem("OTHER", "No such town.", V)),
        key(rule, "city"),
        key(rule, object_name="Contact"),
        key(Problem("RULE", "No such town.", V, fields=("City",))),
    ]
    assert len({key(rule), *others}) == 6


def test_where_the_field_says_it_all_the_text_does_not_count() -> None:
    one = Problem("STRING_TOO_LONG", "data value too large: aaa", ErrorClass.LENGTH, fields=("Title",))
    two = Problem("STRING_TOO_LONG", "data value too large: bbb", ErrorClass.LENGTH, fields=("Title",))
    assert key(one, "title") == key(two, "title")


def test_pauses_double_up_to_the_longest_and_a_changed_field_cuts_them_short() -> None:
    quarter, day, now = timedelta(minutes=15), timedelta(days=1), datetime(2026, 11, 26, tzinfo=UTC)
    assert [release.pause(n, quarter, day) for n in (0, 1, 4)] == [quarter, 2 * quarter, 16 * quarter]
    assert release.pause(60, quarter, day) == day
    probe = release.failed(Probe(now, letter=7, tried_at=now), now, quarter, day)
    assert (probe.tries, probe.last, probe.letter) == (1, 7, None)
    assert not release.is_due(probe, now, None) and release.is_due(probe, now + 2 * quarter, None)
    assert release.is_due(probe, now + timedelta(minutes=1), now + timedelta(seconds=5))
    assert not release.is_due(probe, now + timedelta(minutes=1), now - timedelta(seconds=5))
