"""Rendering describes: 45 keys an object, 57 a field, 28 in the global list, in the recorded order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from practice_org.schema import record_types
from practice_org.schema.access import Access
from practice_org.schema.catalogue import ChildRelationship, Field, ObjectType, Schema
from practice_org.schema.record_types import MASTER, RecordType

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "int": "xsd:int",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
    "location": "urn:location",
    "time": "xsd:time",
    "base64": "xsd:base64Binary",
}
_URLS = {
    "compactLayouts": "{base}/describe/compactLayouts",
    "rowTemplate": "{base}/{{ID}}",
    "approvalLayouts": "{base}/describe/approvalLayouts",
    "uiDetailTemplate": "{host}/{{ID}}",
    "uiEditTemplate": "{host}/{{ID}}/e",
    "defaultValues": "{base}/defaultValues?recordTypeId&fields",
    "listviews": "{base}/listviews",
    "describe": "{base}/describe",
    "uiNewRecord": "{host}/{prefix}/e",
    "quickActions": "{base}/quickActions",
    "layouts": "{base}/describe/layouts",
    "namedLayouts": "{base}/describe/namedLayouts/{{LayoutName}}",
    "caseArticleSuggestions": "{base}/suggestedArticles",
    "caseRowArticleSuggestions": "{base}/{{ID}}/suggestedArticles",
    "eventSeriesUpdates": "{base}/{{ID}}/fromThisEventOnwards",
    "passwordUtilities": "{base}/{{ID}}/password",
    "sobject": "{base}",
}
_SINCE: Mapping[str, float] = MappingProxyType(
    {
        "associateEntityType": 50,
        "associateParentEntity": 50,
        **dict.fromkeys(
            (
                "aiPredictionField",
                "deepCloneable",
                "defaultImplementation",
                "developerName",
                "extendedBy",
                "extendsInterfaces",
                "formulaTreatNullNumberAsZero",
                "implementedBy",
                "implementsInterfaces",
                "isInterface",
            ),
            43,
        ),
    }
)
"""The API version that brought a key. 50 is documented; of the others it is recorded that 42 lacks and 48 has them."""
_LATEST = max(_SINCE.values())
_ONE_BYTE = frozenset({("Opportunity", "Fiscal"), ("Case", "Comments")})
"""Texts whose byteLength is their length, as recorded; others count three bytes a character."""
_ONLY_IN_DESCRIBE = frozenset({"uiDetailTemplate", "uiEditTemplate", "uiNewRecord", "defaultValues"})


def describe_object(
    schema: Schema,
    access: Access,
    obj: ObjectType,
    version: str,
    base_url: str,
    types: Sequence[RecordType] = (),
) -> dict[str, Any]:
    """The full describe as the user sees it; hidden fields are not in it.

    `types` are the object's record types. What later API versions brought is left out of earlier ones.
    """
    out = _rights(access, obj)
    out.update(
        {
            "actionOverrides": [],
            "childRelationships": [_child(c) for c in schema.children(obj)],
            "compactLayoutable": obj.has("compactLayoutable"),
            "defaultImplementation": None,
            "extendedBy": None,
            "extendsInterfaces": None,
            "fields": [
                _of_version(describe_field(access, obj, f), version) for f in access.visible_fields(obj)
            ],
            "implementedBy": None,
            "implementsInterfaces": None,
            "listviewable": None,
            "lookupLayoutable": None,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": _record_types(obj, version, types),
            "searchLayoutable": obj.has("searchLayoutable"),
            "sobjectDescribeOption": "FULL",
            "supportedScopes": [{"label": label, "name": name} for name, label in obj.scopes],
            "urls": _urls(obj, version, base_url, full=True),
        }
    )
    return _of_version(dict(sorted(out.items())), version)


def _of_version(described: dict[str, Any], version: str) -> dict[str, Any]:
    number = float(version)
    if number >= _LATEST:
        return described
    return {key: value for key, value in described.items() if _SINCE.get(key, 0) <= number}


def describe_global(schema: Schema, access: Access, version: str, base_url: str) -> dict[str, Any]:
    """The list of the objects that the user may read."""
    seen = [o for o in schema.objects if access.can("Read", o)]
    return {
        "encoding": "UTF-8",
        "maxBatchSize": 200,
        "sobjects": [brief(access, o, version, base_url) for o in seen],
    }


def brief(access: Access, obj: ObjectType, version: str, base_url: str) -> dict[str, Any]:
    """An object's entry in the global list."""
    out = {**_rights(access, obj), "urls": _urls(obj, version, base_url, full=False)}
    return _of_version(dict(sorted(out.items())), version)


def _rights(access: Access, obj: ObjectType) -> dict[str, Any]:
    return {
        "activateable": obj.has("activateable"),
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": obj.has("createable") and access.can("Create", obj),
        "custom": obj.custom,
        "customSetting": obj.has("customSetting"),
        "deepCloneable": obj.has("deepCloneable"),
        "deletable": obj.has("deletable") and access.can("Delete", obj),
        "deprecatedAndHidden": obj.has("deprecatedAndHidden"),
        "feedEnabled": obj.has("feedEnabled"),
        "hasSubtypes": obj.has("hasSubtypes"),
        "isInterface": obj.has("isInterface"),
        "isSubtype": obj.has("isSubtype"),
        "keyPrefix": obj.prefix,
        "label": obj.label,
        "labelPlural": obj.plural,
        "layoutable": obj.has("layoutable"),
        "mergeable": obj.has("mergeable") and access.can("Edit", obj),
        "mruEnabled": obj.has("mruEnabled"),
        "name": obj.name,
        "queryable": obj.has("queryable"),
        "replicateable": obj.has("replicateable"),
        "retrieveable": obj.has("retrieveable"),
        "searchable": obj.has("searchable"),
        "triggerable": obj.has("triggerable"),
        "undeletable": obj.has("undeletable") and access.can("Delete", obj),
        "updateable": obj.has("updateable") and access.can("Edit", obj),
    }


