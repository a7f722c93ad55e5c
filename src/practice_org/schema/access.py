"""Who may see and do what: object permissions, field-level security and system permissions.

As in Salesforce, a profile's rights are held by a permission set that it owns, and further sets may be
assigned to a user; a user has the union. A field that is `permissionable` and has no FieldPermissions
row is hidden. Fields that are not permissionable follow the object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType, Schema

if TYPE_CHECKING:
    from practice_org.data.sharing import Sharing
    from practice_org.org import Org

SETUP_OBJECTS = frozenset(
    {
        "AssignmentRule",
        "CaseStatus",
        "DuplicateRule",
        "FieldPermissions",
        "Group",
        "GroupMember",
        "LeadStatus",
        "MatchingRule",
        "MatchingRuleItem",
        "ObjectPermissions",
        "OpportunityStage",
        "Organization",
        "PermissionSet",
        "PermissionSetAssignment",
        "Profile",
        "QueueSobject",
        "RecordType",
        "TaskPriority",
        "TaskStatus",
        "User",
        "UserLicense",
        "UserRole",
    }
)
"""Objects that every user may read, and only one with Customize Application or Manage Users may write."""

FOLLOWED: Mapping[str, str] = MappingProxyType(
    {
        "CampaignMember": "Campaign",
        "CampaignMemberStatus": "Campaign",
        "OpportunityContactRole": "Opportunity",
        "OpportunityHistory": "Opportunity",
    }
)
"""Objects without permissions of their own: who reads the parent reads them, who edits it writes them."""

ACTIVITIES: Mapping[str, str] = MappingProxyType({"Task": "EditTask", "Event": "EditEvent"})
"""Objects that everybody reads, and the system permission that writing them needs."""

RIGHTS = ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")


@dataclass(frozen=True)
class Access:
    """What one user may do. `user_id` is None for the org itself, which may do everything."""

    user_id: str | None
    system: frozenset[str] = frozenset()
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    hidden: Mapping[str, frozenset[str]] = field(default_factory=dict)
    readonly: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unlimited: bool = False
    sharing: Sharing | None = None
    """Which records the user sees of objects that are not public; None: all."""
    _writable: dict[tuple[str, bool], tuple[ObjectType, Mapping[str, Field]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def row_filter(self, obj: ObjectType, alias: str) -> tuple[str, list[str]] | None:
        """The SQL test, with its parameters, of the records that the user sees; None: all of them."""
        return None if self.sharing is None else self.sharing.row_filter(obj, alias)

    def can(self, right: str, obj: ObjectType) -> bool:
        """Whether the user has Read, Create, Edit or Delete on the object."""
        if self.unlimited:
            return True
        if obj.name in SETUP_OBJECTS:
            return right == "Read" or bool(
                {"ManageUsers", "CustomizeApplication", "ModifyAllData"} & self.system
            )
        if obj.name in ACTIVITIES:
            return right == "Read" or ACTIVITIES[obj.name] in self.system
        parent = FOLLOWED.get(obj.name)
        if parent is not None:
            # "When using the API, the create() call only requires read access to campaigns."
            reads = right == "Read" or (obj.name == "CampaignMember" and right == "Create")
            return ("Read" if reads else "Edit") in self.objects.get(parent, frozenset())
        return right in self.objects.get(obj.name, frozenset())

    def sees(self, obj: ObjectType, f: Field) -> bool:
        return self.unlimited or f.name not in self.hidden.get(obj.name, frozenset())

    def writes(self, obj: ObjectType, f: Field) -> bool:
        """Whether field-level security lets the user write the field."""
        return self.unlimited or (
            self.sees(obj, f) and f.name not in self.readonly.get(obj.name, frozenset())
        )

    def writable(self, obj: ObjectType, *, creating: bool) -> Mapping[str, Field]:
        """The fields, but for Id, that the user may write, by their exact names; worked out once."""
        known = self._writable.get((obj.name, creating))
        if known is None or known[0] is not obj:
            flag = "createable" if creating else "updateable"
            fields = (f for f in obj.fields if f.has(flag) and f.type != "id" and self.writes(obj, f))
            known = self._writable[obj.name, creating] = (obj, {f.name: f for f in fields})
        return known[1]

    def visible_fields(self, obj: ObjectType) -> tuple[Field, ...]:
        return tuple(f for f in obj.fields if self.sees(obj, f))


def has_permissions(object_name: str) -> bool:
    """Whether profiles and permission sets give rights on the object itself."""
    return not (object_name in SETUP_OBJECTS or object_name in FOLLOWED or object_name in ACTIVITIES)


SYSTEM = Access(None, unlimited=True)


def for_user(org: Org, user_id: str | None) -> Access:
    """The user's rights as they stand; None stands for the org itself."""
    if user_id is None:
        return SYSTEM
    cached: Access | None = org.access_cache.get(user_id)
    if cached is None:
        version = org.access_cache.version
        cached = _work_out(org, user_id)
        if version == org.access_cache.version:
            org.access_cache[user_id] = cached
    return cached


