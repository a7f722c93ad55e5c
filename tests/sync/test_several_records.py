"""A person with several live records that differ in a field which only comes in (D-47, D-87; decision 0020): stories over the
store in memory, the first ones over SQLite too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diptych.domain.mapping import Direction, Mapping
from diptych.domain.matching import Matching, MatchRule
from diptych.domain.pair import Pair
from diptych.domain.person_merge import HeldPerson
from diptych.store.sql_store import SqlStore, open_store
from diptych.sync.repair import gather, passes, schedule
from diptych.sync.repair.sweep import verify
from diptych.sync.repair.undo import Wanted, undo
from diptych.sync.repair.why import why
from tests.sync.test_create import FIELDS
from tests.sync.world import World, person_field

EMAIL = gather.Order(Matching(MatchRule.EMAIL))
MAPPED = (
    *FIELDS,
    person_field("Contact", "Phone", "phone", direction=Direction.INBOUND),
    person_field("Contact", "Title", "title"),
)


class Joined(World):
    """Leads a and b, and contact c, of one address; they become one person. Everything is asked through the ports, so that it
    may be either store."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(fields=MAPPED)
        self.path, self.sql = path, None
        if path is not None:
            self.sql = open_store(f"sqlite:///{path}", self.clock.now)
            with self.sql.transaction() as tx:
                tx.provision(Mapping(1, MAPPED))
                tx.save_mapping(Mapping(1, MAPPED), self.clock.now(), "test")
            self.store = self.sql  # type: ignore[assignment]
            self.engine = self.new_engine()
        self.a = self.lead(Email="ann@x.org", Phone="1", City="Bonn")
        self.b = self.lead(Email="ann@x.org", Phone="2", City="Bonn")
        self.cycles(6)
        self.cycle(20)

    def join(self) -> int | None:
        run = gather.carry_out(self.store, self.clock, self.lease(), EMAIL).run_id
        self.cycles(2)
        return run

    def pair(self, sf_id: str, object_name: str = "Lead") -> Pair:
        with self.store.transaction() as tx:
            return tx.linked(tx.mapping().of(object_name), [sf_id])[sf_id].pair

    def held(self, sf_id: str) -> HeldPerson:
        number = self.pair(sf_id).person_id
        with self.store.transaction() as tx:
            return tx.held_people([number])[number]

    def phone(self, sf_id: str) -> Any:
        return self.held(sf_id).values["phone"]

    def edit(self, sf_id: str, **values: Any) -> None:
        number = self.pair(sf_id).person_id
        if self.path is None:
            self.store.edit_row(number, values)
            return
        with sqlite3.connect(self.path) as connection:
            for column, value in values.items():
                connection.execute(f"UPDATE person SET {column} = ? WHERE id = ?", (value, number))
        connection.close()

    def conflicts(self) -> list[Any]:
        if self.path is None:
            return [(c.column, c.ours, c.theirs, c.reason) for c in super().conflicts()]
        with sqlite3.connect(self.path) as connection:
            found = connection.execute(
                "SELECT column_name, ours_value, theirs_value, reason FROM conflict ORDER BY id"
            ).fetchall()
        connection.close()
        return found

    def at_rest(self) -> None:
        """Two cycles change nothing here, write nothing, cost no more than reading the feed, and both sides count as equal."""
        before = (self.held(self.a), self.held(self.b), self.conflicts())
        writes = len(self.writes())
        self.cycle(20)
        assert self.cycle().api_calls == 2
        assert (self.held(self.a), self.held(self.b), self.conflicts()) == before
        assert len(self.writes()) == writes
        compared = verify(self.engine, self.lease(), repair=True).objects["Lead"]
        assert (compared.differing_count, compared.repaired, compared.pending) == (0, 0, 0)
        assert self.held(self.a) == before[0]


@pytest.fixture
def world() -> Joined:
    return Joined(None)


