"""describeGlobal, describeSObject, describeSObjects and describeTabs: what REST describes, in the order of the partner WSDL.

Elements that the WSDL calls optional are left out when they are null or false.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice_org.schema import describe, record_types
from practice_org.soap.caller import SoapCall
from practice_org.soap.markup import element, elements, wrap

MOST_OBJECTS = 100
TABS = ("Lead", "Account", "Contact")
_OPTIONAL_OF_FIELD = frozenset(
    {
        "calculatedFormula", "cascadeDelete", "compoundFieldName", "controllerName", "dataTranslationEnabled",
        "defaultValueFormula", "dependentPicklist", "displayLocationInDecimal", "encrypted", "externalId",
        "extraTypeInfo", "filteredLookupInfo", "formulaTreatNullNumberAsZero", "highScaleNumber", "htmlFormatted",
        "inlineHelpText", "mask", "maskType", "namePointing", "referenceTargetField", "relationshipName",
        "relationshipOrder", "restrictedDelete", "writeRequiresMasterRead",
    }
)  # fmt: skip
_FIELD = [
    "aggregatable",
    "aiPredictionField",
    "autoNumber",
    "byteLength",
    "calculated",
    "calculatedFormula",
    "cascadeDelete",
    "caseSensitive",
    "compoundFieldName",
    "controllerName",
    "createable",
    "custom",
    "dataTranslationEnabled",
    "defaultValue",
    "defaultValueFormula",
    "defaultedOnCreate",
    "dependentPicklist",
    "deprecatedAndHidden",
    "digits",
    "displayLocationInDecimal",
    "encrypted",
    "externalId",
    "extraTypeInfo",
    "filterable",
    "filteredLookupInfo",
    "formulaTreatNullNumberAsZero",
    "groupable",
    "highScaleNumber",
    "htmlFormatted",
    "idLookup",
    "inlineHelpText",
    "label",
    "length",
    "mask",
    "maskType",
    "name",
    "nameField",
    "namePointing",
    "nillable",
    "permissionable",
    "picklistValues",
    "polymorphicForeignKey",
    "precision",
    "queryByDistance",
    "referenceTargetField",
    "referenceTo",
    "relationshipName",
    "relationshipOrder",
    "restrictedDelete",
    "restrictedPicklist",
    "scale",
    "searchPrefilterable",
    "soapType",
    "sortable",
    "type",
    "unique",
    "updateable",
    "writeRequiresMasterRead",
]
_BRIEF = [
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "idEnabled",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
]
_OBJECT = [
    "actionOverrides",
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "childRelationships",
    "compactLayoutable",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "defaultImplementation",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "fields",
    "hasSubtypes",
    "idEnabled",
    "implementedBy",
    "implementsInterfaces",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "namedLayoutInfos",
    "networkScopeFieldName",
    "queryable",
    "recordTypeInfos",
    "replicateable",
    "retrieveable",
    "searchLayoutable",
    "searchable",
    "supportedScopes",
    "triggerable",
    "undeletable",
    "updateable",
    "urlDetail",
    "urlEdit",
    "urlNew",
]
_RECORD_TYPE = [
    "active",
    "available",
    "defaultRecordTypeMapping",
    "developerName",
    "master",
    "name",
    "recordTypeId",
]
_PICKLIST = ["active", "defaultValue", "label", "validFor", "value"]
_CHILD = [
    "cascadeDelete",
    "childSObject",
    "deprecatedAndHidden",
    "field",
    "junctionIdListNames",
    "junctionReferenceTo",
    "relationshipName",
    "restrictedDelete",
]


def describe_global(call: SoapCall) -> str:
    """describeGlobal()."""
    told = describe.describe_global(call.org.schema, call.access, call.version, call.base_url)
    shown = "".join(wrap("sobjects", _plain(_BRIEF, {"idEnabled": True, **one})) for one in told["sobjects"])
    head = element("encoding", told["encoding"]) + element("maxBatchSize", told["maxBatchSize"])
    return wrap("result", head + shown)


def describe_sobject(call: SoapCall) -> str:
    """describeSObject(sObjectType)."""
    return wrap("result", _object(call, call.body.value("sObjectType")))


def describe_sobjects(call: SoapCall) -> str:
    """describeSObjects(sObjectType, ...): up to 100."""
    names = call.bounded(call.body.all("sObjectType"), MOST_OBJECTS)
    return "".join(wrap("result", _object(call, one.text.strip())) for one in names)


def _object(call: SoapCall, name: str | None) -> str:
    obj = call.object_of(name)
    types = record_types.of(call.org, obj.name)
    told = describe.describe_object(call.org.schema, call.access, obj, call.version, call.base_url, types)
    urls = told.get("urls", {})
    told |= {
        "idEnabled": True,
        "urlDetail": urls.get("uiDetailTemplate"),
        "urlEdit": urls.get("uiEditTemplate"),
        "urlNew": urls.get("uiNewRecord"),
    }
    parts = []
    for key in _OBJECT:
        if key == "fields":
            parts += [wrap("fields", _field(one)) for one in told["fields"]]
        elif key == "childRelationships":
            parts += [wrap(key, _child(one)) for one in told[key]]
        elif key == "recordTypeInfos":
            parts += [wrap(key, _plain(_RECORD_TYPE, one)) for one in told[key]]
        elif key == "supportedScopes":
            parts += [wrap(key, _plain(["label", "name"], one)) for one in told[key] or []]
        elif key in ("actionOverrides", "namedLayoutInfos"):
            continue
        else:
            parts.append(element(key, told.get(key)))
    return "".join(parts)


def _plain(names: list[str], told: Mapping[str, Any]) -> str:
    return "".join(element(name, told.get(name)) for name in names)


def _child(told: Mapping[str, Any]) -> str:
    parts = []
    for name in _CHILD:
        value = told.get(name)
        if isinstance(value, list):
            parts.append(elements(name, value))
        elif value is not None and not (name == "restrictedDelete" and value is False):
            parts.append(element(name, value))
    return "".join(parts)


def _field(told: Mapping[str, Any]) -> str:
    parts = []
    for name in _FIELD:
        value = told.get(name)
        if name == "picklistValues":
            parts += [wrap(name, _entry(one)) for one in value or []]
        elif name == "referenceTo":
            parts.append(elements(name, value or []))
        elif name == "defaultValue":
            parts.append(_default(value))
        elif name == "soapType":
            parts.append(element(name, str(value).replace("urn:", "tns:")))
        elif not (name in _OPTIONAL_OF_FIELD and value in (None, False)):
            parts.append(element(name, value))
    return "".join(parts)


def _default(value: Any) -> str:
    if value is None:
        return ""
    kind = "xsd:boolean" if isinstance(value, bool) else "xsd:string"
    return f'<defaultValue xsi:type="{kind}">{element("v", value)[3:-4]}</defaultValue>'


def _entry(told: Mapping[str, Any]) -> str:
    return _plain([name for name in _PICKLIST if name != "validFor" or told.get(name) is not None], told)


def describe_tabs(call: SoapCall) -> str:
    """describeTabs(): one app, Sales, with the tabs of the objects that have pages here."""
    tabs = []
    for name in TABS:
        obj = call.org.schema[name]
        if call.access.can("Read", obj):
            told = {
                "custom": False,
                "iconUrl": "",
                "label": obj.plural,
                "miniIconUrl": "",
                "name": f"standard-{name}",
            }
            told |= {"sobjectName": name, "url": f"{call.base_url}/{obj.prefix}/o"}
            tabs.append(wrap("tabs", _plain(list(told), told)))
    head = element("description", "") + element("label", "Sales") + element("logoUrl", "")
    more = element("selected", True) + element("tabSetId", "standard__Sales")
    return wrap("result", head + more + "".join(tabs))
