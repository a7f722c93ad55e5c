"""Which field of a lead becomes which field of account, contact and opportunity.

Standard fields follow Salesforce's table "Lead Conversion Field Mapping"; custom fields follow the org's
setting LEAD_CONVERT_SETTINGS, a list of `{"lead_field", "target_object", "target_field"}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org

LEAD_CONVERT_SETTINGS = "lead_convert_settings"
ADDRESS = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude", "GeocodeAccuracy")
STANDARD: Mapping[str, Mapping[str, str]] = {
    "Account": {
        "Company": "Name",
        "Phone": "Phone",
        "Fax": "Fax",
        "Website": "Website",
        "Industry": "Industry",
        "Rating": "Rating",
        "AnnualRevenue": "AnnualRevenue",
        "NumberOfEmployees": "NumberOfEmployees",
        "LeadSource": "AccountSource",
        "CompanyDunsNumber": "DunsNumber",
        **{part: f"Billing{part}" for part in ADDRESS},
    },
    "Contact": {
        **{
            name: name
            for name in (
                "Salutation",
                "FirstName",
                "LastName",
                "Title",
                "Phone",
                "MobilePhone",
                "Fax",
                "Email",
                "LeadSource",
                "Description",
                "HasOptedOutOfEmail",
                "HasOptedOutOfFax",
                "DoNotCall",
                "IndividualId",
            )
        },
        **{part: f"Mailing{part}" for part in ADDRESS},
    },
    "Opportunity": {"LeadSource": "LeadSource"},
}


def custom_mappings(org: Org) -> list[tuple[str, str, str]]:
    """Lead field, target object and target field of each mapping an administrator has made."""
    return [
        (one["lead_field"], one["target_object"], one["target_field"])
        for one in org.setting(LEAD_CONVERT_SETTINGS) or []
    ]


def carried(org: Org, lead: Mapping[str, Any], target: ObjectType) -> dict[str, Any]:
    """The values that a lead's row gives to a record of the target; empty ones are left out."""
    pairs = list(STANDARD.get(target.name, {}).items())
    pairs += [(source, field) for source, name, field in custom_mappings(org) if name == target.name]
    out: dict[str, Any] = {}
    for source, name in pairs:
        f = target.get(name)
        if f is not None and f.stored and lead.get(source) is not None:
            out[f.name] = lead[source]
    return out


def gaps(row: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Of the values those whose field is empty in an existing record: conversion overwrites nothing."""
    return {name: value for name, value in values.items() if row.get(name) is None}
