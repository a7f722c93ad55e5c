"""What an action would do, before anybody says yes: people and records are read, nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from diptych.domain.actions import (
    LIVE,
    Action,
    ActionKind,
    ActionStep,
    CannotAct,
    DeletePolicy,
    MergePlan,
    StepKind,
    live_pairs,
    must_be_shown,
    plan_delete,
    plan_merge,
)
from diptych.domain.mapping import Direction
from diptych.domain.pair import PairState, Record
from diptych.domain.person_merge import HeldPerson
from diptych.domain.values import Value, full_id, to_text
from diptych.sync.actions.effects import prepare
from diptych.sync.engine import Engine
from diptych.sync.opening import join_policies
from diptych.sync.ports import Transaction

_NEVER_COMPARED = ("address", "location", "base64", "complexvalue", "id")
_OF_THE_RECORD = (
    "SystemModstamp",
    "LastModifiedDate",
    "LastModifiedById",
    "CreatedDate",
    "CreatedById",
    "Id",
)


@dataclass(frozen=True)
class Unsynced:
    """A field of Salesforce that is not synced, in which the records differ: their values, by Salesforce id (D-64)."""

    object_name: str
    field: str
    values: Mapping[str, str | None]


@dataclass(frozen=True)
class MergePreview:
    """A plan, and what only Salesforce knows of the records. `names`: what people are called, by id."""

    plan: MergePlan
    names: Mapping[int, str]
    unsynced: tuple[Unsynced, ...] = ()

    def action(self, actor: str, at: datetime) -> Action:
        plan = self.plan
        return Action(
            ActionKind.MERGE, plan.remaining, plan.steps, actor, at, others=plan.joining, picks=plan.picks
        )


@dataclass(frozen=True)
class ConvertWish:
    """How a lead is to be converted, as somebody asked for it. `lead`: which one, of several; `contact` brings its account."""

    lead: str | None = None
    account: str | None = None
    contact: str | None = None
    status: str | None = None
    opportunity: bool = True
    opportunity_name: str | None = None
    owner: str | None = None
    overwrite_lead_source: bool = False
    notify_owner: bool = False


@dataclass(frozen=True)
class ConvertPreview:
    """The step, and what is worth knowing. `kept_here`: columns with a value that the contact has no field for: they stay
    here and are lost in Salesforce unless its lead mapping carries them (D-59). `joins`: the person of the contact."""

    person_id: int
    name: str
    step: ActionStep
    statuses: tuple[str, ...]
    kept_here: Mapping[str, Value]
    joins: int | None = None
    notes: tuple[str, ...] = ()

    def action(self, actor: str, at: datetime) -> Action:
        others = (self.person_id,) if self.joins else ()
        return Action(
            ActionKind.CONVERT, self.joins or self.person_id, (self.step,), actor, at, others=others
        )


@dataclass(frozen=True)
class DeletePreview:
    """Whom it is about and which records there are; `confirmation` has to be typed where Salesforce or for ever is meant."""

    person_id: int
    name: str
    policy: DeletePolicy
    steps: tuple[ActionStep, ...]
    records: tuple[str, ...]
    email: Value
    suppress: bool
    forget: bool
    notes: tuple[str, ...] = ()

    @property
    def confirmation(self) -> str | None:
        """The words to type: how many records are deleted in Salesforce, or that all is forgotten."""
        if self.forget:
            return f"forget person {self.person_id}"
        if self.policy is DeletePolicy.DELETE and self.steps:
            return f"delete {len(self.steps)} in Salesforce"
        return None

    def action(self, actor: str, at: datetime) -> Action:
        return Action(
            ActionKind.DELETE,
            self.person_id,
            self.steps,
            actor,
            at,
            policy=self.policy,
            suppress=self.suppress,
            forget=self.forget,
        )


def name_of(person: HeldPerson) -> str:
    """What a person is called."""
    values = person.values
    parts = [to_text(values[c]) or "" for c in ("first_name", "last_name") if values.get(c)]
    return " ".join(parts) or to_text(values.get("email")) or "(no name)"


def _held(tx: Transaction, ids: Sequence[int]) -> list[HeldPerson]:
    """These people as they are now, those that have joined others as what they have become. Raises CannotAct."""
    now = [tx.actions.now_id(number) for number in ids]
    held = tx.held_people(now)
    for asked, number in zip(ids, now, strict=True):
        if number not in held:
            raise CannotAct(f"There is no person {asked}. Perhaps somebody deleted it here.")
    _not_under_way(tx, set(now))
    return [held[number] for number in now]


def _not_under_way(tx: Transaction, people: set[int]) -> None:
    for one in tx.actions.open():
        about = {tx.actions.now_id(number) for number in (one.person_id, *one.others)}
        if about & people:
            raise CannotAct(
                f"Action {one.id} ({one.kind.value}) of person {min(about & people)} has not ended yet. "
                "See: diptych people actions"
            )


# ---------------------------------------------------------------- merging


def merge(
    engine: Engine, ids: Sequence[int], picked: Mapping[str, int] | None = None, only_here: bool = False
) -> MergePreview:
    """Making one of several people, the first of whom is to remain. Raises CannotAct, and OrgError."""
    prepare(engine)
    with engine.store.transaction() as tx:
        people = _held(tx, ids)
        chosen, consent = join_policies(tx), tx.mapping().consent("person")
        former = {now: asked for asked in ids if (now := tx.actions.now_id(asked)) != asked}
        picks = {column: tx.actions.now_id(number) for column, number in (picked or {}).items()}
    records = {} if only_here else _records(engine, people)
    accounts = {
        sf_id: to_text(_plain(record.fields.get("AccountId")))
        for (name, sf_id), record in records.items()
        if name == "Contact" and record is not None
    }
    for (name, sf_id), record in records.items():
        _must_be_there(name, sf_id, record, "or merge here only (--only-here)")
    plan = plan_merge(
        people,
        accounts,
        chosen,
        picks,
        only_here=only_here,
        inbound=_inbound(engine, people),
        consent=consent,
    )
    if any(step.kind is StepKind.CONVERT for step in plan.steps):
        status, _ = _status(engine, None)
        plan = replace(plan, steps=tuple(_with_status(step, status) for step in plan.steps))
    notes = [f"Person {asked} has joined person {now} already." for now, asked in former.items()]
    notes += _lacking(engine, plan.steps)
    return MergePreview(
        replace(plan, notes=(*notes, *plan.notes)),
        {person.id: name_of(person) for person in people},
        _unsynced(engine, records),
    )


def _must_be_there(name: str, sf_id: str, record: Record | None, otherwise: str) -> None:
    if record is None:
        raise CannotAct(
            f"Salesforce does not show {name} {sf_id} to the sync user. Check the sharing settings, {otherwise}."
        )
    if record.deleted or record.converted:
        became = "converted" if record.converted else "merged" if record.master_id else "deleted"
        raise CannotAct(
            f"{name} {sf_id} has just been {became} in Salesforce. Let the sync take that over first: "
            "diptych sync --once"
        )


def _status(engine: Engine, wanted: str | None) -> tuple[str, tuple[str, ...]]:
    """The status that a converted lead gets, and all that could be."""
    statuses = tuple(engine.org.converted_statuses())
    status = wanted or next(iter(statuses), None)
    if status is None or status not in statuses:
        known = ", ".join(statuses) or "none: mark one as Converted in the set-up of Salesforce"
        raise CannotAct(f"{wanted or 'No'} status of leads counts as converted. There are: {known}.")
    return status, statuses


def _lacking(engine: Engine, steps: Sequence[ActionStep]) -> list[str]:
    """Rights that the sync user was last seen not to have, and without which Salesforce will refuse."""
    names = {step.object_name for step in steps if step.kind in (StepKind.MERGE, StepKind.DELETE)}
    return [
        f"The sync user may not delete {engine.schemas[name].label_plural.lower()}, so Salesforce will refuse this. Give it "
        f"Delete on {name}: diptych prepare --acting"
        for name in sorted(names)
        if name in engine.schemas and not engine.schemas[name].deletable
    ]


def _with_status(step: ActionStep, status: str) -> ActionStep:
    return (
        replace(step, options={**step.options, "status": status}) if step.kind is StepKind.CONVERT else step
    )


def _inbound(engine: Engine, people: Sequence[HeldPerson]) -> list[str]:
    names = {pair.object_name for person in people for pair in live_pairs(person)}
    name = "Contact" if "Contact" in names else "Lead"
    if name not in engine.usable:
        return []
    return [f.column for f in engine.usable[name].mapping.fields if f.direction is Direction.INBOUND]


def _records(engine: Engine, people: Sequence[HeldPerson]) -> dict[tuple[str, str], Record | None]:
    """The live records of these people, with every field that the sync user sees."""
    wanted: dict[str, list[str]] = {}
    for person in people:
        for pair in live_pairs(person):
            wanted.setdefault(pair.object_name, []).append(str(pair.sf_id))
    found: dict[tuple[str, str], Record | None] = {}
    for name, ids in wanted.items():
        engine.budget.reserve("actions")
        read = engine.org.retrieve(name, ids, _all_fields(engine, name), deleted_too=True)
        found |= {(name, sf_id): read.records.get(sf_id) for sf_id in ids}
    return found


def _all_fields(engine: Engine, name: str) -> tuple[str, ...]:
    described = engine.schemas.get(name)
    mapped = [f.field for f in engine.usable[name].mapping.fields if "." not in f.field]
    if described is None:
        return tuple(dict.fromkeys(mapped))
    every = [f.name for f in described.fields.values() if f.type not in _NEVER_COMPARED]
    return tuple(dict.fromkeys(every))


def _unsynced(engine: Engine, records: Mapping[tuple[str, str], Record | None]) -> tuple[Unsynced, ...]:
    """Fields in which records of one object differ and of which we hold nothing: what the merge drops there, unseen."""
    found: list[Unsynced] = []
    for name in dict.fromkeys(name for name, _ in records):
        some = {sf_id: r for (of, sf_id), r in records.items() if of == name and r is not None}
        if len(some) < 2:
            continue
        mapped = set(engine.usable[name].mapping.by_field)
        for field in _all_fields(engine, name):
            if field in mapped or field in _OF_THE_RECORD:
                continue
            values = {sf_id: to_text(_plain(record.fields.get(field))) for sf_id, record in some.items()}
            if len(set(values.values())) > 1:
                found.append(Unsynced(name, field, values))
    return tuple(found)


def _plain(value: object) -> Value:
    return value if isinstance(value, str | int | bool) or value is None else str(value)


# ---------------------------------------------------------------- converting


def convert(engine: Engine, person_id: int, wish: ConvertWish) -> ConvertPreview:
    """Converting a person's lead. Raises CannotAct, and OrgError."""
    prepare(engine)
    with engine.store.transaction() as tx:
        (person,) = _held(tx, [person_id])
    lead_id = _lead(person, wish.lead)
    status, statuses = _status(engine, wish.status)
    shown = engine.org.retrieve("Lead", [lead_id], ["OwnerId", "LastName"]).records[lead_id]
    if shown is None:
        raise CannotAct(f"Salesforce does not show lead {lead_id} to the sync user (any more).")
    owner = to_text(_plain(shown.fields.get("OwnerId"))) or ""
    if not wish.owner and owner and not owner.startswith("005"):
        raise CannotAct(
            f"A queue ({owner}) owns lead {lead_id}; what it becomes needs a user as its owner. Name one: --owner."
        )
    contact, account, joins, notes = _contact(engine, person, wish)
    options: dict[str, str | bool | None] = {
        "status": status,
        "account_id": account,
        "opportunity": wish.opportunity,
        "opportunity_name": wish.opportunity_name if wish.opportunity else None,
        "owner_id": wish.owner,
        "overwrite_lead_source": wish.overwrite_lead_source,
        "notify_owner": wish.notify_owner,
    }
    if not account and not contact:
        notes.append("A new account is made. Name an existing one with --account if there is one.")
    step = ActionStep(StepKind.CONVERT, "Lead", (lead_id,), contact, options=options)
    return ConvertPreview(
        person.id, name_of(person), step, statuses, _kept_here(engine, person), joins, tuple(notes)
    )