@pytest.fixture(params=["in memory", "sqlite"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Joined]:
    world = Joined(tmp_path / "app.db" if request.param == "sqlite" else None)
    yield world
    if isinstance(world.sql, SqlStore):
        world.sql.close()


def test_the_value_of_the_person_who_remains_stands_and_nothing_is_owed(world: Joined) -> None:
    world.join()
    assert world.pair(world.a).person_id == world.pair(world.b).person_id
    assert world.phone(world.a) == "1" and not world.conflicts()
    world.at_rest()


def test_the_value_follows_the_record_that_really_changes(either: Joined) -> None:
    world = either
    world.join()
    world.sf.edit("Lead", world.b, Phone="3")
    world.cycles(2)
    assert world.phone(world.a) == "3"
    world.at_rest()
    world.sf.edit("Lead", world.a, City="Ulm")  # saved, and the field in question is as before
    world.cycles(2)
    assert world.phone(world.a) == "3" and world.held(world.a).values["city"] == "Ulm"
    world.at_rest()
    world.sf.edit("Lead", world.a, Phone="4")
    world.cycles(2)
    assert world.phone(world.a) == "4" and not world.conflicts()
    world.at_rest()


def test_records_that_come_to_agree_and_part_again(world: Joined) -> None:
    world.join()
    world.sf.edit("Lead", world.a, Phone="2")
    world.cycles(2)
    assert world.phone(world.a) == "2"
    world.at_rest()
    world.sf.edit("Lead", world.a, Phone=None)
    world.cycles(2)
    assert world.phone(world.a) is None and not world.conflicts()
    world.at_rest()


@pytest.mark.parametrize("value", ["9", "2", None], ids=["a new one", "the other record's", "blank"])
def test_an_edit_made_here_is_a_conflict_once_and_is_put_back(world: Joined, value: str | None) -> None:
    world.join()
    world.edit(world.a, phone=value)
    world.cycles(2)
    assert world.phone(world.a) == "1"
    assert world.conflicts() == [("phone", value, "1", "inbound_only")]
    world.at_rest()


def test_an_edit_made_here_and_a_change_of_the_other_record_are_one_conflict(either: Joined) -> None:
    world = either
    world.join()
    world.edit(world.a, phone="9")
    world.sf.edit("Lead", world.b, Phone="3")
    world.cycles(2)
    assert world.phone(world.a) == "3"
    assert world.conflicts() == [("phone", "9", "3", "inbound_only")]
    world.at_rest()


def test_an_edit_where_both_records_agree_is_one_conflict(world: Joined) -> None:
    world.sf.edit("Lead", world.b, Phone="1")
    world.cycles(2)
    world.join()
    world.edit(world.a, phone="9")
    world.cycles(2)
    assert world.phone(world.a) == "1"
    assert world.conflicts() == [("phone", "9", "1", "inbound_only")]
    world.at_rest()


def test_an_edit_that_waits_as_they_are_joined_is_a_conflict_once(world: Joined) -> None:
    world.edit(world.a, phone="9")
    world.join()
    assert world.phone(world.a) == "1"
    assert world.conflicts() == [("phone", "9", "1", "inbound_only")]
    world.at_rest()


@pytest.mark.parametrize("how", ["deleted", "hidden", "purged"])
def test_when_the_record_that_it_came_from_goes_the_other_one_counts(either: Joined, how: str) -> None:
    world = either
    world.join()
    if how == "hidden":
        world.org.unseen.add(world.a)
    else:
        world.sf.delete("Lead", world.a)
    if how == "purged":
        world.sf.purge("Lead", world.a)
    schedule.run_to_end(world.engine, world.lease(), passes.RECONCILE, {"Lead": ()}, True)
    world.cycles(3)
    assert world.phone(world.b) == "2" and not world.conflicts()
    world.at_rest()


def test_a_record_that_comes_back_takes_nothing_over(world: Joined) -> None:
    world.join()
    world.sf.delete("Lead", world.a)
    world.cycles(2)
    world.sf.undelete("Lead", world.a)
    world.cycles(2)
    assert world.phone(world.a) == "2" and world.pair(world.a).person_id == world.pair(world.b).person_id
    world.at_rest()


def test_an_edit_as_the_record_goes_that_the_value_came_from_is_a_conflict(world: Joined) -> None:
    world.join()
    world.sf.delete("Lead", world.a)
    world.edit(world.b, phone="9")
    world.cycles(3)
    assert world.phone(world.b) == "2"
    assert {(c[0], c[1], c[3]) for c in world.conflicts()} == {("phone", "9", "inbound_only")}
    world.at_rest()


def test_merged_in_salesforce_the_remaining_record_counts(world: Joined) -> None:
    world.join()
    world.sf.merge("Lead", world.b, world.a)
    world.cycles(3)
    assert world.phone(world.b) == "2" and not world.conflicts()
    world.at_rest()


def test_a_contact_that_joins_has_the_say_of_a_later_change(world: Joined) -> None:
    contact = world.sf.create("Contact", LastName="Lee", Email="ann@x.org", Phone="5", MailingCity="Bonn")
    world.cycles(2)
    world.join()
    assert world.phone(world.a) == "5"  # the contact's person remains
    world.sf.edit("Lead", world.b, Phone="6")
    world.cycles(2)
    assert world.phone(world.a) == "6"
    world.sf.delete("Lead", world.b)
    world.cycles(3)
    assert world.phone(world.a) == "5"  # of those that are left, the contact comes first
    world.sf.delete("Contact", contact)
    world.cycles(3)
    assert world.phone(world.a) == "1" and not world.conflicts()


def test_taken_apart_each_has_the_value_of_its_own_record(either: Joined) -> None:
    world = either
    run = world.join()
    world.sf.edit("Lead", world.b, Phone="3")
    world.cycles(2)
    assert run is not None
    undo(world.engine, world.lease(), Wanted(run))
    world.cycles(2)
    assert world.pair(world.a).person_id != world.pair(world.b).person_id
    assert (world.phone(world.a), world.phone(world.b)) == ("1", "3") and not world.conflicts()
    world.at_rest()
    world.sf.edit("Lead", world.a, Phone="7")
    world.cycles(2)
    assert (world.phone(world.a), world.phone(world.b)) == ("7", "3")


def test_a_field_that_is_made_to_come_in_only_stays_as_it_is(world: Joined) -> None:
    world.join()
    with world.store.transaction() as tx:
        mapping = tx.mapping()
        fields = [replace(f, direction=Direction.BOTH) if f.column == "phone" else f for f in mapping.fields]
        tx.save_mapping(mapping.with_fields(fields), world.clock.now(), "test")
    world.cycles(3)
    assert {world.there(s)["Phone"] for s in (world.a, world.b)} == {
        "1"
    }  # two ways: both are owed what stands here


def test_why_tells_that_another_record_counts(world: Joined) -> None:
    world.join()
    (answer,) = why(world.engine, str(world.pair(world.a).person_id), "phone")
    held = {record.sf_id: record.holds for record in answer.records}
    assert held[world.a] == ()
    (told,) = held[world.b]
    assert "the value of another of its records" in told and told.endswith(f"Lead {world.b} has 2.")


def test_a_run_is_not_undone_where_a_field_only_comes_in(world: Joined) -> None:
    world.join()
    world.sf.edit("Lead", world.b, Phone="3")
    run = world.cycle().run_id
    assert run is not None
    assert [
        i.refused for i in undo(world.engine, world.lease(), Wanted(run)).items if i.column == "phone"
    ] == ["Salesforce would keep its value: Phone is mapped inbound only."]
    assert world.phone(world.a) == "3"
    world.at_rest()
