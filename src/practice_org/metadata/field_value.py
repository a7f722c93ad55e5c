"""A custom field as a component value, and back."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import integrity, no_such
from practice_org.schema.catalogue import Field, ObjectType, PicklistEntry, Summary
from practice_org.schema.field_spec import FieldSpec, setup_type

if TYPE_CHECKING:
    from practice_org.org import Org

_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"\Z|\'((?:[^\'\\]|\\.)*)\'\Z')
_OPERATIONS = {
    "equals",
    "notEqual",
    "lessThan",
    "greaterThan",
    "lessOrEqual",
    "greaterOrEqual",
    "contains",
    "startsWith",
}


def spec_of(org: Org, obj: ObjectType, name: str, value: Value) -> FieldSpec:
    """The field that a component value orders; `field_rules.check` has passed it.

    Raises ApiError for references to what is not there.
    """
    kind = str(value["type"])
    entries, restricted = _entries(org, value)
    constraint = value.get("deleteConstraint")
    scale = int(value.get("scale") or 0)
    mask = value.get("maskChar")
    return FieldSpec(
        name=name,
        type=kind,
        label=str(value["label"]),
        length=int(value["length"])
        if value.get("length") and kind not in ("Number", "Currency", "Percent")
        else None,
        precision=int(value.get("precision") or 18),
        scale=scale,
        required=bool(value.get("required")),
        unique=bool(value.get("unique")),
        external_id=bool(value.get("externalId")),
        case_sensitive=bool(value.get("caseSensitive")),
        default=_default(kind, value, entries),
        formula=value.get("formula"),
        blanks_as_zero=value.get("formulaTreatBlanksAs") == "BlankAsZero",
        refers_to=_target(org, obj, kind, value),
        child_name=str(value.get("relationshipName") or "")
        if kind in ("Lookup", "MasterDetail", "Hierarchy")
        else None,
        cascade=constraint == "Cascade",
        restrict=constraint == "Restrict"
        or (kind == "Lookup" and bool(value.get("required")) and not constraint),
        relationship_order=int(value.get("relationshipOrder") or 0) if kind == "MasterDetail" else None,
        reparentable=bool(value.get("reparentableMasterDetail")),
        read_of_master=bool(value.get("writeRequiresMasterRead")),
        picklist=entries,
        restricted=restricted,
        help_text=value.get("inlineHelpText") or None,
        visible_lines=int(value["visibleLines"]) if value.get("visibleLines") else None,
        mask={"asterisk": "*", "X": "X"}.get(str(mask)) if mask else None,
        mask_type=value.get("maskType"),
        display_format=value.get("displayFormat"),
        decimal_location=bool(value.get("displayLocationInDecimal")),
        summary=_summary(org, obj, value) if kind == "Summary" else None,
    )


def _entries(org: Org, value: Value) -> tuple[tuple[PicklistEntry, ...], bool]:
    given = value.get("valueSet")
    if not given:
        return (), False
    named = given.get("valueSetName")
    if named:
        found = store.find(org, "GlobalValueSet", str(named).removesuffix("__gvs"))
        if found is None:
            raise no_such("GlobalValueSet", str(named))
        return entries_of(found.definition.get("customValue", [])), True
    definition = given.get("valueSetDefinition")
    if not definition:
        raise integrity(
            "Must specify either 'valueSetDefinition' or 'valueSetName' in the valueSet", "valueSet"
        )
    return entries_of(definition.get("value", []), bool(definition.get("sorted"))), bool(
        given.get("restricted")
    )


def entries_of(values: list[Any], alphabetical: bool = False) -> tuple[PicklistEntry, ...]:
    """Picklist entries of custom values.

    Raises ApiError DUPLICATE_VALUE for a value that comes twice.
    """
    entries = []
    seen: set[str] = set()
    for one in values:
        name = str(one.get("fullName") or "")
        if not name:
            raise ApiError(
                400, "REQUIRED_FIELD_MISSING", "Required field is missing: fullName", ("fullName",)
            )
        if name.lower() in seen:
            raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate picklist value: {name}", ("fullName",))
        seen.add(name.lower())
        active = one.get("isActive") is not False
        entries.append(PicklistEntry(name, str(one.get("label") or name), bool(one.get("default")), active))
    return tuple(sorted(entries, key=lambda entry: entry.label)) if alphabetical else tuple(entries)


def merged(old: tuple[PicklistEntry, ...], new: tuple[PicklistEntry, ...]) -> tuple[PicklistEntry, ...]:
    """The entries after an update: values that it leaves out are kept inactive, as on the platform."""
    names = {entry.value.lower() for entry in new}
    return new + tuple(replace(e, active=False, default=False) for e in old if e.value.lower() not in names)


def _default(kind: str, value: Value, entries: tuple[PicklistEntry, ...]) -> str | None:
    if kind in ("Picklist", "MultiselectPicklist"):
        return next((entry.value for entry in entries if entry.default), None)
    given = value.get("defaultValue")
    if given in (None, "") or value.get("formula") is not None:
        return None
    text = str(given).strip()
    if kind == "Checkbox":
        if text.lower() not in ("true", "false"):
            raise integrity(
                "defaultValue of a CustomField of type Checkbox must be true or false", "defaultValue"
            )
        return text.lower()
    literal = _LITERAL.match(text)
    if literal:
        return re.sub(r"\\(.)", r"\1", literal[1] if literal[1] is not None else literal[2])
    return text if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def _target(org: Org, obj: ObjectType, kind: str, value: Value) -> tuple[str, ...]:
    if kind == "Hierarchy":
        return (obj.name,)
    if kind not in ("Lookup", "MasterDetail"):
        return ()
    target = org.schema.get(str(value["referenceTo"]))
    if target is None:
        raise ApiError(
            400,
            "INVALID_CROSS_REFERENCE_KEY",
            f"In field: referenceTo - no CustomObject named {value['referenceTo']} found",
            (),
        )
    return (target.name,)


def _summary(org: Org, obj: ObjectType, value: Value) -> Summary:
    child_name, _, key_name = str(value["summaryForeignKey"]).partition(".")
    child = org.schema.get(child_name)
    key = child.get(key_name) if child else None
    if child is None or key is None:
        raise ApiError(
            400,
            "INVALID_CROSS_REFERENCE_KEY",
            f"In field: summaryForeignKey - no CustomField named {value['summaryForeignKey']} found",
            (),
        )
    if setup_type(key) != "MasterDetail" or obj.name not in key.refs:
        raise integrity(
            "Summary Foreign Key must be a master-detail relationship to this object", "summaryForeignKey"
        )
    operation = str(value["summaryOperation"])
    summed = None
    if operation != "count":
        path = str(value.get("summarizedField") or "")
        found = child.get(path.removeprefix(child.name + "."))
        if found is None:
            raise integrity(
                f"Must specify 'summarizedField' for the summary operation {operation}", "summarizedField"
            )
        summed = found.name
    filters = []
    for item in value.get("summaryFilterItems", []):
        found = child.get(str(item["field"]).removeprefix(child.name + "."))
        if found is None or item["operation"] not in _OPERATIONS:
            raise integrity(f"Invalid summary filter on {item['field']}", "summaryFilterItems")
        filters.append((found.name, str(item["operation"]), str(item.get("value") or "")))
    return Summary(operation, child.name, key.name, summed, tuple(filters))


KEPT = (
    "businessOwnerGroup",
    "businessOwnerUser",
    "businessStatus",
    "complianceGroup",
    "defaultValue",
    "deleteConstraint",
    "deprecated",
    "description",
    "formulaTreatBlanksAs",
    "lookupFilter",
    "maskChar",
    "relationshipLabel",
    "relationshipName",
    "reparentableMasterDetail",
    "securityClassification",
    "startingNumber",
    "stripMarkup",
    "summarizedField",
    "summaryFilterItems",
    "summaryForeignKey",
    "summaryOperation",
    "trackFeedHistory",
    "trackHistory",
    "trackTrending",
    "visibleLines",
)
"""What a component's row holds of a field, because the schema has no use for it."""


