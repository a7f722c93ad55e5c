"""Layouts as REST describes them: page layouts, compact layouts, and what a new record begins with.

The shapes are those of Salesforce's REST and SOAP guides (`describeLayout`, `describeCompactLayouts`); what
a layout shows is `schema.layouts`. Buttons, related lists and quick actions are not kept, and stay empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from practice_org import ids
from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.schema.describe import describe_field
from practice_org.schema.layouts import Layout
from practice_org.schema.record_types import MASTER, RecordType

_COMPACT = ("Title", "AccountId", "Company", "Phone", "Email", "StageName", "CloseDate", "Status", "Website")
"""Fields that a compact layout shows after the name, as far as the object has them."""
_MOST_COMPACT = 5
_TAB_ORDERS = {"TwoColumnsTopToBottom": "TopToBottom", "TwoColumnsLeftToRight": "LeftToRight"}


def layout_id(obj: ObjectType) -> str:
    """The id of an object's layout: always the same."""
    return ids.encode("00h", _number(obj))


def _number(obj: ObjectType) -> int:
    number = 0
    for char in obj.prefix:
        number = number * 62 + ids.ALPHABET.index(char)
    return number


def with_master(types: Sequence[RecordType]) -> list[RecordType]:
    """The record types and, behind them, the master."""
    return [*types, RecordType(MASTER, "Master", "Master", True, not any(t.default for t in types))]


def describe_layouts(
    access: Access, obj: ObjectType, version: str, types: Sequence[RecordType], layout: Layout
) -> dict[str, Any]:
    """All of an object's layouts; with several record types they have to be asked for one by one."""
    return {
        "layouts": None if len(types) > 1 else [describe_layout(access, obj, layout)],
        "recordTypeMappings": [_mapping(obj, version, one) for one in with_master(types)],
        "recordTypeSelectorRequired": [len([t for t in types if t.active]) > 1],
    }


def _mapping(obj: ObjectType, version: str, one: RecordType) -> dict[str, Any]:
    base = f"/services/data/v{version}/sobjects/{obj.name}/describe/layouts"
    return {
        "active": one.active,
        "available": one.active,
        "defaultRecordTypeMapping": one.default,
        "developerName": one.developer_name,
        "layoutId": layout_id(obj),
        "master": one.id == MASTER,
        "name": one.name,
        "picklistsForRecordType": [
            {"picklistName": f.name, "picklistValues": _picklist(f)} for f in obj.fields if f.picklist
        ],
        "recordTypeId": one.id,
        "urls": {"layout": f"{base}/{one.id}"},
    }


def _picklist(f: Field) -> list[dict[str, Any]]:
    return [
        {
            "active": p.active,
            "defaultValue": p.default,
            "label": p.label,
            "validFor": None,
            "value": p.value,
        }
        for p in f.picklist
    ]


def describe_layout(access: Access, obj: ObjectType, layout: Layout) -> dict[str, Any]:
    """One layout: its sections as pages show them and as forms do."""
    sections = [
        (_section(access, obj, number, section), section)
        for number, section in enumerate(layout.get("layoutSections", ()), 1)
    ]
    return {
        "buttonLayoutSection": {"detailButtons": []},
        "detailLayoutSections": [described for described, _ in sections],
        "editLayoutSections": [
            described for described, section in sections if section.get("label") != "System Information"
        ],
        "feedView": None,
        "highlightsPanelLayoutSection": None,
        "id": layout_id(obj),
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedContent": None,
        "relatedLists": [],
        "saveOptions": [],
    }


def _section(access: Access, obj: ObjectType, number: int, section: Mapping[str, Any]) -> dict[str, Any]:
    columns = [column.get("layoutItems", []) for column in section.get("layoutColumns", [])]
    longest = max((len(items) for items in columns), default=0)
    rows = []
    for at in range(longest):
        items = [
            _item(access, obj, items[at] if at < len(items) else {}, 1 + at + number_of * longest)
            for number_of, items in enumerate(columns)
        ]
        rows.append({"layoutItems": items, "numItems": len(items)})
    return {
        "collapsed": False,
        "columns": len(columns),
        "heading": section.get("label"),
        "layoutRows": rows,
        "layoutSectionId": ids.encode("01B", _number(obj) * 64 + number),
        "parentLayoutId": layout_id(obj),
        "rows": len(rows),
        "tabOrder": _TAB_ORDERS.get(str(section.get("style")), "TopToBottom"),
        "useCollapsibleSection": False,
        "useHeading": bool(section.get("detailHeading") or section.get("editHeading")),
    }


def _item(access: Access, obj: ObjectType, item: Mapping[str, Any], order: int) -> dict[str, Any]:
    f = obj.get(str(item.get("field")))
    if f is None or not access.sees(obj, f):
        return {
            "editableForNew": False,
            "editableForUpdate": False,
            "label": "",
            "layoutComponents": [],
            "placeholder": True,
            "required": False,
        }
    described = describe_field(access, obj, f)
    written = item.get("behavior", "Edit") != "Readonly"
    return {
        "editableForNew": bool(described["createable"]) and written,
        "editableForUpdate": bool(described["updateable"]) and written,
        "label": f.label.removesuffix(" ID") if f.type == "reference" else f.label,
        "layoutComponents": [
            {"details": described, "displayLines": 1, "tabOrder": order, "type": "Field", "value": f.name}
        ],
        "placeholder": False,
        "required": item.get("behavior") == "Required",
    }


def describe_compact_layouts(
    access: Access, obj: ObjectType, version: str, types: Sequence[RecordType]
) -> dict[str, Any]:
    """The system's compact layout, which every record type has."""
    visible = {f.name: f for f in access.visible_fields(obj)}
    name = next((f for f in visible.values() if f.has("nameField")), None)
    chosen = [f for f in (name, *(visible.get(one) for one in _COMPACT)) if f is not None][:_MOST_COMPACT]
    items = [
        _item(access, obj, {"field": f.name, "behavior": "Readonly"}, n) for n, f in enumerate(chosen, 1)
    ]
    base = f"/services/data/v{version}/sobjects/{obj.name}/describe/compactLayouts"
    return {
        "compactLayouts": [
            {
                "actions": [],
                "fieldItems": items,
                "id": None,
                "imageItems": [],
                "label": "System Default",
                "name": "SYSTEM",
                "objectType": obj.name,
            }
        ],
        "defaultCompactLayoutId": None,
        "recordTypeCompactLayoutMappings": [
            {
                "available": one.active,
                "compactLayoutId": None,
                "compactLayoutName": "SYSTEM",
                "recordTypeId": one.id,
                "recordTypeName": one.name,
                "urls": {"compactLayout": f"{base}/{one.id}"},
            }
            for one in with_master(types)
        ],
        "urls": {"primary": f"{base}/primary"},
    }


def default_values(access: Access, obj: ObjectType, names: Sequence[str] | None) -> dict[str, Any]:
    """What a new record begins with, of the fields named or of all that the user may write."""
    wanted = None if names is None else {name.lower() for name in names}
    return {
        f.name: f.default_value
        for f in access.visible_fields(obj)
        if f.has("createable")
        and access.writes(obj, f)
        and f.default is not None
        and (wanted is None or f.name.lower() in wanted)
    }
