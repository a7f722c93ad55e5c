"""What the rows of a bulk upload mean: which fields their columns name, and which write each becomes.

Bulk API 1.0 and 2.0 share these rules (spec 5.8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data import dml, read
from practice_org.data.dml import Options, Outcome, Write
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema.catalogue import Field, ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

CHUNK = 200
"""Rows that are written together, as triggers see them."""
NULL = "#N/A"
"""The value that empties a field; an empty value leaves it alone."""


@dataclass(frozen=True)
class Column:
    """A column of an upload: a field, or a parent by one of its keys (`Account.Ext__c`)."""

    name: str
    field: Field
    target: ObjectType | None = None
    key: Field | None = None


@dataclass(frozen=True)
class Plan:
    """What a job does with each row: `key` is the field that names the record, None for inserts."""

    obj: ObjectType
    operation: str
    columns: tuple[Column, ...]
    key: Field | None
    user_id: str
    assignment_rule: str | None = None


def plan(
    org: Org,
    user_id: str,
    obj: ObjectType,
    operation: str,
    header: Sequence[str],
    *,
    key_name: str | None = None,
    assignment_rule: str | None = None,
) -> Plan:
    """How the rows under a header are to be read.

    Raises ApiError InvalidBatch, with the job's error message, when a column names no field that the user
    sees, or the column that tells the record is missing.
    """
    columns = tuple(_column(org, user_id, obj, name) for name in header)
    key: Field | None = None
    if operation == "upsert":
        key = obj.get(key_name or "Id")
    elif operation != "insert":
        key = obj.get("Id")
    # An upsert by Id without such a column inserts every row, as a client's own tests have it.
    optional = key is None or (operation == "upsert" and key.type == "id")
    if not optional and not any(column.field == key and column.key is None for column in columns):
        assert key is not None
        raise no_such_field(key.name)
    return Plan(obj, operation, columns, key, user_id, assignment_rule)


def no_such_field(name: str) -> ApiError:
    return ApiError(400, "InvalidBatch", f"InvalidBatch : Field name not found : {name}")


def _column(org: Org, user_id: str, obj: ObjectType, name: str) -> Column:
    access = rights.for_user(org, user_id)
    first, dot, rest = name.partition(".")
    if not dot:
        f = obj.get(first)
        if f is None or not access.sees(obj, f):
            raise no_such_field(name)
        return Column(name, f)
    type_name, colon, relationship = first.rpartition(":")
    reference = obj.field_by_relationship(relationship)
    if reference is None or not access.sees(obj, reference):
        raise no_such_field(name)
    wanted = [type_name] if colon else reference.refs
    for target_name in wanted:
        target = org.schema.get(target_name)
        if target is None or (colon and target.name not in reference.refs):
            continue
        key = target.get(rest)
        if key is not None and access.sees(target, key) and _is_key(target, key):
            return Column(name, reference, target, key)
    raise no_such_field(name)


def _is_key(target: ObjectType, key: Field) -> bool:
    if target.name == "RecordType":
        return key.name in ("Name", "DeveloperName", "Id")
    return key.has("externalId") or key.has("idLookup")


def carried_out(org: Org, plan: Plan, rows: Sequence[Sequence[str]]) -> list[Outcome]:
    """Write a chunk of CSV rows; each succeeds or fails by itself."""
    taken: set[str] = set()
    planned: list[Write | ApiError] = []
    for row in rows:
        try:
            planned.append(write_of(org, plan, _values(org, plan, row), taken))
        except ApiError as error:
            planned.append(error)
    return finish(org, plan, planned)


def finish(org: Org, plan: Plan, planned: Sequence[Write | ApiError]) -> list[Outcome]:
    """Carry out the writes among `planned`; the outcomes stand in its order.

    A refused row bears the id of the record that it would have changed.
    """
    writes = [one for one in planned if isinstance(one, Write)]
    options = Options(upsert=plan.operation == "upsert", auto_assign=plan.assignment_rule)
    outcomes = iter(dml.apply(org, plan.user_id, writes, options))
    out = []
    for one in planned:
        outcome = Outcome(None, one) if isinstance(one, ApiError) else next(outcomes)
        if outcome.error is not None and isinstance(one, Write) and outcome.error.code != "NOT_FOUND":
            outcome = replace(outcome, id=one.id)
        out.append(outcome)
    return out


def write_of(org: Org, plan: Plan, values: dict[str, Any], taken: set[str]) -> Write:
    """The write that a record's values mean; `taken` holds the external ids of its neighbours.

    Raises ApiError when the record that it names cannot be told.
    """
    obj, key = plan.obj, plan.key
    if key is None:
        return Write("insert", obj, None, values)
    text = str(values.pop(key.name, None) or "")
    if plan.operation != "upsert":
        if not text:
            raise ApiError(400, "MISSING_ARGUMENT", "Id not specified in an update call", ())
        return Write(plan.operation, obj, _existing(obj, text), values)
    if not text:
        if key.type == "id":
            return Write("insert", obj, None, values)
        raise ApiError(400, "MISSING_ARGUMENT", f"{key.name} not specified", ())
    if text.casefold() in taken:
        raise ApiError(400, "DUPLICATE_VALUE", f"Duplicate external id specified: {text}", (key.name,))
    taken.add(text.casefold())
    found = read.matching_ids(org, obj, key, text)
    if len(found) > 1:
        raise ApiError(
            400,
            "DUPLICATE_EXTERNAL_ID",
            f"{key.name}: more than one record found for external id field: [{', '.join(found)}]",
            (key.name,),
        )
    if found:
        return Write("update", obj, found[0], values)
    if key.type == "id":
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return Write("insert", obj, None, {**values, key.name: text})


def _existing(obj: ObjectType, text: str) -> str:
    found = ids.to18(text)
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"malformed id {text}", ("Id",))
    if not found.startswith(obj.prefix):
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())
    return found


def _values(org: Org, plan: Plan, row: Sequence[str]) -> dict[str, Any]:
    """Empty means untouched, `#N/A` means null; `Account.Ext__c` names a parent by external id."""
    if len(row) != len(plan.columns):
        raise ApiError(
            400,
            "MALFORMED_CSV",
            f"The row has {len(row)} values, the header {len(plan.columns)} columns",
            (),
        )
    out: dict[str, Any] = {}
    for column, text in zip(plan.columns, row, strict=True):
        if text == "":
            continue
        if text == NULL:
            out[column.field.name] = None
        elif column.key is None:
            out[column.field.name] = text
        else:
            out[column.field.name] = _parent(org, plan, column, text)
    return out


def _parent(org: Org, plan: Plan, column: Column, text: str) -> str:
    target, key = column.target, column.key
    assert target is not None and key is not None
    if target.name == "RecordType" and key.type != "id":
        row = (
            org.reader()
            .execute(
                f'SELECT "Id" FROM "RecordType" WHERE {quoted(key.name)} = ? AND "SobjectType" = ?',
                (text, plan.obj.name),
            )
            .fetchone()
        )
        found = [row[0]] if row else []
    else:
        found = read.matching_ids(org, target, key, text)
    if not found:
        raise ApiError(
            400,
            "INVALID_FIELD",
            f"Foreign key external ID: {text.lower()} not found for field {key.name} in entity {target.name}",
            (),
        )
    return found[0]


def record_values(plan: Plan, record: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a record that came as JSON or XML, keyed by field name; parents stay as they are.

    Here null empties a field as well as `#N/A` does.
    """
    out: dict[str, Any] = {}
    for name, value in record.items():
        if name == "attributes" or value == "":
            continue
        f = plan.obj.get(name)
        out[f.name if f else name] = None if value == NULL else value
    return out
