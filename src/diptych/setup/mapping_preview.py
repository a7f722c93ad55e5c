"""What a change of mapping would do, field by field: values touched, before and after, examples, warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from diptych.domain.mapping import Blanks, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.mapping_adopt import AdoptedField
from diptych.domain.mapping_changes import FieldChange, differences, full_name
from diptych.domain.mapping_effect import Differing, Effect, Fate, counts, effects, outcome
from diptych.domain.outcome import OrgError
from diptych.domain.values import InvalidValue, Value, canonical
from diptych.setup.state import SetupRefused
from diptych.sync.outbound.outbox import refusal
from diptych.sync.ports import FeedRead, Org, Transaction

MOST = 10_000
"""Of each field so many differing values are looked at; of more, the counts are of these."""
_SAMPLED_FIELDS = 5
_READ_FOR_SAMPLES = 50
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Arrival:
    """A value that would come in for the first time. `ours`: what the column holds for that person now; `after`: then; None for
    both where the record is nobody's yet."""

    sf_id: str
    theirs: Value
    person_id: int | None = None
    ours: Value = None
    after: Value = None


@dataclass(frozen=True)
class FieldPreview:
    """What one field's change would do. `differing`: values that are not the same on both sides now; `looked_at`: how many of them
    the counts are of. `before`, `after`: how many would be sent, taken in, asked about or stay; `touched`: for how many that
    changes. `fills`: about how many records a backfill fills (None: none is needed, or it is not known). `live`: the samples were
    read from Salesforce just now."""

    change: FieldChange
    differing: int = 0
    looked_at: int = 0
    before: Mapping[Fate, int] | None = None
    after: Mapping[Fate, int] | None = None
    touched: int = 0
    fills: int | None = None
    samples: tuple[Effect, ...] = ()
    arrivals: tuple[Arrival, ...] = ()
    live: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preview:
    """What a change of mapping would do. `version`: the one that was looked at, and that must still be the current one when the
    change is made. `fields`: those that change; `refused`, `only_here`, `noted`: of a mapping taken over from elsewhere."""

    version: int
    fields: tuple[FieldPreview, ...]
    refused: tuple[AdoptedField, ...] = ()
    only_here: tuple[AdoptedField, ...] = ()
    noted: tuple[AdoptedField, ...] = ()

    @property
    def touched(self) -> int:
        return sum(one.touched for one in self.fields)


class Previewer:
    """Looks at what becomes of values when one mapping takes the place of another. Changes nothing."""

    def __init__(
        self, look: Callable[[], AbstractContextManager[Transaction]], org: Callable[[], Org]
    ) -> None:
        self._look, self._org = look, org

    def of(self, before: Mappings, after: Mappings, samples: int) -> tuple[FieldPreview, ...]:
        """Each field that changes, by name; of the first few with up to `samples` examples, as Salesforce has them now."""
        changes = differences(before, after)
        with self._look() as unit:
            tables = {one.table for c in changes for one in (c.before, c.after) if one}
            filled = {table: unit.mappings.filled(table).columns for table in tables}
            found = [_previewed(unit, change, after, filled) for change in changes]
        fills = self._fills([c.after for c in changes if c.after and _comes_anew(c)])
        found = [replace(one, fills=fills.get(one.change.name, one.fills)) for one in found]
        sampled = 0
        for n, one in enumerate(found):
            if samples and sampled < _SAMPLED_FIELDS and (one.samples or _comes_anew(one.change)):
                found[n] = self._with_samples(one, samples)
                sampled += 1
            else:
                found[n] = replace(one, samples=one.samples[:samples])
        return tuple(found)

    def one(self, change: FieldChange, after: Mappings, samples: int, *said: str) -> FieldPreview:
        """The preview of one field's change that is not told by what a person decides; `said` stands before its warnings."""
        with self._look() as unit:
            tables = {one.table for one in (change.before, change.after) if one}
            filled = {table: unit.mappings.filled(table).columns for table in tables}
            found = _previewed(unit, change, after, filled)
        found = replace(found, warnings=(*said, *found.warnings))
        return self._with_samples(found, samples)

    def _fills(self, arriving: Sequence[FieldMapping]) -> Mapping[str, int]:
        """In how many records the fields that come in anew are filled, where the org can count it."""
        found: dict[str, int] = {}
        for name in dict.fromkeys(f.object_name for f in arriving):
            fields = tuple(f.field for f in arriving if f.object_name == name)
            try:
                counted = self._org().fill_counts(name, fields)
            except (OrgError, SetupRefused):
                continue
            found.update({f"{name}.{field}": n for field, n in counted.items()})
        return found

    def _with_samples(self, one: FieldPreview, samples: int) -> FieldPreview:
        try:
            if _comes_anew(one.change):
                one = self._arriving(one, samples)
            return self._read_live(one, samples) if one.samples else one
        except (OrgError, SetupRefused):  # a preview without fresh values is better than none
            return replace(one, samples=one.samples[:samples])

    def _arriving(self, one: FieldPreview, samples: int) -> FieldPreview:
        """Values that come into a column for the first time, filled ones before blank ones, beside what the column holds."""
        mapped = one.change.after
        assert mapped is not None
        read = FeedRead(mapped.object_name, (mapped.field,), _LONG_AGO, limit=_READ_FOR_SAMPLES)
        (page,) = self._org().changed([read])
        there = [r for r in page.records if r.fields.get(mapped.field) not in (None, "")]
        there += [r for r in page.records if r.fields.get(mapped.field, "-") in (None, "")]
        with self._look() as unit:
            held = unit.mappings.held(mapped, [r.sf_id for r in there[:samples]])
        arrivals = []
        for record in there[:samples]:
            theirs = _shown(mapped, record.fields[mapped.field])
            if record.sf_id not in held:
                arrivals.append(Arrival(record.sf_id, theirs))
                continue
            person, ours = held[record.sf_id]
            then = outcome(mapped, Differing(person, record.sf_id, ours, ours, theirs)).ours
            arrivals.append(Arrival(record.sf_id, theirs, person, ours, then))
        return replace(one, arrivals=tuple(arrivals), live=True)

    def _read_live(self, one: FieldPreview, samples: int) -> FieldPreview:
        mapped = one.change.before
        assert mapped is not None
        shown = one.samples[:samples]
        ids = [effect.value.sf_id for effect in shown]
        records = self._org().retrieve(mapped.object_name, ids, (mapped.field,)).records
        fresh = []
        for effect in shown:
            record = records.get(effect.value.sf_id)
            if record is not None and mapped.field in record.fields:
                theirs = _shown(mapped, record.fields[mapped.field])
                fresh += effects(one.change.before, one.change.after, [replace(effect.value, theirs=theirs)])
            else:
                fresh.append(effect)
        return replace(one, samples=tuple(fresh), live=True)


