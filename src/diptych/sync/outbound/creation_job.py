"""What the creation of people works with in one cycle: the job, a person who is due, the sums; and what is said of a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.domain.creating import CreateRule, Creation, Draft, Wish, keyed
from diptych.domain.mapping import ObjectMapping, UsableMapping
from diptych.domain.pair import Pair
from diptych.domain.person_filter import PersonFilter
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Value, to_text
from diptych.sync.decision import Applied
from diptych.sync.engine import Engine
from diptych.sync.ports import Lease, Transaction


@dataclass(frozen=True)
class Job:
    """All that stays the same in one cycle."""

    engine: Engine
    lease: Lease
    run_id: int
    full: ObjectMapping
    usable: UsableMapping
    described: ObjectDescription
    rule: CreateRule
    filter: PersonFilter | None
    server_time: datetime

    @property
    def by_key(self) -> bool:
        return keyed(self.described)

    @property
    def key_objects(self) -> tuple[str, ...]:
        schemas = self.engine.schemas
        return tuple(n for n in ("Contact", "Lead") if n in schemas and keyed(schemas[n]))


@dataclass(frozen=True)
class Due:
    """A person to be created now; `pair` when an earlier attempt has left one."""

    person_id: int
    ours: Mapping[str, Value]
    draft: Draft
    said: Creation | None
    key: str
    pair: Pair | None = None

    @property
    def email(self) -> str | None:
        return to_text(self.ours.get("email"))

    @property
    def by_hand(self) -> bool:
        return by_hand(self.said)

    @property
    def decided(self) -> bool:
        return self.said is not None and self.said.wish is Wish.CREATE


@dataclass
class Tally:
    new: int = 0
    linked: int = 0
    failed: int = 0
    held: int = 0
    inbound: Applied = field(default_factory=Applied)
    stop: str | None = None


def by_hand(said: Creation | None) -> bool:
    """Whether somebody asked for this very person, so that no rule need name it."""
    return said is not None and (said.by_hand or said.wish in (Wish.ASKED, Wish.LINK, Wish.CREATE))


def folded(email: Value) -> str | None:
    """An address as it is compared."""
    return to_text(email).casefold() if email is not None else None  # type: ignore[union-attr]


def review(job: Job, tx: Transaction, one: Due, reason: str, matches: Sequence[str]) -> None:
    """A person decides. The pair, if there is one, keeps its key and waits."""
    tx.save_creation(
        Creation(
            one.person_id,
            Wish.REVIEW,
            job.engine.clock.now(),
            reason,
            matches=tuple(matches),
            by_hand=one.by_hand,
            recreate=one.said is not None and one.said.recreate,
        )
    )


def wait(job: Job, tx: Transaction, person_id: int, said: Creation | None, missing: Sequence[str]) -> None:
    """The person waits for these fields, and comes round by itself (D-51)."""
    fields = tuple(missing)
    if said is not None and said.wish is Wish.WAITING and said.fields == fields:
        return
    reason = f"Salesforce demands {', '.join(fields)}; fill it in, or set a default."
    tx.save_creation(
        Creation(
            person_id,
            Wish.WAITING,
            job.engine.clock.now(),
            reason,
            fields,
            by_hand=by_hand(said),
            recreate=said is not None and said.recreate,
        )
    )
