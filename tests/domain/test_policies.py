"""Who wins by which policy, what a blank may do, and what consent survives: tables and properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.mapping import Blanks, Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.merge import Conflict, FieldMerge, merge, merge_field
from diptych.domain.pair import Linked, Observation, Pair, PairState, Record, Standing
from diptych.domain.policies import Times, at_rest, fullness, owing, stands_apart
from diptych.domain.values import Kind

T = datetime(2026, 1, 5, 8, tzinfo=UTC)
BOTH, INBOUND, OUTBOUND = Direction.BOTH, Direction.INBOUND, Direction.OUTBOUND


def mapped(
    policy: Policy = Policy.SALESFORCE,
    direction: Direction = BOTH,
    blanks: Blanks = Blanks.OVERWRITE,
    restrictive: bool = True,
    kind: Kind = Kind.TEXT,
) -> FieldMapping:
    return FieldMapping(
        "Lead", "F", "person", "f", kind, direction, policy, blanks=blanks, restrictive=restrictive
    )


def consent(direction: Direction = BOTH, restrictive: bool = True) -> FieldMapping:
    return mapped(Policy.MOST_RESTRICTIVE, direction, restrictive=restrictive, kind=Kind.BOOLEAN)


RECENT, COMPLETE, ONCE = (mapped(p) for p in (Policy.MOST_RECENT, Policy.MOST_COMPLETE, Policy.WRITE_ONCE))
MULTI = mapped(Policy.MOST_COMPLETE, kind=Kind.MULTI)
COMES, KEPT = mapped(direction=INBOUND), mapped(direction=INBOUND, blanks=Blanks.KEEP_OURS)


@pytest.mark.parametrize(
    ("mapping", "base", "ours", "theirs", "winner", "reason"),
    [
        (COMPLETE, "b", "longer", "r", "ours", "most_complete"),
        (COMPLETE, "b", "l", "longer", "salesforce", "most_complete"),
        (COMPLETE, "b", "same", "tied", "salesforce", "most_complete"),
        (COMPLETE, "b", None, "r", "salesforce", "most_complete"),
        (COMPLETE, "b", "l", None, "ours", "most_complete"),
        (MULTI, "b", "a;b", "longername", "ours", "most_complete"),
        (ONCE, None, "l", "r", "salesforce", "write_once"),
        (ONCE, "b", "l", "b", "salesforce", "write_once"),
        (ONCE, "b", None, "b", "salesforce", "write_once"),
        (ONCE, "b", "l", None, "ours", "write_once"),
        (mapped(Policy.WRITE_ONCE, OUTBOUND), "b", "l", "r", "salesforce", "write_once"),
        (mapped(blanks=Blanks.KEEP_OURS), "b", "b", None, "ours", "blank"),
        (mapped(blanks=Blanks.KEEP_OURS), "b", "l", None, "ours", "blank"),
        (mapped(blanks=Blanks.KEEP_SALESFORCE), "b", None, "b", "salesforce", "blank"),
        (mapped(Policy.OURS, blanks=Blanks.KEEP_SALESFORCE), "b", None, "r", "salesforce", "blank"),
        (mapped(Policy.OURS, OUTBOUND, Blanks.KEEP_BOTH), "b", None, "r", "salesforce", "blank"),
        (consent(), None, False, True, "salesforce", "most_restrictive"),
        (consent(), None, True, False, "ours", "most_restrictive"),
        (consent(restrictive=False), None, False, True, "ours", "most_restrictive"),
        (consent(OUTBOUND), False, False, True, "salesforce", "most_restrictive"),
    ],
)
def test_who_wins(mapping: FieldMapping, base: Any, ours: Any, theirs: Any, winner: str, reason: str) -> None:
    left = ours if winner == "ours" else theirs
    lost = Conflict("f", base, ours, theirs, winner, reason)
    assert merge_field(base, ours, theirs, mapping) == FieldMerge(left, theirs, lost)


@pytest.mark.parametrize(
    ("mapping", "base", "ours", "theirs", "expected"),
    [
        pytest.param(ONCE, None, "l", None, FieldMerge("l", None), id="a blank is filled"),
        pytest.param(ONCE, "b", "b", "r", FieldMerge("r", "r"), id="theirs is theirs to change"),
        pytest.param(ONCE, "b", "b", None, FieldMerge(None, None), id="what they blank is not filled again"),
        pytest.param(
            mapped(Policy.WRITE_ONCE, OUTBOUND), "b", "b", "r", FieldMerge("r", "r"), id="not sent twice"
        ),
        pytest.param(COMPLETE, "b", "b", "", FieldMerge("", ""), id="one side changed: no comparison"),
        pytest.param(
            mapped(blanks=Blanks.KEEP_OURS), None, "l", None, FieldMerge("l", None), id="owed as ever"
        ),
        pytest.param(
            mapped(blanks=Blanks.KEEP_SALESFORCE), "b", "b", None, FieldMerge(None, None), id="comes in"
        ),
        pytest.param(mapped(blanks=Blanks.KEEP_OURS), "b", None, "b", FieldMerge(None, "b"), id="goes out"),
        pytest.param(
            mapped(direction=INBOUND, blanks=Blanks.KEEP_OURS),
            "b",
            "b",
            None,
            FieldMerge("b", "b"),
            id="apart",
        ),
        pytest.param(consent(), False, True, False, FieldMerge(True, False), id="opted out here: owed"),
        pytest.param(consent(), True, True, False, FieldMerge(False, False), id="opted in again there"),
        pytest.param(consent(), True, False, True, FieldMerge(False, True), id="opted in again here"),
        pytest.param(
            consent(INBOUND), False, True, False, FieldMerge(True, False, ask=True), id="a person decides"
        ),
        pytest.param(consent(INBOUND), True, True, False, FieldMerge(False, False), id="comes in only"),
    ],
)
def test_no_conflict(mapping: FieldMapping, base: Any, ours: Any, theirs: Any, expected: FieldMerge) -> None:
    assert merge_field(base, ours, theirs, mapping) == expected


@pytest.mark.parametrize(
    ("mapping", "ours", "theirs", "standing", "expected"),
    [
        pytest.param(COMES, "a", "b", Standing.APART, FieldMerge("a", "b"), id="as it was: another's stands"),
        pytest.param(COMES, "a", "r", Standing.APART, FieldMerge("r", "r"), id="it changed last"),
        pytest.param(COMES, "a", "a", Standing.APART, FieldMerge("a", "a"), id="they agree"),
        pytest.param(COMES, "a", None, Standing.APART, FieldMerge(None, None), id="it was blanked last"),
        pytest.param(KEPT, "a", None, Standing.APART, FieldMerge("a", None), id="a blank may not overwrite"),
        pytest.param(COMES, "e", "b", Standing.EDITED, FieldMerge("e", "b"), id="for the other to put back"),
        pytest.param(
            COMES,
            "e",
            "r",
            Standing.EDITED,
            FieldMerge("r", "r", Conflict("f", "b", "e", "r", "salesforce", "inbound_only")),
            id="the edit is lost to a change",
        ),
        pytest.param(COMES, "a", "b", Standing.LEFT, FieldMerge("b", "b"), id="the other is gone"),
        pytest.param(
            COMES,
            "e",
            "b",
            None,
            FieldMerge("b", "b", Conflict("f", "b", "e", "b", "salesforce", "inbound_only")),
            id="an edit",
        ),
        pytest.param(mapped(), "a", "b", Standing.APART, FieldMerge("a", "b"), id="both ways: owed as ever"),
    ],
)
def test_the_value_of_another_record(
    mapping: FieldMapping, ours: Any, theirs: Any, standing: Standing | None, expected: FieldMerge
) -> None:
    assert merge_field("b", ours, theirs, mapping, standing=standing) == expected


@pytest.mark.parametrize("standing", [Standing.APART, Standing.LEFT])
def test_the_refusal_of_another_record_stays(standing: Standing) -> None:
    assert merge_field(None, True, False, consent(INBOUND), standing=standing) == FieldMerge(True, False)
    assert at_rest(consent(INBOUND), True, False, standing)


def test_what_is_owed_where_records_differ() -> None:
    mapping = ObjectMapping("Lead", 1, (COMES,))
    pair = Pair(1, 1, "Lead", "00Q", None, PairState.PAIRED, None, None)
    owed = {
        standing: bool(owing(mapping, Linked(pair, {"f": "a"}, {"f": "b"}, standing={"f": standing})))
        for standing in Standing
    }
    assert owed == {Standing.APART: False, Standing.EDITED: False, Standing.LEFT: True}


def test_our_write_that_came_late_does_not_undo_a_refusal_or_a_value() -> None:
    late = merge_field(False, False, True, consent(), True, outcome_unknown=True)
    assert (late.ours, late.base) == (True, True)
    assert late.conflict and (late.conflict.winner, late.conflict.reason) == ("salesforce", "outcome_unknown")
    kept = merge_field(None, None, "s", mapped(blanks=Blanks.KEEP_SALESFORCE), "s", outcome_unknown=True)
    assert (kept.ours, kept.base) == ("s", "s")


def test_a_blank_that_the_org_puts_back_each_time_is_told_as_rewritten() -> None:
    mapping = mapped(blanks=Blanks.KEEP_OURS)
    assert merge_field("b", "b", None, mapping, by_us=True).rewritten
    assert not merge_field("b", "b", None, mapping).rewritten


@pytest.mark.parametrize(
    ("ours_at", "theirs_at", "winner"),
    [
        (T + timedelta(seconds=1), T, "ours"),
        (T, T + timedelta(seconds=1), "salesforce"),
        (T, T, "salesforce"),
        (None, T, "salesforce"),
        (T, None, "salesforce"),
        (None, None, "salesforce"),
    ],
)
def test_the_later_edit_wins_where_the_policy_asks(
    ours_at: datetime | None, theirs_at: datetime | None, winner: str
) -> None:
    result = merge_field("b", "l", "r", RECENT, times=Times(ours_at, theirs_at))
    assert result.conflict == Conflict("f", "b", "l", "r", winner, "most_recent")
    other = merge_field("b", "l", "r", mapped(), times=Times(ours_at, theirs_at))
    assert other.conflict and other.conflict.winner == "salesforce"


def test_a_whole_record_brings_its_times() -> None:
    pair = Pair(1, 1, "Lead", "00Q1", None, PairState.PAIRED, T, T, 1)
    seen = Observation(Record("Lead", "00Q1", T, T, T, "005"), {"f": "r"})
    later = Linked(pair, {"f": "l"}, {"f": "b"}, edited_at={"f": T + timedelta(minutes=1)})
    assert merge(later, seen, ObjectMapping("Lead", 1, (RECENT,))).dirty == {"f": "l"}
    earlier = Linked(pair, {"f": "l"}, {"f": "b"}, edited_at={"f": T - timedelta(minutes=1)})
    assert merge(earlier, seen, ObjectMapping("Lead", 1, (RECENT,))).ours == {"f": "r"}


def test_what_counts_as_full() -> None:
    assert fullness(Kind.TEXT, None) == 0
    assert fullness(Kind.TEXT, "four") == 4
    assert fullness(Kind.MULTI, "a;b;c") == 3
    assert fullness(Kind.BOOLEAN, False) == fullness(Kind.INTEGER, 0) == 1


# ---------------------------------------------------------------- properties

texts = st.sampled_from(["a", "bb", "ccc", None])
mappings = st.builds(
    mapped,
    st.sampled_from([p for p in Policy if p is not Policy.MOST_RESTRICTIVE]),
    st.sampled_from(Direction),
    st.sampled_from(Blanks),
)
marks = st.sampled_from([True, False, None])


@given(texts, texts, texts, mappings)
def test_a_blank_that_may_not_overwrite_never_does(
    base: Any, ours: Any, theirs: Any, m: FieldMapping
) -> None:
    result = merge_field(base, ours, theirs, m)
    if m.blanks.keeps_ours and ours is not None and theirs is None and base is not None:
        assert result.ours == ours or m.policy is Policy.WRITE_ONCE
    sent = result.ours != result.base and m.direction is not INBOUND and not result.ask
    if m.blanks.keeps_theirs and sent and theirs is not None:
        assert result.ours is not None, "a blank would be sent over a value"


@given(texts, texts, texts, mappings)
def test_what_is_written_once_is_never_written_over(
    base: Any, ours: Any, theirs: Any, m: FieldMapping
) -> None:
    result = merge_field(base, ours, theirs, m)
    if m.policy is Policy.WRITE_ONCE and m.direction is not INBOUND and theirs is not None:
        assert result.ours == result.base == theirs


@given(marks, marks, marks, st.sampled_from(Direction), st.booleans())
def test_a_refusal_of_consent_is_given_up_only_by_the_side_that_gave_it(
    base: Any, ours: Any, theirs: Any, d: Direction, restrictive: bool
) -> None:
    result = merge_field(base, ours, theirs, consent(d, restrictive))
    if ours is restrictive and ours != base:
        assert result.ours is restrictive, "an opt-out made here was undone"
    if theirs is restrictive and theirs != base:
        assert result.ours is restrictive or result.ask, "an opt-out made there would be undone"


@given(texts, texts, texts, mappings)
def test_every_rule_comes_to_rest_and_logs_the_loser(
    base: Any, ours: Any, theirs: Any, m: FieldMapping
) -> None:
    result = merge_field(base, ours, theirs, m)
    if result.conflict is not None:
        assert (result.conflict.base, result.conflict.ours, result.conflict.theirs) == (base, ours, theirs)
        assert result.conflict.winner == ("ours" if result.ours == ours else "salesforce")
    if result.ask:
        return
    sent = result.ours if m.direction is not INBOUND else theirs
    again = merge_field(sent if result.ours != result.base else result.base, result.ours, sent, m)
    assert again.conflict is None
    assert again.ours == again.base == sent or stands_apart(m, again.ours, sent)


@given(texts, texts, st.sampled_from([Blanks.KEEP_OURS, Blanks.KEEP_BOTH]))
def test_an_edit_that_stands_apart_from_a_blank_is_logged_when_salesforce_fills_the_field(
    ours: Any, theirs: Any, blanks: Blanks
) -> None:
    m = mapped(Policy.SALESFORCE, INBOUND, blanks)
    apart = merge_field(None, ours, None, m)
    filled = merge_field(apart.base, apart.ours, theirs, m)
    if None not in (ours, theirs) and ours != theirs:
        assert filled.conflict is not None and filled.conflict.ours == ours


@given(texts, st.sampled_from([Blanks.KEEP_OURS, Blanks.KEEP_BOTH]))
def test_what_stands_apart_is_not_owed(ours: Any, blanks: Blanks) -> None:
    mapping = ObjectMapping("Lead", 1, (mapped(Policy.SALESFORCE, INBOUND, blanks),))
    pair = Pair(1, 1, "Lead", "00Q000000000001AAA", None, PairState.PAIRED, T, T)
    assert not owing(mapping, Linked(pair, {"f": ours}, {"f": None}))
    assert bool(owing(mapping, Linked(pair, {"f": ours}, {"f": "b"}))) == (ours != "b")