def _comes_anew(change: FieldChange) -> bool:
    """Whether values of the field come into a column where they were not before."""
    return change.after is not None and (change.before is None or change.moved)


def _previewed(
    unit: Transaction, change: FieldChange, then: Mappings, filled: Mapping[str, Mapping[str, int]]
) -> FieldPreview:
    """A field's change from what the database holds; all samples that it has."""
    mapped, to = change.before, change.after
    arrives_on = filled[to.table].get(to.column, 0) if to and _comes_anew(change) else 0
    if mapped is None:
        return FieldPreview(change, warnings=_warnings(change, then, {}, {}, 0, arrives_on, 0))
    held = filled[mapped.table].get(mapped.column, 0)
    values: list[Differing] = unit.mappings.differing(mapped, MOST) if mapped.table == "person" else []
    number = unit.mappings.differing_count(mapped) if len(values) >= MOST else len(values)
    found = effects(change.before, change.after, values)
    before, after = counts(e.before for e in found), counts(e.after for e in found)
    touched = [e for e in found if e.differs]
    too_much = sum(
        change.after is not None
        and e.after.fate is Fate.SENT
        and e.before.fate is not Fate.SENT
        and refusal(change.after, e.value.ours) is not None
        for e in found
    )
    moved = change.moved or (change.after is not None and change.after.kind is not mapped.kind)
    return FieldPreview(
        change,
        number,
        len(values),
        before,
        after,
        len(touched),
        held if moved else None,
        tuple(touched or found)[:200],
        warnings=_warnings(change, then, before, after, held, arrives_on, too_much),
    )


def _warnings(
    change: FieldChange,
    then: Mappings,
    before: Mapping[Fate, int],
    after: Mapping[Fate, int],
    held: int,
    arrives_on: int,
    refused: int,
) -> tuple[str, ...]:
    def more(fate: Fate) -> int:
        return after.get(fate, 0) - before.get(fate, 0)

    said = []
    waiting = before.get(Fate.SENT, 0)
    if change.before is None:
        said.append(
            "A new column is made, or one that is there is used; a backfill fills it from Salesforce."
        )
    elif change.after is None or change.moved:
        said.append(_left(change.before, then, held))
    if change.moved and change.after is not None:
        said.append(f"{change.after.column} is filled from Salesforce.")
    if arrives_on and change.after is not None:
        said.append(_replaced(change.after, arrives_on))
    if (
        change.before is not None
        and change.after is not None
        and change.before.policy is Policy.MOST_RESTRICTIVE
        and change.after.policy is not Policy.MOST_RESTRICTIVE
    ):
        said.append("A refusal of consent does not stand by itself any more: either side may undo it.")
    if change.before is not None and waiting and (change.moved or change.after is None):
        said.append(f"{waiting:,} values that Salesforce does not have yet are not sent.")
    elif more(Fate.SENT) > 0:
        said.append(f"{more(Fate.SENT):,} values of ours go to Salesforce with the next cycle.")
    if more(Fate.TAKEN) > 0:
        said.append(
            f"{more(Fate.TAKEN):,} values of ours are replaced by Salesforce's with the next cycle; they stay in the history."
        )
    if more(Fate.ASKED) > 0:
        said.append(f"{more(Fate.ASKED):,} values wait for a person's decision.")
    if refused:
        said.append(
            f"{refused:,} of them Salesforce would refuse (length, picklist, required): they become errors."
        )
    return tuple(said)


def _one(change: FieldChange) -> FieldMapping:
    found = change.before or change.after
    assert found is not None
    return found


def _left(was: FieldMapping, then: Mappings, held: int) -> str:
    """What becomes of the column that a field is taken from."""
    others = [full_name(f) for f in then.fields if (f.table, f.column) == (was.table, was.column)]
    if others:
        return f"{was.column} keeps its {held:,} values, and goes on with {', '.join(others)}."
    return f"{was.column} keeps its {held:,} values and is not synced any more."


def _replaced(to: FieldMapping, held: int) -> str:
    now = f"{to.column} holds {held:,} values now; of who has a {to.object_name.lower()}, Salesforce's take their place"
    if to.blanks in (Blanks.KEEP_OURS, Blanks.KEEP_BOTH):
        return f"{now} where it has one. They stay in the history."
    return f"{now}, blank ones too. They stay in the history."


def _shown(mapped: FieldMapping, raw: object) -> Value:
    try:
        return canonical(mapped.kind, raw, mapped.scale)
    except InvalidValue:
        return str(raw)
