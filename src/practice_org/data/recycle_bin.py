"""Deleting records into the recycle bin, taking them out again, and doing away with them.

What is deleted along with a record shares its `root` in `_deleted`, and comes back with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from practice_org.data import checks
from practice_org.data.checks import Writer
from practice_org.data.rows import flag_row, remove_row
from practice_org.data.stamps import stamps
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Transaction


def delete(
    writer: Writer, tx: Transaction, user_id: str | None, obj: ObjectType, record_id: str, *, hard: bool
) -> None:
    """Put a live record into the recycle bin, or do away with it (`hard`).

    Raises ApiError CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY, FEATURENOTENABLED, and what `current_row` and
    `rights.require` raise.
    """
    if not writer.access.unlimited and not obj.has("deletable"):
        raise checks.entity_refused("deleted", obj)
    if hard:
        _purge(writer, tx, obj, record_id)
        return
    checks.current_row(tx.connection, obj, record_id)
    rights.require(writer.access, "Delete", obj)
    _delete_tree(writer, tx, user_id or rights.first_user(writer.org), obj, record_id, record_id)


def _delete_tree(
    writer: Writer, tx: Transaction, actor: str, obj: ObjectType, record_id: str, root: str
) -> None:
    for relationship in writer.schema.children(obj):
        child = writer.schema.get(relationship.child)
        if child is None or not child.soft_deletes or "c" not in relationship.flags:
            continue
        rows = tx.connection.execute(
            f'SELECT "Id" FROM {quoted(child.name)} WHERE {quoted(relationship.field)} = ? '
            'AND "IsDeleted" = 0',
            (record_id,),
        ).fetchall()
        for (child_id,) in rows:
            _delete_tree(writer, tx, actor, child, child_id, root)
    if not obj.soft_deletes:
        remove_row(tx, obj, record_id)
    else:
        flag_row(tx, obj, record_id, stamps(obj, tx.stamp, actor), deleted=True)
    tx.connection.execute(
        "INSERT OR REPLACE INTO _deleted(object, id, deleted_at, root) VALUES(?, ?, ?, ?)",
        (obj.name, record_id, tx.stamp, root),
    )


def _purge(writer: Writer, tx: Transaction, obj: ObjectType, record_id: str) -> None:
    if not writer.access.unlimited and "BulkApiHardDelete" not in writer.access.system:
        raise ApiError(
            403,
            "FEATURENOTENABLED",
            "hardDelete operation requires special user profile permission, please contact your system administrator",
        )
    checks.current_row(tx.connection, obj, record_id)
    remove_row(tx, obj, record_id)
    tx.connection.execute(
        "INSERT OR REPLACE INTO _deleted(object, id, deleted_at, root, purged) VALUES(?, ?, ?, ?, 1)",
        (obj.name, record_id, tx.stamp, record_id),
    )


def undelete(writer: Writer, tx: Transaction, user_id: str | None, obj: ObjectType, record_id: str) -> None:
    """Take a record out of the recycle bin, with what was deleted along with it.

    Raises ApiError UNDELETE_FAILED when it is not in there.
    """
    row = tx.connection.execute(
        "SELECT purged FROM _deleted WHERE object = ? AND id = ?", (obj.name, record_id)
    ).fetchone()
    if row is None or row[0] or not obj.soft_deletes:
        raise ApiError(400, "UNDELETE_FAILED", "Entity is not in the recycle bin", ("Id",))
    rights.require(writer.access, "Create", obj)
    actor = user_id or rights.first_user(writer.org)
    together = tx.connection.execute(
        "SELECT object, id FROM _deleted WHERE root = ? AND purged = 0", (record_id,)
    )
    for object_name, member in {(obj.name, record_id): None, **dict.fromkeys(together.fetchall())}:
        other = writer.schema[object_name]
        flag_row(tx, other, member, stamps(other, tx.stamp, actor), deleted=False)
        tx.connection.execute("DELETE FROM _deleted WHERE object = ? AND id = ?", (object_name, member))
