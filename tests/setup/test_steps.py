"""The set-up as a person goes through it, over an org and a store in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diptych.domain.mapping import Blanks, Direction, Policy
from diptych.domain.outcome import LoginFailed
from diptych.domain.presets import Preset
from diptych.setup.check import Check, CheckStatus
from diptych.setup.conversion import LeadFieldMapping
from diptych.setup.ports import AuthKind, Credentials
from diptych.setup.state import SetupRefused, Step
from diptych.setup.steps import Setup
from diptych.sync.ports import SnapshotProgress
from diptych.testing.clock import VirtualClock
from diptych.testing.org import InMemoryOrg
from diptych.testing.org_schema import field
from diptych.testing.store import InMemoryStore
from tests.setup.fakes import PASSWORD, FakeConnector, FakeVault, with_custom


class World:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.org = InMemoryOrg(
            self.clock,
            objects=with_custom(
                Lead=[("Favorite_Color__c", "Favorite Color", "string"), ("Tier__c", "Tier", "string")],
                Contact=[("Favourite_Colour__c", "Favourite Colour", "string")],
            ),
        )
        self.store = InMemoryStore()
        self.vault = FakeVault()
        self.connector = FakeConnector(self.org)
        self.woken = 0
        self.setup = self.again()

    def again(self) -> Setup:
        """A new process on the same database."""
        return Setup(self.store, self.vault, self.connector, self.clock, wake=self._wake)

    def _wake(self) -> None:
        self.woken += 1

    def connected(self) -> Setup:
        self.setup.save(PASSWORD, self.setup.check(PASSWORD))
        return self.setup

    def synced(self) -> Setup:
        setup = self.connected()
        setup.sync_fields()
        return setup

    def started(self) -> Setup:
        setup = self.synced()
        setup.confirm()
        setup.start()
        return setup


@pytest.fixture
def world() -> World:
    return World()


def test_each_step_can_be_resumed_by_another_process(world: World) -> None:
    assert world.setup.state().step is Step.PREPARE
    world.setup.prepared()
    assert world.again().state().step is Step.CREDENTIALS
    card = world.again().check(PASSWORD)
    assert world.again().state().step is Step.CREDENTIALS
    world.again().save(PASSWORD, card)
    assert world.again().state().step is Step.FIELDS
    world.again().sync_fields()
    assert world.again().state().step is Step.CONFIRM
    world.again().confirm()
    assert world.again().state().step is Step.MAPPING
    world.again().finish_mapping()
    assert world.again().state().step is Step.START
    world.again().start()
    state = world.again().state()
    assert (state.step, state.locked, state.paused) == (Step.RUNNING, True, False)
    assert world.woken


def test_the_card_says_who_and_where_and_saves_nothing(world: World) -> None:
    card = world.setup.check(PASSWORD)
    assert "sync@example.com" in card.question
    assert world.org.org_id in card.question
    assert "production" in card.question
    assert "secret" not in repr(card)
    assert world.vault.connection is None


def test_a_wrong_password_saves_nothing(world: World) -> None:
    with pytest.raises(LoginFailed, match="Wrong password"):
        world.setup.check(replace(PASSWORD, password="wrong"))
    assert world.setup.state().connected is False


def test_steps_out_of_order_are_refused_with_the_way_out(world: World) -> None:
    with pytest.raises(SetupRefused, match="No org is connected"):
        world.setup.fields()
    with pytest.raises(SetupRefused, match="Sync Fields first"):
        world.setup.confirm()
    with pytest.raises(SetupRefused, match="Confirm the credentials first"):
        world.setup.start()
    with pytest.raises(SetupRefused, match="has not been started"):
        world.setup.pause()
    world.connected()
    with pytest.raises(SetupRefused, match="no mapping yet"):
        world.setup.break_pair("Lead.Tier__c")


def test_fields_show_use_fill_and_choice(world: World) -> None:
    world.org.records.create("Lead", LastName="A", Company="X", Phone="1")
    world.org.records.create("Lead", LastName="B", Company="Y")
    setup = world.connected()
    fields = {c.name: c for c in setup.fields("Lead")}
    assert fields["Lead.Phone"].fill == 0.5
    assert fields["Lead.Email"].locked
    assert fields["Lead.Tier__c"].selected
    assert [c.name for c in setup.fields(search="favorite string")] == ["Lead.Favorite_Color__c"]


def test_choosing_creates_nothing_until_sync_fields(world: World) -> None:
    setup = world.connected()
    setup.deselect(["Lead.Tier__c", "Lead.Phone"])
    with world.store.transaction() as unit:
        assert unit.mapping().fields == ()
    done = setup.sync_fields()
    assert "Tier__c" not in {f.field for f in setup._current().of("Lead").fields}
    assert done.created
    assert [p.contact_field for p in done.pairings] == ["Favourite_Colour__c"]
    setup.select(["Lead.Tier__c"])
    assert any("tier" in name for name in setup.sync_fields().created)
    assert setup.sync_fields().created == ()


def test_what_the_engine_needs_cannot_be_left_out(world: World) -> None:
    setup = world.connected()
    with pytest.raises(SetupRefused, match="cannot be left out"):
        setup.deselect(["Lead.Email"])
    with pytest.raises(SetupRefused, match="cannot be chosen"):
        setup.select(["Lead.SystemModstamp"])
    with pytest.raises(SetupRefused, match="not a field that the sync user sees"):
        setup.select(["Lead.Nonsense__c"])


def test_no_field_chosen_is_refused_and_nothing_is_made(world: World) -> None:
    setup = world.connected()
    setup.deselect([c.name for c in setup.fields("Lead") if c.selected and not c.locked])
    with pytest.raises(SetupRefused, match="No field of Lead is chosen"):
        setup.sync_fields()
    assert setup.state().step is Step.FIELDS


def test_a_hidden_required_field_is_named(world: World) -> None:
    setup = world.connected()
    world.org.hide("Lead", "Company")
    with pytest.raises(SetupRefused, match="does not see: Company"):
        setup.sync_fields()
    report = setup.preflight()
    assert not report.ready
    missing = report.of(CheckStatus.MISSING)
    assert [(c.object, c.fields) for c in missing] == [("Lead", ("Company",))]
    assert "Field-Level Security" in missing[0].remedy
    world.org.hide("Lead", "Company", False)
    assert setup.preflight().ready


def test_a_missing_object_right_is_named(world: World) -> None:
    setup = world.connected()
    contact = world.org.records.described["Contact"]
    world.org.records.described["Contact"] = replace(contact, updateable=False)
    checks = [c.name for c in setup.preflight().of(CheckStatus.MISSING)]
    assert checks == ["Contact: Edit"]


def test_preflight_advises_without_stopping(world: World) -> None:
    world.org.lock_field("Lead", "Status")
    report = world.connected().preflight()
    assert report.ready
    warnings = {c.name for c in report.of(CheckStatus.WARNING)}
    assert "Lead: writable fields" in warnings
    assert "Lead: recommended custom fields" in warnings
    assert "Password Never Expires" in warnings


def test_preflight_says_whether_sharing_may_hide_records(world: World) -> None:
    def told() -> dict[str, CheckStatus]:
        return {c.name: c.status for c in world.setup.preflight().checks if "sharing" in c.name}

    world.connected()
    assert told() == {}, "the org did not say"
    facts = world.connector.permission_facts
    world.connector.permission_facts = replace(
        facts, shown_all={"Lead": False, "Contact": True, "Account": False}
    )
    assert told() == {"Lead: sharing": CheckStatus.WARNING, "Contact: sharing": CheckStatus.OK}
    (check,) = [c for c in world.setup.preflight().of(CheckStatus.WARNING) if c.name == "Lead: sharing"]
    assert "View All" in check.remedy and "hidden" in check.why and world.setup.preflight().ready


def test_preflight_lists_lead_fields_that_end_with_a_conversion(world: World) -> None:
    """D-59: their values are lost to the contact, which has no field for them."""

    def told(setup: Setup, status: CheckStatus) -> list[Check]:
        return [c for c in setup.preflight().of(status) if "conversion" in c.name]

    setup = world.connected()
    (check,) = told(setup, CheckStatus.WARNING)
    assert check.fields == ("Favorite_Color__c", "Tier__c") and "2 of 2 synced" in check.what
    assert "history" in check.why and "Map Lead Fields" in check.remedy and setup.preflight().ready
    setup.deselect(["Lead.Tier__c"])
    assert told(setup, CheckStatus.WARNING)[0].fields == ("Favorite_Color__c",), "only what is synced"
    setup.select(["Lead.Tier__c"])
    colour = {"Contact": "Favourite_Colour__c"}
    world.connector.conversion = LeadFieldMapping(
        {"Favorite_Color__c": colour, "Tier__c": {"Opportunity": "Tier__c"}}
    )
    (check,) = told(setup, CheckStatus.WARNING)
    assert check.fields == ("Tier__c",) and "Tier__c (only to Opportunity)" in check.what
    world.connector.conversion = LeadFieldMapping(dict.fromkeys(("Favorite_Color__c", "Tier__c"), colour))
    assert len(told(setup, CheckStatus.OK)) == 1
    setup.sync_fields()  # which pairs the two colours by their names
    elsewhere = {"Contact": "Description"}
    world.connector.conversion = LeadFieldMapping({"Favorite_Color__c": elsewhere, "Tier__c": colour})
    (check,) = told(setup, CheckStatus.WARNING)
    assert "Favorite_Color__c goes to Description, here it is one with Favourite_Colour__c" in check.what
    world.connector.conversion = None
    (check,) = told(setup, CheckStatus.UNKNOWN)
    assert "may not read the org's lead field mapping" in check.what and "administrator" in check.remedy


def test_a_rerun_shows_what_changed_in_salesforce(world: World) -> None:
    setup = world.synced()
    lead = world.org.records.described["Lead"]
    fields = dict(lead.fields)
    del fields["Tier__c"], fields["Fax"]
    fields["Rank__c"] = field("Rank__c", label="Tier")
    fields["Brand_New__c"] = field("Brand_New__c", "date")
    fields["Website"] = replace(fields["Website"], type="string")
    world.org.records.described["Lead"] = replace(lead, fields=fields)
    changes = {c.name: (c.change, c.was) for c in setup.fields("Lead", fresh=True) if c.change}
    assert changes == {
        "Lead.Rank__c": ("renamed", "Tier__c"),
        "Lead.Brand_New__c": ("new", None),
        "Lead.Website": ("retyped", "url(255)"),
        "Lead.Fax": ("gone", None),
    }
    assert not next(c for c in setup.fields("Lead") if c.name == "Lead.Brand_New__c").selected
    column = setup._current().of("Lead").by_field["Tier__c"].column
    setup.renamed("Lead.Tier__c", "Lead.Rank__c")
    done = setup.sync_fields()
    assert done.dropped == ("Lead.Fax",)
    assert setup._current().of("Lead").by_field["Rank__c"].column == column


def test_mapping_edits_are_versions_and_stay_possible(world: World) -> None:
    setup = world.started()
    first = setup.mapping().version
    setup.break_pair("Lead.Favorite_Color__c")
    assert [r.column for r in setup.mapping().unmapped] == ["favorite_color", "tier", "favourite_colour"]
    setup.sync_fields()
    assert len(setup.mapping().unmapped) == 3
    setup.set_direction("Lead.City", Direction.INBOUND)
    setup.set_policy("Lead.City", Policy.SALESFORCE)
    city = setup._current().of("Lead").by_field["City"]
    assert (city.direction, city.policy) == (Direction.INBOUND, Policy.SALESFORCE)
    setup.pair("Lead.Favorite_Color__c", "Contact.Favourite_Colour__c")
    setup.reset()
    assert setup._current().of("Lead").by_field["City"].direction is Direction.BOTH
    assert setup.mapping().version > first
    assert [r.column for r in setup.mapping().unmapped] == ["tier"]


def test_a_preset_is_for_the_fields_of_now_and_of_later(world: World) -> None:
    setup = world.synced()
    assert setup._current().of("Lead").by_field["City"].policy is Policy.SALESFORCE
    changes = setup.preset_changes(Preset.MARKETO)
    assert "Lead.City" in {c.name for c in changes}
    setup.use_preset(Preset.MARKETO)
    assert setup._current().of("Lead").by_field["City"].policy is Policy.OURS
    setup.reset()
    assert setup._current().of("Lead").by_field["City"].policy is Policy.OURS
    assert setup.preset_changes(Preset.MARKETO) == []


def test_a_newly_mapped_field_is_read_for_everyone_after_the_start(world: World) -> None:
    setup = world.started()
    with world.store.transaction() as unit:
        for name in ("Lead", "Contact"):
            fields = ("Email", "Favorite_Color__c", "Favourite_Colour__c")
            unit.save_snapshot(
                SnapshotProgress(name, "complete", world.clock.now(), 1, fields, "job", "loc", 10, 10)
            )
    setup.break_pair("Lead.Favorite_Color__c")
    with world.store.transaction() as unit:
        lead, contact = unit.snapshot("Lead"), unit.snapshot("Contact")
    assert lead is not None and lead.state == "complete" and "Favorite_Color__c" in lead.fields
    assert contact is not None and contact.state == "complete"
    assert "Favourite_Colour__c" not in contact.fields and "Email" in contact.fields


def test_the_mapping_goes_to_a_file_and_back(world: World) -> None:
    setup = world.synced()
    setup.set_policy("Contact.MailingCity", Policy.OURS, Blanks.KEEP_SALESFORCE)
    setup.set_policy("unsubscribed", restrictive=False)
    setup.break_pair("Contact.Favourite_Colour__c")
    text = setup.export_mapping()
    setup.reset()
    setup.import_mapping(text)
    back = setup._current().of("Contact").by_field
    assert (back["MailingCity"].policy, back["MailingCity"].blanks) == (Policy.OURS, Blanks.KEEP_SALESFORCE)
    assert not back["HasOptedOutOfEmail"].restrictive
    assert setup._current().of("Contact").by_field["Favourite_Colour__c"].column == "favourite_colour"
    version = setup.mapping().version
    for bad, reason in [
        ("{", "not a mapping file"),
        ('{"format": "x"}', "not a mapping file"),
        (text.replace('"both"', '"sideways"', 1), "sideways"),
        (text.replace("person.favourite_colour", "person.email"), "Email.*person.email|are both mapped"),
        (text.replace("person.favourite_colour", "person.unsubscribed"), "both mapped|kind of values"),
        (text.replace("person.city", "person.town", 1), "standard pair"),
    ]:
        with pytest.raises(SetupRefused, match=reason):
            setup.import_mapping(bad)
    assert setup.mapping().version == version


def test_the_plan_counts_rows_columns_and_calls(world: World) -> None:
    for n in range(3):
        world.org.records.create("Lead", LastName=f"L{n}", Company="X", City=" Bern ")
    setup = world.connected()
    plan = setup.plan()
    lead = next(o for o in plan.objects if o.object_name == "Lead")
    assert lead.rows == 3
    assert "city" in lead.new_columns
    assert lead.samples[0].after["city"] == "Bern"
    assert plan.api_calls > 0 and plan.rows == 3
    setup.sync_fields()
    assert all(o.new_columns == () for o in setup.plan(samples=0).objects)


def test_the_plan_warns_when_the_calls_do_not_suffice(world: World) -> None:
    setup = world.connected()
    world.org.allowed = world.org.calls + 10
    assert any("API calls" in warning for warning in setup.plan().warnings)


def test_after_the_start_another_org_is_refused_and_other_credentials_are_not(world: World) -> None:
    setup = world.started()
    other = InMemoryOrg(world.clock)
    other.org_id = "00D000000000999AAA"
    world.connector.orgs["https://other.example"] = other
    elsewhere = replace(PASSWORD, login_url="https://other.example")
    with pytest.raises(SetupRefused, match="in sync with Org in memory"):
        setup.check(elsewhere)
    fresh = Credentials(AuthKind.CLIENT_CREDENTIALS, client_id="app", client_secret="s")
    setup.save(fresh, setup.check(fresh))
    assert world.vault.connection is not None
    assert (world.vault.connection.credentials.kind, world.vault.connection.locked) == (fresh.kind, True)
    assert setup.state().step is Step.RUNNING


def test_before_the_start_another_org_takes_the_place_and_set_up_begins_anew(world: World) -> None:
    setup = world.synced()
    other = InMemoryOrg(world.clock)
    other.org_id = "00D000000000999AAA"
    world.connector.orgs["https://other.example"] = other
    elsewhere = replace(PASSWORD, login_url="https://other.example")
    card = setup.check(elsewhere)
    assert card.replaces is not None
    setup.save(elsewhere, card)
    assert setup.state().step is Step.FIELDS
    assert setup._current().fields == ()


def test_a_replaced_refresh_token_is_kept_at_once(world: World) -> None:
    login = world.setup.authorize(PASSWORD.login_url, "app", "", "http://127.0.0.1/back")
    world.connector.rotate_to = "token-2"
    card = world.setup.authorized(login, login.state, "token-1")
    world.setup.save(card.credentials, card)
    assert world.vault.connection is not None
    assert world.vault.connection.credentials.refresh_token == "token-2"
    world.connector.rotate_to = "token-3"
    world.setup.org()
    assert world.vault.connection.credentials.refresh_token == "token-3"
    logins = world.connector.logins
    world.setup.org()
    assert world.connector.logins == logins


def test_pause_resume_and_the_pause_between_cycles(world: World) -> None:
    setup = world.started()
    setup.pause()
    assert world.again().state().paused
    setup.resume()
    assert not world.again().state().paused
    assert setup.pause_seconds() == 60
    setup.set_pause_seconds(5)
    assert world.again().pause_seconds() == 5
    with pytest.raises(SetupRefused, match="between 1 second and 1 day"):
        setup.set_pause_seconds(0)


def test_start_looks_once_more_whether_the_org_is_ready(world: World) -> None:
    setup = world.synced()
    setup.confirm()
    world.org.hide("Contact", "Email")
    with pytest.raises(SetupRefused, match="not ready"):
        setup.start()
    assert setup.state().started_at is None
    assert world.vault.connection is not None and not world.vault.connection.locked
