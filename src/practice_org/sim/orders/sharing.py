"""Orders about sharing: who sees whose records; see `data.sharing`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from practice_org import ids
from practice_org.data.rows import insert_row, remove_row, update_row
from practice_org.data.sharing import DEFAULTS, LEVELS, SETTING
from practice_org.data.sharing_defaults import set_defaults
from practice_org.data.stamps import stamps
from practice_org.org import Org, Transaction
from practice_org.schema import setup_rows
from practice_org.sim.plane import BadOrder, Control, Order, caller_id

KNOWN = ("defaults", "roles", "users", "queues", "share", "unshare")


def sharing(control: Control, order: Order) -> Any:
    """`{defaults: {Lead: "Private"}, roles, users, queues, share, unshare}`; see the page on rules.

    `defaults` replaces the organization-wide defaults; all else is added to what there is.
    """
    org = control.org
    unknown = sorted(set(order) - set(KNOWN))
    if unknown:
        raise BadOrder(f"unknown field {unknown[0]!r}; there are {', '.join(KNOWN)}")
    defaults = {org.schema[name].name: value for name, value in order.get("defaults", {}).items()}
    for name, value in defaults.items():
        if value not in DEFAULTS:
            raise BadOrder(f"the default of {name} must be one of {', '.join(DEFAULTS)}, not {value!r}")
    with org.transaction() as tx:
        for name, parent in order.get("roles", {}).items():
            _role(org, tx, name, parent)
        for username, role in order.get("users", {}).items():
            update_row(
                tx, org.schema["User"], caller_id(control, username), {"UserRoleId": _role_id(org, role)}
            )
        for queue, usernames in order.get("queues", {}).items():
            _members(org, tx, queue, [caller_id(control, one) for one in usernames])
        for one in order.get("share", []):
            _share(control, tx, one)
        for one in order.get("unshare", []):
            tx.connection.execute("DELETE FROM _share WHERE record_id = ?", (_record(org, one)[1],))
    if "defaults" in order:
        set_defaults(org, defaults)
    org.access_cache.clear()
    return shown(org)


def sharing_in_force(control: Control, order: Order) -> Any:
    """Organization-wide defaults and manual shares."""
    return shown(control.org)


def shown(org: Org) -> dict[str, Any]:
    """Defaults and shares as they stand."""
    rows = org.reader().execute("SELECT object, record_id, grantee, level FROM _share ORDER BY 1, 2, 3")
    names = ("object", "id", "with", "level")
    return {
        "defaults": org.setting(SETTING) or {},
        "shares": [dict(zip(names, row, strict=True)) for row in rows],
    }


def _role(org: Org, tx: Transaction, name: str, parent: str | None) -> None:
    obj = org.schema["UserRole"]
    above = _role_id(org, parent) if parent else None
    found = tx.connection.execute('SELECT "Id" FROM "UserRole" WHERE "Name" = ?', (name,)).fetchone()
    if found:
        update_row(tx, obj, str(found[0]), {"ParentRoleId": above})
        return
    row = {
        "Id": ids.mint(tx.connection, obj.prefix)[0],
        "Name": name,
        "DeveloperName": "".join(c if c.isalnum() else "_" for c in name),
        "ParentRoleId": above,
        **stamps(obj, tx.stamp, setup_rows.first_user(org), creating=True),
    }
    insert_row(tx, obj, {key: value for key, value in row.items() if obj.get(key)})


def _role_id(org: Org, name: str) -> str:
    found = org.reader().execute('SELECT "Id" FROM "UserRole" WHERE "Name" = ?', (name,)).fetchone()
    if found is None:
        raise BadOrder(f"no role {name!r}")
    return str(found[0])


def _members(org: Org, tx: Transaction, queue: str, users: Iterable[str]) -> None:
    row = tx.connection.execute(
        'SELECT "Id" FROM "Group" WHERE ("Name" = ?1 OR "Id" = ?1) AND "Type" = \'Queue\'', (queue,)
    ).fetchone()
    if row is None:
        raise BadOrder(f"no queue {queue!r}")
    obj = org.schema["GroupMember"]
    old = tx.connection.execute('SELECT "Id" FROM "GroupMember" WHERE "GroupId" = ?', (row[0],)).fetchall()
    for (member,) in old:
        remove_row(tx, obj, str(member))
    for user in users:
        fresh = {"Id": ids.mint(tx.connection, obj.prefix)[0], "GroupId": row[0], "UserOrGroupId": user}
        more = {"SystemModstamp": tx.stamp} if obj.get("SystemModstamp") else {}
        insert_row(tx, obj, {**fresh, **more})


def _share(control: Control, tx: Transaction, one: Any) -> None:
    object_name, record_id = _record(control.org, one)
    level = one.get("level", "Read")
    if level not in LEVELS:
        raise BadOrder(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
    given = str(one["with"])
    grantee = ids.to18(given) or caller_id(control, given)
    tx.connection.execute(
        "INSERT OR REPLACE INTO _share VALUES(?, ?, ?, ?)", (object_name, record_id, grantee, level)
    )


def _record(org: Org, one: Any) -> tuple[str, str]:
    given = str(one["id"] if isinstance(one, dict) else one)
    found = ids.to18(given)
    obj = org.schema.by_prefix(found) if found else None
    if found is None or obj is None:
        raise BadOrder(f"{given!r} is no record id")
    return obj.name, found
