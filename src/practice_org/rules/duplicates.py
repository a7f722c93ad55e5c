"""Duplicate rules: what happens to a record that is like another (spec 5.11).

`block` refuses it; `alert` refuses it unless the call says `allowSave=true` in the header
`Sforce-Duplicate-Rule-Header` (SOAP: DuplicateRuleHeader); `allow` lets it pass. The refusal is
DUPLICATES_DETECTED; on single records REST adds what was found under the key `duplicateResut`, spelt as the
real service spells it (recorded twice).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from practice_org.data import sharing
from practice_org.errors import ApiError
from practice_org.rules import matching, standard
from practice_org.rules.badrule import BadRule
from practice_org.rules.condition import Predicate, checked, compile_condition, known_keys, object_named
from practice_org.rules.matching import MatchingRule
from practice_org.schema.catalogue import ObjectType, Schema

if TYPE_CHECKING:
    from practice_org.data.checks import Writer
    from practice_org.formula.evaluate import Moment

KEYS = (
    "object", "name", "label", "active", "on_create", "on_update", "message", "matching", "when", "sharing",
)  # fmt: skip
ACTIONS = ("block", "alert", "allow")
LEAD_TO_CONTACT = {
    "Company": "Account.Name", "Street": "MailingStreet", "City": "MailingCity", "State": "MailingState",
    "PostalCode": "MailingPostalCode", "Country": "MailingCountry",
}  # fmt: skip
"""Fields of a lead and what they are called on a contact; all others bear the same name."""


@dataclass(frozen=True)
class DuplicateOptions:
    """What a call says of duplicates, and the version in which record addresses are written.

    `ignored`: ids of records that the one being saved may be like, as a lead and what it is converted to.
    """

    allow_save: bool = False
    include_details: bool = False
    as_user: bool = False
    version: str = "67.0"
    ignored: frozenset[str] = frozenset()


UNSAID = DuplicateOptions()
"""No header was sent."""


def parse_header(text: str | None, version: str = "67.0") -> DuplicateOptions:
    """`allowSave=true; includeRecordDetails=true; runAsCurrentUser=true`, in any case and order."""
    said = {
        name.strip().lower(): value.strip().lower() == "true"
        for name, _, value in (part.partition("=") for part in re.split("[;,]", text or ""))
    }
    return DuplicateOptions(
        said.get("allowsave", False),
        said.get("includerecorddetails", False),
        said.get("runascurrentuser", False),
        version,
    )


@dataclass(frozen=True)
class DuplicateRule:
    """One active rule with its matching rules."""

    name: str
    object: str
    on_create: str
    on_update: str
    message: str
    matching: tuple[MatchingRule, ...]
    when: Predicate | None
    enforce_sharing: bool

    def watches(self, obj: ObjectType, changed: frozenset[str]) -> bool:
        """Whether an update touched a field that a matching rule compares."""
        names = {_own_name(obj, rule.object, item.field) for rule in self.matching for item in rule.items}
        return bool(names & changed)


@dataclass(frozen=True)
class Match:
    """The records that one matching rule found."""

    rule: MatchingRule
    records: tuple[Mapping[str, Any], ...] = field(default_factory=tuple)


def check(
    rules: tuple[DuplicateRule, ...],
    writer: Writer,
    obj: ObjectType,
    moment: Moment,
    options: DuplicateOptions,
) -> None:
    """Raise DUPLICATES_DETECTED when a rule objects to the record."""
    for rule in rules:
        action = rule.on_create if moment.before is None else rule.on_update
        if action == "allow" or (action == "alert" and options.allow_save):
            continue
        if moment.before is not None:
            changed = frozenset(n for n, v in moment.row.items() if moment.before.get(n) != v)
            if not rule.watches(obj, changed):
                continue
        if rule.when is not None and not rule.when(moment):
            continue
        found = _found(rule, writer, obj, moment.row, options)
        if found:
            raise _refusal(rule, writer, moment.row, found, options, block=action == "block")


def results(
    rules: tuple[DuplicateRule, ...],
    writer: Writer,
    obj: ObjectType,
    moment: Moment,
    options: DuplicateOptions,
) -> list[dict[str, Any]]:
    """What each rule finds for a record that is not being saved, whatever the rule would do about it."""
    out = []
    for rule in rules:
        if rule.when is None or rule.when(moment):
            found = _found(rule, writer, obj, moment.row, options)
            out.append(_result(rule, writer, moment.row, found, options))
    return out


def _found(
    rule: DuplicateRule, writer: Writer, obj: ObjectType, row: Mapping[str, Any], options: DuplicateOptions
) -> list[Match]:
    out = []
    for matching_rule in rule.matching:
        values = {
            item.field: _value(writer, obj, matching_rule.object, row, item.field)
            for item in matching_rule.items
        }
        target = writer.schema[matching_rule.object]
        rows = matching_rule.matches(writer.connection, writer.schema, values, row.get("Id"))
        rows = [r for r in rows if r["Id"] not in writer.made and r["Id"] not in options.ignored]
        if rule.enforce_sharing or options.as_user:
            seen = sharing.visible(writer.connection, writer.access, target, [r["Id"] for r in rows])
            rows = [r for r in rows if r["Id"] in seen and writer.access.can("Read", target)]
        if rows:
            out.append(Match(matching_rule, tuple(rows)))
    return out


def _own_name(obj: ObjectType, target: str, name: str) -> str:
    """What a field of the matching rule's object is called on the record that is being saved."""
    if name == "Account.Name" and obj.name != "Lead":
        return "AccountId"
    if obj.name == "Lead" and target == "Contact":
        return next((own for own, theirs in LEAD_TO_CONTACT.items() if theirs == name), name)
    if obj.name == "Contact" and target == "Lead":
        return LEAD_TO_CONTACT.get(name, name)
    return name


