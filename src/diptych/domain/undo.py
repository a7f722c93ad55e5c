"""Undo, decided: what of a run can be put back, and what cannot because somebody has gone on from there (decision 5).

A run touched a value *here* (it took Salesforce's value in, or it was an undo itself), or *there* (it sent ours). The value
before the first touch is its before-image; the value after the last one is what has to stand still, on our side and live in
Salesforce, for the before-image to be put back. Putting back is an edit of ours like any other: Salesforce gets it by
write-back, with intent, fence and read-before, so nothing that moves in between is overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from diptych.domain.values import Value, to_text


class Side(StrEnum):
    """Where a run changed a value."""

    HERE = "here"
    THERE = "there"


@dataclass(frozen=True)
class Touch:
    """One value as one run changed it. `line`: its line of history (only of those here); `pair_id`: whose write it was."""

    person_id: int
    column: str
    before: Value
    after: Value
    side: Side
    line: int | None = None
    pair_id: int | None = None


@dataclass(frozen=True)
class Line:
    """The newest line of history of a value. `side`: ours or salesforce; `actor`: who, as that side names people."""

    id: int
    side: str
    actor: str
    at: datetime
    run_id: int | None = None


@dataclass(frozen=True)
class Target:
    """One pair of the person, as it is now. `fields`: API name by mapped column; `closed`: columns Salesforce does not take
    from us, each with the reason; `theirs`: the live record's values by column, None when the org does not show it."""

    pair_id: int
    object_name: str
    sf_id: str
    live: bool
    fenced: bool
    fields: Mapping[str, str]
    closed: Mapping[str, str]
    theirs: Mapping[str, Value] | None
    modified_by: str | None = None
    modified_at: datetime | None = None
    changed_since_seen: bool = False


@dataclass(frozen=True)
class SalesforceWrite:
    """What write-back will set once ours is put back."""

    object_name: str
    sf_id: str
    field: str
    now: Value
    becomes: Value


@dataclass(frozen=True)
class Item:
    """One thing to undo. `action`: restore (a value), remove (a person that the run brought), bring_back (one that it
    removed), split (one that joined another). `refused`: why it is left as it is; None: it will be, or has been, done. `same`: there is nothing to put back."""

    person_id: int
    action: str
    column: str | None = None
    now: Value = None
    becomes: Value = None
    salesforce: tuple[SalesforceWrite, ...] = ()
    refused: str | None = None
    same: bool = False

    @property
    def does(self) -> bool:
        return self.refused is None and not self.same


@dataclass(frozen=True)
class Person:
    """All that is known of one person for the decision. `ended`: by record, what the run saw or did that is not undone. `ours`: values by column; None when the person is not here any more.
    `newest`: the newest line of history by column (None as key: of coming and going)."""

    person_id: int
    ours: Mapping[str, Value] | None
    newest: Mapping[str | None, Line]
    targets: tuple[Target, ...]
    touches: tuple[Touch, ...] = ()
    arrived: bool = False
    removed: bool = False
    sent_since: bool = False
    ended: Mapping[str, str] = field(default_factory=dict)


def undo_person(person: Person, run_id: int, only_column: str | None = None) -> list[Item]:
    """What undoing run `run_id` means for one person; with `only_column` for one of its values."""
    if person.removed:
        return [_bring_back(person)] if only_column is None else []
    if person.arrived and only_column is None:
        return [_remove(person, run_id)]
    if person.ours is None:
        return [Item(person.person_id, "restore", refused="The person was deleted here.")]
    columns = dict.fromkeys(t.column for t in person.touches)
    items = [_restore(person, c, run_id) for c in columns if only_column in (None, c)]
    if only_column is None:
        items += [_ended(person.person_id, name, state) for name, state in person.ended.items()]
    return items


