"""What every store must remember of runs. `StoreContract` includes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from diptych.domain.merge import Conflict
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import Inflight, PairState
from diptych.domain.undo import Side
from diptych.sync.ports import DeadLetter, PairChange, Store


class TrailContract:
    """Mixed into StoreContract, whose `add` and `pair` it uses."""

    add: Any
    pair: Any

    def _run(self, store: Store, kind: str = "cycle") -> int:
        from tests.contract.store_contract import T0

        with store.transaction() as tx:
            return int(tx.open_run(kind, T0))

    def test_an_edit_of_a_run_is_owed_and_has_the_name_of_its_run(
        self, store: Store, store_user: Any
    ) -> None:
        from tests.contract.store_contract import seen, sf_id

        (linked,) = self.add(store, seen(1, city="Bonn", number_of_employees=5))
        run = self._run(store)
        put_back = {"city": "Rom", "number_of_employees": None}
        change = PairChange(linked.pair.id, linked.pair.person_id, ours=put_back, edited_by="undo of run 3")
        with store.transaction() as tx:
            tx.save([change], run)
        assert self.pair(store, sf_id(1)).dirty == put_back
        assert [(c.side, c.actor) for c in store_user.changes(linked.pair.person_id)] == [
            ("ours", "undo of run 3"),
            ("ours", "undo of run 3"),
        ]
        with store.transaction() as tx:
            touches = tx.trail.touches(run, [linked.pair.person_id])
            newest = tx.trail.newest([linked.pair.person_id])[linked.pair.person_id]
            assert tx.trail.run_kind(run) == "cycle" and tx.trail.run_kind(run + 1) is None
        assert [(t.column, t.before, t.after, t.side) for t in touches] == [
            ("city", "Bonn", "Rom", Side.HERE),
            ("number_of_employees", 5, None, Side.HERE),
        ]
        assert newest["city"].id == touches[0].line and newest["city"].run_id == run

    def test_what_was_sent_is_remembered_with_what_it_replaced(self, store: Store) -> None:
        from tests.contract.store_contract import T0, seen, sf_id

        self.add(store, seen(1, city="Bonn"), seen(2, city="Bonn"), seen(3, city="Bonn"))
        run = self._run(store)
        pairs = [self.pair(store, sf_id(n)).pair for n in (1, 2, 3)]
        with store.transaction() as tx:
            sending = Inflight({"city": "Rom"}, "1-1", T0)
            tx.save(
                [PairChange(p.id, p.person_id, inflight=sending, over={"city": "Bonn"}) for p in pairs], run
            )
        with store.transaction() as tx:
            tx.save([PairChange(pairs[0].id, pairs[0].person_id, lift=True, landed=True)], run)
            tx.save([PairChange(pairs[1].id, pairs[1].person_id, lift=True)], run)
        people = [p.person_id for p in pairs]
        with store.transaction() as tx:
            assert [s.outcome for s in tx.trail.sent(people)] == ["landed", "lifted", "open"]
            assert tx.trail.touched_people(run, 0, 10) == people[:1]
            (touch,) = tx.trail.touches(run, people)
        assert (touch.before, touch.after, touch.side) == ("Bonn", "Rom", Side.THERE)

    def test_arrivals_are_known_by_run_however_they_came(self, store: Store, store_user: Any) -> None:
        from tests.contract.store_contract import LEAD, T0, page, seen, sf_id

        first, second = self._run(store), self._run(store, "initial load")
        with store.transaction() as tx:
            tx.add_people(LEAD, [seen(1), seen(2)], first)
        by_hand = store_user.insert(city="Rom")
        with store.transaction() as tx:
            tx.load_page(LEAD, page([{"Id": sf_id(n)} for n in (3, 4, 5)]), T0, second)
        everyone = [self.pair(store, sf_id(n)).pair.person_id for n in range(1, 6)]
        with store.transaction() as tx:
            assert tx.trail.arrived(first, [*everyone, by_hand]) == set(everyone[:2])
            assert tx.trail.touched_people(first, 0, 10) == everyone[:2]
            assert tx.trail.touched_people(second, 0, 2) == everyone[2:4]
            assert tx.trail.touched_people(second, everyone[3], 2) == everyone[4:]

    def test_a_removed_person_comes_back_as_it_was(self, store: Store, store_user: Any) -> None:
        from tests.contract.store_contract import LEAD, seen, sf_id

        (linked, other) = self.add(store, seen(1, city="Bonn", annual_revenue=None), seen(2))
        store_user.edit(linked.pair.person_id, "first_name", "Ada")
        before, person_id = store_user.person(linked.pair.person_id), linked.pair.person_id
        undo, redo = self._run(store), self._run(store)
        with store.transaction() as tx:
            tx.trail.remove([person_id], "undo of run 1", undo)
        assert store_user.person(person_id) is None
        assert self.pair(store, sf_id(1)).pair.state is PairState.DETACHED
        with store.transaction() as tx:
            assert tx.trail.removed(undo, [person_id, other.pair.person_id]) == {person_id}
            assert tx.trail.present([person_id, other.pair.person_id]) == {other.pair.person_id}
            assert tx.trail.bring_back([person_id], "undo of run 2", redo) == {person_id: (sf_id(1),)}
        after = store_user.person(person_id)
        times = {"created_at", "updated_at"}
        assert {k: v for k, v in after.items() if k not in times} == {
            k: v for k, v in before.items() if k not in times
        }
        back = self.pair(store, sf_id(1))
        assert back.pair.state is PairState.PAIRED and back.dirty == {"first_name": "Ada"}
        with store.transaction() as tx:
            assert [p.pair.id for p in tx.trail.pairs_of(LEAD, [person_id])] == [linked.pair.id]
        store_user.edit(person_id, "city", "Oslo")
        assert self.pair(store, sf_id(1)).dirty == {"first_name": "Ada", "city": "Oslo"}

    def test_changes_of_state_are_events(self, store: Store) -> None:
        from tests.contract.store_contract import T0, seen, sf_id

        (linked,) = self.add(store, seen(1))
        run = self._run(store)
        for state in (PairState.TOMBSTONED, PairState.TOMBSTONED, PairState.PAIRED):
            change = PairChange(
                linked.pair.id, linked.pair.person_id, state=state, seen_at=T0 + timedelta(days=1)
            )
            with store.transaction() as tx:
                tx.save([change], run)
        with store.transaction() as tx:
            events = tx.trail.events([linked.pair.person_id])
        assert [(e.from_state, e.to_state, e.run_id, e.sf_id) for e in events] == [
            ("paired", "tombstoned", run, sf_id(1)),
            ("tombstoned", "paired", run, sf_id(1)),
        ]

    def test_what_is_remembered_of_a_person(self, store: Store, store_user: Any) -> None:
        from tests.contract.store_contract import LEAD, T0, seen, sf_id

        run = self._run(store)
        with store.transaction() as tx:
            tx.add_people(LEAD, [seen(1, city="Bonn")], run)
        pair = self.pair(store, sf_id(1)).pair
        store_user.edit(pair.person_id, "city", "Rom")
        sending = Inflight({"city": "Rom"}, "1-1", T0)
        lost = Conflict("city", "Bonn", "Rom", "Lima", "ours", "policy")
        parked = DeadLetter(
            "Push updates", Problem("X", "refused", ErrorClass.OTHER), "city", {"city": "Rom"}
        )
        with store.transaction() as tx:
            tx.save([PairChange(pair.id, pair.person_id, inflight=sending, over={"city": "Bonn"})], run)
            tx.save(
                [
                    PairChange(
                        pair.id,
                        pair.person_id,
                        lift=True,
                        state=PairState.PARKED,
                        conflicts=(lost,),
                        dead_letters=(parked,),
                    )
                ],
                run,
            )
        with store.transaction() as tx:
            facts = tx.trail.facts(pair.person_id)
            assert tx.trail.known(pair.person_id) and not tx.trail.known(4711)
            assert tx.trail.people_by_record(sf_id(1)) == [pair.person_id]
            assert (
                tx.trail.people_by_email("nobody@example.com")
                == tx.trail.had_email("nobody@example.com")
                == []
            )
            assert tx.trail.mapping_saved(1) == (T0, "set-up") and tx.trail.mapping_saved(9) is None
        assert [(c.column, c.old, c.new, c.side) for c in facts.changes] == [("city", "Bonn", "Rom", "ours")]
        assert [(d.column, d.winner, d.theirs) for d in facts.conflicts] == [("city", "ours", "Lima")]
        assert [(one.column, one.status, one.message) for one in facts.letters] == [
            ("city", "open", "refused")
        ]
        assert [(s.before, s.value, s.outcome) for s in facts.sent] == [("Bonn", "Rom", "lifted")]
        assert [(e.from_state, e.to_state) for e in facts.events] == [("paired", "parked")]
        assert facts.arrived_by == run and facts.runs[run] == "cycle"
