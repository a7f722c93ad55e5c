"""The table of operations in docs/api.md. `python -m tests.api.operations_table` writes it anew."""

from __future__ import annotations

from pathlib import Path

from fastapi.routing import APIRoute

from diptych.api.app import nouns
from diptych.domain.roles import Scope

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
_HEAD = "| noun | read | operate | admin |\n| --- | --- | --- | --- |\n"


def table() -> str:
    """One line a noun: its operations, by the scope that they take."""
    return _HEAD + "".join(f"| {tag} | {' | '.join(cells)} |\n" for tag, cells in _rows())


def in_page(page: str) -> str:
    """The table that the page has."""
    begin = page.index(_HEAD)
    return page[begin : page.index("\n\n", begin) + 1]


def _rows() -> list[tuple[str, list[str]]]:
    found = []
    for noun in nouns():
        by_scope: dict[str, list[str]] = {scope.value: [] for scope in Scope}
        for route in noun.routes:
            assert isinstance(route, APIRoute)
            (scope,) = route.dependencies[0].scopes  # type: ignore[attr-defined]
            (method,) = route.methods
            by_scope[scope].append(f"`{method} {route.path}`")
        found.append((str(noun.tags[0]), [", ".join(by_scope[scope.value]) for scope in Scope]))
    return found


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text.replace(in_page(text), table()))
