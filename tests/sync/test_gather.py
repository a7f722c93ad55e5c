"""People who are here are joined under a match rule, and taken apart again; decided cases of the review list (D-47, N-28)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diptych.domain.creating import CreateRule, Creation, Wish
from diptych.domain.matching import Matching, MatchRule
from diptych.domain.pair import THERE, PairState
from diptych.sync import crashpoint
from diptych.sync.matching import save_matching
from diptych.sync.outbound import wishes
from diptych.sync.outbound.create_rule import save_rule
from diptych.sync.repair import gather
from diptych.sync.repair.gather import Counts, Gathered, Order
from diptych.sync.repair.undo import NoSuchRun, Undone, Wanted, look, undo
from diptych.testing import Crash, Fault
from tests.sync.test_create import FIELDS
from tests.sync.world import World

EMAIL = Order(Matching(MatchRule.EMAIL))


class Here(World):
    def __init__(self, key: bool = False) -> None:
        super().__init__(fields=FIELDS)
        if key:
            self.org.add_key_field()
        self.ready()

    def contact(self, email: str | None = "ann@x.org", **values: Any) -> str:
        return self.sf.create("Contact", **{"LastName": "Lee", "Email": email, **values})

    def person_of(self, sf_id: str) -> int:
        return self.pair(sf_id, "Contact" if sf_id.startswith("003") else "Lead").person_id

    def gather(self, order: Order = EMAIL) -> Gathered:
        return gather.carry_out(self.store, self.clock, self.lease(), order)

    def undo(self, run_id: int | None, person: int | None = None) -> Undone:
        assert run_id is not None
        wanted = Wanted(run_id, person)
        seen, done = look(self.engine, wanted), undo(self.engine, self.lease(), wanted)
        assert [(i.person_id, i.action, i.refused) for i in done.items] == [
            (i.person_id, i.action, i.refused) for i in seen.items
        ]
        return done

    def both(self, sf_id: str) -> dict[str, Any]:
        return self.there(sf_id, "Contact" if sf_id.startswith("003") else "Lead")

    def say(self, person_id: int, wish: Wish, **more: Any) -> None:
        with self.store.transaction() as tx:
            tx.save_creation(Creation(person_id, wish, self.clock.now(), **more))


def test_what_is_previewed_is_done_and_nothing_is_merged_in_salesforce() -> None:
    world = Here()
    lead = world.lead("Leigh", Email="ANN@x.org", City="Bonn")
    contact = world.contact(MailingCity="Rom", FirstName="Ann")
    others = [world.contact(None), world.contact(None), world.contact("bob@x.org")]
    world.cycle()
    number = world.store.insert(last_name="Lee", email=" ann@x.org", title="Dr", unsubscribed=True)
    before = {sf_id: world.both(sf_id) for sf_id in (lead, contact)}
    shown = gather.look(world.store, EMAIL)
    assert len(world.store.people()) == 6
    assert (shown.counts.groups, shown.counts.people, shown.counts.joins) == (1, 3, 2)
    (sample,) = shown.sample
    assert (sample.key, sample.remains) == (("ann@x.org",), world.person_of(contact))
    assert set(sample.joining) == {world.person_of(lead), number}
    done = world.gather()
    assert done.counts == shown.counts
    assert world.person_of(lead) == world.person_of(contact) == sample.remains
    person = world.person(contact, "Contact")
    assert (person["city"], person["title"], person["unsubscribed"], person["salesforce_id"]) == (
        "Rom", "Dr", True, contact,
    )  # fmt: skip
    assert len(world.store.people()) == 4 and len({world.person_of(sf_id) for sf_id in others}) == 3
    assert {sf_id: world.both(sf_id) for sf_id in before} == before
    assert gather.look(world.store, EMAIL).counts == Counts()
    writes = len(world.writes())
    world.cycles(3)
    assert sorted(world.sf.ids("Contact")) == sorted([contact, *others]) and world.sf.ids("Lead") == [lead]
    assert sum(len(w) for w in world.writes()[writes:]) == shown.counts.writes
    assert (world.both(lead)["City"], world.both(lead)["Title"], world.both(lead)["LastName"]) == (
        "Rom",
        "Dr",
        "Lee",
    )
    assert ("city", "Rom", "Bonn", "ours") in [
        (c.column, c.ours, c.theirs, c.winner) for c in world.conflicts()
    ]
    run = world.store.tables.runs[done.run_id or 0]
    assert (run.kind, run.status) == ("identity", "Succeeded")
    idle = len(world.writes())
    world.cycles(2)
    assert len(world.writes()) == idle


def test_it_is_taken_apart_and_salesforce_gets_back_what_it_had() -> None:
    world = Here()
    lead = world.lead("Leigh", Email="ann@x.org", City="Bonn")
    contact = world.contact(MailingCity="Rom")
    world.cycle()
    people = {
        sf_id: dict(world.person(sf_id, name)) for sf_id, name in ((lead, "Lead"), (contact, "Contact"))
    }
    before = {sf_id: world.both(sf_id) for sf_id in people}
    run = world.gather().run_id
    world.cycles(2)
    assert world.both(lead)["City"] == "Rom"
    done = world.undo(run)
    assert done.count("split") == 1 and not done.refused
    assert {w.field for w in done.items[0].salesforce} == {"City", "LastName"}
    world.cycles(3)
    for sf_id, name in ((lead, "Lead"), (contact, "Contact")):
        row = world.person(sf_id, name)
        assert {c: row[c] for c in ("id", "city", "last_name", "salesforce_id", "link_state")} == {
            c: people[sf_id][c] for c in ("id", "city", "last_name", "salesforce_id", "link_state")
        }
        assert world.both(sf_id) == before[sf_id]
    assert not world.undo(run).items
    assert world.gather().counts.joins == 1  # the rule takes them for one still


def test_what_was_edited_since_stays_with_both_and_is_named() -> None:
    world = Here()
    first, second = world.contact(MailingCity="Rom"), world.contact(MailingCity="Ulm")
    world.cycle()
    run = world.gather().run_id
    world.cycle()
    world.store.edit(world.person_of(first), "city", "Bonn")
    world.cycle()
    done = world.undo(run)
    assert [(i.column, i.now) for i in done.refused] == [("city", "Bonn")]
    world.cycles(2)
    assert world.both(first)["MailingCity"] == world.both(second)["MailingCity"] == "Bonn"
    assert world.person_of(first) != world.person_of(second)


@pytest.mark.parametrize("point", ["C-36", "C-37"])
def test_stopped_anywhere_it_goes_on_in_the_same_run(monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    monkeypatch.setattr(gather, "_SLICE", 2)
    world = Here()
    for number in range(5):
        for city in ("Rom", "Ulm"):
            world.contact(f"a{number}@x.org", MailingCity=city)
    world.cycles(3)
    shown = gather.look(world.store, EMAIL)
    for occurrence in (1, 2):
        world.faults.arm([Fault(point, occurrence, "crash")])
        crashpoint.hook = world.faults.crashpoint
        with pytest.raises(Crash):
            world.gather()
        crashpoint.hook = None
        world.faults.arm([])
    held = gather.look(world.store, EMAIL)
    assert held.unfinished is not None and held.counts.groups < 5
    done = world.gather()
    assert done.run_id == held.unfinished and done.counts == shown.counts
    assert len(world.store.people()) == 5
    monkeypatch.setattr("diptych.sync.repair.part._SLICE", 2)
    world.faults.arm([Fault("C-38", 2, "crash")])
    crashpoint.hook = world.faults.crashpoint
    with pytest.raises(Crash):
        undo(world.engine, world.lease(), Wanted(done.run_id))
    crashpoint.hook = None
    world.faults.arm([])
    assert len(world.store.people()) == 7
    assert world.undo(done.run_id).count("split") == 3
    assert len(world.store.people()) == 10


def test_three_are_taken_apart_in_one_go() -> None:
    world = Here()
    made = [world.contact(MailingCity=city) for city in (None, "Rom", "Ulm")]
    world.cycle()
    ids = [world.person_of(sf_id) for sf_id in made]
    run = world.gather().run_id
    assert len(world.store.people()) == 1
    assert world.undo(run).count("split") == 2
    assert [world.person_of(sf_id) for sf_id in made] == ids
    assert [world.person(sf_id, "Contact")["city"] for sf_id in made] == [None, "Rom", "Ulm"]
    with pytest.raises(NoSuchRun):
        look(world.engine, Wanted(run or 0, None, "city"))


def test_people_dismissed_and_groups_too_large_are_left_as_they_are() -> None:
    world = Here()
    for city in ("Rom", "Ulm", "Bonn"):
        world.contact("office@x.org", MailingCity=city)
    first, second = world.contact(), world.contact()
    world.cycle()
    world.say(world.person_of(first), Wish.DISMISSED)
    shown = gather.look(world.store, Order(EMAIL.matching, 2))
    assert shown.counts == Counts(too_large=1)
    assert world.gather(Order(EMAIL.matching, 2)).counts == shown.counts
    assert world.person_of(first) != world.person_of(second)


def test_who_waits_for_a_record_needs_none_after_the_join_and_one_again_after_the_undo() -> None:
    world = Here(key=True)
    contact = world.contact("lee@x.org")
    world.cycle()
    number = world.store.insert(last_name="Lee", company_name="Acme", email="ann@x.org", unsubscribed=False)
    world.org.refuse = lambda *_: None
    with world.store.transaction() as tx:
        save_rule(tx, CreateRule('email = "ann@x.org"'))
        pair = tx.begin_pairs(tx.mapping().of("Lead"), [number])[number]
        tx.save_creation(Creation(number, Wish.REVIEW, world.clock.now(), "why"))
    world.sf.edit("Contact", contact, Email="ann@x.org")
    world.cycle()
    run = world.gather().run_id
    assert world.store.tables.pairs[pair.id].state is PairState.REDIRECTED
    assert not world.store.tables.creations
    world.cycles(2)
    assert world.sf.ids("Lead") == []
    world.undo(run)
    assert world.store.tables.pairs[pair.id].state is PairState.NEW
    assert world.store.tables.creations[number].wish is Wish.REVIEW


def test_a_record_that_matched_several_is_joined_from_the_review_list() -> None:
    world = Here()
    first, second = world.contact(), world.contact()
    world.cycle()
    with world.store.transaction() as tx:
        save_matching(tx, EMAIL.matching)
    third = world.contact(FirstName="Ann")
    world.cycle()
    under = world.person_of(third)
    assert world.store.tables.creations[under].wish is Wish.REVIEW
    with pytest.raises(wishes.WishRefused, match="of its own already"):
        wishes.decide_create(world.store, under, world.clock.now())
    with pytest.raises(wishes.WishRefused, match="itself"):
        wishes.decide_link(world.store, under, third, world.clock.now())
    with pytest.raises(wishes.WishRefused, match="There is no person 999"):
        wishes.decide_link(world.store, under, "999", world.clock.now())
    done = wishes.decide_link(world.store, under, second, world.clock.now(), world.lease())
    assert done.person_id == world.person_of(second) == world.person_of(third) != world.person_of(first)
    assert not world.store.tables.creations
    world.cycles(2)
    assert world.both(second)["FirstName"] == "Ann"
    world.undo(done.run_id)
    assert world.person_of(third) == under
    assert world.store.tables.creations[under].wish is Wish.REVIEW  # it is to be decided again


def test_a_person_of_ours_is_joined_with_another_by_its_number() -> None:
    world = Here()
    contact = world.contact(MailingCity="Rom")
    world.cycle()
    number = world.store.insert(last_name="Lee", email="ann@x.org", first_name="Ann", unsubscribed=False)
    world.say(number, Wish.REVIEW)
    done = wishes.decide_link(world.store, number, str(world.person_of(contact)), world.clock.now())
    assert done.person_id == world.person_of(contact) and world.store.person(number) is None
    world.cycles(2)
    assert world.both(contact)["FirstName"] == "Ann"


@pytest.mark.parametrize("state", list(PairState))
def test_whoever_a_record_belongs_to_the_decision_says_what_came_of_it(state: PairState) -> None:
    world = Here()
    contact = world.contact(MailingCity="Rom")
    world.cycle()
    pair = world.pair(contact, "Contact")
    number = world.store.insert(last_name="Lee", email="ann@x.org", unsubscribed=False)
    world.say(number, Wish.REVIEW)
    world.store.tables.pairs[pair.id] = replace(pair, state=state)
    if state in THERE:
        assert wishes.decide_link(world.store, number, contact, world.clock.now()).person_id == pair.person_id
    else:
        with pytest.raises(wishes.WishRefused, match="nobody can be linked"):
            wishes.decide_link(world.store, number, contact, world.clock.now())


def test_a_rule_over_a_column_that_is_not_mapped_is_refused() -> None:
    world = Here()
    with pytest.raises(ValueError, match="no mapped column nothing"):
        gather.look(world.store, Order(Matching(MatchRule.EXTERNAL_ID, "nothing")))
