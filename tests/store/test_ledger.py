"""Steps as Sync Status asks for them, what runs did, and how long it is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from diptych.domain.merge import Conflict
from diptych.domain.pair import PairState
from diptych.services import keeping
from diptych.store import SqlStore
from diptych.sync.ports import DeadLetter, PairChange, Step
from tests.contract.store_contract import LEAD, MAPPING, T0, problem, seen, sf_id
from tests.store.sql_user import SqlUser


def run(
    store: SqlStore, at: datetime, *steps: Step, status: str = "Succeeded", error: str | None = None
) -> int:
    with store.transaction() as tx:
        run_id = tx.open_run("cycle", at)
        for step in steps:
            tx.add_step(run_id, step)
        tx.close_run(run_id, status, at + timedelta(seconds=9), error)
    return run_id


def step(at: datetime, name: str = "Lead", operation: str = "Pull updates", **more: int) -> Step:
    return Step(name, operation, "Succeeded", at, at + timedelta(seconds=4), **more)


def test_steps_are_filtered_sorted_and_summed(store: SqlStore) -> None:
    hour = timedelta(hours=1)
    first = run(store, T0, step(T0, new=8, api_calls=2), step(T0, "Contact", skipped=3))
    run(store, T0 + hour)  # an idle cycle leaves no line
    failed = run(store, T0 + 2 * hour, status="Failed", error="LOGIN: no")
    last = run(store, T0 + 3 * hour, step(T0 + 3 * hour, operation="Push updates", updated=5, api_calls=1))

    def found(**wanted: object) -> list[tuple[int, str]]:
        return [(s.run_id, s.object_name) for s in store.queries.steps(**wanted)[0]]  # type: ignore[arg-type]

    assert found() == [(last, "Lead"), (failed, ""), (first, "Contact"), (first, "Lead")]
    assert found(sort="started")[-1] == (last, "Lead") and found(status="Failed") == [(failed, "")]
    assert found(object_name="Lead", operation="Pull updates") == [(first, "Lead")]
    assert found(since=T0 + hour) == [(last, "Lead"), (failed, "")]
    assert found(until=T0 + hour) == [(first, "Contact"), (first, "Lead")]
    assert found(run_id=first, page=2, limit=1) == [(first, "Lead")]
    (row, *_), sums = store.queries.steps(object_name="Lead", sort="started")
    assert (row.rows, row.rate) == (8, 2.0)
    assert (sums.steps, sums.new, sums.updated, sums.api_calls) == (2, 8, 5, 3)
    assert store.queries.step_facets()["operations"] == ["Pull updates", "Push updates"]


def test_a_run_tells_what_it_did_line_by_line(store: SqlStore, store_user: SqlUser) -> None:
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
        came = tx.open_run("cycle", T0)
        tx.add_people(LEAD, [seen(1, city="Bonn"), seen(2, city="Bonn")], came)
        changed = tx.open_run("cycle", T0)
        one, two = (tx.linked(LEAD, [sf_id(n)])[sf_id(n)].pair for n in (1, 2))
        lost = Conflict("city", "Bonn", "Rom", "Oslo", "salesforce", "policy")
        letter = DeadLetter("Push updates", problem(), "city", {"city": "Rom"})
        tx.save(
            [
                PairChange(
                    one.id, one.person_id, ours={"city": "Oslo"}, base={"city": "Oslo"}, conflicts=(lost,)
                ),
                PairChange(two.id, two.person_id, state=PairState.TOMBSTONED, dead_letters=(letter,)),
            ],
            changed,
        )
    assert {w: n for w, n in store.queries.run_counts(came).items() if n} == {"new": 2}
    assert {w: n for w, n in store.queries.run_counts(changed).items() if n} == {
        "updated": 1,
        "deleted": 1,
        "failed": 1,
        "conflicts": 1,
    }
    (line,), total = store.queries.run_lines(changed, "updated", object_name="Lead")
    assert (total, line.person_id, line.field, line.before, line.after) == (1, 1, "City", "Bonn", "Oslo")
    (line,), _ = store.queries.run_lines(changed, "failed")
    assert line.person_id == 2 and len(str(line.link)) == 12
    assert store.queries.run_lines(changed, "updated", object_name="Contact")[1] == 0
    with pytest.raises(KeyError):
        store.queries.run_lines(changed, "everything")


def test_what_is_old_goes_once_a_day_and_what_undo_needs_stays(store: SqlStore) -> None:
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
    old = run(store, T0, step(T0))
    needed = run(store, T0, step(T0))
    with store.transaction() as tx:
        tx.add_people(LEAD, [seen(1)], needed)
    now = T0 + timedelta(days=100)
    fresh = run(store, now, step(now))
    assert keeping.keep_days(store) == 90
    with pytest.raises(keeping.BadDays):
        keeping.set_keep_days(store, 30)
    keeping.set_keep_days(store, 120)
    assert keeping.prune_if_due(store, now) == 0
    keeping.set_keep_days(store, 90)
    assert keeping.prune_if_due(store, now) == 0, "once a day"
    assert keeping.prune_if_due(store, now + timedelta(hours=25)) == 3
    assert store.queries.run(old) is None and store.queries.run(fresh) is not None
    kept = store.queries.run(needed)
    assert kept is not None and kept.steps == ()
