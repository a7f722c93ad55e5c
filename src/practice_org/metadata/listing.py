"""What there is: components with their file properties, and the types themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from practice_org.metadata import all_kinds, registry
from practice_org.metadata.kept import FOLDER_TYPES, KeptKind
from practice_org.metadata.kinds import Kind
from practice_org.metadata.value_types import shapes

if TYPE_CHECKING:
    from practice_org.org import Org

KINDS = all_kinds.KINDS


def file_properties(org: Org, kind: Kind, full_name: str) -> dict[str, Any]:
    """The properties of one component, as listMetadata and retrieve tell them; dates are stamps."""
    row = kind.stored(org, full_name)
    return {
        "createdById": row.created_by,
        "createdByName": _person(org, row.created_by),
        "createdDate": row.created + ".000Z",
        "fileName": kind.file_name(full_name),
        "fullName": full_name,
        "id": row.id,
        "lastModifiedById": row.modified_by,
        "lastModifiedByName": _person(org, row.modified_by),
        "lastModifiedDate": row.modified + ".000Z",
        "manageableState": "unmanaged",
        "type": kind.name,
    }


def listed(org: Org, type_name: str, folder: str = "") -> list[dict[str, Any]]:
    """All components of a type; of those that lie in folders, what is in `folder`.

    Folders themselves are listed under the names of their own types. Raises ApiError INVALID_TYPE.
    """
    kind = registry.kind_named(FOLDER_TYPES.get(type_name, type_name))
    names = kind.names(org)
    if type_name in FOLDER_TYPES:
        names = [name for name in names if "/" not in name]
    elif isinstance(kind, KeptKind) and kind.in_folder:
        names = [name for name in names if name.rpartition("/")[0] == folder and folder]
    with org.transaction():
        return [file_properties(org, kind, name) for name in names]


def _person(org: Org, user_id: str) -> str:
    row = org.reader().execute('SELECT "Name" FROM "User" WHERE "Id" = ?', (user_id,)).fetchone()
    return str(row[0]) if row else ""


def described() -> list[dict[str, Any]]:
    """The types that have files, as describeMetadata tells them."""
    return [
        {
            "childXmlNames": [one.name for one in KINDS.values() if one.part_of == kind.name],
            "directoryName": kind.directory,
            "inFolder": isinstance(kind, KeptKind) and kind.in_folder,
            "metaFile": isinstance(kind, KeptKind) and kind.content,
            "suffix": kind.suffix or None,
            "xmlName": kind.name,
        }
        for kind in sorted(KINDS.values(), key=lambda one: one.name)
        if kind.part_of is None
    ]


def value_type_fields(type_name: str, depth: int = 0) -> list[dict[str, Any]]:
    """The elements of a type, as describeValueType tells them; nested three levels deep."""
    shape = shapes().types[type_name]
    out = []
    for element in shape.elements:
        values = shapes().enums.get(element.type, ())
        nested = element.type in shapes().types
        out.append(
            {
                "fields": value_type_fields(element.type, depth + 1) if nested and depth < 3 else [],
                "isForeignKey": False,
                "isNameField": element.name == "fullName",
                "minOccurs": 1 if element.required else 0,
                "name": element.name,
                "picklistValues": [
                    {"active": True, "defaultValue": False, "label": one, "value": one} for one in values
                ],
                "soapType": element.type,
                "valueRequired": element.required or element.name == "fullName",
            }
        )
    return out
