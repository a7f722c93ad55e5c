"""Aggregate queries: select list, GROUP BY with ROLLUP and CUBE, HAVING and ORDER BY."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, count
from typing import Any

from practice_org.schema.catalogue import Field
from practice_org.soql.functions import is_aggregate, is_date_part
from practice_org.soql.level import Level
from practice_org.soql.ordering import direction, sortable
from practice_org.soql.plan import Heading
from practice_org.soql.records import display
from practice_org.soql.refusal import malformed, not_for_field, ungrammatical
from practice_org.soql.resolve import Column
from practice_org.soql.shape import Leaf
from practice_org.soql.tree import Call, Child, Item, Path, TypeOf

MOST_ROLLED = 3
_MARK = Field("GROUPING", "GROUPING", "int", flags=frozenset({"filterable", "sortable"}))


@dataclass(frozen=True)
class Selected:
    """One selected value with the key that it is answered by."""

    label: str
    value: Path | Call
    column: Column


def is_grouped(level: Level, items: list[Item | TypeOf | Child]) -> bool:
    """Whether a query answers with aggregates: it groups, or it selects a function that does."""
    return level.query.grouping is not None or any(
        isinstance(item, Item) and (is_aggregate(item.value) or is_date_part(item.value)) for item in items
    )


class Groups:
    """Compiles one aggregate query."""

    def __init__(self, level: Level, items: list[Item | TypeOf | Child]) -> None:
        self._level = level
        self._query = level.query
        self._text = level.query.text
        self._grouped = {self._signature(value): index for index, value in enumerate(self._query.group_by)}
        self._hidden: frozenset[int] = frozenset()
        self._named: dict[str, Path | Call] = {}
        self.kind = self._query.grouping.kind if self._query.grouping else ""
        self._check_groups()
        self._check_order()
        self.selected = self._select(items)

    # -- checks -------------------------------------------------------------------------------------

    def _signature(self, value: Path | Call) -> str:
        if isinstance(value, Path):
            return self._level.scope.signature(value)
        args = ",".join(a if isinstance(a, str) else self._signature(a) for a in value.args)
        return f"{value.name.lower()}({args})"

    def _check_groups(self) -> None:
        if self.kind and len(self._query.group_by) > MOST_ROLLED:
            raise malformed(
                self._text,
                self._query.group_by[MOST_ROLLED].at,
                f"{self.kind} takes at most {MOST_ROLLED} fields",
            )
        for value in self._query.group_by:
            if is_aggregate(value) or (isinstance(value, Call) and not is_date_part(value)):
                raise malformed(self._text, value.at, "Grouping by an aggregate expression is not possible")
            column = self._level.column(value)
            if isinstance(value, Path) and (column.compound or not column.field.has("groupable")):
                raise not_for_field(self._text, value.at, column.field.name, "grouped")

    def _check_order(self) -> None:
        aliases = {i.alias.lower() for i in self._query.items if isinstance(i, Item) and i.alias}
        for order in self._query.order_by:
            value = order.value
            known = isinstance(value, Path) and value.text.lower() in aliases
            if not (known or self._belongs(value)):
                raise malformed(
                    self._text, value.at, f"Ordered field must be grouped or aggregated: {display(value)}"
                )

    def _belongs(self, value: Path | Call) -> bool:
        if self._signature(value) in self._grouped or is_aggregate(value):
            return True
        return isinstance(value, Call) and any(
            not isinstance(argument, str) and self._belongs(argument) for argument in value.args
        )

    def _select(self, items: list[Item | TypeOf | Child]) -> list[Selected]:
        out: list[Selected] = []
        unnamed = count()
        for item in items:
            if not isinstance(item, Item):
                raise malformed(self._text, item.at, "Sub-selects and TYPEOF cannot be used with aggregates")
            value = item.value
            if not self._belongs(value):
                raise malformed(
                    self._text, value.at, f"Field must be grouped or aggregated: {display(value)}"
                )
            self._check_argument(value)
            column = self.column(value)
            label = item.alias or (f"expr{next(unnamed)}" if isinstance(value, Call) else column.key)
            if label.lower() in self._named:
                raise malformed(self._text, value.at, f"duplicate alias: {label}")
            self._named[label.lower()] = value
            out.append(Selected(label, value, column))
        return out

    def _check_argument(self, value: Path | Call) -> None:
        if not (isinstance(value, Call) and is_aggregate(value)):
            return
        for argument in value.args:
            if isinstance(argument, Path) and self._signature(argument) in self._grouped:
                raise malformed(
                    self._text, value.at, f"Grouped field should not be aggregated: {argument.text}"
                )

    # -- columns ------------------------------------------------------------------------------------

    def column(self, value: Path | Call) -> Column:
        """The column of a selected, ordered or tested value in the present grouping set."""
        if isinstance(value, Path) and len(value.names) == 1 and value.text.lower() in self._named:
            value = self._named[value.text.lower()]
        if isinstance(value, Call) and value.name.upper() == "GROUPING":
            return self._grouping(value)
        column = self._level.column(value)
        if self._grouped.get(self._signature(value)) in self._hidden:
            return Column("NULL", column.field, column.table, column.parents)
        return column

    def _grouping(self, call: Call) -> Column:
        argument = call.args[0] if len(call.args) == 1 else None
        if not self.kind or argument is None or isinstance(argument, str):
            raise ungrammatical(self._text, call.at, f"unexpected token: '{call.name}'")
        index = self._grouped.get(self._signature(argument))
        if index is None:
            raise malformed(self._text, call.at, f"Field must be grouped: {display(argument)}")
        return Column(str(int(index in self._hidden)), _MARK, self._level.scope.root)

    def _in_having(self, value: Path | Call) -> Column:
        grouping = isinstance(value, Call) and value.name.upper() == "GROUPING"
        named = isinstance(value, Path) and value.text.lower() in self._named
        if not (grouping or named or self._belongs(value)):
            raise malformed(self._text, value.at, f"Field must be grouped or aggregated: {display(value)}")
        return self.column(value)

    # -- clauses ------------------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[tuple[str, Leaf], ...]:
        return tuple((s.label, Leaf(at, s.column.field.type)) for at, s in enumerate(self.selected))

    @property
    def header(self) -> list[tuple[str, str, int]]:
        return [(s.label, s.column.field.type, at) for at, s in enumerate(self.selected)]

    @property
    def headings(self) -> tuple[Heading, ...]:
        return tuple(
            Heading(s.label, display(s.value), s.column.field, aggregate=isinstance(s.value, Call))
            for s in self.selected
        )

    def statement(self, where: str, params: list[Any]) -> tuple[list[str], str, list[Any], str]:
        """Columns, FROM to HAVING, its parameters, and ORDER BY."""
        orders = [sortable(self._text, o.value, self.column(o.value)) for o in self._query.order_by]
        if not self.kind:
            columns = [s.column.sql for s in self.selected]
            body, more = self._grouping_set(where)
            order = [direction(o, c) for o, c in zip(self._query.order_by, orders, strict=True)]
            return columns, body, params + more, (" ORDER BY " + ", ".join(order) if order else "")
        return self._rolled(where, params)

    def _grouping_set(self, where: str) -> tuple[str, list[Any]]:
        shown = [v for i, v in enumerate(self._query.group_by) if i not in self._hidden]
        sql = f"FROM {self._level.scope.from_sql}{where}"
        if shown:
            sql += " GROUP BY " + ", ".join(self._level.column(value).sql for value in shown)
        if self._query.having is None:
            return sql, []
        having, params = self._level.conditions(self._in_having).compile(self._query.having)
        return f"{sql} HAVING {having}", params

    def _rolled(self, where: str, params: list[Any]) -> tuple[list[str], str, list[Any], str]:
        """ROLLUP and CUBE: one SELECT for each grouping set, joined; subtotals follow their parts."""
        branches = []
        all_params: list[Any] = []
        size = len(self._query.group_by)
        for hidden in self._sets(size):
            self._hidden = hidden
            values = [self.column(s.value).sql for s in self.selected]
            values += [self.column(o.value).sql for o in self._query.order_by]
            for index, value in enumerate(self._query.group_by):
                values += [str(int(index in hidden)), self.column(value).sql]
            body, more = self._grouping_set(where)
            listed = ", ".join(f"{sql} AS c{at}" for at, sql in enumerate(values))
            branches.append(f"SELECT {listed} {body}")
            all_params += [*params, *more]
        self._hidden = frozenset()
        first = len(self.selected)
        order = [
            direction(o, Column(f"c{first + at}", self.column(o.value).field, self._level.scope.root))
            for at, o in enumerate(self._query.order_by)
        ]
        first += len(order)
        order = order or [f"c{first + at}" for at in range(2 * size)]
        columns = [f"c{at}" for at in range(len(self.selected))]
        return columns, f"FROM ({' UNION ALL '.join(branches)})", all_params, " ORDER BY " + ", ".join(order)

    def _sets(self, size: int) -> list[frozenset[int]]:
        if self.kind == "ROLLUP":
            return [frozenset(range(kept, size)) for kept in range(size, -1, -1)]
        everything = range(size)
        return [frozenset(hidden) for n in range(size + 1) for hidden in combinations(everything, n)]
