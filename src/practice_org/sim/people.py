"""Orders about users: create or change them, and what they or their profile may do.

Rights belong to profiles, as in Salesforce: an order that names a user changes the rights of that
user's profile. Name `profile` alone to change a profile directly.
"""

from __future__ import annotations

from typing import Any

from practice_org.auth.door import Door
from practice_org.auth.passwords import new_password, new_security_token
from practice_org.auth.people import Caller, caller_by_id, caller_by_username, set_credentials, set_locked
from practice_org.data.rows import update_row
from practice_org.org import Org
from practice_org.schema import access, birth, permission_sets, profiles

KNOWN = {
    "username", "first_name", "last_name", "email", "profile", "active", "password", "security_token", "locked",
    "system_permissions", "objects", "fields",
}  # fmt: skip
FIELD_RIGHTS = {"hidden": (False, False), "read": (True, False), "edit": (True, True)}


def order(door: Door, order: dict[str, Any]) -> dict[str, Any]:
    """Carry out one order. Raises ValueError (or KeyError for an unknown profile) saying what is wrong."""
    unknown = sorted(set(order) - KNOWN)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; there are {', '.join(sorted(KNOWN))}")
    _checked(order)
    org = door.org
    with org.transaction():
        caller = _user(org, order) if "username" in order else None
        profile = caller.profile_id if caller else order["profile"]
        set_id = profiles.permission_set_of_profile(org, profile)
        _rights(org, set_id, order)
    door.sessions.forget()
    org.access_cache.clear()
    if caller is None:
        return {"profile": profile}
    row = (
        org.reader()
        .execute("SELECT password, security_token FROM _demo_credential WHERE user_id = ?", (caller.id,))
        .fetchone()
    )
    return {
        "id": caller.id,
        "username": caller.username,
        "profile_id": caller.profile_id,
        "active": caller.active,
        "password": row[0] if row else None,
        "security_token": row[1] if row else None,
    }


def _checked(order: dict[str, Any]) -> None:
    for name in ("active", "locked"):
        if name in order and not isinstance(order[name], bool):
            raise ValueError(f"{name} must be true or false, not {order[name]!r}")
    for name in ("system_permissions", "objects", "fields"):
        if not isinstance(order.get(name, {}), dict):
            raise ValueError(f"{name} must be an object of names and rights, not {order[name]!r}")
    for name in KNOWN - {"active", "locked", "system_permissions", "objects", "fields"}:
        if order.get(name) is not None and not isinstance(order[name], str):
            raise ValueError(f"{name} must be a text, not {order[name]!r}")
    for name, on in order.get("system_permissions", {}).items():
        if not isinstance(on, bool):
            raise ValueError(f"{name} must be true or false, not {on!r}")
    if "username" not in order and "profile" not in order:
        raise ValueError("an order names a username or a profile")


def _user(org: Org, order: dict[str, Any]) -> Caller:
    caller = caller_by_username(org, order["username"])
    if caller is None:
        user_id = birth.create_user(
            org,
            username=order["username"],
            first_name=order.get("first_name"),
            last_name=order.get("last_name") or "User",
            email=order.get("email"),
            profile=order.get("profile", birth.STANDARD_PROFILE),
            active=order.get("active", True),
        )
        set_credentials(
            org,
            _found(org, user_id),
            order.get("password") or new_password(),
            order.get("security_token") or new_security_token(),
            "added",
        )
    else:
        user_id = caller.id
        _change(org, caller, order)
    if "locked" in order:
        set_locked(org, user_id, bool(order["locked"]))
    return _found(org, user_id)


def _found(org: Org, user_id: str) -> Caller:
    caller = caller_by_id(org, user_id)
    if caller is None:
        raise ValueError(f"no user {user_id}")
    return caller


def _change(org: Org, caller: Caller, order: dict[str, Any]) -> None:
    columns = {"first_name": "FirstName", "last_name": "LastName", "email": "Email"}
    changes: dict[str, Any] = {column: order[key] for key, column in columns.items() if key in order}
    if "active" in order:
        changes["IsActive"] = int(bool(order["active"]))
    if "profile" in order:
        profiles.permission_set_of_profile(org, order["profile"])
        changes["ProfileId"] = (
            org.reader()
            .execute('SELECT "Id" FROM "Profile" WHERE "Id" = ?1 OR "Name" = ?1', (order["profile"],))
            .fetchone()[0]
        )
    if changes:
        with org.transaction() as tx:
            stamped = {**changes, "SystemModstamp": tx.stamp, "LastModifiedDate": tx.stamp}
            update_row(tx, org.schema["User"], caller.id, stamped)
    if "password" in order or "security_token" in order:
        row = org.reader().execute(
            "SELECT password, security_token FROM _demo_credential WHERE user_id = ?", (caller.id,)
        ).fetchone() or (new_password(), new_security_token())
        set_credentials(org, caller, order.get("password", row[0]), order.get("security_token", row[1]))


def _rights(org: Org, set_id: str, order: dict[str, Any]) -> None:
    for name, on in order.get("system_permissions", {}).items():
        permission_sets.set_system_permission(org, set_id, name, bool(on))
    for object_name, rights in order.get("objects", {}).items():
        obj = org.schema[object_name]
        if not set(rights) <= set(access.RIGHTS):
            raise ValueError(f"rights on {obj.name} must be of {', '.join(access.RIGHTS)}")
        permission_sets.set_object_rights(org, set_id, obj.name, rights)
    for name, right in order.get("fields", {}).items():
        object_name, _, field_name = name.partition(".")
        if right not in FIELD_RIGHTS:
            raise ValueError(f"{name} must be one of {', '.join(FIELD_RIGHTS)}, not {right!r}")
        read, edit = FIELD_RIGHTS[right]
        permission_sets.set_field_rights(org, set_id, object_name, field_name, read=read, edit=edit)
