"""Guided set-up: one state machine behind browser and terminal.

prepare -> credentials -> fields -> confirm -> mapping -> start -> running. Each step is one method; its effect is one
transaction, so that a step is done or not done. Nothing is created in our database before Sync Fields; the org is changed
by `preparing` alone, after a yes. All of it stays open after the start, but for the org itself (S-27).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from diptych.domain.mapping import Blanks, Direction, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.plan import Plan
from diptych.domain.presets import PolicyChange, Preset, preset_changes, with_preset
from diptych.domain.proposal import MappingRefused, join, named, part, propose, turn
from diptych.domain.values import instant_text
from diptych.setup import state as kept
from diptych.setup.choosing import choose
from diptych.setup.field_choice import FieldChoice, choices, chosen
from diptych.setup.field_sync import FieldsSynced, need_visible, sync_fields
from diptych.setup.mapping_editor import MappingEditor
from diptych.setup.mapping_file import read_mapping, write_mapping
from diptych.setup.mapping_preview import Preview
from diptych.setup.mapping_view import MappingView, view
from diptych.setup.org_reads import OrgReads
from diptych.setup.planning import make_plan
from diptych.setup.ports import Authorization, Connection, ConnectionCard, Connector, Credentials, Vault
from diptych.setup.preflight import OrgFacts, Report, examine
from diptych.setup.preparing import Preparing
from diptych.setup.remapping import Remapping
from diptych.setup.saved_org import SavedOrg, require_same_org
from diptych.setup.state import SetupRefused, SetupState, Step, read_state
from diptych.sync.ports import Clock, Org, Store, Transaction


class Setup:
    """The set-up of one database. Every method may raise SetupRefused; those that ask the org also OrgError."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        connector: Connector,
        clock: Clock,
        *,
        page_rows: int = 10_000,
        pause_seconds: float = 60,
        wake: Callable[[], None] = lambda: None,
        look: Callable[[], AbstractContextManager[Transaction]] | None = None,
    ) -> None:
        """`wake` tells the worker that there is something to do; `pause_seconds` holds until a person sets another; `look`
        opens a unit that only reads, where the store has a cheaper one for that."""
        self._store, self._vault, self._connector, self._clock = store, vault, connector, clock
        self._page_rows, self._pause_seconds, self._wake = page_rows, pause_seconds, wake
        self._look = look or store.transaction
        self._saved = SavedOrg(vault, connector)
        self._reads = OrgReads(self.org, clock)
        self._describe, self._remap = self._reads.objects, Remapping(store, clock, wake)
        self.preparing = Preparing(store, vault, connector, self.org)
        self.editor = MappingEditor(self._look, self._describe, self.org, self._remap)

    # ------------------------------------------------------------ where we are

    def state(self) -> SetupState:
        connection = self._vault.load()
        with self._look() as unit:
            return read_state(unit, connection is not None, bool(connection and connection.locked))

    def connection(self) -> Connection | None:
        """The saved connection, if there is one."""
        return self._vault.load()

    def org(self) -> Org:
        """The connected org. Raises SetupRefused when none is."""
        return self._saved.get()

    # ------------------------------------------------------------ prepare, credentials

    def prepared(self) -> None:
        """The two preparing steps in Salesforce are done, or not wanted."""
        with self._store.transaction() as unit:
            unit.save_setting(kept.PREPARED, self._now())

    def authorize(
        self, login_url: str, client_id: str, client_secret: str, redirect_uri: str
    ) -> Authorization:
        """Begin 'Login with Salesforce'."""
        return self._connector.authorize(login_url, client_id, client_secret, redirect_uri)

    def authorized(self, authorization: Authorization, state: str, code: str) -> ConnectionCard:
        """The way back from 'Login with Salesforce': the card of whoever logged in. Nothing is saved.

        Raises LoginFailed when the answer belongs to another login or the code is refused.
        """
        answer = {"state": state, "code": code}
        return self.check(self._connector.exchange(authorization, answer))

    def check(self, credentials: Credentials) -> ConnectionCard:
        """Log in and say who we are and where, so that a person can say yes. Nothing is saved."""
        latest = [credentials]
        org = self._connector.connect(credentials, None, latest.append)
        identity = org.identity()
        saved = self._vault.load()
        require_same_org(saved, identity.org_id, identity.org_name)
        return ConnectionCard(
            identity,
            credentials.kind,
            latest[-1].login_url,
            latest[-1],
            replaces=saved.identity if saved else None,
        )

    def save(self, credentials: Credentials, card: ConnectionCard) -> None:
        """Keep what was checked. Before the first start another org may take the place of the one that was connected;
        what was set up for that one is then forgotten."""
        saved = self._vault.load()
        require_same_org(saved, card.identity.org_id, card.identity.org_name)
        if saved and saved.identity.org_id != card.identity.org_id:
            with self._store.transaction() as unit:
                for name in kept.OF_ONE_ORG:
                    unit.save_setting(name, None)
                unit.save_mapping(
                    unit.mapping().with_fields(()), self._clock.now(), "another org is connected"
                )
        self._vault.save(Connection(card.identity, card.credentials, bool(saved and saved.locked)))
        self._saved.forget()
        self._reads.forget()
        self._wake()

    def preflight(self) -> Report:
        """Look at everything the sync needs, as it is at this moment."""
        org = self.org()
        described = self._describe(fresh=True)
        connection = self._vault.load()
        assert connection is not None
        with self._look() as unit:
            selected, mapping = chosen(described, kept.read_selection(unit)).get("Lead", ()), unit.mapping()
        there = described["Lead"].fields if "Lead" in described else {}
        custom = tuple(
            sorted(f for f in selected if f in there and there[f].custom and not there[f].calculated)
        )
        contact = {m.column: m.field for m in mapping.of("Contact").fields}
        return examine(
            OrgFacts(
                org.identity(),
                connection.credentials.kind,
                described,
                self._reads.hidden,
                self._connector.permissions(org),
                org.usage(),
                self._connector.lead_mapping(org) if custom else None,
                custom,
                {m.field: contact[m.column] for m in mapping.of("Lead").fields if m.column in contact},
            )
        )

    # ------------------------------------------------------------ fields

    def fields(
        self, object_name: str | None = None, search: str = "", fresh: bool = False
    ) -> list[FieldChoice]:
        """All fields that the sync user sees, those gone since last time too. Reads of the org are kept for a minute."""
        described = self._describe(fresh)
        with self._look() as unit:
            selection, seen, mapped = kept.read_selection(unit), kept.read_seen(unit), unit.mapping()
        selected = chosen(described, selection)
        found: list[FieldChoice] = []
        for known in SYNCED_OBJECTS:
            if known.name in described and object_name in (None, known.name):
                found += choices(
                    known,
                    described[known.name],
                    selected[known.name],
                    seen.get(known.name),
                    mapped,
                    self._reads.fills(described[known.name]),
                )
        return [choice for choice in found if choice.matches(search)]

    def select(self, names: Sequence[str]) -> None:
        """Also sync these fields (`Object.Field`). Nothing is created before Sync Fields."""
        described = self._describe()
        with self._store.transaction() as unit:
            choose(unit, described, names, True)

    def deselect(self, names: Sequence[str]) -> None:
        """Do not sync these fields. A column that exists keeps its values."""
        described = self._describe()
        with self._store.transaction() as unit:
            choose(unit, described, names, False)

    def sync_fields(self) -> FieldsSynced:
        """Make columns for the chosen fields and propose their mapping, in one transaction. Safe to run again."""
        described = self._describe(fresh=True)
        need_visible(described)
        with self._store.transaction() as unit:
            done = sync_fields(unit, described, self._clock.now())
        self._wake()
        return done

    def preview_renamed(self, old: str, new: str) -> Preview:
        """What `renamed` would do. Changes nothing."""
        return self.editor.preview_renamed(old, self._following(old, new), new)

    def renamed(self, old: str, new: str, reason: str = "", expected: int | None = None) -> Mappings:
        """The field `old` (`Object.Field`) is called `new` now: its column, direction and policy go on with it (D-15).
        `expected`: the version that was looked at; SetupRefused when it is not the current one any more."""
        said = f"{old} was renamed to {new}"
        changed = self._remap(self._following(old, new), f"{said} - {reason}" if reason else said, expected)
        described = self._describe()
        with self._store.transaction() as unit:
            choose(unit, described, [new], True)
        return changed

    def _following(self, old: str, new: str) -> Callable[[Mappings], Mappings]:
        object_name, _, old_field = old.partition(".")
        new_object, _, new_field = new.partition(".")
        described = self._describe()
        there = described.get(object_name)
        if new_object != object_name or there is None or new_field not in there.fields:
            raise SetupRefused(f"{new} is not a field that the sync user sees.")

        def follow(current: Mappings) -> Mappings:
            if new_field in current.of(object_name).by_field:
                raise MappingRefused(f"{new} is mapped already.")
            if old_field not in current.of(object_name).by_field:
                raise MappingRefused(f"{old} is not a mapped field.")
            return current.with_fields(
                replace(f, field=new_field) if (f.object_name, f.field) == (object_name, old_field) else f
                for f in current.fields
            )

        return follow

    # ------------------------------------------------------------ confirm

    def plan(self, samples: int = 2) -> Plan:
        """What the first sync would do: rows, columns, API calls, time, and a few records before and after."""
        described = self._describe()
        with self._look() as unit:
            current = unit.mapping()
            selected = chosen(described, kept.read_selection(unit))
            proposal = propose(described, selected, current, kept.read_apart(unit), kept.read_preset(unit))
            pause = self._pause(unit)
        wanted = Mappings(current.version, proposal.fields)
        return make_plan(self.org(), current, wanted, self._page_rows, pause, samples)

    def confirm(self) -> None:
        """'Confirm Credentials': a person has read the warning and the plan."""
        self._need(Step.CONFIRM, "Run Sync Fields first: nothing could be synced yet.")
        with self._store.transaction() as unit:
            unit.save_setting(kept.CONFIRMED, self._now())

    # ------------------------------------------------------------ mapping

    def mapping(self) -> MappingView:
        """The mapping as rows: pairs, fields without a partner, the rest."""
        with self._look() as unit:
            return view(unit.mapping())

    def pair(self, first: str, second: str) -> Mappings:
        """Make one Lead field and one Contact field (`Object.Field`) one field of the person."""
        described = self._describe()
        changed = self._remap(lambda m: join(m, described, first, second), f"{first} and {second} mapped")
        with self._store.transaction() as unit:
            kept.save_apart(unit, kept.read_apart(unit) - {first, second})
        return changed

    def break_pair(self, name: str) -> Mappings:
        """Give the two fields of a pair a column each."""
        before = self._current()
        changed = self._remap(lambda m: part(m, name), f"{name} broken")
        moved = {
            f"{b.object_name}.{b.field}"
            for b, a in zip(before.fields, changed.fields, strict=True)
            if b.column != a.column
        }
        with self._store.transaction() as unit:
            kept.save_apart(unit, kept.read_apart(unit) | moved | {name})
        return changed

    def preview_reset(self) -> Preview:
        """What `reset` would do. Changes nothing."""
        return self.editor.preview_mapping(self._anew())

    def reset(self, reason: str = "", expected: int | None = None) -> Mappings:
        """Back to the automatic pairs and default directions for the chosen fields. `expected`: the version that was looked
        at; SetupRefused when it is not the current one any more."""
        made = self._remap(self._anew(), f"reset - {reason}" if reason else "reset", expected)
        with self._store.transaction() as unit:
            kept.save_apart(unit, frozenset())
        return made

    def _anew(self) -> Callable[[Mappings], Mappings]:
        described = self._describe(fresh=True)
        with self._look() as unit:
            selected, preset = chosen(described, kept.read_selection(unit)), kept.read_preset(unit)
        fields = propose(described, selected, preset=preset).fields
        return lambda current: current.with_fields(fields)

    def set_direction(self, name: str, direction: Direction) -> Mappings:
        described = self._describe()
        return self._remap(lambda m: turn(m, described, name, direction=direction), f"{name} {direction}")

    def set_policy(
        self,
        name: str,
        policy: Policy | None = None,
        blanks: Blanks | None = None,
        restrictive: bool | None = None,
    ) -> Mappings:
        """Who wins, and whether blanks may overwrite, for one field (`Lead.City`) or for all fields of a column (`city`)."""
        described = self._describe()

        def change(current: Mappings) -> Mappings:
            wanted = current
            for one in named(current, name):
                wanted = turn(wanted, described, one, policy=policy, blanks=blanks, restrictive=restrictive)
            return Mappings(current.version + 1, wanted.fields)

        said = [f"{policy} wins" if policy else "", f"blanks: {blanks}" if blanks else ""]
        return self._remap(change, f"{name}: {', '.join(filter(None, said)) or 'consent'}")

    def preset_changes(self, preset: Preset) -> list[PolicyChange]:
        """What `use_preset` would change."""
        return preset_changes(self._current(), preset)

    def use_preset(self, preset: Preset) -> Mappings:
        """Take over the policies of a preset, for the fields mapped now and for those that are mapped later."""
        changed = self._remap(lambda m: with_preset(m, preset), f"preset {preset}")
        with self._store.transaction() as unit:
            kept.save_preset(unit, preset)
        return changed

    def export_mapping(self) -> str:
        """The mapping as a file's text."""
        return write_mapping(self._current())

    def read_import(self, text: str) -> tuple[Mappings, Mappings]:
        """The mapping, and what `import_mapping` would make of it. Raises MappingRefused. Changes nothing."""
        before = self._current()
        return before, read_mapping(text, before, self._describe())

    def import_mapping(self, text: str) -> Mappings:
        """Take over a file's columns, directions and policies; all of it or nothing."""
        described = self._describe()
        return self._remap(lambda m: read_mapping(text, m, described), "imported")

    def finish_mapping(self) -> None:
        """'Finish Mappings'. The mapping stays editable."""
        self._need(Step.MAPPING, "Confirm the credentials first.")
        with self._store.transaction() as unit:
            unit.save_setting(kept.MAPPING_FINISHED, self._now())

    # ------------------------------------------------------------ start

    def start(self) -> None:
        """'Start Sync': from now on the worker keeps both sides in sync, and only this org can be connected."""
        self._need(Step.MAPPING, "Confirm the credentials first.")
        report = self.preflight()
        if not report.ready:
            first = next(c for c in report.checks if c.status == "missing")
            raise SetupRefused(f"The org is not ready: {first.what}", first.remedy)
        self._vault.lock()
        with self._store.transaction() as unit:
            now = self._now()
            if not unit.setting(kept.MAPPING_FINISHED):
                unit.save_setting(kept.MAPPING_FINISHED, now)
            if not unit.setting(kept.STARTED):
                unit.save_setting(kept.STARTED, now)
            unit.save_setting(kept.PAUSED, None)
        self._wake()

    def pause(self) -> None:
        """No further cycle begins, and a running load stops after its page."""
        self._need(Step.RUNNING, "The sync has not been started.")
        with self._store.transaction() as unit:
            unit.save_setting(kept.PAUSED, self._now())

    def resume(self) -> None:
        self._need(Step.RUNNING, "The sync has not been started.")
        with self._store.transaction() as unit:
            unit.save_setting(kept.PAUSED, None)
        self._wake()

    def pause_seconds(self) -> float:
        """The pause between cycles that holds now."""
        with self._look() as unit:
            return self._pause(unit)

    def set_pause_seconds(self, seconds: float) -> None:
        """Raises SetupRefused outside 1 second to 1 day."""
        if not 1 <= seconds <= 86_400:
            raise SetupRefused("The pause between cycles must be between 1 second and 1 day.")
        with self._store.transaction() as unit:
            unit.save_setting(kept.PAUSE_SECONDS, f"{seconds:g}")
        self._wake()

    # ------------------------------------------------------------ within

    def _now(self) -> str:
        return instant_text(self._clock.now())

    def _current(self) -> Mappings:
        with self._look() as unit:
            return unit.mapping()

    def _pause(self, unit: Transaction) -> float:
        return float(unit.setting(kept.PAUSE_SECONDS) or self._pause_seconds)

    def _need(self, step: Step, reason: str) -> None:
        order = list(Step)
        reached = self.state().step
        if order.index(reached) < order.index(step):
            raise SetupRefused(reason, f"Set-up stands at the step '{reached}'.")
