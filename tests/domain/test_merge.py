"""R-1, field by field and for whole records; the direction and policy of the mapping decide conflicts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.merge import ABSENT, Conflict, FieldMerge, merge, merge_field
from diptych.domain.pair import Inflight, Linked, Observation, Pair, PairState, Record
from diptych.domain.values import Kind

T = datetime(2026, 1, 5, 8, tzinfo=UTC)
SALESFORCE, OURS, ASK = Policy.SALESFORCE, Policy.OURS, Policy.ASK
BOTH, INBOUND, OUTBOUND = Direction.BOTH, Direction.INBOUND, Direction.OUTBOUND


def mapped(column: str = "city", direction: Direction = BOTH, policy: Policy = SALESFORCE) -> FieldMapping:
    return FieldMapping("Lead", column.title(), "person", column, Kind.TEXT, direction, policy)


def lost(
    winner: str, reason: str = "policy", base: Any = "b", ours: Any = "l", theirs: Any = "r"
) -> Conflict:
    return Conflict("city", base, ours, theirs, winner, reason)


@pytest.mark.parametrize(
    ("values", "mapping", "expected"),
    [
        pytest.param("b b b", mapped(), FieldMerge("b", "b"), id="clean"),
        pytest.param("b b r", mapped(), FieldMerge("r", "r"), id="take theirs"),
        pytest.param("b l b", mapped(), FieldMerge("l", "b"), id="ours is owed"),
        pytest.param("b x x", mapped(), FieldMerge("x", "x"), id="false conflict"),
        pytest.param("b l r", mapped(), FieldMerge("r", "r", lost("salesforce")), id="salesforce wins"),
        pytest.param("b l r", mapped(policy=OURS), FieldMerge("l", "r", lost("ours")), id="ours wins"),
        pytest.param("b l r", mapped(policy=ASK), FieldMerge("l", "b", ask=True), id="a person decides"),
        pytest.param("b b -", mapped(), FieldMerge("b", "b"), id="absent, clean"),
        pytest.param("b l -", mapped(), FieldMerge("l", "b"), id="absent, dirty"),
        pytest.param("b b 0", mapped(), FieldMerge(None, None), id="blanked there"),
        pytest.param("b 0 b", mapped(), FieldMerge(None, "b"), id="blanked here"),
        pytest.param("b b r", mapped(direction=INBOUND), FieldMerge("r", "r"), id="inbound takes"),
        pytest.param(
            "b l b",
            mapped(direction=INBOUND),
            FieldMerge("b", "b", lost("salesforce", "inbound_only", theirs="b")),
            id="inbound restores",
        ),
        pytest.param(
            "b l r",
            mapped(direction=INBOUND, policy=OURS),
            FieldMerge("r", "r", lost("salesforce", "inbound_only")),
            id="inbound outweighs the policy",
        ),
        pytest.param("b l b", mapped(direction=OUTBOUND), FieldMerge("l", "b"), id="outbound owed"),
        pytest.param(
            "b l r",
            mapped(direction=OUTBOUND),
            FieldMerge("l", "r", lost("ours", "outbound_only")),
            id="outbound keeps ours",
        ),
        pytest.param(
            "b b r",
            mapped(direction=OUTBOUND),
            FieldMerge("b", "r", lost("ours", "outbound_only", ours="b")),
            id="outbound sends again",
        ),
        pytest.param("0 0 r", mapped(direction=OUTBOUND), FieldMerge("r", "r"), id="never wiped out"),
    ],
)
def test_one_field(values: str, mapping: FieldMapping, expected: FieldMerge) -> None:
    base, ours, theirs = ({"0": None, "-": ABSENT}.get(v, v) for v in values.split())
    assert merge_field(base, ours, theirs, mapping) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param("b s s s", FieldMerge("s", "s"), id="it landed"),
        pytest.param("b l s s", FieldMerge("l", "s"), id="it landed, and was edited here since"),
        pytest.param("b s b s", FieldMerge("s", "b"), id="not there yet"),
        pytest.param(
            "b s r s",
            FieldMerge("r", "r", lost("salesforce", "outcome_unknown", ours="s")),
            id="someone else was there: flagged",
        ),
        pytest.param(
            "r r s s",
            FieldMerge("r", "s", lost("ours", "outcome_unknown", base="r", ours="r", theirs="s")),
            id="it came late, over a value taken in meanwhile: sent again, flagged",
        ),
    ],
)
def test_one_field_while_the_outcome_is_unknown(values: str, expected: FieldMerge) -> None:
    base, ours, theirs, sent = values.split()
    assert merge_field(base, ours, theirs, mapped(), sent, outcome_unknown=True) == expected


def test_what_automation_rewrites_is_told_apart() -> None:
    outbound = mapped(direction=OUTBOUND)
    assert merge_field("b", "b", "r", outbound, by_us=True).rewritten
    assert not merge_field("b", "b", "r", outbound, by_us=False).rewritten
    assert merge_field("b", "b", "r", mapped(), by_us=True) == FieldMerge("r", "r")


# ---------------------------------------------------------------- whole records

TWO = ObjectMapping("Lead", 1, (mapped("city"), mapped("title")))
US, THEM = "005us", "005them"


def linked(ours: dict[str, Any], base: dict[str, Any], sent: dict[str, Any] | None = None) -> Linked:
    inflight = Inflight(sent, "1-1", T) if sent else None
    pair = Pair(1, 1, "Lead", "00Q1", None, PairState.PAIRED, T, T, 1, inflight)
    return Linked(pair, ours, base)


def seen(by: str = US, **values: Any) -> Observation:
    return Observation(Record("Lead", "00Q1", T, T, T, by), values)


def test_all_values_seen_by_our_hand_means_landed() -> None:
    pair = linked({"city": "s", "title": "t"}, {"city": "b", "title": "c"}, {"city": "s", "title": "t"})
    result = merge(pair, seen(city="s", title="t"), TWO, sync_user=US)
    assert result.landed
    assert result.lift
    assert result.base == {"city": "s", "title": "t"}
    assert not result.ours
    assert not result.dirty
    assert not result.conflicts


def test_one_matching_value_proves_nothing() -> None:
    pair = linked({"city": "s", "title": "t"}, {"city": "b", "title": "c"}, {"city": "s", "title": "t"})
    result = merge(pair, seen(city="s", title="c"), TWO, sync_user=US)
    assert not result.landed
    assert not result.lift
    assert result.dirty == {"title": "t"}


def test_the_same_values_typed_by_a_user_do_not_lift_the_fence_until_the_window_is_over() -> None:
    pair = linked({"city": "s", "title": "c"}, {"city": "b", "title": "c"}, {"city": "s"})
    assert not merge(pair, seen(THEM, city="s", title="c"), TWO, sync_user=US).lift
    assert merge(pair, seen(THEM, city="s", title="c"), TWO, sync_user=US, window_over=True).lift
    assert merge(pair, seen(THEM, city="s", title="c"), TWO).landed, (
        "with an unknown sync user values are all we have"
    )


def test_nothing_landed_is_given_up_when_the_window_is_over_and_owed_again() -> None:
    pair = linked({"city": "s", "title": "c"}, {"city": "b", "title": "c"}, {"city": "s"})
    result = merge(pair, seen(THEM, city="b", title="c"), TWO, sync_user=US, window_over=True)
    assert result.lift
    assert not result.landed
    assert result.dirty == {"city": "s"}


def test_a_column_that_was_not_read_is_left_alone_and_blocks_landing() -> None:
    pair = linked({"city": "s", "title": "t"}, {"city": "b", "title": "c"}, {"city": "s", "title": "t"})
    result = merge(pair, seen(city="s"), TWO, sync_user=US)
    assert not result.landed
    assert "title" not in result.base
    assert "title" not in result.ours


texts = st.sampled_from(["a", "b", "c", None])
directions = st.sampled_from(list(Direction))
policies = st.sampled_from(list(Policy))


@given(texts, texts, texts, directions, policies)
def test_no_value_is_invented_and_none_vanishes(base: Any, ours: Any, theirs: Any, d: Any, p: Any) -> None:
    result = merge_field(base, ours, theirs, mapped(direction=d, policy=p))
    assert result.ours in (ours, theirs)
    assert result.base in (base, theirs)
    if ours not in (base, theirs) and result.ours != ours:
        assert result.conflict is not None, "our edit gave way without a trace"
        assert result.conflict.ours == ours
    if theirs not in (base, ours) and result.ours != theirs and not result.ask:
        assert result.conflict is not None, "their edit will be overwritten without a trace"
        assert result.conflict.theirs == theirs


@given(texts, texts, texts, directions, policies)
def test_seeing_the_same_again_changes_nothing(base: Any, ours: Any, theirs: Any, d: Any, p: Any) -> None:
    mapping = mapped(direction=d, policy=p)
    once = merge_field(base, ours, theirs, mapping)
    twice = merge_field(once.base, once.ours, theirs, mapping)
    assert (twice.ours, twice.base) == (once.ours, once.base)
    assert twice.conflict is None


@given(texts, texts, texts, texts, directions, policies)
def test_sending_what_is_owed_brings_rest(
    base: Any, ours: Any, theirs: Any, sent: Any, d: Any, p: Any
) -> None:
    mapping = mapped(direction=d, policy=p)
    first = merge_field(base, ours, theirs, mapping, sent, outcome_unknown=True)
    if first.ask:
        return
    there = first.ours if first.ours != first.base else theirs
    last = merge_field(there, first.ours, there, mapping)
    assert (last.ours, last.base) == (there, there)
    assert last.conflict is None


@given(texts, texts, texts)
def test_only_one_side_changed_is_never_a_conflict(base: Any, ours: Any, theirs: Any) -> None:
    if ours in (base, theirs) or theirs == base:
        assert merge_field(base, ours, theirs, mapped()).conflict is None
