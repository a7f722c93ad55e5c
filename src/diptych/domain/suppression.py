"""Who is not to come back: people deleted here for good, known by their records and by a hash of their address (D-73). Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from diptych.domain.values import Value, to_text

PERSON = "person"
"""What an entry that stands for the address alone names in place of an object."""


class SuppressedFor(StrEnum):
    DELETED = "deleted"  # 'do not come back'
    FORGOTTEN = "forgotten"  # their data were erased; only hashes are left


@dataclass(frozen=True)
class Suppression:
    """One entry: a record of a person who is not to come back, or (object `person`) their address. `former_id`: the id the
    person had here."""

    id: int
    object_name: str
    sf_id: str
    former_id: int
    reason: SuppressedFor
    at: datetime
    by_address: bool


def address_hash(salt: str, address: Value) -> str | None:
    """What is kept of an address: one cannot read it, only ask whether an address is the same. None for a blank one."""
    text = (to_text(address) or "").strip().casefold()
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest() if text else None
