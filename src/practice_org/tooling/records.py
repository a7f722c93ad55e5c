"""Single records of the Tooling API: components by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.errors import ApiError, not_found
from practice_org.metadata import crud
from practice_org.metadata.codec import Value, from_json
from practice_org.metadata.crud import KINDS
from practice_org.metadata.kinds import Kind, Work
from practice_org.schema.access import SYSTEM
from practice_org.schema.catalogue import ObjectType
from practice_org.tooling.catalogue import DURABLE
from practice_org.tooling.rows import SOURCES

if TYPE_CHECKING:
    from practice_org.org import Org


def create(work: Work, obj: ObjectType, values: dict[str, Any]) -> str:
    """Create a component from `FullName` and `Metadata`; returns its id. Raises ApiError."""
    kind = _kind(obj, "createable")
    missing = [name for name in ("FullName", "Metadata") if not values.get(name)]
    if missing:
        raise ApiError(
            400,
            "REQUIRED_FIELD_MISSING",
            f"Required fields are missing: [{', '.join(missing)}]",
            tuple(missing),
        )
    _known(obj, values)
    name = str(values["FullName"])
    value = _value(kind, values["Metadata"], name)
    result = crud.create(work, [(kind.name, value)])[0]
    if result.error is not None:
        raise result.error
    return kind.stored(work.org, result.full_name).id


def update(work: Work, obj: ObjectType, record_id: str, values: dict[str, Any]) -> None:
    """Give a component the definition in `Metadata`; with another `FullName` it is renamed. Raises ApiError."""
    kind = _kind(obj, "updateable")
    _known(obj, values)
    name = name_of(work.org, obj, record_id)
    wanted = str(values.get("FullName") or name)
    if wanted != name:
        renamed = crud.rename(work, kind.name, name, wanted)
        if renamed.error is not None:
            raise renamed.error
        name = wanted
    if values.get("Metadata") is not None:
        result = crud.update(work, [(kind.name, _value(kind, values["Metadata"], name))])[0]
        if result.error is not None:
            raise result.error


def delete(work: Work, obj: ObjectType, record_id: str) -> None:
    """Delete a component. Raises ApiError."""
    kind = _kind(obj, "deletable")
    result = crud.delete(work, kind.name, [name_of(work.org, obj, record_id)])[0]
    if result.error is not None:
        raise result.error


def name_of(org: Org, obj: ObjectType, record_id: str) -> str:
    """The full name behind an id.

    Raises ApiError 404 NOT_FOUND when there is no such component.
    """
    wanted = record_id if obj.name in DURABLE else (ids.to18(record_id) or record_id)
    source = SOURCES.get(obj.name)
    for row in source(org, SYSTEM) if source else ():
        if row.get("Id") == wanted:
            return str(row["FullName"])
    raise not_found()


def _value(kind: Kind, given: Any, name: str) -> Value:
    return {**from_json(kind.name, given), "fullName": name}


def _kind(obj: ObjectType, flag: str) -> Kind:
    kind = KINDS.get(obj.name)
    if kind is None or not obj.has(flag):
        verb = {"createable": "inserted", "updateable": "updated", "deletable": "deleted"}[flag]
        raise ApiError(
            400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be {verb}: {obj.label}", ()
        )
    return kind


def _known(obj: ObjectType, values: dict[str, Any]) -> None:
    for name in values:
        if name != "attributes" and obj.get(name) is None:
            raise ApiError(400, "INVALID_FIELD", f"No such column '{name}' on sobject of type {obj.name}")
