"""The custom fields of a messy org: twins, near twins, and false friends on Lead and Contact.

`EXTERNAL_KEY` is empty: it is there for a tool that wants to recognise what it made. The three mkto71
fields are the ones that Marketo asks an administrator to create (specification S-3); salespeople may read
but not write them (S-6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from practice_org.org import Org
from practice_org.schema import birth, custom, permission_sets, profiles
from practice_org.seed import words

EXTERNAL_KEY = "External_Key__c"
MARKETING = ("mkto71_Lead_Score__c", "mkto71_Acquisition_Date__c", "mkto71_Acquisition_Program__c")
BOTH = ("Lead", "Contact")


@dataclass(frozen=True)
class Wanted:
    """One custom field on one or more objects; `more` are further arguments of `create_field`."""

    objects: tuple[str, ...]
    name: str
    type: str
    label: str
    more: tuple[tuple[str, Any], ...] = ()


def _want(objects: tuple[str, ...] | str, name: str, type: str, label: str, **more: Any) -> Wanted:
    chosen = (objects,) if isinstance(objects, str) else objects
    return Wanted(chosen, name, type, label, tuple(more.items()))


FIELDS = (
    _want(
        BOTH,
        EXTERNAL_KEY,
        "text",
        "External Key",
        length=64,
        external_id=True,
        unique=True,
        case_sensitive=True,
    ),
    _want(BOTH, "mkto71_Lead_Score__c", "number", "Score", precision=10, scale=0),
    _want(BOTH, "mkto71_Acquisition_Date__c", "datetime", "Acquisition Date"),
    _want(BOTH, "mkto71_Acquisition_Program__c", "text", "Acquisition Program", length=255),
    # Same name on both, same type: twins.
    _want(BOTH, "Newsletter__c", "checkbox", "Newsletter"),
    _want(BOTH, "Preferred_Language__c", "picklist", "Preferred Language", picklist=words.LANGUAGES),
    _want(BOTH, "Region__c", "text", "Region", length=80),
    _want(BOTH, "Consent_Date__c", "date", "Consent Date"),
    _want(BOTH, "Legacy_Id__c", "text", "Legacy Id", length=32, external_id=True),
    # Names that differ in spelling.
    _want("Lead", "Favorite_Color__c", "picklist", "Favorite Color", picklist=words.COLORS),
    _want("Contact", "Favourite_Color__c", "picklist", "Favourite Color", picklist=words.COLORS),
    _want("Lead", "LinkedIn_Profile__c", "url", "LinkedIn Profile"),
    _want("Contact", "Linkedin_Profile_URL__c", "url", "LinkedIn profile URL"),
    # Same label, different API name.
    _want("Lead", "Shoe_Size__c", "number", "Shoe Size", precision=4, scale=1),
    _want("Contact", "ShoeSize__c", "number", "Shoe Size", precision=4, scale=1),
    # Same name, types that must not be paired.
    _want("Lead", "Segment__c", "picklist", "Segment", picklist=("A", "B", "C")),
    _want("Contact", "Segment__c", "number", "Segment", precision=3, scale=0),
    _want("Lead", "Renewal__c", "date", "Renewal"),
    _want("Contact", "Renewal__c", "checkbox", "Renewal"),
    # On one side only.
    _want("Lead", "Budget__c", "currency", "Budget", precision=18, scale=2),
    _want("Lead", "Win_Probability__c", "percent", "Win Probability", precision=5, scale=2),
    _want("Lead", "Next_Call__c", "datetime", "Next Call"),
    _want("Lead", "Interests__c", "multipicklist", "Interests", picklist=words.INTERESTS),
    _want("Lead", "Internal_Notes__c", "longtextarea", "Internal Notes", length=32768),
    _want("Lead", "Assistant_Email__c", "email", "Assistant Email"),
    _want("Lead", "Company_Size__c", "picklist", "Company Size", picklist=words.BANDS, restricted=True),
    _want("Lead", "Second_Phone__c", "phone", "Second Phone"),
    _want("Lead", "Do_Not_Mail__c", "checkbox", "Do Not Mail"),
    _want("Contact", "Loyalty_Points__c", "number", "Loyalty Points", precision=9, scale=0),
    _want("Contact", "VIP__c", "checkbox", "VIP"),
    _want("Contact", "Contract_Value__c", "currency", "Contract Value", precision=18, scale=2),
    _want("Contact", "Last_Visit__c", "datetime", "Last Visit"),
    _want("Contact", "Hobbies__c", "textarea", "Hobbies"),
    _want(
        "Account", "Customer_Number__c", "text", "Customer Number", length=20, external_id=True, unique=True
    ),
    _want("Account", "Key_Account__c", "checkbox", "Key Account"),
)


def prepare_fields(org: Org) -> None:
    """Create those of the custom fields that the org does not have."""
    salespeople = profiles.permission_set_of_profile(org, birth.STANDARD_PROFILE)
    with org.transaction():
        for wanted in FIELDS:
            for object_name in wanted.objects:
                if org.schema[object_name].get(wanted.name) is not None:
                    continue
                custom.create_field(
                    org, object_name, wanted.name, wanted.type, label=wanted.label, **dict(wanted.more)
                )
                if wanted.name in MARKETING:
                    permission_sets.set_field_rights(
                        org, salespeople, object_name, wanted.name, read=True, edit=False
                    )
