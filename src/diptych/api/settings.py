"""Settings of the sync, and those of the process."""

from __future__ import annotations

from typing import Literal

from fastapi import Request
from pydantic import BaseModel, Field

from diptych.api.gate import Noun, workspace_of
from diptych.api.given import Number, Whole
from diptych.services.keeping import LEAST_DAYS, MOST_DAYS, keep_days, set_keep_days
from diptych.sync.inbound.tombstones import allow_mass_delete
from diptych.sync.matching import read_matching
from diptych.sync.outbound.create_rule import read_rule

noun = Noun("settings")


class SyncSettings(BaseModel):
    """`pause_seconds`: between the end of a cycle and the next one. `keep_days`: how long steps, settled errors and past alerts are
    kept. `match_rule`: when two records are one person (PUT /identity). `create_rule`: who is created in Salesforce
    (PUT /create-rule)."""

    pause_seconds: float
    keep_days: int
    match_rule: str
    create_rule: str


class SettingsWanted(BaseModel):
    """What is left out stays as it is."""

    pause_seconds: Number | None = Field(None, ge=1, le=86_400)
    keep_days: Whole | None = Field(None, ge=LEAST_DAYS, le=MOST_DAYS)


class Guarded(BaseModel):
    """An object whose deletes in Salesforce were so many that its sync has stopped."""

    object: Literal["Lead", "Contact"]


@noun.read()
def get_settings(request: Request) -> SyncSettings:
    """Settings that live in the database."""
    workspace = workspace_of(request)
    with workspace.store.looking() as unit:
        matching, rule = read_matching(unit), read_rule(unit)
    return SyncSettings(
        pause_seconds=workspace.setup.pause_seconds(),
        keep_days=keep_days(workspace.store),
        match_rule=matching.rule.value,
        create_rule=rule.filter,
    )


@noun.admin("PATCH")
def change_settings(request: Request, wanted: SettingsWanted) -> SyncSettings:
    """Change what is given."""
    workspace = workspace_of(request)
    if wanted.pause_seconds is not None:
        workspace.setup.set_pause_seconds(wanted.pause_seconds)
    if wanted.keep_days is not None:
        set_keep_days(workspace.store, wanted.keep_days)
    return get_settings(request)


@noun.admin("POST", "/allow-deletes", status_code=202)
def allow_deletes(request: Request, wanted: Guarded) -> Guarded:
    """Take over, once, all deletes of the object that wait in Salesforce."""
    workspace = workspace_of(request)
    allow_mass_delete(workspace.store, wanted.object)
    workspace.sync_now()
    return wanted


@noun.see("/process")
def get_process_settings(request: Request) -> dict[str, str | None]:
    """The settings of the process, from its environment, secrets masked."""
    return workspace_of(request).settings.printable()
