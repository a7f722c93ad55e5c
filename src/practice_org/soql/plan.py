"""What a query compiles to: one SQL statement, and how its rows become records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType, Schema
from practice_org.soql.shape import Leaf, Node
from practice_org.soql.tree import Query


@dataclass(frozen=True)
class Setting:
    """What a compilation depends on besides the text. `version` is the API version ("60.0")."""

    schema: Schema
    access: Access
    now: datetime
    zone: tzinfo
    include_deleted: bool = False
    version: str = "67.0"

    @property
    def zone_name(self) -> str:
        return getattr(self.zone, "key", "UTC")


@dataclass(frozen=True)
class Heading:
    """One column of an answer as `columns=true` describes it.

    `display` is the text of a call, else the name; `field` is None for what only holds others: a parent
    (with `foreign_key`) or a sub-select, whose columns are `joined`.
    """

    name: str
    display: str
    field: Field | None = None
    joined: tuple[Heading, ...] = ()
    foreign_key: str | None = None
    aggregate: bool = False


@dataclass(frozen=True)
class ChildPlan:
    """A sub-select: for a list of parent ids, rows whose first column is the parent's id."""

    plan: Plan
    reference: str


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
    headings: tuple[Heading, ...] = ()
    count_only: bool = False
    from_sql: str = ""
    filtered: bool = False
    long_text: bool = False
    filters: tuple[Field, ...] = ()

    @property
    def sql(self) -> str:
        """The whole statement, for `params`."""
        return self.sql_of(", ".join(self.columns))

    def sql_of(self, columns: str) -> str:
        """The same rows with other columns."""
        tail = ""
        if self.limit is not None or self.offset:
            tail = f" LIMIT {-1 if self.limit is None else self.limit} OFFSET {self.offset}"
        if self.count_only and tail:
            return f"SELECT COUNT(*) FROM (SELECT 1 {self.body}{tail})"
        return f"SELECT {columns} {self.body}{self.order}{tail}"
