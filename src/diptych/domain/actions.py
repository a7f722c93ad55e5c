"""Merging, converting and deleting people from our side: what is to be done where, in which order (D-61..D-74). Pure.

An action is a list of steps. Each step has one effect: in Salesforce (merge, convert, delete, undelete records), or here only
(join two people). What a step means for our people is decided when it has happened, from what Salesforce then shows
(`sync.succession`), so a plan holds records and people, never values; but for those that somebody picked.

    leads and leads, contacts and contacts     merged in Salesforce, up to two at a time into the remaining record
    a lead and a contact                       the lead is converted into the contact, without a new opportunity (D-64)
    people without a record                    joined here
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from diptych.domain.pair import Pair, PairState
from diptych.domain.person_merge import HeldPerson, JoinPolicy, plan_join, policies_for
from diptych.domain.values import Value

MOST_LOSERS = 2
"""How many records Salesforce merges into another one in one request (D-69)."""
LIVE = (PairState.PAIRED, PairState.PARKED)


class CannotAct(Exception):
    """The action is not possible; the text says why and what to do."""


class ActionKind(StrEnum):
    MERGE = "merge"
    CONVERT = "convert"
    DELETE = "delete"
    UNDELETE = "undelete"


class ActionState(StrEnum):
    """A failed action did not get further than it says; what it has done stays."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeletePolicy(StrEnum):
    """What deleting a person means. The first is the default."""

    LEAVE = "leave"  # gone here; the records in Salesforce stay, and do not come back here
    DETACH = "detach"  # stays here; its records are let go: nothing is synced between them any more
    DELETE = "delete"  # gone here, and the records go into the recycle bin there


class StepKind(StrEnum):
    JOIN = "join"
    MERGE = "merge"
    CONVERT = "convert"
    DELETE = "delete"
    UNDELETE = "undelete"


class StepState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"  # it may have happened: look before anything else
    DONE = "done"


@dataclass(frozen=True)
class ActionStep:
    """`sf_ids`: records of `object_name` that end (or come back); `target`: the record they become part of (None: a new
    contact). `people`: who joins the action's person here. `saved`: when a record was last saved by anyone, as it was shown
    to whoever decided. `options`: of a conversion, by the names of `sync.lifecycle.Conversion`."""

    kind: StepKind
    object_name: str = ""
    sf_ids: tuple[str, ...] = ()
    target: str | None = None
    people: tuple[int, ...] = ()
    options: Mapping[str, str | bool | None] = field(default_factory=dict)
    saved: Mapping[str, datetime] = field(default_factory=dict)
    state: StepState = StepState.WAITING
    attempts: int = 0

    @property
    def text(self) -> str:
        """In words, for a preview."""
        ids = ", ".join(self.sf_ids)
        match self.kind:
            case StepKind.JOIN:
                return f"join {', '.join(f'person {n}' for n in self.people)} here; Salesforce is not touched"
            case StepKind.MERGE:
                return f"merge {self.object_name} {ids} into {self.object_name} {self.target} in Salesforce"
            case StepKind.CONVERT:
                into = f"contact {self.target}" if self.target else "a new contact"
                account = self.options.get("account_id")
                where = "" if self.target else f" of {f'account {account}' if account else 'a new account'}"
                name = self.options.get("opportunity_name")
                deal = f"with the opportunity {name!r}" if name else "with a new opportunity"
                deal = deal if self.options.get("opportunity") else "without an opportunity"
                return f"convert lead {ids} into {into}{where}, {deal}"
            case StepKind.DELETE:
                return f"delete {self.object_name} {ids} in Salesforce (recycle bin)"
            case StepKind.UNDELETE:
                return f"take {self.object_name} {ids} out of Salesforce's recycle bin"


@dataclass(frozen=True)
class Action:
    """What somebody ordered and how far it is. `person_id`: whom it is about, or who remains; `others`: who joins. `picks`:
    values chosen by hand. `error`: why it waits or failed, in one line. `undoes`: the run that it takes back."""

    kind: ActionKind
    person_id: int
    steps: tuple[ActionStep, ...]
    actor: str
    at: datetime
    others: tuple[int, ...] = ()
    picks: Mapping[str, Value] = field(default_factory=dict)
    policy: DeletePolicy | None = None
    suppress: bool = False
    forget: bool = False
    undoes: int | None = None
    state: ActionState = ActionState.OPEN
    run_id: int | None = None
    error: str | None = None
    ended_at: datetime | None = None
    id: int = 0

    @property
    def next_step(self) -> int | None:
        """The place of the first step that is not done; None when all are."""
        return next((n for n, step in enumerate(self.steps) if step.state is not StepState.DONE), None)

    def with_step(self, place: int, step: ActionStep) -> Action:
        return replace(self, steps=(*self.steps[:place], step, *self.steps[place + 1 :]))

    @property
    def sent(self) -> bool:
        """Whether the outcome of something sent is not known yet."""
        return any(step.state is StepState.SENT for step in self.steps)


