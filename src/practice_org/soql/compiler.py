"""A query's tree to SQL and to the plan by which rows become records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import count
from typing import Any

from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema.access import Access
from practice_org.schema.catalogue import ObjectType, Schema
from practice_org.soql.conditions import Conditions
from practice_org.soql.functions import AGGREGATES, Functions, is_aggregate
from practice_org.soql.refusal import malformed, no_such_child, no_such_column, refuse
from practice_org.soql.resolve import Column, Scope, Table, field_sql, object_of
from practice_org.soql.shape import ADDRESS_PARTS, ChildSlot, Leaf, Node
from practice_org.soql.tree import Call, Child, Item, Path, Query, SemiJoin, TypeOf

MAX_OFFSET = 2000


@dataclass(frozen=True)
class ChildPlan:
    """A sub-select: for a list of parent ids, rows whose first column is the parent's id."""

    plan: Plan
    reference: str
    limit: int | None


@dataclass(frozen=True)
class Plan:
    """A compiled query. `params` belong to `body`, which is everything from FROM to HAVING."""

    query: Query
    obj: ObjectType
    alias: str
    columns: tuple[str, ...]
    body: str
    params: tuple[Any, ...]
    order: str
    limit: int | None
    offset: int
    node: Node | None
    aggregate: tuple[tuple[str, Leaf], ...] | None
    children: tuple[ChildPlan, ...]
    header: tuple[tuple[str, str, int], ...]
    count_only: bool = False
    from_sql: str = ""

    @property
    def sql(self) -> str:
        """The whole statement, for `params`."""
        tail = ""
        if self.limit is not None or self.offset:
            tail = f" LIMIT {-1 if self.limit is None else self.limit} OFFSET {self.offset}"
        return f"SELECT {', '.join(self.columns)} {self.body}{self.order}{tail}"

    def sql_of(self, columns: str) -> str:
        """The same rows with other columns."""
        tail = ""
        if self.limit is not None or self.offset:
            tail = f" LIMIT {-1 if self.limit is None else self.limit} OFFSET {self.offset}"
        return f"SELECT {columns} {self.body}{self.order}{tail}"


@dataclass(frozen=True)
class Setting:
    """What a compilation depends on besides the text."""

    schema: Schema
    access: Access
    now: datetime
    zone: tzinfo
    include_deleted: bool = False


def compile_query(query: Query, setting: Setting) -> Plan:
    """The plan of a query.

    Raises ApiError as Salesforce words it.
    """
    return _Compiler(query, setting, object_of(setting.schema, setting.access, query), count()).plan()


