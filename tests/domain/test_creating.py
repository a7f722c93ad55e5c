from __future__ import annotations

from datetime import UTC, datetime

import pytest

from diptych.domain.creating import BY_KEY, KEY_FIELD, Match, MatchPolicy, choose, recognise
from diptych.domain.pair import Inflight, Linked, Observation, Pair, PairState, Record
from diptych.domain.values import Value

LINK, CREATE, HOLD = MatchPolicy.LINK, MatchPolicy.CREATE, MatchPolicy.HOLD
CONTACT = Match("Contact", "003A", "a@x.org")
LEAD = Match("Lead", "00QA", "a@x.org")
CONVERTED = Match("Lead", "00QC", "a@x.org", converted=True, converted_contact_id="003C")
DELETED = Match("Lead", "00QD", "a@x.org", deleted=True)
T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("matches", "policy", "expected"),
    [
        ([], LINK, "create"),
        ([], HOLD, "create"),
        ([LEAD], LINK, ("Lead", "00QA")),
        ([LEAD, CONTACT], LINK, ("Contact", "003A")),
        ([CONVERTED], LINK, ("Contact", "003C")),
        ([CONVERTED, Match("Contact", "003C", "a@x.org")], LINK, ("Contact", "003C")),
        ([CONVERTED, CONTACT], LINK, "hold"),
        ([LEAD, Match("Lead", "00QB", "a@x.org")], LINK, "hold"),
        ([CONTACT, Match("Contact", "003B", "a@x.org")], LINK, "hold"),
        ([LEAD], HOLD, "hold"),
        ([LEAD], CREATE, "create"),
        ([DELETED], LINK, "hold"),
        ([DELETED], CREATE, "hold"),
        ([DELETED, LEAD], LINK, ("Lead", "00QA")),
        ([Match("Lead", "00QK", "other@x.org", key="k")], HOLD, ("Lead", "00QK")),
        ([Match("Lead", "00QK", None, key="k", deleted=True), CONTACT], LINK, "hold"),
    ],
)
def test_what_is_there_already_decides(
    matches: list[Match], policy: MatchPolicy, expected: str | tuple[str, str]
) -> None:
    choice = choose(matches, policy, "k")
    assert (choice.link or ("create" if choice.create else "hold")) == expected
    if expected == "hold":
        assert choice.reason
        assert choice.matches


def test_a_deleted_record_is_made_again_only_when_asked_for() -> None:
    assert choose([DELETED], LINK, "k", recreate=True).create
    gone = Match("Lead", "00QK", "a@x.org", key="k", deleted=True)
    assert choose([gone], LINK, "k", recreate=True).create


def pending(number: int, key: str | None = None, **sent: Value) -> Linked:
    pair = Pair(
        number,
        number,
        "Lead",
        None,
        key,
        PairState.NEW,
        None,
        None,
        inflight=Inflight(sent, "1-1", T0, BY_KEY if key else "create"),
    )
    return Linked(pair, sent, {})


def seen(sf_id: str, by: str, fields: dict[str, object] | None = None, **values: Value) -> Observation:
    return Observation(Record("Lead", sf_id, T0, T0, modified_by=by, fields=fields or {}), values)


def test_a_record_is_recognised_by_its_key_whatever_it_holds_by_now() -> None:
    one = pending(1, "k1", last_name="Lee")
    ours = seen("00Q1", "005other", {KEY_FIELD: "k1"}, last_name="Changed")
    foreign = seen("00Q2", "005us", {KEY_FIELD: None}, last_name="Lee")
    assert recognise([one], [foreign, ours], "005us") == {1: ours}


def test_without_a_key_every_value_sent_and_our_own_hand_are_needed() -> None:
    one = pending(1, last_name="Lee", city="Bonn")
    assert recognise([one], [seen("00Q1", "005them", last_name="Lee", city="Bonn")], "005us") == {}
    assert recognise([one], [seen("00Q1", "005us", last_name="Lee", city=None)], "005us") == {}
    ours = seen("00Q1", "005us", last_name="Lee", city="Bonn", title="x")
    assert recognise([one], [ours], "005us") == {1: ours}


def test_a_key_field_made_after_the_sending_does_not_hide_what_was_sent_without_it() -> None:
    one = pending(1, last_name="Lee")
    ours = seen("00Q1", "005us", {KEY_FIELD: None}, last_name="Lee")
    assert recognise([one], [ours], "005us") == {1: ours}
    assert recognise([one], [seen("00Q1", "005us", {KEY_FIELD: "k9"}, last_name="Lee")], "005us") == {}


def test_one_record_belongs_to_one_person() -> None:
    same = [pending(1, last_name="Lee"), pending(2, last_name="Lee")]
    records = [seen("00Q1", "005us", last_name="Lee")]
    assert recognise(same, records, "005us") == {1: records[0]}
