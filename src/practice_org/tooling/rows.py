"""The records of the Tooling API's objects, made from the org's schema and components when asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from practice_org.data import sharing_defaults
from practice_org.events import managed
from practice_org.metadata import codec, store
from practice_org.metadata.crud import KINDS
from practice_org.metadata.kinds import Kind
from practice_org.metadata.store import Stored
from practice_org.schema.access import SETUP_OBJECTS, Access, schema_seen
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.tooling import data_types

if TYPE_CHECKING:
    from practice_org.org import Org

Row = dict[str, Any]
Source = Callable[["Org", Access], Iterator[Row]]
"""Given the org and what the asker may see of it."""
WITHOUT_METADATA = frozenset({"PermissionSet", "User", "Organization"})


def entity_id(org: Org, obj: ObjectType) -> str:
    """The durable id of an object: its name, or the id of a custom one (15 characters, as recorded)."""
    return store.known(org, "CustomObject", obj.name).id[:15] if obj.custom else obj.name


def field_id(org: Org, obj: ObjectType, f: Field) -> str:
    """The durable id of a field: object and field, a custom field by its id."""
    last = (
        store.known(org, "CustomField", f"{obj.name}.{f.name}").id[:15]
        if f.custom and not f.compound
        else f.name
    )
    return f"{entity_id(org, obj)}.{last}"


def _name_parts(name: str) -> str:
    return name[:-3] if name.endswith("__c") else name


def entities(org: Org, seen: Access) -> Iterator[Row]:
    """EntityDefinition."""
    for obj in schema_seen(org.schema, seen):
        custom_at = store.find(org, "CustomObject", obj.name)
        durable = entity_id(org, obj)
        yield {
            "Id": durable,
            "DurableId": durable,
            "LastModifiedDate": custom_at.modified if custom_at and obj.custom else None,
            "LastModifiedById": custom_at.modified_by if custom_at and obj.custom else None,
            "QualifiedApiName": obj.name,
            "DeveloperName": _name_parts(obj.name),
            "MasterLabel": obj.label,
            "Label": obj.label,
            "PluralLabel": obj.plural,
            "IsCustomizable": obj.name not in SETUP_OBJECTS,
            "IsApexTriggerable": obj.has("triggerable"),
            "IsTriggerable": obj.has("triggerable"),
            "IsWorkflowEnabled": obj.has("layoutable"),
            "IsProcessEnabled": obj.has("layoutable"),
            "IsCompactLayoutable": obj.has("compactLayoutable"),
            "DeploymentStatus": "Deployed" if obj.custom else None,
            "KeyPrefix": obj.prefix,
            "IsReplicateable": obj.has("replicateable"),
            "IsRetrieveable": obj.has("retrieveable"),
            "IsSearchLayoutable": obj.has("searchLayoutable"),
            "IsSearchable": obj.has("searchable"),
            "IsIdEnabled": True,
            "IsEverCreatable": obj.has("createable"),
            "IsEverUpdatable": obj.has("updateable"),
            "IsEverDeletable": obj.has("deletable"),
            "IsFeedEnabled": obj.has("feedEnabled"),
            "IsQueryable": obj.has("queryable"),
            "IsMruEnabled": obj.has("mruEnabled"),
            "IsLayoutable": obj.has("layoutable"),
            "DetailUrl": "/{ID}",
            "EditUrl": "/{ID}/e",
            "NewUrl": f"/{obj.prefix}/e",
            "EditDefinitionUrl": f"/{durable}" if obj.custom else f"/ui/setup/Setup?setupid={obj.name}",
            "PublisherId": "<local>" if obj.custom else "System",
            "InternalSharingModel": sharing_defaults.model_of(org, obj.name)
            if obj.has("layoutable")
            else None,
            "ExternalSharingModel": _external(org, obj),
            "FullName": obj.name,
        }


def _external(org: Org, obj: ObjectType) -> str | None:
    """What a definition says of people outside, of whom there are none here."""
    row = store.find(org, "CustomObject", obj.name) if obj.has("layoutable") else None
    said = row.definition.get("externalSharingModel") if row else None
    return said or ("Private" if obj.has("layoutable") else None)


def _custom_rows(org: Org) -> dict[str, Stored]:
    """The rows of custom fields, and of standard ones about which something is kept, by full name."""
    return {row.name: row for row in store.every(org, "CustomField")}


def fields(org: Org, seen: Access) -> Iterator[Row]:
    """FieldDefinition: compound fields as one, without their parts."""
    rows = _custom_rows(org)
    for obj in schema_seen(org.schema, seen):
        for f in seen.visible_fields(obj):
            if f.compound not in (None, f.name) and obj.get(f.compound or "") is not None:
                continue
            row = rows.get(f"{obj.name}.{f.name}")
            more = row.definition if row else {}
            durable = field_id(org, obj, f)
            yield {
                "Id": durable,
                "DurableId": durable,
                "QualifiedApiName": f.name,
                "EntityDefinitionId": entity_id(org, obj),
                "DeveloperName": _name_parts(f.name),
                "MasterLabel": f.label,
                "Label": f.label,
                "Length": f.length,
                "DataType": data_types.shown(org.schema, obj, f),
                "ServiceDataTypeId": f.type,
                "ValueTypeId": _value_type(f),
                "ExtraTypeInfo": f.extra,
                "IsCalculated": f.has("calculated"),
                "IsHtmlFormatted": f.has("htmlFormatted"),
                "IsNameField": f.has("nameField"),
                "IsNillable": f.nillable,
                "IsWorkflowFilterable": f.has("filterable"),
                "IsCompactLayoutable": not f.has("htmlFormatted"),
                "Precision": f.precision,
                "Scale": f.scale,
                "IsFieldHistoryTracked": bool(more.get("trackHistory")),
                "IsIndexed": f.has("idLookup")
                or f.has("externalId")
                or f.has("unique")
                or f.type == "reference",
                "IsApiFilterable": f.has("filterable"),
                "IsApiSortable": f.has("sortable"),
                "IsApiGroupable": f.has("groupable"),
                "IsListFilterable": f.has("filterable"),
                "IsListSortable": f.has("sortable"),
                "IsListVisible": True,
                "LastModifiedDate": row.modified if row and f.custom else None,
                "LastModifiedById": row.modified_by if row and f.custom else None,
                "PublisherId": "<local>" if f.custom else "System",
                "RelationshipName": f.relationship,
                "ReferenceTo": json.dumps({"referenceTo": list(f.refs) or None}),
                "IsCompound": f.type in ("address", "location") or f.compound == f.name,
                "IsSearchPrefilterable": f.has("searchPrefilterable"),
                "IsPolymorphicForeignKey": f.has("polymorphicForeignKey"),
                "BusinessStatus": more.get("businessStatus"),
                "SecurityClassification": more.get("securityClassification"),
                "ComplianceGroup": more.get("complianceGroup"),
                "Description": more.get("description"),
                "FullName": f.name,
            }


def particles(org: Org, seen: Access) -> Iterator[Row]:
    """EntityParticle: every element that a describe has."""
    for obj in schema_seen(org.schema, seen):
        for f in seen.visible_fields(obj):
            durable = field_id(org, obj, f)
            whole = obj.get(f.compound) if f.compound else None
            yield {
                "Id": durable,
                "DurableId": durable,
                "QualifiedApiName": f.name,
                "Name": f.name,
                "EntityDefinitionId": entity_id(org, obj),
                "FieldDefinitionId": field_id(org, obj, whole or f),
                "DeveloperName": _name_parts(f.name),
                "MasterLabel": f.label,
                "Label": f.label,
                "Length": f.length,
                "DataType": f.type,
                "ServiceDataTypeId": f.type,
                "ValueTypeId": _value_type(f),
                "ExtraTypeInfo": f.extra,
                "ByteLength": f.length if f.type in ("id", "reference") else f.length * 3,
                "Digits": f.digits,
                "Precision": f.precision,
                "Scale": f.scale,
                "InlineHelpText": f.help_text,
                "RelationshipName": f.relationship,
                "ReferenceTo": json.dumps({"referenceTo": list(f.refs) or None}),
                "RelationshipOrder": f.relationship_order,
                "Mask": f.mask,
                "MaskType": f.mask_type,
                "IsAutonumber": f.has("autoNumber"),
                "IsCaseSensitive": f.has("caseSensitive"),
                "IsUnique": f.has("unique"),
                "IsCreatable": f.has("createable"),
                "IsUpdatable": f.has("updateable"),
                "IsDefaultedOnCreate": f.has("defaultedOnCreate"),
                "IsWriteRequiresMasterRead": f.has("writeRequiresMasterRead"),
                "IsCalculated": f.has("calculated"),
                "IsHtmlFormatted": f.has("htmlFormatted"),
                "IsNameField": f.has("nameField"),
                "IsNillable": f.nillable,
                "IsPermissionable": f.has("permissionable"),
                "IsEncrypted": f.has("encrypted"),
                "IsWorkflowFilterable": f.has("filterable"),
                "IsCompactLayoutable": not f.has("htmlFormatted"),
                "IsIndexed": f.has("idLookup")
                or f.has("externalId")
                or f.has("unique")
                or f.type == "reference",
                "IsApiFilterable": f.has("filterable"),
                "IsApiSortable": f.has("sortable"),
                "IsApiGroupable": f.has("groupable"),
                "IsListFilterable": f.has("filterable"),
                "IsListSortable": f.has("sortable"),
                "IsListVisible": True,
                "IsComponent": whole is not None and whole is not f,
                "IsCompound": f.type in ("address", "location") or f.compound == f.name,
                "IsNamePointing": f.has("namePointing"),
                "IsDependentPicklist": f.has("dependentPicklist"),
                "IsDeprecatedAndHidden": f.has("deprecatedAndHidden"),
                "IsDisplayLocationInDecimal": f.has("displayLocationInDecimal"),
                "IsIdLookup": f.has("idLookup"),
                "IsPolymorphicForeignKey": f.has("polymorphicForeignKey"),
            }


def _value_type(f: Field) -> str:
    return {"id": "id", "reference": "id", "boolean": "boolean", "date": "date", "datetime": "datetime", "int": "integer",
            "double": "double", "currency": "double", "percent": "double"}.get(f.type, "string")  # fmt: skip


def picklist_values(org: Org, seen: Access) -> Iterator[Row]:
    """PicklistValueInfo."""
    for obj in schema_seen(org.schema, seen):
        for f in seen.visible_fields(obj):
            particle = field_id(org, obj, f) if f.picklist else ""
            for entry in f.picklist:
                yield {
                    "Id": f"{particle}.{entry.value}",
                    "DurableId": f"{particle}.{entry.value}",
                    "Value": entry.value,
                    "Label": entry.label,
                    "IsDefaultValue": entry.default,
                    "IsActive": entry.active,
                    "EntityParticleId": particle,
                }


def relationships(org: Org, seen: Access) -> Iterator[Row]:
    """RelationshipDomain: references between objects that are here."""
    for parent in schema_seen(org.schema, seen):
        for child in org.schema.children(parent):
            other = org.schema.get(child.child)
            f = other.get(child.field) if other else None
            if other is None or f is None:
                continue
            durable = f"{entity_id(org, parent)}.{field_id(org, other, f)}"
            yield {
                "Id": durable,
                "DurableId": durable,
                "ChildSobjectId": entity_id(org, other),
                "ParentSobjectId": entity_id(org, parent),
                "FieldId": field_id(org, other, f),
                "RelationshipName": child.name,
                "IsCascadeDelete": "c" in child.flags,
                "IsRestrictedDelete": "r" in child.flags,
                "IsDeprecatedAndHidden": "h" in child.flags,
            }


def _stamps(row: Stored) -> Row:
    return {
        "Id": row.id,
        "ManageableState": "unmanaged",
        "CreatedDate": row.created,
        "CreatedById": row.created_by,
        "LastModifiedDate": row.modified,
        "LastModifiedById": row.modified_by,
        "SystemModstamp": row.modified,
    }


def _components(org: Org, type_name: str) -> Iterator[tuple[str, codec.Value, Row]]:
    """Each component of a type with its value and the columns that all have."""
    kind = KINDS[type_name]
    for name in kind.names(org):
        value = kind.read(org, name)
        if value is None:
            continue
        common = {**_stamps(kind.stored(org, name)), "FullName": name}
        common["Metadata"] = json.dumps(codec.to_json(type_name, value))
        yield name, value, common


def _owner(org: Org, name: str, separator: str = ".") -> Row:
    obj = org.schema.get(name.partition(separator)[0])
    return {"EntityDefinitionId": entity_id(org, obj) if obj else None}


def custom_objects(org: Org, seen: Access) -> Iterator[Row]:
    """CustomObject: custom ones only."""
    kind: Kind = KINDS["CustomObject"]
    for obj in org.schema.objects:
        if obj.custom and obj.name.endswith("__c"):
            value = kind.read(org, obj.name) or {}
            yield {
                **_stamps(kind.stored(org, obj.name)),
                "DeveloperName": obj.name[:-3],
                "Description": value.get("description"),
                "SharingModel": value.get("sharingModel"),
                "Language": "en_US",
                "FullName": obj.name,
                "Metadata": json.dumps(codec.to_json("CustomObject", value)),
            }


def custom_fields(org: Org, seen: Access) -> Iterator[Row]:
    """CustomField."""
    for name, value, common in _components(org, "CustomField"):
        owner, _, field_name = name.partition(".")
        yield {
            **common,
            **_owner(org, name),
            "TableEnumOrId": entity_id(org, org.schema[owner]),
            "DeveloperName": field_name[:-3],
            **{key[0].upper() + key[1:]: value.get(key) for key in (
                "description", "inlineHelpText", "relationshipLabel", "length", "precision", "scale", "summaryOperation"
            )},
        }  # fmt: skip


def validation_rules(org: Org, seen: Access) -> Iterator[Row]:
    """ValidationRule."""
    for name, value, common in _components(org, "ValidationRule"):
        yield {
            **common,
            **_owner(org, name),
            "ValidationName": name.partition(".")[2],
            "Description": value.get("description"),
            "Active": value["active"],
            "ErrorDisplayField": value.get("errorDisplayField"),
            "ErrorMessage": value["errorMessage"],
        }


def layouts(org: Org, seen: Access) -> Iterator[Row]:
    """Layout."""
    for name, _, common in _components(org, "Layout"):
        owner = _owner(org, name, "-")
        yield {**common, **owner, "Name": name.partition("-")[2], "LayoutType": "Standard",
               "TableEnumOrId": owner["EntityDefinitionId"]}  # fmt: skip


def record_types(org: Org, seen: Access) -> Iterator[Row]:
    """RecordType."""
    for name, value, common in _components(org, "RecordType"):
        owner, _, developer_name = name.partition(".")
        yield {
            **common,
            **_owner(org, name),
            "Name": value["label"],
            "DeveloperName": developer_name,
            "SobjectType": owner,
            "IsActive": value["active"],
            "Description": value.get("description"),
        }


def _named(type_name: str, **columns: str) -> Source:
    """Components whose columns are elements of their values."""

    def source(org: Org, seen: Access) -> Iterator[Row]:
        for name, value, common in _components(org, type_name):
            told = {column: value.get(element) for column, element in columns.items()}
            yield {**common, "DeveloperName": name, "MasterLabel": name, "Language": "en_US", **told}

    return source


def _text(value: codec.Value, element: str) -> str | None:
    """The text of an element of a value without a shape."""
    given = value.get(element) or [None]
    return given[0] if isinstance(given[0], str) else None


def _code(type_name: str) -> Source:
    """Apex and pages, as they were deployed."""

    def source(org: Org, seen: Access) -> Iterator[Row]:
        for row in store.every(org, type_name):
            body = base64.b64decode(_text(row.definition, "content") or "").decode("utf-8", "replace")
            version = _text(row.definition, "apiVersion")
            yield {
                **_stamps(row),
                "FullName": row.name,
                "Name": row.name,
                "MasterLabel": _text(row.definition, "label") or row.name,
                "ApiVersion": float(version) if version and version.replace(".", "", 1).isdigit() else None,
                "Status": _text(row.definition, "status") or "Active",
                "IsValid": True,
                "Body": body,
                "Markup": body,
                "LengthWithoutComments": len(body),
            }

    return source


def static_resources(org: Org, seen: Access) -> Iterator[Row]:
    """StaticResource, as they were deployed."""
    for row in store.every(org, "StaticResource"):
        yield {
            **_stamps(row),
            "FullName": row.name,
            "Name": row.name,
            "ContentType": _text(row.definition, "contentType"),
            "CacheControl": _text(row.definition, "cacheControl"),
            "Description": _text(row.definition, "description"),
            "BodyLength": len(base64.b64decode(_text(row.definition, "content") or "")),
        }


def standard_value_sets(org: Org, seen: Access) -> Iterator[Row]:
    """StandardValueSet."""
    for name, _, common in _components(org, "StandardValueSet"):
        yield {
            "Id": name,
            "DurableId": name,
            "MasterLabel": name,
            "FullName": name,
            "Metadata": common["Metadata"],
        }


def _table(name: str) -> Source:
    """Rows of an object of the data API."""

    def source(org: Org, seen: Access) -> Iterator[Row]:
        cursor = org.reader().execute(f'SELECT * FROM "{name}"')
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchall():
            found = dict(zip(names, row, strict=True))
            yield {**found, "FullName": found.get("Name")}

    return source


def profiles(org: Org, seen: Access) -> Iterator[Row]:
    """Profile, with what it gives."""
    by_id = {common["Id"]: common for _, _, common in _components(org, "Profile")}
    for row in _table("Profile")(org, seen):
        yield {**row, "Metadata": by_id.get(row["Id"], {}).get("Metadata")}


def managed_subscriptions(org: Org, seen: Access) -> Iterator[Row]:
    """ManagedEventSubscription."""
    for one in managed.every(org):
        yield {
            "Id": one.id,
            "DeveloperName": one.name,
            "MasterLabel": one.name,
            "Language": "en_US",
            "TopicName": one.topic,
            "DefaultReplay": one.default_replay,
            "ErrorRecoveryReplay": one.error_recovery,
            "State": one.state,
            "FullName": one.name,
            "Metadata": json.dumps(one.metadata()),
        }


SOURCES: dict[str, Source] = {
    "EntityDefinition": entities,
    "FieldDefinition": fields,
    "EntityParticle": particles,
    "PicklistValueInfo": picklist_values,
    "RelationshipDomain": relationships,
    "CustomObject": custom_objects,
    "CustomField": custom_fields,
    "ValidationRule": validation_rules,
    "Layout": layouts,
    "RecordType": record_types,
    "GlobalValueSet": _named("GlobalValueSet", MasterLabel="masterLabel", Description="description"),
    "StandardValueSet": standard_value_sets,
    "PlatformEventChannelMember": _named(
        "PlatformEventChannelMember",
        EventChannel="eventChannel",
        SelectedEntity="selectedEntity",
        FilterExpression="filterExpression",
    ),
    "PlatformEventChannel": _named("PlatformEventChannel", MasterLabel="label", ChannelType="channelType"),
    "ManagedEventSubscription": managed_subscriptions,
    "CustomTab": _named("CustomTab", MasterLabel="label", Url="url"),
    "ApexClass": _code("ApexClass"),
    "ApexTrigger": _code("ApexTrigger"),
    "ApexPage": _code("ApexPage"),
    "ApexComponent": _code("ApexComponent"),
    "StaticResource": static_resources,
    "PermissionSet": _table("PermissionSet"),
    "Profile": profiles,
    "User": _table("User"),
    "Organization": _table("Organization"),
}
"""Where the records of an object come from; objects without a source are empty."""
