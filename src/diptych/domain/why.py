"""Why a value is what it is, or why someone is not here: the chain of causes, newest first. Pure assembly of what was read.

A cause is an edit (who, where, when), a run (what it did), an event (conflict with its loser, conversion, merge, delete, dead
letter) or a rule (mapping: direction, policy, version). A hold is what keeps the two sides apart at this moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.domain.causes import HELD
from diptych.domain.mapping import Direction, FieldMapping, Policy
from diptych.domain.pair import Linked, PairState, Record
from diptych.domain.policies import is_anothers
from diptych.domain.values import Value, to_text
from diptych.domain.whereabouts import Whereabouts


@dataclass(frozen=True)
class Cause:
    """One link of the chain. `kind`: edit, sent, conflict, dead_letter, event, rule, arrival. `at`: None for what simply
    holds (a rule)."""

    kind: str
    text: str
    at: datetime | None = None
    run_id: int | None = None


@dataclass(frozen=True)
class Change:
    """A line of history. `column` None: the person came (`old` None) or went (`new` None)."""

    id: int
    column: str | None
    old: Value
    new: Value
    side: str
    actor: str
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class Decided:
    """A conflict that was decided."""

    column: str
    base: Value
    ours: Value
    theirs: Value
    winner: str
    reason: str
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class Letter:
    """A dead letter. `column` None: of the whole record."""

    id: int
    pair_id: int
    column: str | None
    message: str
    cause: str
    remedy: str
    status: str
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class Delivered:
    """A value that was sent to a record, and how that ended."""

    column: str
    record: str
    before: Value
    value: Value
    outcome: str
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class Happened:
    """A change of state of a pair."""

    record: str
    from_state: str
    to_state: str
    redirect_to: str | None
    run_id: int | None
    at: datetime


@dataclass(frozen=True)
class Facts:
    """All that is remembered of one person. `runs`: kind of each run named."""

    changes: Sequence[Change] = ()
    conflicts: Sequence[Decided] = ()
    letters: Sequence[Letter] = ()
    sent: Sequence[Delivered] = ()
    events: Sequence[Happened] = ()
    runs: Mapping[int, str] = field(default_factory=dict)
    arrived_by: int | None = None


@dataclass(frozen=True)
class PairNow:
    """One pair and what Salesforce shows of it now (`theirs` None: not shown, or not asked; `asked` says which)."""

    linked: Linked
    mapped: FieldMapping | None
    theirs: Mapping[str, Value] | None
    asked: bool
    held: str | None = None
    read_only: bool = False


def causes(facts: Facts, column: str | None, rules: Sequence[Cause] = ()) -> list[Cause]:
    """The chain for one column, or (None) for the person as a whole; newest first, rules last."""
    found: list[tuple[datetime, int, Cause]] = []

    def add(order: int, kind: str, text: str, at: datetime, run_id: int | None) -> None:
        found.append((at, order, Cause(kind, text + _by(run_id, facts), at, run_id)))

    for change in facts.changes:
        if change.column is None or column in (None, change.column):
            add(1, "edit", _edit(change), change.at, change.run_id)
    for one in facts.conflicts:
        if column in (None, one.column):
            add(2, "conflict", _conflict(one), one.at, one.run_id)
    for letter in facts.letters:
        if letter.column is None or column in (None, letter.column):
            add(3, "dead_letter", _letter(letter), letter.at, letter.run_id)
    for sent in facts.sent:
        if column in (None, sent.column):
            add(0, "sent", _sent(sent), sent.at, sent.run_id)
    for event in facts.events:
        add(4, "event", _event(event), event.at, event.run_id)
    found.sort(key=lambda one: one[:2], reverse=True)
    chain = [cause for _, _, cause in found]
    if facts.arrived_by is not None:
        chain.append(
            Cause(
                "arrival",
                f"The person came from Salesforce{_by(facts.arrived_by, facts)}.",
                None,
                facts.arrived_by,
            )
        )
    return [*chain, *rules]


def _by(run_id: int | None, facts: Facts) -> str:
    return f" (run {run_id}, {facts.runs.get(run_id, 'unknown')})" if run_id is not None else ""


def _shown(value: Value) -> str:
    return "blank" if value is None else f"'{to_text(value)}'"


def _edit(change: Change) -> str:
    where = "in Salesforce" if change.side == "salesforce" else "here"
    if change.column is None:
        return f"The person {'came' if change.old is None else 'went'} {where}, by {change.actor}"
    return f"{change.column} became {_shown(change.new)} (was {_shown(change.old)}): edited {where} by {change.actor}"


def _conflict(one: Decided) -> str:
    won, lost = (one.ours, one.theirs) if one.winner == "ours" else (one.theirs, one.ours)
    side = "ours" if one.winner == "ours" else "Salesforce's"
    return f"Conflict in {one.column}: {side} {_shown(won)} won over {_shown(lost)} ({_REASONS.get(one.reason, one.reason)})"


_REASONS = {
    "policy": "by the policy of the field",
    "inbound_only": "the field only comes from Salesforce",
    "outbound_only": "the field only goes to Salesforce",
    "outcome_unknown": "while the outcome of a write was unknown",
    "decided": "a person decided",
}


def _letter(letter: Letter) -> str:
    about = letter.column or "the whole record"
    return f"Error {letter.id} about {about} ({letter.status}): {letter.message}"


def _sent(sent: Delivered) -> str:
    how = {"landed": "arrived", "lifted": "did not arrive", "open": "on its way"}[sent.outcome]
    return f"{sent.column} {_shown(sent.value)} was sent to {sent.record} over {_shown(sent.before)}: {how}"


def _event(event: Happened) -> str:
    became = _BECAME.get(event.to_state, event.to_state)
    return f"{event.record} {became}" + (f" {event.redirect_to}" if event.redirect_to else "")


_BECAME = {
    "tombstoned": "was deleted in Salesforce",
    "redirected": "was merged in Salesforce into",
    "converted": "was converted in Salesforce to",
    "parked": "was parked: see its error",
    "paired": "was linked (again)",
    "detached": "was detached",
    "hidden": "is no longer shown to the sync user, and not known to be deleted",
}


def whereabouts(where: Whereabouts, record: Record | None) -> str:
    """The end of a sentence about a record that is not shown."""
    if where is Whereabouts.MERGED and record is not None:
        return f"was merged into {record.master_id} in Salesforce."
    return _WHEREABOUTS[where]


_WHEREABOUTS = {
    Whereabouts.LIVE: "is shown again just now; the next sync or reconciliation links it.",
    Whereabouts.DELETED: "lies in Salesforce's recycle bin; once it is undeleted there, it is linked again.",
    Whereabouts.MERGED: "was merged into another record in Salesforce.",
    Whereabouts.CONVERTED: "was converted in Salesforce.",
    Whereabouts.PURGED: "was deleted in Salesforce for good: it is not in the recycle bin either, or was never there.",
    Whereabouts.HIDDEN: "is not known to be deleted, so it counts as hidden by sharing, by its owner or by a permission. Open "
    "it in Salesforce as an administrator; share it with the sync user, then: diptych reconcile",
}


def rules(mapped: FieldMapping, version: int, saved: tuple[datetime, str] | None) -> Cause:
    """Under what rule the field is synced."""
    way = {
        Direction.BOTH: "both ways",
        Direction.INBOUND: "from Salesforce only",
        Direction.OUTBOUND: "to Salesforce only",
    }[mapped.direction]
    policy = ""
    if mapped.direction is Direction.BOTH:
        policy = "; in a conflict " + {
            Policy.SALESFORCE: "Salesforce wins",
            Policy.OURS: "ours wins",
            Policy.ASK: "a person is asked",
        }.get(mapped.policy, f"the policy is {mapped.policy.value}")
    since = f", saved {saved[0]:%Y-%m-%d %H:%M} UTC: {saved[1]}" if saved else ""
    name = f"{mapped.object_name}.{mapped.field}"
    return Cause(
        "rule", f"{mapped.column} is mapped to {name}, {way}{policy} (mapping version {version}{since})."
    )


def holds(now: PairNow, column: str, letters: Sequence[Letter]) -> list[str]:
    """What keeps Salesforce from having our value, or us from having Salesforce's; empty when both sides agree."""
    pair, mapped = now.linked.pair, now.mapped
    record = f"{pair.object_name} {pair.sf_id or ''}".strip()
    if pair.state not in (PairState.PAIRED, PairState.PARKED):
        return [f"{record} {_ENDED.get(pair.state, pair.state.value)}: nothing is exchanged with it."]
    if mapped is None:
        return [f"{column} is not mapped to any field of {pair.object_name}."]
    found: list[str] = []
    if now.held is not None:
        found.append(f"Not exchanged: {now.held}.")
    if now.asked and now.theirs is None:
        found.append(f"{record} is not visible to the sync user now (deleted, or hidden by sharing).")
    ours, base = now.linked.ours.get(column), now.linked.base.get(column)
    theirs = now.theirs.get(column) if now.theirs is not None and column in now.theirs else None
    known = now.theirs is not None and column in now.theirs
    dirty = column in now.linked.dirty
    if (
        dirty
        and is_anothers(mapped, ours, now.linked.standing.get(column))
        and theirs in ((base,) if known else (None,))
    ):
        found.append(
            f"{mapped.field} is mapped inbound only, and the person has the value of another of its records: the one that "
            f"changes last counts. {record} has {to_text(base) or 'no value'}."
        )
        return found
    if known and ours == theirs and not dirty:
        return found
    if pair.inflight is not None:
        found.append(
            f"A write sent at {pair.inflight.sent_at:%Y-%m-%d %H:%M:%S} UTC is on its way; nothing else is sent until its "
            "outcome is known."
        )
    for letter in letters:
        if letter.pair_id == pair.id and letter.status in HELD and letter.column in (None, column):
            found.append(f"Parked (error {letter.id}): {letter.message} {letter.remedy}".strip())
    if dirty and mapped.direction is Direction.INBOUND:
        found.append(f"{mapped.field} is mapped inbound only: an edit here is not sent.")
    if dirty and now.read_only:
        found.append(f"The sync user may read {mapped.field}, but not edit it.")
    if pair.next_try_at is not None and pair.attempts:
        found.append(
            f"Tried {pair.attempts} times; the next try is not before {pair.next_try_at:%Y-%m-%d %H:%M:%S} UTC."
        )
    if known and ours != theirs and not found:
        found.append(
            "Nothing holds it: the next sync " + ("sends ours." if dirty else "takes Salesforce's in.")
        )
    elif dirty and not found:
        found.append("Nothing holds it: the next sync sends ours.")
    return found


_ENDED = {
    PairState.TOMBSTONED: "was deleted in Salesforce",
    PairState.REDIRECTED: "was merged into another record",
    PairState.CONVERTED: "was converted",
    PairState.DETACHED: "is detached: the person was deleted here",
    PairState.NEW: "is not linked yet",
    PairState.HIDDEN: "is hidden from the sync user (sharing, its owner or a permission), and not known to be deleted: it is "
    "linked again by itself once it is shown; edits made here wait",
}
