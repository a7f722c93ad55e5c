"""The audit log: who changed which setting when, from what to what. Written in the transaction of the change.

Whoever acts says so once (`acting_as`: a page or API call for its request, a command for its process); every change of a
setting within it is then noted here, wherever it is made. The engine acts for nobody, so what it remembers is not noted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import FieldMapping, Mapping
from diptych.store.system_tables import audit

_MOST = 4000


@dataclass(frozen=True)
class Actor:
    """`name`: of a user or token; `source`: page, api or command."""

    name: str
    source: str


@dataclass(frozen=True)
class AuditLine:
    """One change. `what`: the setting, or what was done (`user.role alice`); values as text, None where there is none."""

    id: int
    at: datetime
    actor: str
    source: str
    what: str
    old: str | None
    new: str | None


_actor: ContextVar[Actor | None] = ContextVar("diptych_actor", default=None)


def act_as(actor: Actor | None) -> None:
    """From here on, in this context (the request, the process), changes are this one's."""
    _actor.set(actor)


@contextmanager
def acting_as(actor: Actor | None) -> Iterator[None]:
    """Within it, changes are this one's; None: the engine's."""
    before = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(before)


def actor() -> Actor | None:
    """Who acts; None: the engine."""
    return _actor.get()


def note(
    connection: Connection, what: str, old: str | None, new: str | None, now: Callable[[], datetime]
) -> None:
    """Note a change, if anybody acts and anything changed."""
    who = _actor.get()
    if who is None or old == new:
        return
    connection.execute(
        audit.insert().values(
            at=now(),
            actor=who.name,
            source=who.source,
            what=what,
            old_value=_short(old),
            new_value=_short(new),
        )
    )


# what the engine remembers among the settings; a command may run the engine too
_MEMORY = (
    "absent.",
    "alerts_",
    "api_ledger",
    "api_usage",
    "backup",
    "create.position",
    "described_at.",
    "follow.",
    "identity.apply",
    "joined",
    "pass.",
    "pass_failed.",
    "probes",
    "provisioned_version",
    "pruned_at",
    "reconciled.",
    "refresh.",
    "refreshed.",
    "reread.",
    "restored",
    "schema_changed_at.",
    "schema_held.",
    "schema_notices",
    "schema_waiting.",
    "setup.fields_seen",
    "snapshot_restarts.",
    "suppression.salt",
    "undo.",
    "verified.",
)


def of_a_person(setting: str) -> bool:
    """Whether a setting is one that a person makes."""
    return not setting.startswith(_MEMORY)


def mapping_change(before: Mapping, after: Mapping) -> tuple[str, str]:
    """The fields whose mapping differs, as they were and as they are."""
    was = {f"{f.object_name}.{f.field}": _mapped(f) for f in before.fields}
    now = {f"{f.object_name}.{f.field}": _mapped(f) for f in after.fields}
    changed = [name for name in sorted(was.keys() | now.keys()) if was.get(name) != now.get(name)]
    return (
        "; ".join([f"version {before.version}", *(f"{n}: {was[n]}" for n in changed if n in was)]),
        "; ".join([f"version {after.version}", *(f"{n}: {now[n]}" for n in changed if n in now)]),
    )


def _mapped(field: FieldMapping) -> str:
    return f"{field.column}, {field.direction}, {field.policy}, blanks {field.blanks}"


def lines(
    connection: Connection,
    limit: int,
    before: int | None = None,
    actor: str = "",
    what: str = "",
    since: datetime | None = None,
) -> list[AuditLine]:
    """The log, newest first; of those before the line `before`. `what`: how it begins."""
    c = audit.c
    wanted = sa.select(audit).order_by(c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(c.id < before)
    if actor:
        wanted = wanted.where(c.actor == actor)
    if what:
        wanted = wanted.where(c.what.startswith(what, autoescape=True))
    if since is not None:
        wanted = wanted.where(c.at >= since)
    return [
        AuditLine(row.id, row.at, row.actor, row.source, row.what, row.old_value, row.new_value)
        for row in connection.execute(wanted)
    ]


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= _MOST else f"{text[:_MOST]} ... ({len(text):,} characters)"
