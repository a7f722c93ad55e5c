"""The records of the org in memory and what Salesforce users do to them, late commits included."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.values import full_id, instant_text
from diptych.testing.clock import VirtualClock
from diptych.testing.org_schema import STANDARD_OBJECTS

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Stored:
    """One committed version of one record. `values`: by API name, audit fields apart."""

    sf_id: str
    values: Mapping[str, Any]
    created_at: datetime
    modstamp: datetime
    modified_at: datetime
    modified_by: str
    deleted: bool = False
    master_id: str | None = None


@dataclass
class OpenWrite:
    """A user's change that has its modstamp and is not visible yet. Its record is locked until then."""

    object_name: str
    after: Stored
    commit_at: datetime


class RecordLocked(Exception):
    """Someone else's transaction holds the record."""


@dataclass
class Records:
    """All records of one org. Reads see what is committed at `clock.true_now()`, to the second."""

    clock: VirtualClock
    objects: Iterable[ObjectDescription] = STANDARD_OBJECTS
    user_id: str = ""
    open_writes: list[OpenWrite] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.described = {o.name: o for o in self.objects}
        self.rows: dict[str, dict[str, Stored]] = {name: {} for name in self.described}
        self._numbers = itertools.count(1)
        self.user_id = self.user_id or self.mint("005")
        self.skew = 0
        self.delete_log: set[tuple[str, str]] = set()
        self.acting_at: datetime | None = None  # something that was due earlier is being done now

    def now(self) -> datetime:
        """Server time, in whole seconds."""
        moment = self.acting_at or self.clock.true_now()
        return moment.replace(microsecond=0) + timedelta(seconds=self.skew)

    def mint(self, key_prefix: str) -> str:
        """The next id of that prefix, in 18 characters."""
        number, tail = next(self._numbers), ""
        for _ in range(9):
            number, digit = divmod(number, 62)
            tail = _DIGITS[digit] + tail
        return full_id(f"{key_prefix}5e0{tail}"[:15])

    # ------------------------------------------------------------ what a Salesforce user does

    def create(self, object_name: str, late_by: float = 0, by: str | None = None, **values: Any) -> str:
        """A new record; with `late_by` it becomes visible that many seconds later, with the modstamp of now."""
        described, now = self.described[object_name], self.now()
        self._check(described, values)
        filled = {**_defaults(described, self.user_id), **values}
        sf_id = self.mint(described.key_prefix)
        self._put(object_name, Stored(sf_id, filled, now, now, now, by or self.user_id), late_by)
        return sf_id

    def edit(
        self, object_name: str, sf_id: str, late_by: float = 0, by: str | None = None, **values: Any
    ) -> None:
        """Save a record with these values; even with nothing new in them Salesforce moves the modstamp.

        Raises KeyError for a record that is not there, RecordLocked, ValueError for a converted lead.
        """
        row, now = self.live(object_name, sf_id), self.now()
        self._check(self.described[object_name], values)
        if row.values.get("IsConverted"):
            raise ValueError("CANNOT_UPDATE_CONVERTED_LEAD")
        after = replace(
            row,
            values={**row.values, **values},
            modstamp=now,
            modified_at=now,
            modified_by=by or self.user_id,
        )
        self._put(object_name, after, late_by)

    def touch(self, object_name: str, sf_id: str) -> None:
        """Background work moves the SystemModstamp, nothing else (N-17)."""
        self._put(object_name, replace(self.live(object_name, sf_id), modstamp=self.now()))

    def delete(self, object_name: str, sf_id: str, master_id: str | None = None) -> None:
        now = self.now()
        row = self.live(object_name, sf_id)
        self.delete_log.add((object_name, sf_id))
        self._put(
            object_name,
            replace(
                row,
                deleted=True,
                master_id=master_id,
                modstamp=now,
                modified_at=now,
                modified_by=self.user_id,
            ),
        )

    def purge(self, object_name: str, sf_id: str, logged: bool = True) -> None:
        """Delete a record for good, past the recycle bin; `logged` False: so long ago that the log of deletes forgot it."""
        self.rows[object_name].pop(sf_id)
        (self.delete_log.add if logged else self.delete_log.discard)((object_name, sf_id))

    def undelete(self, object_name: str, sf_id: str) -> None:
        row, now = self.rows[object_name][sf_id], self.now()
        if not row.deleted:
            raise KeyError(f"{object_name} {sf_id} is not deleted")
        self.delete_log.discard((object_name, sf_id))
        self._put(object_name, replace(row, deleted=False, master_id=None, modstamp=now, modified_at=now))

    def merge(self, object_name: str, winner: str, loser: str, by: str | None = None, **values: Any) -> None:
        """Merge records: the loser is deleted with MasterRecordId, the winner is saved with `values`."""
        self.delete(object_name, loser, master_id=winner)
        self.edit(object_name, winner, by=by, **values)

    def convert(
        self,
        lead_id: str,
        contact_id: str | None = None,
        account_id: str | None = None,
        by: str | None = None,
    ) -> str:
        """Convert a lead to a new contact of a new account (or of `account_id`), or into an existing contact, of which only
        gaps are filled; the contact's id."""
        lead, now = self.live("Lead", lead_id), self.now()
        if lead.values.get("IsConverted"):
            raise ValueError("the lead is converted already")
        shared = self._as_contact(lead)
        if contact_id is not None:
            known = self.live("Contact", contact_id)
            gaps = {n: v for n, v in shared.items() if known.values.get(n) is None and v is not None}
            account_id = known.values.get("AccountId")
            self.edit("Contact", contact_id, by=by, **gaps)
        else:
            if account_id is None:
                account_id = self.create("Account", by=by, Name=lead.values.get("Company"))
            contact_id = self.create("Contact", by=by, **{**shared, "AccountId": account_id})
        converted = {
            "IsConverted": True,
            "ConvertedDate": now.date().isoformat(),
            "ConvertedAccountId": account_id,
            "ConvertedContactId": contact_id,
        }
        self._put(
            "Lead",
            replace(
                lead,
                values={**lead.values, **converted},
                modstamp=now,
                modified_at=now,
                modified_by=by or self.user_id,
            ),
        )
        return contact_id

    def _as_contact(self, lead: Stored) -> dict[str, Any]:
        """A lead's values as its contact gets them."""
        fields = self.described["Contact"].fields
        shared = {n: v for n, v in lead.values.items() if n in fields and fields[n].updateable}
        for part in ("Street", "City", "State", "PostalCode", "Country"):
            if part in lead.values and f"Mailing{part}" in fields:
                shared[f"Mailing{part}"] = lead.values[part]
        return shared

    # ------------------------------------------------------------ looking

    def live(self, object_name: str, sf_id: str) -> Stored:
        """The visible record. Raises KeyError when there is none or it is deleted, RecordLocked while a write is open."""
        self.settle()
        row = self.rows[object_name].get(sf_id)
        if row is None or row.deleted:
            raise KeyError(f"there is no {object_name} {sf_id}")
        if any(o.object_name == object_name and o.after.sf_id == sf_id for o in self.open_writes):
            raise RecordLocked(f"{object_name} {sf_id}")
        return row

    def ids(self, object_name: str) -> list[str]:
        """Ids of all visible live records, in order of creation."""
        self.settle()
        return [row.sf_id for row in self.rows[object_name].values() if not row.deleted]

    def value(self, object_name: str, row: Stored, name: str) -> Any:
        """A field of a record as JSON or CSV would carry it; `Account.Name` follows the reference. KeyError: no such field."""
        if "." in name:
            relation, rest = name.split(".", 1)
            for described in self.described[object_name].fields.values():
                if described.relationship_name == relation:
                    target = row.values.get(described.name)
                    there = self.rows[described.reference_to[0]].get(target) if target else None
                    return self.value(described.reference_to[0], there, rest) if there else None
            raise KeyError(name)
        if name not in self.described[object_name].fields:
            raise KeyError(name)
        audit = {
            "Id": row.sf_id,
            "IsDeleted": row.deleted,
            "MasterRecordId": row.master_id,
            "CreatedDate": row.created_at,
            "SystemModstamp": row.modstamp,
            "LastModifiedDate": row.modified_at,
            "LastModifiedById": row.modified_by,
        }
        found = audit[name] if name in audit else row.values.get(name)
        if name == "Name" and object_name != "Account":
            found = (
                " ".join(str(row.values[n]) for n in ("FirstName", "LastName") if row.values.get(n)) or None
            )
        return instant_text(found) if isinstance(found, datetime) else found

    def covered(self, object_name: str) -> datetime:
        """`latestDateCovered`: before the start of the oldest open transaction (S-6, correctness.md 2.6)."""
        starts = [o.after.modstamp for o in self.open_writes if o.object_name == object_name]
        return min([self.now(), *(s - timedelta(seconds=1) for s in starts)])

    def settle(self, until: datetime | None = None) -> None:
        """Make visible what has committed by now (or by `until`)."""
        until = until or self.acting_at or self.clock.true_now()
        due = [o for o in self.open_writes if o.commit_at <= until]
        for write in due:
            self.open_writes.remove(write)
            self.rows[write.object_name][write.after.sf_id] = write.after

    def _put(self, object_name: str, after: Stored, late_by: float = 0) -> None:
        self.settle()
        if late_by > 0:
            commit_at = self.clock.true_now() + timedelta(seconds=late_by)
            self.open_writes.append(OpenWrite(object_name, after, commit_at))
        else:
            self.rows[object_name][after.sf_id] = after

    def _check(self, described: ObjectDescription, values: Mapping[str, Any]) -> None:
        for name in values:
            if name not in described.fields:
                raise KeyError(f"{described.name} has no field {name}")


def _defaults(described: ObjectDescription, owner: str) -> dict[str, Any]:
    """What Salesforce fills in on creation: checkboxes are never null, the owner is the creator."""

    def value(f: FieldDescription) -> Any:
        if f.type == "boolean":
            return False
        if f.name == "OwnerId":
            return owner
        return f.picklist[0] if f.defaulted_on_create and f.picklist else None

    return {f.name: value(f) for f in described.fields.values() if not f.calculated}
