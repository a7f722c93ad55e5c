"""`composite/sobjects`: up to 200 records of any objects in one call, each with its own result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from practice_org import ids
from practice_org.api.bodies import flag, json_object, placed
from practice_org.api.describe import object_for
from practice_org.api.records import key_field, options_of
from practice_org.data import dml, read
from practice_org.data.dml import Outcome, Write
from practice_org.data.values import Mistyped, check_types
from practice_org.errors import ApiError, json_parser_error
from practice_org.http import Context, json_response
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

MOST = 200
UNSUPPORTED = (
    "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the "
    "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)
MOST_TO_READ = 2000


def create(ctx: Context, request: Request) -> Response:
    """POST composite/sobjects."""
    body = json_object(ctx)
    planned: list[Write | ApiError] = []
    for record in _records(body):
        planned.append(_planned(lambda r=record: _insert_of(ctx, r)))
    return _carried_out(ctx, planned, flag(body.get("allOrNone")))


def _insert_of(ctx: Context, record: Mapping[str, Any]) -> Write:
    obj = _type(ctx, record)
    check_types(obj, record)
    return Write("insert", obj, None, record)


def update(ctx: Context, request: Request) -> Response:
    """PATCH composite/sobjects."""
    body = json_object(ctx)
    planned = [_planned(lambda r=record: _update_of(ctx, r)) for record in _records(body)]
    return _carried_out(ctx, planned, flag(body.get("allOrNone")))


def _update_of(ctx: Context, record: Mapping[str, Any]) -> Write:
    obj = _type(ctx, record)
    key = next((k for k in record if k.lower() == "id"), None)
    if key is None or not record[key]:
        raise ApiError(400, "MISSING_ARGUMENT", "Id not specified in an update call", ())
    values = {k: v for k, v in record.items() if k != key}
    check_types(obj, values)
    return Write("update", obj, _id_of(obj, str(record[key])), values)


def _id_of(obj: ObjectType, text: str) -> str:
    found = ids.to18(text)
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"{obj.label} ID: id value of incorrect type: {text}", ("Id",))
    if not found.startswith(obj.prefix):
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return found


def delete(ctx: Context, request: Request) -> Response:
    """DELETE composite/sobjects?ids=a,b&allOrNone=true."""
    wanted = [part.strip() for part in ctx.query.get("ids", "").split(",") if part.strip()]
    _bounded(wanted)
    planned = [_planned(lambda t=text: _delete_of(ctx, t)) for text in wanted]
    return _carried_out(ctx, planned, flag(ctx.query.get("allOrNone")))


def _delete_of(ctx: Context, text: str) -> Write:
    found = ids.to18(text)
    obj = ctx.org.schema.by_prefix(found) if found else None
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"malformed id {text}", ())
    if obj is None:
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return Write("delete", obj, found)


def upsert(ctx: Context, request: Request) -> Response:
    """PATCH composite/sobjects/X/Field."""
    obj = object_for(ctx, ctx.params["object"])
    f = key_field(obj, ctx.params["field"])
    body = json_object(ctx)
    records = _records(body)
    planned: list[Write | ApiError] = []
    keys: set[str] = set()
    for record in records:
        planned.append(_planned(lambda r=record: _upsert_of(ctx, obj, f.name, r, keys)))
    return _carried_out(ctx, planned, flag(body.get("allOrNone")), upsert=True)


def _upsert_of(
    ctx: Context, obj: ObjectType, field_name: str, record: Mapping[str, Any], keys: set[str]
) -> Write:
    if _type(ctx, record).name != obj.name:
        raise ApiError(400, "INVALID_TYPE", f"The record is not of type {obj.name}", ())
    check_types(obj, record)
    key = next((k for k in record if k.lower() == field_name.lower()), None)
    value = record[key] if key else None
    if value is None or value == "":
        if field_name == "Id":
            return Write("insert", obj, None, {k: v for k, v in record.items() if k != key})
        raise ApiError(400, "MISSING_ARGUMENT", f"{field_name} not specified", ())
    if str(value).casefold() in keys:
        raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (field_name,))
    keys.add(str(value).casefold())
    f = obj.get(field_name)
    assert f is not None
    found = read.matching_ids(ctx.org, obj, f, str(value))
    if len(found) > 1:
        raise ApiError(
            400,
            "DUPLICATE_EXTERNAL_ID",
            f"{field_name}: more than one record found for external id field: [{', '.join(found)}]",
            (field_name,),
        )
    if found:
        return Write("update", obj, found[0], {k: v for k, v in record.items() if k != key})
    if f.type == "id":
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return Write("insert", obj, None, record)


def retrieve(ctx: Context, request: Request) -> Response:
    """POST composite/sobjects/X with {ids, fields}: records in order, null for each that is missing."""
    body = json_object(ctx)
    return _retrieved(ctx, body.get("ids") or [], body.get("fields") or [])


def retrieve_by_url(ctx: Context, request: Request) -> Response:
    """GET composite/sobjects/X?ids=a,b&fields=c,d."""
    wanted = [part.strip() for part in ctx.query.get("ids", "").split(",") if part.strip()]
    fields = [part.strip() for part in ctx.query.get("fields", "").split(",") if part.strip()]
    return _retrieved(ctx, wanted, fields)


def _retrieved(ctx: Context, wanted: Any, fields: Any) -> Response:
    obj = object_for(ctx, ctx.params["object"])
    if not isinstance(wanted, list) or not isinstance(fields, list):
        raise json_parser_error("Cannot deserialize instance of list: ids and fields must be arrays")
    if not wanted or not fields:
        name = "ids" if not wanted else "fields"
        raise ApiError(400, "MISSING_ARGUMENT", f"The {name} parameter is required")
    if len(wanted) > MOST_TO_READ:
        raise ApiError(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MOST_TO_READ} records"
        )
    converted = []
    for text in wanted:
        found = ids.to18(str(text))
        if found is None:
            raise ApiError(400, "MALFORMED_ID", f"malformed id {text}")
        converted.append(found)
    names = [str(name) for name in fields]
    found_records = read.by_ids(ctx.org, ctx.caller.id, obj, converted, names, ctx.version)
    return json_response([found_records.get(record_id) for record_id in converted])


# -- shared -----------------------------------------------------------------------------------------


def _records(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = body.get("records")
    if records is not None and not isinstance(records, list):
        raise json_parser_error("Cannot deserialize instance of list from VALUE_STRING: records")
    _bounded(records or [])
    out: list[dict[str, Any]] = []
    for record in records or []:
        if not isinstance(record, dict) or not isinstance(record.get("attributes"), dict):
            raise json_parser_error(
                "The value should have attributes.type: "
                "'attributes' with the type of the record must come first in each record"
            )
        out.append(record)
    return out


def _bounded(entries: Sequence[Any]) -> None:
    if not entries:
        raise ApiError(400, "REQUIRED_FIELD_MISSING", "At least 1 record is required")
    if len(entries) > MOST:
        raise ApiError(
            400,
            "EXCEEDED_ID_LIMIT",
            f"record limit reached. cannot submit more than {MOST} records into this call",
        )


def _type(ctx: Context, record: Mapping[str, Any]) -> ObjectType:
    name = str(record["attributes"].get("type", ""))
    obj = ctx.org.schema.get(name)
    if obj is None or not rights.for_user(ctx.org, ctx.caller.id).can("Read", obj):
        raise ApiError(400, "INVALID_TYPE", UNSUPPORTED.format(name), ())
    return obj


def _planned(make: Any) -> Write | ApiError:
    try:
        made: Write = make()
    except ApiError as error:
        return error
    return made


def _carried_out(
    ctx: Context, planned: Sequence[Write | ApiError], all_or_none: bool, *, upsert: bool = False
) -> Response:
    """Carry out the writes that could be planned and answer in the order of the request."""
    for one in planned:
        if isinstance(one, Mistyped):
            # The parser refuses the body as a whole; nothing of it is carried out.
            raise placed(ctx, one)
    early = any(isinstance(one, ApiError) for one in planned)
    writes = [one for one in planned if isinstance(one, Write)]
    if early and all_or_none:
        rolled = dml.rolled_back()
        outcomes = [Outcome(None, rolled) for _ in writes]
    else:
        outcomes = dml.apply(
            ctx.org, ctx.user, writes, options_of(ctx, all_or_none=all_or_none, upsert=upsert)
        )
    results = []
    remaining = iter(outcomes)
    for one in planned:
        if isinstance(one, ApiError):
            outcome = Outcome(None, one)
        else:
            # A refused record of an upsert tells whether it would have been created (a client's own tests).
            outcome = replace(next(remaining), created=one.operation == "insert")
        results.append(result(outcome, upsert=upsert))
    return json_response(results)


def result(outcome: Outcome, *, upsert: bool = False) -> dict[str, Any]:
    """One entry of a collection's answer."""
    if outcome.error is not None:
        error = outcome.error
        if error.code == "NOT_FOUND":
            error = ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
        told: dict[str, Any] = {"success": False, "errors": error.result_errors()}
        return {**told, "created": outcome.created} if upsert else told
    entry: dict[str, Any] = {"id": outcome.id, "success": True, "errors": []}
    if upsert:
        entry["created"] = outcome.created
    return entry
