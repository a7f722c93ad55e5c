"""When a rule applies: a formula, or simple tests of fields, made into a function of a record.

A condition is written as a formula (`"AND(ISBLANK(Phone), ISPICKVAL(Rating, 'Hot'))"`), or as a test
`{"field": "Phone", "is": "blank" | "not_blank" | "equals" | "not_equals" | "longer_than" | "contains" |
"starts_with" | "greater_than" | "less_than" | "changed", "value": ...}`, or as a list of tests, all of
which must hold. Simple tests compare text without case, as criteria in Setup do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from practice_org.formula.checker import Setting, check
from practice_org.formula.evaluate import Moment, compiled
from practice_org.formula.refusal import FormulaError
from practice_org.rules.badrule import BadRule
from practice_org.schema.catalogue import Field, ObjectType, Schema

TESTS = (
    "blank", "not_blank", "equals", "not_equals", "longer_than", "contains", "starts_with", "greater_than",
    "less_than", "changed",
)  # fmt: skip
Predicate = Callable[[Moment], bool]


def checked(schema: Schema, obj: ObjectType, condition: Any) -> Any:
    """The condition as it is stored. Raises BadRule saying what is wrong with it."""
    compile_condition(schema, obj, condition)
    return condition if isinstance(condition, str | list) else [condition]


def compile_condition(schema: Schema, obj: ObjectType, condition: Any) -> Predicate:
    """The function that tells whether the condition holds. Raises BadRule."""
    if isinstance(condition, str):
        try:
            tree = check(condition, Setting(schema, obj, on_save=True), result="Boolean")
        except FormulaError as error:
            raise BadRule(f"Error: {error}") from error
        formula = compiled(tree)
        return lambda m: bool(formula(m))
    tests = [_test(obj, one) for one in (condition if isinstance(condition, list) else [condition])]
    if len(tests) == 1:
        return tests[0]
    return lambda m: all(test(m) for test in tests)


def _test(obj: ObjectType, condition: Any) -> Predicate:
    if not isinstance(condition, dict) or condition.get("is") not in TESTS:
        raise BadRule(f"'when' needs a formula, or field and is, one of {', '.join(TESTS)}")
    f = obj.get(str(condition.get("field", "")))
    if f is None or not f.stored:
        raise BadRule(f"no field {condition.get('field')!r} on {obj.name}")
    name, wanted = f.name, condition.get("value")
    if condition["is"] == "changed":
        return lambda m: m.before is not None and m.before.get(name) != m.row.get(name)
    test = _tester(f, str(condition["is"]), wanted)
    return lambda m: test(m.row.get(name))


def _tester(f: Field, kind: str, wanted: Any) -> Callable[[Any], bool]:
    if kind == "blank":
        return lambda value: value in (None, "")
    if kind == "not_blank":
        return lambda value: value not in (None, "")
    if kind == "longer_than":
        length = int(wanted or 0)
        return lambda value: value is not None and len(str(value)) > length
    if kind in ("greater_than", "less_than"):
        return _ordered(f, wanted, above=kind == "greater_than")
    if kind in ("contains", "starts_with"):
        part = str(wanted or "").casefold()
        if kind == "contains":
            return lambda value: part in str(value or "").casefold()
        return lambda value: str(value or "").casefold().startswith(part)
    if kind == "equals":
        return lambda value: _equal(value, wanted)
    return lambda value: not _equal(value, wanted)


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return str("" if value is None else value).casefold() == wanted.casefold()
    return bool(value == wanted)


def _ordered(f: Field, wanted: Any, *, above: bool) -> Callable[[Any], bool]:
    numeric = f.type in ("double", "currency", "percent", "int")
    if numeric and (isinstance(wanted, bool) or not isinstance(wanted, int | float)):
        raise BadRule(f"{f.name} is compared with a number, not {wanted!r}")
    limit = wanted if numeric else str(wanted)

    def test(value: Any) -> bool:
        if value is None:
            return False
        return bool(value > limit if above else value < limit)

    return test


def field_named(obj: ObjectType, name: Any) -> Field:
    """The field of a rule. Raises BadRule."""
    found = obj.get(str(name))
    if found is None:
        raise BadRule(f"no field {name!r} on {obj.name}")
    return found


def object_named(schema: Schema, name: Any) -> ObjectType:
    """The object of a rule. Raises BadRule."""
    found = schema.get(str(name or ""))
    if found is None:
        raise BadRule(f"no object {name!r}")
    return found


def known_keys(rule: Any, known: tuple[str, ...], what: str) -> Mapping[str, Any]:
    """The rule, when it has no other keys. Raises BadRule."""
    if not isinstance(rule, dict):
        raise BadRule(f"{what} must be an object, not {rule!r}")
    unknown = sorted(set(rule) - set(known))
    if unknown:
        raise BadRule(f"unknown field {unknown[0]!r}; {what} has {', '.join(known)}")
    return rule
