"""ORDER BY: which fields can be sorted, and where nulls go."""

from __future__ import annotations

from practice_org.soql.functions import is_aggregate
from practice_org.soql.level import Level
from practice_org.soql.refusal import malformed, not_for_field
from practice_org.soql.resolve import Column
from practice_org.soql.tree import Call, Order, Path


def order_by(level: Level) -> str:
    """The ORDER BY clause of a query for records, or nothing."""
    parts = []
    for order in level.query.order_by:
        if is_aggregate(order.value):
            raise malformed(level.query.text, order.value.at, "Ordered field must be grouped or aggregated")
        column = sortable(level.query.text, order.value, level.column(order.value))
        parts.append(direction(order, column))
    return " ORDER BY " + ", ".join(parts) if parts else ""


def sortable(text: str, value: Path | Call, column: Column) -> Column:
    """The column itself.

    Raises ApiError INVALID_FIELD when it cannot be sorted.
    """
    if column.compound or not column.field.has("sortable"):
        raise not_for_field(text, value.at, column.field.name, "sorted")
    return column


def direction(order: Order, column: Column) -> str:
    """One entry. Without a word of the query nulls come first, whichever way the order goes."""
    # Without a clause SQLite sorts nulls first going up and last going down; it is left out where it
    # says nothing, because with it no index serves the order.
    f = column.field
    never_null = not f.nillable and not column.parents and f.stored
    last = order.nulls_last or False
    natural = never_null or last == order.descending
    placed = "" if natural else (" NULLS LAST" if last else " NULLS FIRST")
    return f"{column.sql}{' DESC' if order.descending else ''}{placed}"
