"""People as the pages show them: rows of the store's queries joined with the field mappings."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diptych.admin.services import Workspace
from diptych.admin.tracing import Traces, trace
from diptych.admin.views import (
    FieldGroup,
    FieldView,
    HistoryView,
    PageOf,
    PairView,
    PeopleFilter,
    PersonRow,
    PersonView,
)
from diptych.admin.words import _, ngettext
from diptych.domain.mapping import Direction, FieldMapping
from diptych.domain.values import Kind, Value
from diptych.store.queries import HistoryRow, PairRow, Person

HISTORY_LINES = 200
_DEFAULT_SORT = "-id"
_SORTABLE = ("name", "email", "company_name", "salesforce_type", "updated_at", "id")
_LINKED = ("paired", "parked")

# the columns of each group, in order; what is in none of them comes in the last
_PERSON = (
    "salutation", "first_name", "last_name", "email", "phone", "mobile_phone", "fax", "title", "date_of_birth", "unsubscribed",
)  # fmt: skip
_WORK = ("company_name", "website", "industry", "annual_revenue", "number_of_employees")
_ADDRESS = ("street", "city", "state", "state_code", "postal_code", "country", "country_code", "latitude", "longitude")  # fmt: skip
_SALES = ("lead_source", "status", "rating", "score", "description")
_RECORD = ("owner_id", "account_id", "is_converted", "converted_at", "salesforce_created_at")
# whose names are shown beside the id
_NAMED = {
    "OwnerId": "salesforce_user",
    "CreatedById": "salesforce_user",
    "LastModifiedById": "salesforce_user",
    "AccountId": "company",
}


def people(workspace: Workspace, wanted: PeopleFilter) -> PageOf:
    """One page of the list. An order that does not exist (any more) is the newest first."""
    columns = workspace.queries.columns()
    name, sign = wanted.sort.removeprefix("-"), "-" if wanted.sort.startswith("-") else ""
    if name == "name":
        name = next((c for c in ("last_name", "first_name", "email") if c in columns), "id")
    known = name in _SORTABLE and (name in columns or name in ("salesforce_type", "updated_at", "id"))
    found = workspace.queries.people(
        wanted.search,
        wanted.salesforce_type,
        wanted.link_state,
        sign + name if known or name in columns else _DEFAULT_SORT,
        wanted.page,
        wanted.page_size,
        wanted.below,
        wanted.above,
    )
    waiting = workspace.queries.waiting([row["id"] for row in found.rows]) if found.rows else set()
    rows = [_row(row, row["id"] in waiting) for row in found.rows]
    back, on = ({"above": rows[0].id}, {"below": rows[-1].id}) if rows else ({}, {})
    return PageOf(rows, found.total, found.page, found.page_size, found.more, back, on)


def person(workspace: Workspace, person_id: int, history: bool = False) -> PersonView | None:
    """A person with groups of fields and pairs; None when there is none."""
    found = workspace.queries.person(person_id)
    if found is None:
        return None
    mapped = _mapped(workspace)
    objects = {pair.object_name for pair in found.pairs if pair.state in _LINKED} or {
        pair.object_name for pair in found.pairs
    }
    marks = _marks(found.pairs, mapped)
    named = _names(workspace, found, mapped)
    traces = trace(workspace, found) if history else Traces()
    fields = [
        _field(column, kind, found.values[column], mapped, objects, marks, named, traces)
        for column, kind in found.kinds.items()
        if found.values[column] is not None or _concerns(mapped.get(column, ()), objects)
    ]
    connection = workspace.setup.connection()
    instance = connection.identity.instance_url.rstrip("/") if connection else ""
    lines = workspace.queries.history(person_id, HISTORY_LINES) if history else []
    users = sorted({line.actor for line in lines if line.side == "salesforce" and line.actor})
    actors = workspace.queries.names_of("salesforce_user", users) if users else {}
    return PersonView(
        found.id,
        name_of(found.values) or _("(no name)"),
        found.system["link_state"],
        found.system["salesforce_type"],
        found.system["salesforce_deleted"],
        found.system["created_at"],
        found.system["updated_at"],
        groups(fields),
        tuple(_pair(pair, instance) for pair in found.pairs),
        tuple(_line(line, mapped, objects, actors) for line in lines),
    )


def blank_fields(workspace: Workspace) -> tuple[FieldGroup, ...]:
    """The fields of a person who does not exist yet."""
    mapped = _mapped(workspace)
    return groups(
        FieldView(column, _label(column, mapped, ("Lead",)), Kind(kind), None, mapped.get(column, ()))
        for column, kind in workspace.queries.columns().items()
    )


def groups(fields: Iterable[FieldView]) -> tuple[FieldGroup, ...]:
    """The fields in groups; empty groups are left out."""
    left = {field.column: field for field in fields}
    found = []
    for title, columns in (
        (_("Person"), _PERSON),
        (_("Company"), _WORK),
        (_("Address"), _ADDRESS),
        (_("Marketing and sales"), _SALES),
        (_("Salesforce record"), _RECORD),
        (_("More fields"), tuple(left)),
    ):
        fields_here = tuple(left.pop(column) for column in columns if column in left)
        if fields_here:
            found.append(FieldGroup(title, fields_here))
    return tuple(found)


def name_of(values: Mapping[str, Any]) -> str:
    """First and last name, else what else tells who it is; empty when nothing does."""
    parts = [str(values[c]) for c in ("first_name", "last_name") if values.get(c)]
    return " ".join(parts) or str(values.get("email") or values.get("company_name") or "")


def _mapped(workspace: Workspace) -> dict[str, tuple[FieldMapping, ...]]:
    """The field mappings of each column of a person."""
    with workspace.store.looking() as unit:
        fields = unit.mapping().fields
    found: dict[str, tuple[FieldMapping, ...]] = {}
    for one in fields:
        if one.table == "person":
            found[one.column] = (*found.get(one.column, ()), one)
    return found


def _row(row: Mapping[str, Any], waiting: bool) -> PersonRow:
    return PersonRow(
        row["id"],
        name_of(row),
        row.get("email"),
        row.get("company_name"),
        row.get("title"),
        row["salesforce_type"],
        row["salesforce_deleted"],
        row["link_state"],
        row["updated_at"],
        waiting,
    )


@dataclass(frozen=True)
class _Mark:
    waiting: str
    theirs: Value = None


def _marks(pairs: Iterable[PairRow], mapped: Mapping[str, tuple[FieldMapping, ...]]) -> dict[str, _Mark]:
    """What Salesforce does not have yet, by column; the more serious reason wins."""
    marks: dict[str, _Mark] = {}
    for pair in pairs:
        if pair.state not in _LINKED:
            continue
        for column, base in pair.waiting.items():
            sent = any(
                m.object_name == pair.object_name and m.direction is not Direction.INBOUND
                for m in mapped.get(column, ())
            )
            if sent:
                marks[column] = _Mark("in flight" if column in pair.in_flight else "pending", base)
        for column in pair.parked if "" not in pair.parked else [c for c in pair.waiting if c in marks]:
            marks[column] = _Mark("parked", pair.waiting.get(column))
    return marks


def _concerns(mapped: tuple[FieldMapping, ...], objects: set[str]) -> bool:
    """Whether a column has a meaning for a person with these records: a lead has no Assistant's Name."""
    return not mapped or not objects or any(m.object_name in objects for m in mapped)


