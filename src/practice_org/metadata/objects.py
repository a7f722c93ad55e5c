"""CustomObject components: custom objects, and the parts of standard ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from practice_org.data import sharing_defaults
from practice_org.errors import ApiError
from practice_org.metadata import registry, store
from practice_org.metadata.codec import Value
from practice_org.metadata.fields import of_field
from practice_org.metadata.kinds import Kind, Work, integrity, no_such
from practice_org.metadata.store import Stored
from practice_org.schema import access, custom, custom_object_rename, custom_objects
from practice_org.schema.catalogue import ObjectType
from practice_org.schema.custom_objects import CustomObject

if TYPE_CHECKING:
    from practice_org.org import Org

_PARTS = {
    "fields": "CustomField",
    "recordTypes": "RecordType",
    "validationRules": "ValidationRule",
}
_KEPT = (
    "actionOverrides",
    "allowInChatterGroups",
    "businessProcesses",
    "compactLayoutAssignment",
    "compactLayouts",
    "customHelp",
    "customHelpPage",
    "description",
    "enableBulkApi",
    "enableEnhancedLookup",
    "enableHistory",
    "enableLicensing",
    "enableReports",
    "enableSharing",
    "enableStreamingApi",
    "externalSharingModel",
    "fieldSets",
    "gender",
    "listViews",
    "recordTypeTrackFeedHistory",
    "recordTypeTrackHistory",
    "searchLayouts",
    "sharingReasons",
    "startsWith",
    "visibility",
    "webLinks",
)
_SHARING = ("Private", "Read", "ReadWrite", "ControlledByParent")


class CustomObjectKind(Kind):
    """Full names are the API names of objects."""

    name = "CustomObject"
    directory = "objects"
    suffix = "object"

    def names(self, org: Org) -> list[str]:
        return [o.name for o in org.schema.objects if o.name not in access.SETUP_OBJECTS or o.name == "User"]

    def exact_name(self, org: Org, full_name: str) -> str | None:
        obj = org.schema.get(full_name)
        return obj.name if obj and (obj.name not in access.SETUP_OBJECTS or obj.name == "User") else None

    def read(self, org: Org, full_name: str) -> Value | None:
        exact = self.exact_name(org, full_name)
        if exact is None:
            return None
        obj = org.schema[exact]
        row = store.find(org, self.name, exact)
        out: Value = {"fullName": exact, **(row.definition if row else {})}
        for element, type_name in _PARTS.items():
            if type_name != "CustomField":
                out[element] = _children(org, exact, type_name)
        shown = [f for f in obj.fields if f.compound in (None, f.name) or not f.custom]
        system = (
            "Id",
            "IsDeleted",
            "SystemModstamp",
            "CreatedById",
            "CreatedDate",
            "LastModifiedById",
            "LastModifiedDate",
        )
        hidden = (
            {
                *system,
                "Name",
                "OwnerId",
                "SetupOwnerId",
                "LastActivityDate",
                "LastViewedDate",
                "LastReferencedDate",
            }
            if obj.custom
            else set(system)
        )
        out["fields"] = [of_field(org, obj, f) for f in shown if f.name not in hidden]
        if obj.custom:
            out.update(_custom_part(org, obj))
        else:
            out.setdefault("enableFeeds", obj.has("feedEnabled"))
            if obj.get("OwnerId"):
                out["sharingModel"] = sharing_defaults.model_of(org, obj.name)
        return out

    def create(self, work: Work, full_name: str, value: Value) -> None:
        if not full_name.endswith("__c"):
            if self.exact_name(work.org, full_name):
                self.update(work, full_name, value)
                return
            raise integrity("fullName must end with: __c", "fullName")
        custom.check_name(full_name[:-3])
        wanted = _checked(full_name, value)
        with work.org.transaction():
            custom_objects.create(work.org, wanted)
            self._keep(work, full_name, value)
            _put_parts(work, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        exact = self.exact_name(work.org, full_name)
        if exact is None:
            raise no_such(self.name, full_name)
        with work.org.transaction():
            if work.org.schema[exact].custom:
                custom_objects.change(work.org, _checked(exact, value))
            self._keep(work, exact, value)
            _put_parts(work, exact, value)

    def delete(self, work: Work, full_name: str) -> None:
        exact = self.exact_name(work.org, full_name)
        if exact is None or not work.org.schema[exact].custom:
            raise no_such(self.name, full_name)
        users = [
            f"{o.name}.{f.name}"
            for o in work.org.schema.objects
            for f in o.fields
            if f.custom and exact in f.refs and o.name != exact
        ]
        if users:
            raise ApiError(
                400,
                "DEPENDENCY_EXISTS",
                f"This custom object is referenced elsewhere in salesforce.com. : Custom Field - {users[0]}.",
                (),
            )
        with work.org.transaction():
            custom_objects.remove(work.org, exact)
            store.drop_of_object(work.org, exact)

    def rename(self, work: Work, old: str, new: str) -> None:
        exact = self.exact_name(work.org, old)
        if exact is None or not work.org.schema[exact].custom:
            raise no_such(self.name, old)
        if not new.endswith("__c"):
            raise integrity("fullName must end with: __c", "fullName")
        custom.check_name(new[:-3])
        if work.org.schema.get(new):
            raise ApiError(
                400,
                "DUPLICATE_DEVELOPER_NAME",
                f"This object name, {new[:-3]}, is already in use",
                ("DeveloperName",),
            )
        with work.org.transaction():
            store.known(work.org, self.name, exact)
            custom_object_rename.rename(work.org, exact, new)

    def stored(self, org: Org, full_name: str) -> Stored:
        row = store.known(org, self.name, full_name)
        return row if org.schema[row.name].custom else replace(row, id="")

    def _keep(self, work: Work, name: str, value: Value) -> None:
        before = store.find(work.org, self.name, name)
        obj = work.org.schema[name]
        kept = {} if obj.custom or before is None else dict(before.definition)
        names = (*_KEPT, "deploymentStatus", "sharingModel") if obj.custom else _KEPT
        kept.update({key: value[key] for key in names if value.get(key) not in (None, [])})
        store.put(work.org, work.user_id, self.name, name, kept)
        if value.get("sharingModel") and obj.get("OwnerId"):
            sharing_defaults.set_model(work.org, name, str(value["sharingModel"]))


def _children(org: Org, owner: str, type_name: str) -> list[Value]:
    kind = registry.KINDS.get(type_name)
    if kind is None:
        return []
    found = [kind.read(org, name) for name in kind.names(org) if name.partition(".")[0] == owner]
    return [{**one, "fullName": one["fullName"].partition(".")[2]} for one in found if one]


def _custom_part(org: Org, obj: ObjectType) -> Value:
    made = custom_objects.definition(org, obj.name)
    assert made is not None
    if made.setting:
        return {"customSettingsType": made.setting, "enableFeeds": made.feeds, "label": made.label}
    name_field: Value = {"label": made.name_label, "type": "AutoNumber" if made.name_format else "Text"}
    if made.name_format:
        name_field["displayFormat"] = made.name_format
    row = store.find(org, "CustomObject", obj.name)
    kept = row.definition if row else {}
    owned = obj.get("OwnerId") is not None
    return {
        "deploymentStatus": kept.get("deploymentStatus", "Deployed"),
        "enableActivities": made.activities,
        "enableFeeds": made.feeds,
        "enableSearch": made.search,
        "label": made.label,
        "nameField": name_field,
        "pluralLabel": made.plural,
        "sharingModel": _model(org, obj, kept) if owned else "ControlledByParent",
    }


def _model(org: Org, obj: ObjectType, kept: Value) -> str:
    """The sharing model in force; of one that restricts nothing, the word with which it was ordered."""
    model = sharing_defaults.model_of(org, obj.name)
    said = str(kept.get("sharingModel", model))
    return said if model == "ReadWrite" and said not in ("Private", "Read") else model


def _checked(name: str, value: Value) -> CustomObject:
    """The custom object that a value orders. Raises ApiError for what it lacks."""
    if not str(value.get("label") or "").strip():
        raise integrity("Must specify a non-empty label for the CustomObject", "label")
    if value.get("customSettingsType"):
        return _setting(name, value)
    if not str(value.get("pluralLabel") or "").strip():
        raise integrity("Must specify a non-empty pluralLabel for the CustomObject", "pluralLabel")
    name_field = value.get("nameField")
    if not name_field:
        raise integrity("Must specify a nameField of type Text or AutoNumber", "nameField")
    kind = name_field.get("type")
    if kind not in ("Text", "AutoNumber"):
        raise integrity("Must specify a nameField of type Text or AutoNumber", "nameField")
    if value.get("sharingModel") is None:
        raise integrity("Must specify 'sharingModel' for the CustomObject", "sharingModel")
    if value["sharingModel"] not in _SHARING:
        raise integrity(
            f"A custom object cannot have the sharing model {value['sharingModel']}", "sharingModel"
        )
    if value.get("deploymentStatus") is None:
        raise integrity("Must specify 'deploymentStatus' for the CustomObject", "deploymentStatus")
    form = name_field.get("displayFormat")
    return CustomObject(
        name=name,
        label=str(value["label"]),
        plural=str(value["pluralLabel"]),
        prefix="",
        name_label=str(name_field.get("label") or f"{value['label']} Name"),
        name_format=str(form or "{0}") if kind == "AutoNumber" else None,
        activities=bool(value.get("enableActivities")),
        feeds=bool(value.get("enableFeeds")),
        search=bool(value.get("enableSearch")),
    )


def _setting(name: str, value: Value) -> CustomObject:
    """A custom setting: it has a label and a kind; everything else is given."""
    for element in ("nameField", "sharingModel", "pluralLabel"):
        if value.get(element):
            raise integrity(f"Cannot specify: {element} for Custom Settings", element)
    label = str(value["label"])
    setting = str(value["customSettingsType"])
    return CustomObject(
        name=name, label=label, plural=label, prefix="", name_label=f"{label} Name", setting=setting
    )


def _put_parts(work: Work, owner: str, value: Value) -> None:
    """Create or update what stands in an object's definition: fields first."""
    for element, type_name in _PARTS.items():
        kind = registry.KINDS.get(type_name)
        for part in value.get(element, []):
            name = part.get("fullName")
            if not name:
                raise ApiError(
                    400, "REQUIRED_FIELD_MISSING", "Required field is missing: fullName", ("fullName",)
                )
            if kind is not None:
                registry.upsert(kind, work, f"{owner}.{name}", part)
