"""create, update, upsert, delete, undelete and emptyRecycleBin: each record with a result of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from practice_org import ids
from practice_org.data import dml, read
from practice_org.data.dml import Outcome, Write
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.soap.caller import SoapCall
from practice_org.soap.faults import SoapFault
from practice_org.soap.results import result
from practice_org.soap.sobject import NO_COLUMN, Given


def create(call: SoapCall) -> str:
    """create(sObjects)."""
    return _carried_out(call, [_creation(given) for given in call.given("sObjects")])


def _creation(given: Given) -> Write | ApiError:
    if given.id is not None:
        return ApiError(
            400, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",)
        )
    return Write("insert", given.obj, None, given.values)


def update(call: SoapCall) -> str:
    """update(sObjects)."""
    seen: set[str] = set()
    return _carried_out(call, [_caught(partial(_change, given, seen)) for given in call.given("sObjects")])


def _change(given: Given, seen: set[str]) -> Write:
    if given.id is None:
        raise ApiError(400, "MISSING_ARGUMENT", "Id not specified in an update call", ())
    record_id = _own_id(given.obj, given.id)
    if record_id in seen:
        raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate id specified: {record_id}", ("Id",))
    seen.add(record_id)
    return Write("update", given.obj, record_id, given.values)


def _own_id(obj: ObjectType, text: str) -> str:
    found = ids.to18(text)
    if found is None or not found.startswith(obj.prefix):
        raise ApiError(400, "MALFORMED_ID", f"{obj.label} ID: id value of incorrect type: {text}", ("Id",))
    return found


def upsert(call: SoapCall) -> str:
    """upsert(externalIDFieldName, sObjects)."""
    name = call.body.value("externalIDFieldName") or "Id"
    records = call.given("sObjects")
    keys: set[str] = set()
    planned = [_caught(partial(_upserted, call, given, _key(given.obj, name), keys)) for given in records]
    return _carried_out(call, planned, upsert=True)


def _key(obj: ObjectType, name: str) -> Field:
    f = obj.get(name)
    if f is None:
        raise SoapFault("INVALID_FIELD", NO_COLUMN.format(name, obj.name))
    if not (f.has("externalId") or f.has("idLookup") or f.type == "id"):
        raise SoapFault(
            "INVALID_FIELD",
            f"Field name provided, {name} is not an External ID or indexed field for {obj.name}",
        )
    return f


def _upserted(call: SoapCall, given: Given, f: Field, keys: set[str]) -> Write:
    if f.type == "id":
        if given.id is None:
            return Write("insert", given.obj, None, given.values)
        return _change(given, keys)
    name = next((key for key in given.values if key.lower() == f.name.lower()), None)
    value = str(given.values[name] or "").strip() if name else ""
    if not value:
        raise ApiError(400, "MISSING_ARGUMENT", f"{f.name} not specified", ())
    if value.casefold() in keys:
        raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (f.name,))
    keys.add(value.casefold())
    found = read.matching_ids(call.org, given.obj, f, value)
    if len(found) > 1:
        raise ApiError(
            400,
            "DUPLICATE_EXTERNAL_ID",
            f"{f.name}: more than one record found for external id field: [{', '.join(found)}]",
            (f.name,),
        )
    if found:
        changes = {key: told for key, told in given.values.items() if key != name}
        return Write("update", given.obj, found[0], changes)
    return Write("insert", given.obj, None, given.values)


def delete(call: SoapCall) -> str:
    """delete(ids): of any objects."""
    return _by_ids(call, "delete")


def undelete(call: SoapCall) -> str:
    """undelete(ids)."""
    return _by_ids(call, "undelete")


def empty_recycle_bin(call: SoapCall) -> str:
    """emptyRecycleBin(ids)."""
    return _by_ids(call, "emptyRecycleBin")


def _by_ids(call: SoapCall, operation: str) -> str:
    texts = [one.text.strip() for one in call.bounded(call.body.all("ids")) if not one.nil]
    return _carried_out(call, [_caught(partial(_named, call, operation, text)) for text in texts])


def _named(call: SoapCall, operation: str, text: str) -> Write:
    found = ids.to18(text)
    obj = call.org.schema.by_prefix(found) if found else None
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"bad id {text}", ())
    if obj is None:
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return Write(operation, obj, found)


# -- shared -------------------------------------------------------------------------------------------


def _caught(make: Callable[[], Write]) -> Write | ApiError:
    try:
        return make()
    except ApiError as error:
        return error


def _carried_out(call: SoapCall, planned: Sequence[Write | ApiError], *, upsert: bool = False) -> str:
    """Carry out what could be planned; results in the order of the request."""
    options = call.options(upsert=upsert)
    writes = [one for one in planned if isinstance(one, Write)]
    if options.all_or_none and len(writes) < len(planned):
        outcomes = [Outcome(None, dml.rolled_back()) for _ in writes]
    else:
        outcomes = dml.apply(call.org, call.user, writes, options)
    remaining = iter(outcomes)
    return "".join(
        result(call, next(remaining) if isinstance(one, Write) else Outcome(None, one), upsert=upsert)
        for one in planned
    )
