"""Whole records converted, merged, deleted and undeleted in the org in memory: `sync.lifecycle.Lifecycle`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from diptych.domain.outcome import (
    Done,
    ErrorClass,
    OrgOutcomeUnknown,
    OrgRefused,
    Outcome,
    Problem,
    Refused,
    Retryable,
)
from diptych.sync.lifecycle import Conversion, Converted, RecordMerge
from diptych.testing.org_records import RecordLocked

if TYPE_CHECKING:
    from diptych.testing.clock import VirtualClock
    from diptych.testing.faults import Fault
    from diptych.testing.org_records import Records

CONVERTED_STATUSES = ("Closed - Converted", "Qualified")


@dataclass(frozen=True)
class Belated:
    """A call whose answer was given up on, and which is still going to be executed (N-3)."""

    due: datetime
    carry_out: Callable[[], object]


class Living:
    """Mixed into `InMemoryOrg`. `asked` logs every order that the org has received, with how it ended; records in `barred`
    are refused to the sync user for any of this."""

    clock: VirtualClock
    records: Records
    sync_user: str
    unseen: set[str]
    asked: list[tuple[str, str, str]]
    barred: set[str]
    _belated: list[Belated]

    if TYPE_CHECKING:  # the org's own

        def _call(self, label: str, write: bool = False) -> list[Fault]: ...

        def _answer(self, faults: list[Fault], write: bool = False) -> None: ...

    def converted_statuses(self) -> list[str]:
        late = self._call("converted_statuses")
        self._answer(late)
        return list(CONVERTED_STATUSES)

    def convert(self, conversions: Sequence[Conversion], attempt_id: str) -> list[Converted]:
        return self._carry_out("convert", conversions, self._convert, 100)

    def merge(self, merges: Sequence[RecordMerge], attempt_id: str) -> list[Outcome]:
        return self._carry_out("merge", merges, self._merge, 200)

    def delete(self, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
        return self._carry_out("delete", ids, self._delete, 200)

    def undelete(self, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
        return self._carry_out("undelete", ids, self._undelete, 200)

    def _carry_out(
        self, label: str, orders: Sequence[Any], one_by_one: Callable[[Any], Any], most: int
    ) -> list[Any]:
        if len(orders) > most:
            raise OrgRefused(Problem("LIMIT", f"At most {most} records at a time.", ErrorClass.OTHER))
        faults = self._call(label, write=True)
        for fault in faults:
            if fault.kind == "zombie":
                due = self.clock.true_now() + timedelta(seconds=fault.argument or 60)
                self._belated.append(Belated(due, lambda: [one_by_one(order) for order in orders]))
                raise OrgOutcomeUnknown(_NO_ANSWER)
        kinds = {fault.kind for fault in faults}
        if "retryable" in kinds or "locked" in kinds:
            held = Retryable(Problem("UNABLE_TO_LOCK_ROW", "unable to obtain access", ErrorClass.LOCK))
            return [Converted(held) if label == "convert" else held for _ in orders]
        ended = [one_by_one(order) for order in orders]
        self._answer(faults, write=True)
        return ended

    def _belatedly(self) -> None:
        """Carry out the calls that were given up long ago and are due."""
        for waiting in sorted(
            (b for b in self._belated if b.due <= self.clock.true_now()), key=lambda b: b.due
        ):
            self._belated.remove(waiting)
            self.records.settle(waiting.due)
            self.records.acting_at = waiting.due
            waiting.carry_out()
            self.records.acting_at = None

    # ------------------------------------------------------------ one order

    def _convert(self, order: Conversion) -> Converted:
        refused = self._refusal("Lead", [order.lead_id])
        account, contact = order.account_id, order.contact_id
        if refused is None and order.status not in CONVERTED_STATUSES:
            refused = _refused(
                "INVALID_STATUS", f"invalid convertedStatus: {order.status}", ErrorClass.PICKLIST
            )
        if refused is None and contact is not None:
            refused = self._refusal("Contact", [contact])
            holder = self.records.rows["Contact"].get(contact)
            if account is None:
                refused = _refused(
                    "REQUIRED_FIELD_MISSING",
                    "Required fields are missing: [AccountId]",
                    ErrorClass.REQUIRED,
                )
            elif refused is None and holder is not None and holder.values.get("AccountId") != account:
                refused = _gone("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if refused is None and account is not None and account not in self.records.rows["Account"]:
            refused = _gone("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if refused is None:
            owner = order.owner_id or self.records.live("Lead", order.lead_id).values.get("OwnerId") or ""
            if not str(owner).startswith("005"):
                refused = _refused(
                    "INVALID_OWNER", "Converted objects can only be owned by users.", ErrorClass.VALIDATION
                )
        if refused is not None:
            return Converted(self._logged("convert", order.lead_id, refused))
        made = self.records.convert(order.lead_id, contact, account, by=self.sync_user)
        there = self.records.rows["Contact"][made].values.get("AccountId")
        outcome = self._logged("convert", order.lead_id, Done(order.lead_id))
        return Converted(outcome, there, made, self.records.mint("006") if order.opportunity else None)

    def _merge(self, order: RecordMerge) -> Outcome:
        ids = [order.winner, *order.losers]
        refused = self._refusal(order.object_name, ids)
        if refused is None and len(set(ids)) < len(ids):
            refused = _refused(
                "INVALID_MERGE_RECORD", "a record cannot be merged with itself", ErrorClass.OTHER
            )
        if refused is None and not 0 < len(order.losers) <= 2:
            refused = _refused(
                "EXCEEDED_ID_LIMIT",
                "cannot merge more than 2 records into the master record",
                ErrorClass.OTHER,
            )
        if refused is not None:
            return self._logged("merge", order.winner, refused)
        values: Mapping[str, Any] = order.values
        for loser in order.losers:
            self.records.merge(order.object_name, order.winner, loser, by=self.sync_user, **values)
        return self._logged("merge", order.winner, Done(order.winner))

    def _delete(self, sf_id: str) -> Outcome:
        name = self._object_of(sf_id)
        refused = _missing() if name is None else self._refusal(name, [sf_id], converted=True)
        if name is None or refused is not None:
            return self._logged("delete", sf_id, refused or _missing())
        self.records.delete(name, sf_id)
        return self._logged("delete", sf_id, Done(sf_id))

    def _undelete(self, sf_id: str) -> Outcome:
        name = self._object_of(sf_id)
        row = self.records.rows[name].get(sf_id) if name else None
        if name is None or row is None or not row.deleted:
            return self._logged(
                "undelete", sf_id, _gone("UNDELETE_FAILED", "Entity is not in the recycle bin")
            )
        self.records.undelete(name, sf_id)
        return self._logged("undelete", sf_id, Done(sf_id))

    def _object_of(self, sf_id: str) -> str | None:
        return next((name for name, rows in self.records.rows.items() if sf_id in rows), None)

    def _refusal(self, object_name: str, ids: Sequence[str], converted: bool = False) -> Outcome | None:
        for sf_id in ids:
            if sf_id in self.unseen:
                return _missing()
            try:
                row = self.records.live(object_name, sf_id)
            except RecordLocked:
                held = "unable to obtain exclusive access"
                return Retryable(Problem("UNABLE_TO_LOCK_ROW", held, ErrorClass.LOCK))
            except KeyError:
                if sf_id in self.records.rows[object_name]:
                    return _gone("ENTITY_IS_DELETED", "entity is deleted")
                return _missing()
            if row.values.get("IsConverted") and not converted:
                return _gone("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
            if sf_id in self.barred:
                return _refused(
                    "INSUFFICIENT_ACCESS", "insufficient access rights on object id", ErrorClass.PERMISSION
                )
        return None

    def _logged(self, what: str, sf_id: str, outcome: Outcome) -> Outcome:
        self.asked.append((what, sf_id, type(outcome).__name__.lower()))
        return outcome


def _missing() -> Outcome:
    return _gone("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")


def _gone(code: str, message: str) -> Outcome:
    return _refused(code, message, ErrorClass.GONE)


def _refused(code: str, message: str, error_class: ErrorClass) -> Outcome:
    return Refused(Problem(code, message, error_class))


_NO_ANSWER = Problem("CONNECTION", "Salesforce did not answer.", ErrorClass.NETWORK)
