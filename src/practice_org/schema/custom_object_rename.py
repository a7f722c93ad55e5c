"""Another API name for a custom object: its records, fields, permissions and components go with it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from practice_org.data import tables
from practice_org.schema import custom, custom_objects, permission_sets

if TYPE_CHECKING:
    from practice_org.org import Org

_BY_OBJECT = ("_deleted", "_late", "_background", "_share", "_recent")
_BY_TYPE = ("ObjectPermissions", "FieldPermissions", "ListView", "RecordType")


def rename(org: Org, old: str, new: str) -> None:
    """Give the custom object `old` the name `new`, which must be free; ids and key prefix stay."""
    made = custom_objects.definition(org, old)
    assert made is not None
    with org.transaction() as tx:
        connection = tx.connection
        _rename_table(connection, old, new)
        connection.execute(
            "UPDATE _custom_object SET name = ?, definition = ? WHERE name = ?",
            (new, json.dumps(asdict(replace(made, name=new))), old),
        )
        connection.execute("UPDATE _custom_field SET object = ? WHERE object = ?", (new, old))
        _point_fields(connection, old, new)
        for table in _BY_OBJECT:
            connection.execute(f"UPDATE {table} SET object = ? WHERE object = ?", (new, old))
        for table in _BY_TYPE:
            connection.execute(f'UPDATE "{table}" SET "SobjectType" = ? WHERE "SobjectType" = ?', (new, old))
        for table, column in (("FieldPermissions", '"Field"'), ("_component", "name")):
            for separator in (".", "-") if table == "_component" else (".",):
                connection.execute(
                    f'UPDATE "{table}" SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?',
                    (new, len(old) + 1, len(old) + 1, old + separator),
                )
        connection.execute(
            "UPDATE _component SET name = ? WHERE type = 'CustomObject' AND name = ?", (new, old)
        )
        schema = custom.load_schema(connection)
        tables.create_table(connection, schema[new])
        permission_sets.note_change(org)
    org.replace_schema(schema)


def _rename_table(connection: sqlite3.Connection, old: str, new: str) -> None:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (old,)
    ).fetchall()
    for (index,) in rows:
        connection.execute(f"DROP INDEX {tables.quoted(index)}")
    connection.execute(f"ALTER TABLE {tables.quoted(old)} RENAME TO {tables.quoted(new)}")


def _point_fields(connection: sqlite3.Connection, old: str, new: str) -> None:
    """References and roll-ups of other objects that name this one."""
    rows = connection.execute("SELECT object, name, definition FROM _custom_field").fetchall()
    for owner, name, text in rows:
        definition = json.loads(text)
        summary = definition.get("summary") or {}
        if old in (definition.get("refs") or ()) or summary.get("child") == old:
            definition["refs"] = [new if one == old else one for one in definition["refs"]]
            if summary.get("child") == old:
                summary["child"] = new
            connection.execute(
                "UPDATE _custom_field SET definition = ? WHERE object = ? AND name = ?",
                (json.dumps(definition), owner, name),
            )
