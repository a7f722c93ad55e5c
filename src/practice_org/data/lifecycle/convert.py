"""Converting leads: one becomes, or joins, an account, a contact and (unless declined) an opportunity.

Rules from Salesforce's page on convertLead(): an existing account or contact has only its empty fields
filled, but for LeadSource when asked; new records are owned by `owner_id`, else by the lead's owner, which
must then be a user; each lead succeeds or fails by itself. From reports of the real service: "invalid
convertedStatus: X" with field Status; "Validation error on Lead: ..." before the text of a rule; campaign
members gain the contact, and where the contact was a member already the status further along stays.
Not verified: the codes of a contact outside the account and of contradictory opportunity arguments, and
that activities name the opportunity in WhatId.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data import dml, sharing
from practice_org.data.lifecycle import mapping, persons
from practice_org.data.lifecycle.actor import Actor, any_id, id_of, unknown_id
from practice_org.data.lifecycle.related import absorb, pointing, twin
from practice_org.data.query import zone_of
from practice_org.errors import ApiError, said
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

MOST_LEADS = 100
OWNER = (
    "Converted objects can only be owned by users.  If the lead is not owned by a user, you must specify a "
    "user for the Owner field."
)


@dataclass(frozen=True)
class Conversion:
    """One lead to convert. The `..._values` are set in a new record over what the lead carries."""

    lead_id: str
    converted_status: str | None
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None
    opportunity_name: str | None = None
    do_not_create_opportunity: bool = False
    overwrite_lead_source: bool = False
    owner_id: str | None = None
    account_values: Mapping[str, Any] = field(default_factory=dict)
    contact_values: Mapping[str, Any] = field(default_factory=dict)
    opportunity_values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Converted:
    """What became of one lead: the three records, or the refusal."""

    lead_id: str | None = None
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None
    error: ApiError | None = None


def convert(
    org: Org, user: dml.User, requests: Sequence[Conversion], options: dml.Options = dml.PLAIN
) -> list[Converted]:
    """Convert leads in one transaction; with `all_or_none` one refusal undoes all."""
    results: list[Converted] = []
    with org.transaction() as tx:
        actor = Actor(org, tx, user, replace(options, auto_assign="FALSE", any_field=True))
        tx.connection.execute("SAVEPOINT conversions")
        for request in requests:
            tx.connection.execute("SAVEPOINT conversion")
            try:
                results.append(_convert(actor, request))
            except ApiError as error:
                tx.connection.execute("ROLLBACK TO conversion")
                results.append(Converted(error=error))
            tx.connection.execute("RELEASE conversion")
        if options.all_or_none and any(result.error for result in results):
            tx.connection.execute("ROLLBACK TO conversions")
            results = [r if r.error else Converted(error=dml.rolled_back()) for r in results]
        tx.connection.execute("RELEASE conversions")
    return results


def converted_statuses(org: Org) -> list[str]:
    """The values of Lead.Status that mean converted, in their order."""
    rows = org.reader().execute(
        'SELECT "ApiName" FROM "LeadStatus" WHERE "IsConverted" = 1 ORDER BY "SortOrder", "Id"'
    )
    return [str(row[0]) for row in rows]


def _convert(actor: Actor, request: Conversion) -> Converted:
    found = ids.to18(request.lead_id)
    ignored = replace(actor.options.duplicates, ignored=frozenset([found or ""]))
    actor = replace(actor, options=replace(actor.options, duplicates=ignored))
    schema = actor.org.schema
    leads, accounts, contacts = schema["Lead"], schema["Account"], schema["Contact"]
    lead_id = id_of(leads, request.lead_id)
    if actor.user_id is not None:
        actor.org.faults.check("convert", "Lead")
    lead = actor.live_row(leads, lead_id)
    if lead.get("IsConverted"):
        raise ApiError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ())
    _require_rights(actor, leads, lead)
    status = _status(actor.org, request.converted_status)
    owner = _owner(actor, request, lead)
    account_id = id_of(accounts, request.account_id) if request.account_id else None
    contact_id = id_of(contacts, request.contact_id) if request.contact_id else None
    if contact_id and not account_id:
        raise ApiError(
            400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [AccountId]", ("AccountId",)
        )
    actor.org.late.await_unlocked([i for i in (lead_id, account_id, contact_id) if i])
    if persons.meant(actor, lead, account_id):
        account_id, contact_id = _person(actor, request, lead, account_id, contact_id, owner)
    else:
        account_id, contact_id = _company(actor, request, lead, account_id, contact_id, owner)
    opportunity_id = _opportunity(actor, request, lead, account_id, contact_id, owner)
    _move_members(actor, lead_id, contact_id)
    _move_activities(actor, lead_id, account_id, contact_id, opportunity_id)
    _close(actor, leads, lead, status, account_id, contact_id, opportunity_id)
    return Converted(lead_id, account_id, contact_id, opportunity_id)


def _require_rights(actor: Actor, leads: ObjectType, lead: Mapping[str, Any]) -> None:
    if not actor.access.unlimited and "ConvertLeads" not in actor.access.system:
        raise ApiError(403, "INSUFFICIENT_ACCESS", "insufficient access rights on object id", ())
    rights.require(actor.access, "Edit", leads)
    sharing.require(actor.writer, leads, lead, "Edit")


def _status(org: Org, wanted: str | None) -> str:
    for status in converted_statuses(org):
        if wanted is not None and status.lower() == wanted.lower():
            return status
    raise ApiError(400, "INVALID_STATUS", f"invalid convertedStatus: {said(wanted)}", ("Status",))


def _owner(actor: Actor, request: Conversion, lead: Mapping[str, Any]) -> str:
    owner = any_id(request.owner_id) if request.owner_id else str(lead["OwnerId"])
    users = actor.org.schema["User"]
    if not owner.startswith(users.prefix):
        raise ApiError(400, "INVALID_OWNER", OWNER, ())
    row = actor.tx.connection.execute('SELECT 1 FROM "User" WHERE "Id" = ?', (owner,)).fetchone()
    if row is None:
        raise unknown_id()
    return owner


# -- the three records --------------------------------------------------------------------------------


def _company(
    actor: Actor,
    request: Conversion,
    lead: Mapping[str, Any],
    account_id: str | None,
    contact_id: str | None,
    owner: str,
) -> tuple[str, str]:
    """The account and the contact, made or joined."""
    accounts, contacts = actor.org.schema["Account"], actor.org.schema["Contact"]
    if account_id:
        _fill(actor, accounts, account_id, mapping.carried(actor.org, lead, accounts))
    else:
        values = {**mapping.carried(actor.org, lead, accounts), "OwnerId": owner, **request.account_values}
        account_id = _create(actor, accounts, values)
    if contact_id:
        _join_contact(actor, contacts, contact_id, account_id, lead, request.overwrite_lead_source)
    else:
        values = mapping.carried(actor.org, lead, contacts)
        values |= {"AccountId": account_id, "OwnerId": owner, **request.contact_values}
        contact_id = _create(actor, contacts, values)
    return account_id, contact_id


def _person(
    actor: Actor,
    request: Conversion,
    lead: Mapping[str, Any],
    account_id: str | None,
    contact_id: str | None,
    owner: str,
) -> tuple[str, str]:
    """The person account and its contact, made or joined."""
    accounts = actor.org.schema["Account"]
    values = persons.carried(actor.org, lead)
    if account_id is None:
        more = {**request.account_values, **persons.shown(actor.org, request.contact_values)}
        account_id = _create(actor, accounts, {**values, "OwnerId": owner, **more})
    else:
        rights.require(actor.access, "Edit", accounts)
        missing = persons.gaps(actor, account_id, values)
        if request.overwrite_lead_source and "PersonLeadSource" in values:
            missing["PersonLeadSource"] = values["PersonLeadSource"]
        if missing:
            with _named(accounts):
                actor.write("update", accounts, account_id, missing)
    own = str(actor.live_row(accounts, account_id)["PersonContactId"])
    if contact_id not in (None, own):
        raise unknown_id()
    return account_id, own


def _create(actor: Actor, obj: ObjectType, values: Mapping[str, Any]) -> str:
    with _named(obj):
        return actor.write("insert", obj, None, values)


def _fill(actor: Actor, obj: ObjectType, record_id: str, values: Mapping[str, Any]) -> None:
    """Give an existing record what it has not."""
    gaps = mapping.gaps(actor.live_row(obj, record_id), values)
    rights.require(actor.access, "Edit", obj)
    if gaps:
        with _named(obj):
            actor.write("update", obj, record_id, gaps)


def _join_contact(
    actor: Actor,
    contacts: ObjectType,
    contact_id: str,
    account_id: str,
    lead: Mapping[str, Any],
    overwrite_lead_source: bool,
) -> None:
    row = actor.live_row(contacts, contact_id)
    if row.get("AccountId") != account_id:
        raise unknown_id()
    values = mapping.carried(actor.org, lead, contacts)
    if overwrite_lead_source and values.get("LeadSource") not in (None, row.get("LeadSource")):
        with _named(contacts):
            actor.write(
                "update",
                contacts,
                contact_id,
                {**mapping.gaps(row, values), "LeadSource": values["LeadSource"]},
            )
    else:
        _fill(actor, contacts, contact_id, values)


def _opportunity(
    actor: Actor, request: Conversion, lead: Mapping[str, Any], account_id: str, contact_id: str, owner: str
) -> str | None:
    opportunities = actor.org.schema["Opportunity"]
    if request.opportunity_id:
        if request.do_not_create_opportunity or request.opportunity_name:
            raise ApiError(
                400,
                "INVALID_OPERATION",
                "opportunityId cannot be given together with opportunityName or doNotCreateOpportunity",
                (),
            )
        found = id_of(opportunities, request.opportunity_id)
        if actor.live_row(opportunities, found).get("AccountId") not in (None, account_id):
            raise unknown_id()
        _fill(actor, opportunities, found, {"AccountId": account_id})
        return found
    if request.do_not_create_opportunity:
        return None
    values = {
        **mapping.carried(actor.org, lead, opportunities),
        "Name": request.opportunity_name or lead.get("Company") or lead.get("Name"),
        "AccountId": account_id,
        "StageName": _first_stage(actor),
        "CloseDate": _quarter_end(_today(actor)).isoformat(),
        "OwnerId": owner,
    }
    campaign = _latest_campaign(actor, str(lead["Id"]))
    if campaign:
        values["CampaignId"] = campaign
    made = _create(actor, opportunities, {**values, **request.opportunity_values})
    roles = actor.org.schema["OpportunityContactRole"]
    actor.write("insert", roles, None, {"OpportunityId": made, "ContactId": contact_id, "IsPrimary": True})
    return made


def _first_stage(actor: Actor) -> str | None:
    row = actor.tx.connection.execute(
        'SELECT "ApiName" FROM "OpportunityStage" WHERE "IsActive" = 1 ORDER BY "SortOrder", "Id" LIMIT 1'
    ).fetchone()
    return str(row[0]) if row else None


def _today(actor: Actor) -> date:
    return actor.tx.started.astimezone(zone_of(actor.org, actor.user_id)).date()


def _quarter_end(day: date) -> date:
    """The last day of a day's quarter: when a new opportunity is to close."""
    month = (day.month - 1) // 3 * 3 + 4
    first_after = date(day.year + (month > 12), month - 12 if month > 12 else month, 1)
    return first_after - timedelta(days=1)


