"""Which records a user looked at last: by FOR VIEW or FOR REFERENCE in a query, or `Sforce-Mru` on a write."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from practice_org.data.tables import quoted

if TYPE_CHECKING:
    from practice_org.org import Org

KEPT = 200
"""Records kept for a user (the documented most of `recent`)."""


def note(org: Org, user_id: str, object_name: str, record_ids: Iterable[str]) -> None:
    """Remember that the user looked at records of an object that keeps track of it."""
    if not org.schema[object_name].has("mruEnabled"):
        return
    with org.transaction() as tx:
        for record_id in record_ids:
            tx.connection.execute(
                "INSERT OR REPLACE INTO _recent(user_id, record_id, object, number) VALUES(?, ?, ?, "
                "(SELECT coalesce(max(number), 0) + 1 FROM _recent))",
                (user_id, record_id, object_name),
            )
        tx.connection.execute(
            "DELETE FROM _recent WHERE user_id = ?1 AND number <= "
            "(SELECT number FROM _recent WHERE user_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            (user_id, KEPT),
        )


def listing(org: Org, user_id: str, limit: int, object_name: str | None = None) -> list[tuple[str, str, str]]:
    """Object, id and name of the live records that the user looked at, the latest first."""
    only = "" if object_name is None else " AND object = ?"
    rows = (
        org.reader()
        .execute(
            f"SELECT object, record_id FROM _recent WHERE user_id = ?{only} ORDER BY number DESC",
            (user_id, *([] if object_name is None else [object_name])),
        )
        .fetchall()
    )
    out = []
    for name, record_id in rows:
        obj = org.schema.get(name)
        title = next((f.name for f in obj.fields if f.has("nameField")), None) if obj else None
        if obj is None or title is None:
            continue
        live = ' AND "IsDeleted" = 0' if obj.soft_deletes else ""
        row = (
            org.reader()
            .execute(f'SELECT {quoted(title)} FROM {quoted(name)} WHERE "Id" = ?{live}', (record_id,))
            .fetchone()
        )
        if row is not None:
            out.append((name, record_id, row[0]))
        if len(out) == limit:
            break
    return out
