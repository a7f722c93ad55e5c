"""Creating people in Salesforce without ever making a duplicate (D-48, D-49, D-51, D-56, D-71; N-28).

Pure. A person who has no record in Salesforce and whom the create rule (or somebody by hand) names goes this way:

    draft       what would be sent; what Salesforce demands and we do not have makes the person wait for data
    choose      what the org holds already under our key or the person's e-mail: link to it, create, or hold for review
    recognise   a record that turns up and is one whose creation was sent, but whose answer never came
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from diptych.domain.mapping import Direction, FieldMapping, UsableMapping
from diptych.domain.outcome import Problem
from diptych.domain.pair import Linked, Observation
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import Value

KEY_FIELD = "Diptych_Key__c"
"""The External Id field, unique, on Lead and Contact, that holds the external key (design decision 7)."""

CREATED_OBJECT = "Lead"
"""What a person is created as (D-53: never a contact, which needs an account and an owner's decision)."""

BY_KEY = "create by key"
"""`Inflight.channel` of a creation that was sent as an upsert by the key field: the record shows the key."""

_ALWAYS_FILLED = ("OwnerId",)  # by Salesforce: the sync user, or the assignment rule


class MatchPolicy(StrEnum):
    """What to do when Salesforce already has a record with the person's e-mail."""

    LINK = "link"
    CREATE = "create"
    HOLD = "hold"


class Wish(StrEnum):
    """Where a person stands on the way into Salesforce. Only people with something to say about have a `Creation`."""

    ASKED = "asked"  # by hand
    WAITING = "waiting"  # for data that Salesforce demands
    REVIEW = "review"  # a person has to decide
    LINK = "link"  # decided: to the record `target`
    CREATE = "create"  # decided: whatever is there
    DISMISSED = "dismissed"  # decided: not


@dataclass(frozen=True)
class Creation:
    """`reason`: one line. `fields`: the API names that are lacking. `matches`: Salesforce ids to choose from. `by_hand`:
    somebody asked for this very person, so that no rule need name it; `recreate`: although its record was deleted."""

    person_id: int
    wish: Wish
    at: datetime
    reason: str = ""
    fields: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    target: str | None = None
    by_hand: bool = False
    recreate: bool = False


@dataclass(frozen=True)
class CreateRule:
    """Who is created in Salesforce, and how. `filter` is the text of a `PersonFilter`; blank names nobody. `defaults`: by API
    name, used at create only where ours is blank (D-51). `allow_duplicates`: save in spite of a duplicate rule that only
    alerts (`allowSave`)."""

    filter: str = ""
    policy: MatchPolicy = MatchPolicy.LINK
    defaults: Mapping[str, str] = field(default_factory=dict)
    allow_duplicates: bool = False


@dataclass(frozen=True)
class Match:
    """A record of the org that may be the person: same e-mail, or our key. Deleted and converted ones are among them."""

    object_name: str
    sf_id: str
    email: str | None = None
    key: str | None = None
    deleted: bool = False
    converted: bool = False
    converted_contact_id: str | None = None


@dataclass(frozen=True)
class NewRecord:
    """A record to create: values by API name, canonical; `key` is the external key, used where the org has the field."""

    key: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Candidate:
    """A person who may be created: the values asked for, and what has been said about the person before."""

    person_id: int
    values: Mapping[str, Value]
    creation: Creation | None = None


def keyed(description: ObjectDescription) -> bool:
    """Whether the object has our key field, so that the sync user may use it: unique, an External Id, and on the object that
    people are created as also open to be filled."""
    key = description.fields.get(KEY_FIELD)
    return (
        key is not None
        and key.unique
        and key.external_id
        and (key.createable or description.name != CREATED_OBJECT)
    )


# ---------------------------------------------------------------- what is sent


@dataclass(frozen=True)
class Draft:
    """What would be sent: `values` by column, `defaults` by API name. `missing`: required fields that neither we nor the
    defaults fill; `problems`: by column, what Salesforce would refuse and is therefore left out."""

    values: Mapping[str, Value]
    defaults: Mapping[str, str]
    missing: tuple[str, ...]
    problems: Mapping[str, Problem] = field(default_factory=dict)


def required_fields(description: ObjectDescription) -> tuple[str, ...]:
    """What Salesforce demands at create and does not fill by itself, in describe order (D-51)."""
    return tuple(
        f.name
        for f in description.fields.values()
        if f.createable
        and not f.nillable
        and not f.defaulted_on_create
        and f.type != "boolean"
        and f.name not in _ALWAYS_FILLED
    )


def sent_at_create(usable: UsableMapping, description: ObjectDescription) -> tuple[FieldMapping, ...]:
    """The mapped fields that may carry our values into a new record."""
    return tuple(
        mapped
        for mapped in usable.mapping.fields
        if mapped.direction is not Direction.INBOUND
        and mapped.field in description.fields
        and description.fields[mapped.field].createable
    )


def draft(
    usable: UsableMapping,
    description: ObjectDescription,
    ours: Mapping[str, Value],
    defaults: Mapping[str, str],
    problems: Mapping[str, Problem],
) -> Draft:
    """What a new record of this person would hold. `problems`: values that Salesforce would certainly refuse, by column."""
    sent = {
        m.column: m
        for m in sent_at_create(usable, description)
        if ours.get(m.column) is not None and m.column not in problems
    }
    filled = {m.field for m in sent.values()}
    demanded = [name for name in required_fields(description) if name not in filled]
    return Draft(
        {column: ours[column] for column in sent},
        {name: defaults[name] for name in demanded if defaults.get(name)},
        tuple(name for name in demanded if not defaults.get(name)),
        dict(problems),
    )


# ---------------------------------------------------------------- what is there already


@dataclass(frozen=True)
class Choice:
    """What to do with a candidate: `link` to a record (object name, id), or `create`, or (both unset) hold for review."""

    create: bool = False
    link: tuple[str, str] | None = None
    reason: str = ""
    matches: tuple[str, ...] = ()


def choose(matches: Sequence[Match], policy: MatchPolicy, key: str | None, recreate: bool = False) -> Choice:
    """Link, create or hold, given what the org holds under the person's e-mail or key. Contact first, then open lead; a
    converted lead stands for its contact. Two that could be meant are never guessed between (N-28)."""
    ours = [m for m in matches if key is not None and m.key == key]
    for match in ours:
        if match.deleted and not recreate:
            return Choice(reason=_DELETED, matches=(match.sf_id,))
        if not match.deleted:
            return Choice(link=_followed(match))

    others = [m for m in matches if m not in ours]
    contacts = dict.fromkeys(
        found for m in others if not m.deleted and (found := _followed(m))[0] == "Contact"
    )
    leads = dict.fromkeys(
        ("Lead", m.sf_id) for m in others if not m.deleted and m.object_name == "Lead" and not m.converted
    )
    everything = tuple(dict.fromkeys(sf_id for _, sf_id in (*contacts, *leads)))
    if not everything:
        gone = tuple(m.sf_id for m in others if m.deleted)
        if gone and not recreate:
            return Choice(reason=_DELETED, matches=gone)
        return Choice(create=True)
    if policy is MatchPolicy.CREATE:
        return Choice(create=True)
    if policy is MatchPolicy.HOLD:
        return Choice(reason="Salesforce has a record with this e-mail address already.", matches=everything)
    for kind, alike in (("contacts", contacts), ("open leads", leads)):
        if len(alike) == 1:
            return Choice(link=next(iter(alike)))
        if alike:
            return Choice(
                reason=f"{len(alike)} {kind} in Salesforce have this e-mail address.", matches=everything
            )
    raise AssertionError("there is a contact or a lead")


_DELETED = (
    "Its record was deleted in Salesforce; nothing deleted there is made again unless somebody says so."
)


def _followed(match: Match) -> tuple[str, str]:
    if match.object_name == "Lead" and match.converted and match.converted_contact_id:
        return ("Contact", match.converted_contact_id)
    return (match.object_name, match.sf_id)


# ---------------------------------------------------------------- what came through although no answer came


def recognise(
    pending: Sequence[Linked], observations: Sequence[Observation], sync_user: str | None
) -> dict[int, Observation]:
    """Which of these records, unknown until now, is the one whose creation a pair has in flight; by pair id.

    By our key where the record shows one. Sent without a key, because the org had no such field: last saved by us, and every
    value as sent. One record is given to one pair.
    """
    found: dict[int, Observation] = {}
    free = list(observations)
    for one in pending:
        for observation in free:
            if _is_of(one, observation, sync_user):
                found[one.pair.id] = observation
                free.remove(observation)
                break
    return found


def _is_of(pending: Linked, observation: Observation, sync_user: str | None) -> bool:
    record, inflight = observation.record, pending.pair.inflight
    key = record.fields.get(KEY_FIELD)
    by_key = KEY_FIELD in record.fields and inflight is not None and inflight.channel == BY_KEY
    if key is not None or by_key:
        return key is not None and key == pending.pair.ext_key
    sent = inflight.values if inflight else {}
    return (
        bool(sent)
        and record.modified_by == sync_user
        and all(observation.values.get(column) == value for column, value in sent.items())
    )
