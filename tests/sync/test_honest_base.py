"""I-8: a base is a value that Salesforce had, and that we held too or gave way to by a decision that can be read."""

from __future__ import annotations

import random
from typing import Any

import pytest

from diptych.domain.pair import PairState
from diptych.testing import Fault
from tests.sync.world import World

FIELDS = {
    "first_name": "FirstName",
    "city": "City",
    "title": "Title",
    "phone": "Phone",
    "fax": "Fax",
    "state": "State",
}
FAULTS = [
    ("update", "after"),
    ("update", "before"),
    ("update", "partial"),
    ("update", "zombie"),
    ("update", "locked"),
    ("changed", "stale"),
    ("changed", "duplicate"),
    ("retrieve", "before"),
    ("C-12", "crash"),
    ("C-13", "crash"),
    ("C-03", "crash"),
]


class Histories:
    """Every value that either side has ever committed, by record or person and column."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.theirs: dict[tuple[str, str], set[Any]] = {}
        self.ours: dict[tuple[int, str], set[Any]] = {}
        call = world.org._call

        def noting(label: str, write: bool = False) -> Any:
            found = call(label, write)
            self.note()
            return found

        world.org._call = noting  # type: ignore[method-assign]
        self.note()

    def note(self) -> None:
        tables = self.world.store.tables
        for row in self.world.sf.rows["Lead"].values():
            for column, field in FIELDS.items():
                self.theirs.setdefault((row.sf_id, column), set()).add(row.values.get(field))
        for write in self.world.org.received:
            for column, field in FIELDS.items():
                if field in write.values and write.ending == "done":
                    self.theirs[write.sf_id, column].add(write.values[field])
        for person in tables.person.values():
            for column in FIELDS:
                self.ours.setdefault((person["id"], column), set()).add(person.get(column))
        for change in tables.change_log.values():
            if change.column in FIELDS:
                self.ours.setdefault((change.person_id, change.column), set()).update(
                    (change.old, change.new)
                )

    def check(self) -> None:
        self.note()
        tables = self.world.store.tables
        given_way = {(k.pair_id, k.conflict.column, k.conflict.theirs) for k in tables.conflicts.values()}
        for pair in tables.pairs.values():
            if pair.object_name != "Lead" or pair.state not in (PairState.PAIRED, PairState.PARKED):
                continue
            assert pair.sf_id is not None
            for column in FIELDS:
                noted = tables.base.get(pair.id, {})
                base = noted.get(column, tables.person[pair.person_id].get(column))
                where = f"{pair.sf_id} {column}: base {base!r}"
                implied = column not in noted
                assert implied or base in self.theirs[pair.sf_id, column], f"{where} was never Salesforce's"
                held = base in self.ours[pair.person_id, column]
                assert held or (pair.id, column, base) in given_way, f"{where} was never ours, nor given up"


@pytest.mark.parametrize("seed", range(12))
def test_a_base_was_the_value_of_both_sides_or_lost_by_a_decision(seed: int) -> None:
    rng = random.Random(seed)
    world = World()
    for number in range(3):
        world.lead(f"Lee {number}", City="Bonn", Phone="1", Title="Clerk", Fax="2", State="NW")
    world.ready()
    leads, histories, value = world.sf.ids("Lead"), Histories(world), 0
    for _ in range(30):
        for _ in range(rng.randint(0, 3)):
            value += 1
            lead, column = rng.choice(leads), rng.choice(list(FIELDS))
            text = rng.choice([f"v{value}", None, "Bonn"])
            if rng.random() < 0.5:
                world.edit(lead, **{column: text})
            else:
                world.sf.edit("Lead", lead, **{FIELDS[column]: text})
            histories.note()
        plan = [
            Fault(where, rng.randint(1, 2), kind) for where, kind in rng.sample(FAULTS, rng.randint(0, 2))
        ]
        world.crash(*plan, minutes=rng.choice([0.1, 1, 20]))
        histories.check()
    world.cycles(4, 20)
    histories.check()


def test_the_check_notices_a_base_that_nobody_had() -> None:
    world = World()
    world.lead("Lee", City="Bonn")
    world.ready()
    histories = Histories(world)
    world.store.journal.begin()
    world.store.journal.put(world.store.tables.base, 1, {"city": "Atlantis"})
    world.store.journal.commit()
    with pytest.raises(AssertionError, match="was never Salesforce's"):
        histories.check()
