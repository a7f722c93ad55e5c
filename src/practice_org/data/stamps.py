"""Who changed a record, and when."""

from __future__ import annotations

from typing import Any

from practice_org.schema.catalogue import ObjectType


def stamps(obj: ObjectType, moment: str, actor: str, *, creating: bool = False) -> dict[str, Any]:
    """The audit columns that a write sets, as far as the object has them; `moment` is a stored stamp."""
    out: dict[str, Any] = {}
    for name, value in (
        ("LastModifiedDate", moment),
        ("LastModifiedById", actor),
        ("SystemModstamp", moment),
        *((("CreatedDate", moment), ("CreatedById", actor)) if creating else ()),
    ):
        if obj.get(name):
            out[name] = value
    return out
