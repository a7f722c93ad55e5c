"""The records around a record: where they point when it becomes another.

References are found in the catalogue, so that custom lookups move as the standard ones do. Two records
that say the same once both point to the winner become one (campaign members, contact roles).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from practice_org.data.lifecycle.actor import Actor
from practice_org.data.tables import quoted
from practice_org.schema.catalogue import Field, ObjectType, Schema

JUNCTIONS = {"CampaignMember": ("CampaignId",), "OpportunityContactRole": ("OpportunityId", "Role")}
"""Objects that hold one record for each person and the fields named here."""


def references(schema: Schema, target: ObjectType) -> Iterator[tuple[ObjectType, Field]]:
    """Every stored reference to an object but the one that names the winner of a merge."""
    for obj in schema.objects:
        for f in obj.stored_fields:
            if f.type == "reference" and target.name in f.refs and f.name not in ("MasterRecordId", "Id"):
                yield obj, f


def pointing(actor: Actor, obj: ObjectType, f: Field, record_id: str) -> list[dict[str, Any]]:
    """The live records whose reference names a record, oldest first."""
    live = ' AND "IsDeleted" = 0' if obj.soft_deletes else ""
    cursor = actor.tx.connection.execute(
        f'SELECT * FROM {quoted(obj.name)} WHERE {quoted(f.name)} = ?{live} ORDER BY "Id"', (record_id,)
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def move_all(actor: Actor, target: ObjectType, loser: str, winner: str) -> list[str]:
    """Point everything that named the loser to the winner; returns the ids of what was moved."""
    moved: dict[str, None] = {}
    for obj, f in references(actor.org.schema, target):
        for row in pointing(actor, obj, f, loser):
            kept = twin(actor, obj, row, f, winner) if obj.name in JUNCTIONS else None
            if kept is not None and kept["Id"] != row["Id"]:
                absorb(actor, obj, kept, row)
                moved.pop(row["Id"], None)
            else:
                actor.touch(obj, row["Id"], {f.name: winner})
                moved[row["Id"]] = None
    return list(moved)


def twin(actor: Actor, obj: ObjectType, row: dict[str, Any], f: Field, winner: str) -> dict[str, Any] | None:
    """The record of a junction that says of the winner what `row` says of another."""
    keys = [name for name in JUNCTIONS[obj.name] if obj.get(name)]
    for other in pointing(actor, obj, f, winner):
        if all(other.get(name) == row.get(name) for name in keys):
            return other
    return None


def absorb(actor: Actor, obj: ObjectType, kept: dict[str, Any], other: dict[str, Any]) -> None:
    """Let one record of a junction stand for two; a campaign member keeps the status further along."""
    changes: dict[str, Any] = {}
    if obj.name == "CampaignMember" and _progress(actor, other) > _progress(actor, kept):
        changes = {n: other.get(n) for n in ("Status", "HasResponded", "FirstRespondedDate") if n in other}
    if obj.name == "OpportunityContactRole" and other.get("IsPrimary") and not kept.get("IsPrimary"):
        changes = {"IsPrimary": 1}
    actor.bin(obj, other["Id"])
    if changes:
        actor.touch(obj, kept["Id"], changes)


def _progress(actor: Actor, member: dict[str, Any]) -> tuple[int, int]:
    """How far along the campaign a member's status is."""
    row = actor.tx.connection.execute(
        'SELECT "HasResponded", "SortOrder" FROM "CampaignMemberStatus" '
        'WHERE "CampaignId" = ? AND "Label" = ? AND "IsDeleted" = 0',
        (member.get("CampaignId"), member.get("Status")),
    ).fetchone()
    return (int(row[0] or 0), int(row[1] or 0)) if row else (int(bool(member.get("HasResponded"))), 0)
