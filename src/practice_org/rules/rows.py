"""The rows by which clients see rules: AssignmentRule, DuplicateRule, MatchingRule and its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data.rows import insert_row, remove_row, update_row
from practice_org.data.stamps import stamps
from practice_org.data.tables import quoted
from practice_org.schema import setup_rows

if TYPE_CHECKING:
    from practice_org.org import Org


def mirror(
    org: Org, object_name: str, wanted: Sequence[Mapping[str, Any]], key: tuple[str, ...]
) -> list[str]:
    """Make the rows of a set-up object those wanted, and return their ids in order.

    `key` are the columns that tell which row is which: one that was there keeps its id.
    """
    obj = org.schema[object_name]
    with org.transaction() as tx:
        columns = ", ".join(quoted(name) for name in key)
        present = {
            tuple(row[1:]): str(row[0])
            for row in tx.connection.execute(f'SELECT "Id", {columns} FROM {quoted(obj.name)}')
        }
        actor = setup_rows.first_user(org)
        out = []
        for row in wanted:
            found = present.pop(tuple(row[name] for name in key), None)
            if found is None:
                found = ids.mint(tx.connection, obj.prefix)[0]
                insert_row(tx, obj, {"Id": found, **row, **stamps(obj, tx.stamp, actor, creating=True)})
            else:
                update_row(tx, obj, found, {**row, **stamps(obj, tx.stamp, actor)})
            out.append(found)
        for gone in present.values():
            remove_row(tx, obj, gone)
    return out
