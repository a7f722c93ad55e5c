"""Merging, converting and deleting people, for terminal and pages: looked at, ordered, carried out at once where that can be.

An order is kept first. Where another process is at work on the database, or Salesforce cannot be reached, it stays open, and
the next cycle of the sync goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from diptych.domain.actions import Action, DeletePolicy
from diptych.domain.suppression import Suppression
from diptych.store import SqlStore
from diptych.store.queries.companies import AccountRow, accounts_like
from diptych.sync.actions import carry_out, preview, undo
from diptych.sync.actions.preview import ConvertPreview, ConvertWish, DeletePreview, MergePreview
from diptych.sync.actions.undo import UndoPreview
from diptych.sync.engine import Engine
from diptych.sync.ports import Clock, Lease, StoreBusy


@dataclass(frozen=True)
class Acting:
    """Of one workspace. `lease` waits so many seconds for the right to be the one engine."""

    store: SqlStore
    clock: Clock
    engine: Callable[[], Engine]
    lease: Callable[[Engine, float], AbstractContextManager[Lease]]
    sync_now: Callable[[], None]

    # ------------------------------------------------------------ looking

    def merge(
        self, people: Sequence[int], picked: Mapping[str, int] | None = None, only_here: bool = False
    ) -> MergePreview:
        """See `sync.actions.preview.merge`."""
        return preview.merge(self.engine(), people, picked, only_here)

    def convert(self, person_id: int, wish: ConvertWish) -> ConvertPreview:
        """See `sync.actions.preview.convert`."""
        return preview.convert(self.engine(), person_id, wish)

    def delete(
        self, person_id: int, policy: DeletePolicy, suppress: bool = False, forget: bool = False
    ) -> DeletePreview:
        """See `sync.actions.preview.delete`."""
        return preview.delete(self.engine(), person_id, policy, suppress, forget)

    def undo(self, run_id: int, undelete: bool) -> UndoPreview | None:
        """What taking back the action of a run would do; None when the run is none of an action. Raises CannotAct."""
        return undo.look(self.engine(), run_id, undelete)

    def accounts_for(self, person_id: int) -> list[AccountRow]:
        """Accounts with the person's company name, or with the domain of the e-mail address as their website (D-61)."""
        with self.store.looking() as tx:
            number = tx.actions.now_id(person_id)
        person = self.store.queries.person(number)
        if person is None:
            return []
        with self.store.reading() as connection:
            return accounts_like(
                connection,
                str(person.values.get("company_name") or ""),
                str(person.values.get("email") or "").rpartition("@")[2],
            )

    # ------------------------------------------------------------ doing

    def carry_out(
        self,
        found: MergePreview | ConvertPreview | DeletePreview | UndoPreview,
        actor: str,
        wait_seconds: float = 60,
    ) -> Action:
        """Order what was shown and do it; how it stands then. Raises what `engine` raises, before anything is kept."""
        engine = self.engine()
        now = self.clock.now()
        wanted = found.ordered(actor, now) if isinstance(found, UndoPreview) else found.action(actor, now)
        ordered = carry_out.order(engine, wanted)
        return self.go_on(ordered, wait_seconds, engine)

    def go_on(self, ordered: Action, wait_seconds: float, engine: Engine | None = None) -> Action:
        """Carry on with an action that is open."""
        engine = engine or self.engine()
        try:
            with self.lease(engine, wait_seconds) as lease:
                done = carry_out.carry_on(engine, lease, ordered.id)
        except StoreBusy as problem:
            done = replace(ordered, error=f"{problem} The sync carries it out with its next cycle.")
        self.sync_now()
        return done

    # ------------------------------------------------------------ what was ordered, and who is kept away

    def ordered(self, limit: int) -> list[Action]:
        """The newest actions first."""
        with self.store.looking() as tx:
            return tx.actions.latest(limit)

    def cancel(self, action_id: int) -> Action:
        """See `carry_out.cancel`."""
        return carry_out.cancel(self.engine(), action_id)

    def suppressed(self, limit: int) -> list[Suppression]:
        """The suppression list, newest first."""
        with self.store.looking() as tx:
            return tx.suppressions.listed(limit)

    def release(self, former_id: int) -> list[Suppression]:
        """Let a person come back: nothing is kept of it on the list any more. What was taken off."""
        with self.store.transaction() as tx:
            return tx.suppressions.release(former_id)

    def now_id(self, person_id: int) -> int:
        """Who that person is by now."""
        with self.store.looking() as tx:
            return tx.actions.now_id(person_id)