def kept(value: Value) -> Value:
    """The part of a definition that goes into the component's row."""
    out = {name: value[name] for name in KEPT if value.get(name) is not None}
    given = value.get("valueSet") or {}
    if given.get("valueSetName"):
        out["valueSetName"] = str(given["valueSetName"]).removesuffix("__gvs")
    if (given.get("valueSetDefinition") or {}).get("sorted"):
        out["sorted"] = True
    for name in ("controllingField", "valueSettings"):
        if given.get(name):
            out[name] = given[name]
    return out


def value_of(obj: ObjectType, f: Field, row: Value) -> Value:
    """The component value of a custom field; `row` is what `kept` kept."""
    kind = setup_type(f)
    out: Value = {"fullName": f.name, "label": f.label, "type": kind}
    out.update({name: row[name] for name in KEPT if name in row})
    if f.help_text:
        out["inlineHelpText"] = f.help_text
    if f.formula is not None:
        out["formula"] = f.formula
        out.setdefault(
            "formulaTreatBlanksAs", "BlankAsZero" if f.has("formulaTreatNullNumberAsZero") else "BlankAsBlank"
        )
    _put_sizes(out, f, kind)
    _put_switches(out, f, kind)
    if kind == "Checkbox" and f.formula is None:
        out["defaultValue"] = f.default or "false"
    if f.refs:
        out["referenceTo"] = f.refs[0]
        if kind == "MasterDetail":
            out["relationshipOrder"] = f.relationship_order or 0
    if f.picklist or kind in ("Picklist", "MultiselectPicklist"):
        out["valueSet"] = _value_set(f, row)
    if kind == "AutoNumber" and f.display_format:
        out["displayFormat"] = f.display_format
    if kind == "EncryptedText":
        out.setdefault("maskChar", "X" if f.mask == "X" else "asterisk")
        out["maskType"] = f.mask_type or "all"
    return out


