"""A checked formula as a function of a record that is being saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from practice_org.formula.checked import Apply, Checked, Column, Constant, Global, Step
from practice_org.formula.functions import FUNCTIONS, Value, call
from practice_org.schema.catalogue import Field

Row = Mapping[str, Any]
Compiled = Callable[["Moment"], Value]
Fetch = Callable[[str, str], "Row | None"]
"""The row of an object by its id, or None."""


@dataclass(frozen=True)
class Moment:
    """What a formula is asked about: the row to be stored, the row before (None when it is new), who
    saves it and when. `now` and `today` are stored forms; `globals` has a row for each `$User` and so on."""

    row: Row
    before: Row | None
    now: str
    today: str
    fetch: Fetch
    globals: Mapping[str, Row] = field(default_factory=dict)


def compiled(node: Checked) -> Compiled:
    """The function that computes a checked formula."""
    if isinstance(node, Constant):
        value = node.value
        return lambda _: value
    if isinstance(node, Column):
        return _column(node)
    if isinstance(node, Global):
        group, f = node.group, node.field
        return lambda m: _read(m.globals.get(group, {}), f)
    special = _FORMS.get(node.function)
    if special is not None:
        return special(node)
    function = FUNCTIONS[node.function]
    parts = tuple(compiled(arg) for arg in node.args)
    return lambda m: call(function, tuple(part(m) for part in parts))


def _read(row: Row, f: Field) -> Value:
    value = row.get(f.name)
    if f.type == "boolean":
        return bool(value)
    if f.type == "percent" and value is not None:
        return value / 100
    return value


def _column(node: Column) -> Compiled:
    f, steps = node.field, node.steps
    inner = compiled(node.inner) if node.inner is not None else None
    if not steps and inner is None:
        return lambda m: _read(m.row, f)

    def elsewhere(m: Moment) -> Value:
        row = _parent(m, steps)
        if row is None:
            return None
        return _read(row, f) if inner is None else _shown(inner(replace(m, row=row)), f)

    return elsewhere


def _shown(value: Value, f: Field) -> Value:
    """A formula field's value as its field shows it."""
    if f.type in ("double", "currency", "percent") and value is not None:
        return round(value, f.scale + (2 if f.type == "percent" else 0))
    return value


def _parent(m: Moment, steps: tuple[Step, ...]) -> Row | None:
    row: Row | None = m.row
    for step in steps:
        parent_id = row.get(step.reference.name) if row is not None else None
        row = m.fetch(step.target.name, parent_id) if parent_id else None
    return row


# -- forms ------------------------------------------------------------------------------------------


def _all(node: Apply) -> Compiled:
    parts = tuple(compiled(arg) for arg in node.args)
    return lambda m: all(part(m) for part in parts)


def _any(node: Apply) -> Compiled:
    parts = tuple(compiled(arg) for arg in node.args)
    return lambda m: any(part(m) for part in parts)


def _not(node: Apply) -> Compiled:
    part = compiled(node.args[0])
    return lambda m: not part(m)


def _if(node: Apply) -> Compiled:
    test, yes, no = (compiled(arg) for arg in node.args)
    return lambda m: yes(m) if test(m) else no(m)


def _case(node: Apply) -> Compiled:
    subject, *rest = (compiled(arg) for arg in node.args)
    pairs, otherwise = list(zip(rest[:-1:2], rest[1:-1:2], strict=True)), rest[-1]

    def case(m: Moment) -> Value:
        value = subject(m)
        for wanted, result in pairs:
            if same(value, wanted(m)):
                return result(m)
        return otherwise(m)

    return case


def _blank(node: Apply) -> Compiled:
    part = compiled(node.args[0])
    return lambda m: part(m) in (None, "")


def _blank_value(node: Apply) -> Compiled:
    part, other = (compiled(arg) for arg in node.args)

    def value(m: Moment) -> Value:
        found = part(m)
        return other(m) if found in (None, "") else found

    return value


def same(left: Value, right: Value) -> bool:
    """Equality as formulas mean it: case counts, and a blank text is an empty one."""
    return (None if left == "" else left) == (None if right == "" else right)


_ORDER: dict[str, Callable[[Value, Value], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


def _equality(node: Apply) -> Compiled:
    left, right = (compiled(arg) for arg in node.args)
    wanted = node.function == "="
    return lambda m: same(left(m), right(m)) is wanted


def _ordered(node: Apply) -> Compiled:
    left, right = (compiled(arg) for arg in node.args)
    test = _ORDER[node.function]

    def compare(m: Moment) -> bool:
        a, b = left(m), right(m)
        return a is not None and b is not None and test(a, b)

    return compare


def _is_changed(node: Apply) -> Compiled:
    column = node.args[0]
    assert isinstance(column, Column)
    name = column.field.name
    return lambda m: m.before is not None and m.before.get(name) != m.row.get(name)


def _prior(node: Apply) -> Compiled:
    column = node.args[0]
    assert isinstance(column, Column)
    f = column.field
    return lambda m: _read(m.row if m.before is None else m.before, f)


_FORMS: dict[str, Callable[[Apply], Compiled]] = {
    "AND": _all,
    "OR": _any,
    "NOT": _not,
    "IF": _if,
    "CASE": _case,
    "ISBLANK": _blank,
    "BLANKVALUE": _blank_value,
    "=": _equality,
    "!=": _equality,
    **dict.fromkeys(_ORDER, _ordered),
    "TODAY": lambda _: lambda m: m.today,
    "NOW": lambda _: lambda m: m.now,
    "ISNEW": lambda _: lambda m: m.before is None,
    "ISCLONE": lambda _: lambda m: False,
    "ISCHANGED": _is_changed,
    "PRIORVALUE": _prior,
}
