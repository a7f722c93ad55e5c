"""The objects of the org in memory: the fields the engine needs and the usual ones of a sales team."""

from __future__ import annotations

from collections.abc import Iterable

from diptych.domain.schema import FieldDescription, ObjectDescription


def field(
    name: str, sf_type: str = "string", length: int = 0, writable: bool = True, **more: object
) -> FieldDescription:
    """A field description with the usual defaults; texts are 255 long unless told."""
    sized = length or (255 if sf_type in ("string", "url", "picklist") else 80 if sf_type == "email" else 0)
    return FieldDescription(
        name,
        str(more.pop("label", name)),
        sf_type,
        length=sized,
        createable=writable,
        updateable=writable,
        custom=name.endswith("__c"),
        **more,  # type: ignore[arg-type]
    )


def described(
    name: str, plural: str, key_prefix: str, fields: Iterable[FieldDescription], writable: bool = True
) -> ObjectDescription:
    """An object description with the audit fields that every object has."""
    system = (
        field("Id", "id", 18, writable=False, nillable=False),
        field("CreatedDate", "datetime", writable=False, nillable=False),
        field("LastModifiedDate", "datetime", writable=False, nillable=False),
        field("LastModifiedById", "reference", 18, writable=False, nillable=False, reference_to=("User",)),
        field("SystemModstamp", "datetime", writable=False, nillable=False),
    )
    every = {f.name: f for f in (*system, *fields)}
    return ObjectDescription(
        name, name, plural, key_prefix, every, createable=writable, updateable=writable, deletable=writable
    )


def _deletable(*fields: FieldDescription) -> tuple[FieldDescription, ...]:
    return (
        field("IsDeleted", "boolean", writable=False, nillable=False),
        field("MasterRecordId", "reference", 18, writable=False),
        field("OwnerId", "reference", 18, nillable=False, reference_to=("User",), relationship_name="Owner"),
        *fields,
    )


_PERSON = (
    field("Salutation", "picklist", 40, picklist=("Mr.", "Ms.", "Dr.")),
    field("FirstName", length=40),
    field("LastName", length=80, nillable=False),
    field("Name", length=121, writable=False, nillable=False),
    field("Title", length=128),
    field("Email", "email"),
    field("Phone", "phone", 40),
    field("MobilePhone", "phone", 40),
    field("Fax", "phone", 40),
    field("Description", "textarea", 32000),
    field("LeadSource", "picklist", picklist=("Web", "Phone", "Partner", "Other")),
    field("HasOptedOutOfEmail", "boolean", nillable=False, label="Email Opt Out"),
)

STANDARD_OBJECTS = (
    described(
        "User",
        "Users",
        "005",
        (
            field("Name", length=121, writable=False, nillable=False),
            field("FirstName", length=40),
            field("LastName", length=80, nillable=False),
            field("Email", "email", nillable=False),
            field("Username", length=80, nillable=False),
            field("Title", length=80),
            field("Phone", "phone", 40),
            field("IsActive", "boolean", nillable=False),
            field("UserType", "picklist", writable=False),
            field("ManagerId", "reference", 18, reference_to=("User",), relationship_name="Manager"),
        ),
    ),
    described(
        "Account",
        "Accounts",
        "001",
        _deletable(
            field("Name", nillable=False, label="Account Name"),
            field("ParentId", "reference", 18, reference_to=("Account",), relationship_name="Parent"),
            field("Phone", "phone", 40),
            field("Website", "url"),
            field("Industry", "picklist", picklist=("Banking", "Energy", "Retail")),
            field("AnnualRevenue", "currency", precision=18),
            field("NumberOfEmployees", "int"),
            field("BillingStreet", "textarea", 255),
            field("BillingCity", length=40),
            field("BillingState", length=80),
            field("BillingPostalCode", length=20),
            field("BillingCountry", length=80),
            field("Description", "textarea", 32000),
        ),
    ),
    described(
        "Contact",
        "Contacts",
        "003",
        _deletable(
            field("AccountId", "reference", 18, reference_to=("Account",), relationship_name="Account"),
            *_PERSON,
            field("Birthdate", "date"),
            field("MailingStreet", "textarea", 255),
            field("MailingCity", length=40),
            field("MailingState", length=80),
            field("MailingPostalCode", length=20),
            field("MailingCountry", length=80),
        ),
    ),
    described(
        "Lead",
        "Leads",
        "00Q",
        _deletable(
            *_PERSON,
            field("Company", nillable=False),
            field("Website", "url"),
            field("Street", "textarea", 255),
            field("City", length=40),
            field("State", length=80),
            field("PostalCode", length=20),
            field("Country", length=80),
            field("Industry", "picklist", picklist=("Banking", "Energy", "Retail")),
            field("AnnualRevenue", "currency", precision=18),
            field("NumberOfEmployees", "int"),
            field("Rating", "picklist", picklist=("Hot", "Warm", "Cold")),
            field(
                "Status",
                "picklist",
                nillable=False,
                defaulted_on_create=True,
                picklist=("Open", "Working", "Qualified", "Unqualified"),
            ),
            field("IsConverted", "boolean", writable=False, nillable=False),
            field("ConvertedDate", "date", writable=False),
            field("ConvertedAccountId", "reference", 18, writable=False, reference_to=("Account",)),
            field("ConvertedContactId", "reference", 18, writable=False, reference_to=("Contact",)),
            field("ConvertedOpportunityId", "reference", 18, writable=False, reference_to=("Opportunity",)),
        ),
    ),
)
