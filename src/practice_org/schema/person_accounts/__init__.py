"""Person accounts: an account that is one person, with a contact of its own behind it.

An option of the org (setting `person_accounts`), which cannot be switched off again, as on the platform.
The person's values are held by the contact; what Account shows of them (`PersonEmail`, `Pet__pc`) is
read from there, and what is written to them goes there (`data.standard.person_account`). The fields of
Account are those of a recorded describe; `IsPersonAccount` of Contact is platform knowledge.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from practice_org.schema.catalogue import Field, ObjectType, parse_object

if TYPE_CHECKING:
    from practice_org.org import Org

SETTING = "person_accounts"
NAMES = ("LastName", "FirstName", "Salutation")
SHARED = ("Phone", "Fax", "OwnerId")
"""Fields that account and contact have in common, under one name."""
_PERSON_FLAG = Field(
    "IsPersonAccount",
    "Is Person Account",
    "boolean",
    flags=frozenset({"filterable", "sortable", "groupable", "defaultedOnCreate"}),
    default="false",
)
_PERSON_TYPE = Field(
    "IsPersonType",
    "Is Person Type",
    "boolean",
    flags=frozenset({"createable", "updateable", "filterable", "sortable", "groupable", "defaultedOnCreate"}),
    default="false",
)


@lru_cache(maxsize=1)
def _account() -> ObjectType:
    path = resources.files("practice_org.schema.person_accounts") / "Account.tsv"
    return parse_object(path.read_text("utf-8"))


def enabled(connection: sqlite3.Connection) -> bool:
    """Whether the org of a file has person accounts."""
    row = connection.execute("SELECT value FROM _setting WHERE key = ?", (SETTING,)).fetchone()
    return row is not None and bool(json.loads(row[0]))


def contact_field(name: str) -> str:
    """The field of Contact behind a person's field of Account: PersonEmail, LastName, Pet__pc."""
    if name.endswith("__pc"):
        return name[:-2] + "c"
    return name.removeprefix("Person") if name not in NAMES else name


def account_field(name: str) -> str:
    """The field of Account that shows a person's field of Contact: the reverse of `contact_field`."""
    if name.endswith("__c"):
        return f"{name[:-1]}pc"
    return name if name in (*NAMES, *SHARED) else f"Person{name}"


def is_person_field(f: Field) -> bool:
    """Whether a field of Account is the person's, and held by the contact."""
    return f.derived is not None and '."PersonContactId")' in f.derived


def with_persons(objects: Iterable[ObjectType]) -> list[ObjectType]:
    """The org's objects as they are with person accounts."""
    found = {o.name: o for o in objects}
    contact = found["Contact"]
    found["Account"] = _with_contact(contact, found["Account"])
    found["Contact"] = replace(contact, fields=(*contact.fields, _PERSON_FLAG), _by_name={})
    found["Lead"] = _without_company(found["Lead"])
    types = found["RecordType"]
    found["RecordType"] = replace(types, fields=(*types.fields, _PERSON_TYPE), _by_name={})
    return list(found.values())


def _with_contact(contact: ObjectType, plain: ObjectType) -> ObjectType:
    standard = [_derived(f, contact) for f in _account().fields]
    custom = [f for f in plain.fields if f.custom]
    persons = [_person_custom(f) for f in contact.fields if f.custom and f.stored]
    return replace(_account(), fields=(*standard, *custom, *persons), _by_name={})


def _without_company(lead: ObjectType) -> ObjectType:
    """A lead may lack a company then: it is a person's, and becomes a person account (Salesforce help)."""
    fields = tuple(
        replace(f, flags=f.flags | {"nillable"}) if f.name == "Company" else f for f in lead.fields
    )
    return replace(lead, fields=fields, _by_name={})


def _derived(f: Field, contact: ObjectType) -> Field:
    if not (f.name in NAMES or f.name.startswith("Person")) or f.name == "PersonContactId":
        return f
    source = contact.get(contact_field(f.name))
    return f if source is None or not source.stored else replace(f, derived=_read(source))


def _person_custom(f: Field) -> Field:
    relationship = f.relationship[: -len("__r")] + "__pr" if f.relationship else None
    return replace(
        f, name=f.name[:-1] + "pc", relationship=relationship, child_relationship=None, derived=_read(f)
    )


def _read(source: Field) -> str:
    sql = f'(SELECT p."{source.name}" FROM "Contact" p WHERE p."Id" = {{t}}."PersonContactId")'
    return f"coalesce({sql}, 0)" if source.type == "boolean" else sql


def enable(org: Org) -> None:
    """Switch person accounts on; profiles get the new fields. Nothing happens when they are on already."""
    from practice_org.data import tables
    from practice_org.schema import custom, permission_sets, record_types

    if org.setting(SETTING):
        return
    with org.transaction() as tx:
        before = {name: {f.name for f in org.schema[name].fields} for name in ("Account", "Contact")}
        org.set_setting(SETTING, True)
        schema = custom.load_schema(tx.connection)
        for name in ("Account", "Contact", "RecordType"):
            tables.create_table(tx.connection, schema[name])
        org.replace_schema(schema)
        for name, known in before.items():
            for f in schema[name].fields:
                if f.name not in known:
                    permission_sets.grant_new_field(org, schema[name], f, None, True)
        record_types.create(
            org, "Account", "PersonAccount", label="Person Account", person=True, default=False
        )
        permission_sets.note_change(org)
    org.replace_schema(schema)
