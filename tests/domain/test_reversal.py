"""What takes a conflict back, and when it may not be."""

from __future__ import annotations

import pytest

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.merge import merge_field
from diptych.domain.reversal import Decided, Reversal, ReversalRefused, reversal
from diptych.domain.values import Kind


def mapped(
    policy: Policy = Policy.SALESFORCE, direction: Direction = Direction.BOTH, **more: object
) -> FieldMapping:
    return FieldMapping("Lead", "City", "person", "city", Kind.TEXT, direction, policy, **more)  # type: ignore[arg-type]


THEIRS_WON = Decided("city", "Rom", "Oslo", "salesforce")
OURS_WON = Decided("city", "Rom", "Oslo", "ours")


@pytest.mark.parametrize(
    ("decided", "present", "keep", "expected"),
    [
        (THEIRS_WON, "Oslo", None, Reversal("city", "Rom", "Oslo")),
        (OURS_WON, "Rom", None, Reversal("city", "Oslo", "Rom")),
        (THEIRS_WON, "Rom", None, None),
        (THEIRS_WON, "Oslo", "salesforce", None),
        (OURS_WON, "Rom", "salesforce", Reversal("city", "Oslo", "Rom")),
        (Decided("city", None, "Oslo", "salesforce"), "Oslo", None, Reversal("city", None, "Oslo")),
    ],
)
def test_the_value_that_was_given_up_stands_again(
    decided: Decided, present: str | None, keep: str | None, expected: Reversal | None
) -> None:
    assert reversal(decided, mapped(), present, keep) == expected


@pytest.mark.parametrize(
    ("mapping", "present", "keep", "says"),
    [
        (mapped(), "Lima", None, "edited since"),
        (mapped(), None, None, "'blank' now"),
        (mapped(direction=Direction.INBOUND), "Oslo", None, "inbound_only"),
        (mapped(Policy.WRITE_ONCE), "Oslo", None, "write_once"),
        (mapped(), "Oslo", "nobody", "'ours' or 'salesforce'"),
        (None, "Oslo", None, "no longer mapped"),
    ],
)
def test_it_is_refused_with_the_reason(
    mapping: FieldMapping | None, present: str | None, keep: str | None, says: str
) -> None:
    with pytest.raises(ReversalRefused, match=says):
        reversal(THEIRS_WON, mapping, present, keep)


def test_a_blank_that_may_not_go_out_cannot_come_back() -> None:
    decided = Decided("city", None, "Oslo", "salesforce")
    with pytest.raises(ReversalRefused, match="blank"):
        reversal(decided, mapped(blanks=Blanks.KEEP_SALESFORCE), "Oslo")


@pytest.mark.parametrize("policy", [Policy.SALESFORCE, Policy.OURS, Policy.ASK, Policy.MOST_COMPLETE])
def test_a_reversal_is_an_edit_that_goes_out(policy: Policy) -> None:
    found = reversal(THEIRS_WON, mapped(policy), "Oslo")
    assert found is not None
    after = merge_field("Oslo", found.value, "Oslo", mapped(policy))
    assert (after.ours, after.base, after.conflict) == ("Rom", "Oslo", None)
