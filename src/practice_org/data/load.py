"""Bulk loading for seeds: rows go straight into the tables, without the checks of a client's write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.clock import stamp
from practice_org.data.tables import index_sql, quoted
from practice_org.data.values import to_stored
from practice_org.schema import setup_rows

if TYPE_CHECKING:
    from practice_org.org import Org

CHUNK = 5_000
REBUILD_INDEXES_FROM = 20_000
"""Loads into an empty table drop its indexes and make them afterwards, from so many rows on."""


def bulk_insert(
    org: Org,
    object_name: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    expected: int = 0,
    converted: bool = True,
) -> int:
    """Store rows and return how many; memory stays flat whatever their number.

    `columns` are field names. Missing Id, owner, Name of people, defaults and system fields are filled in.
    Datetimes may be aware datetimes or stored text (`2026-01-31T12:00:00`), booleans bool or 0/1; values
    are taken as they are unless `converted` is False, which puts each through the field's reader.
    `expected` (the number of rows, if known) lets a large load rebuild indexes at its end.
    Rows with IsDeleted go into the recycle bin with their SystemModstamp. Raises KeyError for an unknown
    object or column.
    """
    obj = org.schema[object_name]
    fields = []
    for name in columns:
        found = obj.get(name)
        if found is None or not found.stored:
            raise KeyError(name)
        fields.append(found)
    names = [f.name for f in fields]
    owner = setup_rows.first_user(org)
    moment = stamp(org.clock.now())
    fill: dict[str, Any] = {}
    for f in obj.stored_fields:
        if f.name in names or f.type == "id":
            continue
        if f.name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            fill[f.name] = moment
        elif f.name in ("CreatedById", "LastModifiedById", "OwnerId"):
            fill[f.name] = owner
        elif f.default is not None and f.type != "boolean":
            fill[f.name] = f.default
    minted = "Id" not in names
    named = obj.is_person and "Name" not in names and "LastName" in names
    target = ([] if not minted else ["Id"]) + names + list(fill) + (["Name"] if named else [])
    fill.pop("Name", None)
    target = [n for i, n in enumerate(target) if n not in target[:i]]
    sql = (
        f"INSERT INTO {quoted(obj.name)}({', '.join(quoted(n) for n in target)}) "
        f"VALUES({', '.join('?' * len(target))})"
    )
    first = names.index("FirstName") if "FirstName" in names else None
    last = names.index("LastName") if named else None
    extra = tuple(fill.values())

    def stored(chunk: list[Sequence[Any]], fresh: list[str]) -> Iterator[tuple[Any, ...]]:
        for number, row in enumerate(chunk):
            values = (
                tuple(_plain(v) for v in row)
                if converted
                else tuple(to_stored(f, v, typed=False) for f, v in zip(fields, row, strict=True))
            )
            out = (*((fresh[number],) if minted else ()), *values, *extra)
            if named and last is not None:
                given = values[first] if first is not None else None
                out = (*out, f"{given} {values[last]}" if given else values[last])
            yield out

    empty = org.reader().execute(f"SELECT 1 FROM {quoted(obj.name)} LIMIT 1").fetchone() is None
    rebuild = empty and expected >= REBUILD_INDEXES_FROM
    if rebuild:
        with org.transaction() as tx:
            for index, _ in index_sql(obj):
                tx.connection.execute(f"DROP INDEX IF EXISTS {quoted(index)}")
    total = 0
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        with org.transaction() as tx:
            fresh = ids.mint(tx.connection, obj.prefix, len(chunk)) if minted else []
            tx.connection.executemany(sql, stored(chunk, fresh))
        total += len(chunk)
    with org.transaction() as tx:
        # Rows come past the checks, too many to tell of one by one.
        tx.changes.overflow(tx, obj)
        if rebuild:
            for _, statement in index_sql(obj):
                tx.connection.execute(statement)
        if "IsDeleted" in names:
            tx.connection.execute(
                "INSERT OR IGNORE INTO _deleted(object, id, deleted_at, root) "
                f'SELECT ?, "Id", "SystemModstamp", "Id" FROM {quoted(obj.name)} WHERE "IsDeleted" = 1',
                (obj.name,),
            )
        if rebuild:
            tx.connection.execute("PRAGMA optimize")
    return total


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, bool):
        return int(value)
    return None if value == "" else value
