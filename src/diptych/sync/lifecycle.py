"""What can be done to whole records in Salesforce: convert, merge, delete, undelete. Part of the port `Org`.

Each order ends for itself with an `Outcome`; a whole call raises OrgError and its kinds as every write does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from diptych.domain.outcome import Outcome
from diptych.domain.values import Value


@dataclass(frozen=True)
class Conversion:
    """One lead to be converted. None: Salesforce makes a new account, a new contact. `status`: one that counts as converted.

    `owner_id` is needed for a lead that a queue owns. What exists keeps its values and has only its gaps filled, but for the
    lead source with `overwrite_lead_source`.
    """

    lead_id: str
    status: str
    account_id: str | None = None
    contact_id: str | None = None
    opportunity: bool = True
    opportunity_name: str | None = None
    owner_id: str | None = None
    overwrite_lead_source: bool = False
    notify_owner: bool = False


@dataclass(frozen=True)
class Converted:
    """How one conversion ended; the ids of what there is now, where it is done."""

    outcome: Outcome
    account_id: str | None = None
    contact_id: str | None = None
    opportunity_id: str | None = None


@dataclass(frozen=True)
class RecordMerge:
    """Up to two `losers` are merged into `winner`; `values` (API names, canonical) are set in it."""

    object_name: str
    winner: str
    losers: tuple[str, ...]
    values: Mapping[str, Value] = field(default_factory=dict)


class Lifecycle(Protocol):
    """See the module."""

    def convert(self, conversions: Sequence[Conversion], attempt_id: str) -> list[Converted]:
        """Up to 100 leads."""

    def merge(self, merges: Sequence[RecordMerge], attempt_id: str) -> list[Outcome]:
        """Up to 200 merges, each of one object."""

    def delete(self, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
        """Up to 200 records into the recycle bin."""

    def undelete(self, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
        """Up to 200 records out of the recycle bin."""

    def converted_statuses(self) -> list[str]:
        """The lead statuses that count as converted, in the order of the org."""
