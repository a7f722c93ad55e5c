"""What every step of a conversion or a merge needs: who acts, in which transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.data import checks, dml, recycle_bin
from practice_org.data.checks import Writer
from practice_org.data.rows import update_row
from practice_org.data.stamps import stamps
from practice_org.errors import ApiError
from practice_org.schema import access as rights
from practice_org.schema import setup_rows
from practice_org.schema.catalogue import ObjectType

if TYPE_CHECKING:
    from practice_org.org import Org, Transaction


@dataclass(frozen=True)
class Actor:
    """A user (None: the org itself) writing in an open transaction, with the options of the call."""

    org: Org
    tx: Transaction
    user: dml.User
    options: dml.Options

    @property
    def user_id(self) -> str | None:
        return self.user if self.user is None or isinstance(self.user, str) else self.user.id

    @property
    def stamping_id(self) -> str:
        """Whose name the changed records bear."""
        return self.user_id or setup_rows.first_user(self.org)

    @property
    def access(self) -> rights.Access:
        return rights.for_user(self.org, self.user_id)

    @property
    def writer(self) -> Writer:
        return Writer(self.org, self.tx.connection, self.access, False)

    def write(self, operation: str, obj: ObjectType, record_id: str | None, values: Mapping[str, Any]) -> str:
        """One write with all checks, raising its refusal; returns the record's id."""
        options = replace(self.options, typed=False, all_or_none=False, upsert=False)
        outcome = dml.apply(self.org, self.user, [dml.Write(operation, obj, record_id, values)], options)[0]
        if outcome.error is not None:
            raise outcome.error
        return str(outcome.id)

    def touch(self, obj: ObjectType, record_id: str, changes: Mapping[str, Any]) -> None:
        """Change columns that a user may not write, and stamp the record."""
        update_row(self.tx, obj, record_id, {**changes, **stamps(obj, self.tx.stamp, self.stamping_id)})

    def bin(self, obj: ObjectType, record_id: str, **changes: Any) -> None:
        """Put a record into the recycle bin without asking for the right to."""
        recycle_bin.put(self.writer, self.tx, self.stamping_id, obj, record_id, changes)

    def live_row(self, obj: ObjectType, record_id: str) -> dict[str, Any]:
        """The stored row of a live record.

        Raises ApiError ENTITY_IS_DELETED, INVALID_CROSS_REFERENCE_KEY for an id that never was.
        """
        try:
            return checks.current_row(self.tx.connection, obj, record_id)
        except ApiError as error:
            if error.code != "NOT_FOUND":
                raise
            raise unknown_id() from error


def unknown_id() -> ApiError:
    """The refusal of an id that names nothing."""
    return ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ())


def any_id(text: str | None) -> str:
    """The 18-character form of an id of any object; raises ApiError MALFORMED_ID."""
    found = ids.to18(text) if text else None
    if found is None:
        raise ApiError(400, "MALFORMED_ID", f"bad id {text or ''}", ())
    return found


def id_of(obj: ObjectType, text: str | None) -> str:
    """The 18-character id of a record of this object; raises ApiError MALFORMED_ID."""
    found = any_id(text)
    if not found.startswith(obj.prefix):
        raise ApiError(400, "MALFORMED_ID", f"bad id {text}", ())
    return found
