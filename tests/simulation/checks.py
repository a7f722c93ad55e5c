"""The invariants of correctness.md 5.4, looked at from outside the engine."""

from __future__ import annotations

import random
from typing import Any

from diptych.domain.causes import HELD
from diptych.domain.creating import Wish
from diptych.domain.identity import ENDED
from diptych.domain.mapping import Direction
from diptych.domain.pair import Pair, PairState, Record
from diptych.domain.policies import stands_apart
from diptych.sync.apply import apply_records
from diptych.sync.engine import Engine
from diptych.sync.outbound.create_rule import read_rule
from diptych.testing.org_records import Stored
from tests.simulation.graph import token_of
from tests.simulation.watched_org import OPT_OUT, Violation
from tests.simulation.world import COLUMNS, FIELDS, World

# which of two records' values came of the other cannot be told from the values when two people become one;
# rules about what may be overwritten at all log what they hold back, though only one side changed
_EXEMPT_FROM_I4 = (
    "inbound_only",
    "outbound_only",
    "outcome_unknown",
    "blank",
    "write_once",
    "people_joined",
    "restored",
)


def no_silent_loss(world: World) -> None:
    """I-3: every edit is kept somewhere, or was replaced by someone who had seen it."""
    lost = world.graph.lost(world.kept_tokens())
    if lost:
        raise Violation("I-3", f"lost: {[world.graph.edits[t] for t in sorted(lost)]}")


def no_invented_conflict(world: World) -> None:
    """I-4: neither side of a conflict had seen the other, unless the outcome of a write was unknown; or ours had won before, by
    the field's direction then, and was still owed (R-1: base := r, so ours stands against whatever comes next)."""
    won: set[tuple[int, str, int | None]] = set()
    for kept in world.store.tables.conflicts.values():
        conflict = kept.conflict
        ours, theirs = token_of(conflict.ours), token_of(conflict.theirs)
        key = (kept.pair_id, conflict.column, ours)
        if key in won:
            continue
        if conflict.reason == "outbound_only" and conflict.winner == "ours":
            won.add(key)
        if conflict.reason in _EXEMPT_FROM_I4 or ours is None or theirs is None:
            continue
        if (
            theirs in world.waited
            or ours in world.org.followed
            or (ours in world.waited and conflict.winner == "salesforce")
        ):
            continue
        if world.graph.related(ours, theirs):
            raise Violation("I-4", f"{conflict} between {ours} and {theirs}, of which one had seen the other")


def identity(world: World) -> None:
    """I-1: one pair for one record, and one live pair for one person and object."""
    seen: set[tuple[str, str | None]] = set()
    live: set[tuple[int, str]] = set()
    for pair in world.store.tables.pairs.values():
        key = (pair.object_name, pair.sf_id)
        if key in seen and pair.sf_id is not None:
            raise Violation("I-1", f"two pairs of {key}")
        seen.add(key)
        if pair.state in (PairState.PAIRED, PairState.PARKED):
            if (pair.person_id, pair.object_name) in live:
                raise Violation("I-1", f"person {pair.person_id} has two live pairs")
            live.add((pair.person_id, pair.object_name))


def provenance(world: World) -> None:
    """I-2: no value stands in a record or field for which it was not written."""
    for name, rows in world.records.rows.items():
        for row in rows.values():
            for column, field in FIELDS.get(name, {}).items():
                _comes_from(world, (world.home(row.sf_id), column), row.values.get(field))
    for person in world.store.tables.person.values():
        pairs = world.store.tables.pairs_of.get(person["id"], ())
        homes = [world.home(sf_id) for p in pairs if (sf_id := world.store.tables.pairs[p].sf_id)]
        for column in COLUMNS:
            _comes_from(world, ((homes or [f"person {person['id']}"])[0], column), person.get(column))


def _comes_from(world: World, home: tuple[str, str], value: Any) -> None:
    token = token_of(value)
    if token is None:
        return
    record, column = world.graph.edits[token].home
    if (world.home(record), column) != (world.home(home[0]), home[1]):
        raise Violation("I-2", f"{value!r} at {home} was written for {world.graph.edits[token].home}")