def _work_out(org: Org, user_id: str) -> Access:
    from practice_org.data.sharing import sharing_of

    reader = org.reader()
    sets = [
        row[0]
        for row in reader.execute(
            'SELECT s."Id" FROM "PermissionSet" s JOIN "User" u ON u."ProfileId" = s."ProfileId" '
            'WHERE u."Id" = ? AND s."IsOwnedByProfile" = 1 '
            'UNION SELECT "PermissionSetId" FROM "PermissionSetAssignment" WHERE "AssigneeId" = ?',
            (user_id, user_id),
        )
    ]
    marks = ",".join("?" * len(sets))
    system: set[str] = set()
    granted = [f.name for f in org.schema["PermissionSet"].fields if f.name.startswith("Permissions")]
    listed = ", ".join(f'"{name}"' for name in granted)
    for row in reader.execute(f'SELECT {listed} FROM "PermissionSet" WHERE "Id" IN ({marks})', sets):
        system.update(name[len("Permissions") :] for name, on in zip(granted, row, strict=True) if on)
    objects: dict[str, set[str]] = {}
    columns = ", ".join(f'"Permissions{right}"' for right in RIGHTS)
    for name, *flags in reader.execute(
        f'SELECT "SobjectType", {columns} FROM "ObjectPermissions" WHERE "ParentId" IN ({marks})', sets
    ):
        objects.setdefault(name, set()).update(r for r, on in zip(RIGHTS, flags, strict=True) if on)
    readable: set[str] = set()
    editable: set[str] = set()
    for name, edit, read in reader.execute(
        'SELECT "Field", "PermissionsEdit", "PermissionsRead" FROM "FieldPermissions" '
        f'WHERE "ParentId" IN ({marks})',
        sets,
    ):
        if read or edit:
            readable.add(name)
        if edit:
            editable.add(name)
    hidden: dict[str, frozenset[str]] = {}
    readonly: dict[str, frozenset[str]] = {}
    for obj in org.schema.objects:
        governed = [f.name for f in obj.fields if f.has("permissionable")]
        hidden[obj.name] = frozenset(n for n in governed if f"{obj.name}.{n}" not in readable)
        readonly[obj.name] = frozenset(n for n in governed if f"{obj.name}.{n}" not in editable)
    return Access(
        user_id,
        frozenset(system),
        {name: frozenset(rights) for name, rights in objects.items()},
        hidden,
        readonly,
        sharing=sharing_of(org, user_id, system, objects),
    )


def require(access: Access, right: str, obj: ObjectType) -> None:
    """Raise the refusal that an object right's absence causes."""
    if access.can("Read", obj) and access.can(right, obj):
        return
    if right == "Read" or not access.can("Read", obj):
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    raise ApiError(
        400 if right == "Create" else 403,
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY" if right == "Create" else "INSUFFICIENT_ACCESS_OR_READONLY",
        f"entity type cannot be inserted: {obj.label}"
        if right == "Create"
        else "insufficient access rights on object id",
        (),
    )


def schema_seen(schema: Schema, access: Access) -> tuple[ObjectType, ...]:
    """The objects that a user may read."""
    return tuple(o for o in schema.objects if access.can("Read", o))
