"""Which custom fields of a lead go where when it is converted: the org's setting `lead_convert_settings`.

The setting is a list of `{lead_field, target_object, target_field}`. Standard fields are mapped by the
platform itself and are not in it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from practice_org.errors import ApiError
from practice_org.metadata import store as components
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such
from practice_org.schema.field_spec import setup_type

if TYPE_CHECKING:
    from practice_org.org import Org

SETTING = "lead_convert_settings"
TARGETS = ("Account", "Contact", "Opportunity")


@dataclass(frozen=True)
class Mapped:
    """One lead field and the field that takes its value."""

    lead_field: str
    target_object: str
    target_field: str

    def names(self, object_name: str, field_name: str) -> bool:
        return (object_name, field_name) in (
            ("Lead", self.lead_field),
            (self.target_object, self.target_field),
        )

    def renamed(self, object_name: str, old: str, new: str) -> Mapped:
        if object_name == "Lead" and self.lead_field == old:
            return replace(self, lead_field=new)
        if (object_name, old) == (self.target_object, self.target_field):
            return replace(self, target_field=new)
        return self


def mapping(org: Org) -> list[Mapped]:
    """The org's lead mapping."""
    return [Mapped(**one) for one in org.setting(SETTING, [])]


def store(org: Org, pairs: list[Mapped]) -> None:
    """Replace the org's lead mapping."""
    if pairs != mapping(org):
        org.set_setting(SETTING, [asdict(one) for one in pairs])


class LeadConvertSettingsKind(Kind):
    """The one component of its type; its full name is `LeadConvertSettings`."""

    name = "LeadConvertSettings"
    directory = "LeadConvertSettings"
    suffix = "LeadConvertSetting"
    creatable = False

    def names(self, org: Org) -> list[str]:
        return [self.name]

    def read(self, org: Org, full_name: str) -> Value | None:
        if full_name.lower() != self.name.lower():
            return None
        row = components.find(org, self.name, self.name)
        pairs = mapping(org)
        out: Value = {"fullName": self.name, "allowOwnerChange": False}
        out.update({k: v for k, v in (row.definition if row else {}).items() if k != "objectMapping"})
        out["objectMapping"] = [
            {
                "inputObject": "Lead",
                "mappingFields": [
                    {"inputField": one.lead_field, "outputField": one.target_field}
                    for one in pairs
                    if one.target_object == target
                ],
                "outputObject": target,
            }
            for target in TARGETS
            if any(one.target_object == target for one in pairs)
        ]
        return out

    def create(self, work: Work, full_name: str, value: Value) -> None:
        self.update(work, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        if full_name.lower() != self.name.lower():
            raise no_such(self.name, full_name)
        pairs = _checked(work.org, value)
        with work.org.transaction():
            store(work.org, pairs)
            rest: dict[str, Any] = {
                name: value[name]
                for name in ("allowOwnerChange", "opportunityCreationOptions")
                if value.get(name) is not None
            }
            components.put(work.org, work.user_id, self.name, self.name, rest)

    def delete(self, work: Work, full_name: str) -> None:
        raise ApiError(400, "INVALID_TYPE_FOR_OPERATION", "Cannot delete LeadConvertSettings", ())


def _checked(org: Org, value: Value) -> list[Mapped]:
    """The pairs of a definition.

    Raises ApiError for a field that is not there, a target of another type or a shorter one, and a
    target or source that is mapped twice for one object.
    """
    pairs: list[Mapped] = []
    for group in value.get("objectMapping", []):
        source, target = org.schema.get(str(group["inputObject"])), org.schema.get(str(group["outputObject"]))
        if source is None or source.name != "Lead":
            raise integrity(
                f"Lead conversion maps fields of Lead, not of {group['inputObject']}", "inputObject"
            )
        if target is None or target.name not in TARGETS:
            raise integrity(f"A lead cannot be converted to {group['outputObject']}", "outputObject")
        for one in group.get("mappingFields", []):
            pairs.append(_pair(org, target.name, str(one["inputField"]), str(one["outputField"])))
    for attribute in ("lead_field", "target_field"):
        seen = [(one.target_object, getattr(one, attribute)) for one in pairs]
        twice = next((key for key in seen if seen.count(key) > 1), None)
        if twice:
            raise integrity(f"Field {twice[1]} is mapped more than once for {twice[0]}", "mappingFields")
    return pairs


def _pair(org: Org, target_name: str, lead_field: str, target_field: str) -> Mapped:
    source = org.schema["Lead"].get(lead_field)
    target = org.schema[target_name].get(target_field)
    for owner, f, given in (("Lead", source, lead_field), (target_name, target, target_field)):
        if f is None:
            raise ApiError(
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                f"In field: mappingFields - no CustomField named {owner}.{given} found",
                (),
            )
    assert source is not None and target is not None
    kinds = (setup_type(source), setup_type(target))
    if kinds[0] != kinds[1] and not (kinds[1] in ("Text", "TextArea", "LongTextArea") and source.is_text):
        raise integrity(
            f"Type of Lead.{source.name} does not fit {target_name}.{target.name}", "mappingFields"
        )
    if source.is_text and target.length < source.length and source.type not in ("picklist", "multipicklist"):
        raise integrity(f"Lead.{source.name} is longer than {target_name}.{target.name}", "mappingFields")
    return Mapped(source.name, target_name, target.name)
