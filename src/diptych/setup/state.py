"""Where set-up stands, kept in the database's settings, so that it goes on from any step after any stop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.presets import Preset
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.values import parse_instant
from diptych.sync.ports import Transaction

PREPARED = "setup.prepared_at"
FIELDS_SYNCED = "setup.fields_synced_at"
CONFIRMED = "setup.confirmed_at"
MAPPING_FINISHED = "setup.mapping_finished_at"
STARTED = "setup.started_at"
SELECTED = "setup.selected"
SEEN = "setup.fields_seen"
APART = "setup.broken_pairs"
PREPARATION = "setup.preparation"
PRESET = "setup.mapping_preset"
PAUSED = "paused"
PAUSE_SECONDS = "pause_between_cycles"

# what belongs to one org; forgotten when another org is connected before the first start
OF_ONE_ORG = (FIELDS_SYNCED, CONFIRMED, MAPPING_FINISHED, SELECTED, SEEN, APART, PREPARATION, PRESET)


class Step(StrEnum):
    """The steps in order; a step is reached when all before it are done."""

    PREPARE = "prepare"
    CREDENTIALS = "credentials"
    FIELDS = "fields"
    CONFIRM = "confirm"
    MAPPING = "mapping"
    START = "start"
    RUNNING = "running"


class SetupRefused(Exception):
    """A step cannot be taken now. The text says what and why, `remedy` the way out."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason} {remedy}".strip())
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True)
class SetupState:
    """Which steps are done, and when (our clock); `step` is the first that is not."""

    step: Step
    connected: bool
    locked: bool
    prepared_at: datetime | None = None
    fields_synced_at: datetime | None = None
    confirmed_at: datetime | None = None
    mapping_finished_at: datetime | None = None
    started_at: datetime | None = None
    paused_at: datetime | None = None

    @property
    def paused(self) -> bool:
        return self.paused_at is not None


def read_state(unit: Transaction, connected: bool, locked: bool) -> SetupState:
    """The state as the database has it."""

    def at(name: str) -> datetime | None:
        text = unit.setting(name)
        return parse_instant(text) if text else None

    prepared, synced, confirmed = at(PREPARED), at(FIELDS_SYNCED), at(CONFIRMED)
    finished, started = at(MAPPING_FINISHED), at(STARTED)
    if not connected:
        step = Step.CREDENTIALS if prepared else Step.PREPARE
    elif started:
        step = Step.RUNNING
    elif not synced:
        step = Step.FIELDS
    elif not confirmed:
        step = Step.CONFIRM
    elif not finished:
        step = Step.MAPPING
    else:
        step = Step.START
    return SetupState(step, connected, locked, prepared, synced, confirmed, finished, started, at(PAUSED))


def read_selection(unit: Transaction) -> dict[str, tuple[str, ...]]:
    """The chosen fields by object; an object nobody has chosen for is missing."""
    return {name: tuple(fields) for name, fields in json.loads(unit.setting(SELECTED) or "{}").items()}


def save_selection(unit: Transaction, selected: Mapping[str, tuple[str, ...]]) -> None:
    unit.save_setting(SELECTED, json.dumps({name: list(fields) for name, fields in selected.items()}))


def follow_mapping(unit: Transaction, before: Mappings, after: Mappings) -> None:
    """What is mapped now is chosen, what is no longer mapped is not: so that Sync Fields does not take it back."""
    was, now = (
        {(f.object_name, f.field) for f in before.fields},
        {(f.object_name, f.field) for f in after.fields},
    )
    selected = read_selection(unit)
    for object_name, field in sorted(now - was):
        if object_name in selected and field not in selected[object_name]:
            selected[object_name] = (*selected[object_name], field)
    for object_name, field in was - now:
        if field in selected.get(object_name, ()):
            selected[object_name] = tuple(f for f in selected[object_name] if f != field)
    if was != now:
        save_selection(unit, selected)


def read_apart(unit: Transaction) -> frozenset[str]:
    """Fields (`Object.Field`) whose pair a person has broken: not to be paired by likeness again."""
    return frozenset(json.loads(unit.setting(APART) or "[]"))


def save_apart(unit: Transaction, names: frozenset[str]) -> None:
    unit.save_setting(APART, json.dumps(sorted(names)))


def read_preset(unit: Transaction) -> Preset:
    """The preset whose policies new fields get."""
    return Preset(unit.setting(PRESET) or Preset.SAFE)


def save_preset(unit: Transaction, preset: Preset) -> None:
    unit.save_setting(PRESET, preset.value)


def read_seen(unit: Transaction) -> dict[str, ObjectDescription]:
    """The objects as they were at the last Sync Fields; only what tells a change is kept."""
    seen = json.loads(unit.setting(SEEN) or "{}")
    return {
        name: ObjectDescription(name, name, name, "", {f: _field(f, *facts) for f, facts in fields.items()})
        for name, fields in seen.items()
    }


def _field(name: str, label: str, sf_type: str, length: int, precision: int, scale: int) -> FieldDescription:
    return FieldDescription(name, label, sf_type, length, precision, scale, custom=name.endswith("__c"))


def save_seen(unit: Transaction, described: Mapping[str, ObjectDescription]) -> None:
    facts = {
        name: {
            f.name: [f.label, f.type, f.length, f.precision, f.scale] for f in described[name].fields.values()
        }
        for name in described
    }
    unit.save_setting(SEEN, json.dumps(facts))
