"""Who remains when several people are one, what becomes of their values, and how they are taken apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from diptych.domain.gathering import gather, part, remaining, united
from diptych.domain.mapping import Direction, FieldMapping, Mapping, Policy
from diptych.domain.pair import Inflight, Pair, PairState
from diptych.domain.person_merge import HeldPerson, StoredJoin
from diptych.domain.values import Kind, Value

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
KINDS = {
    "email": Kind.TEXT, "city": Kind.TEXT, "title": Kind.TEXT, "owner_id": Kind.TEXT, "note": Kind.TEXT,
    "score": Kind.INTEGER, "unsubscribed": Kind.BOOLEAN,
}  # fmt: skip


def field(object_name: str, name: str, column: str, direction: Direction = Direction.BOTH) -> FieldMapping:
    policy = Policy.MOST_RESTRICTIVE if column == "unsubscribed" else Policy.SALESFORCE
    return FieldMapping(object_name, name, "person", column, KINDS[column], direction, policy)


MAPPING = Mapping(
    1,
    (
        field("Contact", "Email", "email"),
        field("Contact", "MailingCity", "city"),
        field("Contact", "OwnerId", "owner_id", Direction.INBOUND),
        field("Contact", "HasOptedOutOfEmail", "unsubscribed"),
        field("Lead", "Email", "email"),
        field("Lead", "City", "city"),
        field("Lead", "Title", "title"),
        field("Lead", "OwnerId", "owner_id", Direction.INBOUND),
        field("Lead", "Score__c", "score"),
    ),
)


def pair(
    number: int, person_id: int, name: str = "Lead", state: PairState = PairState.PAIRED, **more: Any
) -> Pair:
    prefix = "003" if name == "Contact" else "00Q"
    sf_id = None if state is PairState.NEW else f"{prefix}{number:015}"
    return Pair(number, person_id, name, sf_id, None, state, T0, T0, **more)


def person(number: int, *pairs: Pair, **values: Value) -> HeldPerson:
    return HeldPerson(number, {**dict.fromkeys(KINDS), **values}, KINDS, pairs)


def stored(winner: HeldPerson, loser: HeldPerson, changed: dict[str, Value]) -> StoredJoin:
    numbers = tuple(p.id for p in loser.pairs)
    return StoredJoin(1, winner.id, loser.id, "people", "", T0, winner.values, loser.values, numbers, changed)


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([person(1), person(2)], 1),
        ([person(1), person(2, pair(9, 2))], 2),
        ([person(1, pair(1, 1)), person(2, pair(2, 2, "Contact"))], 2),
        ([person(5, pair(1, 5)), person(2, pair(2, 2))], 5),
        ([person(1, pair(1, 1, state=PairState.CONVERTED)), person(2, pair(2, 2))], 2),
        ([person(1, pair(1, 1, state=PairState.NEW)), person(2)], 1),
    ],
)
def test_who_remains(people: list[HeldPerson], expected: int) -> None:
    assert remaining(people).id == expected


def test_blanks_are_filled_and_what_is_given_up_is_a_conflict() -> None:
    contact = person(1, pair(1, 1, "Contact"), email="a@x.org", city="Bonn", owner_id="005A")
    lead = person(2, pair(2, 2), email="a@x.org", city="Rom", title="Dr", owner_id="005B", score=3)
    one = gather([lead, contact], MAPPING, {})
    assert (one.after.id, one.after.values["city"], one.after.values["title"]) == (1, "Bonn", "Dr")
    (union,) = one.unions
    assert [(c.column, c.ours, c.theirs, c.winner) for c in union.plan.conflicts] == [
        ("city", "Bonn", "Rom", "ours")
    ]
    assert one.conflicts == 1
    owed = {(w.object_name, w.column): (w.now, w.becomes) for w in one.owed}
    assert owed == {
        ("Lead", "city"): ("Rom", "Bonn")
    }  # the owner is Salesforce's alone: never owed, no conflict


def test_an_opt_out_of_either_counts_for_all_records() -> None:
    first = person(1, pair(1, 1, "Contact"), unsubscribed=False)
    second = person(2, pair(2, 2, "Contact"), unsubscribed=True)
    one = gather([first, second], MAPPING, {})
    assert one.after.values["unsubscribed"] is True
    assert [(w.sf_id[-1], w.becomes) for w in one.owed] == [("1", True)]


def test_each_join_sees_what_the_one_before_has_left() -> None:
    people = [person(n, pair(n, n), city=city, score=n) for n, city in enumerate((None, "Rom", "Ulm"), 1)]
    one = gather(people, MAPPING, {})
    assert [union.loser.id for union in one.unions] == [2, 3]
    assert (one.after.values["city"], one.after.values["score"]) == ("Rom", 6)
    assert one.unions[1].winner.values["city"] == "Rom"
    assert one.conflicts == 1 and [p.id for p in one.after.pairs] == [1, 2, 3]


def test_an_edit_that_salesforce_has_not_is_still_owed_by_the_record_it_was_made_for() -> None:
    first = person(1, pair(1, 1), city="Bonn")
    second = HeldPerson(
        2, {**dict.fromkeys(KINDS), "city": "Ulm"}, KINDS, (pair(2, 2),), {2: {"city": "Bonn"}}
    )
    one = gather([first, second], MAPPING, {})
    assert one.after.values["city"] == "Ulm"
    assert {(w.sf_id[-1], w.becomes) for w in one.owed} == {("1", "Ulm"), ("2", "Ulm")}


@pytest.mark.parametrize(
    ("pairs", "retired"),
    [
        ([pair(1, 1), pair(2, 2, state=PairState.NEW)], [2]),
        ([pair(1, 1, state=PairState.HIDDEN), pair(2, 2, state=PairState.NEW)], [2]),
        ([pair(1, 1, state=PairState.NEW), pair(2, 2, state=PairState.NEW)], [2]),
        ([pair(1, 1), pair(2, 2, state=PairState.NEW, inflight=Inflight({}, "1-1", T0))], []),
        (
            [
                pair(1, 1, state=PairState.NEW),
                pair(2, 2, state=PairState.NEW, inflight=Inflight({}, "1-1", T0)),
            ],
            [1],
        ),
    ],
)
def test_nobody_is_created_twice(pairs: list[Pair], retired: list[int]) -> None:
    one = gather([person(p.person_id, p, city="Bonn") for p in pairs], MAPPING, {})
    assert [p.id for p in one.retired] == retired


def test_taken_apart_both_are_as_they_were() -> None:
    first, second = person(1, pair(1, 1), city="Bonn"), person(2, pair(2, 2), city="Ulm", title="Dr")
    one = gather([first, second], MAPPING, {})
    parting = part(stored(first, second, {"title": "Dr"}), one.after, MAPPING)
    assert parting.split is not None and parting.refused is None
    assert (parting.split.restored["city"], parting.split.restored["title"]) == ("Ulm", "Dr")
    assert parting.split.winner == {"title": None} and parting.split.pairs == (2,)
    assert {(w.sf_id[-1], w.column, w.becomes) for w in parting.owed} == set()  # nothing had been sent yet


def test_an_edit_since_the_join_stays_with_both() -> None:
    first, second = person(1, pair(1, 1), city="Bonn"), person(2, pair(2, 2), city="Ulm")
    after = gather([first, second], MAPPING, {}).after
    edited = HeldPerson(1, {**after.values, "city": "Köln"}, KINDS, after.pairs, {2: {"city": "Bonn"}})
    parting = part(stored(first, second, {}), edited, MAPPING)
    assert parting.kept == ("city",)
    assert parting.split is not None and parting.split.restored["city"] == "Köln" and not parting.split.winner


def test_consent_refused_for_the_two_as_one_stays_refused_for_both() -> None:
    first = person(1, pair(1, 1, "Contact"), unsubscribed=False)
    second = person(2, pair(2, 2, "Contact"), unsubscribed=True)
    after = gather([first, second], MAPPING, {}).after
    parting = part(stored(first, second, {"unsubscribed": True}), after, MAPPING)
    assert parting.split is not None and parting.split.restored["unsubscribed"] is True
    assert not parting.split.winner and parting.kept == parting.consent == ("unsubscribed",)
    alike = person(2, pair(2, 2, "Contact"), unsubscribed=False)
    free = gather([first, alike], MAPPING, {}).after
    assert part(stored(first, alike, {}), free, MAPPING).kept == ()


def test_what_was_sent_is_owed_back() -> None:
    first, second = person(1, pair(1, 1), city="Bonn"), person(2, pair(2, 2), city="Ulm")
    after = united(first, second, gather([first, second], MAPPING, {}).unions[0].plan)
    sent = HeldPerson(1, after.values, KINDS, after.pairs)  # both records hold Bonn by now
    parting = part(stored(first, second, {}), sent, MAPPING)
    assert [(w.sf_id[-1], w.column, w.now, w.becomes) for w in parting.owed] == [("2", "city", "Bonn", "Ulm")]


def test_what_only_salesforce_fills_is_what_each_record_shows() -> None:
    first = person(1, pair(1, 1, "Contact"), owner_id="005A")
    second = person(2, pair(2, 2), owner_id="005B")
    after = gather([first, second], MAPPING, {}).after
    now = HeldPerson(1, {**after.values, "owner_id": "005C"}, KINDS, after.pairs, {1: {"owner_id": "005A"}})
    parting = part(stored(first, second, {}), now, MAPPING)  # the lead has another owner since
    assert parting.split is not None and parting.kept == ()
    assert (parting.split.restored["owner_id"], parting.split.winner) == ("005C", {"owner_id": "005A"})


def test_records_that_salesforce_has_merged_since_stay_one_person() -> None:
    first, second = person(1, pair(1, 1)), person(2, pair(2, 2))
    gone = pair(2, 1, state=PairState.REDIRECTED, redirect_to=pair(1, 1).sf_id)
    after = HeldPerson(1, first.values, KINDS, (pair(1, 1), gone))
    parting = part(stored(first, second, {}), after, MAPPING)
    assert parting.split is None and parting.refused is not None and "in Salesforce since" in parting.refused
    assert part(stored(first, second, {}), None, MAPPING).refused is not None


def test_a_pair_without_a_record_waits_for_one_again() -> None:
    first, second = person(1, pair(1, 1)), person(2, pair(2, 2, state=PairState.NEW))
    retired = Pair(2, 1, "Lead", None, None, PairState.REDIRECTED, T0, T0, redirect_to=pair(1, 1).sf_id)
    after = HeldPerson(1, first.values, KINDS, (pair(1, 1), retired))
    assert part(stored(first, second, {}), after, MAPPING).revived == (2,)
