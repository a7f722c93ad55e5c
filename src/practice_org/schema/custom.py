"""Custom fields: created at run time, kept in the org's file, real columns from then on."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from practice_org.data import tables
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType, PicklistEntry, Schema, standard_objects

if TYPE_CHECKING:
    from practice_org.org import Org

_COMMON = {"nillable", "createable", "updateable", "permissionable", "custom"}
_SEARCHED = {"filterable", "sortable", "groupable", "aggregatable"}
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)\Z")

TYPES = {
    "text": "string",
    "string": "string",
    "textarea": "textarea",
    "longtextarea": "textarea",
    "long text": "textarea",
    "longtext": "textarea",
    "number": "double",
    "double": "double",
    "currency": "currency",
    "percent": "percent",
    "checkbox": "boolean",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "email": "email",
    "phone": "phone",
    "url": "url",
    "picklist": "picklist",
    "multipicklist": "multipicklist",
    "multiselectpicklist": "multipicklist",
    "lookup": "reference",
    "reference": "reference",
}
"""Accepted names of types (Setup's and the Metadata API's) and the describe type of each."""


def load_schema(connection: sqlite3.Connection) -> Schema:
    """The catalogue with the org's custom fields."""
    extra: dict[str, list[Field]] = {}
    rows = connection.execute("SELECT object, definition FROM _custom_field ORDER BY object, position")
    for name, definition in rows:
        extra.setdefault(name, []).append(_from_json(json.loads(definition)))
    return Schema(
        tuple(
            replace(o, fields=o.fields + tuple(extra.get(o.name, ())), _by_name={})
            for o in standard_objects()
        )
    )


def create_field(
    org: Org,
    object_name: str,
    name: str,
    type: str,
    *,
    label: str | None = None,
    length: int | None = None,
    precision: int = 18,
    scale: int = 0,
    picklist: tuple[str, ...] = (),
    restricted: bool = False,
    external_id: bool = False,
    unique: bool = False,
    case_sensitive: bool = False,
    required: bool = False,
    default: str | None = None,
    formula: str | None = None,
    refers_to: str | None = None,
    help_text: str | None = None,
    visible_to: tuple[str, ...] | None = None,
    editable: bool = True,
) -> Field:
    """Create a custom field and its column; every profile may read and edit it unless told otherwise.

    `type` is a key of TYPES, or, with `formula`, the type of its result. `name` may lack its `__c`.
    `visible_to` names the profiles that see the field.
    Raises ApiError DUPLICATE_DEVELOPER_NAME, INVALID_TYPE, INVALID_FIELD or FIELD_INTEGRITY_EXCEPTION.
    """
    from practice_org.data import formulas
    from practice_org.schema import access

    obj = org.schema.get(object_name)
    if obj is None:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{object_name}' is not supported.")
    stem = name[:-3] if name.endswith("__c") else name
    if not _NAME.match(stem) or len(stem) > 40:
        raise ApiError(
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            "The field name can only contain underscores and alphanumeric characters. It must begin with a "
            f"letter, not end with an underscore, and not contain two consecutive underscores: {stem}",
        )
    api_name = stem + "__c"
    if obj.get(api_name):
        raise ApiError(
            400,
            "DUPLICATE_DEVELOPER_NAME",
            f"There is already a field named {stem} on {obj.label}.",
            (api_name,),
        )
    made = _make(
        api_name,
        type,
        label or stem.replace("_", " "),
        length,
        precision,
        scale,
        picklist,
        {
            "restrictedPicklist": restricted,
            "externalId": external_id,
            "idLookup": external_id,
            "unique": unique,
            "caseSensitive": case_sensitive,
        },
        required,
        default,
        formula,
        refers_to,
        help_text,
    )
    if formula is not None:
        formulas.compile_formula(formula, obj, quote_prefix="")
    with org.transaction() as tx:
        position = tx.connection.execute(
            "SELECT coalesce(max(position), 0) + 1 FROM _custom_field WHERE object = ?", (obj.name,)
        ).fetchone()[0]
        tx.connection.execute(
            "INSERT INTO _custom_field VALUES(?, ?, ?, ?)",
            (obj.name, position, api_name, json.dumps(_to_json(made))),
        )
        schema = load_schema(tx.connection)
        if made.stored:
            tables.create_table(tx.connection, schema[obj.name])
        org.replace_schema(schema)
        access.grant_new_field(org, schema[obj.name], made, visible_to, editable)
        access.note_change(org)
    org.replace_schema(schema)
    return made