def _value(writer: Writer, obj: ObjectType, target: str, row: Mapping[str, Any], name: str) -> Any:
    own = _own_name(obj, target, name)
    if own == "AccountId" or own == "Account.Name":
        found = writer.connection.execute(
            'SELECT "Name" FROM "Account" WHERE "Id" = ?', (row.get("AccountId"),)
        ).fetchone()
        return found[0] if found else None
    return row.get(own)


def _refusal(
    rule: DuplicateRule,
    writer: Writer,
    row: Mapping[str, Any],
    found: list[Match],
    options: DuplicateOptions,
    *,
    block: bool,
) -> ApiError:
    result = {**_result(rule, writer, row, found, options), "allowSave": not block}
    return ApiError(400, "DUPLICATES_DETECTED", rule.message, (), extra={"duplicateResut": result})


def _result(
    rule: DuplicateRule, writer: Writer, row: Mapping[str, Any], found: list[Match], options: DuplicateOptions
) -> dict[str, Any]:
    return {
        "allowSave": rule.on_create != "block",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.object,
        "errorMessage": rule.message,
        "matchResults": [_match_result(match, writer, row, options) for match in found],
    }


def _match_result(
    match: Match, writer: Writer, row: Mapping[str, Any], options: DuplicateOptions
) -> dict[str, Any]:
    rule = match.rule
    return {
        "entityType": rule.object,
        "errors": [],
        "matchEngine": rule.engine,
        "matchRecords": [
            {
                "additionalInformation": [],
                "fieldDiffs": _differences(rule, row, record) if options.include_details else [],
                "matchConfidence": 100.0,
                "record": _shown(rule.object, record["Id"], writer, options),
            }
            for record in match.records
        ],
        "rule": rule.name,
        "size": len(match.records),
        "success": True,
    }


def _differences(
    rule: MatchingRule, row: Mapping[str, Any], record: Mapping[str, Any]
) -> list[dict[str, str]]:
    """SAME, DIFFERENT or NULL for each field compared; the words of the API's FieldDiff."""
    out = []
    for item in rule.items:
        ours, theirs = row.get(item.field), record[item.field]
        kind = "SAME" if ours == theirs else "NULL" if None in (ours, theirs) else "DIFFERENT"
        out.append({"difference": kind, "name": item.field})
    return out


