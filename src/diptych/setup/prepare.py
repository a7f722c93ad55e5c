"""The two preparing steps in Salesforce, as instructions: what to create and what to allow, no more than we need (S-3..S-16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diptych.domain.creating import KEY_FIELD
from diptych.domain.standard_pairs import MARKETING_PREFIX


@dataclass(frozen=True)
class FieldToCreate:
    """A custom field to create on both Lead and Contact. `recommended`: one of the three of S-3; the others are optional.
    `external_id`: an External Id, and unique."""

    label: str
    name: str
    type: str
    length: int | None = None
    decimals: int | None = None
    recommended: bool = False
    external_id: bool = False

    @property
    def api_name(self) -> str:
        return f"{self.name}__c"

    @property
    def attributes(self) -> str:
        """Its size, as the form in Setup asks for it."""
        said = [] if self.length is None else [f"Length {self.length}"]
        said += [] if self.decimals is None else [f"Decimal Places {self.decimals}"]
        return ", ".join(said + (["Unique", "External ID"] if self.external_id else []))


@dataclass(frozen=True)
class ObjectRights:
    """What the sync user needs on one object, and what it is used for."""

    object_name: str
    rights: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class SystemRight:
    """A user permission by label and API name. `needed`: nothing works without it; otherwise `reason` says who needs it."""

    label: str
    api_name: str
    needed: bool
    reason: str


def _text(label: str) -> FieldToCreate:
    return FieldToCreate(label, MARKETING_PREFIX + label.replace(" ", "_"), "Text", 255)


FIELDS_TO_CREATE = (
    FieldToCreate("Score", f"{MARKETING_PREFIX}Lead_Score", "Number", 10, 0, recommended=True),
    FieldToCreate("Acquisition Date", f"{MARKETING_PREFIX}Acquisition_Date", "Date/Time", recommended=True),
    FieldToCreate(
        "Acquisition Program",
        f"{MARKETING_PREFIX}Acquisition_Program",
        "Text",
        255,
        recommended=True,
    ),
    FieldToCreate(
        "Acquisition Program Id",
        f"{MARKETING_PREFIX}Acquisition_Program_Id",
        "Number",
        18,
        0,
    ),
    *(
        _text(label)
        for label in (
            "Original Referrer",
            "Original Search Engine",
            "Original Search Phrase",
            "Original Source Info",
            "Original Source Type",
            "Inferred City",
            "Inferred Company",
            "Inferred Country",
            "Inferred Metropolitan Area",
            "Inferred Phone Area Code",
            "Inferred Postal Code",
            "Inferred State Region",
        )
    ),
)

KEY = FieldToCreate("Diptych Key", KEY_FIELD.removesuffix("__c"), "Text", 40, external_id=True)
"""For creating people in Salesforce alone: sent again, a person does not become a second record (D-48)."""

CREATING_RIGHT = "Create"
"""The further right on Lead that creating people there needs."""

ACTING_RIGHTS: Mapping[str, tuple[str, ...]] = {
    "Lead": ("Delete",),
    "Contact": ("Create", "Delete"),
    "Account": ("Create", "Edit"),
    "Opportunity": ("Read", "Create", "Edit"),
}
"""The further rights that merging, converting and deleting from here need (D-61): a merge deletes, a conversion creates."""

CONVERT_RIGHT = "ConvertLeads"
"""The permission that converting needs beside them."""

# less than S-14 asks for: no right to create or delete (unless that is done from here), and nothing on objects that are not synced (least privilege)
OBJECT_RIGHTS = (
    ObjectRights("Lead", ("Read", "Edit"), "people, both ways"),
    ObjectRights("Contact", ("Read", "Edit"), "people, both ways"),
    ObjectRights("Account", ("Read",), "companies, read only"),
    ObjectRights("User", ("Read",), "owners, read only; every user has this right"),
)

SYSTEM_RIGHTS = (
    SystemRight("API Enabled", "PermissionsApiEnabled", True, "every call"),
    SystemRight(
        "Password Never Expires",
        "PermissionsPasswordNeverExpires",
        False,
        "only with user name and password: an expired password stops the sync. "
        "Log in by OAuth instead and leave it off.",
    ),
    SystemRight("Convert Leads", "PermissionsConvertLeads", False, "only to convert leads from here"),
    SystemRight("Edit Tasks", "PermissionsEditTask", False, "only to write tasks from here"),
    SystemRight("Edit Events", "PermissionsEditEvent", False, "only to write events from here"),
)


@dataclass(frozen=True)
class Instruction:
    """One thing to do in Salesforce, in order."""

    title: str
    text: str


FIELD_INSTRUCTIONS = (
    Instruction(
        "Create the fields on Lead",
        "Setup > Object Manager > Lead > Fields & Relationships > New; take type, label, length and name "
        "from the table. The three recommended ones are enough; all are optional.",
    ),
    Instruction(
        "Create the same fields on Contact",
        "Setup > Object Manager > Contact > Fields & Relationships > New, with the same names.",
    ),
    Instruction(
        "Let salespeople see, not change them",
        "Field-level security: Visible and Read-Only for every profile; only for the sync user's profile "
        "leave Read-Only off.",
    ),
    Instruction(
        "Keep the values when a lead is converted",
        "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields: map each of them to the "
        "Contact field of the same name.",
    ),
    Instruction(
        "Only to create people of yours in Salesforce: the key field",
        f"On Lead and on Contact, {KEY.label}: {KEY.type}, {KEY.attributes}, name {KEY.name}; editable for the sync user, not "
        "needed by anybody else. By it a person that is sent twice becomes one record.",
    ),
)

USER_INSTRUCTIONS = (
    Instruction(
        "Use a user of its own",
        "Setup > Users > New User, for example sync@yourcompany.com, so that its edits can be told apart. "
        "Any licence that allows Leads, Contacts and Accounts will do.",
    ),
    Instruction(
        "Give it only what is needed",
        "A profile cloned from Standard User, or a permission set, with the rights in the tables below. "
        "To create people of yours as leads it also needs Create on Lead. To merge, convert and delete from here: Delete on Lead and "
        "Contact, Create on Contact, Create and Edit on Account and Opportunity, Convert Leads. Not needed: Campaigns, Manage Public Documents, Edit HTML Templates.",
    ),
    Instruction(
        "Hide what should not be synced",
        "What that user cannot see is not synced. You can also choose fields here in the next steps, and "
        "change the choice at any time.",
    ),
    Instruction(
        "Get a way to log in",
        "Best: an External Client App (Setup > App Manager > New External Client App) with OAuth, the "
        "scopes 'api' and 'refresh_token', and PKCE. Or the user's password and security token "
        "(My Settings > Reset My Security Token).",
    ),
    Instruction(
        "Professional Edition",
        "API access is an extra that your Salesforce account executive switches on; access to fields "
        "follows page layouts, so put the fields on the Lead and the Contact layout.",
    ),
)
