"""One level of a query while it is compiled: its object, its joins, its filters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soql import semijoins
from practice_org.soql.conditions import Conditions
from practice_org.soql.functions import Functions, is_aggregate
from practice_org.soql.plan import Setting
from practice_org.soql.refusal import malformed
from practice_org.soql.resolve import Column, Scope, object_of
from practice_org.soql.tree import Call, Path, Query, SemiJoin

MAX_OFFSET = 2000
_SCOPES = {
    "queue_owned": "substr({0}, 1, 3) = '00G'",
    "user_owned": "substr({0}, 1, 3) = '005'",
    "everything": "",
}


class Level:
    """A query or sub-select; `depth` counts sub-selects from 0, `numbers` gives the tables' names."""

    def __init__(
        self, query: Query, setting: Setting, obj: ObjectType, numbers: count[int], depth: int = 0
    ) -> None:
        self.query = query
        self.setting = setting
        self.obj = obj
        self.depth = depth
        self.scope = Scope.open(setting.schema, setting.access, query, obj, numbers)
        self.functions = Functions(query, self.scope, setting)
        self.filters: list[Field] = []

    def column(self, value: Path | Call) -> Column:
        """The column of a field or call.

        Raises ApiError INVALID_FIELD for what there is not.
        """
        return self.scope.column(value) if isinstance(value, Path) else self.functions.column(value)

    def conditions(self, resolve: Callable[[Path | Call], Column]) -> Conditions:
        return Conditions(self.query, resolve, self._sub_select, self.setting.now, self.setting.zone)

    def where(self) -> tuple[str, list[Any]]:
        """The WHERE clause with its parameters: conditions, scope, and no deleted records."""
        parts: list[str] = []
        params: list[Any] = []
        if self.query.where is not None:
            semijoins.check(self.query, self.query.where)
            sql, params = self.conditions(self._in_where).compile(self.query.where)
            parts.append(f"({sql})")
        if self.query.scope:
            sql, more = self._scoped(self.query.scope)
            if sql:
                parts.append(sql)
                params += more
        deleted = self.setting.include_deleted or self.query.all_rows
        if self.obj.soft_deletes and not deleted:
            parts.append(f'{self.scope.alias}."IsDeleted" = 0')
        shared = self.setting.access.row_filter(self.obj, self.scope.alias)
        if shared is not None:
            parts.append(shared[0])
            params += shared[1]
        return (" WHERE " + " AND ".join(parts) if parts else ""), params

    def _in_where(self, value: Path | Call) -> Column:
        if is_aggregate(value):
            raise malformed(
                self.query.text,
                value.at,
                "Aggregate functions are not allowed in the WHERE clause: use HAVING",
            )
        column = self.column(value)
        self.filters.append(column.field)
        return column

    def _scoped(self, scope: Path) -> tuple[str, list[Any]]:
        name = scope.text.lower()
        known = {known.lower() for known, _ in self.obj.scopes}
        if name not in known | {"everything", "mine"}:
            raise ApiError(
                400, "INVALID_QUERY_SCOPE", f"Scope '{scope.text}' is not supported for {self.obj.name}"
            )
        if not self.obj.get("OwnerId"):
            return "", []
        owner = f'{self.scope.alias}."OwnerId"'
        if name in _SCOPES:
            return _SCOPES[name].format(owner), []
        # Teams and territories have nobody but the user in them here.
        return f"{owner} = ?", [self.setting.access.user_id]

    def _sub_select(self, test: SemiJoin) -> tuple[str, list[Any]]:
        query = test.query
        obj = object_of(self.setting.schema, self.setting.access, query)
        item = semijoins.selected(self.query, test, self.obj, obj)
        inner = Level(query, self.setting, obj, self.scope.numbers, self.depth)
        column = inner.scope.column(item)
        semijoins.check_types(self.query, test, self.scope.column(test.left).field, column.field, item)
        where, params = inner.where()
        joiner = " AND " if where else " WHERE "
        return (
            f"SELECT {column.sql} FROM {inner.scope.from_sql}{where}{joiner}{column.sql} IS NOT NULL",
            params,
        )


def check_offset(query: Query) -> None:
    """Raises ApiError NUMBER_OUTSIDE_VALID_RANGE when the offset is beyond 2,000."""
    if query.offset > MAX_OFFSET:
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")


def check_rules(query: Query) -> None:
    """Refuse a filter by data category: no object here has categories."""
    for rule in query.rules:
        if rule.kind == "DATA CATEGORY":
            raise malformed(
                query.text, rule.at, f"WITH DATA CATEGORY is not supported for {query.source.text}"
            )
