"""What standard objects do by themselves when their records are written.

`fill` completes a row before it is checked and stored, and refuses what the object does not take; it
writes nothing. `follow` changes the records around it afterwards. `gone` does so when a record went into
the recycle bin or came out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from practice_org.data.standard import (
    activity,
    campaign,
    case,
    files,
    hierarchy,
    opportunity,
    person_account,
    record_type,
)
from practice_org.data.standard.change import Change
from practice_org.schema import record_types

if TYPE_CHECKING:
    from practice_org.org import Transaction
    from practice_org.schema.catalogue import Schema

__all__ = ["Change", "fill", "follow", "gone", "refuse_delete"]


def _fill_account(change: Change) -> None:
    hierarchy.fill(change)
    person_account.fill_account(change)


_FILL: Mapping[str, Callable[[Change], None]] = MappingProxyType(
    {
        "Account": _fill_account,
        "Attachment": files.fill_body,
        "Campaign": hierarchy.fill,
        "CampaignMember": campaign.fill_member,
        "CampaignMemberStatus": campaign.fill_status,
        "Case": case.fill,
        "Contact": person_account.refuse_contact,
        "ContentVersion": files.fill_version,
        "Document": files.fill_body,
        "Event": activity.fill_event,
        "Opportunity": opportunity.fill,
        "Task": activity.fill_task,
    }
)


def _publish_record_types(change: Change) -> None:
    record_types.publish(change.org)


_FOLLOW: Mapping[str, Callable[[Change], None]] = MappingProxyType(
    {
        "Account": person_account.follow_account,
        "Campaign": campaign.follow,
        "CampaignMemberStatus": campaign.follow_status,
        "ContentVersion": files.follow_version,
        "Event": activity.follow,
        "Opportunity": opportunity.follow,
        "OpportunityContactRole": opportunity.follow_role,
        "RecordType": _publish_record_types,
        "Task": activity.follow,
    }
)


def fill(change: Change) -> None:
    """Complete the row; raises ApiError when the object refuses it."""
    record_type.fill(change)
    rule = _FILL.get(change.obj.name)
    if rule is not None:
        rule(change)


def follow(change: Change) -> None:
    """Let the records around it follow a row that has been stored."""
    rule = _FOLLOW.get(change.obj.name)
    if rule is not None:
        rule(change)


def refuse_delete(tx: Transaction, object_name: str, row: Mapping[str, Any]) -> None:
    """Raise ApiError when the object does not let go of a record."""
    if object_name == "CampaignMemberStatus":
        campaign.refuse_delete(tx, row)
    elif object_name == "Contact":
        person_account.refuse_delete(row)


def gone(tx: Transaction, schema: Schema, object_name: str, record_id: str) -> None:
    """Let the records around it follow one that was deleted or undeleted."""
    if object_name in ("Task", "Event"):
        activity.gone(tx, schema, object_name, record_id)
