"""The select list of a query whose rows are records: fields, parents, sub-selects, TYPEOF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soql import places
from practice_org.soql.level import Level
from practice_org.soql.plan import ChildPlan, Heading, Plan
from practice_org.soql.refusal import malformed, no_such_child, refuse
from practice_org.soql.resolve import Column, Table, field_sql
from practice_org.soql.shape import ADDRESS_PARTS, ChildSlot, Entries, Leaf, Node
from practice_org.soql.tree import Call, Child, Item, Path, Query, TypeOf

LONG_TEXT = 4000
"""Characters from which on a text field counts as long."""
MOST_CHILDREN = 20
ONE_LEVEL_UNTIL = 58.0
MOST_DEPTH = 5
_EXPANSIONS = ("ALL", "STANDARD", "CUSTOM")
Compile = Callable[[Query, ObjectType, str, int], Plan]
"""Compiles a sub-select: the query, its object, the field that holds the parent, its depth."""


@dataclass
class Parent:
    """What is selected of one record: values, parents and sub-selects by their keys."""

    table: Table
    entries: dict[str, Leaf | Parent | ChildSlot] = field(default_factory=dict)
    headings: dict[str, Heading | Parent] = field(default_factory=dict)
    variants: dict[str, dict[str, Leaf | Parent]] | None = None
    foreign_key: str | None = None


def expanded(level: Level) -> list[Item | TypeOf | Child]:
    """The items of a query with FIELDS() replaced by the fields that it stands for.

    Raises ApiError MALFORMED_QUERY without the LIMIT that all and custom fields need.
    """
    query = level.query
    out: list[Item | TypeOf | Child] = []
    for item in query.items:
        call = item.value if isinstance(item, Item) and isinstance(item.value, Call) else None
        if call is None or call.name.upper() != "FIELDS":
            out.append(item)
            continue
        which = call.args[0].text.upper() if len(call.args) == 1 and isinstance(call.args[0], Path) else ""
        if which not in _EXPANSIONS or query.grouping:
            raise malformed(query.text, call.at, "FIELDS function must be ALL, STANDARD or CUSTOM")
        if which != "STANDARD" and not (query.limit is not None and query.limit <= 200):
            raise ApiError(
                400, "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"
            )
        for f in level.setting.access.visible_fields(level.obj):
            if which == "ALL" or f.custom == (which == "CUSTOM"):
                out.append(Item(Path((f.name,), call.at), None))
    return out


class Records:
    """Collects the columns of the statement and the plan by which its rows become records."""

    def __init__(self, level: Level, compile_child: Compile) -> None:
        self._level = level
        self._compile_child = compile_child
        self._text = level.query.text
        self.columns: list[str] = []
        self.header: list[tuple[str, str, int]] = []
        self.children: list[ChildPlan] = []
        self.headings: tuple[Heading, ...] = ()
        self.long_text = False
        self._seen: dict[str, int] = {}
        self._selected: set[str] = set()
        self._unnamed = count()

    def select(self, items: list[Item | TypeOf | Child], parent_key: str | None) -> Node:
        """The plan of a record; `parent_key` is the field that holds the parent of a sub-select's row."""
        scope = self._level.scope
        if parent_key is not None:
            key = scope.obj.get(parent_key)
            assert key is not None
            self.columns.append(field_sql(scope.obj, scope.alias, key))
        root = Parent(scope.root)
        for item in items:
            if isinstance(item, Child):
                self._child(item, root)
            elif isinstance(item, TypeOf):
                self._typeof(item, root)
            else:
                self._field(item, root)
        node = self._built(root)
        self.headings = _headings(root)
        return node

    # -- fields -------------------------------------------------------------------------------------

    def _put(self, sql: str) -> int:
        index = self._seen.get(sql)
        if index is None:
            index = self._seen[sql] = len(self.columns)
            self.columns.append(sql)
        return index

    def _field(self, item: Item, root: Parent) -> None:
        label, column = self._labelled(item)
        key = ".".join((*column.parents, label))
        plain = isinstance(item.value, Path)
        if plain:
            if key.lower() in self._selected:
                raise ApiError(400, "INVALID_FIELD", f"duplicate field selected: {display(item.value)}")
            self._selected.add(key.lower())
        spot = self._parent(root, column.parents, _path(item.value))
        leaf = self._leaf(column)
        spot.entries[label] = leaf
        shown = label if plain else display(item.value)
        spot.headings[label] = Heading(label, shown, column.field)
        self.header.append((key, column.field.type, leaf.index))
        self.long_text = self.long_text or (column.field.is_text and column.field.length > LONG_TEXT)

    def _labelled(self, item: Item) -> tuple[str, Column]:
        value = item.value
        if isinstance(value, Path):
            column = self._level.column(value)
            if item.alias:
                raise malformed(self._text, value.at, "only aggregate expressions use field aliasing")
            return column.key, column
        column = self._level.functions.column(value)
        unnamed = value.name.upper() == "DISTANCE"
        return item.alias or (f"expr{next(self._unnamed)}" if unnamed else column.key), column

    def _parent(self, root: Parent, names: tuple[str, ...], path: Path) -> Parent:
        spot = root
        for depth in range(len(names)):
            known = spot.entries.get(names[depth])
            if not isinstance(known, Parent):
                table = self._level.scope.table(names[: depth + 1], path)
                one = spot.table.one
                reference = one[0].field_by_relationship(names[depth]) if one else None
                known = Parent(table, foreign_key=reference.name if reference else None)
                spot.entries[names[depth]] = spot.headings[names[depth]] = known
            spot = known
        return spot

    def _leaf(self, column: Column) -> Leaf:
        f = column.field
        if not column.compound or column.table.one is None:
            return Leaf(self._put(column.sql), f.type)
        obj, alias = column.table.one
        start = len(self.columns)
        for name in _compound_parts(f):
            part = obj.get(name)
            shown = part is not None and self._level.setting.access.sees(obj, part)
            self.columns.append(field_sql(obj, alias, part) if part is not None and shown else "NULL")
        return Leaf(start, f.type)

    # -- sub-selects and TYPEOF ---------------------------------------------------------------------

    def _child(self, item: Child, root: Parent) -> None:
        level, query = self._level, item.query
        depth = level.depth + 1
        if depth > (MOST_DEPTH - 1 if float(level.setting.version) >= ONE_LEVEL_UNTIL else 1):
            raise malformed(
                self._text,
                query.source.at,
                "SOQL statements cannot query aggregate relationships more than "
                f"{depth - 1} level{'s' if depth > 2 else ''} away from the root entity object",
            )
        if len(self.children) == MOST_CHILDREN:
            raise malformed(self._text, item.at, f"Maximum {MOST_CHILDREN} sub-selects are allowed")
        name = query.source.names[-1]
        found = level.setting.schema.child(level.obj, name)
        if found is None or not level.setting.access.can("Read", found[0]):
            raise no_such_child(self._text, query.source.at, name)
        obj, reference = found
        plan = self._compile_child(query, obj, reference.name, depth)
        relationships = level.setting.schema.children(level.obj)
        spelled = next(c.name for c in relationships if c.name and c.name.lower() == name.lower())
        if spelled.lower() in self._selected:
            raise malformed(self._text, item.at, f"duplicate field selected: {spelled}")
        self._selected.add(spelled.lower())
        root.entries[spelled] = ChildSlot(len(self.children))
        root.headings[spelled] = Heading(spelled, spelled, joined=plan.headings, aggregate=True)
        self.children.append(ChildPlan(plan, field_sql(obj, plan.alias, reference)))

    def _typeof(self, item: TypeOf, root: Parent) -> None:
        scope = self._level.scope
        names = scope.stripped(item.path.names)
        table = scope.table(names, item.path)
        spelled = scope.spelled(names, item.path)
        if table.one is not None or not spelled:
            raise refuse(
                "INVALID_FIELD",
                f"'{item.path.text}' is not a polymorphic relationship",
                self._text,
                item.path.at,
            )
        offered = {obj.name.lower() for obj, _ in table.alternatives}
        cases: dict[str, tuple[Path, ...]] = {}
        for name, paths in item.cases:
            if self._level.setting.schema.get(name.text) is None:
                raise refuse(
                    "INVALID_TYPE", f"sObject type '{name.text}' is not supported.", self._text, name.at
                )
            if name.text.lower() in cases:
                raise malformed(self._text, name.at, f"duplicate type in TYPEOF: {name.text}")
            if name.text.lower() in offered:
                cases[name.text.lower()] = paths
        spot = self._parent(root, spelled, item.path)
        spot.variants = {}
        for obj, alias in table.alternatives:
            named = cases.get(obj.name.lower())
            wanted = item.otherwise if named is None else named
            if wanted:
                spot.variants[obj.name] = self._variant(obj, alias, wanted, spot, any_object=named is None)

    def _variant(
        self, obj: ObjectType, alias: str, paths: tuple[Path, ...], spot: Parent, *, any_object: bool
    ) -> dict[str, Leaf | Parent]:
        out: dict[str, Leaf | Parent] = {}
        scope = self._level.scope
        for path in paths:
            column = (scope.name_column if any_object else scope.column_from)(obj, alias, path)
            inner = out
            for name in column.parents[:-1]:
                raise malformed(self._text, path.at, f"TYPEOF goes one relationship far, not beyond {name}")
            if column.parents:
                known = out.setdefault(column.parents[0], Parent(column.table))
                assert isinstance(known, Parent)
                inner = known.entries  # type: ignore[assignment]
            inner[column.key] = self._leaf(column)
            spot.headings.setdefault(column.key, Heading(column.key, column.key, column.field))
        return out

    # -- the plan -----------------------------------------------------------------------------------

    def _built(self, parent: Parent) -> Node:
        entries = self._entries(parent.entries)
        if parent.table.one is not None:
            obj, alias = parent.table.one
            return Node(obj.name, self._put(f'{alias}."Id"'), entries)
        aliases = ", ".join(f'{alias}."Id"' for _, alias in parent.table.alternatives)
        id_index = self._put(f"COALESCE({aliases})")
        cases = " ".join(
            f"WHEN {alias}.\"Id\" IS NOT NULL THEN '{obj.name}'" for obj, alias in parent.table.alternatives
        )
        type_index = self._put(f"CASE {cases} END")
        variants = None
        if parent.variants is not None:
            variants = {name: self._entries(some) for name, some in parent.variants.items()}
        return Node("Name", id_index, entries, type_index, variants)

    def _entries(self, entries: dict[str, Any]) -> Entries:
        return tuple(
            (key, self._built(entry) if isinstance(entry, Parent) else entry)
            for key, entry in entries.items()
        )


def _compound_parts(f: Field) -> tuple[str, ...]:
    if f.type == "location":
        return places.parts(f.name)
    prefix = f.name[: -len("Address")]
    return tuple(prefix + suffix for _, suffix in ADDRESS_PARTS)


def _headings(parent: Parent) -> tuple[Heading, ...]:
    out = []
    for name, entry in parent.headings.items():
        if isinstance(entry, Parent):
            out.append(Heading(name, name, joined=_headings(entry), foreign_key=entry.foreign_key))
        else:
            out.append(entry)
    return tuple(out)


def _path(value: Path | Call) -> Path:
    if isinstance(value, Path):
        return value
    for argument in value.args:
        if not isinstance(argument, str):
            return _path(argument)
    return Path((), value.at)


def display(value: Path | Call) -> str:
    """A field or call as a query writes it."""
    if isinstance(value, Path):
        return value.text
    arguments = (a if isinstance(a, str) else display(a) for a in value.args)
    return f"{value.name}({', '.join(arguments)})"
