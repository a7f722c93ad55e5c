"""Which handler answers a path below `/services/data/v{version}`.

Paths are matched segment by segment on their raw (still percent-encoded) form, so that an external id
with an encoded slash stays one segment. A trailing slash means nothing; a double slash matches nothing
(the real service answers 404 to it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote

Handler = Callable[..., Any]


class RouteLike(Protocol):
    """The shape of one row of `api.routes.ROUTES`."""

    @property
    def methods(self) -> tuple[str, ...]: ...
    @property
    def pattern(self) -> str: ...
    @property
    def handler(self) -> Handler: ...
    @property
    def needs_auth(self) -> bool: ...


@dataclass(frozen=True)
class Match:
    """A path and method that some route answers, with its decoded path parameters."""

    route: RouteLike
    params: dict[str, str]


@dataclass(frozen=True)
class NoSuchPath:
    """No route has this path: 404 NOT_FOUND."""


@dataclass(frozen=True)
class NoSuchMethod:
    """The path exists, the method does not: 405 METHOD_NOT_ALLOWED naming `allowed`."""

    allowed: tuple[str, ...]


class Router:
    """All routes, tried in order; literal segments win over parameters at the same place."""

    def __init__(self, routes: Iterable[RouteLike]) -> None:
        self._by_length: dict[int, list[tuple[tuple[str, ...], RouteLike]]] = {}
        for route in routes:
            segments = _segments(route.pattern)
            self._by_length.setdefault(len(segments), []).append((segments, route))
        for rows in self._by_length.values():
            rows.sort(key=lambda row: [segment.startswith("{") for segment in row[0]])

    def resolve(self, method: str, raw_path: str) -> Match | NoSuchPath | NoSuchMethod:
        """Find the route of `raw_path` (no query string, relative to the version) for `method`.

        HEAD is answered by GET's route. An object named like a literal resource falls through to the
        parameter route only where no literal route has that path.
        """
        if "//" in raw_path:
            return NoSuchPath()
        wanted = _segments(raw_path)
        allowed: list[str] = []
        for segments, route in self._by_length.get(len(wanted), ()):
            params = _bind(segments, wanted)
            if params is None:
                continue
            if method in route.methods or (method == "HEAD" and "GET" in route.methods):
                return Match(route, params)
            allowed.extend(route.methods)
        if allowed:
            return NoSuchMethod(tuple(dict.fromkeys(allowed)))
        return NoSuchPath()

    def first_segments(self) -> list[str]:
        """The resources at the top, as the version's root lists them."""
        names = {rows[0][0] for length in self._by_length.values() for rows in length if rows[0]}
        return sorted(name for name in names if not name.startswith("{"))


def _segments(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _bind(pattern: tuple[str, ...], wanted: tuple[str, ...]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for expected, got in zip(pattern, wanted, strict=True):
        if expected.startswith("{"):
            params[expected[1:-1]] = unquote(got)
        elif expected != got:
            return None
    return params
