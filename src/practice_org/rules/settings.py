"""The settings of the org in which its rules are kept."""

from __future__ import annotations

VALIDATION = "validation_rules"
DUPLICATE = "duplicate_rules"
MATCHING = "matching_rules"
ASSIGNMENT = "assignment_rules"
AUTOMATION = "automation"
RULE_SETTINGS = frozenset({VALIDATION, DUPLICATE, MATCHING, ASSIGNMENT, AUTOMATION})