# ---------------------------------------------------------------- merging


@dataclass(frozen=True)
class Difference:
    """A column in which the people differ: their values in the order given, what remains, and by which policy (`picked`:
    chosen by hand)."""

    column: str
    values: tuple[Value, ...]
    result: Value
    policy: str


@dataclass(frozen=True)
class MergePlan:
    """`people` in the order given; `remaining` keeps its id, the `joining` ones lead to it. `notes`: what is worth knowing
    before a yes."""

    people: tuple[int, ...]
    remaining: int
    joining: tuple[int, ...]
    steps: tuple[ActionStep, ...]
    differences: tuple[Difference, ...] = ()
    picks: Mapping[str, Value] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def live_pairs(person: HeldPerson) -> list[Pair]:
    """The pairs of the person's live records in Salesforce."""
    return [pair for pair in person.pairs if pair.state in LIVE and pair.sf_id]


def must_be_shown(person: HeldPerson, done: str, otherwise: str) -> None:
    """Nothing is done in Salesforce about a record that the sync user is not shown. Raises CannotAct."""
    hidden = [f"{p.object_name} {p.sf_id}" for p in person.pairs if p.state is PairState.HIDDEN]
    if hidden:
        raise CannotAct(
            f"{', '.join(hidden)} of person {person.id} is hidden from the sync user, so it cannot be {done} in Salesforce. "
            f"Share it with the sync user, then: diptych reconcile; {otherwise}."
        )


def plan_merge(
    people: Sequence[HeldPerson],
    accounts: Mapping[str, str | None],
    chosen: Mapping[str, JoinPolicy],
    picked: Mapping[str, int],
    *,
    only_here: bool = False,
    inbound: Collection[str] = (),
    consent: Mapping[str, bool] | None = None,
) -> MergePlan:
    """Make one of these people, the first of whom is to remain. `picked`: whose value a column keeps, by person id;
    `accounts`: of the contacts among their records, by id. `only_here`: all records stay, and belong to one person.

    Salesforce keeps a contact before a lead, so a contact's person remains even when it is not the first. Raises CannotAct.
    """
    _must_be_ready(people)
    if not only_here:
        for person in people:
            must_be_shown(person, "merged", "or merge here only (--only-here)")
    picks = _picks(people, picked)
    _consent_stands(people, picks, consent or {})
    records = [] if only_here else [(person, pair) for person in people for pair in live_pairs(person)]
    first = people[0]
    target = next((r for r in records if r[1].object_name == "Contact"), next(iter(records), None))
    steps: list[ActionStep] = []
    notes: list[str] = []
    remaining = first
    if target is not None and target[0] is not first:
        if not live_pairs(first):
            steps.append(ActionStep(StepKind.JOIN, people=(target[0].id,)))
        else:
            remaining = target[0]
            notes.append(
                f"Person {remaining.id} remains, not person {first.id}: it is the contact, "
                "and Salesforce turns leads into contacts, never the other way."
            )
    owner = target[0] if target is not None else first
    steps += _record_steps([r for r in records if r[0] is not owner], target, accounts)
    unlinked = [
        p.id for p in people if p is not remaining and p is not owner and (only_here or not live_pairs(p))
    ]
    if unlinked:
        steps.append(ActionStep(StepKind.JOIN, people=tuple(unlinked)))
    fenced = [f"{pair.object_name} {pair.sf_id}" for p in people for pair in p.pairs if pair.fenced]
    if fenced:
        notes.append(
            f"A change of {', '.join(fenced)} is on its way; whether it arrived is found out after the merge."
        )
    joining = [p for p in people if p is not remaining]
    return MergePlan(
        tuple(p.id for p in people),
        remaining.id,
        tuple(p.id for p in joining),
        tuple(steps),
        differences(people, remaining, joining, chosen, picks, inbound, consent or {}),
        picks,
        tuple(notes),
    )


