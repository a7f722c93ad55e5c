"""A query's tree to SQL and to the plan by which rows become records."""

from __future__ import annotations

from itertools import count
from typing import Any

from practice_org.schema.catalogue import ObjectType
from practice_org.soql.groups import Groups, is_grouped
from practice_org.soql.level import Level, check_offset, check_rules
from practice_org.soql.ordering import order_by
from practice_org.soql.plan import ChildPlan, Plan, Setting
from practice_org.soql.records import Records, expanded
from practice_org.soql.refusal import malformed
from practice_org.soql.resolve import object_of
from practice_org.soql.tree import Call, Item, Query

__all__ = ["ChildPlan", "Plan", "Setting", "compile_query"]


def compile_query(query: Query, setting: Setting) -> Plan:
    """The plan of a query.

    Raises ApiError as Salesforce words it.
    """
    level = Level(query, setting, object_of(setting.schema, setting.access, query), count())
    items = expanded(level)
    check_offset(query)
    check_rules(query)
    if _counts_all(query):
        return _count(level)
    if is_grouped(level, items):
        return _aggregates(level, Groups(level, items))
    return _records(level, None)


def _counts_all(query: Query) -> bool:
    """Whether the select list is COUNT() and nothing else; its answer has no records, only a number."""
    value = query.items[0].value if isinstance(query.items[0], Item) else None
    return isinstance(value, Call) and value.name.upper() == "COUNT" and not value.args


def _count(level: Level) -> Plan:
    query = level.query
    if query.order_by:
        value = query.order_by[0].value
        level.column(value)
        raise malformed(query.text, value.at, "Ordered field must be grouped or aggregated")
    where, params = level.where()
    return _plan(level, ["COUNT(*)"], f"FROM {level.scope.from_sql}{where}", params, "", count_only=True)


def _aggregates(level: Level, groups: Groups) -> Plan:
    where, params = level.where()
    columns, body, params, order = groups.statement(where, params)
    return _plan(
        level,
        columns,
        body,
        params,
        order,
        aggregate=groups.entries,
        header=tuple(groups.header),
        headings=groups.headings,
    )


def _records(level: Level, parent_key: str | None) -> Plan:
    setting = level.setting

    def child(query: Query, obj: ObjectType, key: str, depth: int) -> Plan:
        inner = Level(query, setting, obj, count(), depth)
        if is_grouped(inner, expanded(inner)):
            raise malformed(query.text, query.items[0].at, "only root queries support aggregate expressions")
        check_offset(query)
        check_rules(query)
        return _records(inner, key)

    records = Records(level, child)
    node = records.select(expanded(level), parent_key)
    where, params = level.where()
    order = order_by(level)
    return _plan(
        level,
        records.columns,
        f"FROM {level.scope.from_sql}{where}",
        params,
        order,
        node=node,
        children=tuple(records.children),
        header=tuple(records.header),
        headings=records.headings,
        filtered=bool(where),
        long_text=records.long_text,
    )


def _plan(level: Level, columns: list[str], body: str, params: list[Any], order: str, **more: Any) -> Plan:
    facts: dict[str, Any] = {"node": None, "aggregate": None, "children": (), "header": (), **more}
    return Plan(
        query=level.query,
        obj=level.obj,
        alias=level.scope.alias,
        columns=tuple(columns),
        body=body,
        params=tuple(params),
        order=order,
        limit=level.query.limit,
        offset=level.query.offset,
        from_sql=level.scope.from_sql,
        filters=tuple(level.filters),
        **facts,
    )
