"""How Setup writes the type of a field: `Text(255)`, `Lookup(Account)`, `Number(10, 0) (External ID)`."""

from __future__ import annotations

from practice_org.schema.catalogue import Field, ObjectType, Schema
from practice_org.schema.field_spec import setup_type

_WORDS = {
    "LongTextArea": "Long Text Area",
    "TextArea": "Text Area",
    "Html": "Rich Text Area",
    "DateTime": "Date/Time",
    "Url": "URL",
    "MultiselectPicklist": "Picklist (Multi-Select)",
    "AutoNumber": "Auto Number",
    "EncryptedText": "Text (Encrypted)",
    "Location": "Geolocation",
    "MasterDetail": "Master-Detail",
    "Summary": "Roll-Up Summary",
}
_SIZED = ("Text", "TextArea", "LongTextArea", "Html", "EncryptedText")


def shown(schema: Schema, obj: ObjectType, f: Field) -> str:
    """The type of a field in Setup's words."""
    if f.type == "id":
        return "Record ID"
    if f.type == "address":
        return "Address"
    if f.has("nameField") and obj.is_person:
        return "Name"
    kind = setup_type(f)
    words = _WORDS.get(kind, kind)
    if f.formula is not None:
        return f"Formula ({words})"
    if f.summary is not None:
        child = schema.get(f.summary.child)
        return f"{words} ({f.summary.operation.upper()} {child.label if child else f.summary.child})"
    if kind in ("Lookup", "MasterDetail"):
        targets = [target.label for name in f.refs if (target := schema.get(name))]
        words = f"{words}({','.join(targets)})"
    elif kind in ("Number", "Currency", "Percent"):
        words = f"{words}({(f.precision or f.digits) - f.scale}, {f.scale})"
    elif kind in _SIZED:
        words = f"{words}({f.length})"
    if f.has("externalId"):
        words += " (External ID)"
    if f.has("unique"):
        words += " (Unique Case Sensitive)" if f.has("caseSensitive") else " (Unique Case Insensitive)"
    return words
