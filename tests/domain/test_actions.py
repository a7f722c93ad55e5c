"""Plans of merges and deletes: every record once, contacts stay, consent stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.actions import (
    CannotAct,
    DeletePolicy,
    MergePlan,
    StepKind,
    live_pairs,
    plan_delete,
    plan_merge,
)
from diptych.domain.pair import Pair, PairState
from diptych.domain.person_merge import HeldPerson, JoinPolicy
from diptych.domain.suppression import address_hash
from diptych.domain.values import Kind, Value

AT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
KINDS = {"name": Kind.TEXT, "score": Kind.INTEGER, "tags": Kind.MULTI, "out": Kind.BOOLEAN}


def person(number: int, *records: str, state: PairState = PairState.PAIRED, **values: Value) -> HeldPerson:
    pairs = tuple(
        Pair(number * 10 + n, number, name, f"{name[0]}{number}{n}", None, state, AT, AT)
        for n, name in enumerate(records)
    )
    return HeldPerson(number, {**dict.fromkeys(KINDS), **values}, KINDS, pairs)


def plan(*people: HeldPerson, **more: object) -> MergePlan:
    accounts = {str(pair.sf_id): "A1" for one in people for pair in one.pairs}
    return plan_merge(people, accounts, {}, {}, **more)  # type: ignore[arg-type]


def told(found: MergePlan) -> list[tuple[str, tuple[str, ...], str | None, tuple[int, ...]]]:
    return [(s.kind.value, s.sf_ids, s.target, s.people) for s in found.steps]


@pytest.mark.parametrize(
    ("people", "remaining", "steps"),
    [
        ([(1, "Lead"), (2, "Lead")], 1, [("merge", ("L20",), "L10", ())]),
        (
            [(1, "Lead"), (2, "Lead"), (3, "Lead"), (4, "Lead")],
            1,
            [("merge", ("L20", "L30"), "L10", ()), ("merge", ("L40",), "L10", ())],
        ),
        ([(1, "Contact"), (2, "Lead")], 1, [("convert", ("L20",), "C10", ())]),
        ([(1, "Lead"), (2, "Contact")], 2, [("convert", ("L10",), "C20", ())]),
        (
            [(1, "Contact"), (2, "Lead", "Contact")],
            1,
            [("merge", ("C21",), "C10", ()), ("convert", ("L20",), "C10", ())],
        ),
        ([(1,), (2, "Lead")], 1, [("join", (), None, (2,))]),
        ([(1,), (2, "Lead"), (3, "Lead")], 1, [("join", (), None, (2,)), ("merge", ("L30",), "L20", ())]),
        ([(1, "Lead"), (2,)], 1, [("join", (), None, (2,))]),
        ([(1,), (2,), (3,)], 1, [("join", (), None, (2, 3))]),
    ],
)
def test_what_is_done_where(people: list[tuple[object, ...]], remaining: int, steps: list[object]) -> None:
    found = plan(*(person(one[0], *one[1:]) for one in people))  # type: ignore[arg-type]
    assert (found.remaining, told(found)) == (remaining, steps)


_RECORDS = st.lists(st.lists(st.sampled_from(["Lead", "Contact"]), max_size=3), min_size=2, max_size=5)


@given(_RECORDS)
def test_every_record_of_a_joining_person_ends_once_and_no_contact_ends_in_a_lead(
    records: list[list[str]],
) -> None:
    people = [person(n, *some) for n, some in enumerate(records, start=1)]
    found = plan(*people)
    ended = [sf_id for step in found.steps for sf_id in step.sf_ids]
    targets = {step.target for step in found.steps if step.target}
    assert len(ended) == len(set(ended)) and len(targets) <= 1 and not targets & set(ended)
    target = next(iter(targets), None)
    if target is not None and target.startswith("L"):
        assert not any(sf_id.startswith("C") for sf_id in ended)
    owner = next((p.id for p in people for pair in p.pairs if pair.sf_id == target), None)
    others = {str(pair.sf_id) for p in people for pair in live_pairs(p) if p.id != owner}
    if target is not None:
        assert set(ended) == others
    assert all(len(s.sf_ids) <= 2 for s in found.steps)
    assert sorted((found.remaining, *found.joining)) == [p.id for p in people]
    # whoever joins here is joined by a step or by what becomes of a record
    joined = {n for step in found.steps for n in step.people}
    by_record = {p.id for p in people for pair in live_pairs(p) if pair.sf_id in ended}
    assert set(found.joining) <= joined | by_record | {owner} - {found.remaining}


def test_only_here_touches_no_record() -> None:
    found = plan(person(1, "Lead"), person(2, "Contact"), only_here=True)
    assert (found.remaining, told(found)) == (1, [("join", (), None, (2,))])


def test_each_difference_says_what_stays_and_why() -> None:
    one = person(1, "Lead", name="Ann", score=10, tags="a;b", out=False)
    two = person(2, "Lead", name="Anna", score=5, tags="b;c", out=True)
    found = plan_merge([one, two], {}, {"tags": JoinPolicy.UNION}, {"name": 2}, consent={"out": True})
    shown = {d.column: (d.result, d.policy) for d in found.differences}
    assert shown == {
        "name": ("Anna", "picked"),
        "score": (15, "sum"),
        "tags": ("a;b;c", "union"),
        "out": (True, "most_restrictive"),
    }
    assert found.picks == {"name": "Anna"}


@pytest.mark.parametrize(
    ("people", "picked", "said"),
    [
        ([person(1)], {}, "at least two"),
        ([person(1), person(1)], {}, "one person here already"),
        ([person(1), person(2, "Lead", state=PairState.NEW)], {}, "just being created"),
        ([person(1), person(2)], {"name": 3}, "not among those"),
        ([person(1), person(2)], {"nothing": 2}, "no column nothing"),
        ([person(1, out=False), person(2, out=True)], {"out": 1}, "has refused consent"),
    ],
)
def test_what_cannot_be_merged(people: list[HeldPerson], picked: dict[str, int], said: str) -> None:
    with pytest.raises(CannotAct, match=said):
        plan_merge(people, {}, {}, picked, consent={"out": True})


def test_a_lead_needs_the_account_of_the_contact() -> None:
    with pytest.raises(CannotAct, match="belongs to no account"):
        plan_merge([person(1, "Contact"), person(2, "Lead")], {}, {}, {})


def test_deleting_there_is_a_step_a_record() -> None:
    one = person(1, "Lead", "Contact")
    steps = plan_delete(one, DeletePolicy.DELETE, {"L10": AT})
    assert [(s.kind, s.object_name, s.sf_ids, s.saved) for s in steps] == [
        (StepKind.DELETE, "Lead", ("L10",), {"L10": AT}),
        (StepKind.DELETE, "Contact", ("C11",), {}),
    ]
    assert plan_delete(one, DeletePolicy.LEAVE) == plan_delete(one, DeletePolicy.DETACH) == ()
    with pytest.raises(CannotAct, match="no record"):
        plan_delete(person(2), DeletePolicy.DETACH)


def test_an_address_is_kept_as_a_hash_that_knows_case_and_blanks_apart() -> None:
    assert address_hash("s", " Lee@X.org") == address_hash("s", "lee@x.org")
    assert address_hash("s", "lee@x.org") != address_hash("t", "lee@x.org")
    assert address_hash("s", "  ") is None and address_hash("s", None) is None
