"""Value sets: the values that several picklists share, and those of standard picklists."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from practice_org.errors import ApiError
from practice_org.metadata import field_value, store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such, required
from practice_org.schema import custom, picklists, standard_values
from practice_org.schema.catalogue import PicklistEntry

if TYPE_CHECKING:
    from practice_org.org import Org

STANDARD_SETS: dict[str, tuple[tuple[str, str], ...]] = {
    "AccountType": (("Account", "Type"),),
    "AccountRating": (("Account", "Rating"),),
    "AccountOwnership": (("Account", "Ownership"),),
    "CampaignMemberStatus": (("CampaignMember", "Status"),),
    "CampaignStatus": (("Campaign", "Status"),),
    "CampaignType": (("Campaign", "Type"),),
    "CaseOrigin": (("Case", "Origin"),),
    "CasePriority": (("Case", "Priority"),),
    "CaseReason": (("Case", "Reason"),),
    "CaseStatus": (("Case", "Status"),),
    "CaseType": (("Case", "Type"),),
    "ContactRole": (("OpportunityContactRole", "Role"),),
    "EventSubject": (("Event", "Subject"),),
    "Industry": (("Account", "Industry"), ("Lead", "Industry")),
    "LeadSource": (
        ("Lead", "LeadSource"),
        ("Contact", "LeadSource"),
        ("Account", "AccountSource"),
        ("Opportunity", "LeadSource"),
    ),
    "LeadStatus": (("Lead", "Status"),),
    "OpportunityStage": (("Opportunity", "StageName"),),
    "OpportunityType": (("Opportunity", "Type"),),
    "Salutation": (("Lead", "Salutation"), ("Contact", "Salutation")),
    "TaskPriority": (("Task", "Priority"),),
    "TaskStatus": (("Task", "Status"),),
    "TaskSubject": (("Task", "Subject"),),
}
"""Which standard picklists a standard value set feeds (Metadata API Developer Guide)."""


class StandardValueSetKind(Kind):
    """Full names are the sets' (`LeadSource`); they are there from the beginning and cannot be deleted."""

    name = "StandardValueSet"
    directory = "standardValueSets"
    suffix = "standardValueSet"
    creatable: ClassVar[bool] = False

    def names(self, org: Org) -> list[str]:
        return [name for name, fields in STANDARD_SETS.items() if _first(org, fields) is not None]

    def read(self, org: Org, full_name: str) -> Value | None:
        exact = self.exact_name(org, full_name)
        if exact is None:
            return None
        row = store.find(org, self.name, exact)
        more = row.definition if row else {}
        entries = _first(org, STANDARD_SETS[exact]) or ()
        told = standard_values.meanings(org, exact)
        values = [
            {**more.get(one["fullName"], {}), **told.get(one["fullName"], {}), **one}
            for one in field_value.custom_values(entries)
        ]
        return {"fullName": exact, "sorted": False, "standardValue": values}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        raise ApiError(400, "INVALID_TYPE_FOR_OPERATION", "Cannot create a StandardValueSet", ())

    def update(self, work: Work, full_name: str, value: Value) -> None:
        exact = self.exact_name(work.org, full_name)
        if exact is None:
            raise no_such(self.name, full_name)
        entries = field_value.entries_of(value.get("standardValue", []), bool(value.get("sorted")))
        if not entries:
            raise integrity("A StandardValueSet needs at least one value", "standardValue")
        plain = ("fullName", "label", "default", "isActive")
        more = {
            str(one["fullName"]): {k: v for k, v in one.items() if k not in plain}
            for one in value.get("standardValue", [])
        }
        with work.org.transaction():
            for object_name, field_name in STANDARD_SETS[exact]:
                obj = work.org.schema.get(object_name)
                f = obj.get(field_name) if obj else None
                if obj and f:
                    picklists.store(work.org, obj, f, field_value.merged(f.picklist, entries))
            store.put(work.org, work.user_id, self.name, exact, more)
            standard_values.put(work.org, exact, value.get("standardValue", []))

    def delete(self, work: Work, full_name: str) -> None:
        raise ApiError(400, "INVALID_TYPE_FOR_OPERATION", "Cannot delete a StandardValueSet", ())


def _first(org: Org, fields: tuple[tuple[str, str], ...]) -> tuple[PicklistEntry, ...] | None:
    for object_name, field_name in fields:
        obj = org.schema.get(object_name)
        f = obj.get(field_name) if obj else None
        if f is not None:
            return f.picklist
    return None


class GlobalValueSetKind(Kind):
    """Full names are the sets' developer names."""

    name = "GlobalValueSet"
    directory = "globalValueSets"
    suffix = "globalValueSet"

    def names(self, org: Org) -> list[str]:
        return [row.name for row in store.every(org, self.name)]

    def read(self, org: Org, full_name: str) -> Value | None:
        row = store.find(org, self.name, full_name)
        return None if row is None else {**row.definition, "fullName": row.name}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        custom.check_name(full_name)
        if store.find(work.org, self.name, full_name):
            raise ApiError(
                400,
                "DUPLICATE_DEVELOPER_NAME",
                f"Duplicate global value set name: {full_name}",
                ("DeveloperName",),
            )
        self._put(work, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        row = store.find(work.org, self.name, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        self._put(work, row.name, value)

    def delete(self, work: Work, full_name: str) -> None:
        row = store.find(work.org, self.name, full_name)
        if row is None:
            raise no_such(self.name, full_name)
        users = _users(work.org, row.name)
        if users:
            raise ApiError(
                400,
                "DEPENDENCY_EXISTS",
                f"This global value set is used by a picklist. : Custom Field - {users[0]}.",
                (),
            )
        store.drop(work.org, self.name, row.name)

    def _put(self, work: Work, name: str, value: Value) -> None:
        required(value, "masterLabel", self.name)
        entries = field_value.entries_of(value.get("customValue", []), bool(value.get("sorted")))
        before = store.find(work.org, self.name, name)
        old = field_value.entries_of(before.definition.get("customValue", [])) if before else ()
        kept = field_value.merged(old, entries)
        with work.org.transaction():
            definition = {k: v for k, v in value.items() if k != "fullName"}
            definition["customValue"] = field_value.custom_values(kept)
            definition.setdefault("sorted", False)
            store.put(work.org, work.user_id, self.name, name, definition)
            for path in _users(work.org, name):
                owner, _, field_name = path.partition(".")
                obj = work.org.schema[owner]
                f = obj.get(field_name)
                if f is not None:
                    picklists.store(work.org, obj, replace(f), kept)


def _users(org: Org, name: str) -> list[str]:
    return [
        row.name
        for row in store.every(org, "CustomField")
        if str(row.definition.get("valueSetName", "")).lower() == name.lower()
    ]
