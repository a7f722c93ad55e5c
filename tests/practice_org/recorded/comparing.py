"""Comparing an answer with a recorded one: everything counts but ids, versions and moments."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_BESIDE = [folder / "shared" / "salesforce" / "real" for folder in Path(__file__).parents[4:6]]
REAL = next((folder for folder in _BESIDE if folder.is_dir()), _BESIDE[0])
"""Beside the checkout, or a level up, where it is one of several work trees."""
REASON = f"the recorded payloads are not beside the checkout ({REAL.name})"
_MASKS = (
    (re.compile(r"/services/data/v\d+\.\d/"), "/services/data/vXX/"),
    (re.compile(r"\b(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{3}[A-Za-z0-9]{12}(?:[A-Za-z0-9]{3})?\b"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\dZ+]*"), "<moment>"),
)


def loaded(*path: str) -> Any:
    """A recorded JSON file."""
    return json.loads(REAL.joinpath(*path).read_text())


def masked(text: str) -> str:
    """A text without what differs from org to org."""
    for pattern, word in _MASKS:
        text = pattern.sub(word, text)
    return text


def ordered(text: str) -> Any:
    """The value of a JSON text in which the order of keys counts, and ids do not."""
    return json.loads(masked(text), object_pairs_hook=lambda pairs: tuple(("key", *pair) for pair in pairs))


def outline(value: Any) -> Any:
    """Keys in their order and JSON types; of a list what its entries have in common or apart."""
    if isinstance(value, dict):
        return [(key, outline(entry)) for key, entry in value.items()]
    if isinstance(value, list):
        kinds = []
        for entry in value:
            kind = outline(entry)
            if kind not in kinds:
                kinds.append(kind)
        return kinds
    if isinstance(value, bool) or value is None:
        return str(type(value).__name__)
    return "number" if isinstance(value, int | float) else "text"
