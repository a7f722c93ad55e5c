"""Deleting records into the recycle bin, taking them out again, and doing away with them.

What is deleted along with a record shares its `root` in `_deleted`, and comes back or is purged with it;
only the root can be named (the service says of the others that they are not in the bin). The bin keeps a
record for 15 days by the org's clock. A purged record is gone from `queryAll` at once; the real service
may show it for another day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from practice_org.clock import stamp
from practice_org.data import checks, sharing, standard
from practice_org.data.checks import Writer
from practice_org.data.rows import flag_row, remove_row
from practice_org.data.stamps import stamps
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema import setup_rows
from practice_org.schema.catalogue import ObjectType, Schema

if TYPE_CHECKING:
    import sqlite3

    from practice_org.org import Org, Transaction

BIN_DAYS = 15


# -- in -----------------------------------------------------------------------------------------------


def delete(
    writer: Writer, tx: Transaction, user_id: str | None, obj: ObjectType, record_id: str, *, hard: bool
) -> None:
    """Put a live record into the recycle bin, or do away with it (`hard`).

    Raises ApiError CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, FEATURENOTENABLED, DELETE_FAILED, and what
    `current_row` and `rights.require` raise.
    """
    if not writer.access.unlimited and not obj.has("deletable"):
        raise checks.entity_refused("deleted", obj)
    if hard and not writer.access.unlimited and "BulkApiHardDelete" not in writer.access.system:
        raise ApiError(
            403,
            "FEATURENOTENABLED",
            "hardDelete operation requires special user profile permission, please contact your system administrator",
        )
    row = checks.current_row(tx.connection, obj, record_id)
    if not hard:
        rights.require(writer.access, "Delete", obj)
        sharing.require(writer, obj, row, "Delete")
    _refuse_restricted(writer, tx.connection, obj, record_id, row.get("Name") or record_id)
    standard.refuse_delete(tx, obj.name, row)
    put(writer, tx, user_id or setup_rows.first_user(writer.org), obj, record_id)
    if hard:
        _purge_root(tx, writer.schema, record_id)


def put(
    writer: Writer,
    tx: Transaction,
    actor: str,
    obj: ObjectType,
    record_id: str,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Put a live record, and the children that go with it, into the bin; nothing is asked.

    `changes` are further columns of the record to set in the same stroke.
    """
    _delete_tree(writer, tx, actor, obj, record_id, record_id, changes or {})


def _delete_tree(
    writer: Writer,
    tx: Transaction,
    actor: str,
    obj: ObjectType,
    record_id: str,
    root: str,
    changes: Mapping[str, Any],
) -> None:
    for child, field_name in _children(writer.schema, obj, "c"):
        for child_id in _live_ids(tx.connection, child, field_name, record_id):
            _delete_tree(writer, tx, actor, child, child_id, root, {})
    if obj.soft_deletes:
        flag_row(tx, obj, record_id, {**changes, **stamps(obj, tx.stamp, actor)}, deleted=True)
        standard.gone(tx, writer.schema, obj.name, record_id)
    else:
        remove_row(tx, obj, record_id)
    tx.connection.execute(
        "INSERT OR REPLACE INTO _deleted(object, id, deleted_at, root, purged) VALUES(?, ?, ?, ?, ?)",
        (obj.name, record_id, tx.stamp, root, int(not obj.soft_deletes)),
    )


def _refuse_restricted(
    writer: Writer, connection: sqlite3.Connection, obj: ObjectType, record_id: str, name: str
) -> None:
    """Raise DELETE_FAILED when live children of a restricting relationship hang on a record or its tree."""
    for child, field_name in _children(writer.schema, obj, "r"):
        found = _live_ids(connection, child, field_name, record_id)
        if found:
            label = next((f.name for f in child.fields if f.has("nameField")), "Id")
            marks = ",".join("?" * len(found))
            names = connection.execute(
                f'SELECT {quoted(label)} FROM {quoted(child.name)} WHERE "Id" IN ({marks}) ORDER BY "Id"',
                found,
            )
            listed = ", ".join(str(row[0]) for row in names)
            raise ApiError(
                400,
                "DELETE_FAILED",
                f"Your attempt to delete {name} could not be completed because it is associated with the "
                f"following {child.plural.lower()}.: {listed}\n",
                (),
            )
    for child, field_name in _children(writer.schema, obj, "c"):
        for child_id in _live_ids(connection, child, field_name, record_id):
            _refuse_restricted(writer, connection, child, child_id, name)


def _children(schema: Schema, obj: ObjectType, flag: str) -> list[tuple[ObjectType, str]]:
    out = []
    for relationship in schema.children(obj):
        child = schema.get(relationship.child)
        if child is not None and child.soft_deletes and flag in relationship.flags:
            f = child.get(relationship.field)
            if f is not None and f.stored:
                out.append((child, f.name))
    return out


