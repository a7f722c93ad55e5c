"""Storing matching and duplicate rules: settings for the org, rows for those who query, indexes for speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from practice_org.data.tables import quoted
from practice_org.rules import standard
from practice_org.rules.matching import compiled
from practice_org.rules.rows import mirror
from practice_org.rules.settings import DUPLICATE, MATCHING

if TYPE_CHECKING:
    from practice_org.org import Org

_INDEXED = ("Exact", "LastName", "City")


def furnish(org: Org) -> None:
    """Show the standard rules of an org that has none yet: matching rules active, duplicate rules not."""
    if org.reader().execute('SELECT 1 FROM "MatchingRule" LIMIT 1').fetchone() is None:
        store_matching(org, [])
        store_duplicate(org, [])


def store_matching(org: Org, rules: list[dict[str, Any]]) -> None:
    """Replace the org's own matching rules; the standard ones stay."""
    everything = [*standard.MATCHING, *(r for r in rules if r["name"] not in _names(standard.MATCHING))]
    with org.transaction():
        wanted = [
            {
                "SobjectType": rule["object"],
                "DeveloperName": rule["name"],
                "MasterLabel": rule["label"],
                "Language": "en_US",
                "MatchEngine": compiled(rule).engine,
                "BooleanFilter": rule["logic"],
                "RuleStatus": "Active" if rule["active"] else "Inactive",
                "SobjectSubtype": "None",
            }
            for rule in everything
        ]
        made = mirror(org, "MatchingRule", wanted, ("DeveloperName",))
        items = [
            {
                "MatchingRuleId": rule_id,
                "SortOrder": number,
                "Field": "Account" if item["field"] == "Account.Name" else item["field"],
                "MatchingMethod": item["method"],
                "BlankValueBehavior": "MatchBlanks" if item["blank"] == "match" else "NullNotAllowed",
            }
            for rule_id, rule in zip(made, everything, strict=True)
            for number, item in enumerate(rule["items"], 1)
        ]
        mirror(org, "MatchingRuleItem", items, ("MatchingRuleId", "SortOrder"))
        for rule in rules:
            _index(org, rule)
        org.set_setting(MATCHING, rules)


def store_duplicate(org: Org, rules: list[dict[str, Any]]) -> None:
    """Replace the duplicate rules; standard ones that are not named are there, inactive."""
    everything = [*rules, *(rule for rule in standard.DUPLICATE if rule["name"] not in _names(rules))]
    with org.transaction():
        mirror(
            org,
            "DuplicateRule",
            [
                {
                    "SobjectType": rule["object"],
                    "DeveloperName": rule["name"],
                    "MasterLabel": rule["label"],
                    "Language": "en_US",
                    "IsActive": int(rule["active"]),
                    "SobjectSubtype": "None",
                }
                for rule in everything
            ],
            ("DeveloperName",),
        )
        used = {one["rule"] for rule in rules for one in rule["matching"]}
        for rule in standard.MATCHING:
            if rule["name"] in used:
                _index(org, rule)
        org.set_setting(DUPLICATE, rules)


def _names(rules: Any) -> set[str]:
    return {rule["name"] for rule in rules}


def _index(org: Org, rule: dict[str, Any]) -> None:
    """Indexes on what candidates are looked for by; made when a rule wants them, so that others cost nothing."""
    with org.transaction() as tx:
        for item in rule["items"]:
            if item["method"] in _INDEXED and item["field"] != "Account.Name":
                name = f"_ix_match_{rule['object']}_{item['field']}"
                tx.connection.execute(
                    f"CREATE INDEX IF NOT EXISTS {quoted(name)} ON {quoted(rule['object'])}({quoted(item['field'])})"
                )
