"""Letting Diptych prepare the org: shown first, done on a yes, noted so that it can be taken back.

What was begun is noted before it is done: after a stop in between, taking it back also takes back what may have happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from diptych.setup.ports import AuthKind, Connector, Credentials, Vault
from diptych.setup.preparation import OBJECTS, Act, Change, PreparationFacts, Wishes, plan
from diptych.setup.state import PREPARATION, SetupRefused
from diptych.sync.crashpoint import crashpoint
from diptych.sync.engine import described_at
from diptych.sync.ports import Org, OrgIdentity, Store


@dataclass(frozen=True)
class Preview:
    """What would be done, by whom. `lacking`: rights that this user has not and would need."""

    actor: OrgIdentity
    changes: tuple[Change, ...]
    lacking: tuple[str, ...]


def administrator_of(kept: Credentials, username: str, password: str, security_token: str) -> Credentials:
    """An administrator's login at the address, and by the app, of the saved connection."""
    app = (kept.client_id, kept.client_secret) if kept.client_secret else ("", "")
    return Credentials(AuthKind.PASSWORD, kept.login_url, username, app[0], password, security_token, app[1])


class Preparing:
    """Changes the org, and nothing else does. `administrator` are credentials for this alone, never kept; without them
    the saved connection acts."""

    def __init__(
        self, store: Store, vault: Vault, connector: Connector, saved_org: Callable[[], Org]
    ) -> None:
        self._store, self._vault, self._connector, self._saved_org = store, vault, connector, saved_org

    def preview(self, wishes: Wishes, administrator: Credentials | None = None) -> Preview:
        """What is missing, and would be done. Changes nothing."""
        org = self._org(administrator)
        facts = self._facts(org)
        return Preview(org.identity(), plan(facts, wishes), facts.lacking)

    def carry_out(
        self,
        wishes: Wishes,
        administrator: Credentials | None = None,
        tell: Callable[[Change], None] = lambda change: None,
    ) -> tuple[Change, ...]:
        """Do what is missing now; `tell` hears of each change before it. Returns what was done.

        Raises SetupRefused when the user lacks a right for it, OrgError when the org refuses a change: those before it
        stay, and running it again goes on from there.
        """
        org = self._org(administrator)
        facts = self._facts(org)
        self._refuse_lacking(facts)
        workshop = self._connector.workshop(org)
        changes = plan(facts, wishes)
        for change in changes:
            tell(change)
            self._note([*self.noted(), change])
            workshop.carry_out(change, facts.sync_user)
            crashpoint("C-20")
        self._look_again()
        return changes

    def noted(self) -> tuple[Change, ...]:
        """What was changed here and not yet taken back, oldest first."""
        with self._store.transaction() as unit:
            kept = json.loads(unit.setting(PREPARATION) or "[]")
        return tuple(Change(Act(act), name, tuple(names), target) for act, name, names, target in kept)

    def undo(
        self, administrator: Credentials | None = None, tell: Callable[[Change], None] = lambda change: None
    ) -> tuple[Change, ...]:
        """Take back what was noted, newest first. Fields go with their values. Raises as `carry_out` does."""
        noted = self.noted()
        if not noted:
            raise SetupRefused("Diptych has changed nothing in this org that could be taken back.")
        org = self._org(administrator)
        facts = self._facts(org)
        self._refuse_lacking(facts)
        workshop = self._connector.workshop(org)
        for number in range(len(noted) - 1, -1, -1):
            tell(noted[number])
            workshop.undo(noted[number], facts.sync_user)
            self._note(noted[:number])
        self._look_again()
        return tuple(reversed(noted))

    def _look_again(self) -> None:
        """The next cycle describes the objects anew: a key field is used from then on, or not any more."""
        with self._store.transaction() as unit:
            for name in OBJECTS:
                unit.save_setting(described_at(name), None)

    def _facts(self, org: Org) -> PreparationFacts:
        saved = self._vault.load()
        assert saved is not None
        return self._connector.workshop(org).facts(saved.identity.user_id, saved.identity.username)

    def _org(self, administrator: Credentials | None) -> Org:
        saved = self._vault.load()
        if saved is None:
            raise SetupRefused(
                "No org is connected yet.",
                "Give the sync user's credentials first (diptych connect); it is prepared for that user.",
            )
        if administrator is None:
            return self._saved_org()
        org = self._connector.connect(administrator)
        if org.identity().org_id != saved.identity.org_id:
            raise SetupRefused(
                f"These credentials belong to {org.identity().org_name} ({org.identity().org_id}), but "
                f"{saved.identity.org_name} ({saved.identity.org_id}) is connected.",
                "Give an administrator of the connected org.",
            )
        return org

    def _refuse_lacking(self, facts: PreparationFacts) -> None:
        if facts.lacking:
            raise SetupRefused(
                f"This user may not change the org's set-up: it lacks {' and '.join(facts.lacking)}.",
                "Give the credentials of an administrator for this alone (they are not kept), or follow the "
                "instructions by hand.",
            )

    def _note(self, changes: list[Change] | tuple[Change, ...]) -> None:
        listed = [[c.act.value, c.object_name, list(c.names), c.target] for c in changes]
        with self._store.transaction() as unit:
            unit.save_setting(PREPARATION, json.dumps(listed) if listed else None)
