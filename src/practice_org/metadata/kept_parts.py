"""Components without files of their own that are only kept: list views, labels, rules of workflows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, no_such
from practice_org.metadata.store import Stored

if TYPE_CHECKING:
    from practice_org.org import Org


class KeptPartKind(Kind):
    """A type whose components stand under `element` in the definition of their owner, a `part_of`."""

    def __init__(self, name: str, part_of: str, element: str, directory: str, suffix: str) -> None:
        self.name, self.part_of, self.element = name, part_of, element  # type: ignore[misc]
        self.directory, self.suffix = directory, suffix  # type: ignore[misc]

    def names(self, org: Org) -> list[str]:
        return [
            self._full(row.name, _name(one))
            for row in store.every(org, str(self.part_of))
            for one in row.definition.get(self.element, [])
            if _name(one)
        ]

    def read(self, org: Org, full_name: str) -> Value | None:
        owner, name = self.owner_and_name(full_name)
        row = store.find(org, str(self.part_of), owner)
        entries = row.definition.get(self.element, []) if row else []
        found = next((one for one in entries if _name(one).lower() == name.lower()), None)
        return None if found is None else {**found, "fullName": self._full(owner, _name(found))}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        if self.read(work.org, full_name) is not None:
            raise ApiError(
                400, "DUPLICATE_DEVELOPER_NAME", f"Duplicate developer name: {full_name}", ("DeveloperName",)
            )
        self._put(work, full_name, value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        if self.read(work.org, full_name) is None:
            raise no_such(self.name, full_name)
        self._put(work, full_name, value)

    def delete(self, work: Work, full_name: str) -> None:
        if self.read(work.org, full_name) is None:
            raise no_such(self.name, full_name)
        self._put(work, full_name, None)

    def stored(self, org: Org, full_name: str) -> Stored:
        owner = store.known(org, str(self.part_of), self.owner_and_name(full_name)[0])
        return Stored(
            self.name, full_name, "", owner.created, owner.created_by, owner.modified, owner.modified_by
        )

    def file_name(self, full_name: str) -> str:
        return f"{self.directory}/{self.owner_and_name(full_name)[0]}.{self.suffix}"

    def _put(self, work: Work, full_name: str, value: Value | None) -> None:
        """Replace the entry of that name; None takes it away."""
        given, name = self.owner_and_name(full_name)
        owner = given
        if self.part_of == "CustomObject":
            obj = work.org.schema.get(given)
            if obj is None:
                raise no_such("CustomObject", given)
            owner = obj.name
        row = store.find(work.org, str(self.part_of), owner)
        definition = dict(row.definition) if row else {}
        others = [one for one in definition.get(self.element, []) if _name(one).lower() != name.lower()]
        definition[self.element] = others + ([{**value, "fullName": name}] if value is not None else [])
        store.put(work.org, work.user_id, str(self.part_of), owner, definition)

    def owner_and_name(self, full_name: str) -> tuple[str, str]:
        """Labels bear no owner's name, as there is one set of them."""
        if self.part_of == "CustomLabels":
            return "CustomLabels", full_name
        return super().owner_and_name(full_name)

    def _full(self, owner: str, name: str) -> str:
        return name if self.part_of == "CustomLabels" else f"{owner}.{name}"


def _name(entry: Value) -> str:
    return str(entry.get("fullName") or "")


def _rows() -> tuple[tuple[str, str, str, str, str], ...]:
    objects = ("CustomObject", "objects", "object")
    flows = ("Workflow", "workflows", "workflow")
    sharing = ("SharingRules", "sharingRules", "sharingRules")
    table = (
        (objects, "BusinessProcess", "businessProcesses"),
        (objects, "CompactLayout", "compactLayouts"),
        (objects, "FieldSet", "fieldSets"),
        (objects, "ListView", "listViews"),
        (objects, "SharingReason", "sharingReasons"),
        (objects, "WebLink", "webLinks"),
        (flows, "WorkflowAlert", "alerts"),
        (flows, "WorkflowFieldUpdate", "fieldUpdates"),
        (flows, "WorkflowOutboundMessage", "outboundMessages"),
        (flows, "WorkflowRule", "rules"),
        (flows, "WorkflowTask", "tasks"),
        (sharing, "SharingCriteriaRule", "sharingCriteriaRules"),
        (sharing, "SharingOwnerRule", "sharingOwnerRules"),
        (("CustomLabels", "labels", "labels"), "CustomLabel", "labels"),
        (("AssignmentRules", "assignmentRules", "assignmentRules"), "AssignmentRule", "assignmentRule"),
        (
            ("AutoResponseRules", "autoResponseRules", "autoResponseRules"),
            "AutoResponseRule",
            "autoResponseRule",
        ),
        (("EscalationRules", "escalationRules", "escalationRules"), "EscalationRule", "escalationRule"),
        (("MatchingRules", "matchingRules", "matchingRule"), "MatchingRule", "matchingRules"),
    )
    return tuple((name, owner, element, place, end) for (owner, place, end), name, element in table)


def kept_part_kinds() -> tuple[Kind, ...]:
    """All types of this sort."""
    return tuple(KeptPartKind(*row) for row in _rows())
