"""A custom field as an administrator orders it, and the field that comes of it.

Types bear the Metadata API's names (`Text`, `MultiselectPicklist`). The flags of text, e-mail, number and
multi-select fields are those of recorded describes; of the rest they follow the documented properties of
the types.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from practice_org.schema.catalogue import Field, PicklistEntry, Summary

DESCRIBE_TYPES = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Html": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Time": "time",
    "Checkbox": "boolean",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "Lookup": "reference",
    "MasterDetail": "reference",
    "Hierarchy": "reference",
    "AutoNumber": "string",
    "EncryptedText": "encryptedstring",
    "Location": "location",
    "Summary": "double",
}
"""Types of custom fields and the describe type of each."""

NUMERIC = frozenset({"Number", "Currency", "Percent", "Summary"})
LONG = frozenset({"LongTextArea", "Html"})
_SIZES = {
    "Text": 255,
    "TextArea": 255,
    "LongTextArea": 32768,
    "Html": 32768,
    "Email": 80,
    "Phone": 40,
    "Url": 255,
    "Picklist": 255,
    "MultiselectPicklist": 4099,
    "AutoNumber": 30,
    "EncryptedText": 175,
    "Lookup": 18,
    "MasterDetail": 18,
    "Hierarchy": 18,
}
_COMMON = {"nillable", "createable", "updateable", "permissionable", "custom"}
_SEARCHED = {"filterable", "sortable", "groupable", "aggregatable"}
_EXTRA = {"TextArea": "plaintextarea", "LongTextArea": "plaintextarea", "Html": "richtextarea"}


@dataclass(frozen=True)
class FieldSpec:
    """What a custom field is to be. `name` is the API name with its `__c`; `length` counts characters.

    `child_name` is the name of the child relationship (None: made from the field's name; empty: none).
    `cascade`, `restrict`: what happens to the record when the one that it refers to is deleted.
    """

    name: str
    type: str
    label: str
    length: int | None = None
    precision: int = 18
    scale: int = 0
    required: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    default: str | None = None
    formula: str | None = None
    blanks_as_zero: bool = False
    refers_to: tuple[str, ...] = ()
    child_name: str | None = None
    cascade: bool = False
    restrict: bool = False
    relationship_order: int | None = None
    reparentable: bool = False
    read_of_master: bool = False
    picklist: tuple[PicklistEntry, ...] = field(default=())
    restricted: bool = False
    help_text: str | None = None
    visible_lines: int | None = None
    mask: str | None = None
    mask_type: str | None = None
    display_format: str | None = None
    decimal_location: bool = False
    summary: Summary | None = None


def build(spec: FieldSpec) -> tuple[Field, ...]:
    """The fields of a spec: one, or for a location the compound and its two numbers.

    Raises KeyError for a type that is none of DESCRIBE_TYPES.
    """
    made = Field(
        name=spec.name,
        label=spec.label,
        type=DESCRIBE_TYPES[spec.type],
        length=0 if spec.type in NUMERIC else (spec.length or _SIZES.get(spec.type, 0)),
        precision=_precision(spec),
        scale=spec.scale if spec.type in NUMERIC or spec.type == "Location" else 0,
        flags=frozenset(_flags(spec)),
        refs=spec.refers_to,
        relationship=spec.name[:-1] + "r" if DESCRIBE_TYPES[spec.type] == "reference" else None,
        extra=_EXTRA.get(spec.type),
        default=spec.default if spec.default is not None else ("false" if spec.type == "Checkbox" else None),
        picklist=spec.picklist,
        formula=spec.formula,
        help_text=spec.help_text,
        child_relationship=spec.child_name,
        mask=spec.mask,
        mask_type=spec.mask_type,
        relationship_order=spec.relationship_order,
        display_format=spec.display_format,
        summary=spec.summary,
        setup_type=spec.type,
    )
    return (made, *_parts(spec, made)) if spec.type == "Location" else (made,)


_OF_DESCRIBE = {
    "string": "Text",
    "textarea": "TextArea",
    "double": "Number",
    "currency": "Currency",
    "percent": "Percent",
    "date": "Date",
    "datetime": "DateTime",
    "time": "Time",
    "boolean": "Checkbox",
    "email": "Email",
    "phone": "Phone",
    "url": "Url",
    "picklist": "Picklist",
    "multipicklist": "MultiselectPicklist",
    "combobox": "Picklist",
    "reference": "Lookup",
    "encryptedstring": "EncryptedText",
    "location": "Location",
    "int": "Number",
}


def setup_type(f: Field) -> str:
    """The Metadata API's name of a field's type; of a standard field the nearest."""
    if f.setup_type is not None:
        return f.setup_type
    if f.type == "textarea" and not f.has("filterable"):
        return "LongTextArea"
    return _OF_DESCRIBE.get(f.type, "Text")


def _precision(spec: FieldSpec) -> int:
    if spec.type in NUMERIC:
        return spec.length + spec.scale if spec.length else spec.precision
    return spec.visible_lines or 4 if spec.type == "MultiselectPicklist" else 0


def _parts(spec: FieldSpec, made: Field) -> tuple[Field, ...]:
    """The latitude and longitude of a location, which have the columns."""
    stem = spec.name[:-3]
    flags = (made.flags | _COMMON | {"filterable", "sortable"}) - {"displayLocationInDecimal"}
    flags -= set() if "nillable" in made.flags else {"nillable", "permissionable"}
    return tuple(
        Field(
            name=f"{stem}__{part}__s",
            label=f"{spec.label} ({part})",
            type="double",
            precision=spec.scale + 3,
            scale=spec.scale,
            flags=flags,
            compound=spec.name,
        )
        for part in ("Latitude", "Longitude")
    )


def _flags(spec: FieldSpec) -> set[str]:
    kind = DESCRIBE_TYPES[spec.type]
    flags = set(_COMMON) | _SEARCHED
    if kind in ("double", "currency", "percent", "datetime", "time"):
        flags.discard("groupable")
    if kind == "boolean":
        flags.discard("aggregatable")
    if kind == "multipicklist":
        flags -= {"sortable", "groupable", "aggregatable"}
    if spec.type in LONG or kind in ("encryptedstring", "location"):
        flags -= _SEARCHED
    flags |= {name for name, on in _wanted(spec).items() if on}
    if spec.required or kind == "boolean" or spec.type == "MasterDetail":
        flags.discard("nillable")
    if spec.required or spec.type == "MasterDetail":
        flags.discard("permissionable")
    if kind == "boolean" or spec.default is not None:
        flags.add("defaultedOnCreate")
    if spec.type == "MasterDetail" and not spec.reparentable:
        flags.discard("updateable")
    if spec.type in ("AutoNumber", "Summary") or spec.formula is not None:
        flags -= {"createable", "updateable", "defaultedOnCreate"}
        flags |= {"calculated"} if spec.type != "AutoNumber" else {"autoNumber", "defaultedOnCreate"}
        flags |= {"nillable"} if spec.type != "AutoNumber" and kind != "boolean" else set()
        flags -= {"nillable"} if spec.type == "AutoNumber" else set()
    if spec.type == "Location":
        flags -= {"createable", "updateable"}
    return flags


def _wanted(spec: FieldSpec) -> dict[str, bool]:
    return {
        "restrictedPicklist": spec.restricted,
        "externalId": spec.external_id,
        "idLookup": spec.external_id,
        "unique": spec.unique,
        "caseSensitive": spec.case_sensitive,
        "htmlFormatted": spec.type == "Html",
        "encrypted": spec.type == "EncryptedText",
        "displayLocationInDecimal": spec.decimal_location,
        "formulaTreatNullNumberAsZero": spec.blanks_as_zero,
        "cascadeDelete": spec.cascade or spec.type == "MasterDetail",
        "restrictedDelete": spec.restrict,
        "writeRequiresMasterRead": spec.read_of_master,
    }
