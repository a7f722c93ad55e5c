"""Directions, policies, blanks and verdicts of the mapping in the words of the pages."""

from __future__ import annotations

from diptych.admin.words import _
from diptych.domain.mapping import Blanks, Direction, Policy
from diptych.domain.mapping_adopt import Verdict
from diptych.domain.mapping_effect import Fate


def directions() -> list[tuple[str, str]]:
    return [
        (Direction.BOTH, _("both ways")),
        (Direction.INBOUND, _("from Salesforce only")),
        (Direction.OUTBOUND, _("to Salesforce only")),
    ]


def policies() -> list[tuple[str, str]]:
    """Without the one for consent."""
    return [
        (Policy.OURS, _("ours wins")),
        (Policy.SALESFORCE, _("Salesforce wins")),
        (Policy.ASK, _("ask")),
        (Policy.MOST_RECENT, _("the later edit wins")),
        (Policy.MOST_COMPLETE, _("the fuller value wins")),
        (Policy.WRITE_ONCE, _("fill blanks only")),
    ]


def consent() -> tuple[str, str]:
    return Policy.MOST_RESTRICTIVE, _("most restrictive wins")


def blanks() -> list[tuple[str, str]]:
    return [
        (Blanks.OVERWRITE, _("blanks overwrite")),
        (Blanks.KEEP_OURS, _("no blank comes in")),
        (Blanks.KEEP_SALESFORCE, _("no blank goes out")),
        (Blanks.KEEP_BOTH, _("no blank either way")),
    ]


def said_value(part: str, value: str) -> str:
    """A value of a mapping's property as the pages call it."""
    words = {
        "direction": dict(directions()),
        "policy": dict([*policies(), consent()]),
        "blanks": dict(blanks()),
    }
    return words.get(part, {}).get(value, value)


def part_names() -> dict[str, str]:
    return {
        "column": _("Column here"),
        "direction": _("Direction"),
        "policy": _("Who wins"),
        "blanks": _("Blanks"),
        "restrictive": _("Allows less"),
        "type": _("Type"),
    }


def what_names() -> dict[str, str]:
    return {"added": _("mapped"), "removed": _("unmapped"), "changed": _("changed")}


def fates() -> dict[str, str]:
    return {
        Fate.SENT: _("sent to Salesforce"),
        Fate.TAKEN: _("taken from Salesforce"),
        Fate.ASKED: _("a person decides"),
        Fate.STAYS: _("both stay as they are"),
    }


def verdicts() -> dict[str, str]:
    return {
        Verdict.MISSING: _("not in this org"),
        Verdict.TYPE: _("another type"),
        Verdict.REFUSED: _("cannot be so here"),
        Verdict.ONLY_HERE: _("only here: stays"),
        Verdict.CHANGED: _("changed"),
        Verdict.ADDED: _("mapped"),
        Verdict.REMOVED: _("unmapped"),
        Verdict.SAME: _("the same"),
    }