def _lead(person: HeldPerson, wanted: str | None) -> str:
    leads = [str(pair.sf_id) for pair in live_pairs(person) if pair.object_name == "Lead"]
    if wanted is not None:
        if full_id(wanted) not in leads:
            raise CannotAct(f"Person {person.id} has no live lead {wanted}.")
        return full_id(wanted)
    if not leads:
        must_be_shown(person, "converted", "nothing is converted here alone")
        raise CannotAct(f"Person {person.id} is no lead in Salesforce, so there is nothing to convert.")
    if len(leads) > 1:
        raise CannotAct(f"Person {person.id} has several leads: name one with --lead: {', '.join(leads)}.")
    return leads[0]


def _contact(
    engine: Engine, person: HeldPerson, wish: ConvertWish
) -> tuple[str | None, str | None, int | None, list[str]]:
    """The contact and account that are meant, and the person of that contact."""
    if wish.contact is None:
        return None, full_id(wish.account) if wish.account else None, None, []
    contact = full_id(wish.contact)
    shown = engine.org.retrieve("Contact", [contact], ["AccountId", "LastName"]).records[contact]
    if shown is None:
        raise CannotAct(f"Salesforce does not show contact {contact} to the sync user.")
    account = to_text(_plain(shown.fields.get("AccountId")))
    if account is None:
        raise CannotAct(f"Contact {contact} belongs to no account; give it one in Salesforce first.")
    if wish.account and full_id(wish.account) != account:
        raise CannotAct(f"Contact {contact} belongs to account {account}, not {wish.account}.")
    with engine.store.transaction() as tx:
        mapping = engine.usable["Contact"].mapping
        linked = tx.linked(mapping, [contact]).get(contact)
    notes = ["The contact keeps its values in Salesforce; only its blank fields are filled from the lead."]
    if linked is None or linked.pair.state is PairState.DETACHED or linked.pair.person_id == person.id:
        return contact, account, None, notes
    joins = linked.pair.person_id
    notes.append(
        f"Person {person.id} joins person {joins}, whose contact it is; the id {person.id} leads there."
    )
    return contact, account, joins, notes


