"""The gate before every order of the control plane: its shape, the names of its fields, and what is said of mistakes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from practice_org.errors import ApiError
from practice_org.sim.plane import BadOrder, Carry, Control

LISTS = ("faults", "rules", "schema_change")
"""Orders that may come as a list."""
FIELDS: dict[str, tuple[str, ...]] = {
    "reset": ("records",),
    "seed": ("people", "records", "seed"),
    "clock": ("offset_seconds", "advance", "freeze", "header_offset_seconds"),
    "jobs": ("speed", "mode"),
    "late_commit": ("operation", "object", "id", "values", "seconds", "username"),
    "sessions": ("expire",),
    "formula_drift": ("object", "field", "formula", "values", "ids"),
    "objects": (
        "name", "label", "plural", "name_label", "name_format", "activities", "feeds", "search", "fields", "delete",
    ),
    "record_types": ("object", "name", "label", "description", "active", "default", "person"),
    "person_accounts": (),
    "metadata": ("type", "components", "delete", "read", "replace"),
    "bump": ("object", "ids"),
    "lifecycle": ("convert", "merge", "delete", "undelete", "purge", "hard_delete", "mapping", "username"),
    "requests": ("since", "path", "method", "limit"),
    "records": ("object", "id", "limit", "offset"),
}  # fmt: skip
"""What an order may say; those that are not here look themselves."""


def bound(name: str, carry: Carry, control: Control) -> Callable[[Any], Any]:
    """The order `name`, behind its gate.

    It raises BadOrder or ApiError, and nothing else, for an order that cannot be carried out.
    """

    def carried(order: Any) -> Any:
        try:
            return carry(control, _shaped(name, order))
        except (BadOrder, ApiError):
            raise
        except KeyError as error:
            raise BadOrder(f"missing or unknown: {error.args[0]}") from error
        except AttributeError as error:
            # Something was asked of a part of the order that its kind does not have.
            raise BadOrder(f"a part of the order is of the wrong kind ({error})") from error
        except (ValueError, TypeError, OverflowError, sqlite3.Error) as error:
            raise BadOrder(str(error)) from error

    return carried


def _shaped(name: str, order: Any) -> Any:
    if order is None:
        return {}
    if isinstance(order, list) and name in LISTS:
        return order
    if not isinstance(order, dict):
        also = " or a list" if name in LISTS else ""
        raise BadOrder(f"{name} takes a JSON object{also}, not {order!r}")
    known = FIELDS.get(name)
    unknown = sorted(set(order) - set(known)) if known is not None else []
    if unknown:
        there = f"there are {', '.join(known)}" if known else "there are none"
        raise BadOrder(f"unknown field {unknown[0]!r}; {there}")
    return order
