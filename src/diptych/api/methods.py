"""The methods that an address takes."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from starlette.routing import BaseRoute, Match

Scope = MutableMapping[str, Any]


def allowed(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """The methods of an address, in order; none: there is no such address."""
    found: set[str] = set()
    for route in routes:
        if route.matches(scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    if "GET" in found:
        found.add("HEAD")
    return sorted({*found, "OPTIONS"}) if found else []