def _shown(object_name: str, record_id: str, writer: Writer, options: DuplicateOptions) -> dict[str, Any]:
    url = f"/services/data/v{options.version}/sobjects/{object_name}/{record_id}"
    head = {"attributes": {"type": object_name, "url": url}, "Id": record_id}
    if not options.include_details:
        return head
    from practice_org.data import read

    obj = writer.schema[object_name]
    names = [f.name for f in writer.access.visible_fields(obj)]
    found = read.by_ids(writer.org, writer.access.user_id, obj, [record_id], names, options.version)
    return {**head, **found.get(record_id, {})}


# -- as orders ----------------------------------------------------------------------------------------


def checked_rule(schema: Schema, rule: Any, matching_rules: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The rule as it is stored; `{"name": "Standard_Lead_Duplicate_Rule"}` alone switches that one on.

    `matching_rules` are all there are, by name. Raises BadRule.
    """
    known_keys(rule, KEYS, "a duplicate rule")
    base = next((one for one in standard.DUPLICATE if one["name"] == rule.get("name")), None)
    rule = {**(base or {}), "active": True, **rule}
    obj = object_named(schema, rule.get("object"))
    name = str(rule.get("name") or "")
    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise BadRule("a duplicate rule needs a name of letters, digits and underscores")
    for moment in ("on_create", "on_update"):
        if rule.get(moment, "alert") not in ACTIONS:
            raise BadRule(f"{moment} must be one of {', '.join(ACTIONS)}, not {rule[moment]!r}")
    if rule.get("sharing", "enforce") not in ("enforce", "bypass"):
        raise BadRule("sharing must be enforce or bypass")
    when = rule.get("when")
    return {
        "object": obj.name,
        "name": name,
        "label": str(rule.get("label") or name.replace("_", " ")),
        "active": bool(rule["active"]),
        "on_create": rule.get("on_create", "alert"),
        "on_update": rule.get("on_update", "alert"),
        "message": str(rule.get("message") or standard.MESSAGE),
        "matching": [_checked_matching(one, matching_rules) for one in _matchings(rule)],
        "when": None if when is None else checked(schema, obj, when),
        "sharing": rule.get("sharing", "enforce"),
    }


def _matchings(rule: Mapping[str, Any]) -> list[Any]:
    given = rule.get("matching")
    if not isinstance(given, list) or not 1 <= len(given) <= 3:
        raise BadRule("a duplicate rule has 1 to 3 matching rules")
    return given


def _checked_matching(one: Any, rules: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    name = one.get("rule") if isinstance(one, dict) else one
    found = rules.get(str(name))
    if found is None:
        raise BadRule(f"no matching rule {name!r}; there are {', '.join(sorted(rules))}")
    return {"rule": found["name"], "object": found["object"]}


def compiled_rules(
    schema: Schema, obj: ObjectType, rules: list[dict[str, Any]], matching_rules: list[dict[str, Any]]
) -> tuple[DuplicateRule, ...]:
    """The active rules of an object, with those of their matching rules that are active."""
    known = {rule["name"]: rule for rule in (*standard.MATCHING, *matching_rules)}
    out = []
    for rule in rules:
        if not rule["active"] or rule["object"] != obj.name:
            continue
        chosen = [known[one["rule"]] for one in rule["matching"] if one["rule"] in known]
        usable = tuple(matching.compiled(one) for one in chosen if one["active"] and _fits(schema, one))
        try:
            when = None if rule["when"] is None else compile_condition(schema, obj, rule["when"])
        except BadRule:
            continue
        if usable:
            out.append(
                DuplicateRule(
                    rule["name"], obj.name, rule["on_create"], rule["on_update"], rule["message"], usable, when,
                    rule["sharing"] == "enforce",
                )
            )  # fmt: skip
    return tuple(out)


def _fits(schema: Schema, rule: Mapping[str, Any]) -> bool:
    """Whether the fields of a matching rule are still there."""
    obj = schema.get(rule["object"])
    names = [item["field"] for item in rule["items"] if item["field"] != "Account.Name"]
    return obj is not None and all(obj.get(name) for name in names)