def _kept_here(engine: Engine, person: HeldPerson) -> dict[str, Value]:
    lead, contact = engine.usable["Lead"].mapping, engine.usable["Contact"].mapping
    custom = [f.column for f in lead.fields if f.field.endswith("__c") and f.column not in contact.by_column]
    return {c: person.values[c] for c in custom if person.values.get(c) is not None}


# ---------------------------------------------------------------- deleting


def delete(
    engine: Engine, person_id: int, policy: DeletePolicy, suppress: bool = False, forget: bool = False
) -> DeletePreview:
    """Deleting a person, or letting its records go. Raises CannotAct, and OrgError."""
    prepare(engine)
    if policy is DeletePolicy.DETACH and (suppress or forget):
        raise CannotAct("Who stays here cannot be kept from coming back: choose the policy leave or delete.")
    with engine.store.transaction() as tx:
        (person,) = _held(tx, [person_id])
    plan_delete(person, policy)
    live = {(p.object_name, str(p.sf_id)) for p in live_pairs(person)}
    records = _records(engine, [person]) if policy is DeletePolicy.DELETE else {}
    saved: dict[str, datetime] = {}
    for (name, sf_id), record in records.items():
        _must_be_there(name, sf_id, record, "or delete only here (--policy leave)")
        if record is not None and record.modified_at is not None:
            saved[sf_id] = record.modified_at
    steps = plan_delete(person, policy, saved)
    return DeletePreview(
        person.id,
        name_of(person),
        policy,
        steps,
        tuple(f"{name} {sf_id}" for name, sf_id in sorted(live)),
        person.values.get("email"),
        suppress,
        forget,
        (
            *_lacking(engine, steps),
            *_delete_notes(person, policy, suppress, forget, _inbound(engine, [person])),
        ),
    )


def _delete_notes(
    person: HeldPerson, policy: DeletePolicy, suppress: bool, forget: bool, inbound: Sequence[str]
) -> tuple[str, ...]:
    notes = []
    live = [pair for pair in person.pairs if pair.state in LIVE]
    if policy is DeletePolicy.LEAVE and live:
        notes.append(
            "The records in Salesforce stay; they do not come back here, even when somebody changes them."
        )
    if policy is DeletePolicy.DETACH:
        notes.append("The person stays here; nothing is synced between it and these records any more.")
    if policy is DeletePolicy.DELETE and live:
        notes.append(
            "The records go into Salesforce's recycle bin, for 15 days; diptych undo --undelete brings them back."
        )
    if suppress or forget:
        notes.append(
            "Nobody with one of these records or this address comes back, nor is created in Salesforce by a rule."
        )
    if forget:
        notes.append(
            "All values, also those in history, are erased here for ever; only a hash of the address is kept."
        )
    if person.edited(inbound) and live:
        notes.append("Changes made here that Salesforce does not have yet are not sent any more.")
    return tuple(notes)