class _Compiler:
    def __init__(self, query: Query, setting: Setting, obj: ObjectType, numbers: count[int]) -> None:
        self.query = query
        self.setting = setting
        self.obj = obj
        self.scope = Scope.open(setting.schema, setting.access, query, obj, numbers)
        self._functions = Functions(query, self.scope)
        self.columns: list[str] = []
        self.header: list[tuple[str, str, int]] = []
        self.children: list[ChildPlan] = []
        self._seen: dict[str, int] = {}
        self._aliases: dict[str, Column] = {}
        self._unnamed = count()

    # -- the whole ----------------------------------------------------------------------------------

    def plan(self, *, parent_key: str | None = None) -> Plan:
        query = self.query
        items = self._expanded()
        count_only = (
            len(items) == 1
            and isinstance(items[0], Item)
            and isinstance(items[0].value, Call)
            and items[0].value.name.upper() == "COUNT"
            and not items[0].value.args
        )
        grouped = bool(query.group_by) or any(
            isinstance(i, Item) and isinstance(i.value, Call) and i.value.name.upper() in AGGREGATES
            for i in items
        )
        node: Node | None = None
        aggregate = None
        if count_only:
            self.columns.append("COUNT(*)")
        elif grouped:
            aggregate = self._aggregate(items)
        else:
            if parent_key is not None:
                self.columns.append(f"{self.scope.alias}.{quoted(parent_key)}")
            node = self._node(items)
        where, params = self._where()
        group, group_params = self._grouping()
        order = self._order(grouped and not count_only)
        body = f"FROM {self.scope.from_sql}{where}{group}"
        if query.offset > MAX_OFFSET:
            raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        return Plan(
            query=query,
            obj=self.obj,
            alias=self.scope.alias,
            columns=tuple(self.columns),
            body=body,
            params=tuple(params + group_params),
            order=order,
            limit=query.limit,
            offset=query.offset,
            node=node,
            aggregate=aggregate,
            children=tuple(self.children),
            header=tuple(self.header),
            count_only=count_only,
            from_sql=self.scope.from_sql,
        )

    def _expanded(self) -> list[Item | TypeOf | Child]:
        out: list[Item | TypeOf | Child] = []
        for item in self.query.items:
            if not (isinstance(item, Item) and isinstance(item.value, Call)):
                out.append(item)
                continue
            call = item.value
            if call.name.upper() != "FIELDS":
                out.append(item)
                continue
            which = call.args[0].text.upper() if call.args and isinstance(call.args[0], Path) else ""
            if which not in ("ALL", "STANDARD", "CUSTOM"):
                raise malformed(self.query.text, call.at, "FIELDS function must be ALL, STANDARD or CUSTOM")
            if which != "STANDARD" and not (self.query.limit is not None and self.query.limit <= 200):
                raise ApiError(
                    400, "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200"
                )
            for f in self.setting.access.visible_fields(self.obj):
                if which == "ALL" or f.custom == (which == "CUSTOM"):
                    out.append(Item(Path((f.name,), call.at), None))
        return out

    # -- plain records ------------------------------------------------------------------------------

    def _put(self, sql: str) -> int:
        index = self._seen.get(sql)
        if index is None:
            index = self._seen[sql] = len(self.columns)
            self.columns.append(sql)
        return index

    def _node(self, items: list[Item | TypeOf | Child]) -> Node:
        tree: dict[str, Any] = {}
        root = Table(((self.obj, self.scope.alias),))
        tables: dict[tuple[str, ...], Table] = {(): root}
        selected: set[str] = set()
        for item in items:
            if isinstance(item, Child):
                self._child(item, tree)
                continue
            if isinstance(item, TypeOf):
                self._typeof(item, tree, tables)
                continue
            label, column = self._select(item)
            key = ".".join((*column.parents, label))
            if key.lower() in selected and isinstance(item.value, Path):
                raise ApiError(400, "INVALID_FIELD", f"duplicate field selected: {item.value.text}")
            selected.add(key.lower())
            spot = tree
            table = root
            for depth in range(1, len(column.parents) + 1):
                names = column.parents[:depth]
                lowered = tuple(n.lower() for n in names)
                table = self.scope._tables.get(lowered, column.table)
                tables[names] = table
                spot = spot.setdefault(names[-1], {})
            leaf = self._leaf(column)
            spot[label] = leaf
            self.header.append((key, column.field.type, leaf.index))
        return self._build(self.obj.name, tree, tables, ())

    def _leaf(self, column: Column) -> Leaf:
        f = column.field
        if f.type != "address":
            return Leaf(self._put(column.sql), f.type)
        assert column.table.one is not None
        obj, alias = column.table.one
        prefix = f.name[: -len("Address")]
        start = len(self.columns)
        for _, suffix in ADDRESS_PARTS:
            part = obj.get(prefix + suffix)
            shown = part is not None and self.setting.access.sees(obj, part)
            self.columns.append(f"{alias}.{quoted(prefix + suffix)}" if shown else "NULL")
        return Leaf(start, "address")

    def _build(
        self, name: str, tree: dict[str, Any], tables: dict[tuple[str, ...], Table], at: tuple[str, ...]
    ) -> Node:
        table = tables[at]
        url_type = None
        if table.one is not None:
            name = table.one[0].name
            id_index = self._put(f'{table.one[1]}."Id"')
        else:
            name = "Name"
            aliases = ", ".join(f'{alias}."Id"' for _, alias in table.alternatives)
            id_index = self._put(f"COALESCE({aliases})")
            cases = " ".join(
                f"WHEN {alias}.\"Id\" IS NOT NULL THEN '{obj.name}'" for obj, alias in table.alternatives
            )
            url_type = self._put(f"CASE {cases} END")
        entries: list[tuple[str, Leaf | Node | ChildSlot]] = []
        for key, entry in tree.items():
            if isinstance(entry, dict):
                entries.append((key, self._build(key, entry, tables, (*at, key))))
            else:
                entries.append((key, entry))
        return Node(name, id_index, tuple(entries), url_type)

    def _select(self, item: Item) -> tuple[str, Column]:
        value = item.value
        if isinstance(value, Path):
            column = self.scope.column(value)
            if item.alias:
                raise malformed(
                    self.query.text,
                    value.at,
                    "only aggregate expressions use field aliasing",
                )
            return column.key, column
        column = self._functions.column(value)
        label = item.alias or column.key
        return label, column

    def _child(self, item: Child, tree: dict[str, Any]) -> None:
        query = item.query
        name = query.source.names[-1]
        found = self.setting.schema.child(self.obj, name)
        if found is None or not self.setting.access.can("Read", found[0]):
            raise no_such_child(self.query.text, query.source.at, name)
        obj, reference = found
        compiler = _Compiler(query, self.setting, obj, count())
        plan = compiler.plan(parent_key=reference.name)
        if plan.node is None:
            raise malformed(self.query.text, item.at, "sub-selects cannot be aggregated")
        spelled = next(
            c.name
            for c in self.setting.schema.children(self.obj)
            if c.name and c.name.lower() == name.lower()
        )
        tree[spelled] = ChildSlot(len(self.children))
        self.children.append(ChildPlan(plan, reference.name, query.limit))

    def _typeof(self, item: TypeOf, tree: dict[str, Any], tables: dict[tuple[str, ...], Table]) -> None:
        names = self.scope._strip(item.path.names)
        table = self.scope.table(names, item.path)
        spelled = self.scope._spelled(names)
        if table.one is not None:
            raise refuse(
                "INVALID_FIELD",
                f"'{item.path.text}' is not a polymorphic relationship",
                self.query.text,
                item.path.at,
            )
        wanted: dict[str, list[str]] = {}
        named = {name.lower(): paths for name, paths in item.cases}
        for obj, alias in table.alternatives:
            for path in named.get(obj.name.lower(), item.otherwise):
                f = obj.get(path.text)
                if f is None or f.type == "address" or not self.setting.access.sees(obj, f):
                    raise no_such_column(self.query.text, path.at, path.text, obj.name)
                wanted.setdefault(f.name, []).append(field_sql(obj, alias, f))
        spot: dict[str, Any] = {}
        for key, parts in wanted.items():
            spot[key] = Leaf(
                self._put(parts[0] if len(parts) == 1 else f"COALESCE({', '.join(parts)})"), "string"
            )
        tables[spelled] = table
        tree[spelled[-1]] = spot

    # -- functions and aggregates -------------------------------------------------------------------

    def _aggregate(self, items: list[Item | TypeOf | Child]) -> tuple[tuple[str, Leaf], ...]:
        groups = {_signature(g, self.scope) for g in self.query.group_by}
        entries: list[tuple[str, Leaf]] = []
        for item in items:
            if not isinstance(item, Item):
                raise malformed(self.query.text, item.at, "sub-selects cannot be used with aggregates")
            value = item.value
            if isinstance(value, Call) and value.name.upper() in AGGREGATES:
                column = self._functions.aggregate(value)
                label = item.alias or f"expr{next(self._unnamed)}"
            else:
                if _signature(value, self.scope) not in groups:
                    name = value.text if isinstance(value, Path) else value.name
                    raise refuse(
                        "MALFORMED_QUERY",
                        f"Field must be grouped or aggregated: {name}",
                        self.query.text,
                        value.at,
                    )
                column = self._resolve(value)
                unnamed = isinstance(value, Call)
                label = item.alias or (f"expr{next(self._unnamed)}" if unnamed else column.key)
            entries.append((label, Leaf(len(self.columns), column.field.type)))
            self.header.append((label, column.field.type, len(self.columns)))
            self.columns.append(column.sql)
            self._aliases[label.lower()] = column
        return tuple(entries)

    def _resolve_in_where(self, value: Path | Call) -> Column:
        if is_aggregate(value):
            raise malformed(
                self.query.text,
                value.at,
                "Aggregate functions are not allowed in the WHERE clause: use HAVING",
            )
        return self.scope.column(value) if isinstance(value, Path) else self._functions.column(value)

    def _resolve(self, value: Path | Call) -> Column:
        if isinstance(value, Call):
            return self._functions.column(value)
        if len(value.names) == 1 and value.names[0].lower() in self._aliases:
            return self._aliases[value.names[0].lower()]
        return self.scope.column(value)

    # -- clauses ------------------------------------------------------------------------------------

    def _conditions(self, resolve: Callable[[Path | Call], Column]) -> Conditions:
        return Conditions(self.query, resolve, self._sub_select, self.setting.now, self.setting.zone)

    def _where(self) -> tuple[str, list[Any]]:
        parts: list[str] = []
        params: list[Any] = []
        if self.query.where is not None:
            sql, params = self._conditions(self._resolve_in_where).compile(self.query.where)
            parts.append(f"({sql})")
        if self.query.scope:
            sql, more = self._scope_filter(self.query.scope.lower())
            if sql:
                parts.append(sql)
                params += more
        deleted = self.setting.include_deleted or self.query.all_rows
        if self.obj.soft_deletes and not deleted:
            parts.append(f'{self.scope.alias}."IsDeleted" = 0')
        return (" WHERE " + " AND ".join(parts) if parts else ""), params

    def _scope_filter(self, scope: str) -> tuple[str, list[Any]]:
        known = {name.lower() for name, _ in self.obj.scopes}
        if scope not in known | {"everything", "mine"}:
            raise ApiError(400, "MALFORMED_QUERY", f"Invalid scope: {scope}")
        owner = f'{self.scope.alias}."OwnerId"'
        if not self.obj.get("OwnerId"):
            return "", []
        if scope == "mine":
            return f"{owner} = ?", [self.setting.access.user_id]
        if scope == "queue_owned":
            return f"substr({owner}, 1, 3) = '00G'", []
        if scope == "user_owned":
            return f"substr({owner}, 1, 3) = '005'", []
        return "", []

    def _grouping(self) -> tuple[str, list[Any]]:
        sql = ""
        params: list[Any] = []
        if self.query.group_by:
            parts = []
            for value in self.query.group_by:
                if is_aggregate(value):
                    raise malformed(
                        self.query.text, value.at, "Grouping by an aggregate expression is not possible"
                    )
                column = self._resolve(value)
                if not column.field.has("groupable") and isinstance(value, Path):
                    raise refuse(
                        "INVALID_FIELD",
                        f"field '{column.field.name}' can not be grouped in a query call",
                        self.query.text,
                        value.at,
                    )
                parts.append(column.sql)
            sql = " GROUP BY " + ", ".join(parts)
        if self.query.having is not None:
            if not self.query.group_by:
                raise malformed(
                    self.query.text, self.query.source.at, "HAVING clause requires a GROUP BY clause"
                )
            having, params = self._conditions(self._resolve).compile(self.query.having)
            sql += f" HAVING {having}"
        return sql, params

    def _order(self, grouped: bool) -> str:
        parts = []
        groups = {_signature(g, self.scope) for g in self.query.group_by}
        for order in self.query.order_by:
            column = self._resolve(order.value)
            f = column.field
            if not grouped and is_aggregate(order.value):
                raise malformed(
                    self.query.text, order.value.at, "Ordered field must be grouped or aggregated"
                )
            if not f.has("sortable"):
                raise refuse(
                    "INVALID_FIELD",
                    f"field '{f.name}' can not be sorted in a query call",
                    self.query.text,
                    order.value.at,
                )
            if grouped and isinstance(order.value, Path):
                named = order.value.text.lower() in self._aliases
                if not named and _signature(order.value, self.scope) not in groups:
                    raise malformed(
                        self.query.text,
                        order.value.at,
                        f"Ordered field must be grouped or aggregated: {order.value.text}",
                    )
            # Without a clause SQLite sorts nulls first going up and last going down; it is left out
            # where it says nothing, because with it no index serves the order.
            never_null = not f.nillable and not column.parents and f.stored
            last = order.nulls_last or False
            natural = never_null or last == order.descending
            placed = "" if natural else (" NULLS LAST" if last else " NULLS FIRST")
            parts.append(f"{column.sql}{' DESC' if order.descending else ''}{placed}")
        return " ORDER BY " + ", ".join(parts) if parts else ""

    def _sub_select(self, test: SemiJoin) -> tuple[str, list[Any]]:
        query = test.query
        obj = object_of(self.setting.schema, self.setting.access, query)
        if len(query.items) != 1 or not isinstance(query.items[0], Item):
            raise malformed(self.query.text, test.at, "semi join sub-selects must select exactly one field")
        inner = _Compiler(query, self.setting, obj, self.scope.numbers)
        value = query.items[0].value
        column = inner._resolve_in_where(value)
        if column.field.type not in ("id", "reference"):
            raise refuse(
                "MALFORMED_QUERY",
                f"The selected field '{column.field.name}' in the subquery is not an id or reference field",
                self.query.text,
                value.at,
            )
        where, params = inner._where()
        joiner = " AND " if where else " WHERE "
        return (
            f"SELECT {column.sql} FROM {inner.scope.from_sql}{where}{joiner}{column.sql} IS NOT NULL",
            params,
        )


def _signature(value: Path | Call, scope: Scope) -> str:
    if isinstance(value, Path):
        names = scope._strip(value.names) if len(value.names) > 1 else value.names
        return ".".join(names).lower()
    args = ",".join(_signature(a, scope) if not isinstance(a, str) else a for a in value.args)
    return f"{value.name.lower()}({args})"
