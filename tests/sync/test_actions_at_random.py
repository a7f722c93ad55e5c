"""Random merges, conversions, deletes and undos from our side, with salespeople, kills and lost answers in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from diptych.domain.actions import Action, ActionState, CannotAct, DeletePolicy
from diptych.domain.pair import PairState
from diptych.sync import crashpoint
from diptych.sync.actions import preview, undo
from diptych.sync.actions.carry_out import carry_on, order
from diptych.sync.actions.preview import ConvertWish
from diptych.sync.ports import StoreBusy
from diptych.sync.repair import sweep
from diptych.testing import Crash, Fault
from tests.sync.test_actions import acting_world
from tests.sync.world import World

ACTS = ("merge", "only_here", "convert", "into_contact", "leave", "detach", "delete", "suppress", "undo")
SALES = ("edit", "create", "merge", "convert", "delete", "undelete", "contact")
FAULTS = (
    "C-33",
    "C-34",
    "C-35",
    "C-18",
    "C-19",
    "commit",
    "merge",
    "convert",
    "delete",
    "undelete",
    "retrieve",
)


@dataclass
class Story:
    """What happens, and what must hold whatever happens."""

    world: World = field(default_factory=acting_world)
    runs: list[int] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)
    names: Any = field(default_factory=lambda: iter(range(1000)))

    def begin(self) -> None:
        for _ in range(4):
            self.sales("create", 0, 0)
        self.sales("contact", 0, 0)
        self.world.ready()

    def people(self) -> list[int]:
        return sorted(p["id"] for p in self.world.store.people())

    def ours(self, what: str, a: int, b: int, fault: tuple[str, int, str] | None) -> None:
        """One order of ours; it may be refused, killed or cut off."""
        world, people = self.world, self.people()
        if not people:
            return
        one, two = people[a % len(people)], people[b % len(people)]
        try:
            found = self.look(what, one, two)
        except CannotAct:
            return
        if found is None:
            return
        if fault is not None:
            label, nth, kind = fault
            if label.startswith("C-"):
                kind = "crash"
            elif label == "commit":
                kind = "crash" if kind == "crash" else "busy"
            world.faults.arm([Fault(label, nth, kind, 40 if kind == "zombie" else None)])
        crashpoint.hook = world.faults.crashpoint
        world.clock.advance(3)
        now = world.clock.now()
        action: Action = (
            found.ordered("test", now) if isinstance(found, undo.UndoPreview) else found.action("test", now)
        )
        try:
            kept = order(world.engine, action)
            self.runs.append(kept.run_id or 0)
            carry_on(world.engine, world.lease(), kept.id)
        except Crash:
            world.engine = world.new_engine()
        except StoreBusy:
            pass
        finally:
            crashpoint.hook = None
            world.faults.arm([])

    def look(self, what: str, one: int, two: int) -> Any:
        engine, world = self.world.engine, self.world
        if what in ("merge", "only_here"):
            return preview.merge(engine, [one, two], {"last_name": two}, what == "only_here")
        if what == "convert":
            return preview.convert(engine, one, ConvertWish(opportunity=False))
        if what == "into_contact":
            contacts = world.sf.ids("Contact")
            return (
                preview.convert(engine, one, ConvertWish(contact=contacts[two % len(contacts)]))
                if contacts
                else None
            )
        if what == "undo":
            if not self.runs:
                return None
            found = undo.look(engine, self.runs[two % len(self.runs)], bool(one % 2))
            return found if found is not None and found.does else None
        if what == "suppress":
            return preview.delete(engine, one, DeletePolicy.LEAVE, suppress=True)
        return preview.delete(engine, one, DeletePolicy(what))

    def sales(self, what: str, a: int, b: int) -> None:
        """What a salesperson does."""
        sf = self.world.sf
        self.world.clock.advance(3)
        number = next(self.names)
        if what == "create":
            self.world.lead(f"N{number}", Email=f"n{number}@x.org", mkto71_Lead_Score__c=1)
        elif what == "contact":
            account = sf.create("Account", Name="Acme")
            sf.create("Contact", LastName=f"N{number}", Email=f"n{number}@x.org", AccountId=account)
        name = "Contact" if b % 3 == 0 else "Lead"
        ids = [i for i in sf.ids(name) if not sf.rows[name][i].values.get("IsConverted")]
        if not ids:
            return
        one, two = ids[a % len(ids)], ids[b % len(ids)]
        if what == "edit":
            sf.edit(name, one, FirstName=f"F{number}")
        elif what == "merge" and one != two:
            sf.merge(name, one, two)
        elif what == "convert" and name == "Lead":
            sf.convert(one)
        elif what == "delete":
            sf.delete(name, one)
        elif what == "undelete":
            gone = [i for i, row in sf.rows[name].items() if row.deleted]
            if gone:
                sf.undelete(name, gone[a % len(gone)])

    def mine(self, a: int) -> None:
        """An edit here, which is to be found in Salesforce or in what says why not."""
        people = self.people()
        if people:
            value = f"C{next(self.names)}"
            self.world.clock.advance(3)
            self.world.store.edit_row(people[a % len(people)], {"city": value})
            self.edited.append(value)

    def check(self) -> None:
        """At rest: nothing is open, both sides are equal, each record was ended once for each time that it came back."""
        world = self.world
        world.cycles(4, minutes=20)
        assert world.org.zombies == 0
        tables = world.store.tables
        assert [a for a in tables.actions.values() if a.state is ActionState.OPEN] == []
        done = Counter((what, sf_id) for what, sf_id, ended in world.org.asked if ended == "done")
        for (what, sf_id), times in done.items():
            if what == "delete":
                assert times <= 1 + done["undelete", sf_id] + 20 * self.undeleted(sf_id)
            if what == "convert":
                assert times == 1
        people = {p["id"] for p in world.store.people()}
        for pair in tables.pairs.values():
            row = world.sf.rows[pair.object_name][pair.sf_id or ""]
            if pair.state in (PairState.PAIRED, PairState.PARKED):
                assert pair.person_id in people and not row.deleted
                assert not row.values.get("IsConverted")
            if pair.state is PairState.TOMBSTONED:
                assert row.deleted
        for former, now in tables.redirects.items():
            assert former not in people and (now in people or now not in tables.redirects)
        for name in ("Lead", "Contact"):
            for sf_id in world.sf.ids(name):
                assert (name, sf_id) in tables.pair_of, f"{name} {sf_id} is nobody's"
        found = sweep.verify(world.engine)
        assert found.equal, [o.differing for o in found.objects.values()]
        assert not any(one.pending for one in found.objects.values())
        kept = repr((world.store.people(), tables.change_log, tables.conflicts, tables.joins, tables.gone))
        assert [value for value in self.edited if value not in kept] == []

    def undeleted(self, sf_id: str) -> int:
        return 1 if sf_id.startswith("00") and self.brought_back else 0

    brought_back: bool = False


STEP = st.tuples(
    st.sampled_from(("ours", "ours", "sales", "mine", "cycle")),
    st.sampled_from(ACTS),
    st.sampled_from(SALES),
    st.integers(0, 7),
    st.integers(0, 7),
    st.none()
    | st.tuples(
        st.sampled_from(FAULTS),
        st.integers(1, 3),
        st.sampled_from(("before", "after", "zombie", "crash", "locked")),
    ),
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
@given(st.lists(STEP, min_size=1, max_size=10))
def test_whatever_is_ordered_and_whatever_fails_both_sides_come_to_rest(steps: list[Any]) -> None:
    story = Story()
    story.begin()
    for who, act, sale, a, b, fault in steps:
        if who == "ours":
            story.ours(act, a, b, fault)
        elif who == "sales":
            story.brought_back |= sale == "undelete"
            story.sales(sale, a, b)
        elif who == "mine":
            story.mine(a)
        else:
            story.world.cycle()
    story.check()
