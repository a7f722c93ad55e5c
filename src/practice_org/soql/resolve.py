"""Field paths to SQL columns: joins to parents, field-level security, owners of several types."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from practice_org.data import formulas, rollup
from practice_org.data.tables import quoted
from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType, Schema
from practice_org.soql.refusal import malformed, no_such_column, no_such_object, no_such_relationship
from practice_org.soql.tree import Path, Query

NAME_FIELDS = (
    "Alias",
    "Email",
    "FirstName",
    "Id",
    "IsActive",
    "LastName",
    "Name",
    "Phone",
    "ProfileId",
    "RecordTypeId",
    "Title",
    "Type",
    "UserRoleId",
    "Username",
)
"""What a reference to several objects shows of its target (the entity that Salesforce calls Name)."""
NAME_PARENTS = frozenset({"profile", "userrole"})
"""Where a path may go on from such a reference."""
COMPOUND_TYPES = frozenset({"address", "location"})
"""Types put together from other fields: they can be selected and measured, nothing else."""
MAX_DEPTH = 5


@dataclass(frozen=True)
class Table:
    """A joined table: one object, or the alternatives of a polymorphic reference."""

    alternatives: tuple[tuple[ObjectType, str], ...]

    @property
    def one(self) -> tuple[ObjectType, str] | None:
        return self.alternatives[0] if len(self.alternatives) == 1 else None

    @property
    def entity(self) -> str:
        return self.one[0].name if self.one else "Name"


@dataclass(frozen=True)
class Column:
    """A resolved path. `parents` are the relationship names in front, in the schema's spelling."""

    sql: str
    field: Field
    table: Table
    parents: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return self.field.name

    @property
    def compound(self) -> bool:
        return self.field.type in COMPOUND_TYPES


