"""List views: rows of ListView, and the queries behind them.

A new org has a few an object; clients cannot make more, as on the platform, where ListView is read-only.
The columns of Account are recorded; those of other objects are platform knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.schema import access, setup_rows
from practice_org.schema.catalogue import Field, ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

OWNER = "Owner.Alias"
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Account": ("Name", "Site", "BillingState", "Phone", "Type", OWNER),
        "Campaign": ("Name", "Type", "Status", "StartDate", "EndDate", "NumberOfResponses", OWNER),
        "Case": ("CaseNumber", "Contact.Name", "Subject", "Status", "Priority", "CreatedDate", OWNER),
        "Contact": ("Name", "Account.Name", "Account.Site", "Phone", "Email", OWNER),
        "Lead": ("Name", "Title", "Company", "Phone", "Email", "Status", OWNER),
        "Opportunity": ("Name", "Account.Name", "Amount", "CloseDate", "StageName", OWNER),
        "Task": ("Subject", "Who.Name", "What.Name", "ActivityDate", "Status", "Priority", OWNER),
    }
)
HIDDEN = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp")
"""What each list view selects besides, without showing it."""
_SORTED: Mapping[str, str] = MappingProxyType({"Case": "CaseNumber", "Task": "ActivityDate"})


@dataclass(frozen=True)
class ListView:
    """One list view: `scope` is of USING SCOPE; `condition` is its filter as describes give it."""

    id: str
    developer_name: str
    label: str
    object_name: str
    scope: str | None
    condition: tuple[str, str, str] | None


@dataclass(frozen=True)
class Column:
    """One column: a path from the object, the field that it ends in, and whether it is shown."""

    path: str
    field: Field
    label: str
    hidden: bool

    @property
    def select(self) -> str:
        """How the query asks for it: picklists by their labels (recorded)."""
        return f"toLabel({self.path})" if self.field.type in ("picklist", "multipicklist") else self.path


def has_views(obj: ObjectType) -> bool:
    return "listviews" in obj.urls


_KINDS = (
    ("All{}", "All {}", None, None),
    ("My{}", "My {}", "mine", None),
    ("NewThisWeek", "New This Week", None, ("CreatedDate", "equals", "THIS_WEEK")),
)
"""Developer name, label, scope and condition of the list views of each object."""


def _kind(obj: ObjectType, developer_name: str) -> tuple[str | None, tuple[str, str, str] | None]:
    stem = _stem(obj)
    for name, _, scope, condition in _KINDS:
        if name.format(stem) == developer_name:
            return scope, condition
    return None, None


def _stem(obj: ObjectType) -> str:
    return "".join(c for c in obj.plural if c.isalnum())


def store(org: Org) -> None:
    """Store the list views of those standard objects that have none."""
    with org.transaction() as tx:
        creator = setup_rows.first_user(org)
        present = {row[0] for row in tx.connection.execute('SELECT DISTINCT "SobjectType" FROM "ListView"')}
        for obj in org.schema.objects:
            if not has_views(obj) or obj.name in present:
                continue
            for name, label, _, _ in _KINDS:
                setup_rows.insert_row(
                    org,
                    "ListView",
                    {
                        "Id": ids.mint(tx.connection, "00B")[0],
                        "Name": label.format(obj.plural),
                        "DeveloperName": name.format(_stem(obj)),
                        "SobjectType": obj.name,
                        "IsSoqlCompatible": 1,
                        "CreatedDate": tx.stamp,
                        "LastModifiedDate": tx.stamp,
                        "SystemModstamp": tx.stamp,
                        "CreatedById": creator,
                        "LastModifiedById": creator,
                    },
                )


def of(org: Org, obj: ObjectType) -> list[ListView]:
    """The list views of an object, by label."""
    rows = org.reader().execute(
        'SELECT "Id", "DeveloperName", "Name" FROM "ListView" WHERE "SobjectType" = ? ORDER BY "Name", "Id"',
        (obj.name,),
    )
    return [ListView(i, d, n, obj.name, *_kind(obj, d)) for i, d, n in rows.fetchall()]


def columns(org: Org, rights: access.Access, obj: ObjectType) -> list[Column]:
    """The columns that the user sees, then the hidden ones."""
    shown = COLUMNS.get(obj.name, ("Name", OWNER))
    out = []
    for path, hidden in [*((p, False) for p in shown), *((p, True) for p in HIDDEN if p not in shown)]:
        found = _end(org, rights, obj, path)
        if found is not None:
            label = f"{obj.label} Owner Alias" if path == OWNER else found.label
            out.append(Column(path, found, label, hidden))
    return out


def _end(org: Org, rights: access.Access, obj: ObjectType, path: str) -> Field | None:
    relationship, _, name = path.rpartition(".")
    if relationship:
        reference = obj.field_by_relationship(relationship)
        if reference is None or not rights.sees(obj, reference):
            return None
        # Who, What and owners of several types show what the first of them has.
        targets = [t for t in map(org.schema.get, sorted(reference.refs, key="Contact".__ne__)) if t]
        obj = next((t for t in targets if t.get(name)), obj)
        if relationship == "Owner":
            obj = org.schema["User"]
    found = obj.get(name)
    return found if found is not None and rights.sees(obj, found) else None


def sort_path(obj: ObjectType) -> str:
    """The field by which the list views of an object are sorted, rising."""
    return _SORTED.get(obj.name, "Name")


def query(
    view: ListView, obj: ObjectType, listed: list[Column], limit: int | None = None, offset: int = 0
) -> str:
    """The SOQL of a list view."""
    parts = [f"SELECT {', '.join(column.select for column in listed)} FROM {obj.name}"]
    if view.scope:
        parts.append(f"USING SCOPE {view.scope}")
    if view.condition:
        field, _, value = view.condition
        parts.append(f"WHERE {field} = {value}")
    parts.append(f"ORDER BY {sort_path(obj)} ASC NULLS FIRST, Id ASC NULLS FIRST")
    if limit is not None:
        parts.append(f"LIMIT {limit}")
    if offset:
        parts.append(f"OFFSET {offset}")
    return " ".join(parts)


def described_condition(view: ListView) -> dict[str, Any] | None:
    """The filter of a list view as its describe gives it."""
    if view.condition is None:
        return None
    field, operator, value = view.condition
    return {"field": field, "operator": operator, "values": [value]}
