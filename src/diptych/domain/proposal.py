"""From described fields and a choice of them to field mappings: column, kind, direction, policy, each by a stated rule."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.objects import SYNCED_OBJECTS, SyncedObject, synced_object
from diptych.domain.pairing import LeftAlone, Pairing, column_name, compatible, pair_fields
from diptych.domain.presets import OPT_OUTS, Preset, policy_of
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.standard_pairs import CONTACT_COMPANY_PATH, STANDARD_COLUMN
from diptych.domain.values import Kind, kind_of

SYSTEM_COLUMNS = frozenset(
    [
        "id",
        "salesforce_id",
        "salesforce_type",
        "salesforce_deleted",
        "salesforce_modstamp",
        "link_state",
        "created_at",
        "updated_at",
        "company_id",
        "rowid",
        "oid",
    ]
)


class MappingRefused(ValueError):
    """This change of the mapping cannot be made; the text says why."""


@dataclass(frozen=True)
class Proposal:
    """A proposed mapping. `pairings` are the automatic ones; `left_alone` look-alikes that were not paired, and why."""

    fields: tuple[FieldMapping, ...]
    pairings: tuple[Pairing, ...]
    left_alone: tuple[LeftAlone, ...]


def propose(
    described: Mapping[str, ObjectDescription],
    selected: Mapping[str, Collection[str]],
    current: Mappings | None = None,
    apart: Collection[str] = (),
    preset: Preset = Preset.SAFE,
) -> Proposal:
    """Field mappings for the selected fields of every object.

    Fields that `current` maps already keep their column, direction and policy (a field that became read-only turns
    inbound); only new ones are placed, with the policies of `preset`. `apart`: fields whose pair a person has broken, as
    `Object.Field`.
    """
    placed = {(f.object_name, f.field): f for f in (current.fields if current else ())}
    pairings, left_alone = _pairings(described, selected, placed, apart)
    partner = {p.contact_field: p.lead_field for p in pairings}
    taken: dict[str, dict[str, FieldMapping]] = {}
    for mapped in placed.values():
        taken.setdefault(mapped.table, {}).setdefault(mapped.column, mapped)
    made: dict[tuple[str, str], FieldMapping] = {}
    # Lead before Contact, so that a Contact field can take its partner's column
    for known in sorted(SYNCED_OBJECTS, key=lambda o: o.name == "Contact"):
        if known.name not in described:
            continue
        columns = taken.setdefault(known.table, {})
        for field in _chosen(described[known.name], selected.get(known.name, ())):
            key = (known.name, field.name)
            if key in placed:
                made[key] = _refreshed(placed[key], field)
                continue
            wanted = made.get(("Lead", partner.get(field.name, ""))) if known.name == "Contact" else None
            mapped = new_mapping(known, field, columns, wanted.column if wanted else None, preset)
            columns.setdefault(mapped.column, mapped)
            made[key] = mapped
        if known.name == "Contact" and "Name" in _names(described, "Account"):
            made[("Contact", CONTACT_COMPANY_PATH)] = placed.get(
                ("Contact", CONTACT_COMPANY_PATH), _company_name(described["Account"])
            )
    order = {o.name: n for n, o in enumerate(SYNCED_OBJECTS)}
    fields = sorted(made.values(), key=lambda f: order[f.object_name])
    return Proposal(tuple(fields), tuple(pairings), tuple(left_alone))


def new_mapping(
    known: SyncedObject,
    field: FieldDescription,
    columns: Mapping[str, FieldMapping],
    wanted: str | None = None,
    preset: Preset = Preset.SAFE,
) -> FieldMapping:
    """A field placed for the first time: in `wanted`, else in its standard column, else in one of its own.

    `columns` are those taken in its table; a column holds one kind of value only.
    """
    pair = STANDARD_COLUMN.get((known.name, field.name))
    kind = kind_of(field.type, field.scale)
    column = wanted or (pair.column if pair else None)
    if column is None and known.two_way and not field.custom:
        # standard fields of the same name are the same fact on both objects
        same = columns.get(column_name(field.name))
        column = same.column if same and same.field == field.name and same.object_name != known.name else None
    there = columns.get(column) if column else None
    if column is None or (there and there.kind is not kind) or column in SYSTEM_COLUMNS:
        column = column_name(field.name, {*columns, *SYSTEM_COLUMNS}, known.name.lower())
    direction, policy = default_direction(known, field, preset)
    return FieldMapping(
        known.name,
        field.name,
        known.table,
        column,
        kind,
        direction,
        policy,
        standard=pair is not None or not known.two_way,
        restrictive=OPT_OUTS.get(field.name, True),
        **_facts(field),  # type: ignore[arg-type]
    )


def default_direction(
    known: SyncedObject, field: FieldDescription, preset: Preset = Preset.SAFE
) -> tuple[Direction, Policy]:
    """Both ways, with the policy of the preset; company data comes in only (D-87).

    Lookups (owner, account, record type) and what Salesforce computes come in only; scores and other marketing fields
    are ours on both objects, since set-up makes them read-only for everyone but the sync user (S-6).
    """
    pair = STANDARD_COLUMN.get((known.name, field.name))
    if not known.two_way or read_only(field) or field.type == "reference" or (pair and pair.inbound):
        consent = known.two_way and field.name in OPT_OUTS
        return Direction.INBOUND, Policy.MOST_RESTRICTIVE if consent else Policy.SALESFORCE
    return Direction.BOTH, policy_of(preset, known.name, field.name)


def read_only(field: FieldDescription) -> bool:
    """Salesforce does not let the sync user write it."""
    return field.calculated or not field.updateable


def join(current: Mappings, described: Mapping[str, ObjectDescription], one: str, other: str) -> Mappings:
    """A new version in which a Lead field and a Contact field (`Object.Field`) share the Lead field's column.

    Raises MappingRefused with the reason.
    """
    a, b = _mapped(current, one), _mapped(current, other)
    lead, contact = (a, b) if a.object_name == "Lead" else (b, a)
    if (lead.object_name, contact.object_name) != ("Lead", "Contact"):
        raise MappingRefused(f"A pair is one Lead field and one Contact field, not {one} and {other}.")
    for field in (lead, contact):
        if field.standard:
            raise MappingRefused(f"{_full(field)} belongs to a standard pair, which is given.")
    if lead.column == contact.column:
        raise MappingRefused(f"{_full(lead)} and {_full(contact)} are a pair already.")
    if _partners(current, lead):
        raise MappingRefused(f"{_full(lead)} has a partner already; break that pair first.")
    if _partners(current, contact):
        raise MappingRefused(f"{_full(contact)} has a partner already; break that pair first.")
    misfit = compatible(described["Lead"].fields[lead.field], described["Contact"].fields[contact.field])
    if misfit is None and lead.kind is not contact.kind:
        misfit = f"they hold different kinds of values ({lead.kind} and {contact.kind})"
    if misfit:
        raise MappingRefused(f"{_full(lead)} and {_full(contact)} cannot be one field: {misfit}.")
    return current.with_fields(replace(f, column=lead.column) if f is contact else f for f in current.fields)


def part(current: Mappings, name: str) -> Mappings:
    """A new version in which the pair that `Object.Field` belongs to is broken: the Contact field has a column of its own."""
    field = _mapped(current, name)
    if field.standard:
        raise MappingRefused(f"{_full(field)} belongs to a standard pair, which is given.")
    if not _partners(current, field):
        raise MappingRefused(f"{_full(field)} has no partner.")
    contact = field if field.object_name == "Contact" else _partners(current, field)[0]
    taken = {f.column for f in current.fields if f.table == contact.table} | SYSTEM_COLUMNS
    column = column_name(contact.field, taken, "contact")
    return current.with_fields(replace(f, column=column) if f is contact else f for f in current.fields)


def turn(
    current: Mappings,
    described: Mapping[str, ObjectDescription],
    name: str,
    direction: Direction | None = None,
    policy: Policy | None = None,
    blanks: Blanks | None = None,
    restrictive: bool | None = None,
) -> Mappings:
    """A new version with another direction, conflict policy or handling of blanks for one field; `restrictive`: which value
    of a consent field allows less. Raises MappingRefused with the reason."""
    field = _mapped(current, name)
    if direction in (Direction.BOTH, Direction.OUTBOUND):
        there = described[field.object_name].fields.get(field.field)
        if not synced_object(field.object_name).two_way:
            raise MappingRefused(f"{field.object_name} records come in only.")
        if there is None or read_only(there):
            raise MappingRefused(f"Salesforce does not let the sync user write {_full(field)}.")
    if policy not in (None, field.policy) and not synced_object(field.object_name).two_way:
        raise MappingRefused(f"{field.object_name} records come in only: nobody wins or loses.")
    if policy is Policy.MOST_RESTRICTIVE and field.kind is not Kind.BOOLEAN:
        raise MappingRefused(f"{_full(field)} is no checkbox: 'most restrictive' is for fields of consent.")
    if blanks not in (None, Blanks.OVERWRITE) and not synced_object(field.object_name).two_way:
        raise MappingRefused(f"{field.object_name} records are copied as they are, blanks included.")
    changed = replace(
        field,
        direction=direction or field.direction,
        policy=policy or field.policy,
        blanks=blanks or field.blanks,
        restrictive=field.restrictive if restrictive is None else restrictive,
    )
    return current.with_fields(changed if f is field else f for f in current.fields)


def named(current: Mappings, name: str) -> list[str]:
    """The mapped fields that a person means by `Lead.City`, or by a column of person: `city` or `person.city`.

    Raises MappingRefused when there is none.
    """
    head, _, tail = name.rpartition(".")
    if head in ("", "person"):
        found = [_full(f) for f in current.fields if f.table == "person" and f.column == tail]
        if not found:
            raise MappingRefused(f"{tail} is no mapped column of person.")
        return found
    return [_full(_mapped(current, name))]


def _pairings(
    described: Mapping[str, ObjectDescription],
    selected: Mapping[str, Collection[str]],
    placed: Mapping[tuple[str, str], FieldMapping],
    apart: Collection[str],
) -> tuple[list[Pairing], list[LeftAlone]]:
    """Only fields not placed yet are paired: a re-run never moves a column that holds values."""

    def free(name: str) -> Iterable[FieldDescription]:
        if name not in described:
            return []
        return [
            f
            for f in _chosen(described[name], selected.get(name, ()))
            if f.custom
            and (name, f.name) not in STANDARD_COLUMN
            and (name == "Lead" or (name, f.name) not in placed)
        ]

    with_partner = {
        f.field
        for f in placed.values()
        if f.object_name == "Lead"
        and any(o.object_name == "Contact" and o.column == f.column for o in placed.values())
    }
    return pair_fields((f for f in free("Lead") if f.name not in with_partner), free("Contact"), apart)


def _chosen(described: ObjectDescription, names: Collection[str]) -> list[FieldDescription]:
    return [f for f in described.fields.values() if f.name in names]


def _names(described: Mapping[str, ObjectDescription], object_name: str) -> Collection[str]:
    return described[object_name].fields if object_name in described else ()


def _facts(field: FieldDescription) -> dict[str, object]:
    return {
        "length": field.length,
        "scale": field.scale,
        "calculated": field.calculated,
        "nillable": field.nillable,
        "restricted": field.picklist if field.restricted_picklist else (),
        "sf_type": field.type,
        "label": field.label,
    }


def _refreshed(mapped: FieldMapping, field: FieldDescription) -> FieldMapping:
    """The mapping with what describe says now. The kind stays: a retyped field is a decision, not a silent change (D-16)."""
    direction = Direction.INBOUND if read_only(field) else mapped.direction
    return replace(mapped, direction=direction, **_facts(field))  # type: ignore[arg-type]


def _company_name(account: ObjectDescription) -> FieldMapping:
    name = account.fields["Name"]
    return FieldMapping(
        "Contact",
        CONTACT_COMPANY_PATH,
        "person",
        "company_name",
        Kind.TEXT,
        Direction.INBOUND,
        Policy.SALESFORCE,
        length=name.length,
        standard=True,
        sf_type="string",
        label=name.label,
    )


def _mapped(current: Mappings, name: str) -> FieldMapping:
    object_name, _, field = name.partition(".")
    found = current.of(object_name).by_field.get(field)
    if found is None:
        raise MappingRefused(f"{name} is not a mapped field; write it as Object.Field, such as Lead.City.")
    return found


def _partners(current: Mappings, field: FieldMapping) -> list[FieldMapping]:
    return [
        f
        for f in current.fields
        if f.table == field.table and f.column == field.column and f.object_name != field.object_name
    ]


def _full(field: FieldMapping) -> str:
    return f"{field.object_name}.{field.field}"