def _live_ids(connection: sqlite3.Connection, child: ObjectType, field_name: str, parent: str) -> list[str]:
    rows = connection.execute(
        f'SELECT "Id" FROM {quoted(child.name)} WHERE {quoted(field_name)} = ? AND "IsDeleted" = 0', (parent,)
    )
    return [row[0] for row in rows]


# -- out ----------------------------------------------------------------------------------------------


def undelete(writer: Writer, tx: Transaction, user_id: str | None, obj: ObjectType, record_id: str) -> None:
    """Take a record out of the recycle bin, with what was deleted along with it.

    The loser of a merge may come back, alone: what was moved to the winner stays there. References to
    records that are gone for good are emptied. Raises ApiError UNDELETE_FAILED when the record is not in
    the bin, DUPLICATE_VALUE when a unique value of it has been used again.
    """
    if not obj.soft_deletes or not _in_bin(tx.connection, obj, record_id):
        raise ApiError(400, "UNDELETE_FAILED", "Entity is not in the recycle bin", ())
    rights.require(writer.access, "Create", obj)
    actor = user_id or setup_rows.first_user(writer.org)
    for object_name, member in _members(tx.connection, record_id):
        other = writer.schema[object_name]
        row = _row(tx.connection, other, member)
        checks.check_unique(writer, other, row, member)
        update = dict.fromkeys(_dangling(writer, tx.connection, other, row))
        if row.get("MasterRecordId"):
            update["MasterRecordId"] = None
        flag_row(tx, other, member, {**update, **stamps(other, tx.stamp, actor)}, deleted=False)
        standard.gone(tx, writer.schema, object_name, member)
        tx.connection.execute("DELETE FROM _deleted WHERE object = ? AND id = ?", (object_name, member))


def _in_bin(connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> bool:
    row = connection.execute(
        "SELECT purged FROM _deleted WHERE object = ? AND id = ? AND root = id", (obj.name, record_id)
    ).fetchone()
    return row is not None and not row[0]


def _members(connection: sqlite3.Connection, root: str) -> list[tuple[str, str]]:
    """Object and id of all that was deleted with a root, the root itself first."""
    rows = connection.execute(
        "SELECT object, id FROM _deleted WHERE root = ? AND purged = 0 ORDER BY id <> root, rowid", (root,)
    )
    return [(str(name), str(member)) for name, member in rows]


def _row(connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> dict[str, Any]:
    cursor = connection.execute(f'SELECT * FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
    return dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))


def _dangling(
    writer: Writer, connection: sqlite3.Connection, obj: ObjectType, row: Mapping[str, Any]
) -> list[str]:
    """The references of a row whose record is no more."""
    out = []
    for f in obj.stored_fields:
        value = row.get(f.name)
        if f.type != "reference" or not f.nillable or value is None or f.name == "MasterRecordId":
            continue
        target = writer.schema.by_prefix(value)
        if target is None:
            continue
        found = connection.execute(f'SELECT 1 FROM {quoted(target.name)} WHERE "Id" = ?', (value,)).fetchone()
        if found is None:
            out.append(f.name)
    return out


# -- away ---------------------------------------------------------------------------------------------


def empty(writer: Writer, tx: Transaction, obj: ObjectType, record_id: str) -> None:
    """Do away with a record in the bin and with what was deleted along with it.

    Raises ApiError INVALID_ID_FIELD when it is not in there.
    """
    if not _in_bin(tx.connection, obj, record_id):
        raise ApiError(400, "INVALID_ID_FIELD", "invalid record id; no recycle bin entry found", ())
    rights.require(writer.access, "Delete", obj)
    _purge_root(tx, writer.schema, record_id)


def _purge_root(tx: Transaction, schema: Schema, root: str) -> None:
    for object_name, member in _members(tx.connection, root):
        obj = schema.get(object_name)
        if obj is not None:
            remove_row(tx, obj, member)
        tx.connection.execute(
            "UPDATE _deleted SET purged = 1 WHERE object = ? AND id = ?", (object_name, member)
        )


def sweep(org: Org) -> None:
    """Do away with what has lain in the bin for BIN_DAYS by the org's clock."""
    oldest = stamp(org.clock.now() - timedelta(days=BIN_DAYS))
    due = org.reader().execute(
        "SELECT 1 FROM _deleted WHERE purged = 0 AND deleted_at < ? LIMIT 1", (oldest,)
    )
    if due.fetchone() is None:
        return
    with org.transaction() as tx:
        roots = tx.connection.execute(
            "SELECT DISTINCT root FROM _deleted WHERE purged = 0 AND deleted_at < ?", (oldest,)
        ).fetchall()
        for (root,) in roots:
            _purge_root(tx, org.schema, root)
