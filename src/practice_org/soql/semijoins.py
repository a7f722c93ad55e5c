"""What Salesforce refuses about `X IN (SELECT Y FROM ...)`."""

from __future__ import annotations

from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soql.refusal import malformed
from practice_org.soql.tree import And, Condition, Item, Not, Or, Path, Query, SemiJoin

MOST = 2
UNSUPPORTED = frozenset(
    {
        "activityhistory",
        "attachment",
        "event",
        "eventattendee",
        "note",
        "openactivity",
        "tag",
        "task",
    }
)
"""Objects that no inner select may be on (the reference's list)."""


def check(query: Query, where: Condition) -> None:
    """The rules that the conditions' shape can break: number, nesting, OR.

    Raises ApiError MALFORMED_QUERY.
    """
    found: list[SemiJoin] = []
    _collect(query, where, found, top=True)
    if len(found) > MOST:
        raise malformed(query.text, found[MOST].left.at, f"Maximum {MOST} semi join sub-selects are allowed.")
    for test in found:
        if test.query.where is not None and _holds(test.query.where):
            raise malformed(query.text, test.left.at, "Nesting of semi join sub-selects is not supported")


def _collect(query: Query, part: Condition, found: list[SemiJoin], *, top: bool) -> None:
    if isinstance(part, SemiJoin):
        found.append(part)
    elif isinstance(part, And):
        for inner in part.parts:
            _collect(query, inner, found, top=False)
    elif isinstance(part, Or | Not) and _holds(part):
        message = "Semi join sub-selects are not allowed with the 'OR' operator"
        if not top or isinstance(part, Not):
            message = (
                "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested "
                "WHERE expressions."
            )
        raise malformed(query.text, _first(part).left.at, message)


def _holds(part: Condition) -> bool:
    return bool(_semi_joins(part))


def _first(part: Condition) -> SemiJoin:
    return _semi_joins(part)[0]


def _semi_joins(part: Condition) -> list[SemiJoin]:
    if isinstance(part, SemiJoin):
        return [part]
    if isinstance(part, Not):
        return _semi_joins(part.part)
    if isinstance(part, And | Or):
        return [found for inner in part.parts for found in _semi_joins(inner)]
    return []


def selected(query: Query, test: SemiJoin, outer: ObjectType, inner: ObjectType) -> Path:
    """The one field that the inner select names.

    Raises ApiError MALFORMED_QUERY for any other form, and for objects that may not be joined.
    """
    sub = test.query
    if inner.name.lower() in UNSUPPORTED:
        raise malformed(
            query.text, sub.source.at, f"Entity '{inner.name}' is not supported for semi join inner selects"
        )
    if inner.name == outer.name:
        raise malformed(
            query.text,
            test.left.at,
            "The inner and outer selects should not be on the same object type",
        )
    item = sub.items[0]
    if len(sub.items) != 1 or not isinstance(item, Item):
        raise malformed(query.text, test.left.at, "Semi join sub-selects must select exactly one field")
    if not isinstance(item.value, Path):
        raise malformed(query.text, item.value.at, f"unexpected token: '{item.value.name}'")
    if len(item.value.names) - (item.value.names[0].lower() == inner.name.lower()) > 1:
        raise malformed(
            query.text,
            item.value.at,
            "The inner select field cannot have more than one level of relationships",
        )
    return item.value


def check_types(query: Query, test: SemiJoin, left: Field, right: Field, selected: Path) -> None:
    """Both sides must be ids of the same kind of record.

    Raises ApiError MALFORMED_QUERY.
    """
    if right.type not in ("id", "reference"):
        raise malformed(
            query.text,
            selected.at,
            f"Semi join sub-selects can only query id fields, cannot use: '{right.name}'",
        )
    here, there = _targets(left, query.source.text), _targets(right, test.query.source.text)
    if here and there and not here & there:
        raise malformed(
            query.text,
            test.left.at,
            f"The selected field '{right.name}' in the subquery and the left operand field in the where "
            f"expression in the outer query '{left.name}' should point to the same object type",
        )


def _targets(f: Field, own: str) -> set[str]:
    names = {own} if f.type == "id" else set(f.refs)
    return {name.lower() for name in names}
