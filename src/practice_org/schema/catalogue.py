"""The catalogue of objects and fields, read from the tables in `objects/`.

Each file holds one object as tab-separated rows. `object`: name, key prefix, label, plural label, the
flags that are true. `urls`: the keys of its url map. `scope`: name, label. `child`: child object,
field, relationship name, flags (c cascades, r restricts, h hidden), junction lists. `field`: name,
label, type, size (length; precision,scale; digits), flag letters (see FLAGS), objects referred to,
relationship name, compound field, extra type, default value, picklist entries
(`value` or `value=label`, `*` before the default, `!` before an inactive one).
A new object is a new file. The facts of Account, Campaign, Case, Contact, Event, Lead, Opportunity and
OpportunityContactRole are those of recorded describes; of the others names, types and nullability are
recorded, lengths and picklists are platform knowledge; of the permission objects all is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib import resources
from types import MappingProxyType

from practice_org.schema import derived

FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "n": "nillable",
        "c": "createable",
        "u": "updateable",
        "f": "filterable",
        "s": "sortable",
        "g": "groupable",
        "a": "aggregatable",
        "d": "defaultedOnCreate",
        "l": "idLookup",
        "N": "nameField",
        "p": "permissionable",
        "r": "restrictedPicklist",
        "S": "searchPrefilterable",
        "o": "polymorphicForeignKey",
        "A": "autoNumber",
        "q": "unique",
        "w": "caseSensitive",
        "P": "namePointing",
        "k": "cascadeDelete",
        "W": "writeRequiresMasterRead",
        "R": "restrictedDelete",
        "D": "dependentPicklist",
        "h": "deprecatedAndHidden",
        "x": "calculated",
        "e": "externalId",
        "C": "custom",
    }
)
TEXT_TYPES = frozenset(
    {
        "string",
        "textarea",
        "phone",
        "email",
        "url",
        "picklist",
        "multipicklist",
        "combobox",
        "encryptedstring",
    }
)
NUMBER_TYPES = frozenset({"double", "currency", "percent", "int"})
VALUE_PREFIX = "01J"
"""The key prefix that OpportunityStage, LeadStatus and their like share: their rows are picklist values."""
PEOPLE = frozenset({"Lead", "Contact", "User", "Individual"})
"""Objects whose Name is made of first and last name."""


@dataclass(frozen=True)
class PicklistEntry:
    """One value of a picklist with what people see for it."""

    value: str
    label: str
    default: bool = False
    active: bool = True


@dataclass(frozen=True)
class Summary:
    """A roll-up: `operation` (count, sum, min, max) of the `field` of the children that refer here by `key`.

    `filters` are (field, operation, value), all of which a child must satisfy.
    """

    operation: str
    child: str
    key: str
    field: str | None = None
    filters: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Field:
    """One field. `length` counts characters; `precision` and `scale` digits.

    `setup_type` is the Metadata API's name of a custom field's type.
    `derived` is the SQL of a standard field that the org works out on reading (see `schema.derived`).
    """

    name: str
    label: str
    type: str
    length: int = 0
    precision: int = 0
    scale: int = 0
    digits: int = 0
    flags: frozenset[str] = frozenset()
    refs: tuple[str, ...] = ()
    relationship: str | None = None
    compound: str | None = None
    extra: str | None = None
    default: str | None = None
    picklist: tuple[PicklistEntry, ...] = ()
    formula: str | None = None
    help_text: str | None = None
    child_relationship: str | None = None
    mask: str | None = None
    mask_type: str | None = None
    relationship_order: int | None = None
    display_format: str | None = None
    summary: Summary | None = None
    setup_type: str | None = None
    derived: str | None = None

    def has(self, flag: str) -> bool:
        return flag in self.flags

    @cached_property
    def nillable(self) -> bool:
        return "nillable" in self.flags

    @cached_property
    def custom(self) -> bool:
        return "custom" in self.flags

    @property
    def stored(self) -> bool:
        """Whether the field has a column; what is put together or computed on reading has none."""
        if self.type in ("address", "location"):
            return False
        return self.formula is None and self.summary is None and self.derived is None

    @cached_property
    def is_text(self) -> bool:
        return self.type in TEXT_TYPES

    @property
    def required(self) -> bool:
        """Whether a create must bring a value: not nillable, writable, without default."""
        return not self.nillable and self.has("createable") and not self.has("defaultedOnCreate")

    @property
    def default_value(self) -> object:
        if self.type == "boolean" and self.default is not None:
            return self.default == "true"
        return self.default


@dataclass(frozen=True)
class ChildRelationship:
    """A reference to this object from another; `flags`: c cascades, r restricts, h is hidden."""

    child: str
    field: str
    name: str | None
    flags: str = ""
    junction_lists: tuple[str, ...] = ()
    junction_refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ObjectType:
    """One object with its fields in describe order."""

    name: str
    prefix: str
    label: str
    plural: str
    flags: frozenset[str]
    urls: tuple[str, ...]
    scopes: tuple[tuple[str, str], ...]
    children: tuple[ChildRelationship, ...]
    fields: tuple[Field, ...]
    custom: bool = False
    _by_name: dict[str, Field] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._by_name.update({f.name.lower(): f for f in self.fields})

    def has(self, flag: str) -> bool:
        return flag in self.flags

    def get(self, name: str) -> Field | None:
        """The field of that name in any case, or None."""
        return self._exactly.get(name) or self._by_name.get(name.lower())

    @cached_property
    def _exactly(self) -> dict[str, Field]:
        """By names as they are written, which is how most callers write them."""
        return {f.name: f for f in self.fields}

    def field_by_relationship(self, name: str) -> Field | None:
        """The reference field behind a parent relationship name."""
        return self._by_relationship.get(name.lower())

    @cached_property
    def _by_relationship(self) -> dict[str, Field]:
        return {f.relationship.lower(): f for f in self.fields if f.relationship and f.refs}

    @cached_property
    def stored_fields(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.stored)

    @cached_property
    def required_fields(self) -> tuple[Field, ...]:
        return tuple(f for f in self.fields if f.required)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the stored fields."""
        return tuple(f.name for f in self.stored_fields)

    @cached_property
    def columns_sql(self) -> str:
        """The stored fields as a SELECT lists them."""
        return ", ".join(f'"{name}"' for name in self.columns)

    @property
    def is_person(self) -> bool:
        return self.name in PEOPLE

    @property
    def soft_deletes(self) -> bool:
        return "isdeleted" in self._by_name