def no_echo(world: World) -> None:
    """I-5: what we wrote does not come back as a change that Salesforce made."""
    tables = world.store.tables
    restored = {
        (tables.pairs[kept.pair_id].person_id, kept.conflict.column, token_of(kept.conflict.ours))
        for kept in tables.conflicts.values()
        if kept.conflict.winner == "salesforce"
    }
    first: dict[int, int] = {}  # whose a line was before people were joined
    for join in tables.joins.values():
        for number in join.moved.get("change_log.person_id", ()):
            first.setdefault(number, join.loser_id)
    written: dict[tuple[int, int | None], int] = {}  # by which line first
    for n, c in tables.change_log.items():
        if c.side in ("ours", "joined"):
            written.setdefault((first.get(n, c.person_id), token_of(c.new)), n)
    for number, change in tables.change_log.items():
        token = token_of(change.new)
        ours_lost = (change.person_id, change.column, token_of(change.old)) in restored
        # written for another person, whose record has become this one's: that is news here
        made_here = (
            token is not None
            and world.graph.edits[token].side == "ours"
            and token not in world.waited
            and written.get((first.get(number, change.person_id), token), number) < number
        )
        if change.side == "salesforce" and made_here and not ours_lost:
            raise Violation("I-5", f"our own write is logged as theirs: {change}")


def converged(world: World) -> list[str]:
    """I-19: what still differs, in words; empty when both sides agree."""
    found = []
    for name in FIELDS:
        for row in world.records.rows[name].values():
            pair = world.pair(name, row.sf_id)
            if pair is None:
                if not row.deleted and not _let_go(world, row):
                    found.append(f"{name} {row.sf_id} is not here")
                continue
            found.extend(_differences(world, name, row, pair))
    for row in world.records.rows["Account"].values():
        mirrored = world.store.mirror_row("company", row.sf_id)
        if mirrored is None or mirrored["name"] != row.values["Name"]:
            found.append(f"Account {row.sf_id}: {mirrored} is not {row.values['Name']!r}")
    return found


def all_created(world: World) -> list[str]:
    """Whom the create rule names, or somebody asked for, is in Salesforce, or stands on a list with the reason."""
    with world.store.transaction() as tx:
        rule = read_rule(tx)
    held = {kept.pair_id for kept in world.store.tables.dead_letters.values() if kept.status in HELD}
    found = []
    for number, person in world.store.tables.person.items():
        said = world.store.tables.creations.get(number)
        wanted = person.get("city") is not None and rule.filter
        pairs = [world.store.tables.pairs[n] for n in world.store.tables.pairs_of.get(number, ())]
        listed = said is not None and said.wish in (Wish.REVIEW, Wish.WAITING, Wish.DISMISSED)
        if listed or any(p.sf_id is not None or p.id in held for p in pairs):
            continue
        if wanted or (said is not None and said.wish is Wish.ASKED):
            found.append(f"person {number} is not in Salesforce: {said}, {pairs}")
    return found


def _let_go(world: World, row: Stored) -> bool:
    """A lead whose contact's person was deleted here is not brought back either (D-73); the contact may have been merged
    into another one by then (D-69)."""
    contact = row.values.get("ConvertedContactId")
    while contact:
        pair, there = world.pair("Contact", contact), world.records.rows["Contact"][contact]
        if pair is not None:
            return pair.state is PairState.DETACHED
        contact = there.master_id if there.deleted else None
    return False


def _differences(world: World, name: str, row: Stored, pair: Pair) -> list[str]:
    if pair.state is PairState.DETACHED:
        return []
    ended = (PairState.TOMBSTONED, PairState.REDIRECTED)
    if row.deleted:
        return [] if pair.state in ended else [f"{name} {row.sf_id} is deleted, the pair {pair.state}"]
    if row.values.get("IsConverted"):
        return (
            [] if pair.state is PairState.CONVERTED else [f"{row.sf_id} is converted, the pair {pair.state}"]
        )
    if pair.state is PairState.PARKED:
        return []
    if pair.state is not PairState.PAIRED:
        return [f"{name} {row.sf_id} is live, the pair {pair.state}"]
    parked = {
        kept.letter.column
        for kept in world.store.tables.dead_letters.values()
        if kept.pair_id == pair.id and kept.status in HELD
    }
    person = world.store.tables.person[pair.person_id]
    found = []
    for mapped in world.mapping.of(name).fields:
        ours, theirs = person.get(mapped.column), row.values.get(mapped.field)
        blank = mapped.direction is Direction.OUTBOUND and ours is None
        apart = stands_apart(mapped, ours, theirs)
        if ours != theirs and mapped.column not in parked and not blank and not apart:
            found.append(f"{name} {row.sf_id} {mapped.column}: ours {ours!r}, theirs {theirs!r}")
    return found


