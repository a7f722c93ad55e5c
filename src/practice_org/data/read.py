"""Reading records by id, by key, or by query, for handlers and for others inside the org."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data import query as queries
from practice_org.data import sharing
from practice_org.data.tables import quoted
from practice_org.data.values import to_stored
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soql import shape
from practice_org.soql.compiler import Setting, compile_query
from practice_org.soql.tree import Item, Path, Query

if TYPE_CHECKING:
    from practice_org.org import Org


def select(
    org: Org,
    user_id: str | None,
    soql: str,
    *,
    include_deleted: bool = False,
    version: str = "67.0",
) -> list[dict[str, Any]]:
    """All records of a query, as REST answers show them. For small results: nothing is paged."""
    plan = queries.plan_of(org, user_id, soql, include_deleted=include_deleted)
    with org.snapshot() as reader:
        if plan.count_only:
            return [{"expr0": reader.execute(plan.sql, plan.params).fetchone()[0]}]
        rows = reader.execute(plan.sql, plan.params).fetchall()
        if plan.aggregate is not None:
            render = shape.aggregate(plan.aggregate)
            return [render(row) for row in rows]
        return queries.records_of(reader, plan, rows, version)


def by_ids(
    org: Org,
    user_id: str | None,
    obj: ObjectType,
    record_ids: Sequence[str],
    fields: Sequence[str],
    version: str,
) -> dict[str, dict[str, Any]]:
    """Live records by their 18-character ids, with the given fields (paths may lead to parents).

    Raises ApiError INVALID_FIELD, in the wording of single-record calls, for an unknown field.
    """
    access = rights.for_user(org, user_id)
    items = [Item(Path(tuple(name.split(".")), 0), None) for name in dict.fromkeys(fields)]
    for name in fields:
        if "." not in name:
            f = obj.get(name)
            if f is None or not access.sees(obj, f):
                raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
    text = f"SELECT {', '.join(fields)} FROM {obj.name}"
    query = Query(text=text, items=tuple(items), source=Path((obj.name,), 0))
    plan = compile_query(query, Setting(org.schema, access, org.clock.now(), queries.zone_of(org, user_id)))
    with org.snapshot() as reader:
        wanted = sharing.visible(reader, access, obj, list(dict.fromkeys(record_ids)))
        rows = queries.rows_by_id(reader, plan, wanted, live=obj.soft_deletes)
        assert plan.node is not None
        key = plan.node.id_index
        records = queries.records_of(reader, plan, rows, version)
        return dict(zip((row[key] for row in rows), records, strict=True))


def visible_names(org: Org, user_id: str | None, obj: ObjectType) -> list[str]:
    """The names of the fields that the user sees, in describe order."""
    return [f.name for f in rights.for_user(org, user_id).visible_fields(obj)]


def matching_ids(org: Org, obj: ObjectType, f: Field, value: str) -> list[str]:
    """The ids of the live records whose key field has a value."""
    if f.type == "id":
        found = ids.to18(value)
        wanted: Any = found or value
    else:
        wanted = to_stored(f, value, typed=False)
    if wanted is None:
        return []
    live = ' AND "IsDeleted" = 0' if obj.soft_deletes else ""
    test = f"{quoted(f.name)} = ?"
    if isinstance(wanted, str) and f.is_text and not wanted.isascii():
        test, wanted = f"sf_fold({quoted(f.name)}) = ?", wanted.casefold()
    rows = org.reader().execute(
        f'SELECT "Id" FROM {quoted(obj.name)} WHERE {test}{live} ORDER BY "Id" LIMIT 100', (wanted,)
    )
    return [row[0] for row in rows]
