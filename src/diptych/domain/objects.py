"""The registry: which Salesforce objects are synced, into which table, and what the engine itself must be able to read."""

from __future__ import annotations

from dataclasses import dataclass

SYSTEM_FIELDS = ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "IsDeleted")


@dataclass(frozen=True)
class SyncedObject:
    """One synced Salesforce object.

    `table` is ours; `salesforce_type` is what `person.salesforce_type` says for its records (None: not people).
    `system_fields` are read with every record by the engine; `required_fields` must be visible to the sync user (S-23,
    D-24), `required_writable` also editable. `two_way` objects have pairs; the others are copied inbound only.
    """

    name: str
    table: str
    label_plural: str
    salesforce_type: str | None
    two_way: bool
    system_fields: tuple[str, ...]
    required_fields: tuple[str, ...]
    required_writable: tuple[str, ...] = ()


USER = SyncedObject(
    "User",
    "salesforce_user",
    "Users",
    None,
    False,
    ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById"),
    ("Id", "Email", "CreatedDate", "ManagerId", "SystemModstamp", "UserType"),
)
ACCOUNT = SyncedObject(
    "Account",
    "company",
    "Accounts",
    None,
    False,
    (*SYSTEM_FIELDS, "MasterRecordId"),
    ("Id", "Name", "OwnerId", "IsDeleted", "MasterRecordId", "SystemModstamp", "CreatedDate", "ParentId"),
)
CONTACT = SyncedObject(
    "Contact",
    "person",
    "Contacts",
    "contact",
    True,
    (*SYSTEM_FIELDS, "MasterRecordId"),
    (
        "Id",
        "AccountId",
        "OwnerId",
        "IsDeleted",
        "MasterRecordId",
        "SystemModstamp",
        "CreatedDate",
        "Name",
        "Email",
    ),
    ("FirstName", "LastName", "Email"),
)
LEAD = SyncedObject(
    "Lead",
    "person",
    "Leads",
    "lead",
    True,
    (*SYSTEM_FIELDS, "MasterRecordId", "IsConverted", "ConvertedContactId"),
    (
        "Id",
        "IsConverted",
        "ConvertedDate",
        "ConvertedAccountId",
        "ConvertedContactId",
        "ConvertedOpportunityId",
        "Status",
        "OwnerId",
        "IsDeleted",
        "MasterRecordId",
        "SystemModstamp",
        "CreatedDate",
        "Name",
        "Email",
        "Company",
    ),
    ("Status", "FirstName", "LastName", "Email"),
)

# the order of a cycle: what others point at comes first (D-38)
SYNCED_OBJECTS = (USER, ACCOUNT, CONTACT, LEAD)
TWO_WAY_OBJECTS = tuple(o for o in SYNCED_OBJECTS if o.two_way)


def synced_object(name: str) -> SyncedObject:
    """The registered object of that API name. Raises KeyError for one that is not synced."""
    for known in SYNCED_OBJECTS:
        if known.name == name:
            return known
    raise KeyError(f"{name} is not an object that is synced")
