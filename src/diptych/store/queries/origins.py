"""Where the values of one person came from: the last change of each, and how the person came here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.store.system_tables import arrival, change_log


@dataclass(frozen=True)
class Origin:
    """Who set a value, or brought the person, on which side, in which run. `side`: ours, salesforce or joined."""

    side: str
    actor: str
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class Arrival:
    """The load that brought the person, with the records of one object."""

    object_name: str
    run_id: int
    at: datetime


@dataclass(frozen=True)
class Origins:
    """`changed`: the last change by column. What is not in it came with the person: by a load (`arrived`), or as `came` says."""

    changed: Mapping[str, Origin]
    came: Origin | None = None
    arrived: Arrival | None = None


def origins(connection: Connection, person_id: int) -> Origins:
    """See `Queries.origins`."""
    c = change_log.c
    last = (
        sa.select(sa.func.max(c.id))
        .where(c.person_id == person_id, c.table_name == "person")
        .group_by(c.column_name)
    )
    changed: dict[str, Origin] = {}
    came: Origin | None = None
    for row in connection.execute(sa.select(change_log).where(c.id.in_(last))):
        origin = Origin(row.side, row.actor or "", row.run_id, row.at)
        if row.column_name is not None:
            changed[row.column_name] = origin
        elif row.new_value is not None:
            came = origin
    a = arrival.c
    loaded = connection.execute(
        sa.select(a.object_name, a.run_id, a.at)
        .where(a.first_person <= person_id, a.last_person >= person_id)
        .order_by(a.id.desc())
        .limit(1)
    ).first()
    return Origins(changed, came, Arrival(loaded.object_name, loaded.run_id, loaded.at) if loaded else None)
