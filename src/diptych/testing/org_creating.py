"""Finding and creating records in the org in memory: the part of `sync.ports.Org` that creating people needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from diptych.domain.creating import KEY_FIELD, Match, NewRecord, required_fields
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
from diptych.domain.schema import FieldDescription
from diptych.sync.ports import Write

if TYPE_CHECKING:
    from diptych.testing.clock import VirtualClock
    from diptych.testing.faults import Fault
    from diptych.testing.org_records import Records


@dataclass(frozen=True)
class Unborn:
    """A creation whose answer was given up on, and which is still going to be executed (N-3)."""

    due: datetime
    object_name: str
    new: tuple[NewRecord, ...]
    attempt_id: str
    by_key: bool
    allow_duplicates: bool


class Caller(Protocol):
    """What finding and creating need of the org they are part of."""

    def _call(self, label: str, write: bool = False) -> list[Fault]: ...
    def _answer(self, faults: list[Fault], write: bool = False) -> None: ...
    def _judge_values(self, object_name: str, write: Write, creating: bool = False) -> Outcome | None: ...


class Creating(Caller):
    """A part of `InMemoryOrg`. `duplicate_rule` names the records that a duplicate rule finds for new values; `created`
    logs every record made for us."""

    clock: VirtualClock
    records: Records
    sync_user: str
    duplicate_rule: Callable[[str, Mapping[str, Any]], Sequence[str]] | None
    _unborn: list[Unborn]
    _hidden: set[tuple[str, str]]

    def add_key_field(self) -> None:
        """An administrator makes the field of the external key on Lead and Contact."""
        for name in ("Lead", "Contact"):
            described = self.records.described[name]
            key = FieldDescription(
                KEY_FIELD,
                "Diptych Key",
                "string",
                length=40,
                createable=True,
                updateable=True,
                custom=True,
                unique=True,
                external_id=True,
            )
            self.records.described[name] = replace(described, fields={**described.fields, KEY_FIELD: key})

    def find(self, emails: Sequence[str], keys: Sequence[str], key_objects: Sequence[str]) -> list[Match]:
        if not emails and not keys:
            return []
        late = self._call("find")
        wanted = {email.casefold() for email in emails}
        found = []
        for name in ("Contact", "Lead"):
            keyed = name in key_objects
            if keyed and KEY_FIELD not in self.records.described[name].fields:
                raise OrgRefused(Problem("INVALID_FIELD", f"No such column '{KEY_FIELD}'", ErrorClass.SCHEMA))
            for row in self.records.rows[name].values():
                email, key = row.values.get("Email"), row.values.get(KEY_FIELD) if keyed else None
                if (email and email.casefold() in wanted) or (key and key in keys):
                    found.append(
                        Match(
                            name,
                            row.sf_id,
                            email,
                            key,
                            row.deleted,
                            bool(row.values.get("IsConverted")),
                            row.values.get("ConvertedContactId"),
                        )
                    )
        self._answer(late)
        return found

    def create(
        self,
        object_name: str,
        new: Sequence[NewRecord],
        attempt_id: str,
        by_key: bool,
        allow_duplicates: bool = False,
    ) -> list[Outcome]:
        if not new:
            return []
        faults = self._call("create", write=True)
        for fault in faults:
            if fault.kind == "zombie":
                due = self.clock.true_now() + timedelta(seconds=fault.argument or 60)
                self._unborn.append(
                    Unborn(due, object_name, tuple(new), attempt_id, by_key, allow_duplicates)
                )
                raise OrgOutcomeUnknown(_NO_ANSWER)
            if fault.kind == "partial":
                for one in new[::2]:
                    self._create(object_name, one, by_key, allow_duplicates)
                raise OrgOutcomeUnknown(_NO_ANSWER)
        rows = {f.argument: f.kind for f in faults if f.kind in ("retryable", "refused")}
        outcomes = [
            _faulty(rows.get(index, rows.get(None)))
            or self._create(object_name, one, by_key, allow_duplicates)
            for index, one in enumerate(new)
        ]
        self._answer(faults, write=True)
        return outcomes

    def _create(self, object_name: str, one: NewRecord, by_key: bool, allow_duplicates: bool) -> Outcome:
        rows = self.records.rows[object_name].values()
        if by_key:
            there = [r for r in rows if r.values.get(KEY_FIELD) == one.key and not r.deleted]
            if there:
                again: dict[str, Any] = dict(one.values)
                self.records.edit(object_name, there[0].sf_id, by=self.sync_user, **again)
                return Done(there[0].sf_id)
        refused = self._judge_values(object_name, Write("", one.values), creating=True)
        if refused is not None:
            return refused
        demanded = required_fields(self.records.described[object_name])
        lacking = tuple(name for name in demanded if one.values.get(name) is None)
        if lacking:
            text = f"Required fields are missing: [{', '.join(lacking)}]"
            return Refused(Problem("REQUIRED_FIELD_MISSING", text, ErrorClass.REQUIRED, fields=lacking))
        found = self.duplicate_rule(object_name, one.values) if self.duplicate_rule else ()
        if found and not allow_duplicates:
            text = "Use one of these records?"
            return Refused(Problem("DUPLICATES_DETECTED", text, ErrorClass.DUPLICATE, matches=tuple(found)))
        values: dict[str, Any] = dict(one.values)
        if by_key:
            values[KEY_FIELD] = one.key
        return Done(self.records.create(object_name, by=self.sync_user, **values))

    def _bear(self) -> None:
        """Carry out the creations that were given up long ago and are due."""
        for waiting in sorted(
            (u for u in self._unborn if u.due <= self.clock.true_now()), key=lambda u: u.due
        ):
            self._unborn.remove(waiting)
            self.records.settle(waiting.due)
            self.records.acting_at = waiting.due
            for one in waiting.new:
                self._create(waiting.object_name, one, waiting.by_key, waiting.allow_duplicates)
            self.records.acting_at = None


_NO_ANSWER = Problem("CONNECTION", "Salesforce did not answer.", ErrorClass.NETWORK)


def _faulty(kind: str | None) -> Outcome | None:
    if kind == "retryable":
        return Retryable(Problem("SERVER_UNAVAILABLE", "Try again later.", ErrorClass.OTHER))
    if kind == "refused":
        return Refused(Problem("FIELD_CUSTOM_VALIDATION_EXCEPTION", "A rule says no.", ErrorClass.VALIDATION))
    return None
