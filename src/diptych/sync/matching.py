"""Match rules at work: a record that is new to us joins the person it belongs to (D-47, N-28).

Asked by `apply` for records that no pair knows. Exactly one person matches: the record becomes one more pair of that person,
and what both hold is merged under the field policies, from a blank base. Nobody matches: a new person. Several match: a new
person too, and a line for review, because nothing is guessed. Without a rule, the default, every record is its own person.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.domain.creating import Creation, Wish
from diptych.domain.mapping import FieldMapping, ObjectMapping
from diptych.domain.matching import Matching, MatchRule, verdict
from diptych.domain.pair import Linked, Observation, PairState, primary
from diptych.domain.values import InvalidValue, Value, canonical, full_id
from diptych.sync.ports import PairChange, SnapshotPage, Transaction

SETTING = "identity.rule"


def read_matching(tx: Transaction) -> Matching:
    """The match rule as it is now."""
    text = tx.setting(SETTING)
    if not text:
        return Matching()
    kept = json.loads(text)
    return Matching(MatchRule(kept["rule"]), kept.get("column"))


def save_matching(tx: Transaction, matching: Matching) -> None:
    """Make this the rule for records that come from now on. Raises ValueError for a column that is not mapped."""
    known = tx.mapping().columns("person")
    for column in matching.columns:
        if column not in known:
            raise ValueError(f"There is no mapped column {column}, which this rule compares.")
    if matching.rule is MatchRule.EXTERNAL_ID and not matching.column:
        raise ValueError("The rule external-id needs the column that holds the id.")
    text = json.dumps({"rule": matching.rule.value, "column": matching.column})
    tx.save_setting(SETTING, None if matching.rule is MatchRule.NONE else text)
    tx.match_by(matching.columns[0] if matching.columns else None)


@dataclass(frozen=True)
class Settled:
    """`linked`: pairs made for records that join a person, by Salesforce id. `new`: records that become people. `later`: those
    that match one of `new`, or somebody whom another one joins, to be settled after that. `ambiguous`: who else a record of `new` matches, by
    Salesforce id."""

    linked: Mapping[str, Linked] = field(default_factory=dict)
    new: tuple[Observation, ...] = ()
    later: tuple[Observation, ...] = ()
    ambiguous: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def held_back(tx: Transaction, object_mapping: ObjectMapping, page: SnapshotPage) -> frozenset[str]:
    """Rows of a bulk page that a match rule may take for somebody: who is here, or an earlier row of the page. They are not loaded in
    bulk but applied one by one, so that they join. Nothing is looked at while there is no rule."""
    matching = read_matching(tx)
    fields = object_mapping.by_column
    if not matching.columns or any(column not in fields for column in matching.columns[:1]):
        return frozenset()
    texts = set[str]()
    keys = dict(_keys_of(matching, object_mapping, page, texts))
    known = tx.mapping().columns("person")
    if not keys or any(column not in known for column in matching.columns):
        return frozenset()
    there = _alike(tx, matching, texts)
    found, coming = set[str](), set[tuple[str, ...]]()
    for sf_id, key in keys.items():
        if key in there or key in coming:
            found.add(sf_id)
        coming.add(key)
    return frozenset(found)


def _keys_of(
    matching: Matching, object_mapping: ObjectMapping, page: SnapshotPage, texts: set[str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The rows that can match anybody, by id, with what they have in common with others; `texts` gets what to look for."""
    rows = csv.reader(io.StringIO(page.content.decode(), newline=""))
    place = {name: number for number, name in enumerate(next(rows, []))}
    fields = object_mapping.by_column
    compared = [
        (fields[c], place[fields[c].field])
        for c in matching.columns
        if c in fields and fields[c].field in place
    ]
    for row in rows:
        values = {mapped.column: _read(mapped, row[at]) for mapped, at in compared}
        key = matching.key_of(values)
        if key is not None:
            texts |= matching.texts_of(values)
            yield full_id(row[place["Id"]].strip()), key


def _read(mapped: FieldMapping, cell: str) -> Value:
    try:
        return canonical(mapped.kind, cell or None, mapped.scale)
    except InvalidValue:
        return None


def settle(
    tx: Transaction, object_mapping: ObjectMapping, strangers: Sequence[Observation], run_id: int | None
) -> Settled:
    """To whom these live records belong, none of which has a pair; pairs of those that join somebody are made."""
    matching = read_matching(tx) if strangers else Matching()
    columns = matching.columns
    known = tx.mapping().columns("person") if columns else {}
    if not columns or any(column not in known for column in columns):
        return Settled(new=tuple(strangers))
    keys = {o.record.sf_id: matching.key_of(o.values) for o in strangers}
    alike = _alike(
        tx, matching, {t for o in strangers if keys[o.record.sf_id] for t in matching.texts_of(o.values)}
    )
    joining: dict[str, int] = {}
    joined: set[int] = set()
    new: list[Observation] = []
    later: list[Observation] = []
    ambiguous: dict[str, tuple[int, ...]] = {}
    coming: set[tuple[str, ...]] = set()
    for one in strangers:
        key = keys[one.record.sf_id]
        found = verdict(alike.get(key, ())) if key else verdict(())
        if found.person_id is not None and found.person_id in joined:
            later.append(one)  # each is merged with what the one before has left
        elif found.person_id is not None:
            joining[one.record.sf_id] = found.person_id
            joined.add(found.person_id)
        elif key is not None and key in coming and not found.ambiguous:
            later.append(one)
        else:
            new.append(one)
            if key is not None:
                coming.add(key)
            if found.ambiguous:
                ambiguous[one.record.sf_id] = found.ambiguous
    linked = _join(tx, object_mapping, joining, run_id) if joining else {}
    return Settled(linked, tuple(new), tuple(later), ambiguous)


def _alike(tx: Transaction, matching: Matching, first: set[str]) -> dict[tuple[str, ...], list[int]]:
    found: dict[tuple[str, ...], list[int]] = {}
    people: Mapping[int, Mapping[str, Value]] = (
        tx.people_alike(matching.columns, sorted(first)) if first else {}
    )
    for person_id, values in people.items():
        key = matching.key_of(values)
        if key is not None:
            found.setdefault(key, []).append(person_id)
    return found


def _join(
    tx: Transaction, object_mapping: ObjectMapping, joining: Mapping[str, int], run_id: int | None
) -> dict[str, Linked]:
    changes = []
    for sf_id, person_id in joining.items():
        pair = tx.begin_pairs(object_mapping, [person_id])[person_id]
        tx.identify(pair.id, sf_id)
        changes.append(PairChange(pair.id, person_id, state=PairState.PAIRED))
    tx.save(changes, run_id)
    tx.drop_creations(list(joining.values()))
    return tx.linked(object_mapping, list(joining))


def note_ambiguous(
    tx: Transaction, object_mapping: ObjectMapping, ambiguous: Mapping[str, tuple[int, ...]], at: datetime
) -> None:
    """Tell a person of records that match several people; each is a person of its own until they are joined (N-28)."""
    alike = tx.held_people([number for some in ambiguous.values() for number in some])
    for sf_id, linked in tx.linked(object_mapping, list(ambiguous)).items():
        people = ", ".join(str(number) for number in ambiguous[sf_id])
        reason = f"{object_mapping.object_name} {sf_id} matches several people: {people}. It is a person of its own."
        theirs = [primary(alike[number].pairs) for number in ambiguous[sf_id] if number in alike]
        matches = tuple(pair.sf_id for pair in theirs if pair is not None and pair.sf_id)
        tx.save_creation(Creation(linked.pair.person_id, Wish.REVIEW, at, reason, matches=matches))
