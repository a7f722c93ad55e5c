"""Which properties a custom field of a type must and may have.

The two sentences "Must specify '...' for a CustomField of type ..." and "Can not specify '...' for a
CustomField of type ..." are quoted from deployments; the limits of numbers are documented, their wording
is ours.
"""

from __future__ import annotations

from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import integrity
from practice_org.schema.field_spec import DESCRIBE_TYPES

_NUMBERS = ("precision", "scale")
_MUST: dict[str, tuple[str, ...]] = {
    "Text": ("length",),
    "LongTextArea": ("length", "visibleLines"),
    "Html": ("length", "visibleLines"),
    "Number": _NUMBERS,
    "Currency": _NUMBERS,
    "Percent": _NUMBERS,
    "Checkbox": ("defaultValue",),
    "Picklist": ("valueSet",),
    "MultiselectPicklist": ("valueSet", "visibleLines"),
    "Lookup": ("referenceTo",),
    "MasterDetail": ("referenceTo", "relationshipName"),
    "AutoNumber": ("displayFormat",),
    "EncryptedText": ("length", "maskChar", "maskType"),
    "Location": ("scale",),
    "Summary": ("summaryForeignKey", "summaryOperation"),
}
_ONLY_ON: dict[str, tuple[str, ...]] = {
    "length": ("Text", "LongTextArea", "Html", "EncryptedText"),
    "precision": ("Number", "Currency", "Percent"),
    "scale": ("Number", "Currency", "Percent", "Location"),
    "visibleLines": ("LongTextArea", "Html", "MultiselectPicklist"),
    "unique": ("Text", "Number", "Email"),
    "externalId": ("Text", "Number", "Email", "AutoNumber"),
    "caseSensitive": ("Text",),
    "referenceTo": ("Lookup", "MasterDetail"),
    "relationshipName": ("Lookup", "MasterDetail", "Hierarchy"),
    "relationshipLabel": ("Lookup", "MasterDetail", "Hierarchy"),
    "deleteConstraint": ("Lookup",),
    "lookupFilter": ("Lookup", "MasterDetail", "Hierarchy"),
    "relationshipOrder": ("MasterDetail",),
    "reparentableMasterDetail": ("MasterDetail",),
    "writeRequiresMasterRead": ("MasterDetail",),
    "displayFormat": ("AutoNumber",),
    "startingNumber": ("AutoNumber",),
    "maskChar": ("EncryptedText",),
    "maskType": ("EncryptedText",),
    "displayLocationInDecimal": ("Location",),
    "valueSet": ("Picklist", "MultiselectPicklist"),
    "summaryForeignKey": ("Summary",),
    "summaryOperation": ("Summary",),
    "summarizedField": ("Summary",),
    "summaryFilterItems": ("Summary",),
}
_NEVER_REQUIRED = ("LongTextArea", "Html", "Checkbox", "AutoNumber", "Summary")
_NO_DEFAULT = (
    "LongTextArea",
    "Html",
    "Lookup",
    "MasterDetail",
    "AutoNumber",
    "Summary",
    "Location",
    "EncryptedText",
)
_FORMULA_TYPES = ("Checkbox", "Currency", "Date", "DateTime", "Number", "Percent", "Text", "Time")
_LENGTHS = {"Text": (1, 255), "LongTextArea": (256, 131072), "Html": (256, 131072), "EncryptedText": (1, 175)}


def check(value: Value) -> None:
    """Raise ApiError FIELD_INTEGRITY_EXCEPTION for a definition that its type does not allow."""
    kind = value.get("type")
    if kind is None:
        raise integrity("Must specify 'type' for a CustomField", "type")
    if kind not in DESCRIBE_TYPES:
        raise integrity(f"The practice org has no CustomField of type {kind}", "type")
    if not str(value.get("label") or "").strip():
        raise integrity("Must specify a non-empty label for the CustomField", "label")
    if len(str(value["label"])) > 40:
        raise integrity("Label cannot be longer than 40 characters", "label")
    if value.get("formula") is not None:
        _check_formula(value, kind)
        return
    if kind == "MasterDetail" and "required" in value:
        raise integrity("Master-Detail Relationship Fields Cannot be Optional or Required", "required")
    for name in _MUST.get(kind, ()):
        if value.get(name) in (None, ""):
            raise integrity(f"Must specify '{name}' for a CustomField of type {kind}", name)
    for name, kinds in _ONLY_ON.items():
        if value.get(name) not in (None, False, [], "") and kind not in kinds:
            raise _cannot(name, kind)
    if value.get("required") and kind in _NEVER_REQUIRED:
        raise _cannot("required", kind)
    if value.get("defaultValue") not in (None, "") and kind in _NO_DEFAULT:
        raise _cannot("defaultValue", kind)
    _check_numbers(value, kind)


def _cannot(name: str, kind: str) -> Exception:
    return integrity(f"Can not specify '{name}' for a CustomField of type {kind}", name)


def _check_formula(value: Value, kind: str) -> None:
    if kind not in _FORMULA_TYPES:
        raise _cannot("formula", kind)
    if kind in ("Number", "Currency", "Percent") and value.get("scale") is None:
        raise integrity(f"Must specify 'scale' for a CustomField of type {kind}", "scale")
    for name in ("required", "unique", "externalId", "defaultValue"):
        if value.get(name) not in (None, False, ""):
            raise integrity(f"Can not specify '{name}' for a formula field", name)


def _check_numbers(value: Value, kind: str) -> None:
    if kind in _LENGTHS:
        low, high = _LENGTHS[kind]
        if not low <= int(value["length"]) <= high:
            raise integrity(
                f"Length of a CustomField of type {kind} must be between {low} and {high}", "length"
            )
    if kind in ("Number", "Currency", "Percent"):
        precision, scale = int(value["precision"]), int(value["scale"])
        if not 1 <= precision <= 18:
            raise integrity("Precision must be between 1 and 18", "precision")
        if not 0 <= scale <= precision:
            raise integrity("Scale must be between 0 and the precision", "scale")
    if kind == "Location" and not 0 <= int(value["scale"]) <= 15:
        raise integrity("Scale must be between 0 and 15", "scale")
