"""Creating and changing records, and the door to every write.

`apply` carries out a list of writes in one transaction, each with an outcome of its own; the functions
below it do a single one and raise. Checks come before the first statement of a write, so that a refused
one leaves nothing behind. All rows of a transaction bear the stamp of its start (spec 5.4).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeAlias

from practice_org import ids
from practice_org.data import autonumber, checks, locks, permission_rules, recycle_bin, sharing, standard
from practice_org.data.checks import Writer
from practice_org.data.rows import insert_row, update_row
from practice_org.data.stamps import stamps
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.rules.duplicates import UNSAID, DuplicateOptions
from practice_org.schema import access as rights
from practice_org.schema import permission_sets, setup_rows
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.http import UserInfo
    from practice_org.org import Org, Transaction

User: TypeAlias = "UserInfo | str | None"
"""Who acts: a user, a user's id, or None for the org itself, which no permission binds."""


@dataclass(frozen=True)
class Write:
    """`operation` is insert, update, delete, undelete, hardDelete or emptyRecycleBin.

    `precondition` is asked in the write's own transaction and raises ApiError to refuse it.
    """

    operation: str
    obj: ObjectType
    id: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    precondition: Callable[[sqlite3.Connection], object] | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one write: the id, or the refusal."""

    id: str | None
    error: ApiError | None = None
    created: bool = False


@dataclass(frozen=True)
class Options:
    """`typed`: values come from JSON. `auto_assign`: the header Sforce-Auto-Assign, if sent.

    `duplicates`: what Sforce-Duplicate-Rule-Header says.
    `any_field`: field-level security does not bind (conversion carries hidden fields over, too).
    """

    typed: bool = False
    all_or_none: bool = False
    auto_assign: str | None = None
    upsert: bool = False
    any_field: bool = False
    duplicates: DuplicateOptions = UNSAID


PLAIN = Options()


def apply(org: Org, user: User, writes: Sequence[Write], options: Options = PLAIN) -> list[Outcome]:
    """Carry out writes in one transaction and return their outcomes in order.

    With `all_or_none` one refusal rolls all back, and the others are refused for that reason.
    """
    user_id = user if user is None or isinstance(user, str) else user.id
    held = locks.held(org, writes)
    outcomes: list[Outcome] = []
    with org.transaction() as tx:
        connection = tx.connection
        access = rights.for_user(org, user_id)
        if options.any_field:
            access = replace(access, hidden={}, readonly={})
        writer = Writer(org, connection, access, options.typed)
        if options.all_or_none:
            connection.execute("SAVEPOINT all_or_none")
        for number, write in enumerate(writes):
            try:
                if number in held:
                    raise held[number]
                if user_id is not None:
                    org.faults.check(_trigger(write, options), write.obj.name, write.id)
                outcomes.append(_one(writer, tx, user_id, write, options))
            except ApiError as error:
                outcomes.append(Outcome(None, error))
        if options.all_or_none:
            if any(outcome.error for outcome in outcomes):
                connection.execute("ROLLBACK TO all_or_none")
                outcomes = [o if o.error else Outcome(None, rolled_back()) for o in outcomes]
            connection.execute("RELEASE all_or_none")
    touched = {write.obj.name for write in writes} & rights.SETUP_OBJECTS
    if touched & permission_rules.CHECKED:
        permission_sets.note_change(org)
    elif touched:
        org.access_cache.clear()
    if user_id is not None:
        org.faults.wrote([outcome.id for outcome in outcomes if outcome.id is not None])
    return outcomes


def _trigger(write: Write, options: Options) -> str:
    if options.upsert:
        return "upsert"
    return {"hardDelete": "delete", "emptyRecycleBin": "delete"}.get(write.operation, write.operation)


def rolled_back() -> ApiError:
    """The refusal of a record whose neighbours were refused."""
    return ApiError(
        400,
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using AllOrNone header",
        (),
    )


def _one(writer: Writer, tx: Transaction, user_id: str | None, write: Write, options: Options) -> Outcome:
    if write.operation == "insert":
        return Outcome(_insert(writer, tx, user_id, write, options), created=True)
    assert write.id is not None
    if write.precondition is not None:
        write.precondition(tx.connection)
    if write.operation == "update":
        _update(writer, tx, user_id, write, options)
    elif write.operation in ("delete", "hardDelete"):
        hard = write.operation == "hardDelete"
        recycle_bin.delete(writer, tx, user_id, write.obj, write.id, hard=hard)
    elif write.operation == "undelete":
        recycle_bin.undelete(writer, tx, user_id, write.obj, write.id)
    elif write.operation == "emptyRecycleBin":
        recycle_bin.empty(writer, tx, write.obj, write.id)
    else:
        raise ValueError(write.operation)
    return Outcome(write.id)


# -- insert and update ------------------------------------------------------------------------------


def _insert(writer: Writer, tx: Transaction, user_id: str | None, write: Write, options: Options) -> str:
    obj = write.obj
    if not writer.access.unlimited and not obj.has("createable"):
        raise checks.entity_refused("inserted", obj)
    rights.require(writer.access, "Create", obj)
    changed = checks.stored_values(writer, obj, write.values, creating=True)
    actor = user_id or setup_rows.first_user(writer.org)
    row = dict(changed)
    for f in obj.stored_fields:
        if row.get(f.name) is None:
            if f.type == "boolean":
                row[f.name] = int(f.default == "true")
            elif f.default is not None and (f.name not in changed or not f.nillable):
                row[f.name] = f.default
    saving = writer.org.rulebook.saving(writer, obj, actor, row, None)
    if saving is not None:
        saving.prepare()
        saving.assign(options.auto_assign)
    if obj.get("OwnerId") and row.get("OwnerId") is None:
        row["OwnerId"] = actor
    _name(obj, row)
    change = standard.Change(writer.org, tx, obj, actor, changed, row)
    standard.fill(change)
    autonumber.fill(tx, obj, row)
    checks.check_required(obj, row, None)
    checks.check_references(writer, obj, changed)
    checks.check_unique(writer, obj, changed, None)
    permission_rules.check(writer, obj, row, None)
    for name, value in stamps(obj, tx.stamp, actor, creating=True).items():
        if row.get(name) is None or not writer.access.unlimited:
            row[name] = value
    if saving is not None:
        saving.validate()
        saving.compare(options.duplicates)
    if row.get("Id") is None:
        row["Id"] = ids.mint(tx.connection, obj.prefix)[0]
    if saving is None:
        insert_row(tx, obj, row)
        standard.follow(change)
    else:
        saving.store(tx, lambda: insert_row(tx, obj, row), lambda: standard.follow(change))
    return str(row["Id"])


def _update(writer: Writer, tx: Transaction, user_id: str | None, write: Write, options: Options) -> None:
    obj = write.obj
    assert write.id is not None
    if not writer.access.unlimited and not obj.has("updateable"):
        raise checks.entity_refused("updated", obj)
    changed = checks.stored_values(writer, obj, write.values, creating=False)
    before = checks.current_row(tx.connection, obj, write.id)
    rights.require(writer.access, "Edit", obj)
    sharing.require(writer, obj, before, "Edit")
    if before.get("IsConverted") and not writer.access.unlimited:
        raise ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ())
    for name in [name for name, value in changed.items() if value is None]:
        f = obj.get(name)
        if f is not None and f.type == "boolean":
            changed[name] = int(f.default == "true")
    if "OwnerId" in changed and changed["OwnerId"] is None:
        raise ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "Owner ID: owner cannot be blank", ("OwnerId",))
    row = {**before, **changed}
    actor = user_id or setup_rows.first_user(writer.org)
    saving = writer.org.rulebook.saving(writer, obj, actor, row, before)
    if saving is not None:
        saving.prepare()
        saving.assign(options.auto_assign)
    _name(obj, row)
    actor = user_id or setup_rows.first_user(writer.org)
    change = standard.Change(writer.org, tx, obj, actor, changed, row, before)
    standard.fill(change)
    checks.check_required(obj, row, changed)
    altered = {k: v for k, v in changed.items() if before.get(k) != v}
    checks.check_references(writer, obj, altered)
    checks.check_unique(writer, obj, altered, write.id)
    permission_rules.check(writer, obj, row, write.id)
    for name, value in stamps(obj, tx.stamp, actor, creating=False).items():
        if name not in changed:
            row[name] = value
    if saving is not None:
        saving.validate()
        saving.compare(options.duplicates)
    sets = _differences(row, before)
    if not sets and change.kept.get("person"):
        # What is written is the contact's, in the second in which the account was last stamped.
        sets = {"SystemModstamp": row["SystemModstamp"]}
    if sets and saving is None:
        update_row(tx, obj, write.id, sets)
        standard.follow(change)
    elif sets and saving is not None:
        saving.store(tx, lambda: update_row(tx, obj, str(write.id), sets), lambda: standard.follow(change))


def _differences(row: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row is not as before; `row` began as a copy of it, so their columns stand in one order."""
    both = zip(row.items(), chain(before.values(), repeat(None)), strict=False)
    return {name: value for (name, value), old in both if value is not old and value != old}


