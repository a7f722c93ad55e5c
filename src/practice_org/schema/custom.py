"""Custom fields: created at run time, kept in the org's file, real columns from then on."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from practice_org.data import tables
from practice_org.errors import ApiError
from practice_org.schema import custom_objects, person_accounts, picklists, record_types
from practice_org.schema.catalogue import Field, ObjectType, PicklistEntry, Schema, Summary, standard_objects
from practice_org.schema.field_spec import FieldSpec, build

if TYPE_CHECKING:
    from practice_org.org import Org

_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9]|_(?!_))*(?<!_)\Z")

TYPES = {
    "text": "Text",
    "string": "Text",
    "textarea": "TextArea",
    "longtextarea": "LongTextArea",
    "long text": "LongTextArea",
    "longtext": "LongTextArea",
    "html": "Html",
    "number": "Number",
    "double": "Number",
    "currency": "Currency",
    "percent": "Percent",
    "checkbox": "Checkbox",
    "boolean": "Checkbox",
    "date": "Date",
    "datetime": "DateTime",
    "time": "Time",
    "email": "Email",
    "phone": "Phone",
    "url": "Url",
    "picklist": "Picklist",
    "multipicklist": "MultiselectPicklist",
    "multiselectpicklist": "MultiselectPicklist",
    "lookup": "Lookup",
    "reference": "Lookup",
    "masterdetail": "MasterDetail",
    "encryptedtext": "EncryptedText",
    "location": "Location",
}
"""Accepted names of types (Setup's and the API's) and the Metadata API's name of each."""


def load_schema(connection: sqlite3.Connection) -> Schema:
    """The catalogue with the org's custom objects and fields."""
    extra: dict[str, list[Field]] = {}
    rows = connection.execute("SELECT object, definition FROM _custom_field ORDER BY object, position")
    for name, definition in rows:
        extra.setdefault(name, []).append(_from_json(json.loads(definition)))
    entries = picklists.changed(connection)
    whole = (
        replace(o, fields=o.fields + tuple(extra.get(o.name, ())), _by_name={})
        for o in (*standard_objects(), *custom_objects.load(connection))
    )
    objects = [picklists.applied(custom_objects.under_master(o), entries) for o in whole]
    if person_accounts.enabled(connection):
        objects = person_accounts.with_persons(objects)
    return Schema(tuple(record_types.with_field(connection, objects)))


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
    obj = org.schema.get(object_name)
    if obj is None:
        raise ApiError(400, "INVALID_TYPE", f"sObject type '{object_name}' is not supported.")
    kind = TYPES.get(type.lower())
    if kind is None:
        known = ", ".join(sorted(TYPES))
        raise ApiError(400, "INVALID_TYPE", f"'{type}' is no type of custom field; known: {known}.")
    stem = name[:-3] if name.endswith("__c") else name
    spec = FieldSpec(
        name=f"{stem}__c",
        type=kind,
        label=label or stem.replace("_", " "),
        length=length,
        precision=precision,
        scale=scale,
        required=required,
        unique=unique,
        external_id=external_id,
        case_sensitive=case_sensitive,
        default=default,
        formula=formula,
        refers_to=(refers_to,) if refers_to else (),
        picklist=tuple(PicklistEntry(v, v, v == default) for v in picklist),
        restricted=restricted,
        help_text=help_text,
    )
    return add_field(org, obj, spec, visible_to, editable)


def check_name(stem: str) -> None:
    """Raise ApiError FIELD_INTEGRITY_EXCEPTION for a developer name that breaks the rules."""
    if not _NAME.match(stem) or len(stem) > 40:
        raise ApiError(
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            "The field name can only contain underscores and alphanumeric characters. It must begin with a "
            f"letter, not end with an underscore, and not contain two consecutive underscores: {stem}",
        )


def add_field(
    org: Org,
    obj: ObjectType,
    spec: FieldSpec,
    visible_to: tuple[str, ...] | None = (),
    editable: bool = True,
) -> Field:
    """Create the field of a spec; the profiles named (None: all) see it, as far as it has field-level security.

    Raises as `create_field` does.
    """
    from practice_org.schema import permission_sets

    stem = spec.name[:-3]
    check_name(stem)
    if obj.get(spec.name):
        raise ApiError(
            400,
            "DUPLICATE_DEVELOPER_NAME",
            f"There is already a field named {stem} on {obj.label}.",
            (spec.name,),
        )
    _check_formula(org, obj, spec)
    made = build(spec)
    with org.transaction() as tx:
        position = tx.connection.execute(
            "SELECT coalesce(max(position), 0) FROM _custom_field WHERE object = ?", (obj.name,)
        ).fetchone()[0]
        for number, one in enumerate(made, position + 1):
            tx.connection.execute(
                "INSERT INTO _custom_field VALUES(?, ?, ?, ?)",
                (obj.name, number, one.name, json.dumps(_to_json(one))),
            )
        schema = load_schema(tx.connection)
        if any(one.stored for one in made):
            tables.create_table(tx.connection, schema[obj.name])
        org.replace_schema(schema)
        for one in made:
            permission_sets.grant_new_field(org, schema[obj.name], one, visible_to, editable)
            twin = schema["Account"].get(f"{one.name[:-1]}pc") if obj.name == "Contact" else None
            if twin is not None:
                permission_sets.grant_new_field(org, schema["Account"], twin, visible_to, editable)
        permission_sets.note_change(org)
    org.replace_schema(schema)
    return made[0]