def _must_be_ready(people: Sequence[HeldPerson]) -> None:
    if len(people) < 2:
        raise CannotAct("Name at least two people; the first one remains.")
    if len({p.id for p in people}) < len(people):
        raise CannotAct("These are one person here already.")
    for person in people:
        if any(pair.state is PairState.NEW for pair in person.pairs):
            raise CannotAct(
                f"Person {person.id} is just being created in Salesforce. Try again after the next sync."
            )


def _picks(people: Sequence[HeldPerson], picked: Mapping[str, int]) -> dict[str, Value]:
    by_id = {person.id: person for person in people}
    values: dict[str, Value] = {}
    for column, number in picked.items():
        if number not in by_id:
            raise CannotAct(f"Person {number} is not among those who are merged.")
        if column not in by_id[number].values:
            raise CannotAct(f"There is no column {column} of people: see diptych mapping show.")
        values[column] = by_id[number].values[column]
    return values


def _consent_stands(
    people: Sequence[HeldPerson], picks: Mapping[str, Value], consent: Mapping[str, bool]
) -> None:
    for column, value in picks.items():
        if column in consent and value != consent[column]:
            refused = [p.id for p in people if p.values.get(column) == consent[column]]
            if refused:
                raise CannotAct(
                    f"Person {refused[0]} has refused consent in {column}; that stands in a merge. If it has been given "
                    "since, edit the person afterwards."
                )


def _record_steps(
    others: Sequence[tuple[HeldPerson, Pair]],
    target: tuple[HeldPerson, Pair] | None,
    accounts: Mapping[str, str | None],
) -> list[ActionStep]:
    if target is None or target[1].sf_id is None:
        return []
    into, name = target[1].sf_id, target[1].object_name
    same = [pair.sf_id for _, pair in others if pair.object_name == name and pair.sf_id]
    leads = [pair.sf_id for _, pair in others if pair.object_name != name and pair.sf_id]
    steps = [
        ActionStep(StepKind.MERGE, name, tuple(same[start : start + MOST_LOSERS]), into)
        for start in range(0, len(same), MOST_LOSERS)
    ]
    account = accounts.get(into)
    if leads and account is None:
        raise CannotAct(
            f"Contact {into} belongs to no account, or the sync user does not see it; Salesforce converts leads into "
            "contacts of accounts only. Give it an account in Salesforce, or merge here only (--only-here)."
        )
    options = {"account_id": account, "opportunity": False}
    return [*steps, *(ActionStep(StepKind.CONVERT, "Lead", (lead,), into, options=options) for lead in leads)]


def differences(
    people: Sequence[HeldPerson],
    remaining: HeldPerson,
    joining: Sequence[HeldPerson],
    chosen: Mapping[str, JoinPolicy],
    picks: Mapping[str, Value],
    inbound: Collection[str],
    consent: Mapping[str, bool],
) -> tuple[Difference, ...]:
    """What becomes of each column in which the people differ, as far as it can be told before Salesforce has acted."""
    result = remaining
    for one in joining:
        plan = plan_join(result, one, chosen, inbound=inbound, consent=consent, picked=picks)
        result = replace(result, values={**result.values, **plan.values})
    policies = policies_for(remaining.kinds, chosen)
    found = []
    for column in remaining.kinds:
        values = tuple(person.values.get(column) for person in people)
        after = result.values.get(column)
        if any(value != after for value in values):
            policy = "salesforce" if column in inbound else policies[column]
            if column in picks:
                policy = "picked"
            elif column in consent:
                policy = JoinPolicy.MOST_RESTRICTIVE
            found.append(Difference(column, values, after, str(policy)))
    return tuple(found)


# ---------------------------------------------------------------- deleting


def plan_delete(
    person: HeldPerson, policy: DeletePolicy, saved: Mapping[str, datetime] | None = None
) -> tuple[ActionStep, ...]:
    """The steps in Salesforce of deleting a person; none unless the policy deletes there. Raises CannotAct."""
    pairs = live_pairs(person)
    if policy is DeletePolicy.DETACH and not pairs:
        raise CannotAct(f"Person {person.id} has no record in Salesforce that could be let go.")
    if any(pair.state is PairState.NEW for pair in person.pairs):
        raise CannotAct(
            f"Person {person.id} is just being created in Salesforce. Try again after the next sync."
        )
    if policy is not DeletePolicy.DELETE:
        return ()
    must_be_shown(person, "deleted", "or delete only here (--policy leave)")
    return tuple(
        ActionStep(
            StepKind.DELETE,
            pair.object_name,
            (str(pair.sf_id),),
            saved={k: v for k, v in (saved or {}).items() if k == pair.sf_id},
        )
        for pair in pairs
    )
