"""Query cursors: the ids of a result, kept in a file for the batches after the first.

Batches are read by id, so that memory stays flat however large the result is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from practice_org.clock import stamp
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

OPEN_CURSORS = 10
"""Of one user: the eleventh ends the oldest. Those of sub-selects are not counted."""
CURSOR_HOURS = 48
_ID_BYTES = 18
_WRITTEN_AT_ONCE = 10_000
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz"


@dataclass(frozen=True)
class Opening:
    """Who asks what, in batches of which size; `child` leads to a sub-select by its numbers."""

    org: Org
    session: str
    user_id: str
    soql: str
    include_deleted: bool
    batch: int
    version: str
    child: tuple[int, ...] = ()

    def of_child(self, number: int) -> Opening:
        return replace(self, child=(*self.child, number))


@dataclass(frozen=True)
class Part:
    """A batch of a cursor: its ids, and what they are the result of."""

    soql: str
    include_deleted: bool
    batch: int
    child: tuple[int, ...]
    total: int
    ids: list[str]
    next_locator: str | None


def spool(opening: Opening, ids: Iterable[str]) -> tuple[str, int]:
    """Keep the ids of a whole result; the locator (without position) and their number."""
    org = opening.org
    locator = "0r8" + "".join(secrets.choice(_ALPHABET) for _ in range(15))
    total = 0
    with org.file(f"cursor-{locator}").open("wb") as file:
        left = iter(ids)
        while some := list(islice(left, _WRITTEN_AT_ONCE)):
            file.write("".join(some).encode("ascii"))
            total += len(some)
    with org.transaction() as tx:
        tx.connection.execute(
            "INSERT INTO _cursor VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (
                locator,
                opening.session,
                opening.user_id,
                opening.soql,
                int(opening.include_deleted),
                opening.batch,
                total,
                stamp(org.clock.now()),
            ),
        )
        if opening.child:
            path = ".".join(map(str, opening.child))
            tx.connection.execute("INSERT INTO _cursor_child VALUES(?, ?)", (locator, path))
        old = [
            row[0]
            for row in tx.connection.execute(
                "SELECT locator FROM _cursor WHERE created < ? "
                "UNION SELECT locator FROM (SELECT locator FROM _cursor WHERE user_id = ? "
                "AND locator NOT IN (SELECT locator FROM _cursor_child) "
                "ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?)",
                (_oldest(org), opening.user_id, OPEN_CURSORS),
            )
        ]
        for stale in old:
            tx.connection.execute("DELETE FROM _cursor WHERE locator = ?", (stale,))
            tx.connection.execute("DELETE FROM _cursor_child WHERE locator = ?", (stale,))
    for stale in old:
        org.file(f"cursor-{stale}").unlink(missing_ok=True)
    return locator, total


def part(org: Org, user_id: str, session: str, locator: str) -> Part:
    """The batch that a locator with its position (`0r8...-2000`) names.

    Raises ApiError INVALID_QUERY_LOCATOR when it is unknown, another session's, or over 48 hours old.
    """
    key, _, position = locator.partition("-")
    row = (
        org.reader()
        .execute(
            "SELECT session, user_id, soql, include_deleted, batch, total, created, "
            "(SELECT path FROM _cursor_child c WHERE c.locator = _cursor.locator) "
            "FROM _cursor WHERE locator = ?",
            (key,),
        )
        .fetchone()
    )
    known = row is not None and row[0] == session and row[1] == user_id and row[6] >= _oldest(org)
    if not known or not (position.isascii() and position.isdigit() and len(position) < 10):
        raise _invalid_locator()
    _, _, soql, include_deleted, batch, total, _, path = row
    start = int(position)
    if start >= total:
        raise _invalid_locator()
    try:
        with org.file(f"cursor-{key}").open("rb") as file:
            file.seek(start * _ID_BYTES)
            data = file.read(batch * _ID_BYTES).decode("ascii")
    except OSError:
        raise _invalid_locator() from None
    following = start + batch
    return Part(
        soql=soql,
        include_deleted=bool(include_deleted),
        batch=batch,
        child=tuple(int(number) for number in path.split(".")) if path else (),
        total=total,
        ids=[data[at : at + _ID_BYTES] for at in range(0, len(data), _ID_BYTES)],
        next_locator=f"{key}-{following}" if following < total else None,
    )


def _oldest(org: Org) -> str:
    return stamp(org.clock.now() - timedelta(hours=CURSOR_HOURS))


def _invalid_locator() -> ApiError:
    return ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
