"""Components in the org's file: id, stamps, and what a component says that is not kept elsewhere.

A custom field's type is the schema's, a permission set's rights are in its tables; a component's row holds
the rest (a description, a layout's sections). Components that were made by other ways than the Metadata and
Tooling API, in Setup for example, get their row when somebody first looks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.schema.setup_rows import first_user

if TYPE_CHECKING:
    from practice_org.org import Org

PREFIXES = {
    "CustomField": "00N",
    "CustomObject": "01I",
    "ValidationRule": "03d",
    "Layout": "00h",
    "RecordType": "012",
    "GlobalValueSet": "0Nt",
    "StandardValueSet": "0Sv",
    "CustomTab": "01r",
    "PlatformEventChannel": "0YL",
    "PlatformEventChannelMember": "0v8",
    "LeadConvertSettings": "0Lc",
    "BusinessProcess": "019",
    "PermissionSet": "0PS",
    "Profile": "00e",
}
"""Key prefixes of component types; those of kept types are told by `practice_org.metadata.kept`."""
NO_PREFIX = "000"
"""Of rows whose type has no known prefix: their ids are not shown."""

_COLUMNS = "type, name, id, created, created_by, modified, modified_by, definition"


@dataclass(frozen=True)
class Stored:
    """One row; `created` and `modified` are stamps, `definition` is as a component value."""

    type: str
    name: str
    id: str
    created: str
    created_by: str
    modified: str
    modified_by: str
    definition: dict[str, Any] = field(default_factory=dict)


def find(org: Org, type_name: str, name: str) -> Stored | None:
    """The row of a component, or None."""
    row = (
        org.reader()
        .execute(f"SELECT {_COLUMNS} FROM _component WHERE type = ? AND name = ?", (type_name, name))
        .fetchone()
    )
    return _stored(row) if row else None


def by_id(org: Org, component_id: str) -> Stored | None:
    """The row of that 15- or 18-character id."""
    row = (
        org.reader()
        .execute(f"SELECT {_COLUMNS} FROM _component WHERE id = ?", (ids.to18(component_id),))
        .fetchone()
    )
    return _stored(row) if row else None


def every(org: Org, type_name: str) -> list[Stored]:
    """All rows of a type by name."""
    rows = org.reader().execute(
        f"SELECT {_COLUMNS} FROM _component WHERE type = ? ORDER BY name", (type_name,)
    )
    return [_stored(row) for row in rows]


def _stored(row: Any) -> Stored:
    type_name, name, component_id, created, created_by, modified, modified_by, definition = row
    return Stored(
        type_name, name, component_id, created, created_by, modified, modified_by, json.loads(definition)
    )


def known(org: Org, type_name: str, name: str) -> Stored:
    """The row of a component that exists, made when it has none yet."""
    return find(org, type_name, name) or put(org, None, type_name, name, {})


def put(
    org: Org,
    user_id: str | None,
    type_name: str,
    name: str,
    definition: dict[str, Any],
    component_id: str | None = None,
    prefix: str = NO_PREFIX,
) -> Stored:
    """Store what a component says; its id and creation stay when it is known already.

    `prefix` is of a new id, for types that are not among PREFIXES.
    """
    who = user_id or first_user(org)
    with org.transaction() as tx:
        before = find(org, type_name, name)
        if before is None:
            made = component_id or ids.mint(tx.connection, PREFIXES.get(type_name, prefix))[0]
            row = (type_name, name, made, tx.stamp, who, tx.stamp, who, json.dumps(definition))
            tx.connection.execute(f"INSERT INTO _component({_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?, ?)", row)
        else:
            tx.connection.execute(
                "UPDATE _component SET definition = ?, modified = ?, modified_by = ? WHERE type = ? AND name = ?",
                (json.dumps(definition), tx.stamp, who, type_name, name),
            )
        stored = find(org, type_name, name)
    assert stored is not None
    return stored


def drop(org: Org, type_name: str, name: str) -> None:
    """Forget a component's row."""
    with org.transaction() as tx:
        tx.connection.execute("DELETE FROM _component WHERE type = ? AND name = ?", (type_name, name))


def drop_of_object(org: Org, object_name: str) -> None:
    """Forget the rows of all components that belong to an object."""
    with org.transaction() as tx:
        tx.connection.execute(
            "DELETE FROM _component WHERE name = ? OR name LIKE ? ESCAPE '\\' OR (type = 'Layout' AND name LIKE ? ESCAPE '\\')",
            (object_name, _literal(object_name) + ".%", _literal(object_name) + "-%"),
        )


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def rename(org: Org, user_id: str | None, type_name: str, old: str, new: str) -> None:
    """Give a component's row another name."""
    with org.transaction() as tx:
        tx.connection.execute(
            "UPDATE _component SET name = ?, modified = ?, modified_by = ? WHERE type = ? AND name = ?",
            (new, tx.stamp, user_id or first_user(org), type_name, old),
        )
