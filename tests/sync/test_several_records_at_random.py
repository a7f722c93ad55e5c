"""Random stories of a person with several live records: what comes in only is one record's value, at rest, and no alarm is false."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from diptych.domain import merge as merging
from diptych.domain.pair import PairState
from diptych.sync.repair import passes, schedule
from diptych.sync.repair.sweep import verify
from diptych.sync.repair.undo import Wanted, undo
from diptych.testing import Fault, standing
from tests.sync.test_several_records import Joined

POINTS = ("C-03", "C-05", "C-11", "C-12", "C-13", "C-17", "C-22", "C-36", "C-37")
_LIVE = (PairState.PAIRED, PairState.PARKED)


class Story:
    """Two leads and perhaps a contact of one person. `calm`: each deed is synced before the next one."""

    def __init__(self, seed: int, calm: bool) -> None:
        self.chance, self.calm = random.Random(seed), calm
        self.world = Joined(None)
        self.records = [("Lead", self.world.a), ("Lead", self.world.b)]
        if self.chance.random() < 0.6:
            phone = self.chance.choice(["1", "5", None])
            contact = self.world.sf.create("Contact", LastName="Lee", Email="ann@x.org", Phone=phone)
            self.records.append(("Contact", contact))
        self.world.cycles(2)
        self.run: int | None = self.world.join()
        self.edits = 0
        self.told: list[str] = []

    def deeds(self) -> None:
        kinds: list[Callable[[], None]] = [
            self.saved, self.saved, self.saved, self.saved_elsewhere, self.edited, self.edited, self.edited_elsewhere,
            self.deleted, self.undeleted, self.hidden, self.shown, self.killed, self.parted,
        ]  # fmt: skip
        for _ in range(self.chance.randint(3, 9)):
            deed, before, stood, lines = (
                self.chance.choice(kinds),
                self.alarms(),
                self.phones(),
                self.history(),
            )
            deed()
            self.told.append(deed.__name__)
            if self.calm or self.chance.random() < 0.5:
                self.world.cycles(2)
            if self.calm and deed != self.edited:
                assert self.alarms() == before, "a false alarm"
            if self.calm and deed in (self.saved_elsewhere, self.edited, self.edited_elsewhere, self.killed):
                assert self.phones() == stood, "no record changed in it"
                assert deed == self.edited or self.history() == lines, "taken in turn"

    # ------------------------------------------------------------ what is done

    def row(self, record: tuple[str, str]) -> Any:
        return self.world.sf.rows[record[0]][record[1]]

    def live(self) -> list[tuple[str, str]]:
        return [
            r for r in self.records if not self.row(r).deleted and self.world.pair(r[1], r[0]).state in _LIVE
        ]

    def saved(self) -> None:
        seen = [r for r in self.live() if r[1] not in self.world.org.unseen]
        if seen:
            self.world.sf.edit(*self.chance.choice(seen), Phone=self.chance.choice(["1", "2", "3", None]))

    def saved_elsewhere(self) -> None:
        if self.live():
            name, sf_id = self.chance.choice(self.live())
            self.world.sf.edit(name, sf_id, **{"City" if name == "Lead" else "MailingCity": "Ulm"})

    def edited(self) -> None:
        self.edits += 1
        whose = self.chance.choice([self.world.a, self.world.b])
        self.world.edit(whose, phone=self.chance.choice(["1", "2", "9", None]))

    def edited_elsewhere(self) -> None:
        self.world.edit(
            self.chance.choice([self.world.a, self.world.b]), city=self.chance.choice(["Rom", "Bonn"])
        )

    def deleted(self) -> None:
        if len(self.live()) > 1:
            self.world.sf.delete(*self.chance.choice(self.live()))

    def undeleted(self) -> None:
        gone = [r for r in self.records if self.row(r).deleted]
        if gone:
            self.world.sf.undelete(*self.chance.choice(gone))

    def hidden(self) -> None:
        if len(self.live()) > 1:
            self.world.org.unseen.add(self.chance.choice(self.live())[1])
            self.look()

    def shown(self) -> None:
        self.world.org.unseen.clear()
        self.look()

    def look(self) -> None:
        names: dict[str, tuple[str, ...]] = {"Lead": (), "Contact": ()}
        schedule.run_to_end(self.world.engine, self.world.lease(), passes.RECONCILE, names, True)

    def killed(self) -> None:
        self.world.crash(Fault(self.chance.choice(POINTS), 1, "crash"))

    def parted(self) -> None:
        """Taken apart; or, if they are, joined anew."""
        if self.run is None:
            self.run = self.world.join()
        else:
            undo(self.world.engine, self.world.lease(), Wanted(self.run))
            self.run = None

    # ------------------------------------------------------------ what must hold

    def phones(self) -> dict[str, Any]:
        """By live record, what its person has."""
        people = {r[1]: self.world.pair(r[1], r[0]).person_id for r in self.live()}
        return {sf_id: (self.world.store.person(n) or {})["phone"] for sf_id, n in people.items()}

    def history(self) -> int:
        return sum(line.column == "phone" for line in self.world.store.tables.change_log.values())

    def alarms(self) -> list[Any]:
        return [one for one in self.world.conflicts() if one[0] == "phone"]

    def content(self) -> Any:
        return self.world.store.people(), self.world.conflicts(), len(self.world.writes())

    def at_rest(self) -> None:
        world = self.world
        self.shown()
        world.cycles(6, minutes=20)
        before = self.content()
        assert [world.cycle(20).api_calls, world.cycle().api_calls][1] == 2
        compared = verify(world.engine, world.lease(), repair=True)
        assert compared.equal and not any(o.repaired or o.pending for o in compared.objects.values())
        assert self.content() == before
        assert len(self.alarms()) <= self.edits
        for record in self.live():
            person = world.pair(record[1], record[0]).person_id
            own = [r for r in self.live() if world.pair(r[1], r[0]).person_id == person]
            shown = {self.row(r).values.get("Phone") for r in own}
            assert (world.store.person(person) or {})["phone"] in shown


def tell(seed: int, calm: bool) -> None:
    story = Story(seed, calm)
    try:
        story.deeds()
        story.at_rest()
    except AssertionError as problem:
        raise AssertionError(f"story {seed}, calm {calm}: {story.told}") from problem


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_it_is_one_record_s_value_and_rests(seed: int) -> None:
    tell(seed, True)
    tell(seed, False)


def nobody_notices_that_a_record_has_gone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(standing, "settle", lambda *given: None)


def nobody_knows_where_a_value_came_from(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(standing, "of_pair", lambda *given: {})


def whatever_a_record_shows_is_taken(patch: pytest.MonkeyPatch) -> None:
    inbound = merging._inbound
    patch.setattr(
        merging,
        "_inbound",
        lambda base, ours, theirs, mapped, standing: inbound(ours, ours, theirs, mapped, None),
    )


@pytest.mark.parametrize(
    "mutant",
    [
        nobody_notices_that_a_record_has_gone,
        nobody_knows_where_a_value_came_from,
        whatever_a_record_shows_is_taken,
    ],
)
def test_the_stories_can_tell(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(20):
            tell(seed, seed % 2 == 0)