def _check_formula(org: Org, obj: ObjectType, spec: FieldSpec) -> None:
    from practice_org.data import formulas

    if spec.formula is not None:
        formulas.compile_formula(spec.formula, obj, quote_prefix="", schema=org.schema)


def replace_field(org: Org, obj: ObjectType, spec: FieldSpec) -> Field:
    """Give an existing custom field the definition of a spec; its values are kept as they are stored.

    What values need when type or length changes is the business of `schema.retype`, before.
    """
    from practice_org.schema import permission_sets

    _check_formula(org, obj, spec)
    made = build(spec)
    with org.transaction() as tx:
        for one in made:
            tx.connection.execute(
                "UPDATE _custom_field SET definition = ? WHERE object = ? AND name = ?",
                (json.dumps(_to_json(one)), obj.name, one.name),
            )
        schema = load_schema(tx.connection)
        tables.create_table(tx.connection, schema[obj.name])
        permission_sets.note_change(org)
    org.replace_schema(schema)
    return made[0]


def delete_field(org: Org, object_name: str, name: str) -> None:
    """Remove a custom field with its values.

    Raises ApiError INVALID_FIELD when there is no such custom field.
    """
    from practice_org.schema import permission_sets

    obj = org.schema.get(object_name)
    field = obj.get(name) if obj else None
    if obj is None or field is None or not field.custom:
        raise ApiError(400, "INVALID_FIELD", f"No such custom field '{name}' on {object_name}.")
    gone = [field, *(f for f in obj.fields if f.custom and f.compound == field.name)]
    with org.transaction() as tx:
        for one in gone:
            tx.connection.execute(
                "DELETE FROM _custom_field WHERE object = ? AND name = ?", (obj.name, one.name)
            )
            tx.connection.execute(
                'DELETE FROM "FieldPermissions" WHERE "Field" IN (?, ?)',
                (f"{obj.name}.{one.name}", f"Account.{one.name[:-1]}pc"),
            )
            if one.stored:
                drop_column(tx.connection, obj, one)
        schema = load_schema(tx.connection)
        permission_sets.note_change(org)
    org.replace_schema(schema)


def rename_field(org: Org, obj: ObjectType, field: Field, name: str) -> None:
    """Give a custom field another API name; values and permissions stay."""
    from practice_org.schema import permission_sets

    stem = field.name[:-3]
    with org.transaction() as tx:
        connection = tx.connection
        for one in (field, *(f for f in obj.fields if f.custom and f.compound == field.name)):
            new = name[:-3] + one.name[len(stem) :]
            made = replace(
                one,
                name=new,
                compound=name if one.compound else None,
                relationship=new[:-1] + "r" if one.relationship else None,
            )
            connection.execute(
                "UPDATE _custom_field SET name = ?, definition = ? WHERE object = ? AND name = ?",
                (new, json.dumps(_to_json(made)), obj.name, one.name),
            )
            connection.execute(
                'UPDATE "FieldPermissions" SET "Field" = ? WHERE "Field" = ?',
                (f"{obj.name}.{new}", f"{obj.name}.{one.name}"),
            )
            if one.stored:
                connection.execute(f"DROP INDEX IF EXISTS {tables.quoted(f'_ix_{obj.name}_{one.name}')}")
                connection.execute(
                    f"ALTER TABLE {tables.quoted(obj.name)} RENAME COLUMN {tables.quoted(one.name)} "
                    f"TO {tables.quoted(new)}"
                )
        schema = load_schema(connection)
        tables.create_table(connection, schema[obj.name])
        permission_sets.note_change(org)
    org.replace_schema(schema)


def drop_column(connection: sqlite3.Connection, obj: ObjectType, field: Field) -> None:
    """Remove the column and index of a field."""
    index = f"_ix_{obj.name}_{field.name}"
    connection.execute(f"DROP INDEX IF EXISTS {tables.quoted(index)}")
    connection.execute(f"ALTER TABLE {tables.quoted(obj.name)} DROP COLUMN {tables.quoted(field.name)}")


_PLAIN = (
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
    "child_relationship",
    "mask",
    "mask_type",
    "relationship_order",
    "display_format",
    "setup_type",
)


def _to_json(field: Field) -> dict[str, Any]:
    return {
        **{key: getattr(field, key) for key in _PLAIN},
        "flags": sorted(field.flags),
        "refs": list(field.refs),
        "picklist": [[p.value, p.label, p.default, p.active] for p in field.picklist],
        "summary": asdict(field.summary) if field.summary else None,
    }


def _from_json(data: dict[str, Any]) -> Field:
    summary = data.get("summary")
    return Field(
        **{k: data[k] for k in _PLAIN if k in data},
        flags=frozenset(data["flags"]),
        refs=tuple(data["refs"]),
        picklist=tuple(PicklistEntry(*entry) for entry in data["picklist"]),
        summary=Summary(**{**summary, "filters": tuple(map(tuple, summary["filters"]))}) if summary else None,
    )


def field_of(obj: ObjectType, name: str) -> Field:
    """The field, or ApiError INVALID_FIELD in the wording of single-record calls."""
    found = obj.get(name)
    if found is None:
        raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
    return found
