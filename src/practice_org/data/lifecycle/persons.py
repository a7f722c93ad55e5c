"""Conversion in an org with person accounts: a lead without a company becomes one person.

From Salesforce's help on converting leads with person accounts: a lead with a company becomes a business account
and a contact, one without becomes a person account. Not verified: that what an existing person account
lacks is filled as in other accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from practice_org.data.lifecycle import mapping
from practice_org.data.lifecycle.actor import Actor
from practice_org.schema import person_accounts

if TYPE_CHECKING:
    from practice_org.org import Org


def meant(actor: Actor, lead: Mapping[str, Any], account_id: str | None) -> bool:
    """Whether the lead becomes, or joins, a person account."""
    if not actor.org.setting(person_accounts.SETTING):
        return False
    if account_id is None:
        return not lead.get("Company")
    return bool(actor.live_row(actor.org.schema["Account"], account_id).get("IsPersonAccount"))


def carried(org: Org, lead: Mapping[str, Any]) -> dict[str, Any]:
    """What the lead's row gives to a person account: the account's share of it and the contact's."""
    accounts, contacts = org.schema["Account"], org.schema["Contact"]
    values = mapping.carried(org, lead, accounts)
    values.pop("Name", None)
    return {**values, **shown(org, mapping.carried(org, lead, contacts))}


def shown(org: Org, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of a contact by the names under which its account shows them; those that it does not show are left out."""
    accounts = org.schema["Account"]
    named = ((person_accounts.account_field(name), value) for name, value in values.items())
    return {name: value for name, value in named if accounts.get(name) is not None}


def gaps(actor: Actor, account_id: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Of the values those that a person account has not."""
    accounts = actor.org.schema["Account"]
    row = actor.live_row(accounts, account_id)
    held = actor.live_row(actor.org.schema["Contact"], str(row["PersonContactId"]))
    found = {
        f.name: held.get(person_accounts.contact_field(f.name))
        for f in accounts.fields
        if person_accounts.is_person_field(f)
    }
    return mapping.gaps({**row, **found}, values)
