"""What the engine remembers besides people: cursors, snapshots, runs and steps, schemas, mapping versions, settings."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.values import Kind
from diptych.store.system_tables import (
    feed_cursor,
    field_mapping,
    mapping_version,
    object_schema,
    run,
    setting,
    snapshot,
    step,
)
from diptych.sync.ports import FeedCursor, SnapshotProgress, Step


def _replace(
    connection: Connection, table: sa.Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Update the row with this key, or insert it."""
    where = [table.c[name] == value for name, value in key.items()]
    if connection.execute(table.update().where(*where).values(**values)).rowcount == 0:
        connection.execute(table.insert().values(**key, **values))


# ---------------------------------------------------------------- cursors and snapshots


def read_feed_cursor(connection: Connection, object_name: str) -> FeedCursor | None:
    row = connection.execute(sa.select(feed_cursor).where(feed_cursor.c.object_name == object_name)).first()
    if row is None:
        return None
    return FeedCursor(row.object_name, row.cursor_at, row.target, row.position, row.position_id, row.covered)


def save_feed_cursor(connection: Connection, cursor: FeedCursor) -> None:
    _replace(
        connection,
        feed_cursor,
        {"object_name": cursor.object_name},
        {
            "cursor_at": cursor.cursor,
            "target": cursor.target,
            "position": cursor.position,
            "position_id": cursor.position_id,
            "covered": cursor.covered,
        },
    )


def read_snapshot(connection: Connection, object_name: str) -> SnapshotProgress | None:
    row = connection.execute(sa.select(snapshot).where(snapshot.c.object_name == object_name)).first()
    return None if row is None else snapshot_of(row)


def snapshot_of(row: Row[Any]) -> SnapshotProgress:
    """A row of `snapshot` as the engine knows it."""
    held = dict(row._mapping)
    held["fields"] = tuple(json.loads(held["fields"]))
    return SnapshotProgress(**held)


def save_snapshot(connection: Connection, progress: SnapshotProgress) -> None:
    values = {f.name: getattr(progress, f.name) for f in dataclasses.fields(progress)}
    values["fields"] = json.dumps(progress.fields)
    key = {"object_name": values.pop("object_name")}
    _replace(connection, snapshot, key, values)


# ---------------------------------------------------------------- ledger


def open_run(connection: Connection, kind: str, now: datetime, trace_id: str | None = None) -> int:
    left = run.update().where(run.c.kind == kind, run.c.ended_at.is_(None))
    connection.execute(left.values(status="Cleaned up", ended_at=now))
    begun = {"kind": kind, "status": "In Process", "started_at": now, "trace_id": trace_id}
    made = connection.execute(run.insert().values(**begun))
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def close_run(connection: Connection, run_id: int, status: str, now: datetime, error: str | None) -> None:
    ended = run.update().where(run.c.id == run_id).values(status=status, ended_at=now, error=error)
    if connection.execute(ended).rowcount == 0:
        raise KeyError(f"there is no run {run_id}")


def add_step(connection: Connection, run_id: int, done: Step) -> None:
    if connection.execute(sa.select(run.c.id).where(run.c.id == run_id)).first() is None:
        raise KeyError(f"there is no run {run_id}")
    values = {f.name: getattr(done, f.name) for f in dataclasses.fields(done)}
    values["added"] = values.pop("new")
    connection.execute(step.insert().values(run_id=run_id, **values))


# ---------------------------------------------------------------- schema


def read_schema(connection: Connection, object_name: str) -> ObjectDescription | None:
    wanted = sa.select(object_schema.c.description).where(object_schema.c.object_name == object_name)
    text = connection.execute(wanted).scalar()
    if text is None:
        return None
    held = json.loads(text)
    fields = {name: _field(one) for name, one in held.pop("fields").items()}
    return ObjectDescription(**held, fields=fields)


def _field(held: dict[str, Any]) -> FieldDescription:
    for name in ("picklist", "reference_to"):
        held[name] = tuple(held.get(name, ()))
    known = {f.name for f in dataclasses.fields(FieldDescription)}
    return FieldDescription(**{name: value for name, value in held.items() if name in known})


def save_schema(connection: Connection, description: ObjectDescription, now: datetime) -> None:
    fields = {name: dataclasses.asdict(f) for name, f in description.fields.items()}
    held = {
        f.name: getattr(description, f.name) for f in dataclasses.fields(description) if f.name != "fields"
    }
    text = json.dumps({**held, "fields": fields}, ensure_ascii=False)
    _replace(connection, object_schema, {"object_name": description.name}, {"description": text, "at": now})


# ---------------------------------------------------------------- mapping versions


class MappingReader:
    """Reads mappings; one that was read before is not parsed again."""

    def __init__(self) -> None:
        self._last: tuple[str, FieldMappings] | None = None

    def current(self, connection: Connection) -> FieldMappings:
        """The mapping saved last; version 0, empty, when there is none."""
        c = mapping_version.c
        newest = sa.select(c.id, c.version, c.digest).order_by(c.id.desc()).limit(1)
        row = connection.execute(newest).first()
        if row is None:
            return FieldMappings(0, ())
        last = self._last
        if last is not None and last[0] == row.digest:
            return last[1]
        text = connection.execute(sa.select(c.fields).where(c.id == row.id)).scalar_one()
        mapping = mapping_of_text(row.version, text)
        self._last = (row.digest, mapping)
        return mapping


def mapping_of_text(version: int, text: str) -> FieldMappings:
    """A mapping as it was stored."""
    return FieldMappings(version, tuple(_mapped(one) for one in json.loads(text)))


def _mapped(held: dict[str, Any]) -> FieldMapping:
    held["kind"] = Kind(held["kind"])
    held["direction"] = Direction(held["direction"])
    held["policy"] = Policy(held["policy"])
    held["blanks"] = Blanks(held.get("blanks", Blanks.OVERWRITE))
    held["restricted"] = tuple(held.get("restricted", ()))
    known = {f.name for f in dataclasses.fields(FieldMapping)}
    return FieldMapping(**{name: value for name, value in held.items() if name in known})


def save_mapping(
    connection: Connection, mapping: FieldMappings, now: datetime, reason: str, author: str | None = None
) -> None:
    """Raises ValueError for a version that was saved before."""
    c = mapping_version.c
    if connection.execute(sa.select(c.id).where(c.version == mapping.version)).first() is not None:
        raise ValueError(f"mapping version {mapping.version} exists already")
    text = json.dumps([dataclasses.asdict(f) for f in mapping.fields], ensure_ascii=False)
    digest = hashlib.sha256(f"{mapping.version}:{text}".encode()).hexdigest()
    connection.execute(
        mapping_version.insert().values(
            version=mapping.version, digest=digest, fields=text, at=now, reason=reason, author=author
        )
    )
    connection.execute(field_mapping.delete())
    rows = {
        (f.object_name, f.field): {
            "object_name": f.object_name,
            "field": f.field,
            "table_name": f.table,
            "column_name": f.column,
            "direction": f.direction.value,
            "policy": f.policy.value,
            "label": f.label,
        }
        for f in mapping.fields
    }
    if rows:
        connection.execute(field_mapping.insert(), list(rows.values()))


# ---------------------------------------------------------------- settings


def read_setting(connection: Connection, name: str) -> str | None:
    return connection.execute(sa.select(setting.c.value).where(setting.c.name == name)).scalar()


def save_setting(connection: Connection, name: str, value: str | None) -> None:
    if value is None:
        connection.execute(setting.delete().where(setting.c.name == name))
    else:
        _replace(connection, setting, {"name": name}, {"value": value})
