"""What refers to a field or object: layouts, lead mapping, roll-ups, validation rules, other fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.metadata import lead_mapping, store
from practice_org.metadata.kinds import integrity
from practice_org.schema import layouts
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.schema.field_spec import FieldSpec

if TYPE_CHECKING:
    from practice_org.org import Org


def check_child_name(org: Org, obj: ObjectType, spec: FieldSpec) -> None:
    """Refuse a child relationship name that another field has given on the same parent."""
    if not spec.child_name:
        return
    for target in spec.refers_to:
        parent = org.schema[target]
        for child in org.schema.children(parent):
            if child.name in (spec.child_name, f"{spec.child_name}__r") and (child.child, child.field) != (
                obj.name,
                spec.name,
            ):
                raise ApiError(
                    400,
                    "DUPLICATE_DEVELOPER_NAME",
                    f"There is already a Child Relationship named {spec.child_name} on {parent.label}.",
                    ("relationshipName",),
                )


def check_retype(org: Org, obj: ObjectType, f: Field) -> None:
    """Refuse another type for a field that is mapped for lead conversion (Salesforce Help)."""
    if any(one.names(obj.name, f.name) for one in lead_mapping.mapping(org)):
        raise integrity("You can't change the data type of a custom field that is mapped for lead conversion")


def check_delete(org: Org, obj: ObjectType, f: Field) -> None:
    """Refuse to delete what formulas, roll-ups or validation rules use."""
    word = re.compile(rf"\b{re.escape(f.name)}\b", re.IGNORECASE)
    users = [
        f"Custom Field - {other.name}"
        for other in obj.fields
        if other.formula is not None and other.name != f.name and word.search(other.formula)
    ]
    users += [
        f"Roll-Up Summary - {other.name}"
        for parent in org.schema.objects
        for other in parent.fields
        if other.summary is not None
        and other.summary.child == obj.name
        and f.name in (other.summary.key, other.summary.field, *(one[0] for one in other.summary.filters))
    ]
    users += [
        f"Validation Rule - {row.name.partition('.')[2]}"
        for row in store.every(org, "ValidationRule")
        if row.name.partition(".")[0] == obj.name
        and word.search(row.definition.get("errorConditionFormula", ""))
    ]
    if users:
        raise ApiError(
            400,
            "DEPENDENCY_EXISTS",
            f"This custom field is referenced elsewhere in salesforce.com. : {users[0]}.",
            (),
        )


def forget_field(org: Org, obj: ObjectType, f: Field) -> None:
    """Take a field that goes from layouts and from the lead mapping, as the platform does."""
    layouts.drop_field(org, obj.name, f.name)
    lead_mapping.store(org, [one for one in lead_mapping.mapping(org) if not one.names(obj.name, f.name)])


def rename_field(org: Org, obj: ObjectType, f: Field, name: str) -> None:
    """Let layouts and the lead mapping follow a field's new name."""
    layouts.rename_field(org, obj.name, f.name, name)
    lead_mapping.store(org, [one.renamed(obj.name, f.name, name) for one in lead_mapping.mapping(org)])
