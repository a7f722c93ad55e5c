"""Campaigns, the statuses that their members may have, and the members.

From Salesforce's object reference: each campaign begins with the statuses Sent and Responded; a status
that the campaign does not know becomes its default one; who has responded follows the status; a member
given both a lead and a contact is one of the contact. A status that is the default or in use cannot be
deleted. The texts of refusals other than `Already a campaign member.` are platform knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from practice_org.data.standard.change import Change
from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Transaction

FIRST_STATUSES = (("Sent", True, False), ("Responded", False, True))
"""Label, whether it is the default, whether it means a response."""


def follow(change: Change) -> None:
    """A new campaign gets its first statuses."""
    if not change.creating:
        return
    for position, (label, default, responded) in enumerate(FIRST_STATUSES, 1):
        change.add(
            "CampaignMemberStatus",
            {
                "CampaignId": change.row["Id"],
                "Label": label,
                "SortOrder": position,
                "IsDefault": int(default),
                "HasResponded": int(responded),
            },
        )


# -- members ------------------------------------------------------------------------------------------


def fill_member(change: Change) -> None:
    """Status and response of a member; one person is a member of a campaign once.

    Raises ApiError DUPLICATE_VALUE, CANNOT_UPDATE_CONVERTED_LEAD or REQUIRED_FIELD_MISSING.
    """
    row = change.row
    if change.creating:
        if row.get("ContactId"):
            row["LeadId"] = None
        _refuse_person(change)
    if change.altered("Status") or change.creating:
        label, responded = _status(change, row.get("CampaignId"), row.get("Status"))
        row["Status"], row["HasResponded"] = label, responded
    if row["HasResponded"] and not row.get("FirstRespondedDate"):
        row["FirstRespondedDate"] = change.tx.stamp[:10]


def _refuse_person(change: Change) -> None:
    row = change.row
    column = "ContactId" if row.get("ContactId") else "LeadId"
    person = row.get(column)
    if person is None:
        raise ApiError(
            400,
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LeadId]",
            ("LeadId",),
        )
    if column == "LeadId":
        converted = change.one('SELECT "IsConverted" FROM "Lead" WHERE "Id" = ?', person)
        if converted and converted[0]:
            raise ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ())
    twin = change.one(
        f'SELECT 1 FROM "CampaignMember" WHERE "CampaignId" = ? AND "{column}" = ? AND "IsDeleted" = 0',
        row.get("CampaignId"),
        person,
    )
    if twin is not None:
        raise ApiError(400, "DUPLICATE_VALUE", "Already a campaign member.")


def _status(change: Change, campaign_id: Any, wanted: str | None) -> tuple[str | None, int]:
    """The label and response of the status wanted, else those of the campaign's default."""
    rows = change.connection.execute(
        'SELECT "Label", "HasResponded", "IsDefault" FROM "CampaignMemberStatus" '
        'WHERE "CampaignId" = ? AND "IsDeleted" = 0 ORDER BY "SortOrder", "Id"',
        (campaign_id,),
    ).fetchall()
    for label, responded, _ in rows:
        if wanted is not None and label.lower() == wanted.lower():
            return label, responded
    for label, responded, default in rows:
        if default:
            return label, responded
    return wanted, 0


# -- statuses -----------------------------------------------------------------------------------------


def fill_status(change: Change) -> None:
    """Refuse a label that the campaign has, and to take the default away without naming another."""
    row = change.row
    if change.altered("Label"):
        twin = change.one(
            'SELECT "Id" FROM "CampaignMemberStatus" WHERE "CampaignId" = ? AND "Label" = ? '
            'AND "IsDeleted" = 0 AND "Id" IS NOT ?',
            row.get("CampaignId"),
            row.get("Label"),
            row.get("Id"),
        )
        if twin is not None:
            raise ApiError(
                400,
                "DUPLICATE_VALUE",
                f"duplicate value found: Label duplicates value on record with id: {twin[0][:15]}",
                (),
            )
    if change.before and change.before["IsDefault"] and not row["IsDefault"]:
        raise ApiError(
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            "Each campaign must have a default member status.",
            ("IsDefault",),
        )
    if row.get("SortOrder") is None:
        last = change.one(
            'SELECT max("SortOrder") FROM "CampaignMemberStatus" WHERE "CampaignId" = ? AND "IsDeleted" = 0',
            row.get("CampaignId"),
        )[0]
        row["SortOrder"] = (last or 0) + 1


def follow_status(change: Change) -> None:
    """A campaign has one default status; members follow a status that comes to mean a response, or not."""
    row = change.row
    if row["IsDefault"] and change.altered("IsDefault"):
        others = change.connection.execute(
            'SELECT "Id" FROM "CampaignMemberStatus" WHERE "CampaignId" = ? AND "IsDefault" = 1 '
            'AND "IsDeleted" = 0 AND "Id" <> ?',
            (row["CampaignId"], row["Id"]),
        ).fetchall()
        for (other,) in others:
            change.touch("CampaignMemberStatus", other, {"IsDefault": 0})
    if change.before is None or not (change.altered("HasResponded") or change.altered("Label")):
        return
    members = change.connection.execute(
        'SELECT "Id", "FirstRespondedDate" FROM "CampaignMember" WHERE "CampaignId" = ? AND "Status" = ? '
        'AND "IsDeleted" = 0',
        (row["CampaignId"], change.before["Label"]),
    ).fetchall()
    for member, first in members:
        responded = bool(row["HasResponded"])
        more = {"FirstRespondedDate": change.tx.stamp[:10]} if responded and not first else {}
        changes = {"Status": row["Label"], "HasResponded": int(responded), **more}
        change.touch("CampaignMember", member, changes)


def refuse_delete(tx: Transaction, row: Mapping[str, Any]) -> None:
    """Refuse to delete a status that is the default or that a member has."""
    used = tx.connection.execute(
        'SELECT 1 FROM "CampaignMember" WHERE "CampaignId" = ? AND "Status" = ? AND "IsDeleted" = 0 LIMIT 1',
        (row["CampaignId"], row["Label"]),
    ).fetchone()
    if row["IsDefault"] or used is not None:
        raise ApiError(
            400,
            "DELETE_FAILED",
            "This member status is the default status of its campaign or is in use.",
            (),
        )