def _latest_campaign(actor: Actor, lead_id: str) -> str | None:
    row = actor.tx.connection.execute(
        'SELECT "CampaignId" FROM "CampaignMember" WHERE "LeadId" = ? AND "IsDeleted" = 0 '
        'ORDER BY "CreatedDate" DESC, "Id" DESC LIMIT 1',
        (lead_id,),
    ).fetchone()
    return str(row[0]) if row else None


class _named:
    """Words the refusal of a validation rule as conversion does: with the object it was met on."""

    def __init__(self, obj: ObjectType) -> None:
        self._obj = obj

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ApiError):
            named = [self._worded(one) for one in error.all]
            first = named[0]
            raise ApiError(
                first.status,
                first.code,
                first.message,
                first.fields,
                extra=first.extra,
                also=tuple(named[1:]),
            ) from error

    def _worded(self, error: ApiError) -> ApiError:
        if error.code != "FIELD_CUSTOM_VALIDATION_EXCEPTION":
            return error
        message = f"Validation error on {self._obj.label}: {error.message}"
        return ApiError(error.status, error.code, message, error.fields)


# -- what hangs on the lead ---------------------------------------------------------------------------


def _move_members(actor: Actor, lead_id: str, contact_id: str) -> None:
    members = actor.org.schema["CampaignMember"]
    of_lead, of_contact = members.get("LeadId"), members.get("ContactId")
    assert of_lead is not None and of_contact is not None
    for row in pointing(actor, members, of_lead, lead_id):
        kept = twin(actor, members, row, of_contact, contact_id)
        if kept is not None:
            absorb(actor, members, kept, row)
            continue
        actor.touch(members, row["Id"], {"ContactId": contact_id})


