"""The refusal of a rule."""

from __future__ import annotations


class BadRule(ValueError):
    """The rule cannot be understood; the message says why."""
