"""ValidationRule components: the rules that `practice_org.rules` asks before a record is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such, required
from practice_org.metadata.store import Stored
from practice_org.rules.badrule import BadRule
from practice_org.rules.settings import VALIDATION
from practice_org.rules.validation import checked_rule
from practice_org.schema import custom

if TYPE_CHECKING:
    from practice_org.org import Org


class ValidationRuleKind(Kind):
    """Full names are `Object.Rule_Name`. Rules made through the control plane with tests are not shown."""

    name = "ValidationRule"
    directory = "objects"
    suffix = "object"
    part_of = "CustomObject"
    element = "validationRules"

    def names(self, org: Org) -> list[str]:
        return [f"{rule['object']}.{rule['name']}" for rule in _rules(org) if isinstance(rule["when"], str)]

    def read(self, org: Org, full_name: str) -> Value | None:
        rule = _find(org, full_name)
        if rule is None:
            return None
        name = f"{rule['object']}.{rule['name']}"
        row = store.find(org, self.name, name)
        out: Value = {"fullName": name, "active": rule["active"]}
        if row is not None and row.definition.get("description"):
            out["description"] = row.definition["description"]
        out["errorConditionFormula"] = rule["when"]
        if rule["field"]:
            out["errorDisplayField"] = rule["field"]
        out["errorMessage"] = rule["message"]
        return out

    def create(self, work: Work, full_name: str, value: Value) -> None:
        owner, _, name = full_name.partition(".")
        if work.org.schema.get(owner) is None or not name:
            raise ApiError(
                400,
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"Entity Enumeration Or ID: bad value for restricted picklist field: {owner}",
                ("EntityDefinitionId",),
            )
        custom.check_name(name)
        if _find(work.org, full_name) is not None:
            raise ApiError(
                400,
                "DUPLICATE_DEVELOPER_NAME",
                f"There is already a validation rule named {name} on {owner}.",
                ("ValidationName",),
            )
        rule = _checked(work.org, owner, name, value)
        _put(work, rule, [*_rules(work.org), rule], value)

    def update(self, work: Work, full_name: str, value: Value) -> None:
        before = _find(work.org, full_name)
        if before is None:
            raise no_such(self.name, full_name)
        rule = _checked(work.org, before["object"], before["name"], value)
        _put(work, rule, [rule if one is before else one for one in _rules(work.org)], value)

    def delete(self, work: Work, full_name: str) -> None:
        gone = _find(work.org, full_name)
        if gone is None:
            raise no_such(self.name, full_name)
        with work.org.transaction():
            work.org.set_setting(VALIDATION, [one for one in _rules(work.org) if one is not gone])
            store.drop(work.org, self.name, f"{gone['object']}.{gone['name']}")

    def stored(self, org: Org, full_name: str) -> Stored:
        return store.known(org, self.name, full_name)

    def file_name(self, full_name: str) -> str:
        return f"objects/{full_name.partition('.')[0]}.object"


def _rules(org: Org) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = org.setting(VALIDATION) or []
    return found


def _find(org: Org, full_name: str) -> dict[str, Any] | None:
    wanted = full_name.lower()
    return next(
        (
            rule
            for rule in _rules(org)
            if isinstance(rule["when"], str) and f"{rule['object']}.{rule['name']}".lower() == wanted
        ),
        None,
    )


def _checked(org: Org, owner: str, name: str, value: Value) -> dict[str, Any]:
    """The rule as the rulebook stores it. Raises ApiError for what is wrong with it."""
    required(value, "errorConditionFormula", "ValidationRule")
    required(value, "errorMessage", "ValidationRule")
    try:
        return checked_rule(
            org.schema,
            {
                "object": owner,
                "name": name,
                "message": str(value["errorMessage"]),
                "field": value.get("errorDisplayField"),
                "when": str(value["errorConditionFormula"]),
                "active": bool(value.get("active")),
            },
        )
    except BadRule as error:
        raise integrity(str(error), "errorConditionFormula") from error


def _put(work: Work, rule: dict[str, Any], rules: list[dict[str, Any]], value: Value) -> None:
    with work.org.transaction():
        work.org.set_setting(VALIDATION, rules)
        # The formula is kept here too, so that the field it names knows its users.
        kept = {k: value[k] for k in ("description", "errorConditionFormula") if value.get(k)}
        store.put(work.org, work.user_id, "ValidationRule", f"{rule['object']}.{rule['name']}", kept)