def parse_field(cells: list[str]) -> Field:
    """A field from its row of cells (without the leading word)."""
    cells = cells + [""] * (11 - len(cells))
    name, label, kind, size, letters, refs, relationship, compound, extra, default, picks = cells[:11]
    length = precision = scale = digits = 0
    if kind in ("double", "currency", "percent"):
        precision, scale = (int(part) for part in size.split(","))
    elif kind == "int":
        digits = int(size)
    else:
        length = int(size)
    return Field(
        name=name,
        label=label,
        type=kind,
        length=length,
        precision=precision,
        scale=scale,
        digits=digits,
        flags=frozenset(FLAGS[letter] for letter in letters if letter != "-"),
        refs=tuple(refs.split(",")) if refs else (),
        relationship=relationship or None,
        compound=compound or None,
        extra=extra or None,
        default=default or None,
        picklist=tuple(_entry(text) for text in picks.split("|") if text),
    )


def _entry(text: str) -> PicklistEntry:
    active = not text.startswith("!")
    text = text.lstrip("!")
    default = text.startswith("*")
    value, _, label = text.lstrip("*").partition("=")
    return PicklistEntry(value, label or value, default, active)


def parse_object(text: str) -> ObjectType:
    """An object from the text of its file."""
    head: list[str] = []
    urls: tuple[str, ...] = ()
    scopes: list[tuple[str, str]] = []
    children: list[ChildRelationship] = []
    fields: list[Field] = []
    for line in text.splitlines():
        kind, *cells = line.split("\t")
        if kind == "object":
            head = cells
        elif kind == "urls":
            urls = tuple(cells[0].split(","))
        elif kind == "scope":
            scopes.append((cells[0], cells[1]))
        elif kind == "child":
            children.append(_child(cells))
        elif kind == "field":
            fields.append(parse_field(cells))
    name, prefix, label, plural, flags = head
    sources = derived.DERIVED.get(name, {})
    return ObjectType(
        name=name,
        prefix=prefix,
        label=label,
        plural=plural,
        flags=frozenset(flags.split(",")),
        urls=urls,
        scopes=tuple(scopes),
        children=tuple(children),
        fields=tuple(replace(f, derived=sources.get(f.name)) for f in fields),
    )


def _child(cells: list[str]) -> ChildRelationship:
    cells = cells + [""] * (6 - len(cells))
    child, name, relationship, flags, lists, refs = cells[:6]
    return ChildRelationship(
        child,
        name,
        None if relationship == "-" else relationship,
        "" if flags == "-" else flags,
        tuple(lists.split(",")) if lists else (),
        tuple(refs.split(",")) if refs else (),
    )


@lru_cache(maxsize=1)
def standard_objects() -> tuple[ObjectType, ...]:
    """The catalogue's objects by name."""
    folder = resources.files("practice_org.schema") / "objects"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".tsv")), key=lambda f: f.name)
    return tuple(parse_object(f.read_text("utf-8")) for f in files)


class Schema:
    """An immutable set of objects, found by name in any case or by key prefix."""

    def __init__(self, objects: tuple[ObjectType, ...]) -> None:
        self.objects = tuple(sorted(objects, key=lambda o: o.name))
        self._by_name = {o.name.lower(): o for o in self.objects}
        self._by_prefix = {o.prefix: o for o in self.objects if o.prefix != VALUE_PREFIX}

    def get(self, name: str) -> ObjectType | None:
        return self._by_name.get(name.lower())

    def __getitem__(self, name: str) -> ObjectType:
        """The object; KeyError when there is none (for callers that know that it exists)."""
        return self._by_name[name.lower()]

    def by_prefix(self, record_id: str) -> ObjectType | None:
        """The object that a record id belongs to."""
        return self._by_prefix.get(record_id[:3])

    def child(self, parent: ObjectType, relationship: str) -> tuple[ObjectType, Field] | None:
        """The child object and its reference field behind a child relationship name."""
        for entry in self.children(parent):
            if entry.name and entry.name.lower() == relationship.lower():
                child = self.get(entry.child)
                found = child.get(entry.field) if child else None
                # Of a person account some children hang on its contact: their reference names no account.
                if child and found and parent.name in found.refs:
                    return child, found
        return None

    def children(self, parent: ObjectType) -> tuple[ChildRelationship, ...]:
        """The recorded child relationships and those that custom fields add."""
        known = {(c.child, c.field) for c in parent.children}
        more = []
        for other in self.objects:
            for f in other.fields:
                mine = f.custom and f.type == "reference" and parent.name in f.refs
                if mine and (other.name, f.name) not in known:
                    flags = "c" * f.has("cascadeDelete") + "r" * f.has("restrictedDelete")
                    more.append(ChildRelationship(other.name, f.name, _child_name(f), flags))
        return parent.children + tuple(more)


def _child_name(f: Field) -> str | None:
    """The child relationship of a custom field: as ordered, or after the field."""
    if f.child_relationship is not None:
        return f"{f.child_relationship}__r" if f.child_relationship else None
    return f"{f.name[:-3]}s__r"