def _restore(person: Person, column: str, run_id: int) -> Item:
    here = [t for t in person.touches if t.column == column and t.side is Side.HERE]
    touches = here or [t for t in person.touches if t.column == column]
    before, after = touches[0].before, touches[-1].after
    assert person.ours is not None
    if column not in person.ours:
        return Item(person.person_id, "restore", column, refused=f"{column} is not mapped any more.")
    now = person.ours[column]
    refused = _newer_here(person, column, here, now, before, after, run_id)
    writes: list[SalesforceWrite] = []
    for target in person.targets:
        if refused is None and target.live and column in target.fields:
            refused, write = _there(target, column, before, after)
            writes += [write] if write is not None else []
    return Item(
        person.person_id,
        "restore",
        column,
        now,
        before,
        () if refused else tuple(writes),
        refused,
        same=refused is None and now == before and not writes,
    )


def _newer_here(
    person: Person, column: str, here: Sequence[Touch], now: Value, before: Value, after: Value, run_id: int
) -> str | None:
    newest = person.newest.get(column)
    if here:
        if newest is not None and here[-1].line is not None and newest.id > here[-1].line:
            if newest.actor == actor_of(run_id):
                return f"Run {newest.run_id} has put it back already."
            return f"There is a newer edit: {_who(newest)}."
        return None if now == after else "It was changed here since, past history."
    if now in (after, before):
        return None
    return f"There is a newer edit: {_who(newest)}." if newest else "It was changed here since."


def _there(
    target: Target, column: str, before: Value, after: Value
) -> tuple[str | None, SalesforceWrite | None]:
    name, field_name = f"{target.object_name} {target.sf_id}", target.fields[column]
    if target.fenced:
        return f"A write to {name} is on its way; try again after the next sync.", None
    if target.theirs is None:
        return f"Salesforce does not show {name} now, so what it holds cannot be compared.", None
    if column not in target.theirs:
        return f"{field_name} of {name} cannot be read now.", None
    theirs = target.theirs[column]
    if theirs == before:
        return None, None
    if theirs != after:
        when = f" at {target.modified_at:%Y-%m-%d %H:%M:%S} UTC" if target.modified_at else ""
        return (
            f"There is a newer edit in Salesforce: {field_name} is now {to_text(theirs) or 'blank'}, "
            f"last saved by {target.modified_by or 'an unknown user'}{when}.",
            None,
        )
    if column in target.closed:
        return f"Salesforce would keep its value: {target.closed[column]}.", None
    return None, SalesforceWrite(target.object_name, target.sf_id, field_name, theirs, before)


def _remove(person: Person, run_id: int) -> Item:
    def item(refused: str | None = None, same: bool = False) -> Item:
        return Item(person.person_id, "remove", refused=refused, same=same)

    if person.ours is None:
        return item(same=True)
    later = [line for line in person.newest.values() if line.run_id != run_id]
    if later:
        return item(f"The person has been changed since: {_who(max(later, key=lambda line: line.id))}.")
    if len(person.targets) != 1:
        return item(f"{len(person.targets)} Salesforce records belong to this person by now.")
    target = person.targets[0]
    if target.fenced or person.sent_since:
        return item(f"Changes made here have been sent to {target.object_name} {target.sf_id} since.")
    if not target.live:
        return item(f"{target.object_name} {target.sf_id} has been deleted, merged or converted since.")
    if target.changed_since_seen:
        return item(f"{target.object_name} {target.sf_id} has been changed in Salesforce since.")
    return item()


def _bring_back(person: Person) -> Item:
    return Item(person.person_id, "bring_back", same=person.ours is not None)


def _ended(person_id: int, record: str, state: str) -> Item:
    return Item(
        person_id,
        "restore",
        refused=f"{record} {state}.",
    )


def actor_of(run_id: int) -> str:
    """Under what name an undo of this run edits."""
    return f"undo of run {run_id}"


def _who(line: Line) -> str:
    where = "Salesforce" if line.side == "salesforce" else "here"
    return f"in {where} by {line.actor}".replace("in here", "here") + f" at {line.at:%Y-%m-%d %H:%M:%S} UTC"
