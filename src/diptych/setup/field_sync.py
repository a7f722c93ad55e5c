"""Sync Fields: columns for the chosen fields, and their mapping proposed, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.pairing import LeftAlone, Pairing
from diptych.domain.proposal import propose
from diptych.domain.schema import ObjectDescription
from diptych.domain.selection import missing_fields
from diptych.domain.values import instant_text
from diptych.setup import state as kept
from diptych.setup.choosing import need_some
from diptych.setup.field_choice import chosen
from diptych.setup.remapping import reload_if_new
from diptych.setup.state import SetupRefused
from diptych.sync.ports import Transaction


@dataclass(frozen=True)
class FieldsSynced:
    """What Sync Fields did: columns created, pairs found by likeness, look-alikes left apart, fields no longer synced."""

    version: int
    created: tuple[str, ...]
    pairings: tuple[Pairing, ...]
    left_alone: tuple[LeftAlone, ...]
    dropped: tuple[str, ...]


def need_visible(described: Mapping[str, ObjectDescription]) -> None:
    """Raises SetupRefused when the sync user does not see an object, or a field without which it cannot be synced."""
    for known in SYNCED_OBJECTS:
        hidden = missing_fields(known, described[known.name]) if known.name in described else None
        if hidden is None:
            raise SetupRefused(
                f"The sync user does not see {known.label_plural}, which are synced.",
                f"Give it the Read right on {known.name}, then run Sync Fields again.",
            )
        if hidden:
            raise SetupRefused(
                f"The sync needs fields of {known.name} that the sync user does not see: {', '.join(hidden)}.",
                "Make them visible in Salesforce (field-level security), then run Sync Fields again.",
            )


def sync_fields(unit: Transaction, described: Mapping[str, ObjectDescription], now: datetime) -> FieldsSynced:
    """Make columns and propose the mapping; `now`: our clock. Safe to do again. Raises SetupRefused where nothing is chosen."""
    selected = chosen(described, kept.read_selection(unit))
    need_some(described, selected)
    before = unit.mapping()
    proposal = propose(described, selected, before, kept.read_apart(unit), kept.read_preset(unit))
    synced = {(f.object_name, f.field) for f in proposal.fields}
    after = before
    if proposal.fields != before.fields:
        after = before.with_fields(proposal.fields)
        unit.save_mapping(after, now, "Sync Fields")
    created = unit.provision(after)
    for description in described.values():
        unit.save_schema(description, now)
    kept.save_seen(unit, described)
    kept.save_selection(unit, selected)
    unit.save_setting(kept.FIELDS_SYNCED, instant_text(now))
    reload_if_new(unit, before, after)
    return FieldsSynced(
        after.version,
        tuple(created),
        proposal.pairings,
        proposal.left_alone,
        tuple(f"{f.object_name}.{f.field}" for f in before.fields if (f.object_name, f.field) not in synced),
    )
