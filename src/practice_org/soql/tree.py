"""The syntax tree of a query. `at` is the offset in the text of the thing's first character."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Path:
    """`Account.Name`."""

    names: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        return ".".join(self.names)


@dataclass(frozen=True)
class Call:
    """`COUNT(Id)`, `toLabel(Status)`; COUNT() has no argument."""

    name: str
    args: tuple[Path | Call | str, ...]
    at: int


@dataclass(frozen=True)
class Item:
    """One selected field or call with its alias."""

    value: Path | Call
    alias: str | None

    @property
    def at(self) -> int:
        return self.value.at


@dataclass(frozen=True)
class TypeOf:
    """`TYPEOF Owner WHEN User THEN Username ELSE Name END`."""

    path: Path
    cases: tuple[tuple[Path, tuple[Path, ...]], ...]
    otherwise: tuple[Path, ...]
    at: int


@dataclass(frozen=True)
class Child:
    """A sub-select over a child relationship."""

    query: Query
    at: int


@dataclass(frozen=True)
class Literal:
    """`kind` is string, number, boolean, null, date, datetime, time or range (a date literal)."""

    kind: str
    value: str
    at: int
    count: int = 0


@dataclass(frozen=True)
class Compare:
    """`Email LIKE 'a%'`: one field, one operator, one value."""

    left: Path | Call
    op: str
    right: Literal


@dataclass(frozen=True)
class InList:
    """`Rating IN ('Hot', 'Warm')`, or NOT IN."""

    left: Path | Call
    values: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True)
class SemiJoin:
    """`AccountId IN (SELECT Id FROM Account)`, or NOT IN."""

    left: Path
    query: Query
    negated: bool
    at: int


@dataclass(frozen=True)
class Includes:
    """`Colours__c INCLUDES ('red;blue')`, or EXCLUDES."""

    left: Path
    values: tuple[Literal, ...]
    negated: bool


@dataclass(frozen=True)
class And:
    """All of the parts hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    """One of the parts holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = Compare | InList | SemiJoin | Includes | And | Or | Not


@dataclass(frozen=True)
class Order:
    """One entry of ORDER BY; `nulls_last` is None where the query is silent."""

    value: Path | Call
    descending: bool
    nulls_last: bool | None


@dataclass(frozen=True)
class Grouping:
    """GROUP BY; `kind` is empty, ROLLUP or CUBE."""

    values: tuple[Path | Call, ...]
    kind: str = ""


@dataclass(frozen=True)
class With:
    """One WITH clause: SECURITY_ENFORCED, USER_MODE, SYSTEM_MODE or DATA CATEGORY."""

    kind: str
    at: int


@dataclass(frozen=True)
class Query:
    """A whole query or sub-select."""

    text: str
    items: tuple[Item | TypeOf | Child, ...]
    source: Path
    alias: str | None = None
    joined: tuple[tuple[Path, str], ...] = ()
    scope: Path | None = None
    where: Condition | None = None
    rules: tuple[With, ...] = ()
    grouping: Grouping | None = None
    having: Condition | None = None
    order_by: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False
    purposes: tuple[str, ...] = ()

    @property
    def group_by(self) -> tuple[Path | Call, ...]:
        return self.grouping.values if self.grouping else ()
