"""Inbound-only tables (company, salesforce_user): rows keyed by Salesforce id, never older than what was seen (I-10)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.mapping import ObjectMapping
from diptych.domain.objects import synced_object
from diptych.domain.pair import Observation
from diptych.domain.values import Value, to_text
from diptych.store.catalogue import Catalogue, decoders
from diptych.store.chunks import chunks
from diptych.store.engines import is_postgres
from diptych.store.people import allocate, find_companies, insert_rows, update_rows
from diptych.store.system_tables import Moment, change_log, moment_text
from diptych.sync.ports import MirrorCount


def mirror(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    observations: Sequence[Observation],
    now: datetime,
) -> MirrorCount:
    """See `Transaction.mirror`. A record that is deleted keeps its last values; one that was never here stays out."""
    table = synced_object(object_mapping.object_name).table
    rows = _rows(connection, catalogue, object_mapping, [o.record.sf_id for o in observations])
    new: dict[str, tuple[dict[str, Any], dict[str, Value]]] = {}
    changes: dict[int, dict[str, Value]] = {}
    system: dict[int, dict[str, Any]] = {}
    history: list[dict[str, Any]] = []
    counts = {"new": 0, "updated": 0, "deleted": 0, "skipped": 0}
    for seen in observations:
        record = seen.record
        row = rows.get(record.sf_id)
        if row is None:
            if record.deleted:
                counts["skipped"] += 1
                continue
            counts["new"] += 1
            fixed = {
                "salesforce_id": record.sf_id,
                "salesforce_deleted": False,
                "salesforce_modstamp": _bound(connection, record.modstamp),
            }
            new[record.sf_id] = (fixed, dict(seen.values))
            rows[record.sf_id] = {
                "id": None,
                "deleted": False,
                "modstamp": record.modstamp,
                "values": dict(seen.values),
            }
            continue
        if row["modstamp"] is not None and record.modstamp < row["modstamp"]:
            counts["skipped"] += 1
            continue
        values = {} if record.deleted else {c: v for c, v in seen.values.items() if row["values"].get(c) != v}
        kind = "deleted" if record.deleted else "updated"
        counts[kind if values or row["deleted"] != record.deleted else "skipped"] += 1
        fixed = {
            "salesforce_deleted": record.deleted,
            "salesforce_modstamp": _bound(connection, record.modstamp),
        }
        if row["id"] is None:  # twice in one batch
            new[record.sf_id][0].update(fixed)
            new[record.sf_id][1].update(values)
        elif values or row["deleted"] != record.deleted or row["modstamp"] != record.modstamp:
            system.setdefault(row["id"], {}).update(fixed)
            changes.setdefault(row["id"], {}).update(values)
            history.extend(
                {
                    "person_id": row["id"],
                    "table_name": table,
                    "column_name": column,
                    "old_value": to_text(row["values"].get(column)),
                    "new_value": to_text(value),
                    "side": "salesforce",
                    "actor": record.modified_by or "salesforce",
                    "at": record.modified_at or now,
                }
                for column, value in values.items()
            )
        row["values"].update(values)
        row["deleted"], row["modstamp"] = record.deleted, record.modstamp
    if new:
        first = allocate(connection, table, len(new))
        fixed_rows = [{"id": first + n, **fixed} for n, (fixed, _) in enumerate(new.values())]
        insert_rows(connection, catalogue, table, fixed_rows, [values for _, values in new.values()])
    update_rows(connection, catalogue, table, changes, system)
    if history:
        connection.execute(change_log.insert(), history)
    if new and table == "company":
        find_companies(connection, catalogue, waiting=True)
    return MirrorCount(**counts)


def _bound(connection: Connection, moment: datetime) -> Any:
    return moment if is_postgres(connection) else moment_text(moment)


def _rows(
    connection: Connection, catalogue: Catalogue, object_mapping: ObjectMapping, sf_ids: Sequence[str]
) -> dict[str, dict[str, Any]]:
    table = synced_object(object_mapping.object_name).table
    read = decoders(catalogue, object_mapping)
    columns = list(read)
    named = "".join(f", {catalogue.expression(table, c)}" for c in columns)
    statement = (
        sa.text(
            f"SELECT t1.id, t1.salesforce_id, t1.salesforce_deleted, t1.salesforce_modstamp{named} "
            f"FROM {catalogue.source(table, columns)} WHERE t1.salesforce_id IN :ids"
        )
        .bindparams(sa.bindparam("ids", expanding=True))
        .columns(
            sa.column("id", sa.BigInteger),
            sa.column("salesforce_id", sa.Text),
            sa.column("salesforce_deleted", sa.Boolean),
            sa.column("salesforce_modstamp", Moment),
            *(sa.column(c) for c in columns),
        )
    )
    found = {}
    for some in chunks(list(dict.fromkeys(sf_ids))):
        for row in connection.execute(statement, {"ids": some}):
            values = {c: read[c](v) for c, v in zip(columns, row[4:], strict=True)}
            found[row[1]] = {"id": row[0], "deleted": bool(row[2]), "modstamp": row[3], "values": values}
    return found


def mirrored(
    connection: Connection, catalogue: Catalogue, object_mapping: ObjectMapping, sf_ids: Sequence[str]
) -> dict[str, dict[str, Value]]:
    """See `Transaction.mirrored`."""
    rows = _rows(connection, catalogue, object_mapping, sf_ids)
    return {sf_id: row["values"] for sf_id, row in rows.items() if not row["deleted"]}
