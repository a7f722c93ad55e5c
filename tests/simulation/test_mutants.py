"""Proof that the simulation sees: deliberate faults in the engine, each of which must break an invariant (8.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from diptych.domain import merge as merging
from diptych.domain import policies
from diptych.domain.creating import Choice
from diptych.domain.mapping import Direction
from diptych.domain.merge import Conflict, RecordMerge
from diptych.domain.outcome import Done, Moved, OrgOutcomeUnknown, OrgUnavailable, Refused
from diptych.domain.pair import Linked
from diptych.sync import apart, apply, decision, succession
from diptych.sync.decision import Applied
from diptych.sync.inbound import feed, snapshot
from diptych.sync.outbound import create_link as creations
from diptych.sync.outbound import outbox, push
from diptych.sync.outbound.channel import Channel
from diptych.sync.ports import FeedCursor, PairChange
from diptych.sync.repair import compare, recovery
from diptych.testing.store import InMemoryStore
from diptych.testing.transaction import InMemoryTransaction
from tests.simulation import episode
from tests.simulation.found import (
    BLANKED_HERE,
    CHANGED_WITHOUT_A_STAMP,
    CREATED_THEN_MERGED_UNSEEN,
    CREATED_WITHOUT_AN_ANSWER,
    DELETED_BEFORE_A_REPEATED_LOAD,
    EDITED_AFTER_THE_DELETE,
    EDITED_JUST_BEFORE_THE_WRITE,
    LOOK_THEN_EDIT,
    OPTED_OUT_ON_A_CONTACT_MERGED_UNSEEN,
    OPTED_OUT_THERE,
    PAGE_READ_BEFORE_A_WRITE,
    PARKED_AND_TAKEN_BACK,
    PUT_BACK_WITH_A_VALUE_THAT_WAITED,
    SEVERAL_IN_ONE_CALL,
    TWO_VERSIONS_OF_A_SECOND,
    WRITTEN_ONCE,
)
from tests.simulation.program import Program, random_program
from tests.simulation.watched_org import WatchedOrg

EPISODES = 600
Patch = pytest.MonkeyPatch


def _on_save(patch: Patch, change: Callable[[PairChange], PairChange]) -> None:
    save = InMemoryTransaction.save

    def mutated(self: InMemoryTransaction, changes: Sequence[PairChange], run_id: int | None) -> None:
        save(self, [change(c) for c in changes], run_id)

    patch.setattr(InMemoryTransaction, "save", mutated)


def base_moves_before_the_acknowledgement(patch: Patch) -> None:
    _on_save(patch, lambda c: replace(c, base={**c.base, **c.inflight.values}) if c.inflight else c)


def no_intent(patch: Patch) -> None:
    _on_save(patch, lambda c: replace(c, inflight=None))


def unknown_counts_as_not_done(patch: Patch) -> None:
    update = WatchedOrg.update

    def mutated(*args: Any) -> Any:
        try:
            return update(*args)
        except OrgOutcomeUnknown as problem:
            raise OrgUnavailable(problem.problem) from problem

    patch.setattr(WatchedOrg, "update", mutated)


def unknown_counts_as_done(patch: Patch) -> None:
    update = WatchedOrg.update

    def mutated(self: WatchedOrg, name: str, writes: Any, attempt_id: str) -> Any:
        try:
            return update(self, name, writes, attempt_id)
        except OrgOutcomeUnknown:
            return [Done(w.sf_id) for w in writes]

    patch.setattr(WatchedOrg, "update", mutated)


def refused_counts_as_done(patch: Patch) -> None:
    update = WatchedOrg.update

    def mutated(self: WatchedOrg, name: str, writes: Any, attempt_id: str) -> Any:
        outcomes = update(self, name, writes, attempt_id)
        return [Done("") if isinstance(o, Refused) else o for o in outcomes]

    patch.setattr(WatchedOrg, "update", mutated)


def one_matching_field_proves_the_landing(patch: Patch) -> None:
    def mutated(linked: Linked, seen: Any, mapping: Any, **more: Any) -> RecordMerge:
        sent = linked.pair.inflight
        if sent is None or len(sent.values) < 2:
            return merging.merge(linked, seen, mapping, **more)
        matching = {c: v for c, v in sent.values.items() if seen.values.get(c) == v}
        if not matching:
            return merging.merge(linked, seen, mapping, **more)
        believed = {**linked.base, **sent.values}
        linked = replace(linked, base=believed, pair=replace(linked.pair, inflight=None))
        found = merging.merge(linked, seen, mapping, **more)
        return replace(found, base={**sent.values, **found.base}, lift=True, landed=True)

    patch.setattr(decision, "merge", mutated)


def what_is_in_flight_is_ignored_in_the_merge(patch: Patch) -> None:
    def mutated(linked: Linked, seen: Any, mapping: Any, **more: Any) -> RecordMerge:
        fenced = linked.pair.inflight is not None
        bare = replace(linked, pair=replace(linked.pair, inflight=None))
        return replace(merging.merge(bare, seen, mapping, **more), lift=fenced and more["window_over"])

    patch.setattr(decision, "merge", mutated)


def fence_lifted_at_once(patch: Patch) -> None:
    patch.setattr(episode, "OPTIONS", replace(episode.OPTIONS, zombie_max=timedelta()))


def written_in_the_second_of_a_change(patch: Patch) -> None:
    patch.setattr(push, "_unsettled", lambda records: [])


def written_without_a_look(patch: Patch) -> None:
    read = push._read_settled
    seen: dict[str, Any] = {}

    def mutated(job: Any, ids: Sequence[str]) -> Any:
        if not set(ids) <= set(seen):
            found = read(job, ids)
            seen.update(found[0])
            return found
        return {i: seen[i] for i in ids}, set(), max(seen[i].read_at for i in ids if seen[i])

    patch.setattr(push, "_read_settled", mutated)


def conflict_not_logged(patch: Patch) -> None:
    _on_save(patch, lambda c: replace(c, conflicts=()))


def winner_logged_as_loser(patch: Patch) -> None:
    other = {"salesforce": "ours", "ours": "salesforce"}
    _on_save(
        patch, lambda c: replace(c, conflicts=tuple(replace(k, winner=other[k.winner]) for k in c.conflicts))
    )


def every_inbound_change_is_a_conflict(patch: Patch) -> None:
    def mutated(linked: Linked, seen: Any, mapping: Any, **more: Any) -> RecordMerge:
        found = merging.merge(linked, seen, mapping, **more)
        invented = tuple(
            Conflict(c, linked.base[c], linked.ours[c], v, "salesforce", "policy")
            for c, v in found.ours.items()
        )
        return replace(found, conflicts=(*found.conflicts, *invented))

    patch.setattr(decision, "merge", mutated)


def no_overlap(patch: Patch) -> None:
    patch.setattr(feed, "read_from", lambda cursor, options: cursor.cursor)


def cursor_stored_before_the_rows(patch: Patch) -> None:
    apply_page = feed._apply_page

    def mutated(engine: Any, lease: Any, run_id: int, reading: Any, page: Any, deletes: int) -> Any:
        if page.complete:
            with engine.store.transaction(lease) as tx:
                tx.save_feed_cursor(FeedCursor(reading.mapping.object_name, reading.cursor.target))
        return apply_page(engine, lease, run_id, reading, page, deletes)

    patch.setattr(feed, "_apply_page", mutated)


def no_tombstone(patch: Patch) -> None:
    patch.setattr(decision, "_ended", lambda change, *rest: change)


def old_rows_are_taken_in(patch: Patch) -> None:
    for room in (apart, apply, decision):
        patch.setattr(room, "is_stale", lambda pair, record: False)


def whole_record_written(patch: Patch) -> None:
    def mutated(dirty: Any, parked: Any, usable: Any, theirs: Any) -> Any:
        owed = outbox.owed_by(dirty, parked, usable, theirs)
        return replace(owed, values={**theirs, **owed.values} if owed.values else {})

    patch.setattr(push, "owed_by", mutated)


def inbound_fields_written(patch: Patch) -> None:
    def both(mapping: Any) -> Any:
        return replace(mapping, fields=tuple(replace(f, direction=Direction.BOTH) for f in mapping.fields))

    patch.setattr(
        decision, "merge", lambda one, seen, mapping, **more: merging.merge(one, seen, both(mapping), **more)
    )

    def mutated(dirty: Any, parked: Any, usable: Any, theirs: Any) -> Any:
        return outbox.owed_by(dirty, parked, replace(usable, mapping=both(usable.mapping)), theirs)

    patch.setattr(push, "owed_by", mutated)


def the_lease_is_not_looked_at(patch: Patch) -> None:
    patch.setattr(InMemoryStore, "_check", lambda self, lease: None)


def deletes_before_a_repeated_load_are_missed(patch: Patch) -> None:
    patch.setattr(snapshot, "_keep_deletes", lambda tx, progress: None)


def answers_in_the_wrong_order(patch: Patch) -> None:
    update = WatchedOrg.update
    patch.setattr(WatchedOrg, "update", lambda *args: list(reversed(update(*args))))


def ended_records_are_merged_again(patch: Patch) -> None:
    patch.setattr(decision, "ENDED", frozenset())


def a_write_does_not_date_what_was_read_before(patch: Patch) -> None:
    _on_save(patch, lambda c: replace(c, seen_at=c.seen_at if c.seen_modstamp else None))


def versions_of_one_second_are_taken_as_they_come(patch: Patch) -> None:
    def mutated(pair: Any, record: Any) -> bool:
        return record.modstamp < pair.seen_modstamp or record.read_at < pair.seen_at

    for room in (apart, apply, decision):
        patch.setattr(room, "is_stale", mutated)


def no_precondition(patch: Patch) -> None:
    patch.setattr(Channel, "condition", lambda self, record: None)


def moved_counts_as_done(patch: Patch) -> None:
    update = WatchedOrg.update

    def mutated(self: WatchedOrg, name: str, writes: Any, attempt_id: str) -> Any:
        outcomes = update(self, name, writes, attempt_id)
        return [Done("") if isinstance(o, Moved) else o for o in outcomes]

    patch.setattr(WatchedOrg, "update", mutated)


def a_blank_overwrites_what_must_stay(patch: Patch) -> None:
    def mutated(mapping: Any, base: Any, ours: Any, theirs: Any) -> Any:
        found = policies.forbidden(mapping, base, ours, theirs)
        return None if found is not None and found.reason == "blank" else found

    patch.setattr(merging, "forbidden", mutated)
    patch.setattr(outbox, "_wipes_out", lambda mapped, value, theirs: False)


def what_is_written_once_is_written_again(patch: Patch) -> None:
    def mutated(mapping: Any, base: Any, ours: Any, theirs: Any) -> Any:
        found = policies.forbidden(mapping, base, ours, theirs)
        return None if found is not None and found.reason == "write_once" else found

    patch.setattr(merging, "forbidden", mutated)


def consent_is_loosened(patch: Patch) -> None:
    def mutated(mapping: Any, base: Any, ours: Any, theirs: Any) -> Any:
        found = policies.forbidden(mapping, base, ours, theirs)
        return None if found is not None and found.reason == "most_restrictive" else found

    patch.setattr(merging, "forbidden", mutated)


def a_lost_creation_counts_as_not_made(patch: Patch) -> None:
    create = WatchedOrg.create

    def mutated(*args: Any) -> Any:
        try:
            return create(*args)
        except OrgOutcomeUnknown as problem:
            raise OrgUnavailable(problem.problem) from problem

    patch.setattr(WatchedOrg, "create", mutated)


def creations_are_neither_recognised_nor_looked_up(patch: Patch) -> None:
    """Either alone keeps them from being made twice."""
    patch.setattr(apply, "recognised", lambda *args: {})
    patch.setattr(creations, "choose", lambda *args, **kwargs: Choice(create=True))


def a_consent_of_the_joining_person_is_forgotten(patch: Patch) -> None:
    plan = succession.plan_join
    patch.setattr(
        succession,
        "plan_join",
        lambda winner, loser, chosen, **more: plan(
            winner, replace(loser, values={**loser.values, "unsubscribed": None}), chosen, **more
        ),
    )


def a_moot_dead_letter_stays(patch: Patch) -> None:
    patch.setattr(InMemoryTransaction, "moot", lambda *args: [])


def the_comparison_repairs_nothing(patch: Patch) -> None:
    patch.setattr(compare.Comparer, "_repair", lambda *args, **more: None)


def what_waited_in_a_backup_is_not_settled(patch: Patch) -> None:
    patch.setattr(recovery, "_settle", lambda *args: Applied())


def dead_letters_dropped(patch: Patch) -> None:
    _on_save(patch, lambda c: replace(c, dead_letters=()))


MUTANTS: dict[Callable[[Patch], None], set[str]] = {
    base_moves_before_the_acknowledgement: {"I-3", "I-13", "I-19"},
    no_intent: {"I-7"},
    unknown_counts_as_not_done: {"I-6", "I-3", "I-4"},
    unknown_counts_as_done: {"I-3", "I-19", "I-6"},
    refused_counts_as_done: {"I-19", "I-3"},
    one_matching_field_proves_the_landing: {"I-3", "I-19", "I-6"},
    what_is_in_flight_is_ignored_in_the_merge: {"I-3", "I-4", "I-5"},
    fence_lifted_at_once: {"I-6"},
    written_in_the_second_of_a_change: {"I-3"},
    written_without_a_look: {"R-7", "I-3", "I-19"},
    conflict_not_logged: {"I-3"},
    winner_logged_as_loser: {"I-3"},
    every_inbound_change_is_a_conflict: {"I-4"},
    no_overlap: {"I-19"},
    cursor_stored_before_the_rows: {"I-19"},
    no_tombstone: {"I-11", "I-19", "I-20"},
    old_rows_are_taken_in: {"I-3", "I-5", "I-10"},
    whole_record_written: {"I-13"},
    inbound_fields_written: {"I-13"},
    the_lease_is_not_looked_at: {"I-17", "I-3", "I-6", "I-7"},
    deletes_before_a_repeated_load_are_missed: {"I-19"},
    answers_in_the_wrong_order: {"I-3", "I-19"},
    ended_records_are_merged_again: {"I-10", "I-19", "I-20"},
    a_write_does_not_date_what_was_read_before: {"I-5"},
    versions_of_one_second_are_taken_as_they_come: {"I-3", "I-10"},
    dead_letters_dropped: {"I-19", "I-20"},
    no_precondition: {"I-3"},
    moved_counts_as_done: {"I-19", "I-3"},
    a_blank_overwrites_what_must_stay: {"D-44"},
    what_is_written_once_is_written_again: {"D-44"},
    consent_is_loosened: {"D-67"},
    a_consent_of_the_joining_person_is_forgotten: {"D-67"},
    a_moot_dead_letter_stays: {"I-10"},
    the_comparison_repairs_nothing: {"I-19", "verify"},
    what_waited_in_a_backup_is_not_settled: {"N-25"},
    a_lost_creation_counts_as_not_made: {"I-6", "I-1"},
    creations_are_neither_recognised_nor_looked_up: {"I-1"},
}


FIRST = {
    "written_in_the_second_of_a_change": LOOK_THEN_EDIT,
    "ended_records_are_merged_again": EDITED_AFTER_THE_DELETE,
    "a_write_does_not_date_what_was_read_before": PAGE_READ_BEFORE_A_WRITE,
    "answers_in_the_wrong_order": SEVERAL_IN_ONE_CALL,
    "versions_of_one_second_are_taken_as_they_come": TWO_VERSIONS_OF_A_SECOND,
    "no_precondition": EDITED_JUST_BEFORE_THE_WRITE,
    "moved_counts_as_done": EDITED_JUST_BEFORE_THE_WRITE,
    "a_blank_overwrites_what_must_stay": BLANKED_HERE,
    "what_is_written_once_is_written_again": WRITTEN_ONCE,
    "consent_is_loosened": OPTED_OUT_THERE,
    "a_consent_of_the_joining_person_is_forgotten": OPTED_OUT_ON_A_CONTACT_MERGED_UNSEEN,
    "the_comparison_repairs_nothing": CHANGED_WITHOUT_A_STAMP,
    "what_waited_in_a_backup_is_not_settled": PUT_BACK_WITH_A_VALUE_THAT_WAITED,
    "a_moot_dead_letter_stays": PARKED_AND_TAKEN_BACK,
    "a_lost_creation_counts_as_not_made": CREATED_WITHOUT_AN_ANSWER,
    "creations_are_neither_recognised_nor_looked_up": CREATED_THEN_MERGED_UNSEEN,
    "deletes_before_a_repeated_load_are_missed": DELETED_BEFORE_A_REPEATED_LOAD,
}
"""Programs made for a mutant are tried before random ones."""


def programs(mutant: str) -> Iterator[Program]:
    if mutant in FIRST:
        yield FIRST[mutant]
    yield from map(random_program, range(1, EPISODES + 1))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_the_mutant_is_caught(mutant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutant(monkeypatch)
    for program in programs(mutant.__name__):
        found = episode.run(program).violation
        if found is not None:
            assert found.invariant in MUTANTS[mutant], f"{program}: caught by an unexpected check: {found}"
            return
    pytest.fail(f"not caught in {EPISODES} episodes")
