"""Sharing: which records a user sees and may change, by who owns them.

Each object has an organization-wide default: `Private` (owners only), `Read` (all read, owners edit),
`ReadWrite` (all edit, owners delete) or `ControlledByParent` (as the account is shared). What is not named
is public without any check, and costs nothing. On top of the default come the role hierarchy (those above
an owner have the owner's access), queues (their members own what the queue owns), manual shares, and the
permissions View All and Modify All of object and org.

Kept in the setting `sharing` (defaults by object) and the table `_share`; ordered by the control plane.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.data.checks import Writer
    from practice_org.org import Org
    from practice_org.schema.access import Access

SETTING = "sharing"
DEFAULTS = ("Private", "Read", "ReadWrite", "ControlledByParent")
LEVELS = ("Read", "Edit")
_GRANTEES = """
WITH RECURSIVE below(role) AS (
  SELECT r."Id" FROM "UserRole" r JOIN "User" u ON r."ParentRoleId" = u."UserRoleId" WHERE u."Id" = ?1
  UNION SELECT r."Id" FROM "UserRole" r JOIN below b ON r."ParentRoleId" = b.role)
SELECT ?1 UNION SELECT "Id" FROM "User" WHERE "UserRoleId" IN (SELECT role FROM below)
"""


@dataclass(frozen=True)
class Sharing:
    """What one user sees of objects that are not public.

    `owners` are the user, the people below and the queues of all of them: what they own, the user owns.
    `reads`, `edits`: the objects that the user may read or edit whole.
    """

    defaults: Mapping[str, str]
    owners: tuple[str, ...]
    reads: frozenset[str]
    edits: frozenset[str]

    def row_filter(self, obj: ObjectType, alias: str) -> tuple[str, list[str]] | None:
        """The SQL test, with its parameters, of the records that the user sees; None: all of them."""
        return self._test(obj, alias, "Read")

    def edit_filter(self, obj: ObjectType, alias: str) -> tuple[str, list[str]] | None:
        """The same for records that the user may edit."""
        return self._test(obj, alias, "Edit")

    def delete_filter(self, obj: ObjectType, alias: str) -> tuple[str, list[str]] | None:
        """The same for records that the user may delete: owners may, and those above them."""
        return self._test(obj, alias, "Delete")

    def _test(self, obj: ObjectType, alias: str, right: str) -> tuple[str, list[str]] | None:
        default = self.defaults.get(obj.name)
        whole = self.reads if right == "Read" else self.edits
        open_to_all = {"Read": ("Read", "ReadWrite"), "Edit": ("ReadWrite",), "Delete": ()}[right]
        if default is None or obj.name in whole or default in open_to_all:
            return None
        owned = self._owned(obj, alias, right)
        if default != "ControlledByParent" or obj.get("AccountId") is None:
            return owned
        # The object of a parent is not at hand; its name, owner and shares are all that is asked of it.
        parent = self._parent(right)
        if parent is None:
            return None
        sql = (
            f'(CASE WHEN {alias}."AccountId" IS NULL THEN {owned[0]} ELSE EXISTS(SELECT 1 FROM "Account" sp '
            f'WHERE sp."Id" = {alias}."AccountId" AND {parent[0]}) END)'
        )
        return sql, [*owned[1], *parent[1]]

    def _parent(self, right: str) -> tuple[str, list[str]] | None:
        default = self.defaults.get("Account")
        whole = self.reads if right == "Read" else self.edits
        open_to_all = ("Read", "ReadWrite") if right == "Read" else ("ReadWrite",)
        if default is None or "Account" in whole or default in open_to_all:
            return None
        return self._by_owner("Account", "sp", right)

    def _owned(self, obj: ObjectType, alias: str, right: str) -> tuple[str, list[str]]:
        if obj.get("OwnerId") is None:
            return "0", []
        return self._by_owner(obj.name, alias, right)

    def _by_owner(self, name: str, alias: str, right: str) -> tuple[str, list[str]]:
        marks = ",".join("?" * len(self.owners))
        owned = f'{alias}."OwnerId" IN ({marks})'
        if right == "Delete":
            return owned, list(self.owners)
        levels = "'Read', 'Edit'" if right == "Read" else "'Edit'"
        shared = (
            f"EXISTS(SELECT 1 FROM _share sh WHERE sh.object = '{name}' AND sh.record_id = {alias}.\"Id\" "
            f"AND sh.level IN ({levels}) AND sh.grantee IN ({marks}))"
        )
        return f"({owned} OR {shared})", [*self.owners, *self.owners]


def sharing_of(org: Org, user_id: str, system: set[str], objects: Mapping[str, set[str]]) -> Sharing | None:
    """What a user with these permissions sees; None when nothing is kept from them."""
    defaults: dict[str, str] = org.setting(SETTING) or {}
    if not defaults or "ModifyAllData" in system:
        return None
    all_read = "ViewAllData" in system
    reads = {
        name
        for name in defaults
        if all_read or {"ViewAllRecords", "ModifyAllRecords"} & objects.get(name, set())
    }
    edits = {name for name in defaults if "ModifyAllRecords" in objects.get(name, set())}
    reader = org.reader()
    people = [str(row[0]) for row in reader.execute(_GRANTEES, (user_id,))]
    marks = ",".join("?" * len(people))
    queues = [
        str(row[0])
        for row in reader.execute(
            f'SELECT DISTINCT "GroupId" FROM "GroupMember" WHERE "UserOrGroupId" IN ({marks})', people
        )
    ]
    return Sharing(dict(defaults), (*people, *queues), frozenset(reads), frozenset(edits))


def visible(
    reader: sqlite3.Connection, access: Access, obj: ObjectType, record_ids: Sequence[str]
) -> list[str]:
    """Those of the ids that the user sees, in their order."""
    shared = access.row_filter(obj, "t")
    if shared is None or not record_ids:
        return list(record_ids)
    seen: set[str] = set()
    for start in range(0, len(record_ids), 500):
        some = record_ids[start : start + 500]
        marks = ",".join("?" * len(some))
        rows = reader.execute(
            f'SELECT t."Id" FROM {quoted(obj.name)} t WHERE t."Id" IN ({marks}) AND {shared[0]}',
            (*some, *shared[1]),
        )
        seen.update(row[0] for row in rows)
    return [record_id for record_id in record_ids if record_id in seen]


def require(writer: Writer, obj: ObjectType, row: Mapping[str, Any], right: str) -> None:
    """Raise the refusal that sharing gives for changing (Edit) or deleting (Delete) a stored record.

    What the user does not even see is refused as INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY (quoted
    with status 400 and the 15-character id), what is seen only as INSUFFICIENT_ACCESS_OR_READONLY.
    """
    shared = writer.access.sharing
    if shared is None:
        return
    wanted = shared.edit_filter(obj, "t") if right == "Edit" else shared.delete_filter(obj, "t")
    if _holds(writer.connection, obj, row["Id"], wanted):
        return
    if _holds(writer.connection, obj, row["Id"], shared.row_filter(obj, "t")):
        raise ApiError(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", ())
    raise _not_seen(str(row["Id"]))


def require_reference(writer: Writer, target: ObjectType, record_id: str) -> None:
    """Raise the refusal for a reference to a record that the user does not see."""
    if writer.access.sharing is None:
        return
    if not _holds(writer.connection, target, record_id, writer.access.row_filter(target, "t")):
        raise _not_seen(record_id)


def _holds(
    connection: sqlite3.Connection, obj: ObjectType, record_id: str, test: tuple[str, list[str]] | None
) -> bool:
    if test is None:
        return True
    found = connection.execute(
        f'SELECT 1 FROM {quoted(obj.name)} t WHERE t."Id" = ? AND {test[0]}', (record_id, *test[1])
    ).fetchone()
    return found is not None


def _not_seen(record_id: str) -> ApiError:
    return ApiError(
        400,
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
        f"insufficient access rights on cross-reference id: {record_id[:15]}",
        (),
    )