def _names(
    workspace: Workspace, found: Person, mapped: Mapping[str, tuple[FieldMapping, ...]]
) -> dict[str, str]:
    """Names for the Salesforce ids among the values."""
    named: dict[str, str] = {}
    for table in ("salesforce_user", "company"):
        ids = [
            str(value)
            for column, value in found.values.items()
            if value and any(_NAMED.get(m.field) == table for m in mapped.get(column, ()))
        ]
        if ids:
            named |= workspace.queries.names_of(table, ids)
    return named


def _field(
    column: str,
    kind: Kind,
    value: Value,
    mapped: Mapping[str, tuple[FieldMapping, ...]],
    objects: set[str],
    marks: Mapping[str, _Mark],
    named: Mapping[str, str],
    traces: Traces,
) -> FieldView:
    mark = marks.get(column, _Mark(""))
    concerned = tuple(m for m in mapped.get(column, ()) if not objects or m.object_name in objects)
    return FieldView(
        column,
        _label(column, mapped, objects),
        kind,
        value,
        concerned,  # of a person with pairs, only the fields of those records matter
        mark.waiting,
        mark.theirs,
        named.get(str(value), "") if kind is Kind.ID else "",
        traces.origin(column, value),
        traces.ways(concerned),
    )


def _label(column: str, mapped: Mapping[str, tuple[FieldMapping, ...]], objects: Collection[str] = ()) -> str:
    """What Salesforce calls it, in the objects of the person if one of them has it."""
    labels = [
        (m.object_name not in objects, m.label)
        for m in mapped.get(column, ())
        if m.label and "." not in m.field
    ]
    # the first among equals
    found = min(labels, key=lambda one: one[0], default=None)
    return found[1] if found else column.replace("_", " ").capitalize()


def _pair(pair: PairRow, instance: str) -> PairView:
    return PairView(
        pair.object_name,
        pair.sf_id,
        pair.state,
        f"{instance}/{pair.sf_id}" if instance and pair.sf_id and pair.state != "tombstoned" else None,
        bool(pair.in_flight),
        pair.seen_modstamp,
        pair.redirect_to,
    )


def _line(
    line: HistoryRow,
    mapped: Mapping[str, tuple[FieldMapping, ...]],
    objects: Collection[str],
    actors: Mapping[str, str],
) -> HistoryView:
    """`actors`: names of Salesforce users by id; one that is not synced keeps its id."""
    at: datetime = line.at
    actor = actors.get(line.actor, line.actor)
    if line.column is not None:
        label = _label(line.column, mapped, objects)
        return HistoryView(at, line.column, label, line.old, line.new, line.side, actor, line.run_id)
    label = _("Person came here") if line.new is not None else _("Person went from here")
    return HistoryView(at, "", label, _count(line.old), _count(line.new), line.side, actor, line.run_id)


def _count(values: Value) -> str:
    try:
        number = len(json.loads(str(values))) if values else 0
    except ValueError:
        number = 0
    return ngettext("%d value", "%d values", number) % number if number else "–"
