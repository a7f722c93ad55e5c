"""People of ours are made one, because a match rule or a person says so: within a transaction, and in a run of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from diptych.domain.gathering import Gathering, gather
from diptych.domain.pair import THERE, PairState
from diptych.domain.person_merge import PersonJoin
from diptych.sync.opening import join_policies
from diptych.sync.ports import PairChange, Step, Transaction

RUN = "identity"
"""The kind of a run that joins people of ours."""
OPERATION = "Join people"
_SUCCEEDED = "Succeeded"


def join_group(tx: Transaction, one: Gathering, detail: str, run_id: int) -> None:
    """Carry out one gathering."""
    for union in one.unions:
        both = (union.winner, union.loser)
        tx.join_people(PersonJoin(*both, union.plan, "people", detail, both), run_id)
    live = next((p for p in one.after.pairs if p.state in THERE), None)
    retired = [
        PairChange(
            pair.id,
            one.after.id,
            state=PairState.REDIRECTED,
            redirect_to=live.sf_id if live else None,
            clear_dead_letters=True,
        )
        for pair in one.retired
    ]
    if retired:
        tx.save(retired, run_id)
    if live is not None:  # nothing is to be made or looked for in Salesforce any more
        tx.drop_creations([one.after.id])


def join_decided(tx: Transaction, people: Sequence[int], detail: str, now: datetime) -> tuple[int, int]:
    """Join people of whom somebody says that they are one, as a run of its own: who remains, and the run, which can be undone.
    Raises ValueError when fewer than two of them are here."""
    held = tx.held_people(people)
    if len(held) < 2:
        raise ValueError("fewer than two of these people are here")
    one = gather(list(held.values()), tx.mapping(), join_policies(tx))
    run_id = tx.open_run(RUN, now)
    join_group(tx, one, detail, run_id)
    joined = len(one.unions)
    tx.add_step(
        run_id, Step("Person", OPERATION, _SUCCEEDED, now, now, updated=1, deleted=joined, detail=detail)
    )
    tx.close_run(run_id, _SUCCEEDED, now)
    return one.after.id, run_id
