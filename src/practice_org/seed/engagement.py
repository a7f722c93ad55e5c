"""What made-up people take part in: campaigns, opportunities, tasks and events.

In proportion to the people: a campaign for every thousand, about one person in six a member of one, an
opportunity for about one contact in eight, a task for one person in five and an event for one in twenty.
A stream of its own (`Engagement`), so that the people of a seed stay those that they were.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from practice_org.clock import stamp
from practice_org.data.standard.campaign import FIRST_STATUSES
from practice_org.seed.people import DAY, Owners, Row
from practice_org.seed.words import COMPANY_FIRST, SENTENCES

PEOPLE_PER_CAMPAIGN = 1000
FEWEST_CAMPAIGNS, MOST_CAMPAIGNS = 3, 200
MEMBERS, DEALS, TASKS, EVENTS = 0.16, 0.125, 0.2, 0.05
"""Shares of the people (of the contacts with a company, for deals)."""
_KINDS = ("Webinar", "Trade Show", "Email", "Conference", "Direct Mail")
_STAGES = (
    ("Prospecting", 10, "Pipeline"),
    ("Qualification", 10, "Pipeline"),
    ("Needs Analysis", 20, "Pipeline"),
    ("Value Proposition", 50, "Pipeline"),
    ("Proposal/Price Quote", 75, "Pipeline"),
    ("Negotiation/Review", 90, "Pipeline"),
    ("Closed Won", 100, "Closed"),
    ("Closed Lost", 0, "Omitted"),
)
_SUBJECTS = ("Call", "Send Letter", "Send Quote", "Follow up: price list", "Send the \"new\" brochure, please")  # fmt: skip
_ROLES = ("Decision Maker", "Evaluator", "Economic Buyer", "Influencer", None)


@dataclass
class Engagement:
    """Rows from a seed; `now` is the org's present."""

    seed: int
    now: datetime
    owners: Owners
    campaigns: list[str] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(f"engagement {self.seed}")
        self._end = int(self.now.timestamp()) - 60
        self._today = self.now.date()

    def _maybe(self, share: float) -> bool:
        return self._rng.random() < share

    def _pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._rng.random() * len(choices))]

    def _made(self, since: str) -> Row:
        """System fields of a row that came after a moment (a stored stamp)."""
        first = int(datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp())
        created = first + int(self._rng.random() * max(1, self._end - first))
        changed = created + int(self._rng.random() * max(1, self._end - created))
        user = self._pick(self.owners.active)
        return {
            "IsDeleted": 0,
            "CreatedDate": _stamp(created),
            "LastModifiedDate": _stamp(changed),
            "SystemModstamp": _stamp(changed),
            "CreatedById": user,
            "LastModifiedById": user,
        }

    def _day(self, days: int) -> str:
        return (self._today + timedelta(days=days)).isoformat()

    # -- campaigns ------------------------------------------------------------------------------------

    def campaign(self) -> Row:
        """One campaign; `campaigns` is to be told its id."""
        self._number += 1
        kind = self._pick(_KINDS)
        start = -int(self._rng.random() * 700)
        return {
            **self._made(_stamp(self._end + start * DAY)),
            "OwnerId": self._pick(self.owners.active),
            "Name": f"{self._pick(COMPANY_FIRST)} {kind} {self._number}",
            "Type": kind,
            "Status": self._pick(("Planned", "In Progress", "Completed")),
            "StartDate": self._day(start),
            "EndDate": self._day(start + 30),
            "IsActive": int(self._maybe(0.6)),
            "BudgetedCost": float(int(self._rng.random() * 50) * 1000),
        }

    def statuses(self, campaign_id: str, made: Row) -> list[Row]:
        """The two statuses that each campaign begins with."""
        system = {name: made[name] for name in made if name.endswith(("Date", "ById", "Modstamp", "Deleted"))}
        system = {name: system[name] for name in system if name not in ("StartDate", "EndDate")}
        return [
            {
                **system,
                "CampaignId": campaign_id,
                "Label": label,
                "SortOrder": position,
                "IsDefault": int(default),
                "HasResponded": int(responded),
            }
            for position, (label, default, responded) in enumerate(FIRST_STATUSES, 1)
        ]

    def member(self, person: Row, *, contact_id: str | None, lead_id: str | None) -> Row | None:
        """The membership of a person, if it has one."""
        if not self._maybe(MEMBERS):
            return None
        made = self._made(person["CreatedDate"])
        responded = self._maybe(0.3)
        return {
            **made,
            "CampaignId": self.campaigns[int(self._rng.random() ** 2 * len(self.campaigns))],
            "LeadId": lead_id,
            "ContactId": contact_id,
            "Status": "Responded" if responded else "Sent",
            "HasResponded": int(responded),
            "FirstRespondedDate": made["LastModifiedDate"][:10] if responded else None,
        }

    # -- opportunities --------------------------------------------------------------------------------

    def deal(self, contact: Row) -> tuple[Row, Row, Row] | None:
        """An opportunity with its contact role and its history, for a contact with a company."""
        if contact["AccountId"] is None or not self._maybe(DEALS):
            return None
        made = self._made(contact["CreatedDate"])
        stage, probability, category = self._pick(_STAGES)
        closed = stage.startswith("Closed")
        days = int(self._rng.random() * 400)
        close = date.fromisoformat(self._day(-days if closed else days - 60))
        amount = float(int(self._rng.random() ** 2 * 2_000) * 100) if self._maybe(0.9) else None
        facts = {
            "StageName": stage,
            "Amount": amount,
            "Probability": float(probability),
            "ExpectedRevenue": None if amount is None else amount * probability / 100,
            "CloseDate": close.isoformat(),
            "ForecastCategory": category,
        }
        quarter = (close.month + 2) // 3
        opportunity = {
            **made,
            **facts,
            "AccountId": contact["AccountId"],
            "OwnerId": self._pick(self.owners.active),
            "Name": f"{contact['LastName']}, {self._pick(('renewal', 'new seats', 'pilot', 'Q3 deal'))}"[
                :120
            ],
            "ForecastCategoryName": category,
            "IsClosed": int(closed),
            "IsWon": int(stage == "Closed Won"),
            "CampaignId": self._pick(self.campaigns) if self._maybe(0.3) else None,
            "Type": self._pick(("New Customer", "Existing Customer - Upgrade", None)),
            "LeadSource": contact.get("LeadSource"),
            "NextStep": self._pick(SENTENCES)[:255] if self._maybe(0.3) else None,
            "FiscalYear": close.year,
            "FiscalQuarter": quarter,
            "Fiscal": f"{close.year} {quarter}",
        }
        role = {**made, "ContactId": contact["Id"], "Role": self._pick(_ROLES), "IsPrimary": 1}
        known = ("CreatedDate", "CreatedById", "SystemModstamp", "IsDeleted")
        return opportunity, role, {**{name: made[name] for name in known}, **facts}

    # -- activities -----------------------------------------------------------------------------------

    def task(self, person: Row, account_id: str | None) -> Row | None:
        """A task about a person; a closed one is what their last activity was."""
        if not self._maybe(TASKS):
            return None
        last = person.get("LastActivityDate")
        closed = last is not None
        return {
            **self._made(person["CreatedDate"]),
            "WhoId": person["Id"],
            "AccountId": account_id,
            "OwnerId": self._pick(self.owners.active),
            "Subject": self._pick(_SUBJECTS),
            "ActivityDate": last if closed else self._day(int(self._rng.random() * 60) - 10),
            "Status": "Completed" if closed else self._pick(("Not Started", "In Progress", "Deferred")),
            "Priority": "Normal",
            "IsClosed": int(closed),
            "TaskSubtype": "Task",
            "Description": self._pick(SENTENCES) if self._maybe(0.4) else None,
        }

    def event(self, person: Row, account_id: str | None) -> Row | None:
        """A meeting with a person who has had an activity, on the day of the last one."""
        day = person.get("LastActivityDate")
        if day is None or not self._maybe(EVENTS):
            return None
        hour = 8 + int(self._rng.random() * 9)
        start = f"{day}T{hour:02d}:00:00"
        return {
            **self._made(person["CreatedDate"]),
            "WhoId": person["Id"],
            "AccountId": account_id,
            "OwnerId": self._pick(self.owners.active),
            "Subject": self._pick(("Meeting", "Call", "Demo, on site")),
            "StartDateTime": start,
            "ActivityDateTime": start,
            "EndDateTime": f"{day}T{hour:02d}:45:00",
            "DurationInMinutes": 45,
            "ActivityDate": day,
            "EndDate": day,
            "ShowAs": "Busy",
            "EventSubtype": "Event",
            "GroupEventType": "0",
        }


def campaigns_for(people: int) -> int:
    """How many campaigns come with so many people."""
    return min(MOST_CAMPAIGNS, max(FEWEST_CAMPAIGNS, people // PEOPLE_PER_CAMPAIGN))


def _stamp(seconds: int) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))
