"""Matching rules: which records of an object are like a given one (spec 5.11).

A rule has items (field, method, what blanks mean) and a logic over their numbers (`1 AND (2 OR 3)`; without
it all must hold). A candidate is first looked for by one item that an index or a prefix can serve, then
compared item by item.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from practice_org.data.tables import quoted
from practice_org.rules.badrule import BadRule
from practice_org.rules.condition import known_keys, object_named
from practice_org.rules.likeness import METHODS
from practice_org.schema.catalogue import ObjectType, Schema

KEYS = ("object", "name", "label", "items", "logic", "active")
ITEM_KEYS = ("field", "method", "blank")
MOST_ITEMS = 10
MOST_MATCHES = 100
"""The real service stops at a hundred."""
_SEARCH_ORDER = ("Exact", "LastName", "FirstName", "City", "Title", "Street", "Zip", "CompanyName", "Phone")


@dataclass(frozen=True)
class Item:
    """`field` is an API name or `Account.Name`; `blanks` whether two blanks are alike."""

    field: str
    method: str
    blanks: bool = False

    def like(self, a: Any, b: Any) -> bool:
        """Whether two values of the field are alike."""
        if a in (None, "") or b in (None, ""):
            return self.blanks and a in (None, "") and b in (None, "")
        return METHODS[self.method](str(a), str(b))


@dataclass(frozen=True)
class MatchingRule:
    """One rule. `ways` are the sets of items any of which suffices."""

    name: str
    object: str
    items: tuple[Item, ...]
    ways: tuple[frozenset[int], ...]

    @property
    def engine(self) -> str:
        exact = all(item.method == "Exact" for item in self.items)
        return "ExactMatchEngine" if exact else "FuzzyMatchEngine"

    def matches(
        self, connection: sqlite3.Connection, schema: Schema, values: Mapping[str, Any], own_id: str | None
    ) -> list[dict[str, Any]]:
        """The live records that are like `values` (by this rule's fields), oldest id first."""
        obj = schema[self.object]
        found: dict[str, dict[str, Any]] = {}
        for way in self.ways:
            for row in self._candidates(connection, obj, way, values):
                alike = all(
                    self.items[n].like(values.get(self.items[n].field), row[self.items[n].field]) for n in way
                )
                if alike and row["Id"] != own_id:
                    found[row["Id"]] = row
        return [found[record_id] for record_id in sorted(found)][:MOST_MATCHES]

    def _candidates(
        self, connection: sqlite3.Connection, obj: ObjectType, way: frozenset[int], values: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        given = [n for n in way if values.get(self.items[n].field) not in (None, "")]
        if any(n not in given and not self.items[n].blanks for n in way) or not given:
            return []
        best = min(given, key=lambda n: (_SEARCH_ORDER.index(self.items[n].method), n))
        test, params = _search(self.items[best], str(values[self.items[best].field]))
        columns = ", ".join(f'{_expression(item.field)} "{item.field}"' for item in self.items)
        live = ' AND t."IsDeleted" = 0' if obj.soft_deletes else ""
        converted = ' AND t."IsConverted" = 0' if obj.get("IsConverted") else ""
        cursor = connection.execute(
            f'SELECT t."Id", {columns} FROM {quoted(obj.name)} t WHERE {test}{live}{converted}', params
        )
        names = ["Id", *(item.field for item in self.items)]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def _expression(field: str) -> str:
    if field == "Account.Name":
        return '(SELECT a."Name" FROM "Account" a WHERE a."Id" = t."AccountId")'
    return f"t.{quoted(field)}"


def _search(item: Item, value: str) -> tuple[str, tuple[str, ...]]:
    """The narrowest test that an index can serve and that lets no match slip through."""
    column = _expression(item.field)
    if item.method == "Exact":
        if value.isascii():
            return f"{column} = ?", (value.strip(),)
        return f"sf_fold({column}) = ?", (value.strip().casefold(),)
    first = value.strip()[:1]
    if item.method in ("LastName", "City") and first.isascii() and first.isalpha():
        return f"{column} >= ? AND {column} < ?", (first, chr(ord(first.lower()) + 1))
    return f"{column} IS NOT NULL", ()


# -- as orders ----------------------------------------------------------------------------------------


def checked_rule(schema: Schema, rule: Any) -> dict[str, Any]:
    """The rule as it is stored. Raises BadRule."""
    known_keys(rule, KEYS, "a matching rule")
    obj = object_named(schema, rule.get("object"))
    items = rule.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_ITEMS:
        raise BadRule(f"a matching rule has 1 to {MOST_ITEMS} items")
    name = str(rule.get("name") or "")
    if not re.fullmatch(r"[A-Za-z]\w*", name):
        raise BadRule("a matching rule needs a name of letters, digits and underscores")
    checked = {
        "object": obj.name,
        "name": name,
        "label": str(rule.get("label") or name.replace("_", " ")),
        "items": [_checked_item(obj, item) for item in items],
        "logic": rule.get("logic"),
        "active": bool(rule.get("active", True)),
    }
    compiled(checked)
    return checked


def _checked_item(obj: ObjectType, item: Any) -> dict[str, Any]:
    known_keys(item, ITEM_KEYS, "an item of a matching rule")
    name = str(item.get("field") or "")
    if name.lower() == "account.name" and obj.get("AccountId"):
        name = "Account.Name"
    else:
        found = obj.get(name)
        if found is None or not found.stored:
            raise BadRule(f"no field {name!r} on {obj.name}")
        name = found.name
    method = item.get("method") or "Exact"
    if method not in METHODS:
        raise BadRule(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    if item.get("blank", "no_match") not in ("match", "no_match"):
        raise BadRule("blank must be match or no_match")
    return {"field": name, "method": method, "blank": item.get("blank", "no_match")}


def compiled(rule: Mapping[str, Any]) -> MatchingRule:
    """The rule, ready to look for matches. Raises BadRule for a logic that makes no sense."""
    items = tuple(Item(i["field"], i["method"], i["blank"] == "match") for i in rule["items"])
    logic = rule["logic"] or " AND ".join(str(n + 1) for n in range(len(items)))
    return MatchingRule(rule["name"], rule["object"], items, _Logic(str(logic), len(items)).ways())


class _Logic:
    """`1 AND (2 OR 3)` as the sets of numbers any of which suffices."""

    def __init__(self, text: str, items: int) -> None:
        self._text, self._items = text, items
        self._tokens = re.findall(r"\d+|[()]|\w+|\S", text.upper())

    def ways(self) -> tuple[frozenset[int], ...]:
        ways = self._either()
        if self._tokens:
            raise self._wrong()
        least = [way for way in ways if not any(other < way for other in ways)]
        return tuple(dict.fromkeys(least))

    def _wrong(self) -> BadRule:
        return BadRule(f"logic must join the numbers of items by AND and OR, not {self._text!r}")

    def _take(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _either(self) -> list[frozenset[int]]:
        ways = self._both()
        while self._take("OR"):
            ways = ways + self._both()
        return ways

    def _both(self) -> list[frozenset[int]]:
        ways = self._one()
        while self._take("AND"):
            ways = [a | b for a, b in product(ways, self._one())]
            if len(ways) > 1000:
                raise self._wrong()
        return ways

    def _one(self) -> list[frozenset[int]]:
        if self._take("("):
            ways = self._either()
            if not self._take(")"):
                raise self._wrong()
            return ways
        if not self._tokens or not self._tokens[0].isdigit() or not 1 <= int(self._tokens[0]) <= self._items:
            raise self._wrong()
        return [frozenset({int(self._tokens.pop(0)) - 1})]