@dataclass
class Scope:
    """One level of a query: its object and the joins that its paths have needed so far."""

    schema: Schema
    access: Access
    query: Query
    obj: ObjectType
    alias: str
    numbers: count[int]
    joins: list[str] = field(default_factory=list)
    _joined: dict[tuple[str, str], tuple[Table, str]] = field(default_factory=dict)
    _prefixes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, schema: Schema, access: Access, query: Query, obj: ObjectType, numbers: count[int]
    ) -> Scope:
        scope = cls(schema, access, query, obj, f"t{next(numbers)}", numbers)
        scope._prefixes[obj.name.lower()] = ()
        if query.alias:
            scope._prefixes[query.alias.lower()] = ()
        for path, alias in query.joined:
            names = scope.stripped(path.names)
            scope._prefixes[alias.lower()] = names
            scope.table(names, path)
        return scope

    @property
    def root(self) -> Table:
        return Table(((self.obj, self.alias),))

    def stripped(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The names of a path without the object's own name or alias in front."""
        prefix = self._prefixes.get(names[0].lower()) if names else None
        return names if prefix is None else prefix + names[1:]

    def signature(self, path: Path) -> str:
        """A path's identity, however it is spelled."""
        names = self.stripped(path.names) if len(path.names) > 1 else path.names
        return ".".join(names).lower()

    @property
    def from_sql(self) -> str:
        return f"{quoted(self.obj.name)} {self.alias}" + "".join(self.joins)

    def column(self, path: Path) -> Column:
        """The column of a path.

        Raises ApiError INVALID_FIELD when there is no such field for this user.
        """
        names = self.stripped(path.names) if len(path.names) > 1 else path.names
        if not names:
            raise no_such_column(self.query.text, path.at, path.text, self.obj.name)
        table, spelled = self._walk(self.root, names[:-1], path)
        return self._field(table, names[-1], path, spelled)

    def column_from(self, obj: ObjectType, alias: str, path: Path) -> Column:
        """The column of a path that begins at one alternative of a polymorphic reference."""
        table, spelled = self._walk(Table(((obj, alias),)), path.names[:-1], path)
        return self._field(table, path.names[-1], path, spelled)

    def name_column(self, obj: ObjectType, alias: str, path: Path) -> Column:
        """The same where the Name entity is asked (ELSE of TYPEOF): what the object lacks of it is null."""
        known = {n.lower(): n for n in NAME_FIELDS}.get(path.names[-1].lower())
        if len(path.names) > 1 or known is None or obj.get(known) is not None:
            return self.column_from(obj, alias, path)
        found = _name_field(obj) if known == "Name" else None
        shown = Field(known, known, "string", 255, flags=_NAME_FLAGS)
        return Column(field_sql(obj, alias, found) if found else "NULL", shown, Table(((obj, alias),)), ())

    def table(self, names: tuple[str, ...], path: Path) -> Table:
        """The table that a chain of relationship names leads to, joined when it is new."""
        return self._walk(self.root, names, path)[0]

    def spelled(self, names: tuple[str, ...], path: Path) -> tuple[str, ...]:
        """The chain of relationship names in the schema's spelling."""
        return self._walk(self.root, names, path)[1]

    def _walk(self, table: Table, names: tuple[str, ...], path: Path) -> tuple[Table, tuple[str, ...]]:
        if len(names) > MAX_DEPTH:
            raise malformed(
                self.query.text,
                path.at,
                "SOQL statements cannot query more than 5 levels of relationships",
            )
        spelled = []
        for name in names:
            table, right = self._step(table, name, path)
            spelled.append(right)
        return table, tuple(spelled)

    def _step(self, table: Table, name: str, path: Path) -> tuple[Table, str]:
        parent = table.one
        if parent is None and name.lower() in NAME_PARENTS:
            parent = next(((o, a) for o, a in table.alternatives if o.name == "User"), None)
        if parent is None:
            raise no_such_relationship(self.query.text, path.at, name)
        obj, alias = parent
        known = self._joined.get((alias, name.lower()))
        if known is not None:
            return known
        reference = obj.field_by_relationship(name)
        if reference is None or not self.access.sees(obj, reference):
            raise no_such_relationship(self.query.text, path.at, name)
        targets = [t for t in (self.schema.get(ref) for ref in reference.refs) if t]
        targets = [t for t in targets if self.access.can("Read", t)]
        if not targets:
            raise no_such_relationship(self.query.text, path.at, name)
        alternatives = []
        for target in targets:
            joined = f"t{next(self.numbers)}"
            self.joins.append(
                f" LEFT JOIN {quoted(target.name)} {joined} "
                f'ON {joined}."Id" = {field_sql(obj, alias, reference, self.schema)}'
            )
            alternatives.append((target, joined))
        made = (Table(tuple(alternatives)), reference.relationship or name)
        self._joined[alias, name.lower()] = made
        return made

    def _field(self, table: Table, name: str, path: Path, parents: tuple[str, ...]) -> Column:
        if table.one is not None:
            obj, alias = table.one
            found = obj.get(name)
            if found is None or not self.access.sees(obj, found):
                raise no_such_column(self.query.text, path.at, name, obj.name)
            return Column(field_sql(obj, alias, found, self.schema), found, table, parents)
        known = {n.lower(): n for n in NAME_FIELDS}.get(name.lower())
        if known is None:
            raise no_such_column(self.query.text, path.at, name, "Name")
        parts = []
        shown: Field | None = None
        for obj, alias in table.alternatives:
            found = obj.get(known) or (_name_field(obj) if known == "Name" else None)
            if known == "Type":
                kind = f"CASE {alias}.\"Type\" WHEN 'Queue' THEN 'Queue' ELSE 'Group' END"
                shape = kind if obj.name == "Group" else f"'{obj.name}'"
                parts.append(f'CASE WHEN {alias}."Id" IS NOT NULL THEN {shape} END')
                shown = shown or Field("Type", "Type", "string", 40, flags=_NAME_FLAGS)
            elif found is not None:
                parts.append(field_sql(obj, alias, found, self.schema))
                shown = found if shown is None or obj.name == "User" else shown
        if not parts or shown is None:
            raise no_such_column(self.query.text, path.at, name, "Name")
        sql = parts[0] if len(parts) == 1 else f"COALESCE({', '.join(parts)})"
        return Column(_compared(sql, shown), shown, table, parents)


_NAME_FLAGS = frozenset({"nillable", "filterable", "sortable", "groupable", "aggregatable"})


def _name_field(obj: ObjectType) -> Field | None:
    return next((f for f in obj.fields if f.has("nameField")), None)


def field_sql(obj: ObjectType, alias: str, f: Field, schema: Schema | None = None) -> str:
    """The expression of a field of a table."""
    if f.type in COMPOUND_TYPES:
        return "NULL"
    if f.formula is not None:
        sql = formulas.compile_formula(f.formula, obj, quote_prefix=alias + ".", schema=schema, field=f)
        return _compared(sql, f)
    if f.summary is not None:
        return rollup.expression(f.summary, schema or Schema((obj,)), alias)
    if f.derived is not None:
        return _compared(f.derived.format(t=alias), f)
    return f"{alias}.{quoted(f.name)}"


def _compared(sql: str, f: Field) -> str:
    """An expression has no collation of its own, as a column has."""
    return f"({sql} COLLATE NOCASE)" if f.is_text else sql


def object_of(schema: Schema, access: Access, query: Query) -> ObjectType:
    """The object after FROM.

    Raises ApiError INVALID_TYPE when there is none that the user may read.
    """
    obj = schema.get(query.source.text)
    if obj is None or not access.can("Read", obj) or not obj.has("queryable"):
        raise no_such_object(query.text, query.source.at, query.source.text)
    return obj