def _name(obj: ObjectType, row: dict[str, Any]) -> None:
    """People's Name is made of first and last name."""
    if obj.is_person:
        parts = [row.get("FirstName"), row.get("LastName")]
        row["Name"] = " ".join(part for part in parts if part) or None


# -- one at a time ----------------------------------------------------------------------------------


def object_named(org: Org, name: str) -> ObjectType:
    """The object, in any case; ApiError 404 NOT_FOUND when there is none."""
    found = org.schema.get(name)
    if found is None:
        raise ApiError(404, "NOT_FOUND", "The requested resource does not exist", code_first=True)
    return found


def perform(
    org: Org,
    user: User,
    operation: str,
    object_name: str,
    record_id: str | None,
    values: Mapping[str, Any],
    options: Options = PLAIN,
) -> str:
    """One write, raising its refusal; returns the record's id."""
    obj = object_named(org, object_name)
    if record_id is not None:
        record_id = checks.typed_id(obj, record_id)
    outcome = apply(org, user, [Write(operation, obj, record_id, values)], options)[0]
    if outcome.error is not None:
        raise outcome.error
    return str(outcome.id)


def insert(
    org: Org, user: User, object_name: str, values: Mapping[str, Any], options: Options = PLAIN
) -> str:
    """Create a record and return its id; raises ApiError when it is refused."""
    return perform(org, user, "insert", object_name, None, values, options)


