"""A small org whose contents the tests know by heart: what a query finds is computed from these rows.

Names of rows are unique over all objects. `Due` and `Met` are measured in days from TODAY, so that date
literals can be checked without the clock of the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from practice_org.org import Org
from practice_org.schema.birth import create_queue
from practice_org.schema.custom import create_field
from tests.practice_org.calls import Caller, new_org

NOW = datetime(2026, 5, 20, 15, 30, tzinfo=UTC)
"""A Wednesday; also in Los Angeles, where it is 8:30."""
TODAY = date(2026, 5, 20)
NEVER = None


@dataclass(frozen=True)
class Account:
    name: str
    industry: str | None
    revenue: float | None
    employees: int | None
    parent: str | None
    place: tuple[float, float] | None


@dataclass(frozen=True)
class Contact:
    last: str
    first: str | None
    account: str | None
    email: str | None
    birth: str | None
    boss: str | None


@dataclass(frozen=True)
class Lead:
    last: str
    company: str
    rating: str | None
    score: float | None
    employees: int | None
    colours: str | None
    due: int | None
    met: int | None
    opted_out: bool
    partner: str | None
    queued: bool


ACCOUNTS = (
    Account("Acme", "Technology", 5_000_000, 120, None, (37.77, -122.42)),
    Account("Acme West", "Technology", 1_250_000, 30, "Acme", (34.05, -118.24)),
    Account("Acme West Labs", None, None, 5, "Acme West", (32.72, -117.16)),
    Account("Bäckerei Groß", "Food", 80_000, 8, None, (52.52, 13.40)),
    Account("beta", "Food", 80_000, None, "Acme West Labs", None),
    Account("Zenith", "Energy", 0, 2_000, None, None),
)
CONTACTS = (
    Contact("Adams", "Ada", "Acme", "ada@acme.example", "1980-02-29", None),
    Contact("Baker", "Bob", "Acme", None, "1975-12-31", "Adams"),
    Contact("Çelik", "Can", "Acme West", "CAN@acme.example", None, "Baker"),
    Contact("Doe", None, None, "doe@nowhere.example", "1990-07-04", None),
    Contact("Evans", "Eve", "Bäckerei Groß", None, None, None),
    Contact("O'Neil", "Pat", "beta", "pat@beta.example", "1980-02-28", "Çelik"),
)
LEADS = (
    Lead("Ash", "Acme", "Hot", 9.5, 10, "red;blue", -1, -1, False, "Acme", False),
    Lead("Birch", "acme", "Warm", 1.5, None, "red", 0, 0, True, None, False),
    Lead("Cedar", "Other", "Cold", None, 40, None, 1, None, False, "beta", True),
    Lead("Dögwood", "100%", None, -2.5, 40, "green;red;blue", -8, -8, False, None, False),
    Lead("Elm", "under_score", "Hot", 0, 7, "blue", -30, -31, True, "Acme", True),
    Lead("Fir", 'quote " and \\ slash', "Hot", 9.5, None, None, 75, None, False, "Zenith", False),
    Lead("Gum", "line\none", None, None, None, "green", None, -400, False, None, False),
    Lead("Hazel", "OTHER", "Warm", 3.25, 1000, "red;green", -140, -75, False, "Acme West", True),
)


def day(offset: int) -> str:
    return (TODAY + timedelta(days=offset)).isoformat()


def build(folder: Path) -> tuple[Org, Caller, dict[str, str]]:
    """The org, its administrator, and the id of each row by its name."""
    org, admin = new_org(folder)
    org.clock.freeze(NOW)
    create_field(org, "Lead", "Colours", "multipicklist", picklist=("red", "green", "blue"))
    create_field(org, "Lead", "Score", "number", length=6, scale=2)
    create_field(org, "Lead", "Due", "date")
    create_field(org, "Lead", "Met", "datetime")
    create_field(org, "Lead", "Partner", "lookup", refers_to="Account")
    create_field(org, "Account", "Site", "location", scale=6)
    create_field(org, "Lead", "Twice", "number", formula="Score__c * 2")
    queue = create_queue(org, "Inbound")
    ids: dict[str, str] = {"Inbound": queue, "Admin": admin.user_id}
    for a in ACCOUNTS:
        values = {
            "Name": a.name,
            "Industry": a.industry,
            "AnnualRevenue": a.revenue,
            "NumberOfEmployees": a.employees,
            "ParentId": ids[a.parent] if a.parent else None,
        }
        if a.place:
            values["Site__Latitude__s"], values["Site__Longitude__s"] = a.place
            values["BillingLatitude"], values["BillingLongitude"] = a.place
        ids[a.name] = admin.create("Account", **{k: v for k, v in values.items() if v is not None})
    for c in CONTACTS:
        row = {
            "LastName": c.last,
            "FirstName": c.first,
            "AccountId": ids[c.account] if c.account else None,
            "Email": c.email,
            "Birthdate": c.birth,
            "ReportsToId": ids[c.boss] if c.boss else None,
        }
        ids[c.last] = admin.create("Contact", **{k: v for k, v in row.items() if v is not None})
    for lead in LEADS:
        fields = {
            "LastName": lead.last,
            "Company": lead.company,
            "Rating": lead.rating,
            "Score__c": lead.score,
            "NumberOfEmployees": lead.employees,
            "Colours__c": lead.colours,
            "Due__c": None if lead.due is None else day(lead.due),
            "Met__c": None if lead.met is None else f"{day(lead.met)}T19:00:00Z",
            "HasOptedOutOfEmail": lead.opted_out,
            "Partner__c": ids[lead.partner] if lead.partner else None,
            "OwnerId": queue if lead.queued else None,
        }
        ids[lead.last] = admin.create("Lead", **{k: v for k, v in fields.items() if v is not None})
    return org, admin, ids


def leads(holds: Callable[[Lead], bool]) -> list[str]:
    """The names of the leads of which something holds, in the order of the table (which is by name)."""
    return [lead.last for lead in LEADS if holds(lead)]


def contacts(holds: Callable[[Contact], bool]) -> list[str]:
    return [contact.last for contact in CONTACTS if holds(contact)]


def accounts(holds: Callable[[Account], bool]) -> list[str]:
    return [account.name for account in ACCOUNTS if holds(account)]


def account_of(contact: Contact) -> Account | None:
    return next((a for a in ACCOUNTS if a.name == contact.account), None)


def days(lead: Lead) -> date | None:
    return None if lead.due is None else TODAY + timedelta(days=lead.due)