def consent_kept(world: World) -> None:
    """D-67: whom somebody has opted out, and nobody in again, is opted out on both sides."""
    refused = _refused(world)
    for name in FIELDS:
        for row in world.records.rows[name].values():
            pair = world.pair(name, row.sf_id)
            if pair is None or row.sf_id not in refused or row.deleted:
                continue
            person = world.store.tables.person.get(pair.person_id)
            if person is None or pair.state is not PairState.PAIRED:
                continue
            if not (row.values.get(OPT_OUT) and person.get("unsubscribed")):
                raise Violation("D-67", f"{name} {row.sf_id} was opted out, and is not any more")


def _refused(world: World) -> set[str]:
    """The records somebody has opted out, and nobody in again; and what such a record, known here, was merged or converted
    into."""
    found: set[str] = world.opted_out - world.opted_in
    while True:
        more = {
            successor
            for name in FIELDS
            for row in world.records.rows[name].values()
            if row.sf_id in found and (successor := _successor(row)) and _is_known(world, name, row)
        }
        if more <= found | world.opted_in:
            return found
        found |= more - world.opted_in


def _successor(row: Stored) -> str | None:
    return row.master_id if row.deleted else row.values.get("ConvertedContactId")


def _is_known(world: World, name: str, row: Stored) -> bool:
    pair = world.pair(name, row.sf_id)
    return pair is not None and pair.state is not PairState.DETACHED


def nothing_stuck(world: World) -> None:
    """I-21: no pair is fenced once its window is over."""
    fenced = [p for p in world.store.tables.pairs.values() if p.inflight is not None]
    if fenced:
        raise Violation("I-21", f"still fenced: {fenced}")


def _took_notice(pair: Pair | None, record: Record) -> bool:
    """A page whose reader crashed was never applied: it may show a record that was gone before anyone took notice of it, or be
    the later read that settles what was only seen in the second of its end."""
    if pair is None:
        return False
    if pair.state not in ENDED or pair.seen_modstamp is None or pair.seen_at is None:
        return True
    return pair.seen_modstamp < pair.seen_at or record.read_at <= pair.seen_at


def _waits_under_new_rules(world: World, pair: Pair | None) -> bool:
    """A value whose sending was refused waits for a person; rules made since then count when it is tried, or read, again."""
    letters = world.store.tables.letters_of.get(pair.id, ()) if pair else ()
    kept = [world.store.tables.dead_letters[number] for number in letters]
    return any(k.status == "open" and k.letter.column in world.remapped for k in kept)


def monotone(world: World, engine: Engine, seed: int) -> None:
    """I-10: all that was ever read, delivered again in any order, changes nothing; of records whose every change is stamped."""
    before = content(world)
    pages, terms = list(world.org.pages), engine.terms(None)
    random.Random(seed).shuffle(pages)
    for page in pages:
        known = [
            r
            for r in page.records
            if r.sf_id not in world.silent
            and (r.object_name == "Account" or _took_notice(world.pair(r.object_name, r.sf_id), r))
            and not _waits_under_new_rules(world, world.pair(r.object_name, r.sf_id))
        ]
        with world.store.transaction() as tx:
            apply_records(tx, world.mapping.of(page.object_name), known, terms)
    after = content(world)
    if before != after:
        raise Violation("I-10", f"old pages of the feed changed something: {changes(before, after)}")


def changes(before: list[dict[Any, Any]], after: list[dict[Any, Any]]) -> list[tuple[Any, Any]]:
    """What differs between two contents, row by row: before and after."""
    return [
        (b.get(key), a.get(key))
        for b, a in zip(before, after, strict=True)
        for key in {**b, **a}
        if b.get(key) != a.get(key)
    ]


def content(world: World) -> list[dict[Any, Any]]:
    """All that a user could notice of our side."""
    tables = world.store.tables
    return [
        dict(tables.person),
        {key: {**row, "salesforce_modstamp": None} for key, row in tables.mirrors.items()},
        {n: (p.state, p.inflight) for n, p in tables.pairs.items()},
        {pair: noted for pair, noted in tables.base.items() if noted},
        dict(tables.conflicts),
        {n: (k.pair_id, k.letter, k.status) for n, k in tables.dead_letters.items()},
        dict(tables.change_log),
    ]