def delete_field(org: Org, object_name: str, name: str) -> None:
    """Remove a custom field with its values.

    Raises ApiError INVALID_FIELD when there is no such custom field.
    """
    from practice_org.schema import access

    obj = org.schema.get(object_name)
    field = obj.get(name) if obj else None
    if obj is None or field is None or not field.custom:
        raise ApiError(400, "INVALID_FIELD", f"No such custom field '{name}' on {object_name}.")
    with org.transaction() as tx:
        tx.connection.execute(
            "DELETE FROM _custom_field WHERE object = ? AND name = ?", (obj.name, field.name)
        )
        tx.connection.execute(
            'DELETE FROM "FieldPermissions" WHERE "Field" = ?', (f"{obj.name}.{field.name}",)
        )
        if field.stored:
            index = f"_ix_{obj.name}_{field.name}"
            tx.connection.execute(f"DROP INDEX IF EXISTS {tables.quoted(index)}")
            tx.connection.execute(
                f"ALTER TABLE {tables.quoted(obj.name)} DROP COLUMN {tables.quoted(field.name)}"
            )
        schema = load_schema(tx.connection)
        access.note_change(org)
    org.replace_schema(schema)


def _make(
    name: str,
    kind_name: str,
    label: str,
    length: int | None,
    precision: int,
    scale: int,
    picklist: tuple[str, ...],
    wanted: dict[str, bool],
    required: bool,
    default: str | None,
    formula: str | None,
    refers_to: str | None,
    help_text: str | None,
) -> Field:
    kind = TYPES.get(kind_name.lower())
    if kind is None:
        known = ", ".join(sorted(TYPES))
        raise ApiError(400, "INVALID_TYPE", f"'{kind_name}' is no type of custom field; known: {known}.")
    long = kind_name.lower() in ("longtextarea", "long text", "longtext")
    flags = set(_COMMON) | _SEARCHED | {flag for flag, on in wanted.items() if on}
    if kind in ("double", "currency", "percent", "datetime"):
        flags.discard("groupable")
    if kind == "boolean":
        flags.discard("aggregatable")
    if kind == "multipicklist":
        flags -= {"sortable", "groupable", "aggregatable"}
    if long:
        flags -= _SEARCHED
    if required or kind == "boolean":
        flags.discard("nillable")
    if required:
        flags.discard("permissionable")
    if kind == "boolean" or default is not None:
        flags.add("defaultedOnCreate")
    if formula is not None:
        flags -= {"createable", "updateable", "defaultedOnCreate"}
        flags |= {"calculated", "nillable"} - ({"nillable"} if kind == "boolean" else set())
    sizes = {"string": 255, "textarea": 255, "email": 80, "phone": 40, "url": 255, "picklist": 255}
    size = length or (32768 if long else sizes.get(kind, 4099 if kind == "multipicklist" else 0))
    if kind == "reference":
        size = 18
    numeric = kind in ("double", "currency", "percent")
    return Field(
        name=name,
        label=label,
        type=kind,
        length=0 if numeric or kind in ("boolean", "date", "datetime") else size,
        precision=(length + scale if length else precision) if numeric else 0,
        scale=scale if numeric else 0,
        flags=frozenset(flags),
        refs=(refers_to,) if refers_to else (),
        relationship=name[:-1] + "r" if kind == "reference" else None,
        extra="plaintextarea" if kind == "textarea" else None,
        default=default if default is not None else ("false" if kind == "boolean" else None),
        picklist=tuple(PicklistEntry(v, v, v == default) for v in picklist),
        formula=formula,
        help_text=help_text,
    )


def _to_json(field: Field) -> dict[str, Any]:
    return {
        **{
            key: getattr(field, key)
            for key in (
                "name",
                "label",
                "type",
                "length",
                "precision",
                "scale",
                "digits",
                "relationship",
                "compound",
                "extra",
                "default",
                "formula",
                "help_text",
            )
        },
        "flags": sorted(field.flags),
        "refs": list(field.refs),
        "picklist": [[p.value, p.label, p.default, p.active] for p in field.picklist],
    }


def _from_json(data: dict[str, Any]) -> Field:
    return Field(
        **{k: v for k, v in data.items() if k not in ("flags", "refs", "picklist")},
        flags=frozenset(data["flags"]),
        refs=tuple(data["refs"]),
        picklist=tuple(PicklistEntry(*entry) for entry in data["picklist"]),
    )


def field_of(obj: ObjectType, name: str) -> Field:
    """The field, or ApiError INVALID_FIELD in the wording of single-record calls."""
    found = obj.get(name)
    if found is None:
        raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
    return found
