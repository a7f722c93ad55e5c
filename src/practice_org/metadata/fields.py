"""CustomField components: custom fields, and what can be said of standard ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.metadata import field_rules, field_value, references, store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such
from practice_org.schema import access, custom, permission_sets, retype
from practice_org.schema.catalogue import Field, ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

_SUFFIXES = ("__c", "__s")
_OF_STANDARD = (
    "description",
    "trackHistory",
    "trackFeedHistory",
    "businessStatus",
    "complianceGroup",
    "securityClassification",
)


class CustomFieldKind(Kind):
    """Full names are `Object.Field__c`."""

    name = "CustomField"
    directory = "objects"
    suffix = "object"
    part_of = "CustomObject"
    element = "fields"

    def names(self, org: Org) -> list[str]:
        return [
            f"{o.name}.{f.name}" for o in org.schema.objects for f in o.fields if f.custom and not _part(f)
        ]

    def exact_name(self, org: Org, full_name: str) -> str | None:
        found = self._find(org, full_name)
        return f"{found[0].name}.{found[1].name}" if found and found[1].custom else None

    def read(self, org: Org, full_name: str) -> Value | None:
        found = self._find(org, full_name)
        if found is None:
            return None
        obj, f = found
        return {**of_field(org, obj, f), "fullName": f"{obj.name}.{f.name}"}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        obj, name = _target(work.org, full_name)
        if not name.endswith("__c"):
            if obj.get(name):
                self.update(work, full_name, value)
                return
            raise integrity("Could not resolve standard field's name.", "fullName")
        field_rules.check(value)
        spec = field_value.spec_of(work.org, obj, name, value)
        references.check_child_name(work.org, obj, spec)
        with work.org.transaction():
            made = custom.add_field(work.org, obj, spec)
            full = f"{obj.name}.{made.name}"
            store.put(work.org, work.user_id, self.name, full, field_value.kept(value))

    def update(self, work: Work, full_name: str, value: Value) -> None:
        found = self._find(work.org, full_name)
        if found is None:
            raise no_such(self.name, full_name)
        obj, old = found
        full = f"{obj.name}.{old.name}"
        if not old.custom:
            row = {name: value[name] for name in _OF_STANDARD if value.get(name) is not None}
            store.put(work.org, work.user_id, self.name, full, row)
            return
        field_rules.check(value)
        spec = field_value.spec_of(work.org, obj, old.name, value)
        spec = (
            replace(spec, picklist=field_value.merged(old.picklist, spec.picklist)) if spec.picklist else spec
        )
        if old.setup_type != spec.type:
            references.check_retype(work.org, obj, old)
        with work.org.transaction():
            retype.change_field(work.org, obj, old, spec)
            if (spec.required and old.has("permissionable")) or (
                not spec.required and not old.has("permissionable")
            ):
                _change_governance(work.org, obj, spec.name)
            store.put(work.org, work.user_id, self.name, full, field_value.kept(value))

    def delete(self, work: Work, full_name: str) -> None:
        found = self._find(work.org, full_name)
        if found is None or not found[1].custom:
            raise no_such(self.name, full_name)
        obj, f = found
        references.check_delete(work.org, obj, f)
        with work.org.transaction():
            references.forget_field(work.org, obj, f)
            custom.delete_field(work.org, obj.name, f.name)
            store.drop(work.org, self.name, f"{obj.name}.{f.name}")

    def rename(self, work: Work, old: str, new: str) -> None:
        found = self._find(work.org, old)
        if found is None or not found[1].custom:
            raise no_such(self.name, old)
        obj, f = found
        owner, _, name = new.partition(".")
        if owner.lower() != obj.name.lower() or not name.endswith("__c"):
            raise integrity(f"A CustomField of {obj.name} cannot become {new}", "fullName")
        custom.check_name(name[:-3])
        if obj.get(name):
            raise ApiError(
                400,
                "DUPLICATE_DEVELOPER_NAME",
                f"There is already a field named {name[:-3]} on {obj.label}.",
                (name,),
            )
        references.check_delete(work.org, obj, f)
        with work.org.transaction():
            custom.rename_field(work.org, obj, f, name)
            references.rename_field(work.org, obj, f, name)
            store.known(work.org, self.name, f"{obj.name}.{f.name}")
            store.rename(work.org, work.user_id, self.name, f"{obj.name}.{f.name}", f"{obj.name}.{name}")

    def file_name(self, full_name: str) -> str:
        return f"objects/{full_name.partition('.')[0]}.object"

    def _find(self, org: Org, full_name: str) -> tuple[ObjectType, Field] | None:
        owner, _, name = full_name.partition(".")
        obj = org.schema.get(owner)
        f = obj.get(name) if obj else None
        return (obj, f) if obj and f and not _part(f) else None


def _part(f: Field) -> bool:
    return f.custom and f.compound is not None


def _target(org: Org, full_name: str) -> tuple[ObjectType, str]:
    owner, dot, name = full_name.partition(".")
    obj = org.schema.get(owner)
    if not dot or not name:
        raise integrity(f"Invalid fullName, must be of the form Object.Field: {full_name}", "fullName")
    if obj is None or obj.name in access.SETUP_OBJECTS - {"User"}:
        raise ApiError(
            400,
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}",
            ("TableEnumOrId",),
        )
    return obj, name


def of_field(org: Org, obj: ObjectType, f: Field) -> Value:
    """A field's component value under its short name, as it stands in an object's file."""
    row = store.find(org, "CustomField", f"{obj.name}.{f.name}")
    if f.custom:
        return field_value.value_of(obj, f, row.definition if row else {})
    out: Value = {"fullName": f.name, **(row.definition if row else {})}
    out.setdefault("trackHistory", False)
    return out


def _change_governance(org: Org, obj: ObjectType, name: str) -> None:
    """A field that became required has no field-level security; one that ceased to be is open to those who see the object."""
    made = org.schema[obj.name].get(name)
    assert made is not None
    with org.transaction() as tx:
        tx.connection.execute(
            'DELETE FROM "FieldPermissions" WHERE "Field" = ?', (f"{obj.name}.{made.name}",)
        )
    if made.has("permissionable"):
        permission_sets.grant_new_field(org, obj, made, None, True)
