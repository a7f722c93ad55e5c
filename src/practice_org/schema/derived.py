"""Standard fields that have no column: the org works them out whenever they are read.

Each is an SQL expression over the row `{t}`. They follow what they are made of at once, and without a
new SystemModstamp: a campaign member shows the person's e-mail address of today, a campaign counts the
members of now. On the real platform roll-ups of campaigns follow within moments [K].
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


def _person(contact: str, lead: str) -> str:
    """A field of the member's contact, or of its lead as long as there is no contact."""
    return (
        '(CASE WHEN {t}."ContactId" IS NOT NULL '
        f'THEN (SELECT {contact} FROM "Contact" p WHERE p."Id" = {{t}}."ContactId") '
        f'ELSE (SELECT {lead} FROM "Lead" p WHERE p."Id" = {{t}}."LeadId") END)'
    )


def _same(name: str) -> str:
    return _person(f'p."{name}"', f'p."{name}"')


def _address(part: str) -> str:
    return _person(f'p."Mailing{part}"', f'p."{part}"')


def _flag(name: str) -> str:
    return f"coalesce({_same(name)}, 0)"


_COMPANY = '(SELECT a."Name" FROM "Account" a WHERE a."Id" = p."AccountId")'

_MEMBER = {
    **{name: _same(name) for name in ("Salutation", "Name", "FirstName", "LastName", "Title", "Email")},
    **{name: _same(name) for name in ("Phone", "Fax", "MobilePhone", "Description", "LeadSource")},
    **{name: _flag(name) for name in ("DoNotCall", "HasOptedOutOfEmail", "HasOptedOutOfFax")},
    **{part: _address(part) for part in ("Street", "City", "State", "PostalCode", "Country")},
    "CompanyOrAccount": _person(_COMPANY, 'p."Company"'),
    "Type": "(CASE WHEN {t}.\"ContactId\" IS NOT NULL THEN 'Contact' ELSE 'Lead' END)",
    "LeadOrContactId": 'coalesce({t}."ContactId", {t}."LeadId")',
    "LeadOrContactOwnerId": _same("OwnerId"),
}


def _members(test: str) -> str:
    return f'(SELECT count(*) FROM "CampaignMember" m WHERE m."CampaignId" = {{t}}."Id" AND m."IsDeleted" = 0{test})'


def _opportunities(what: str, test: str = "") -> str:
    return (
        f'(SELECT {what} FROM "Opportunity" o WHERE o."CampaignId" = {{t}}."Id" AND o."IsDeleted" = 0{test})'
    )


_CAMPAIGN = {
    "NumberOfLeads": _members(' AND m."LeadId" IS NOT NULL'),
    "NumberOfConvertedLeads": _members(' AND m."LeadId" IS NOT NULL AND m."ContactId" IS NOT NULL'),
    "NumberOfContacts": _members(' AND m."ContactId" IS NOT NULL'),
    "NumberOfResponses": _members(' AND m."HasResponded" = 1'),
    "NumberOfOpportunities": _opportunities("count(*)"),
    "NumberOfWonOpportunities": _opportunities("count(*)", ' AND o."IsWon" = 1'),
    "AmountAllOpportunities": _opportunities('coalesce(sum(o."Amount"), 0)'),
    "AmountWonOpportunities": _opportunities('coalesce(sum(o."Amount"), 0)', ' AND o."IsWon" = 1'),
}


_OPPORTUNITY = {
    "HasOpenActivity": (
        '(EXISTS(SELECT 1 FROM "Task" a WHERE a."WhatId" = {t}."Id" AND a."IsDeleted" = 0 AND a."IsClosed" = 0)'
        ' OR EXISTS(SELECT 1 FROM "Event" a WHERE a."WhatId" = {t}."Id" AND a."IsDeleted" = 0'
        ' AND a."EndDateTime" >= sf_now()))'
    ),
    "HasOverdueTask": (
        '(EXISTS(SELECT 1 FROM "Task" a WHERE a."WhatId" = {t}."Id" AND a."IsDeleted" = 0'
        ' AND a."IsClosed" = 0 AND a."ActivityDate" < substr(sf_now(), 1, 10)))'
    ),
    "ContactId": (
        '(SELECT r."ContactId" FROM "OpportunityContactRole" r WHERE r."OpportunityId" = {t}."Id"'
        ' AND r."IsDeleted" = 0 AND r."IsPrimary" = 1 LIMIT 1)'
    ),
}

_CASE = {
    f"Contact{name}": f'(SELECT p."{column}" FROM "Contact" p WHERE p."Id" = {{t}}."ContactId")'
    for name, column in (("Phone", "Phone"), ("Mobile", "MobilePhone"), ("Email", "Email"), ("Fax", "Fax"))
}

DERIVED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"Campaign": _CAMPAIGN, "CampaignMember": _MEMBER, "Case": _CASE, "Opportunity": _OPPORTUNITY}
)
"""By object and field."""
