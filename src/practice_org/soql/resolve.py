"""Field paths to SQL columns: joins to parents, field-level security, owners of several types."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from practice_org.data import formulas
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
    "Title",
    "Type",
    "Username",
)
"""What a reference to several objects shows of its target (the entity that Salesforce calls Name)."""
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
    _tables: dict[tuple[str, ...], Table] = field(default_factory=dict)
    _prefixes: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def open(
        cls, schema: Schema, access: Access, query: Query, obj: ObjectType, numbers: count[int]
    ) -> Scope:
        scope = cls(schema, access, query, obj, f"t{next(numbers)}", numbers)
        scope._tables[()] = Table(((obj, scope.alias),))
        scope._prefixes[obj.name.lower()] = ()
        if query.alias:
            scope._prefixes[query.alias.lower()] = ()
        for path, alias in query.joined:
            names = scope._strip(path.names)
            scope._prefixes[alias.lower()] = names
            scope.table(names, path)
        return scope

    def _strip(self, names: tuple[str, ...]) -> tuple[str, ...]:
        prefix = self._prefixes.get(names[0].lower())
        if prefix is not None:
            return prefix + names[1:]
        return names

    @property
    def from_sql(self) -> str:
        return f"{quoted(self.obj.name)} {self.alias}" + "".join(self.joins)

    def column(self, path: Path) -> Column:
        """The column of a path.

        Raises ApiError INVALID_FIELD when there is no such field for this user.
        """
        names = self._strip(path.names) if len(path.names) > 1 else path.names
        table = self.table(names[:-1], path)
        return self._field(table, names[-1], path, self._spelled(names[:-1]))

    def _spelled(self, names: tuple[str, ...]) -> tuple[str, ...]:
        out: list[str] = []
        obj: ObjectType | None = self.obj
        for name in names:
            found = obj.field_by_relationship(name) if obj else None
            out.append(found.relationship or name if found else name)
            obj = self.schema.get(found.refs[0]) if found and len(found.refs) == 1 else None
        return tuple(out)

    def table(self, names: tuple[str, ...], path: Path) -> Table:
        """The table that a chain of relationship names leads to, joined when it is new."""
        key = tuple(name.lower() for name in names)
        found = self._tables.get(key)
        if found is not None:
            return found
        if len(names) > MAX_DEPTH:
            raise malformed(
                self.query.text,
                path.at,
                "SOQL statements cannot query more than 5 levels of relationships",
            )
        parent = self.table(names[:-1], path)
        if parent.one is None:
            raise no_such_relationship(self.query.text, path.at, names[-1])
        obj, alias = parent.one
        reference = obj.field_by_relationship(names[-1])
        if reference is None or not self.access.sees(obj, reference):
            raise no_such_relationship(self.query.text, path.at, names[-1])
        targets = [t for t in (self.schema.get(ref) for ref in reference.refs) if t]
        targets = [t for t in targets if self.access.can("Read", t)]
        if not targets:
            raise no_such_relationship(self.query.text, path.at, names[-1])
        alternatives = []
        for target in targets:
            joined = f"t{next(self.numbers)}"
            self.joins.append(
                f" LEFT JOIN {quoted(target.name)} {joined} "
                f'ON {joined}."Id" = {alias}.{quoted(reference.name)}'
            )
            alternatives.append((target, joined))
        made = Table(tuple(alternatives))
        self._tables[key] = made
        return made

    def _field(self, table: Table, name: str, path: Path, parents: tuple[str, ...]) -> Column:
        if table.one is not None:
            obj, alias = table.one
            found = obj.get(name)
            if found is None or not self.access.sees(obj, found):
                raise no_such_column(self.query.text, path.at, name, obj.name)
            return Column(field_sql(obj, alias, found), found, table, parents)
        known = {n.lower(): n for n in NAME_FIELDS}.get(name.lower())
        if known is None:
            raise no_such_column(self.query.text, path.at, name, "Name")
        parts = []
        shown: Field | None = None
        for obj, alias in table.alternatives:
            found = obj.get(known)
            if known == "Type":
                kind = f"CASE {alias}.\"Type\" WHEN 'Queue' THEN 'Queue' ELSE 'Group' END"
                shape = kind if obj.name == "Group" else f"'{obj.name}'"
                parts.append(f'CASE WHEN {alias}."Id" IS NOT NULL THEN {shape} END')
                shown = shown or Field("Type", "Type", "string", 40, flags=_NAME_FLAGS)
            elif found is not None:
                parts.append(f"{alias}.{quoted(found.name)}")
                shown = found if shown is None or obj.name == "User" else shown
        if not parts or shown is None:
            raise no_such_column(self.query.text, path.at, name, "Name")
        sql = parts[0] if len(parts) == 1 else f"COALESCE({', '.join(parts)})"
        return Column(_compared(sql, shown), shown, table, parents)


_NAME_FLAGS = frozenset({"nillable", "filterable", "sortable", "groupable", "aggregatable"})


def field_sql(obj: ObjectType, alias: str, f: Field) -> str:
    """The expression of a field of a table."""
    if f.formula is not None:
        return _compared(formulas.compile_formula(f.formula, obj, quote_prefix=alias + "."), f)
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