def update(
    org: Org,
    user: User,
    object_name: str,
    record_id: str,
    values: Mapping[str, Any],
    options: Options = PLAIN,
) -> None:
    """Change a record; raises ApiError when it is refused."""
    perform(org, user, "update", object_name, record_id, values, options)


def delete(org: Org, user: User, object_name: str, record_id: str) -> None:
    """Put a record, and the children that go with it, into the recycle bin."""
    perform(org, user, "delete", object_name, record_id, {})


def undelete(org: Org, user: User, object_name: str, record_id: str) -> None:
    """Take a record out of the recycle bin, with what was deleted along with it."""
    perform(org, user, "undelete", object_name, record_id, {})


def bump(org: Org, object_name: str, record_ids: Sequence[str]) -> int:
    """Move SystemModstamp alone, as background recalculations do; returns how many records it met."""
    obj = object_named(org, object_name)
    with org.transaction() as tx:
        count = 0
        for record_id in record_ids:
            found = checks.typed_id(obj, record_id)
            row = tx.connection.execute(
                f'SELECT 1 FROM {quoted(obj.name)} WHERE "Id" = ?', (found,)
            ).fetchone()
            if row is not None:
                update_row(tx, obj, found, {"SystemModstamp": tx.stamp})
                count += 1
    return count
