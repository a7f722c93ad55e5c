"""Merging duplicates: up to two losers go into the recycle bin, naming the winner as MasterRecordId.

Rules from Salesforce's page on merge(): the winner's values stay, but for those that the request sets;
records around the losers are moved to the winner and named in the result; each request is a transaction
of its own; a hierarchy that would run in a circle is refused. Recorded refusals: ENTITY_IS_DELETED
"entity is deleted", INVALID_CROSS_REFERENCE_KEY "invalid cross reference id". Not verified are the codes
INVALID_MERGE_RECORD and CIRCULAR_DEPENDENCY, which the service has, for the cases they are given here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from practice_org.data import dml, sharing
from practice_org.data.lifecycle.actor import Actor, any_id, id_of
from practice_org.data.lifecycle.related import move_all
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

MOST_LOSERS = 2
MOST_REQUESTS = 200


@dataclass(frozen=True)
class Merge:
    """One request: the winner, what to set in it, and whom it swallows."""

    object_name: str
    master_id: str
    loser_ids: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """What became of one request; `moved_ids` are the records around the losers, now the winner's."""

    id: str | None
    loser_ids: tuple[str, ...] = ()
    moved_ids: tuple[str, ...] = ()
    error: ApiError | None = None


def merge(
    org: Org, user: dml.User, requests: Sequence[Merge], options: dml.Options = dml.PLAIN
) -> list[Merged]:
    """Carry out merges one after another; a refused one changes nothing."""
    return [_apart(org, user, request, options) for request in requests]


def _apart(org: Org, user: dml.User, request: Merge, options: dml.Options) -> Merged:
    try:
        with org.transaction() as tx:
            return _merge(Actor(org, tx, user, options), request)
    except ApiError as error:
        return Merged(request.master_id, error=error)


def _merge(actor: Actor, request: Merge) -> Merged:
    org = actor.org
    obj = dml.object_named(org, request.object_name)
    if not obj.has("mergeable"):
        raise ApiError(
            400, "INVALID_TYPE_FOR_OPERATION", f"entity type {obj.name} does not support merge", ()
        )
    master = id_of(obj, request.master_id)
    losers = _losers(obj, master, request.loser_ids)
    if actor.user_id is not None:
        org.faults.check("merge", obj.name)
    org.late.await_unlocked([master, *losers])
    winner_row = actor.live_row(obj, master)
    rows = [actor.live_row(obj, loser) for loser in losers]
    rights.require(actor.access, "Edit", obj)
    rights.require(actor.access, "Delete", obj)
    sharing.require(actor.writer, obj, winner_row, "Edit")
    for row in rows:
        sharing.require(actor.writer, obj, row, "Delete")
    if any(row.get("IsConverted") for row in (winner_row, *rows)):
        raise ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ())
    moved: dict[str, None] = {}
    for loser in losers:
        moved.update(dict.fromkeys(move_all(actor, obj, loser, master)))
        actor.bin(obj, loser, MasterRecordId=master)
    for one in (master, *losers):
        moved.pop(one, None)
    values = dict(request.values)
    for row in rows:
        if obj.name == "Contact" and winner_row.get("ReportsToId") is None and row.get("ReportsToId"):
            values.setdefault("ReportsToId", row["ReportsToId"])
    actor.write("update", obj, master, values)
    _refuse_circles(actor, obj, master)
    return Merged(master, tuple(losers), tuple(moved))


def _losers(obj: ObjectType, master: str, given: Sequence[str]) -> list[str]:
    if not given:
        raise ApiError(400, "MISSING_ARGUMENT", "recordToMergeIds not specified", ())
    if len(given) > MOST_LOSERS:
        raise ApiError(
            400,
            "EXCEEDED_ID_LIMIT",
            f"cannot merge more than {MOST_LOSERS} records into the master record",
            (),
        )
    losers = [any_id(text) for text in given]
    for loser in losers:
        if not loser.startswith(obj.prefix):
            raise ApiError(400, "INVALID_MERGE_RECORD", f"record is not of type {obj.name}: {loser}", ())
    if master in losers or len(set(losers)) < len(losers):
        raise ApiError(400, "INVALID_MERGE_RECORD", "a record cannot be merged with itself", ())
    return losers


def _refuse_circles(actor: Actor, obj: ObjectType, master: str) -> None:
    """Raise when the winner has become its own superior."""
    for f in obj.stored_fields:
        if f.name not in ("ReportsToId", "ParentId") or obj.name not in f.refs:
            continue
        seen: set[str] = set()
        above: str | None = master
        while above and above not in seen:
            seen.add(above)
            row = actor.tx.connection.execute(
                f'SELECT {quoted(f.name)} FROM {quoted(obj.name)} WHERE "Id" = ?', (above,)
            ).fetchone()
            above = row[0] if row else None
            if above == master:
                raise ApiError(
                    400,
                    "CIRCULAR_DEPENDENCY",
                    f"attempt to merge records would create a circular relationship: {f.label}",
                    (f.name,),
                )
