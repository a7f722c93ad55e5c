"""Types of a formula's parts, and the refusals that Setup gives when a formula is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from practice_org.formula.checked import Apply, Checked, Column, Constant, Global, Step, type_of
from practice_org.formula.functions import FUNCTIONS, HIDDEN, Function
from practice_org.formula.parser import parse
from practice_org.formula.refusal import FormulaError
from practice_org.formula.tree import Call, Literal, Name, Node
from practice_org.schema.catalogue import Field, ObjectType, Schema

GLOBALS = {"$user": "User", "$profile": "Profile", "$userrole": "UserRole", "$organization": "Organization"}
"""The objects behind the globals that are known."""
CHANGE_FORMS = frozenset({"ISNEW", "ISCHANGED", "PRIORVALUE", "ISCLONE"})
"""What only makes sense while a record is being saved."""
COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
MOST_STEPS = 10
DEEPEST = 10


@dataclass(frozen=True)
class Setting:
    """`on_save`: the formula runs while a record is saved, so that it knows what was before."""

    schema: Schema
    obj: ObjectType
    on_save: bool = False
    depth: int = 0
    """How many formulas this one is read by: a formula may rest on others, not on itself."""


def check(text: str, setting: Setting, *, result: str | None = None) -> Checked:
    """The checked tree of a formula; `result` is the type that it must have. Raises FormulaError."""
    checked = _Checker(setting).node(parse(text))
    if result is not None and checked.type not in (result, "Null"):
        wanted = "true or false" if result == "Boolean" else result
        raise FormulaError(
            f"Formula result is data type ({checked.type}), incompatible with expected data type ({wanted})."
        )
    return checked


class _Checker:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def node(self, node: Node) -> Checked:
        if isinstance(node, Literal):
            return _constant(node)
        if isinstance(node, Name):
            return self._name(node)
        if node.name in COMPARISONS:
            return self._comparison(node)
        form = _FORMS.get(node.name)
        if form is not None:
            return form(self, node)
        return self._function(node)

    # -- names ----------------------------------------------------------------------------------

    def _name(self, name: Name) -> Checked:
        if name.parts[0].startswith("$"):
            return self._global(name)
        obj = self._setting.obj
        steps: list[Step] = []
        for part in name.parts[:-1]:
            relation, _, wanted = part.partition(":")
            reference = obj.field_by_relationship(relation)
            targets = [t for t in map(self._setting.schema.get, reference.refs if reference else ()) if t]
            if wanted:
                targets = [t for t in targets if t.name.lower() == wanted.lower()]
            if reference is None or len(targets) != 1 or len(steps) == MOST_STEPS:
                raise FormulaError(f"Field {name.text} does not exist. Check spelling.")
            steps.append(Step(obj, reference, targets[0]))
            obj = targets[0]
        found = obj.get(name.parts[-1])
        if found is None or found.type == "address":
            raise FormulaError(f"Field {name.text} does not exist. Check spelling.")
        return Column(tuple(steps), obj, found, type_of(found), self._inner(obj, found))

    def _inner(self, obj: ObjectType, found: Field) -> Checked | None:
        if found.formula is None:
            return None
        if self._setting.depth == DEEPEST:
            raise FormulaError("The formula references itself, directly or through other formulas")
        return check(found.formula, Setting(self._setting.schema, obj, False, self._setting.depth + 1))

    def _global(self, name: Name) -> Checked:
        object_name = GLOBALS.get(name.parts[0].lower())
        found = self._setting.schema[object_name].get(name.parts[-1]) if object_name else None
        if found is None or len(name.parts) != 2 or not self._setting.on_save:
            raise FormulaError(f"Field {name.text} does not exist. Check spelling.")
        return Global(str(object_name), found, type_of(found))

    # -- functions ------------------------------------------------------------------------------

    def args(self, call: Call, least: int, most: int | None = None) -> tuple[Checked, ...]:
        """The checked arguments of a call that takes `least` to `most` of them."""
        most = least if most is None else most
        if not least <= len(call.args) <= most:
            raise FormulaError(
                f"Incorrect number of parameters for function '{call.name}()'. Expected "
                f"{least if len(call.args) < least else most}, received {len(call.args)}"
            )
        return tuple(self.node(arg) for arg in call.args)

    def _function(self, call: Call) -> Checked:
        function = FUNCTIONS.get(call.name)
        operator = not call.name[0].isalpha()
        if function is None or (call.name in HIDDEN and not operator):
            raise FormulaError(f"Unknown function {call.name}. Check spelling.")
        if call.name in ("+", "-"):
            return self._sum(call)
        least = sum(not t.endswith(("?", "*")) for t in function.takes)
        most = 99 if function.takes and function.takes[-1].endswith("*") else len(function.takes)
        args = self.args(call, least, most)
        for place, arg in enumerate(args):
            _require(call.name, function.takes[min(place, len(function.takes) - 1)].rstrip("?*"), arg)
        return Apply(call.name, args, _result(function, args))

    def _sum(self, call: Call) -> Checked:
        """`+` and `-` of numbers, of a date and days, of two dates; `+` of texts."""
        if len(call.args) == 1:
            inner = self.node(call.args[0])
            _require(call.name, "Number", inner)
            return Apply("NEGATE", (inner,), "Number")
        left, right = (self.node(arg) for arg in call.args)
        moments = ("Date", "Date/Time")
        if call.name == "+" and left.type in ("Text", "Null") and right.type in ("Text", "Null"):
            return Apply("&", (left, right), "Text")
        if left.type in moments and right.type in ("Number", "Null"):
            days = Apply("NEGATE", (right,), "Number") if call.name == "-" else right
            return Apply("MOVED", (left, days), left.type)
        if call.name == "+" and right.type in moments and left.type in ("Number", "Null"):
            return Apply("MOVED", (right, left), right.type)
        if call.name == "-" and left.type in moments and right.type == left.type:
            return Apply("DAYS", (left, right), "Number")
        for side in (left, right):
            _require(call.name, "Number|Date|Date/Time", side)
        for side in (left, right):
            _require(call.name, "Number", side)
        return Apply(call.name, (left, right), "Number")

    def _comparison(self, call: Call) -> Checked:
        left, right = (self.node(arg) for arg in call.args)
        for side in (left, right):
            _plain(side)
        if "Null" not in (left.type, right.type):
            if left.type != right.type:
                raise _mistyped(call.name, left.type, right.type)
            if left.type == "Boolean" and call.name not in ("=", "!="):
                raise _mistyped(call.name, "Number, Text, Date, DateTime", "Boolean")
        return Apply(call.name, (left, right), "Boolean")

    # -- forms ----------------------------------------------------------------------------------

    def junction(self, call: Call) -> Checked:
        args = self.args(call, 1, 99)
        for arg in args:
            _require(call.name, "Boolean", arg)
        return Apply(call.name, args, "Boolean")

    def negation(self, call: Call) -> Checked:
        args = self.args(call, 1)
        _require("NOT", "Boolean", args[0])
        return Apply("NOT", args, "Boolean")

    def choice(self, call: Call) -> Checked:
        test, yes, no = self.args(call, 3)
        _require("IF", "Boolean", test)
        return Apply("IF", (test, yes, no), _common("IF", (yes, no)))

    def case(self, call: Call) -> Checked:
        if len(call.args) < 4 or len(call.args) % 2:
            raise FormulaError(
                f"Incorrect number of parameters for function 'CASE()'. Expected {len(call.args) + 1}, "
                f"received {len(call.args)}"
            )
        args = self.args(call, 4, 999)
        subject = "Text" if args[0].type == "Picklist" else args[0].type
        for value in args[1:-1:2]:
            _require("CASE", subject, value)
        return Apply("CASE", args, _common("CASE", (*args[2:-1:2], args[-1])))

    def blank(self, call: Call) -> Checked:
        return Apply("ISBLANK", self.args(call, 1), "Boolean")

    def blank_value(self, call: Call) -> Checked:
        args = self.args(call, 2)
        return Apply("BLANKVALUE", args, _common(call.name, args))

    def moment(self, call: Call) -> Checked:
        self.args(call, 0)
        return Apply(call.name, (), "Date" if call.name == "TODAY" else "Date/Time")

    def change(self, call: Call) -> Checked:
        if not self._setting.on_save:
            raise FormulaError(f"Function {call.name} may not be used in this type of formula")
        if call.name in ("ISNEW", "ISCLONE"):
            self.args(call, 0)
            return Apply(call.name, (), "Boolean")
        args = self.args(call, 1)
        if not isinstance(args[0], Column) or args[0].steps:
            raise FormulaError(f"The parameter of function {call.name} must be a field of the record")
        return Apply(call.name, args, "Boolean" if call.name == "ISCHANGED" else args[0].type)


_FORMS: dict[str, Callable[[_Checker, Call], Checked]] = {
    "AND": _Checker.junction,
    "OR": _Checker.junction,
    "NOT": _Checker.negation,
    "IF": _Checker.choice,
    "CASE": _Checker.case,
    "ISBLANK": _Checker.blank,
    "ISNULL": _Checker.blank,
    "BLANKVALUE": _Checker.blank_value,
    "NULLVALUE": _Checker.blank_value,
    "TODAY": _Checker.moment,
    "NOW": _Checker.moment,
    **dict.fromkeys(sorted(CHANGE_FORMS), _Checker.change),
}


def _constant(literal: Literal) -> Constant:
    value = literal.value
    if value is None:
        return Constant(None, "Null")
    if isinstance(value, bool):
        return Constant(value, "Boolean")
    return Constant(value, "Text" if isinstance(value, str) else "Number")


def _require(name: str, wanted: str, arg: Checked) -> None:
    """Refuse an argument of another type; NULL fits everywhere."""
    kinds = wanted.split("|")
    if arg.type == "Null" or arg.type in kinds:
        return
    if arg.type in ("Picklist", "Multipicklist"):
        _plain(arg)
    raise _mistyped(name, ", ".join(kinds), arg.type)


def _plain(arg: Checked) -> None:
    if arg.type in ("Picklist", "Multipicklist"):
        field = arg.field.name if isinstance(arg, Column | Global) else "the parameter"
        kind = "picklist" if arg.type == "Picklist" else "multi-select picklist"
        raise FormulaError(
            f"Field {field} is a {kind} field. {kind.capitalize()} fields are only supported in certain functions."
        )


def _mistyped(name: str, wanted: str, received: str) -> FormulaError:
    what = f"function '{name}()'" if name[0].isalpha() else f"operator '{name}'"
    return FormulaError(f"Incorrect parameter type for {what}. Expected {wanted}, received {received}")


def _common(name: str, args: tuple[Checked, ...]) -> str:
    kinds = ["Text" if arg.type == "Picklist" else arg.type for arg in args if arg.type != "Null"]
    if not kinds:
        return "Null"
    for kind in kinds[1:]:
        if kind != kinds[0]:
            raise _mistyped(name, kinds[0], kind)
    return kinds[0]


def _result(function: Function, args: tuple[Checked, ...]) -> str:
    return args[0].type if function.gives == "first" else function.gives