def _put_sizes(out: Value, f: Field, kind: str) -> None:
    if kind in ("Number", "Currency", "Percent"):
        out["precision"], out["scale"] = f.precision or 18, f.scale
    elif kind in ("Text", "LongTextArea", "Html", "EncryptedText") and f.formula is None:
        out["length"] = f.length
    if kind in ("LongTextArea", "Html"):
        out.setdefault("visibleLines", 3 if kind == "LongTextArea" else 25)
    elif kind == "MultiselectPicklist":
        out.setdefault("visibleLines", f.precision or 4)


def _put_switches(out: Value, f: Field, kind: str) -> None:
    calculated = f.formula is not None or kind == "Summary"
    if (
        kind not in ("Checkbox", "MasterDetail", "AutoNumber", "LongTextArea", "Html", "Location")
        and not calculated
    ):
        out["required"] = not f.nillable
    if kind == "Location":
        out["scale"] = f.scale
        out["required"] = not f.nillable
        out["displayLocationInDecimal"] = f.has("displayLocationInDecimal")
    if kind in ("Text", "Number", "Email") and not calculated:
        out["unique"] = f.has("unique")
        if kind == "Text" and f.has("unique"):
            out["caseSensitive"] = f.has("caseSensitive")
    if kind in ("Text", "Number", "Email", "AutoNumber") and not calculated:
        out["externalId"] = f.has("externalId")


def _value_set(f: Field, row: Value) -> Value:
    out: Value = {"restricted": f.has("restrictedPicklist")}
    if row.get("valueSetName"):
        out["valueSetName"] = row["valueSetName"]
    else:
        out["valueSetDefinition"] = {"sorted": bool(row.get("sorted")), "value": custom_values(f.picklist)}
    for name in ("controllingField", "valueSettings"):
        if row.get(name):
            out[name] = row[name]
    return out


def custom_values(entries: tuple[PicklistEntry, ...]) -> list[Value]:
    """Picklist entries as custom values; only inactive ones say whether they are active."""
    return [
        {
            "fullName": entry.value,
            "default": entry.default,
            **({} if entry.active else {"isActive": False}),
            "label": entry.label,
        }
        for entry in entries
    ]
