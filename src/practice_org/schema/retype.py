"""What happens to values when a custom field changes its type, length or uniqueness.

Which changes lose data is Salesforce's list ("Considerations for Converting the Field Type of a Custom
Field"); through the API a change that would lose data is refused while there is data ("Cannot change type
due to existing data", as quoted from deployments). A length below that of existing values is refused too;
the wording of that refusal is ours.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from practice_org.data import tables
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema import custom
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.schema.field_spec import FieldSpec, build, setup_type

if TYPE_CHECKING:
    from practice_org.org import Org

_FIXED = frozenset({"Summary", "Location", "EncryptedText", "Hierarchy"})
"""Types that no field changes to or from."""
_NUMBERS = frozenset({"Number", "Currency", "Percent"})
_DAYS = frozenset({"Date", "DateTime", "Time"})
_SHORT_TEXT = frozenset({"Text", "TextArea", "Email", "Phone", "Url"})
_RELATIONS = frozenset({"Lookup", "MasterDetail"})


def change_field(org: Org, obj: ObjectType, old: Field, spec: FieldSpec) -> Field:
    """Give a custom field another definition and bring its values along.

    Raises ApiError FIELD_INTEGRITY_EXCEPTION when the values do not allow it, and nothing has changed then.
    """
    new = build(spec)[0]
    with org.transaction() as tx:
        connection = tx.connection
        before = setup_type(old)
        if (old.formula is None) != (spec.formula is None) or (
            before != spec.type and {before, spec.type} & _FIXED
        ):
            raise _refused(f"Cannot change field type from {_shown(old)} to {_kind(spec)}")
        kept = True
        if old.stored:
            kept = _check_type(connection, obj, old, before, spec)
            if kept:
                _check_length(connection, obj, old, new)
            _check_unique(connection, obj, old, new)
        swapped = old.stored and tables.column_sql(old) != tables.column_sql(new)
        if swapped:
            connection.execute(f"DROP INDEX IF EXISTS {quoted(f'_ix_{obj.name}_{old.name}')}")
            connection.execute(
                f"ALTER TABLE {quoted(obj.name)} RENAME COLUMN {quoted(old.name)} TO {quoted('_' + old.name)}"
            )
        made = custom.replace_field(org, obj, spec)
        if swapped:
            if kept:
                connection.execute(
                    f"UPDATE {quoted(obj.name)} SET {quoted(new.name)} = {_converted(old, new)} "
                    f"WHERE {quoted('_' + old.name)} IS NOT NULL"
                )
            connection.execute(f"ALTER TABLE {quoted(obj.name)} DROP COLUMN {quoted('_' + old.name)}")
        if before != spec.type and spec.type == "MultiselectPicklist":
            _drop_unknown_values(connection, obj, new)
    return made


def _shown(old: Field) -> str:
    return "Formula" if old.formula is not None else setup_type(old)


def _kind(spec: FieldSpec) -> str:
    return "Formula" if spec.formula is not None else spec.type


def _refused(message: str) -> ApiError:
    return ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, ())


def _check_type(
    connection: sqlite3.Connection, obj: ObjectType, old: Field, before: str, spec: FieldSpec
) -> bool:
    """Whether the values stay; raises when they would be lost."""
    after = spec.type
    if before == after or not loses_data(before, after):
        return True
    if before in _RELATIONS and after in _RELATIONS:
        if after == "MasterDetail" and _any(connection, obj, f"{quoted(old.name)} IS NULL"):
            raise _refused("Cannot change type due to existing data")
        return True
    if _any(connection, obj, f"{quoted(old.name)} IS NOT NULL" if old.type != "boolean" else "1"):
        raise _refused("Cannot change type due to existing data")
    return False


def loses_data(before: str, after: str) -> bool:
    """Whether the platform lists the change of type among those that lose data."""
    if before == after:
        return False
    if {before, after} & _DAYS or after in _NUMBERS or before in ("Checkbox", "MultiselectPicklist"):
        return not (before in _NUMBERS and after in _NUMBERS)
    if after == "MultiselectPicklist":
        return before != "Picklist"
    if before == "AutoNumber" or (after == "AutoNumber" and before != "Text"):
        return before != "AutoNumber" or after != "Text"
    if after in ("Picklist", "Checkbox") or before in _RELATIONS or after in _RELATIONS:
        return not (before == "Picklist" and after in _SHORT_TEXT)
    if before in ("LongTextArea", "Html"):
        return after not in (*_SHORT_TEXT, "LongTextArea", "Html")
    return False


def _check_length(connection: sqlite3.Connection, obj: ObjectType, old: Field, new: Field) -> None:
    if not new.is_text or not new.length or (new.length >= old.length and old.is_text):
        return
    if _any(connection, obj, f"length({_converted(old, new, old.name)}) > {new.length}"):
        raise _refused(f"Cannot change the length of {new.name} to {new.length}: existing data is longer.")


def _check_unique(connection: sqlite3.Connection, obj: ObjectType, old: Field, new: Field) -> None:
    """Records in the recycle bin count as well."""
    if not new.has("unique") or (old.has("unique") and old.has("caseSensitive") == new.has("caseSensitive")):
        return
    column = quoted(old.name)
    compared = f"{column} COLLATE BINARY" if new.has("caseSensitive") else f"{column} COLLATE NOCASE"
    twice = connection.execute(
        f"SELECT 1 FROM {quoted(obj.name)} WHERE {column} IS NOT NULL GROUP BY {compared} HAVING count(*) > 1 LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise _refused("Duplicate value found when building unique index")


def _any(connection: sqlite3.Connection, obj: ObjectType, condition: str) -> bool:
    row = connection.execute(f"SELECT 1 FROM {quoted(obj.name)} WHERE {condition} LIMIT 1").fetchone()
    return row is not None


def _converted(old: Field, new: Field, column: str | None = None) -> str:
    """The SQL of an old value in the new column."""
    name = quoted(column or "_" + old.name)
    if new.is_text and old.type in ("double", "currency", "percent", "int"):
        return f"sf_plain_number({name})"
    return name


def _drop_unknown_values(connection: sqlite3.Connection, obj: ObjectType, new: Field) -> None:
    marks = ",".join("?" * len(new.picklist))
    connection.execute(
        f"UPDATE {quoted(obj.name)} SET {quoted(new.name)} = NULL "
        f"WHERE {quoted(new.name)} IS NOT NULL AND {quoted(new.name)} NOT IN ({marks})",
        tuple(entry.value for entry in new.picklist),
    )
