"""The pairs that are given: which Lead and Contact fields share a column of `person` (data-semantics section 4)."""

from __future__ import annotations

from dataclasses import dataclass

MARKETING_PREFIX = "mkto71_"


@dataclass(frozen=True)
class StandardPair:
    """One column of `person` and the fields of Lead and Contact that fill it; None where that object has none.

    `inbound` pairs are never written to Salesforce (RO in section 4).
    """

    column: str
    lead: str | None
    contact: str | None
    inbound: bool = False


STANDARD_PAIRS = (
    StandardPair("email", "Email", "Email"),
    StandardPair("salutation", "Salutation", "Salutation"),
    StandardPair("first_name", "FirstName", "FirstName"),
    StandardPair("last_name", "LastName", "LastName"),
    StandardPair("title", "Title", "Title"),
    StandardPair("phone", "Phone", "Phone"),
    StandardPair("mobile_phone", "MobilePhone", "MobilePhone"),
    StandardPair("fax", "Fax", "Fax"),
    StandardPair("company_name", "Company", None),
    StandardPair("website", "Website", None),
    StandardPair("street", "Street", "MailingStreet"),
    StandardPair("city", "City", "MailingCity"),
    StandardPair("state", "State", "MailingState"),
    StandardPair("state_code", "StateCode", "MailingStateCode"),
    StandardPair("postal_code", "PostalCode", "MailingPostalCode"),
    StandardPair("country", "Country", "MailingCountry"),
    StandardPair("country_code", "CountryCode", "MailingCountryCode"),
    StandardPair("latitude", "Latitude", "MailingLatitude", inbound=True),
    StandardPair("longitude", "Longitude", "MailingLongitude", inbound=True),
    StandardPair("lead_source", "LeadSource", "LeadSource"),
    StandardPair("status", "Status", None),
    StandardPair("rating", "Rating", None),
    StandardPair("industry", "Industry", None),
    StandardPair("annual_revenue", "AnnualRevenue", None),
    StandardPair("number_of_employees", "NumberOfEmployees", None),
    StandardPair("description", "Description", "Description"),
    StandardPair("date_of_birth", None, "Birthdate"),
    StandardPair("unsubscribed", "HasOptedOutOfEmail", "HasOptedOutOfEmail"),
    StandardPair("owner_id", "OwnerId", "OwnerId", inbound=True),
    StandardPair("account_id", None, "AccountId", inbound=True),
    StandardPair("is_converted", "IsConverted", None, inbound=True),
    StandardPair("converted_at", "ConvertedDate", None, inbound=True),
    StandardPair("salesforce_created_at", "CreatedDate", "CreatedDate", inbound=True),
    StandardPair("score", "mkto71_Lead_Score__c", "mkto71_Lead_Score__c"),
    *(
        StandardPair(name.lower(), f"{MARKETING_PREFIX}{name}__c", f"{MARKETING_PREFIX}{name}__c")
        for name in (
            "Acquisition_Date",
            "Acquisition_Program",
            "Acquisition_Program_Id",
            "Original_Referrer",
            "Original_Search_Engine",
            "Original_Search_Phrase",
            "Original_Source_Info",
            "Original_Source_Type",
            "Inferred_City",
            "Inferred_Company",
            "Inferred_Country",
            "Inferred_Metropolitan_Area",
            "Inferred_Phone_Area_Code",
            "Inferred_Postal_Code",
            "Inferred_State_Region",
        )
    ),
)

# a contact's company name comes from its account and never goes back (D-87)
CONTACT_COMPANY_PATH = "Account.Name"

STANDARD_COLUMN = {
    (object_name, field): pair
    for pair in STANDARD_PAIRS
    for object_name, field in (("Lead", pair.lead), ("Contact", pair.contact))
    if field is not None
}
