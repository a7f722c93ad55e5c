"""The matching and duplicate rules that every org has. Here they are inactive until they are switched on.

Names as in recorded refusals (`Standard_Contact_Match_Rule_v1_1`, `Standard_Lead_Duplicate_Rule`); what
counts as alike follows the help page "Standard Matching Rules", shortened: the real rules weigh more
combinations of address fields.
"""

from __future__ import annotations

from typing import Any

MESSAGE = "Use one of these records?"


def _item(field: str, method: str) -> dict[str, Any]:
    return {"field": field, "method": method, "blank": "no_match"}


def _matching(
    name: str, object_name: str, label: str, fields: list[tuple[str, str]], logic: str
) -> dict[str, Any]:
    items = [_item(field, method) for field, method in fields]
    return {
        "object": object_name, "name": name, "label": label, "items": items, "logic": logic, "active": True,
    }  # fmt: skip


def _duplicate(object_name: str, *matching: tuple[str, str]) -> dict[str, Any]:
    return {
        "object": object_name,
        "name": f"Standard_{object_name}_Duplicate_Rule",
        "label": f"Standard {object_name} Duplicate Rule",
        "active": False,
        "on_create": "alert",
        "on_update": "allow",
        "message": MESSAGE,
        "matching": [{"rule": rule, "object": target} for rule, target in matching],
        "when": None,
        "sharing": "enforce",
    }


_PERSON = "1 AND 2 AND (5 OR 6 OR (3 AND 4) OR (7 AND (8 OR 9)))"
CONTACT, LEAD, ACCOUNT = (
    "Standard_Contact_Match_Rule_v1_1",
    "Standard_Lead_Match_Rule_v1_0",
    "Standard_Account_Match_Rule_v1_0",
)
MATCHING: tuple[dict[str, Any], ...] = (
    _matching(
        ACCOUNT,
        "Account",
        "Standard Account Matching Rule",
        [("Name", "CompanyName"), ("Phone", "Phone"), ("Website", "Exact"), ("BillingStreet", "Street"),
         ("BillingCity", "City"), ("BillingPostalCode", "Zip")],
        "1 AND (2 OR 3 OR (4 AND (5 OR 6)))",
    ),
    _matching(
        CONTACT,
        "Contact",
        "Standard Contact Matching Rule",
        [("FirstName", "FirstName"), ("LastName", "LastName"), ("Title", "Title"),
         ("Account.Name", "CompanyName"), ("Email", "Exact"), ("Phone", "Phone"), ("MailingStreet", "Street"),
         ("MailingCity", "City"), ("MailingPostalCode", "Zip")],
        _PERSON,
    ),
    _matching(
        LEAD,
        "Lead",
        "Standard Lead Matching Rule",
        [("FirstName", "FirstName"), ("LastName", "LastName"), ("Title", "Title"), ("Company", "CompanyName"),
         ("Email", "Exact"), ("Phone", "Phone"), ("Street", "Street"), ("City", "City"), ("PostalCode", "Zip")],
        _PERSON,
    ),
)  # fmt: skip
DUPLICATE: tuple[dict[str, Any], ...] = (
    _duplicate("Account", (ACCOUNT, "Account")),
    _duplicate("Contact", (CONTACT, "Contact"), (LEAD, "Lead")),
    _duplicate("Lead", (LEAD, "Lead"), (CONTACT, "Contact")),
)