def _move_activities(
    actor: Actor, lead_id: str, account_id: str, contact_id: str, opportunity_id: str | None
) -> None:
    for name in ("Task", "Event"):
        obj = actor.org.schema[name]
        who = obj.get("WhoId")
        assert who is not None
        for row in pointing(actor, obj, who, lead_id):
            changes: dict[str, Any] = {"WhoId": contact_id, "AccountId": account_id}
            if row.get("WhatId") is None and opportunity_id is not None:
                changes["WhatId"] = opportunity_id
            actor.touch(obj, row["Id"], changes)


def _close(
    actor: Actor,
    leads: ObjectType,
    lead: Mapping[str, Any],
    status: str,
    account_id: str,
    contact_id: str,
    opportunity_id: str | None,
) -> None:
    changes: dict[str, Any] = {
        "IsConverted": 1,
        "Status": status,
        "ConvertedDate": _today(actor).isoformat(),
        "ConvertedAccountId": account_id,
        "ConvertedContactId": contact_id,
        "ConvertedOpportunityId": opportunity_id,
        "IsUnreadByOwner": 0,
    }
    changes = {name: value for name, value in changes.items() if leads.get(name)}
    with _named(leads):
        saving = actor.org.rulebook.saving(
            actor.writer, leads, actor.stamping_id, {**lead, **changes}, dict(lead)
        )
        if saving is not None:
            saving.validate()
    actor.touch(leads, str(lead["Id"]), changes)
