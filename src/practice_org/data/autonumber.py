"""Auto-number fields: the next number of a field, in its display format.

A format is text with one number in braces (`A-{0000}`) and, if wanted, `{YY}`, `{YYYY}`, `{MM}`, `{DD}`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.schema.catalogue import Field, ObjectType

if TYPE_CHECKING:
    import sqlite3

    from practice_org.org import Transaction

_NUMBER = re.compile(r"\{(0+)\}")


def fill(tx: Transaction, obj: ObjectType, row: dict[str, Any]) -> None:
    """Give a new record the values of its auto-number fields."""
    for f in obj.stored_fields:
        if f.display_format is not None and row.get(f.name) is None:
            row[f.name] = following(tx.connection, obj, f, tx.started)


def following(connection: sqlite3.Connection, obj: ObjectType, f: Field, moment: datetime) -> str:
    """The next value of a field; no number is given twice."""
    number = ids.take_number(connection, sequence(obj, f)) + 1
    return shown(f.display_format or "{0}", number, moment)


def sequence(obj: ObjectType, f: Field) -> str:
    """The name of a field's sequence."""
    return f"number {obj.name}.{f.name}"


def shown(form: str, number: int, moment: datetime) -> str:
    """A number in a display format."""
    text = form.replace("{YYYY}", f"{moment:%Y}").replace("{YY}", f"{moment:%y}")
    text = text.replace("{MM}", f"{moment:%m}").replace("{DD}", f"{moment:%d}")
    return _NUMBER.sub(lambda found: str(number).zfill(len(found[1])), text, count=1)
