"""What formulas of rules are asked about, taken from the write that is under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from practice_org.clock import stamp
from practice_org.data.tables import quoted
from practice_org.formula.evaluate import Moment

if TYPE_CHECKING:
    import sqlite3

    from practice_org.org import Org

_OF_USER = {
    "User": 'SELECT * FROM "User" WHERE "Id" = ?',
    "Profile": 'SELECT p.* FROM "Profile" p JOIN "User" u ON u."ProfileId" = p."Id" WHERE u."Id" = ?',
    "UserRole": 'SELECT r.* FROM "UserRole" r JOIN "User" u ON u."UserRoleId" = r."Id" WHERE u."Id" = ?',
    "Organization": 'SELECT * FROM "Organization" WHERE ?1 IS ?1',
}


class Globals(Mapping[str, "dict[str, Any]"]):
    """The rows behind `$User`, `$Profile`, `$UserRole` and `$Organization`, read when they are asked for."""

    def __init__(self, connection: sqlite3.Connection, user_id: str) -> None:
        self._connection = connection
        self._user_id = user_id
        self._rows: dict[str, dict[str, Any]] = {}

    def __getitem__(self, group: str) -> dict[str, Any]:
        found = self._rows.get(group)
        if found is None:
            found = _row(self._connection, _OF_USER[group], self._user_id) or {}
            self._rows[group] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_OF_USER)

    def __len__(self) -> int:
        return len(_OF_USER)


def moment(
    org: Org,
    connection: sqlite3.Connection,
    user_id: str,
    row: Mapping[str, Any],
    before: Mapping[str, Any] | None,
) -> Moment:
    """A record as it is about to be stored by a user."""

    def fetch(object_name: str, record_id: str) -> dict[str, Any] | None:
        return _row(connection, f'SELECT * FROM {quoted(object_name)} WHERE "Id" = ?', record_id)

    return Moment(row, before, stamp(org.clock.now()), org.today(), fetch, Globals(connection, user_id))


def _row(connection: sqlite3.Connection, sql: str, key: str) -> dict[str, Any] | None:
    cursor = connection.execute(sql, (key,))
    found = cursor.fetchone()
    return None if found is None else dict(zip((d[0] for d in cursor.description), found, strict=True))
