"""The mapping for life over an org and a store in memory: shown first, made, kept as versions, undone, promoted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from diptych.domain.mapping import Direction, Policy
from diptych.domain.mapping_edit import Edit
from diptych.domain.mapping_effect import Fate
from diptych.domain.pair import Observation, Record
from diptych.setup.mapping_rows import RowFilter
from diptych.setup.state import SetupRefused
from diptych.sync.ports import SnapshotProgress
from tests.setup.test_steps import World

TIER = "Lead.Tier__c"


@pytest.fixture
def world() -> World:
    return World()


def person(world: World, lead_id: int | str, **values: str | None) -> int:
    """A lead on both sides."""
    lead = world.setup.editor.version(world.setup.mapping().version).of("Lead")
    sf_id = lead_id if isinstance(lead_id, str) else f"00Q{lead_id:012d}AAA"
    record = Record("Lead", sf_id, world.clock.now(), world.clock.now())
    blank = dict.fromkeys(lead.by_column)
    with world.store.transaction() as tx:
        tx.add_people(lead, [Observation(record, {**blank, **values})], None)
        return tx.linked(lead, [sf_id])[sf_id].pair.person_id


def test_a_change_is_shown_with_what_it_touches_before_it_is_made(world: World) -> None:
    setup = world.synced()
    one, _other = person(world, 1, tier="gold"), person(world, 2, tier="silver")
    world.store.edit(one, "tier", "bronze")
    found = setup.editor.preview(Edit((TIER,), Direction.INBOUND))
    (field,) = found.fields
    assert (field.differing, field.touched, found.touched) == (1, 1, 1)
    assert field.before and field.after
    assert (field.before[Fate.SENT], field.after[Fate.TAKEN]) == (1, 1)
    (sample,) = field.samples
    assert (sample.value.person_id, sample.value.ours, sample.after.ours) == (one, "bronze", "gold")
    assert "replaced by Salesforce's" in field.warnings[0]
    assert setup.mapping().version == found.version == 1, "nothing was changed"
    made = setup.editor.apply(Edit((TIER,), Direction.INBOUND), "sales owns it", found.version)
    assert made.version == 2 and made.of("Lead").by_field["Tier__c"].direction is Direction.INBOUND
    newest = setup.editor.versions()[0]
    assert newest.saved.reason == f"{TIER}: direction inbound - sales owns it" and newest.changed == 1


def test_what_was_looked_at_must_still_hold(world: World) -> None:
    setup = world.synced()
    looked_at = setup.editor.preview(Edit((TIER,), Direction.INBOUND)).version
    setup.set_policy("Lead.City", Policy.OURS)
    with pytest.raises(SetupRefused, match="changed meanwhile"):
        setup.editor.apply(Edit((TIER,), Direction.INBOUND), "", looked_at)
    assert setup.mapping().version == 2


def test_an_unmapped_field_is_not_taken_back_by_sync_fields_and_undo_brings_it(world: World) -> None:
    setup = world.started()
    setup.editor.apply(Edit((TIER,), unmap=True), "not needed")
    assert setup.sync_fields().version == 2, "nothing new"
    loaded = SnapshotProgress("Lead", "complete", world.clock.now(), 1, ("City", "Tier__c"))
    with world.store.transaction() as tx:
        tx.save_snapshot(loaded)
    found = setup.editor.preview_undo(1)
    assert [(one.change.name, one.change.what) for one in found.fields] == [(TIER, "added")]
    made = setup.editor.undo(1, "it was", found.version)
    assert made.version == 3 and "Tier__c" in made.of("Lead").by_field
    assert setup.sync_fields().version == 3
    with world.store.transaction() as tx:
        progress = tx.snapshot("Lead")
    assert progress and progress.fields == ("City",), "a backfill fills it"
    assert [c.what for c in setup.editor.diff(2, 3)] == ["added"] and setup.editor.diff(1, 3) == []
    with pytest.raises(SetupRefused, match="so already"):
        setup.editor.undo(3)
    with pytest.raises(SetupRefused, match="no version 9"):
        setup.editor.preview_undo(9)


def test_a_file_of_a_sandbox_is_promoted_as_far_as_it_goes(world: World) -> None:
    setup = world.synced()
    there = json.loads(setup.export_mapping())
    tier = next(e for e in there["fields"] if e["field"] == TIER)
    tier["policy"] = "ours"
    there["fields"].append({**tier, "field": "Lead.Sandbox__c", "column": "person.sandbox"})
    city = next(e for e in there["fields"] if e["field"] == "Lead.City")
    city["kind"], city["type"] = "date", "date"
    text = json.dumps(there)
    found = setup.editor.preview_promotion(text)
    assert [one.change.name for one in found.fields] == [TIER]
    assert {one.name: one.verdict for one in found.refused} == {
        "Lead.Sandbox__c": "missing",
        "Lead.City": "type",
    }
    made = setup.editor.promote(text, "tested in the sandbox", found.version)
    assert made.of("Lead").by_field["Tier__c"].policy is Policy.OURS
    with pytest.raises(SetupRefused, match="not a mapping file"):
        setup.editor.preview_promotion("{}")


def test_rows_tell_fill_last_change_and_state(world: World) -> None:
    setup = world.synced()
    person(world, 1, tier="gold")
    person(world, 2)
    setup.editor.apply(Edit((TIER,), policy=Policy.OURS))
    row = setup.editor.row(TIER)
    assert (row.fill, row.errors, row.state) == (0.5, 0, "fine")
    assert row.last and row.last.version == 2
    assert setup.editor.row("Lead.City").last.version == 1  # type: ignore[union-attr]
    assert [r.name for r in setup.editor.rows(RowFilter("tier lead"))] == [TIER]
    assert {r.mapped.policy for r in setup.editor.rows(RowFilter(policy="ours"))} == {Policy.OURS}
    with world.store.transaction() as tx:
        described = tx.schema("Lead")
        assert described
        longer = replace(described.fields["Tier__c"], length=400)
        tx.save_schema(replace(described, fields={**described.fields, "Tier__c": longer}), world.clock.now())
    assert setup.editor.row(TIER).drift == "string(400)"
    assert [r.name for r in setup.editor.rows(RowFilter(state="drifted"))] == [TIER]
    with pytest.raises(SetupRefused, match="not a mapped field"):
        setup.editor.row("Lead.Nope")


def test_what_comes_into_a_column_that_is_in_use_is_shown_beside_what_it_holds(world: World) -> None:
    setup = world.synced()
    sf_id = world.org.records.create("Lead", LastName="Doe", Company="Acme", Tier__c="silver")
    one = person(world, sf_id, tier="gold", city="Nice")
    setup.editor.apply(Edit((TIER,), unmap=True))
    (added,) = setup.editor.preview(Edit((TIER,), add=True)).fields
    (arrival,) = added.arrivals
    assert (arrival.person_id, arrival.theirs, arrival.ours, arrival.after) == (
        one,
        "silver",
        "gold",
        "silver",
    )
    assert any("tier holds 1 values now" in said for said in added.warnings)
    moved, gone = setup.editor.preview(Edit((TIER,), column="city", add=True, instead=True)).fields[::-1]
    assert (moved.change.name, gone.change.name) == (TIER, "Lead.City")
    assert any(
        "city keeps its 1 values, and goes on with Contact.MailingCity" in said for said in gone.warnings
    )


def test_following_a_rename_and_a_new_type_is_shown_first(world: World) -> None:
    setup = world.synced()
    person(world, 1, tier="gold")
    with pytest.raises(SetupRefused, match="does not wait"):
        setup.editor.preview_as_it_is_now(TIER)
    setup.editor.apply(Edit(("Lead.Fax",), unmap=True))
    found = setup.preview_renamed(TIER, "Lead.Fax")
    (one,) = found.fields
    assert one.change.name == "Lead.Fax" and one.change.before and one.change.before.field == "Tier__c"
    assert "no value is lost" in one.warnings[0] and setup.mapping().version == found.version == 2
    with pytest.raises(SetupRefused, match="not a field"):
        setup.preview_renamed(TIER, "Lead.Nope")
    with pytest.raises(SetupRefused, match="changed meanwhile"):
        setup.renamed(TIER, "Lead.Fax", "", 7)
