"""Writing SOQL: literals, field lists, and cutting a list of fields into queries that Salesforce accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote

from diptych.domain.objects import SYNCED_OBJECTS
from diptych.domain.values import instant_text

# a URI may have 16 KB; the rest of a query (ids, conditions) and the path need room beside the field list
FIELD_LIST_BYTES = 9_000
_NAME = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)*\Z", re.ASCII)
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b"}


def text_literal(text: str) -> str:
    """`text` as a quoted SOQL string."""
    return "'" + "".join(_ESCAPES.get(char, char) for char in text) + "'"


def id_list(ids: Iterable[str]) -> str:
    """Ids as a parenthesised SOQL list."""
    return "(" + ",".join(text_literal(i) for i in ids) + ")"


def instant_literal(moment: datetime) -> str:
    """A date-time as SOQL takes it: UTC, unquoted."""
    return instant_text(moment)


def name(text: str) -> str:
    """An object name, a field name or a path, checked. Raises ValueError for anything else, so that nothing is injected."""
    if not _NAME.match(text):
        raise ValueError(f"{text!r} is not the API name of a field or object")
    return text


def system_fields(object_name: str) -> tuple[str, ...]:
    """What the engine reads with every record of the object; for objects not registered, what all records have."""
    for known in SYNCED_OBJECTS:
        if known.name == object_name:
            return known.system_fields
    return ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "IsDeleted")


def field_lists(
    object_name: str, fields: Sequence[str], most_bytes: int = FIELD_LIST_BYTES
) -> list[tuple[str, ...]]:
    """The fields, system fields first, in as few lists as fit into a query each; every list has the system fields."""
    system = system_fields(object_name)
    lists: list[tuple[str, ...]] = []
    current: list[str] = []
    room = most_bytes - sum(len(f) + 1 for f in system)
    left = room
    for field in dict.fromkeys(name(f) for f in fields if f not in system):
        if current and len(field) + 1 > left:
            lists.append((*system, *current))
            current, left = [], room
        current.append(field)
        left -= len(field) + 1
    return [*lists, (*system, *current)]


def halves(object_name: str, fields: Sequence[str]) -> list[tuple[str, ...]]:
    """A field list cut in two, each with the system fields; just one list when there is nothing to cut."""
    system = system_fields(object_name)
    others = [f for f in fields if f not in system]
    if len(others) < 2:
        return [tuple(fields)]
    middle = len(others) // 2
    return [(*system, *others[:middle]), (*system, *others[middle:])]


def select(fields: Sequence[str], object_name: str, rest: str = "") -> str:
    """A SELECT statement."""
    return f"SELECT {','.join(name(f) for f in fields)} FROM {name(object_name)}" + (
        f" {rest}" if rest else ""
    )


def query_url(statement: str, *, deleted_too: bool = False) -> str:
    """The resource, from the version on, that answers a query."""
    return f"{'queryAll' if deleted_too else 'query'}?q={quote(statement, safe='')}"