def _urls(obj: ObjectType, version: str, base_url: str, *, full: bool) -> dict[str, str]:
    base = f"/services/data/v{version}/sobjects/{obj.name}"
    return {
        key: _URLS[key].format(base=base, host=base_url, prefix=obj.prefix)
        for key in obj.urls
        if full or key not in _ONLY_IN_DESCRIBE
    }


def _record_types(obj: ObjectType, version: str, types: Sequence[RecordType]) -> list[dict[str, Any]]:
    """The record types by name, then the master; nothing for an object that cannot have any (recorded)."""
    if not record_types.can_have(obj):
        return []
    master = RecordType(MASTER, "Master", "Master", True, not any(t.default for t in types))
    base = f"/services/data/v{version}/sobjects/{obj.name}/describe/layouts"
    return [
        _of_version(
            {
                "active": one.active,
                "available": one.active,
                "defaultRecordTypeMapping": one.default,
                "developerName": one.developer_name,
                "master": one is master,
                "name": one.name,
                "recordTypeId": one.id,
                "urls": {"layout": f"{base}/{one.id}"},
            },
            version,
        )
        for one in (*types, master)
    ]


def _child(child: ChildRelationship) -> dict[str, Any]:
    return {
        "cascadeDelete": "c" in child.flags,
        "childSObject": child.child,
        "deprecatedAndHidden": "h" in child.flags,
        "field": child.field,
        "junctionIdListNames": list(child.junction_lists),
        "junctionReferenceTo": list(child.junction_refs),
        "relationshipName": child.name,
        "restrictedDelete": "r" in child.flags,
    }


def describe_field(access: Access, obj: ObjectType, f: Field) -> dict[str, Any]:
    """The 57 keys of a field, with the user's own createable and updateable."""
    writes = access.writes(obj, f)
    fixed = f.type in ("id", "reference") or (obj.name, f.name) in _ONE_BYTE
    return {
        "aggregatable": f.has("aggregatable"),
        "aiPredictionField": False,
        "autoNumber": f.has("autoNumber"),
        "byteLength": f.length if fixed else f.length * 3,
        "calculated": f.has("calculated"),
        "calculatedFormula": f.formula,
        "cascadeDelete": f.has("cascadeDelete"),
        "caseSensitive": f.has("caseSensitive"),
        "compoundFieldName": f.compound,
        "controllerName": None,
        "createable": f.has("createable") and writes and access.can("Create", obj),
        "custom": f.custom,
        "defaultValue": f.default_value,
        "defaultValueFormula": None,
        "defaultedOnCreate": f.has("defaultedOnCreate"),
        "dependentPicklist": f.has("dependentPicklist"),
        "deprecatedAndHidden": f.has("deprecatedAndHidden"),
        "digits": f.digits,
        "displayLocationInDecimal": f.has("displayLocationInDecimal"),
        "encrypted": f.has("encrypted"),
        "externalId": f.has("externalId"),
        "extraTypeInfo": f.extra,
        "filterable": f.has("filterable"),
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": f.has("formulaTreatNullNumberAsZero"),
        "groupable": f.has("groupable"),
        "highScaleNumber": False,
        "htmlFormatted": f.has("htmlFormatted"),
        "idLookup": f.has("idLookup"),
        "inlineHelpText": f.help_text,
        "label": f.label,
        "length": f.length,
        "mask": f.mask,
        "maskType": f.mask_type,
        "name": f.name,
        "nameField": f.has("nameField"),
        "namePointing": f.has("namePointing"),
        "nillable": f.nillable,
        "permissionable": f.has("permissionable"),
        "picklistValues": [
            {
                "active": p.active,
                "defaultValue": p.default,
                "label": p.label,
                "validFor": None,
                "value": p.value,
            }
            for p in f.picklist
        ],
        "polymorphicForeignKey": f.has("polymorphicForeignKey"),
        "precision": f.precision,
        "queryByDistance": f.type in ("address", "location"),
        "referenceTargetField": None,
        "referenceTo": list(f.refs),
        "relationshipName": f.relationship,
        "relationshipOrder": f.relationship_order,
        "restrictedDelete": f.has("restrictedDelete"),
        "restrictedPicklist": f.has("restrictedPicklist"),
        "scale": f.scale,
        "searchPrefilterable": f.has("searchPrefilterable"),
        "soapType": _SOAP.get(f.type, "xsd:string"),
        "sortable": f.has("sortable"),
        "type": f.type,
        "unique": f.has("unique"),
        "updateable": f.has("updateable") and writes and access.can("Edit", obj),
        "writeRequiresMasterRead": f.has("writeRequiresMasterRead"),
    }
