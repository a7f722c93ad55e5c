"""Orders about components of the Metadata API."""

from __future__ import annotations

from typing import Any

from practice_org.http import LAST_VERSION
from practice_org.metadata import crud, registry
from practice_org.metadata.codec import from_json
from practice_org.metadata.kinds import Work
from practice_org.schema import custom, picklists
from practice_org.schema.setup_rows import first_user
from practice_org.sim.plane import BadOrder, Control, Order


def metadata(control: Control, order: Order) -> Any:
    """`{type, components: [{fullName, ...}]}` creates or changes components of the Metadata API,
    `{type, delete: [names]}` deletes them, `{type, read: [names]}` shows them; `{type}` lists the names.
    `{replace: {"Lead.Colour__c": {old: new}}}` replaces picklist values in records, as Setup's Replace does.
    """
    if "replace" in order:
        return {path: _replaced(control, path, values) for path, values in dict(order["replace"]).items()}
    name = str(order["type"])
    if "components" in order:
        items = [(name, from_json(name, one)) for one in order["components"]]
        return [one.full_name for one in _all_done(crud.upsert(_work(control), items, all_or_none=True))]
    if "delete" in order:
        wanted = [str(one) for one in order["delete"]]
        return [
            one.full_name for one in _all_done(crud.delete(_work(control), name, wanted, all_or_none=True))
        ]
    if "read" in order:
        return crud.read(control.org, name, [str(one) for one in order["read"]])
    return registry.kind_named(name).names(control.org)


def _replaced(control: Control, path: str, values: dict[str, str]) -> int:
    """How many records got another value."""
    owner, _, name = path.partition(".")
    obj = control.org.schema.get(owner)
    if obj is None:
        raise BadOrder(f"no object {owner!r}")
    f = custom.field_of(obj, name)
    return sum(
        picklists.replace_value(control.org, obj, f, str(old), str(new)) for old, new in values.items()
    )


def _work(control: Control) -> Work:
    return Work(control.org, first_user(control.org), float(LAST_VERSION))


def _all_done(results: list[crud.Result]) -> list[crud.Result]:
    for one in results:
        if one.error is not None and one.error.code != "ALL_OR_NONE_OPERATION_ROLLED_BACK":
            raise one.error
    return results
