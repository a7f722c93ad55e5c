"""Both sides of an episode and the people on them: deeds that make edits, each with its token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from diptych.domain.creating import CreateRule
from diptych.domain.mapping import Blanks, Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as FieldMappings
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import Pair, PairState
from diptych.domain.person_merge import PersonJoin
from diptych.domain.values import Kind
from diptych.sync.apply import apply_records
from diptych.sync.engine import Engine
from diptych.sync.outbound.create_rule import save_rule
from diptych.sync.outbound.wishes import WishRefused, ask
from diptych.sync.ports import StoreBusy, Write
from diptych.testing import Faults, InMemoryStore, VirtualClock
from diptych.testing.org_records import RecordLocked, Stored
from diptych.testing.tables import Tables
from tests.simulation.graph import Graph, Marked, from_cell, token_of
from tests.simulation.program import Deed
from tests.simulation.watched_org import FIELDS, OPT_OUT, WatchedOrg

TEXTS = ("a", "b", "c")
TOO_LONG = "x" * 200
COLUMNS = ("first_name", "city", "title", "phone", "fax")
_OFTEN = (*COLUMNS, "city", "title", "first_name", "city")  # people meet on some fields more than on others
WAITS = (1, 20, 60, 300, 900, 4000)
DEFAULTS = {"LastName": "L", "Company": "Acme"}
"""What the create rule fills in; these are not mapped."""
LATE_BY = (5, 120, 600, 840, 3600)
_DIRECTIONS = {"phone": Direction.INBOUND, "fax": Direction.OUTBOUND}
_POLICIES = {"title": Policy.OURS}
_CHOICES = tuple(p for p in Policy if p is not Policy.MOST_RESTRICTIVE)


def first_mapping() -> FieldMappings:
    """Two fields where Salesforce wins, one where we do, one inbound, one outbound, for each person object; and a field of
    consent, which a contact gets from here only."""
    people = [
        FieldMapping(
            name,
            field,
            "person",
            column,
            Kind.TEXT,
            _DIRECTIONS.get(column, Direction.BOTH),
            _POLICIES.get(column, Policy.SALESFORCE),
            length=40,
        )
        for name, fields in FIELDS.items()
        for column, field in fields.items()
    ]
    company = FieldMapping(
        "Account", "Name", "company", "name", Kind.TEXT, Direction.INBOUND, Policy.SALESFORCE, length=255
    )
    consent = [
        FieldMapping(
            name, OPT_OUT, "person", "unsubscribed", Kind.BOOLEAN, direction, Policy.MOST_RESTRICTIVE
        )
        for name, direction in (("Lead", Direction.BOTH), ("Contact", Direction.OUTBOUND))
    ]
    return FieldMappings(1, (*people, *consent, company))


class World:
    """One org, one database, one clock, the edit graph; no engine."""

    def __init__(self, call_seconds: float, job_polls: int, wide: bool = False) -> None:
        self.counters: Counter[str] = Counter()
        self.clock = VirtualClock()
        self.faults = Faults()
        self.faults.trace = []
        self.graph = Graph()
        self.store = InMemoryStore(self.clock, self.faults, read_csv=from_cell)
        self.org = WatchedOrg(
            self.clock, self.faults, self.store, self.graph, self.counters, call_seconds, job_polls
        )
        self.records = self.org.records
        self.store.on_join, self.org.home = self._joined, self.home
        self.store.on_base, self.org.on_create = self._same, self._made
        if wide:
            self.org.add_key_field()
        self._alias: dict[str, str] = {}
        self._offset = 0.0
        self.opted_out: set[str] = set()
        self.opted_in: set[str] = set()
        self.silent: set[str] = set()
        """Records of which a value has changed without a stamp: of their versions no order can be told, only that the newest
        read counts, which a comparison brings (A-1 speaks of changes that are stamped)."""
        self.remapped: set[str] = set()
        """Columns whose rules were changed."""
        self.waited: set[int] = set()
        """Values that waited for Salesforce in a backup that was put back. Whoever edits one before the recovery cannot be told from
        somebody who has not seen that it was sent: there may be a conflict with what was sent, which is logged (decision 0018)."""
        self._hot = ("", "", "")  # what was edited last: object, record, column
        self._deeds: dict[str, Callable[[int, int, int], None]] = {
            name[4:]: getattr(self, name) for name in dir(self) if name.startswith("_do_")
        }
        with self.store.transaction() as tx:
            tx.provision(first_mapping())
            tx.save_mapping(first_mapping(), self.clock.now(), "set-up")
        self.records.create("Account", Name="Acme")
        for name in ("Lead", "Contact", "Lead"):
            self._create(name, 1)

    def do(self, deed: Deed) -> bool:
        """Carry out a deed as far as it is possible just now; whether it was."""
        name, a, b, c = deed
        self.org.settle()
        self.org.note_agreement()
        try:
            self._deeds[name](a, b, c)
        except (StoreBusy, RecordLocked, LookupError):
            return False
        self.counters[f"deed {name}"] += 1
        return True

    @property
    def mapping(self) -> FieldMappings:
        return next(reversed(self.store.tables.mappings.values()))[0]

    def pair(self, object_name: str, sf_id: str) -> Pair | None:
        number = self.store.tables.pair_of.get((object_name, sf_id))
        return self.store.tables.pairs[number] if number is not None else None

    def home(self, sf_id: str) -> str:
        """The record a value may come from: itself, or what it was converted or merged from."""
        while sf_id in self._alias:
            sf_id = self._alias[sf_id]
        return sf_id

    # ------------------------------------------------------------ choosing

    def _editable(self) -> list[tuple[str, Stored]]:
        held = {o.after.sf_id for o in self.records.open_writes}
        self.records.settle()
        return [
            (name, row)
            for name in FIELDS
            for row in self.records.rows[name].values()
            if not row.deleted and not row.values.get("IsConverted") and row.sf_id not in held
        ]

    def _record(self, number: int) -> tuple[str, Stored]:
        return _pick(self._editable(), number)

    def _person(self, number: int) -> dict[str, Any]:
        return _pick(list(self.store.tables.person.values()), number)

    # ------------------------------------------------------------ Salesforce users

    def _saved(self, name: str, row: Stored, column: str, text: str | None) -> Any:
        """The value a Salesforce user saves; the token knows what it replaces."""
        field = FIELDS[name][column]
        self._hot = (name, row.sf_id, column)
        old, pair = row.values.get(field), self.pair(name, row.sf_id) or self._pair_of_lead(row.sf_id)
        person = self.store.tables.person.get(pair.person_id) if pair else None
        beside = person.get(column) if person else None
        beside = beside if beside == old else None
        if text is None:
            self.graph.settle(old, beside)
            return None
        value = self.graph.new("salesforce", (self.home(row.sf_id), column), text, old, beside)
        if text == old:
            self.graph.settle(value)  # saved with nothing new in it
        if (
            pair
            and person
            and self.store.tables.base.get(pair.id, {}).get(column, person.get(column)) == text
        ):
            self.graph.settle(value)  # changed back to what both sides had agreed on is no change
            if pair.inflight is not None and column in pair.inflight.values:
                self.counters["taken back in doubt"] += 1
        return value

    def _pair_of_lead(self, contact_id: str) -> Pair | None:
        """The pair of the lead that became this contact: its base is what both sides had agreed on, until the contact has a
        pair of its own."""
        leads = self.records.rows["Lead"].values()
        pairs = (
            self.pair("Lead", r.sf_id) for r in leads if r.values.get("ConvertedContactId") == contact_id
        )
        return next(filter(None, pairs), None)

    def _do_sf_edit(self, a: int, b: int, c: int, late_by: float = 0, columns: int = 1) -> None:
        name, row = self._record(a)
        values = {}
        for n in range(columns):
            column = _OFTEN[(b + n) % len(_OFTEN)]
            values[FIELDS[name][column]] = self._saved(name, row, column, TEXTS[(c + n * b) % 3])
        self.records.edit(name, row.sf_id, late_by, **values)

    def _do_sf_edit_hot(self, a: int, b: int, c: int) -> None:
        """Once more the field that was edited last, on whichever side."""
        name, sf_id, column = self._hot
        row = self.records.live(name, sf_id) if name else None
        if row is None or row.values.get("IsConverted"):
            raise LookupError
        values = {FIELDS[name][column]: self._saved(name, row, column, TEXTS[c % 3])}
        self.records.edit(name, sf_id, **values)

    def _do_our_edit_hot(self, a: int, b: int, c: int) -> None:
        name, sf_id, column = self._hot
        pair = self.pair(name, sf_id)
        person = self.store.tables.person.get(pair.person_id) if pair else None
        if person is None:
            raise LookupError
        self._our_text(person, column, TEXTS[c % 3])

    def _do_sf_edit_two(self, a: int, b: int, c: int) -> None:
        self._do_sf_edit(a, b, c, columns=2)

    def _do_sf_late(self, a: int, b: int, c: int) -> None:
        self._do_sf_edit(a, b, c, late_by=LATE_BY[(a + b) % len(LATE_BY)])

    def _do_sf_blank(self, a: int, b: int, c: int) -> None:
        name, row = self._record(a)
        if c % 3 == 0:
            self._opted(row.sf_id, b)
            self.records.edit(name, row.sf_id, **{OPT_OUT: b % 4 != 3})
            return
        column = _OFTEN[b % len(_OFTEN)]
        self.records.edit(name, row.sf_id, **{FIELDS[name][column]: self._saved(name, row, column, None)})

    def _do_sf_bulk(self, a: int, b: int, c: int) -> None:
        for number in range(len(self._editable())):
            self._do_sf_edit(number, b, c)

    def _do_sf_silent(self, a: int, b: int, c: int) -> None:
        """A value changes as that of a formula does: nobody saves the record, no modstamp tells (N-17, D-23)."""
        name, row = self._record(a)
        self.silent.add(row.sf_id)
        value = self._saved(name, row, "phone", TEXTS[c % 3])
        there = self.records.live(name, row.sf_id)
        values = {**there.values, FIELDS[name]["phone"]: value}
        self.records.rows[name][row.sf_id] = replace(there, values=values)

    def _do_sf_touch(self, a: int, b: int, c: int) -> None:
        name, row = self._record(a)
        self.records.touch(name, row.sf_id)

    def _create(self, name: str, texts: int) -> str:
        sf_id = self.records.create(name, LastName="L", **({"Company": "Acme"} if name == "Lead" else {}))
        values = {}
        for n, column in enumerate(("first_name", "city")):
            text = TEXTS[(texts + n) % 3]
            values[FIELDS[name][column]] = self.graph.new("salesforce", (sf_id, column), text)
        self.records.edit(name, sf_id, **values)
        return sf_id

    def _do_sf_new(self, a: int, b: int, c: int) -> None:
        if len(self._editable()) < 6:
            self._create(("Lead", "Contact")[a % 2], b)

    def _do_sf_delete(self, a: int, b: int, c: int) -> None:
        name, row = self._record(a)
        self.graph.settle(*row.values.values())
        self.records.delete(name, row.sf_id)

    def _do_sf_undelete(self, a: int, b: int, c: int) -> None:
        deleted = [(n, r) for n in FIELDS for r in self.records.rows[n].values() if r.deleted]
        name, row = _pick(deleted, a)
        self.records.undelete(name, row.sf_id)

    def _do_sf_convert(self, a: int, b: int, c: int) -> None:
        _, row = _pick([(n, r) for n, r in self._editable() if n == "Lead"], a)
        self._alias[self.records.convert(row.sf_id)] = self.home(row.sf_id)

    def _do_sf_merge(self, a: int, b: int, c: int) -> None:
        name, winner = self._record(a)
        loser = _pick([r for n, r in self._editable() if n == name and r.sf_id != winner.sf_id], b)
        self.graph.settle(*loser.values.values())
        for field in FIELDS[name].values():
            self._same(winner.values.get(field), loser.values.get(field))
        self.records.merge(name, winner.sf_id, loser.sf_id)
        if self.home(loser.sf_id) != self.home(winner.sf_id):
            self._alias[self.home(loser.sf_id)] = self.home(winner.sf_id)

    def _same(self, one: Any, other: Any) -> None:
        """Where two that become one say the same, whoever replaces the one wish has seen the other. So it is when the engine
        takes note that both sides say the same (R-1, 'false conflict: base := r'), even if Salesforce has gone on by then: a
        bulk page may show a version of a while ago, and whoever made the next one has seen that text (X-4)."""
        if one is not None and one == other:
            self.graph.agree(one, other)

    def _made(self, sf_id: str, person_id: int) -> None:
        """A record made of a person's values is that person's home from now on."""
        tokens = filter(None, map(token_of, self.store.tables.person.get(person_id, {}).values()))
        values = {self.home(self.graph.edits[token].home[0]) for token in tokens}
        homes = sorted({self.home(f"person {person_id}"), *values})
        for other in homes[1:]:
            self._alias[other] = homes[0]
        self._alias[sf_id] = homes[0]

    def _joined(self, join: PersonJoin) -> None:
        self.counters[f"joined by {join.why}"] += 1
        for column in COLUMNS:
            self._same(join.winner.values.get(column), join.loser.values.get(column))
            for base in join.loser.bases.values():
                self._same(join.winner.values.get(column), base.get(column))

    def _do_account_edit(self, a: int, b: int, c: int) -> None:
        # two versions of one second cannot be told apart in a table that keeps no time of reading
        self.clock.advance(1)
        sf_id = _pick(self.records.ids("Account"), a)
        self.records.edit("Account", sf_id, Name=f"Acme {TEXTS[b % 3]}")

    # ------------------------------------------------------------ our users, with any SQL client

    def _ours(self, person: dict[str, Any], column: str, text: str | None) -> Any:
        old, beside, home, taken_back = person.get(column), None, f"person {person['id']}", False
        for pair in self._pairs(person):
            pair_id = pair.id
            home = self.home(pair.sf_id or "")
            self._hot = (pair.object_name, pair.sf_id or "", column)
            row = self.records.rows[pair.object_name][pair.sf_id or ""]
            theirs = row.values.get(FIELDS[pair.object_name][column])
            beside = theirs if theirs == old else None
            taken_back = self.store.tables.base.get(pair_id, {}).get(column, old) == text
        if text is None:
            self.graph.settle(old, beside)
            return None
        value = self.graph.new("ours", (home, column), text, old, beside)
        if taken_back:
            self.graph.settle(value)
        return value

    def _pairs(self, person: Mapping[str, Any]) -> list[Pair]:
        """What the person stands for in Salesforce: its live records, or what is left of others."""
        tables = self.store.tables
        known = [tables.pairs[n] for n in tables.pairs_of.get(person["id"], ())]
        every = [pair for pair in known if pair.sf_id is not None]
        return [p for p in every if p.state in (PairState.PAIRED, PairState.PARKED)] or every

    def _do_our_edit(self, a: int, b: int, c: int, columns: int = 1) -> None:
        if self.store.journal.open:
            raise StoreBusy
        person = self._person(a)
        values = {}
        for n in range(columns):
            column = _OFTEN[(b + n) % len(_OFTEN)]
            text = TEXTS[(c + n * b) % 3]
            if person.get(column) != text:
                values[column] = self._ours(person, column, text)
        self.store.edit_row(person["id"], values)

    def _do_our_edit_two(self, a: int, b: int, c: int) -> None:
        self._do_our_edit(a, b, c, columns=2)

    def _do_our_bulk(self, a: int, b: int, c: int) -> None:
        for number in range(len(self.store.tables.person)):
            self._do_our_edit(number, b, c)

    def _do_our_blank(self, a: int, b: int, c: int) -> None:
        person = self._person(a)
        if c % 3 != 0:
            self._our_text(person, _OFTEN[b % len(_OFTEN)], None)
            return
        if self.store.journal.open:
            raise StoreBusy
        for pair_id in self.store.tables.pairs_of.get(person["id"], ()):
            self._opted(self.store.tables.pairs[pair_id].sf_id or "", b)
        self.store.edit_row(person["id"], {"unsubscribed": b % 4 != 3})

    def undone(
        self, person: Mapping[str, Any], column: str, old: Any, new: Any, bases: Mapping[int, Any]
    ) -> Any:
        """The value that an undo puts back in place of `old`: an edit of its own. `bases`: as they were before."""
        if new is None:
            self.graph.settle(old)
            return None
        homes = [self.home(pair.sf_id) for pair in self._pairs(person) if pair.sf_id]
        home = homes[-1] if homes else f"person {person['id']}"
        value = self.graph.new("ours", (home, column), str.__str__(new), old)
        if any(bases.get(p.id, {}).get(column, old) == new for p in self._pairs(person)):
            self.graph.settle(value)  # back to what both sides had agreed on: no change
        return value

    def opt_in(self, person_id: int) -> None:
        """Somebody took this person's refusal back."""
        numbers = self.store.tables.pairs_of.get(person_id, ())
        self.opted_in.update(self.store.tables.pairs[n].sf_id or "" for n in numbers)

    def _opted(self, sf_id: str, b: int) -> None:
        """Somebody opts a person out, or (one time in four) in again."""
        (self.opted_in if b % 4 == 3 else self.opted_out).add(sf_id)

    def _do_our_long(self, a: int, b: int, c: int) -> None:
        self._our_text(self._person(a), "first_name", TOO_LONG)

    def _our_text(self, person: dict[str, Any], column: str, text: str | None) -> None:
        if self.store.journal.open:
            raise StoreBusy
        if person.get(column) != text:
            self.store.edit_row(person["id"], {column: self._ours(person, column, text)})

    def _do_our_new(self, a: int, b: int, c: int) -> None:
        number = self.store.tables.numbers.get("person", 0) + 1
        value = self.graph.new("ours", (f"person {number}", "city"), TEXTS[b % 3])
        try:
            self.store.insert(city=value)
        except StoreBusy:
            self.graph.settle(value)
            raise

    def _do_our_delete(self, a: int, b: int, c: int) -> None:
        person = self._person(a)
        self.store.delete(person["id"])
        self.graph.settle(*person.values())

    # ------------------------------------------------------------ administrators, and time

    def _do_policy(self, a: int, b: int, c: int) -> None:
        column, policy = COLUMNS[a % 3], _CHOICES[b % len(_CHOICES)]
        self._remap(lambda f: replace(f, policy=policy) if f.column == column else f, "policy")
        if c % 2:
            column, blanks = COLUMNS[c % len(COLUMNS)], list(Blanks)[a % 4]
            self._remap(lambda f: replace(f, blanks=blanks) if f.column == column else f, "blanks")

    def _do_direction(self, a: int, b: int, c: int) -> None:
        column, direction = ("city", "title")[a % 2], list(Direction)[b % 3]
        self._remap(lambda f: replace(f, direction=direction) if f.column == column else f, "direction")

    def _remap(self, change: Callable[[FieldMapping], FieldMapping], reason: str) -> None:
        old = self.mapping
        new = old.with_fields(map(change, old.fields))
        self.remapped |= {b.column for a, b in zip(old.fields, new.fields, strict=True) if a != b}
        with self.store.transaction() as tx:
            tx.save_mapping(new, self.clock.now(), reason)

    def _do_rule(self, a: int, b: int, c: int) -> None:
        named = ("Title",) if b % 2 else ()

        def refuse(object_name: str, write: Write) -> Problem | None:
            if write.values.get("Title") != TEXTS[c % 3]:
                return None
            code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
            return Problem(code, "A rule says no.", ErrorClass.VALIDATION, fields=named)

        self.org.refuse = refuse if a % 2 else None

    def _do_wait(self, a: int, b: int, c: int) -> None:
        self.clock.advance(WAITS[a % len(WAITS)])

    def _do_jump(self, a: int, b: int, c: int) -> None:
        wanted = (0.0, 45.0, -45.0, 7200.0, -7200.0)[a % 5]
        self.clock.jump(wanted - self._offset)
        self._offset = wanted

    def _do_forget_cursor(self, a: int, b: int, c: int) -> None:
        self.store.tables.cursors.clear()
        self.store.tables.snapshots.clear()

    def _do_restart_snapshot(self, a: int, b: int, c: int) -> None:
        self.store.tables.snapshots.pop(("Lead", "Contact", "Account")[a % 3], None)

    def _do_create_rule(self, a: int, b: int, c: int) -> None:
        """Everybody with a city is created in Salesforce, or nobody any more."""
        rule = CreateRule("city is not blank" if a % 3 else "", defaults=DEFAULTS)
        with self.store.transaction() as tx:
            save_rule(tx, rule)

    def _do_ask(self, a: int, b: int, c: int) -> None:
        alone = [p for p in self.store.tables.person.values() if not self.store.tables.pairs_of.get(p["id"])]
        try:
            ask(self.store, _pick(alone, a)["id"], self.clock.now())
        except WishRefused:
            raise LookupError from None

    def replay(self, engine: Engine, a: int) -> None:
        """An old page of the feed comes once more (N-5)."""
        page, terms = _pick(self.org.pages, a), engine.terms(None)
        known = [r for r in page.records if self.pair(r.object_name, r.sf_id) and r.sf_id not in self.silent]
        with self.store.transaction() as tx:
            apply_records(tx, self.mapping.of(page.object_name), known, terms)

    # ------------------------------------------------------------ what is kept where

    def kept_tokens(self) -> list[int]:
        """Tokens that stand somewhere a person can find them, or are still on their way."""
        values: list[Any] = []
        for person in self.store.tables.person.values():
            values.extend(person.values())
        values.extend(lost_to_conflicts(self.store.tables))
        for letter in self.store.tables.dead_letters.values():
            values.extend((*letter.letter.ours.values(), *letter.letter.theirs.values()))
        return [*self.tokens_there(), *(t for t in map(token_of, values) if t is not None)]

    def tokens_there(self) -> list[int]:
        """Tokens that stand in Salesforce, or are about to be committed there."""
        values: list[Any] = []
        for rows in self.records.rows.values():
            for row in rows.values():
                values.extend(row.values.values())
        for write in self.records.open_writes:
            values.extend(write.after.values.values())
        return [t for t in map(token_of, values) if t is not None]


def lost_to_conflicts(tables: Tables) -> list[Any]:
    """The values that the conflict log keeps."""
    conflicts = [kept.conflict for kept in tables.conflicts.values()]
    return [one.ours if one.winner == "salesforce" else one.theirs for one in conflicts]


def _pick(choices: list[Any], number: int) -> Any:
    if not choices:
        raise LookupError("there is none")
    return choices[number % len(choices)]


__all__ = ["COLUMNS", "FIELDS", "Marked", "World", "first_mapping"]
