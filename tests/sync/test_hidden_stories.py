"""Random stories in which sharing hides and shows records (N-22) while both sides edit, delete, purge, merge and convert, and the
engine is killed now and then: at rest both sides agree, nobody is doubled, nothing typed is gone."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.domain.pair import PairState
from diptych.testing import Fault
from tests.sync.world import CONTACT_FIELDS, LEAD_FIELDS, OPTIONS, World, person_field

SIX_HOURS = replace(OPTIONS, reconcile_every=timedelta(hours=6))
FIELDS = {"first_name": "FirstName", "city": "City", "title": "Title"}
WAYS = ("here", "there", "hide", "show", "delete", "undelete", "purge", "merge", "convert")
OFTEN = (8, 6, 4, 4, 1, 2, 1, 1, 1)
FAULTS = [
    ("trace", "before"),
    ("trace", "crash"),
    ("retrieve", "after"),
    ("count_ranges", "crash"),
    ("update", "after"),
    ("update", "zombie"),
    ("C-17", "crash"),
    ("C-18", "crash"),
    ("C-19", "crash"),
    ("C-27", "crash"),
    ("commit", "crash"),
]


class Story:
    """What people do on both sides; `typed`: every value that somebody has typed, here or there, by where it belongs."""

    def __init__(self, seed: int) -> None:
        self.rng, self.number = random.Random(seed), 0
        title = person_field("Contact", "Title", "title")
        self.world = World(SIX_HOURS, (*LEAD_FIELDS, *CONTACT_FIELDS, title))
        for number in range(6):
            self.world.lead(f"Lee {number}", City="Bonn")
        self.world.ready()
        self.leads = self.world.sf.ids("Lead")
        self.last: dict[tuple[str, str, str], str] = {}

    def act(self) -> None:
        lead = self.rng.choice(self.leads)
        getattr(self, self.rng.choices(WAYS, OFTEN)[0])(lead)

    def _type(self, side: str, lead: str) -> tuple[str, str]:
        self.number += 1
        column, value = self.rng.choice(list(FIELDS)), f"v{self.number}"
        self.last[side, lead, column] = value
        return column, value

    def _live(self, lead: str) -> bool:
        row = self.world.sf.rows["Lead"].get(lead)
        return row is not None and not row.deleted and not row.values.get("IsConverted")

    def here(self, lead: str) -> None:
        if self._live(lead):
            column, value = self._type("here", lead)
            self.world.edit(lead, **{column: value})

    def there(self, lead: str) -> None:
        if self._live(lead):
            column, value = self._type("there", lead)
            self.world.sf.edit("Lead", lead, **{FIELDS[column]: value})

    def hide(self, lead: str) -> None:
        self.world.org.unseen.add(lead)

    def show(self, lead: str) -> None:
        self.world.org.unseen.discard(lead)

    def delete(self, lead: str) -> None:
        if self._live(lead):
            self.world.sf.delete("Lead", lead)

    def undelete(self, lead: str) -> None:
        row = self.world.sf.rows["Lead"].get(lead)
        if row is not None and row.deleted and row.master_id is None:
            self.world.sf.undelete("Lead", lead)

    def purge(self, lead: str) -> None:
        row = self.world.sf.rows["Lead"].get(lead)
        if row is not None and row.deleted:
            self.world.sf.purge("Lead", lead, logged=self.rng.random() < 0.5)

    def merge(self, lead: str) -> None:
        other = self.rng.choice(self.leads)
        if other != lead and self._live(lead) and self._live(other):
            self.world.sf.merge("Lead", other, lead)

    def convert(self, lead: str) -> None:
        if self._live(lead):
            contact = self.world.sf.convert(lead)
            if self.rng.random() < 0.5:
                self.world.org.unseen.add(contact)

    def cycle(self) -> None:
        plan = [
            Fault(where, self.rng.randint(1, 3), kind)
            for where, kind in self.rng.sample(FAULTS, self.rng.randint(0, 2))
        ]
        self.world.crash(*plan, minutes=self.rng.choice([0.2, 5, 90, 370]))

    def kept(self) -> set[object]:
        """All values that a person can still find: current on either side, in the conflict log, in an error."""
        world, found = self.world, set[object]()
        for rows in (world.sf.rows["Lead"], world.sf.rows["Contact"]):
            for row in rows.values():
                found.update(v for v in row.values.values() if isinstance(v, str))
        for person in world.store.people():
            found.update(person[c] for c in FIELDS)
        for conflict in world.conflicts():
            found.update((conflict.ours, conflict.theirs))
        for letter in world.store.tables.dead_letters.values():
            found.update((*letter.letter.ours.values(), *letter.letter.theirs.values()))
        return found


@pytest.mark.parametrize("seed", range(10))
def test_hidden_and_shown_again_while_everything_else_goes_on(seed: int) -> None:
    story = Story(seed)
    world, people = story.world, len(story.world.store.people())
    contacts = len(world.sf.rows["Contact"])
    for _ in range(40):
        for _ in range(story.rng.randint(0, 3)):
            story.act()
        story.cycle()
    world.org.unseen.clear()
    world.cycles(8, 100)
    world.cycles(6, 370)
    world.cycles(3, 20)

    for lead in story.leads:
        row, pair = world.sf.rows["Lead"].get(lead), world.pair(lead)
        if row is None or row.deleted:
            assert pair.state in (PairState.TOMBSTONED, PairState.REDIRECTED), lead
        elif row.values.get("IsConverted"):
            contact = world.pair(row.values["ConvertedContactId"], "Contact")
            assert pair.state is PairState.CONVERTED and contact.state is PairState.PAIRED
            assert contact.person_id == pair.person_id
        else:
            assert pair.state is PairState.PAIRED, lead
            assert {c: world.person(lead)[c] for c in FIELDS} == {
                c: row.values.get(f) for c, f in FIELDS.items()
            }
    assert len(world.store.people()) <= people, "nobody came twice"
    assert all(
        name == "Lead" or sf_id in world.sf.rows["Contact"] for name, sf_id in world.store.tables.pair_of
    )
    assert len(world.sf.rows["Contact"]) - contacts == sum(
        bool(r.values.get("IsConverted")) for r in world.sf.rows["Lead"].values()
    ), "nothing was made by the sync"
    kept = story.kept()
    for (side, lead, column), value in story.last.items():
        other = ("there" if side == "here" else "here", lead, column)
        merged = world.pair(lead).state is PairState.REDIRECTED
        if other not in story.last and not merged and lead in world.sf.rows["Lead"]:
            assert value in kept, f"{value}, typed {side} into {column} of {lead}"
    writes = len(world.writes())
    world.cycles(2, 5)
    assert len(world.writes()) == writes, "at rest"
