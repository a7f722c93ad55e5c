"""Made-up people and companies as rows of Account, Contact and Lead.

One `Generator` is a deterministic stream: the same seed, the same rows. It knows nothing of ids; `sow`
brings them, so that rows can refer to each other.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from practice_org.clock import stamp
from practice_org.seed import words

Row = dict[str, Any]
DAY = 86_400
YEARS = 6
IMPORT_ROWS = 12_000
"""Of so many rows, the imported ones share their second: more than a page of 2,000 with one stamp."""


@dataclass(frozen=True)
class Owners:
    """Whom records may belong to: user ids, and ids of queues (leads only)."""

    active: tuple[str, ...]
    inactive: tuple[str, ...]
    queues: tuple[str, ...]


@dataclass
class Generator:
    """Rows from a seed; `now` is the org's present, before which everything happened."""

    seed: int
    now: datetime
    owners: Owners
    _rng: random.Random = field(init=False)
    _latest_email: str = ""
    _import_stamp: int = 0
    _import_block: int = -1
    _number: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._end = int(self.now.timestamp()) - 60
        self._start = self._end - YEARS * 365 * DAY

    # -- small choices --------------------------------------------------------------------------

    def _pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._rng.random() * len(choices))]

    def _maybe(self, share: float) -> bool:
        return self._rng.random() < share

    def _moment(self, first: int, last: int) -> int:
        return first + int(self._rng.random() * max(1, last - first))

    def _day(self, seconds: int) -> str:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")

    def _phone(self) -> str | None:
        r = int(self._rng.random() * 10_000_000)
        form = r % 7
        if form == 0:
            return None
        if form == 1:
            return f"+49 30 {r:07d}"
        if form == 2:
            return f"001-555-{r:07d} ext. {r % 90 + 10}"
        return f"(555) {r // 10_000:03d}-{r % 10_000:04d}"

    def _owner(self, queues: bool) -> str:
        r = self._rng.random()
        if queues and r < 0.10 and self.owners.queues:
            return str(self._pick(self.owners.queues))
        if r < 0.20 and self.owners.inactive:
            return str(self._pick(self.owners.inactive))
        return str(self._pick(self.owners.active))

    def _name(self) -> tuple[str | None, str]:
        r = self._rng.random()
        first, last = next(names for share, names in words.NAME_GROUPS if r < share)
        return (None if self._maybe(0.02) else self._pick(first)), self._pick(last)

    def _company(self) -> str:
        r = self._rng.random()
        if r < 0.02:
            return str(self._pick(words.COMPANY_ODD))
        return f"{self._pick(words.COMPANY_FIRST)} {self._pick(words.COMPANY_SECOND)} {self._pick(words.COMPANY_END)}".strip()

    def _email(self, first: str | None, last: str) -> str | None:
        r = self._rng.random()
        if r < 0.08:
            return None
        if r < 0.12 and self._latest_email:
            return self._latest_email
        if r < 0.14:
            return f"info@{self._pick(words.DOMAINS)}"
        local = _ascii(f"{first or ''}.{last}") or "person"
        email = f"{local}{self._number % 9973}@{self._pick(words.DOMAINS)}"
        if r < 0.16:
            email = email.upper()
        self._latest_email = email
        return email

    def _text(self) -> str | None:
        r = self._rng.random()
        if r < 0.35:
            return None
        if r < 0.37:
            return str(self._pick(words.LITERAL_NULLS))
        if r < 0.375:
            return "\n".join(self._pick(words.SENTENCES) for _ in range(60))
        return " ".join(self._pick(words.SENTENCES) for _ in range(1 + int(r * 3)))

    def _address(self, prefix: str, row: Row) -> None:
        if self._maybe(0.1):
            return
        city, state, code, country = self._pick(words.CITIES)
        row[f"{prefix}Street"] = (
            f"{1 + int(self._rng.random() * 300)} {self._pick(words.STREETS)}{self._pick(words.STREET_EXTRA)}"
        )
        row[f"{prefix}City"] = city if not self._maybe(0.01) else "NA"
        row[f"{prefix}State"] = state or None
        row[f"{prefix}PostalCode"] = code or None
        row[f"{prefix}Country"] = country

    def _history(self, row: Row) -> int:
        """Creation and change stamps. Four in ten rows were written by imports: they share their second."""
        created = self._moment(self._start, self._end - DAY)
        if self._maybe(0.4):
            if self._number // IMPORT_ROWS != self._import_block:
                self._import_block = self._number // IMPORT_ROWS
                self._import_stamp = self._moment(self._start + DAY, self._end)
            modified = self._import_stamp
            created = min(created, modified)
        else:
            modified = self._moment(created, self._end)
        bumped = modified if self._maybe(0.9) else self._moment(modified, self._end)
        user = self._pick(self.owners.active)
        row["CreatedDate"] = _stamp(created)
        row["LastModifiedDate"] = _stamp(modified)
        row["SystemModstamp"] = _stamp(bumped)
        row["CreatedById"] = user
        row["LastModifiedById"] = self._pick(self.owners.active) if self._maybe(0.3) else user
        return created

    def _person(self, row: Row, created: int) -> None:
        first, last = self._name()
        row["FirstName"], row["LastName"] = first, last
        row["Name"] = f"{first} {last}" if first else last
        row["Salutation"] = self._pick(words.SALUTATIONS) or None
        row["Title"] = self._pick(words.TITLES) or None
        row["Email"] = self._email(first, last)
        row["Phone"], row["MobilePhone"], row["Fax"] = self._phone(), self._phone(), self._phone()
        row["LeadSource"] = self._pick(words.LEAD_SOURCES) or None
        row["Description"] = self._text()
        row["LastActivityDate"] = self._day(self._moment(created, self._end)) if self._maybe(0.6) else None
        row["mkto71_Lead_Score__c"] = int(self._rng.random() * 120) if self._maybe(0.5) else None
        if self._maybe(0.4):
            row["mkto71_Acquisition_Date__c"] = _stamp(created)
            row["mkto71_Acquisition_Program__c"] = self._pick(words.PROGRAMS)
        row["Newsletter__c"] = int(self._maybe(0.4))
        row["Preferred_Language__c"] = self._pick(words.LANGUAGES) if self._maybe(0.8) else None
        row["Region__c"] = self._pick(words.REGIONS) or None
        row["Consent_Date__c"] = self._day(created) if self._maybe(0.5) else None
        row["Legacy_Id__c"] = f"L-{self.seed:03d}-{self._number:07d}" if self._maybe(0.6) else None
        if self._maybe(0.02):
            row["EmailBouncedReason"] = "550 5.1.1 mailbox unavailable"
            row["EmailBouncedDate"] = _stamp(self._moment(created, self._end))

    # -- rows -----------------------------------------------------------------------------------

    def account(self) -> Row:
        """One company."""
        self._number += 1
        row: Row = {"IsDeleted": 0, "OwnerId": self._owner(False)}
        created = self._history(row)
        row["Name"] = self._company()
        row["Type"] = self._pick(words.ACCOUNT_TYPES) or None
        row["Industry"] = self._pick(words.INDUSTRIES) or None
        row["Rating"] = self._pick(words.RATINGS) or None
        row["Phone"] = self._phone()
        row["Website"] = f"https://{_ascii(row['Name']) or 'company'}.example.com"
        row["AnnualRevenue"] = float(int(self._rng.random() * 9_000) * 10_000) if self._maybe(0.7) else None
        row["NumberOfEmployees"] = int(self._rng.random() ** 3 * 20_000) if self._maybe(0.7) else None
        row["Description"] = self._text()
        row["Customer_Number__c"] = f"C{self.seed:03d}{self._number:08d}" if self._maybe(0.7) else None
        row["Key_Account__c"] = int(self._maybe(0.05))
        row["LastActivityDate"] = self._day(created)
        self._address("Billing", row)
        if self._maybe(0.3):
            self._address("Shipping", row)
        return row

    def contact(self, account_id: str | None) -> Row:
        """One contact, of a company or of none."""
        self._number += 1
        row: Row = {
            "IsDeleted": int(self._maybe(0.015)),
            "OwnerId": self._owner(False),
            "AccountId": account_id,
        }
        created = self._history(row)
        self._person(row, created)
        row["IsEmailBounced"] = int("EmailBouncedDate" in row)
        row["Department"] = self._pick(words.DEPARTMENTS) or None
        row["HomePhone"] = self._phone() if self._maybe(0.2) else None
        row["AssistantName"] = self._pick(words.LATIN[0]) if self._maybe(0.1) else None
        if self._maybe(0.3):
            row["Birthdate"] = self._day(self._end - int((20 + self._rng.random() * 50) * 365 * DAY))
        self._address("Mailing", row)
        if self._maybe(0.2):
            self._address("Other", row)
        row["Favourite_Color__c"] = self._pick(words.COLORS) if self._maybe(0.5) else None
        row["Linkedin_Profile_URL__c"] = (
            f"https://social.example.com/in/{self._number}" if self._maybe(0.4) else None
        )
        row["ShoeSize__c"] = 34 + int(self._rng.random() * 28) / 2 if self._maybe(0.3) else None
        row["Segment__c"] = int(self._rng.random() * 9) if self._maybe(0.6) else None
        row["Renewal__c"] = int(self._maybe(0.2))
        row["Loyalty_Points__c"] = int(self._rng.random() * 100_000) if self._maybe(0.5) else None
        row["VIP__c"] = int(self._maybe(0.03))
        row["Contract_Value__c"] = round(self._rng.random() * 250_000, 2) if self._maybe(0.3) else None
        row["Last_Visit__c"] = _stamp(self._moment(created, self._end)) if self._maybe(0.3) else None
        row["Hobbies__c"] = self._pick(words.SENTENCES)[:255] if self._maybe(0.1) else None
        return row

    def lead(self, converted_to: tuple[str, str | None] | None) -> Row:
        """One lead; `converted_to` is the contact and account that it became."""
        self._number += 1
        row: Row = {"IsDeleted": 0, "OwnerId": self._owner(converted_to is None)}
        created = self._history(row)
        self._person(row, created)
        row["Company"] = self._company()
        row["Status"] = self._pick(words.LEAD_STATUS)
        row["IsConverted"] = int(converted_to is not None)
        row["IsUnreadByOwner"] = int(self._maybe(0.3))
        if converted_to is not None:
            row["Status"] = "Closed - Converted"
            row["ConvertedDate"] = row["LastModifiedDate"][:10]
            row["ConvertedContactId"], row["ConvertedAccountId"] = converted_to
        elif self._maybe(0.02):
            row["IsDeleted"] = 1
        row["Industry"] = self._pick(words.INDUSTRIES) or None
        row["Rating"] = self._pick(words.RATINGS) or None
        row["Website"] = f"https://www.{self._pick(words.DOMAINS)}/" if self._maybe(0.7) else None
        row["AnnualRevenue"] = float(int(self._rng.random() * 9_000) * 10_000) if self._maybe(0.7) else None
        row["NumberOfEmployees"] = int(self._rng.random() ** 3 * 20_000) if self._maybe(0.7) else None
        self._address("", row)
        row["Favorite_Color__c"] = self._pick(words.COLORS) if self._maybe(0.5) else None
        row["LinkedIn_Profile__c"] = (
            f"https://social.example.com/in/{self._number}" if self._maybe(0.4) else None
        )
        row["Shoe_Size__c"] = 34 + int(self._rng.random() * 28) / 2 if self._maybe(0.3) else None
        row["Segment__c"] = self._pick(("A", "B", "C")) if self._maybe(0.7) else None
        row["Renewal__c"] = (
            self._day(self._end + int(self._rng.random() * 700) * DAY) if self._maybe(0.6) else None
        )
        row["Budget__c"] = round(self._rng.random() * 90_000, 2) if self._maybe(0.7) else None
        row["Win_Probability__c"] = round(self._rng.random() * 100, 2) if self._maybe(0.7) else None
        row["Next_Call__c"] = (
            _stamp(self._end + int(self._rng.random() * 90 * DAY)) if self._maybe(0.5) else None
        )
        row["Interests__c"] = ";".join(w for w in words.INTERESTS if self._maybe(0.4)) or None
        row["Internal_Notes__c"] = self._text()
        row["Assistant_Email__c"] = f"desk{self._number % 500}@example.org" if self._maybe(0.4) else None
        row["Company_Size__c"] = self._pick(words.BANDS) if self._maybe(0.8) else None
        row["Second_Phone__c"] = self._phone()
        row["Do_Not_Mail__c"] = int(self._maybe(0.1))
        return row


_LOCAL_PARTS: dict[str, str] = {}


def _ascii(text: str) -> str:
    """The letters and digits of a name as an e-mail address could have them; empty for other scripts."""
    known = _LOCAL_PARTS.get(text)
    if known is None:
        folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        known = "".join(c if c.isalnum() else "." if c in " .-" else "" for c in folded).strip(".")
        while ".." in known:
            known = known.replace("..", ".")
        if len(_LOCAL_PARTS) < 100_000:
            _LOCAL_PARTS[text] = known
    return known


def _stamp(seconds: int) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))
