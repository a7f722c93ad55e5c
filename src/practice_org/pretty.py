"""Salesforce's two ways of writing JSON: compact, and the spaced form that `X-PrettyPrint: 1` asks for."""

from __future__ import annotations

import json
from typing import Any


def compact(value: Any) -> bytes:
    """No spaces, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def pretty(value: Any) -> bytes:
    """Two spaces a level, ` : ` after keys, arrays opened on the line they start on."""
    return _spaced(value, "").encode("utf-8", "replace")


def _spaced(value: Any, indent: str) -> str:
    if isinstance(value, dict):
        if not value:
            return "{ }"
        inner = indent + "  "
        rows = (f"{inner}{_scalar(key)} : {_spaced(item, inner)}" for key, item in value.items())
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    if isinstance(value, list):
        if not value:
            return "[ ]"
        return "[ " + ", ".join(_spaced(item, indent) for item in value) + " ]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
