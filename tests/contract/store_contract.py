"""What every store must do. Subclass `StoreContract` in a test module and give the fixtures `store` and `store_user`.

`store` is an empty `sync.ports.Store`. `store_user` is a `StoreUser`: someone with any SQL client on the same database.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping as Named
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from diptych.domain.creating import Creation, Wish
from diptych.domain.gathering import gather
from diptych.domain.mapping import Blanks, Direction, FieldMapping, Mapping, ObjectMapping, Policy
from diptych.domain.matching import Group
from diptych.domain.merge import Conflict
from diptych.domain.outcome import ErrorClass, Problem
from diptych.domain.pair import Inflight, Linked, Observation, PairState, Record, Standing
from diptych.domain.person_merge import JoinPlan, PersonJoin, plan_split
from diptych.domain.schema import FieldDescription, ObjectDescription
from diptych.domain.values import Kind, Value, canonical, full_id
from diptych.sync.joining import join_group
from diptych.sync.ports import (
    NOT_VISIBLE,
    DeadLetter,
    FeedCursor,
    LeaseLost,
    MirrorCount,
    PairChange,
    SnapshotPage,
    SnapshotProgress,
    Step,
    Store,
    StoredDeadLetter,
)
from tests.contract.actions_contract import StoreActs
from tests.contract.creating_contract import StoreCreates
from tests.contract.trail_contract import TrailContract

T0 = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


class StoreUser(Protocol):
    """A person with a SQL client: plain INSERT, UPDATE, DELETE, SELECT; and what the admin shows."""

    def insert(self, **values: Value) -> int: ...
    def edit(self, person_id: int, column: str, value: Value) -> None: ...
    def delete(self, person_id: int) -> None: ...
    def person(self, person_id: int) -> Named[str, Any] | None: ...
    def people(self) -> Sequence[Named[str, Any]]: ...
    def mirror_row(self, table: str, sf_id: str) -> Named[str, Any] | None: ...
    def changes(self, person_id: int) -> Sequence[Any]:
        """The change log, oldest first: objects with column, old, new (canonical or text), side, actor."""

    def conflicts(self) -> Sequence[Conflict]: ...
    def dead_letters(self) -> Sequence[StoredDeadLetter]: ...
    def run_status(self, run_id: int) -> str: ...
    def add_pair(self, person_id: int, object_mapping: ObjectMapping, record: Record) -> int:
        """A second pair for a person, base = what the person holds; its id."""


def mapped(object_name: str, field: str, column: str, kind: Kind = Kind.TEXT, scale: int = 0) -> FieldMapping:
    table = {"Lead": "person", "Contact": "person", "Account": "company", "User": "salesforce_user"}
    return FieldMapping(
        object_name,
        field,
        table[object_name],
        column,
        kind,
        Direction.BOTH if table[object_name] == "person" else Direction.INBOUND,
        Policy.SALESFORCE,
        scale=scale,
    )


MAPPING = Mapping(
    1,
    (
        mapped("Lead", "FirstName", "first_name"),
        mapped("Lead", "City", "city"),
        mapped("Lead", "NumberOfEmployees", "number_of_employees", Kind.INTEGER),
        mapped("Lead", "AnnualRevenue", "annual_revenue", Kind.DECIMAL, scale=2),
        mapped("Lead", "HasOptedOutOfEmail", "unsubscribed", Kind.BOOLEAN),
        mapped("Lead", "Since__c", "since", Kind.DATE),
        mapped("Lead", "CreatedDate", "salesforce_created_at", Kind.DATETIME),
        mapped("Lead", "Tags__c", "tags", Kind.MULTI),
        mapped("Lead", "OwnerId", "owner_id", Kind.ID),
        mapped("Contact", "FirstName", "first_name"),
        mapped("Contact", "MailingCity", "city"),
        mapped("Account", "Name", "name"),
        mapped("Account", "NumberOfEmployees", "number_of_employees", Kind.INTEGER),
    ),
)
LEAD, CONTACT, ACCOUNT = MAPPING.of("Lead"), MAPPING.of("Contact"), MAPPING.of("Account")
SYSTEM = ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById", "IsDeleted", "MasterRecordId")


def sf_id(number: int, prefix: str = "00Q") -> str:
    return full_id(f"{prefix}5e0{number:09d}")


def seen(
    number: int, object_mapping: ObjectMapping = LEAD, at: datetime = T0, prefix: str = "00Q", **values: Value
) -> Observation:
    """An observation of a record with these values by column, blank elsewhere."""
    every = {f.column: values.get(f.column) for f in object_mapping.fields}
    converted = bool(values.pop("converted", False))
    record = Record(
        object_mapping.object_name, sf_id(number, prefix), at, at + timedelta(seconds=5), converted=converted
    )
    return Observation(record, every)


def page(rows: Sequence[Named[str, str]], object_mapping: ObjectMapping = LEAD) -> SnapshotPage:
    """A part of a bulk result; audit fields are filled in."""
    extra = ("IsConverted", "ConvertedContactId") if object_mapping.object_name == "Lead" else ()
    columns = tuple(dict.fromkeys((*SYSTEM, *extra, *(f.field for f in object_mapping.fields))))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    given = {
        "SystemModstamp": "2026-01-05T08:00:00.000Z",
        "LastModifiedDate": "2026-01-05T08:00:00.000Z",
        "LastModifiedById": "0055e0000000001AAA",
        "IsDeleted": "false",
        **({"IsConverted": "false"} if extra else {}),
    }
    writer.writerows({**given, **row} for row in rows)
    content = text.getvalue().encode()
    return SnapshotPage(object_mapping.object_name, columns, content, len(rows), None, None)


def problem(code: str = "STRING_TOO_LONG") -> Problem:
    return Problem(code, "too long", ErrorClass.LENGTH, fields=("City",))


class StoreContract(TrailContract, StoreCreates, StoreActs):
    """The suite. Every test starts from an empty store with MAPPING saved and provisioned."""

    @pytest.fixture(autouse=True)
    def _provisioned(self, store: Store) -> None:
        with store.transaction() as tx:
            assert tx.mapping().fields == ()
            tx.provision(MAPPING)
            tx.save_mapping(MAPPING, T0, "set-up")

    @pytest.fixture
    def lead(self) -> ObjectMapping:
        return LEAD

    @pytest.fixture
    def contact(self) -> ObjectMapping:
        return CONTACT

    @pytest.fixture
    def seen_lead(self) -> Observation:
        return seen(1, city="Bonn")

    @pytest.fixture
    def at(self) -> datetime:
        return T0

    @pytest.fixture
    def an_id(self) -> str:
        return sf_id(77)

    def add(self, store: Store, *observations: Observation, mapping: ObjectMapping = LEAD) -> list[Linked]:
        with store.transaction() as tx:
            tx.add_people(mapping, observations, None)
        return [self.pair(store, o.record.sf_id, mapping) for o in observations]

    def pair(self, store: Store, record_id: str, mapping: ObjectMapping = LEAD) -> Linked:
        with store.transaction() as tx:
            return tx.linked(mapping, [record_id])[record_id]

    def save(self, store: Store, linked: Linked, **changes: Any) -> None:
        with store.transaction() as tx:
            tx.save([PairChange(linked.pair.id, linked.pair.person_id, **changes)], None)

    def owed(self, store: Store, mapping: ObjectMapping = LEAD, now: datetime = T0) -> list[str | None]:
        with store.transaction() as tx:
            return [linked.pair.sf_id for linked in tx.owed(mapping, now, 0, 100)]

    # ------------------------------------------------------------ columns and mapping

    def test_provisioning_again_makes_nothing_new_and_a_new_column_is_empty(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        wider = MAPPING.with_fields([*MAPPING.fields, mapped("Lead", "Street", "street")])
        with store.transaction() as tx:
            assert tx.provision(MAPPING) == []
            assert tx.provision(wider) == ["street"]
            tx.save_mapping(wider, T0, "street")
        with store.transaction() as tx:
            assert tx.mapping() == wider
            found = tx.linked(wider.of("Lead"), [sf_id(1)])[sf_id(1)]
        assert found.ours["street"] is None and found.ours["city"] == "Bonn" and not found.dirty
        store_user.edit(linked.pair.person_id, "street", "Am Hof 1")
        with store.transaction() as tx:
            (owed,) = tx.owed(wider.of("Lead"), T0, 0, 10)
        assert owed.dirty == {"street": "Am Hof 1"}

    # ------------------------------------------------------------ people and pairs

    def test_a_new_pair_is_clean_and_knows_what_was_seen(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, first_name="Ada", city="Bonn"))
        assert linked.ours["first_name"] == linked.base["first_name"] == "Ada"
        assert linked.ours["annual_revenue"] is None
        assert linked.pair.state is PairState.PAIRED
        assert (linked.pair.seen_modstamp, linked.pair.seen_at) == (T0, T0 + timedelta(seconds=5))
        assert (linked.pair.inflight, linked.pair.attempts, linked.pair.next_try_at) == (None, 0, None)
        assert linked.parked == {} and self.owed(store) == []
        person = store_user.person(linked.pair.person_id)
        assert person is not None
        assert (person["salesforce_id"], person["salesforce_type"]) == (sf_id(1), "lead")
        assert (person["link_state"], bool(person["salesforce_deleted"])) == ("lead", False)

    def test_unknown_ids_are_missing(self, store: Store) -> None:
        self.add(store, seen(1))
        with store.transaction() as tx:
            assert set(tx.linked(LEAD, [sf_id(1), sf_id(2)])) == {sf_id(1)}
            assert tx.linked(CONTACT, [sf_id(1)]) == {}
            assert tx.linked(LEAD, []) == {}

    def test_a_converted_lead_is_not_paired(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, converted=True))
        assert linked.pair.state is PairState.CONVERTED
        person = store_user.person(linked.pair.person_id)
        assert person is not None and person["link_state"] == "converted"

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("first_name", " inner  blanks kept".strip()),
            ("first_name", "NULL"),
            ("first_name", 'Zoë 🦊, "quoted"\nnew line; O\'Hara \\ %s'),
            ("number_of_employees", 0),
            ("number_of_employees", -(2**53)),
            ("annual_revenue", Decimal("1234567.80")),
            ("annual_revenue", Decimal("0.00")),
            ("unsubscribed", True),
            ("unsubscribed", False),
            ("since", "0999-02-03"),
            ("salesforce_created_at", "2026-02-28T23:59:59Z"),
            ("tags", "a;b"),
            ("owner_id", "0055e0000000001AAA"),
        ],
    )
    def test_values_come_back_as_they_were(self, store: Store, column: str, value: Value) -> None:
        (linked,) = self.add(store, seen(1, **{column: value}))
        assert linked.ours[column] == value and type(linked.ours[column]) is type(value)
        self.save(store, linked, base={column: None}, inflight=Inflight({column: value}, "7-1", T0))
        again = self.pair(store, sf_id(1))
        assert again.base[column] is None and again.dirty == {column: value}
        assert again.pair.inflight is not None and again.pair.inflight.values == {column: value}
        self.save(store, linked, ours={column: None}, base={column: value})
        again = self.pair(store, sf_id(1))
        assert again.base[column] == value and type(again.base[column]) is type(value)
        assert again.dirty == {column: None}

    # ------------------------------------------------------------ base is held implicitly

    def test_the_first_edit_keeps_the_base_and_later_ones_do_not_move_it(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn", first_name="Ada"))
        store_user.edit(linked.pair.person_id, "city", "Rom")
        store_user.edit(linked.pair.person_id, "city", "Oslo")
        again = self.pair(store, sf_id(1))
        assert (again.ours["city"], again.base["city"]) == ("Oslo", "Bonn")
        assert again.dirty == {"city": "Oslo"} and self.owed(store) == [sf_id(1)]
        store_user.edit(linked.pair.person_id, "city", "Bonn")
        assert self.owed(store) == [] and not self.pair(store, sf_id(1)).dirty
        store_user.edit(linked.pair.person_id, "city", "Lima")
        assert self.pair(store, sf_id(1)).base["city"] == "Bonn"

    def test_when_ours_was_edited_is_known_where_the_policy_asks(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn", first_name="Ada"))
        asking = ObjectMapping(
            "Lead",
            1,
            tuple(replace(f, policy=Policy.MOST_RECENT) if f.column == "city" else f for f in LEAD.fields),
        )

        def known() -> Linked:
            with store.transaction() as tx:
                return tx.linked(asking, [sf_id(1)])[sf_id(1)]

        assert known().edited_at == {}, "nothing is dirty"
        for column, value in (("city", "Rom"), ("first_name", "Eva")):
            store_user.edit(linked.pair.person_id, column, value)
        first = known().edited_at
        assert set(first) == {"city"}, "only the column whose policy asks"
        assert first["city"].tzinfo is not None and first["city"].microsecond == 0
        assert self.pair(store, sf_id(1)).edited_at == {}
        with store.transaction() as tx:
            (owing,) = tx.owed(asking, T0, 0, 10)
        assert owing.edited_at == first

    def test_a_mapping_keeps_policies_and_blanks(self, store: Store) -> None:
        fine = replace(
            LEAD.fields[4], policy=Policy.MOST_RESTRICTIVE, blanks=Blanks.KEEP_BOTH, restrictive=False
        )
        wanted = Mapping(MAPPING.version + 1, (*MAPPING.fields[:4], fine, *MAPPING.fields[5:]))
        with store.transaction() as tx:
            tx.save_mapping(wanted, T0, "policies")
        with store.transaction() as tx:
            assert tx.mapping() == wanted

    def test_versions_of_the_mapping_and_what_a_change_of_it_touches(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked, _) = self.add(store, seen(1, city="Bonn"), seen(2, city="Rom"))
        store_user.edit(linked.pair.person_id, "city", "Ulm")
        wider = MAPPING.with_fields([*MAPPING.fields, mapped("Lead", "Street", "street")])
        with store.transaction() as tx:
            tx.provision(wider)
            tx.save_mapping(wider, T0, "street")
        with store.transaction() as tx:
            log = tx.mappings
            assert [(one.version, one.reason) for one in log.versions(10)] == [
                (wider.version, "street"),
                (MAPPING.version, "set-up"),
            ]
            assert [one.version for one in log.versions(10, wider.version)] == [MAPPING.version]
            assert (log.of(MAPPING.version), log.of(999)) == (MAPPING, None)
            city = LEAD.by_column["city"]
            (one,) = log.differing(city, 10)
            assert (one.person_id, one.sf_id, one.base, one.ours) == (
                linked.pair.person_id,
                sf_id(1),
                "Bonn",
                "Ulm",
            )
            assert log.differing_count(city) == 1 and not one.held
            filled = log.filled("person")
            assert (filled.rows, filled.columns["city"], filled.columns["street"]) == (2, 2, 0)
            person = linked.pair.person_id
            held = log.held(city, [sf_id(1), sf_id(2), sf_id(9)])
            assert held[sf_id(1)] == (person, "Ulm") and held[sf_id(2)][1] == "Rom" and len(held) == 2
            nowhere = mapped("Lead", "Fax", "no_such_column")
            assert log.held(nowhere, [sf_id(1)]) == {sf_id(1): (person, None)} and log.held(city, []) == {}

    def test_a_blank_text_is_no_value(self, store: Store, store_user: StoreUser) -> None:
        first, second = self.add(store, seen(1), seen(2, city="Bonn"))
        store_user.edit(first.pair.person_id, "city", "")
        store_user.edit(second.pair.person_id, "city", "")
        assert self.pair(store, sf_id(1)).ours["city"] is None
        assert self.owed(store) == [sf_id(2)]
        assert self.pair(store, sf_id(2)).dirty == {"city": None}

    def test_acknowledging_makes_the_column_clean(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        store_user.edit(linked.pair.person_id, "city", "Rom")
        self.save(store, linked, base={"city": "Rom"})
        assert self.owed(store) == []
        store_user.edit(linked.pair.person_id, "city", "Oslo")
        assert self.pair(store, sf_id(1)).base["city"] == "Rom"

    def test_acknowledging_an_older_value_leaves_a_newer_one_owed(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        store_user.edit(linked.pair.person_id, "city", "Rom")
        store_user.edit(linked.pair.person_id, "city", "Oslo")
        self.save(store, linked, base={"city": "Rom"})
        again = self.pair(store, sf_id(1))
        assert (again.base["city"], again.dirty) == ("Rom", {"city": "Oslo"})

    def test_a_value_taken_in_is_not_owed_and_says_who_changed_it(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        store_user.edit(linked.pair.person_id, "first_name", "Ada")
        who = "0055e0000000009AAA"
        self.save(
            store,
            linked,
            ours={"city": "Rom"},
            base={"city": "Rom"},
            history_by=who,
            history_at=T0,
            seen_modstamp=T0 + timedelta(seconds=60),
        )
        assert self.pair(store, sf_id(1)).dirty == {"first_name": "Ada"}
        log = [(c.column, c.old, c.new, c.side) for c in store_user.changes(linked.pair.person_id)]
        assert log == [("first_name", None, "Ada", "ours"), ("city", "Bonn", "Rom", "salesforce")]
        assert store_user.changes(linked.pair.person_id)[1].actor == who
        assert self.pair(store, sf_id(1)).pair.seen_modstamp == T0 + timedelta(seconds=60)

    def test_a_base_that_is_not_named_stays(self, store: Store) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        self.save(store, linked, ours={"city": "Rom"})
        again = self.pair(store, sf_id(1))
        assert (again.ours["city"], again.base["city"]) == ("Rom", "Bonn")
        assert self.owed(store) == [sf_id(1)]

    def test_nothing_is_logged_when_nothing_changes(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        self.save(store, linked, ours={"city": "Bonn"}, base={"city": "Bonn"})
        store_user.edit(linked.pair.person_id, "city", "Bonn")
        assert list(store_user.changes(linked.pair.person_id)) == [] and self.owed(store) == []

    def test_two_pairs_of_one_person_have_bases_of_their_own(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (lead,) = self.add(store, seen(1, city="Bonn", first_name="Ada"))
        contact_id = sf_id(1, "003")
        store_user.add_pair(lead.pair.person_id, CONTACT, Record("Contact", contact_id, T0, T0))
        store_user.edit(lead.pair.person_id, "city", "Rom")
        assert self.owed(store) == [sf_id(1)] and self.owed(store, CONTACT) == [contact_id]

        self.save(store, lead, base={"city": "Rom"})
        assert self.owed(store) == [] and self.owed(store, CONTACT) == [contact_id]
        contact = self.pair(store, contact_id, CONTACT)
        assert contact.base["city"] == "Bonn"

        self.save(store, contact, base={"city": "Rom"})
        assert self.owed(store, CONTACT) == []
        self.save(store, contact, ours={"first_name": "Eva"}, base={"first_name": "Eva"})
        assert self.owed(store, CONTACT) == []
        assert self.pair(store, sf_id(1)).base["first_name"] == "Ada"
        assert self.pair(store, sf_id(1)).dirty == {"first_name": "Eva"}

    def test_saving_two_pairs_of_one_person_at_once(self, store: Store, store_user: StoreUser) -> None:
        (lead,) = self.add(store, seen(1, city="Bonn"))
        number = store_user.add_pair(lead.pair.person_id, CONTACT, Record("Contact", sf_id(1, "003"), T0, T0))
        with store.transaction() as tx:
            tx.save(
                [
                    PairChange(lead.pair.id, lead.pair.person_id, ours={"city": "Rom"}, base={"city": "Rom"}),
                    PairChange(number, lead.pair.person_id, base={"city": "Oslo"}),
                ],
                None,
            )
        assert self.owed(store) == []
        assert self.pair(store, sf_id(1, "003"), CONTACT).base["city"] == "Oslo"

    def test_a_value_of_the_wrong_kind_is_refused_or_kept_but_never_lost(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, number_of_employees=5))
        with suppress(Exception):  # PostgreSQL refuses the statement, SQLite takes it
            store_user.edit(linked.pair.person_id, "number_of_employees", "about ten")
        again = self.pair(store, sf_id(1))
        assert again.base["number_of_employees"] == 5
        assert again.ours["number_of_employees"] in (5, "about ten")
        assert self.owed(store) == ([] if again.ours["number_of_employees"] == 5 else [sf_id(1)])

    def test_a_person_made_here_has_no_pair(self, store: Store, store_user: StoreUser) -> None:
        person_id = store_user.insert(first_name="Eva", city="Rom")
        store_user.edit(person_id, "city", "Oslo")
        person = store_user.person(person_id)
        assert person is not None and person["city"] == "Oslo"
        assert (person["salesforce_type"], person["link_state"]) == (None, "none")
        assert self.owed(store) == [] and self.owed(store, CONTACT) == []

    def test_a_person_deleted_here_leaves_a_detached_pair(self, store: Store, store_user: StoreUser) -> None:
        dirty, fenced = self.add(store, seen(1, city="Bonn"), seen(2, city="Bonn"))
        store_user.edit(dirty.pair.person_id, "city", "Rom")
        self.save(store, fenced, inflight=Inflight({"city": "Rom"}, "7-1", T0))
        store_user.delete(dirty.pair.person_id)
        store_user.delete(fenced.pair.person_id)
        with store.transaction() as tx:
            states = [found.pair.state for found in tx.linked(LEAD, [sf_id(1), sf_id(2)]).values()]
            assert states == [PairState.DETACHED, PairState.DETACHED]
            assert tx.owed(LEAD, T0, 0, 10) == [] and tx.fenced(LEAD, 10) == []
            assert tx.live_ids("Lead", "", 10) == []
            load = tx.load_page(LEAD, page([{"Id": sf_id(1), "City": "Bonn"}]), T0)
            assert load.inserted == 0 and [r.sf_id for r in load.known] == [sf_id(1)]
        assert list(store_user.people()) == []

    # ------------------------------------------------------------ what is owed, what is fenced, what is parked

    def test_what_is_in_flight_is_fenced_and_not_owed(self, store: Store, store_user: StoreUser) -> None:
        first, second = self.add(store, seen(1, city="Bonn"), seen(2, city="Bonn"))
        for linked, minutes in ((first, 5), (second, 1)):
            store_user.edit(linked.pair.person_id, "city", "Rom")
            sent = Inflight({"city": "Rom"}, f"7-{minutes}", T0 + timedelta(minutes=minutes))
            self.save(store, linked, inflight=sent)
        assert self.owed(store) == []
        with store.transaction() as tx:
            fenced = tx.fenced(LEAD, 10)
            assert [f.pair.sf_id for f in fenced] == [sf_id(2), sf_id(1)]
            assert [f.pair.sf_id for f in tx.fenced(LEAD, 1)] == [sf_id(2)]
        assert fenced[0].pair.inflight == Inflight({"city": "Rom"}, "7-1", T0 + timedelta(minutes=1))
        assert fenced[0].dirty == {"city": "Rom"}
        self.save(store, first, lift=True)
        assert self.owed(store) == [sf_id(1)]
        self.save(store, second, lift=True, base={"city": "Rom"})
        assert self.owed(store) == [sf_id(1)]
        assert self.pair(store, sf_id(2)).pair.inflight is None

    def test_owed_goes_by_pair_in_pages(self, store: Store, store_user: StoreUser) -> None:
        for linked in self.add(store, *(seen(n, city="Bonn") for n in range(1, 6))):
            if linked.pair.sf_id != sf_id(3):
                store_user.edit(linked.pair.person_id, "city", "Rom")
        with store.transaction() as tx:
            first = tx.owed(LEAD, T0, 0, 3)
            second = tx.owed(LEAD, T0, first[-1].pair.id, 3)
        assert [o.pair.sf_id for o in first] == [sf_id(1), sf_id(2), sf_id(4)]
        assert [o.pair.sf_id for o in second] == [sf_id(5)]

    def test_a_later_try_and_other_states_are_not_owed(self, store: Store, store_user: StoreUser) -> None:
        states = (PairState.PARKED, PairState.TOMBSTONED, PairState.REDIRECTED, PairState.CONVERTED)
        pairs = self.add(store, *(seen(n, city="Bonn") for n in range(1, 7)))
        for linked in pairs:
            store_user.edit(linked.pair.person_id, "city", "Rom")
        for linked, state in zip(pairs, states, strict=False):
            self.save(store, linked, state=state)
        self.save(store, pairs[4], attempts=2, next_try_at=T0 + timedelta(minutes=5))
        assert self.owed(store) == [sf_id(1), sf_id(6)]  # one that is parked may have been edited since
        assert self.owed(store, now=T0 + timedelta(minutes=5)) == [sf_id(1), sf_id(5), sf_id(6)]
        later = self.pair(store, sf_id(5)).pair
        assert (later.attempts, later.next_try_at) == (2, T0 + timedelta(minutes=5))
        assert self.pair(store, sf_id(2)).pair.state is PairState.TOMBSTONED
        with store.transaction() as tx:
            assert tx.live_ids("Lead", "", 10) == [sf_id(5), sf_id(6)]
            assert tx.live_ids("Lead", sf_id(5), 10) == [sf_id(6)]
            there = [s.value in ("parked", "converted", "detached", "paired") for s in states]
            held = [sf_id(n + 1) for n, is_there in enumerate(there) if is_there] + [sf_id(5), sf_id(6)]
            assert tx.held_ids("Lead", "", 10) == sorted(set(held))

    def test_what_is_hidden_is_owed_nothing_and_found_by_id(
        self, store: Store, store_user: StoreUser
    ) -> None:
        pairs = self.add(store, *(seen(n, city="Bonn") for n in range(1, 5)))
        for linked in pairs[1:3]:
            store_user.edit(linked.pair.person_id, "city", "Rom")
            self.save(
                store,
                linked,
                state=PairState.HIDDEN,
                link_state="out_of_scope",
                salesforce_deleted=False,
            )
        assert self.owed(store) == []
        with store.transaction() as tx:
            assert tx.awaited_ids("Lead", "", 10) == [sf_id(2), sf_id(3)]
            assert (
                tx.awaited_ids("Lead", sf_id(2), 10) == [sf_id(3)] and tx.awaited_ids("Account", "", 9) == []
            )
            assert tx.live_ids("Lead", "", 10) == tx.held_ids("Lead", "", 10) == [sf_id(1), sf_id(4)]
            assert tx.candidates(["city"], True, 0, 10) == [], "nobody who is hidden is created anew"
        person = store_user.person(pairs[1].pair.person_id)
        assert person is not None and (person["link_state"], person["city"]) == ("out_of_scope", "Rom")
        assert self.pair(store, sf_id(2)).dirty == {"city": "Rom"}
        self.save(store, pairs[1], state=PairState.PAIRED, link_state="lead")
        assert self.owed(store) == [sf_id(2)]

    def test_ended_records_are_found_by_id(self, store: Store) -> None:
        pairs = self.add(store, *(seen(n) for n in range(1, 6)))
        for linked, state in zip(pairs[1:4], ("tombstoned", "redirected", "hidden"), strict=True):
            self.save(store, linked, state=PairState(state))
        with store.transaction() as tx:
            assert tx.ended_ids("Lead", "", "", 10) == [sf_id(2), sf_id(3)]
            assert tx.ended_ids("Lead", sf_id(2), "", 10) == [sf_id(3)]
            assert tx.ended_ids("Lead", "", sf_id(2), 10) == tx.ended_ids("Lead", "", "", 1) == [sf_id(2)]
            assert tx.ended_ids("Account", "", "", 10) == []

    def test_of_two_pairs_the_row_speaks_of_the_one_that_is_shown(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (one,) = self.add(store, seen(1, city="Bonn"))
        person_id = one.pair.person_id
        with store.transaction() as tx:
            contact = tx.open_pair(person_id, CONTACT, seen(1, CONTACT, prefix="003", city="Bonn"))

        def row(pair_id: int, state: PairState, link_state: str) -> tuple[object, ...]:
            with store.transaction() as tx:
                tx.save([PairChange(pair_id, person_id, state=state, link_state=link_state)], None)
            person = store_user.person(person_id)
            assert person is not None
            return person["salesforce_id"], person["salesforce_type"], person["link_state"]

        hidden = row(contact.id, PairState.HIDDEN, "out_of_scope")
        assert hidden == (sf_id(1), "lead", "lead")
        assert row(one.pair.id, PairState.HIDDEN, "out_of_scope") == (
            sf_id(1, "003"),
            "contact",
            "out_of_scope",
        )
        assert row(contact.id, PairState.PAIRED, "contact") == (sf_id(1, "003"), "contact", "contact")

    def test_what_points_at_others_is_found_by_column(self, store: Store, store_user: StoreUser) -> None:
        owners = [full_id(f"0055e0{n:09d}") for n in range(3)]
        pairs = self.add(store, *(seen(n, owner_id=owners[n % 3]) for n in range(1, 8)))
        self.save(store, pairs[0], state=PairState.TOMBSTONED)
        self.save(store, pairs[3], state=PairState.PARKED)
        store_user.delete(pairs[1].pair.person_id)
        with store.transaction() as tx:
            assert tx.related(LEAD, "owner_id", owners[1:], "", 10) == [sf_id(4), sf_id(5), sf_id(7)]
            assert tx.related(LEAD, "owner_id", owners[1:], sf_id(4), 1) == [sf_id(5)]
            assert tx.related(LEAD, "owner_id", ["nobody"], "", 10) == []
            assert tx.related(CONTACT, "first_name", owners, "", 10) == []

    def test_a_parked_column_is_held_back_until_it_is_edited_again(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn", first_name="Ada"))
        store_user.edit(linked.pair.person_id, "city", "Much too long")
        letter = DeadLetter("Push updates", problem(), "city", {"city": "Much too long"}, {"city": "Bonn"})
        self.save(store, linked, dead_letters=(letter,))
        assert self.owed(store) == [] and self.pair(store, sf_id(1)).parked == {"city": "Much too long"}
        store_user.edit(linked.pair.person_id, "first_name", "Eva")
        assert self.owed(store) == [sf_id(1)]
        self.save(store, linked, base={"first_name": "Eva"})
        assert self.owed(store) == []
        store_user.edit(linked.pair.person_id, "city", "Rom")
        assert self.owed(store) == [sf_id(1)]
        self.save(store, linked, base={"city": "Rom"}, clear_columns=("city",))
        assert self.pair(store, sf_id(1)).parked == {} and self.owed(store) == []
        (kept,) = store_user.dead_letters()
        assert kept.letter == letter and kept.status not in ("open", "ignored")

    def test_what_is_kept_here_beside_a_blank_is_not_owed(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, first_name="Ada"))
        inbound = replace(LEAD.by_column["city"], direction=Direction.INBOUND, blanks=Blanks.KEEP_OURS)
        keeping = ObjectMapping("Lead", 1, (LEAD.by_column["first_name"], inbound))
        store_user.edit(linked.pair.person_id, "city", "Rom")
        assert self.owed(store) == [sf_id(1)] and self.owed(store, keeping) == []
        store_user.edit(linked.pair.person_id, "first_name", "Eva")
        assert self.owed(store, keeping) == [sf_id(1)]

    def test_a_dead_letter_is_moot_when_ours_is_what_both_sides_had_agreed_on(
        self, store: Store, store_user: StoreUser
    ) -> None:
        every = self.add(store, *(seen(n, city="Bonn", first_name="Ada") for n in (1, 2, 3, 4)))
        for linked in every:
            store_user.edit(linked.pair.person_id, "city", "Rom")
        one, two, three, four = every
        of_column = DeadLetter("Push updates", problem(), "city", {"city": "Rom"}, {"city": "Bonn"})
        self.save(store, one, dead_letters=(of_column,))
        self.save(
            store, two, dead_letters=(replace(of_column, column=None),), state=PairState.PARKED, attempts=0
        )
        self.save(store, three, dead_letters=(replace(of_column, problem=problem(NOT_VISIBLE), column=None),))
        self.save(store, four, dead_letters=(replace(of_column, operation="Pull updates"),))

        def moot(mapping: ObjectMapping = LEAD, now: datetime = T0, limit: int = 10) -> list[str]:
            with store.transaction() as tx:
                tx.owed(LEAD, T0, 0, 10)
                return tx.moot(mapping, now, limit)

        assert moot() == []
        for linked in every:
            store_user.edit(linked.pair.person_id, "city", "Bonn")
        assert moot() == [sf_id(1), sf_id(2)] and moot(limit=1) == [sf_id(1)]
        assert moot(ObjectMapping("Lead", 1, (LEAD.by_column["first_name"],))) == [sf_id(2)]
        assert moot(CONTACT) == []
        store_user.edit(two.pair.person_id, "first_name", "Eva")
        self.save(store, one, next_try_at=T0 + timedelta(hours=1))
        assert moot() == [] and moot(now=T0 + timedelta(hours=1)) == [sf_id(1)]
        self.save(store, one, clear_columns=("city",))
        assert moot(now=T0 + timedelta(hours=1)) == []

    def test_a_dead_letter_of_the_whole_record_holds_all_its_columns_back(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn", first_name="Ada"))
        store_user.edit(linked.pair.person_id, "city", "Rom")
        store_user.edit(linked.pair.person_id, "first_name", "Eva")
        letter = DeadLetter("Push updates", problem(), None, {"city": "Rom", "first_name": "Eva"})
        self.save(store, linked, dead_letters=(letter,), state=PairState.PARKED)
        assert self.owed(store) == []
        assert self.pair(store, sf_id(1)).parked == {"city": "Rom", "first_name": "Eva"}
        store_user.edit(linked.pair.person_id, "city", "Oslo")
        assert self.owed(store) == [sf_id(1)]

    def test_dead_letters_are_replaced_closed_and_ignored(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        store_user.edit(linked.pair.person_id, "city", "Rom")
        for code in ("FIRST", "SECOND"):
            letter = DeadLetter("Push updates", problem(code), "city", {"city": "Rom"}, {"city": "Bonn"})
            self.save(store, linked, dead_letters=(letter,))
        (kept,) = [k for k in store_user.dead_letters() if k.status == "open"]
        assert kept.letter.problem.code == "SECOND" and kept.letter.problem == problem("SECOND")
        assert (kept.pair_id, kept.person_id, kept.object_name) == (
            linked.pair.id,
            linked.pair.person_id,
            "Lead",
        )
        with store.transaction() as tx:
            assert tx.dead_letter(kept.id) == kept and tx.dead_letter(kept.id + 1000) is None
            tx.close_dead_letter(kept.id, "ignored", T0)
        assert self.owed(store) == []
        with store.transaction() as tx:
            tx.close_dead_letter(kept.id, "retried", T0)
        assert self.owed(store) == [sf_id(1)]
        self.save(store, linked, dead_letters=(DeadLetter("Push updates", problem()),))
        self.save(store, linked, clear_dead_letters=True)
        assert [k for k in store_user.dead_letters() if k.status == "open"] == []

    def test_errors_are_told_by_cause(self, store: Store, store_user: StoreUser) -> None:
        added = self.add(store, seen(1, city="Bonn"), seen(2, city="Bonn"), seen(3, city="Bonn"))
        for linked in added:
            store_user.edit(linked.pair.person_id, "city", "Rom")
            letter = DeadLetter("Push updates", problem("RULE"), "city", {"city": "Rom"}, {"city": "Bonn"})
            self.save(store, linked, dead_letters=(letter,))
        whole = DeadLetter("Push updates", problem("OTHER"), None, {"city": "Rom"})
        self.save(store, added[0], dead_letters=(whole,), state=PairState.PARKED)
        with store.transaction() as tx:
            several, one = tx.causes.all()
            assert (several.open, several.column, several.code, several.object_name) == (
                3,
                "city",
                "RULE",
                "Lead",
            )
            assert (one.open, one.column, one.key != several.key) == (1, None, True)
            assert several.first_at <= several.last_at
            letters = tx.causes.letters(several.key, ("open",), 0, 2)
            assert [k.pair_id for k in letters] == [added[0].pair.id, added[1].pair.id]
            rest = tx.causes.letters(several.key, ("open", "ignored"), letters[-1].id, 10)
            assert [k.pair_id for k in rest] == [added[2].pair.id] and rest[0].at is not None
            assert len(tx.causes.held(added[0].pair.id)) == 2
            tx.close_dead_letter(rest[0].id, "quarantined", T0)
            tx.close_dead_letter(letters[1].id, "ignored", T0)
        assert self.owed(store) == [], "set aside is held back"
        with store.transaction() as tx:
            several = next(c for c in tx.causes.all() if c.key == several.key)
            assert (several.open, several.quarantined) == (1, 1)
            assert tx.causes.fate(added[1].pair.id, ("city",)) == "owing"
            assert tx.causes.fate(added[1].pair.id, ("first_name",)) == "settled"
            tx.save([PairChange(added[1].pair.id, added[1].pair.person_id, state=PairState.TOMBSTONED)], None)
            assert tx.causes.fate(added[1].pair.id, ("city",)) == "ended"

    def test_conflicts_and_states_are_kept(self, store: Store, store_user: StoreUser) -> None:
        (linked,) = self.add(store, seen(1, annual_revenue=Decimal("1.50")))
        lost = Conflict(
            "annual_revenue", Decimal("1.50"), Decimal("2.00"), Decimal("3.25"), "salesforce", "policy"
        )
        self.save(
            store,
            linked,
            conflicts=(lost,),
            state=PairState.REDIRECTED,
            redirect_to=sf_id(2),
            salesforce_deleted=True,
            link_state="deleted",
        )
        assert list(store_user.conflicts()) == [lost]
        assert self.pair(store, sf_id(1)).pair.redirect_to == sf_id(2)
        person = store_user.person(linked.pair.person_id)
        assert person is not None
        assert (bool(person["salesforce_deleted"]), person["link_state"]) == (True, "deleted")
        assert list(store_user.changes(linked.pair.person_id)) == []

    # ------------------------------------------------------------ the fast way in

    ROWS = (
        {
            "Id": sf_id(1)[:15],
            "FirstName": "  Ada ",
            "City": "",
            "Tags__c": "b;a",
            "OwnerId": "0055e0000000001",
        },
        {
            "Id": sf_id(2),
            "FirstName": "NA",
            "City": "NULL",
            "AnnualRevenue": "1234.5",
            "NumberOfEmployees": "7",
        },
        {"Id": sf_id(3), "FirstName": "line\r\nbreak", "City": 'quo"te, comma', "AnnualRevenue": "1.2345E3"},
        {"Id": sf_id(4), "HasOptedOutOfEmail": "true", "Since__c": "2026-02-03", "NumberOfEmployees": "8.0"},
        {"Id": sf_id(5), "HasOptedOutOfEmail": "false", "CreatedDate": "2026-01-02T03:04:05.000Z"},
        {"Id": sf_id(6), "FirstName": "Zoë 🦊", "City": "\t", "CreatedDate": "2026-01-02T03:04:05.000+0000"},
        {"Id": sf_id(7), "FirstName": "0012", "City": "1e5", "AnnualRevenue": "-0.00", "Tags__c": "x"},
    )

    def test_load_page_equals_adding_people_one_by_one(self, store: Store, store_user: StoreUser) -> None:
        with store.transaction() as tx:
            load = tx.load_page(LEAD, page(self.ROWS), T0 + timedelta(seconds=5))
        assert (load.inserted, load.known) == (len(self.ROWS), ())
        by_field = {f.field: f for f in LEAD.fields}
        for number, row in enumerate(self.ROWS, 1):
            found = self.pair(store, sf_id(number))
            expected = {f.column: None for f in LEAD.fields} | {
                by_field[name].column: canonical(by_field[name].kind, text, by_field[name].scale)
                for name, text in row.items()
                if name in by_field
            }
            assert found.ours == expected
            types = {column: type(value) for column, value in found.ours.items()}
            assert types == {column: type(value) for column, value in expected.items()}
            assert not found.dirty and found.pair.state is PairState.PAIRED
            assert (found.pair.seen_modstamp, found.pair.seen_at) == (T0, T0 + timedelta(seconds=5))
            person = store_user.person(found.pair.person_id)
            assert person is not None
            assert (person["salesforce_id"], person["salesforce_type"]) == (sf_id(number), "lead")
            assert (person["link_state"], bool(person["salesforce_deleted"])) == ("lead", False)
        assert self.owed(store) == []
        store_user.edit(found.pair.person_id, "city", "Rom")
        assert self.pair(store, sf_id(7)).dirty == {"city": "Rom"}

    def test_load_page_gives_back_what_is_known_in_whatever_state(self, store: Store) -> None:
        first, second = self.add(store, seen(1, city="Bonn"), seen(2, city="Bonn"))
        self.save(store, second, state=PairState.TOMBSTONED)
        rows = [
            {"Id": sf_id(1)[:15], "City": "Rom", "FirstName": ""},
            {"Id": sf_id(2), "City": "Rom"},
            {"Id": sf_id(3), "City": "Rom", "IsConverted": "true", "ConvertedContactId": sf_id(1, "003")},
        ]
        with store.transaction() as tx:
            load = tx.load_page(LEAD, page(rows), T0)
        assert load.inserted == 0 and sorted(r.sf_id for r in load.known) == [sf_id(n) for n in (1, 2, 3)]
        known = min(load.known, key=lambda r: r.sf_id)
        assert (known.modstamp, known.read_at, known.modified_by) == (T0, T0, "0055e0000000001AAA")
        assert canonical(Kind.TEXT, known.fields["City"]) == "Rom"
        assert canonical(Kind.TEXT, known.fields["FirstName"]) is None and not known.deleted
        assert self.pair(store, sf_id(1)).ours["city"] == "Bonn"
        converted = max(load.known, key=lambda r: r.sf_id)
        assert converted.converted and converted.converted_contact_id == sf_id(1, "003")
        with store.transaction() as tx:
            assert tx.linked(LEAD, [sf_id(3)]) == {}
        assert first.pair.id == self.pair(store, sf_id(1)).pair.id

    def test_load_page_gives_back_what_is_held_back(self, store: Store, store_user: StoreUser) -> None:
        rows = [{"Id": sf_id(n), "City": f"City {n}"} for n in range(1, 5)]
        with store.transaction() as tx:
            load = tx.load_page(LEAD, page(rows), T0, None, frozenset({sf_id(1), sf_id(3), sf_id(9)}))
            assert load.inserted == 2 and [r.sf_id for r in load.known] == [sf_id(1), sf_id(3)]
            assert set(tx.linked(LEAD, [sf_id(n) for n in range(1, 5)])) == {sf_id(2), sf_id(4)}
            again = tx.load_page(LEAD, page(rows), T0, None, frozenset({sf_id(3)}))
            assert again.inserted == 1 and [r.sf_id for r in again.known] == [sf_id(2), sf_id(3), sf_id(4)]
        assert sorted(str(row["city"]) for row in store_user.people()) == ["City 1", "City 2", "City 4"]

    def test_load_page_of_an_empty_part(self, store: Store) -> None:
        with store.transaction() as tx:
            assert tx.load_page(LEAD, page([]), T0).inserted == 0

    def test_load_page_of_an_inbound_only_table(self, store: Store, store_user: StoreUser) -> None:
        rows = [{"Id": sf_id(n, "001"), "Name": f"Company {n}", "NumberOfEmployees": str(n)} for n in (1, 2)]
        with store.transaction() as tx:
            assert tx.load_page(ACCOUNT, page(rows, ACCOUNT), T0).inserted == 2
            again = tx.load_page(ACCOUNT, page(rows, ACCOUNT), T0)
            assert again.inserted == 0 and len(again.known) == 2
            assert tx.mirrored(ACCOUNT, [sf_id(2, "001")]) == {
                sf_id(2, "001"): {"name": "Company 2", "number_of_employees": 2}
            }
        row = store_user.mirror_row("company", sf_id(1, "001"))
        assert row is not None and row["name"] == "Company 1" and not row["salesforce_deleted"]

    # ------------------------------------------------------------ inbound-only tables

    def test_mirror_is_monotone(self, store: Store, store_user: StoreUser) -> None:
        def mirror(seconds: int, name: str, deleted: bool = False) -> MirrorCount:
            moment = T0 + timedelta(seconds=seconds)
            record = Record("Account", sf_id(1, "001"), moment, moment, deleted=deleted)
            values: dict[str, Value] = {"name": name, "number_of_employees": 3}
            with store.transaction() as tx:
                return tx.mirror(ACCOUNT, [Observation(record, values)])

        def name() -> str | None:
            with store.transaction() as tx:
                found = tx.mirrored(ACCOUNT, [sf_id(1, "001")]).get(sf_id(1, "001"))
            return None if found is None else str(found["name"])

        assert mirror(5, "gone", deleted=True) == MirrorCount(skipped=1) and name() is None
        assert mirror(10, "A") == MirrorCount(new=1)
        assert mirror(10, "A") == MirrorCount(skipped=1)
        assert mirror(20, "B") == MirrorCount(updated=1)
        assert mirror(15, "old") == MirrorCount(skipped=1) and name() == "B"
        assert mirror(20, "C") == MirrorCount(updated=1) and name() == "C"
        assert mirror(18, "C", deleted=True) == MirrorCount(skipped=1) and name() == "C"
        assert mirror(30, "C", deleted=True) == MirrorCount(deleted=1) and name() is None
        assert mirror(30, "C", deleted=True) == MirrorCount(skipped=1)
        assert mirror(25, "late") == MirrorCount(skipped=1) and name() is None
        row = store_user.mirror_row("company", sf_id(1, "001"))
        assert row is not None and row["salesforce_deleted"] and row["name"] == "C"
        assert mirror(40, "C").updated == 1 and name() == "C"
        with store.transaction() as tx:
            assert tx.live_ids("Account", "", 10) == [sf_id(1, "001")]
            assert tx.held_ids("Account", "", 10) == [sf_id(1, "001")]

    # ------------------------------------------------------------ cursors, ledger, settings

    def test_cursors_snapshots_schemas_and_settings_come_back(self, store: Store) -> None:
        cursor = FeedCursor("Lead", T0, T0 + timedelta(minutes=1), T0, sf_id(1), T0 - timedelta(minutes=3))
        progress = SnapshotProgress(
            "Lead", "loading", T0, 1, ("FirstName", "City"), "750x", "abc", 10, 20, T0, T0, "none"
        )
        city = FieldDescription(
            "City", "City", "picklist", length=40, picklist=("a", "b"), reference_to=("Account", "User")
        )
        described = ObjectDescription("Lead", "Lead", "Leads", "00Q", {"City": city}, updateable=True)
        with store.transaction() as tx:
            assert tx.feed_cursor("Lead") is None and tx.snapshot("Lead") is None
            assert tx.schema("Lead") is None and tx.setting("paused") is None
            tx.save_feed_cursor(FeedCursor("Lead", T0))
            tx.save_feed_cursor(cursor)
            tx.save_snapshot(progress)
            tx.save_schema(described, T0)
            tx.save_setting("paused", "no")
            tx.save_setting("paused", "yes")
        with store.transaction() as tx:
            assert tx.feed_cursor("Lead") == cursor and tx.feed_cursor("Contact") is None
            assert tx.snapshot("Lead") == progress
            assert tx.schema("Lead") == described
            assert tx.setting("paused") == "yes"
            tx.save_feed_cursor(FeedCursor("Lead", T0))
            tx.save_setting("paused", None)
        with store.transaction() as tx:
            assert tx.feed_cursor("Lead") == FeedCursor("Lead", T0) and tx.setting("paused") is None

    def test_a_new_run_cleans_up_one_that_never_ended(self, store: Store, store_user: StoreUser) -> None:
        with store.transaction() as tx:
            ended, broken = tx.open_run("cycle", T0), tx.open_run("verify", T0)
            tx.add_step(ended, Step("Lead", "Pull updates", "Succeeded", T0, T0, new=3, detail="three"))
            tx.close_run(ended, "Succeeded", T0)
        with store.transaction() as tx:
            lost = tx.open_run("cycle", T0)
        with store.transaction() as tx:
            tx.open_run("cycle", T0)
        assert store_user.run_status(lost) == "Cleaned up"
        assert store_user.run_status(ended) == "Succeeded"
        assert store_user.run_status(broken) == "In Process"

    # ------------------------------------------------------------ atomic, and one engine at a time

    @pytest.mark.parametrize("ending", [RuntimeError, KeyboardInterrupt])
    def test_an_exception_leaves_nothing_of_the_unit(
        self, store: Store, store_user: StoreUser, ending: type[BaseException]
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        with pytest.raises(ending), store.transaction() as tx:
            tx.add_people(LEAD, [seen(2)], None)
            tx.load_page(LEAD, page([{"Id": sf_id(3)}]), T0)
            tx.mirror(ACCOUNT, [seen(1, ACCOUNT, prefix="001", name="A")])
            conflict = Conflict("city", "Bonn", "Rom", "Oslo", "salesforce", "policy")
            tx.save(
                [
                    PairChange(
                        linked.pair.id,
                        linked.pair.person_id,
                        ours={"city": "Rom"},
                        base={"city": "Oslo"},
                        inflight=Inflight({"city": "Rom"}, "7-1", T0),
                        conflicts=(conflict,),
                        dead_letters=(DeadLetter("Push updates", problem()),),
                    )
                ],
                None,
            )
            tx.save_feed_cursor(FeedCursor("Lead", T0))
            tx.save_setting("paused", "yes")
            tx.provision(MAPPING.with_fields([mapped("Lead", "Street", "street")]))
            raise ending
        assert self.pair(store, sf_id(1)) == linked
        assert len(store_user.people()) == 1 and store_user.mirror_row("company", sf_id(1, "001")) is None
        assert not store_user.conflicts() and not store_user.dead_letters()
        assert not store_user.changes(linked.pair.person_id)
        with store.transaction() as tx:
            assert tx.linked(LEAD, [sf_id(2), sf_id(3)]) == {}
            assert tx.feed_cursor("Lead") is None and tx.setting("paused") is None
            assert tx.provision(MAPPING.with_fields([mapped("Lead", "Street", "street")])) == ["street"]
        store_user.edit(linked.pair.person_id, "city", "Rom")
        assert self.pair(store, sf_id(1)).dirty == {"city": "Rom"}

    def test_the_engine_is_not_captured_and_users_after_it_are(
        self, store: Store, store_user: StoreUser
    ) -> None:
        (linked,) = self.add(store, seen(1, city="Bonn"))
        with pytest.raises(RuntimeError), store.transaction() as tx:
            tx.save([PairChange(linked.pair.id, linked.pair.person_id, ours={"city": "Rom"})], None)
            raise RuntimeError
        store_user.edit(linked.pair.person_id, "city", "Oslo")
        assert [c.side for c in store_user.changes(linked.pair.person_id)] == ["ours"]
        assert self.pair(store, sf_id(1)).base["city"] == "Bonn"

    def test_one_holder_at_a_time_and_each_gets_a_higher_epoch(self, store: Store) -> None:
        first = store.acquire_lease("a", T0, 60)
        assert first is not None
        assert store.acquire_lease("b", T0 + timedelta(seconds=59), 60) is None
        again = store.acquire_lease("a", T0 + timedelta(seconds=59), 60)
        assert again is not None and again.epoch > first.epoch
        second = store.acquire_lease("b", T0 + timedelta(seconds=200), 60)
        assert second is not None and second.epoch > again.epoch

    def test_an_old_epoch_can_do_nothing(self, store: Store) -> None:
        old = store.acquire_lease("a", T0, 60)
        new = store.acquire_lease("b", T0 + timedelta(seconds=61), 60)
        assert old is not None and new is not None
        with pytest.raises(LeaseLost), store.transaction(old) as tx:
            tx.save_setting("paused", "yes")
        with pytest.raises(LeaseLost):
            store.renew_lease(old, T0, 60)
        store.release_lease(old)
        assert store.acquire_lease("c", T0 + timedelta(seconds=62), 60) is None
        store.renew_lease(new, T0 + timedelta(seconds=100), 60)
        assert store.acquire_lease("c", T0 + timedelta(seconds=130), 60) is None
        with store.transaction(new) as tx:
            assert tx.setting("paused") is None
        store.release_lease(new)
        assert store.acquire_lease("c", T0 + timedelta(seconds=131), 60) is not None

    # ------------------------------------------------------------ people joined and taken apart

    def join(self, store: Store, winner: int, loser: int, **values: Value) -> int:
        with store.transaction() as tx:
            held = tx.held_people([winner, loser])
            plan = JoinPlan(values, (Conflict("city", None, "Bonn", "Rom", "ours", "people_joined"),))
            both = (held[winner], held[loser])
            return tx.join_people(PersonJoin(*both, plan, "merge", "test", both), None)

    def test_a_person_is_held_with_all_that_hangs_on_it(self, store: Store, store_user: StoreUser) -> None:
        (one,) = self.add(store, seen(1, city="Bonn", number_of_employees=3))
        store_user.edit(one.pair.person_id, "city", "Rom")
        with store.transaction() as tx:
            held = tx.held_people([one.pair.person_id, 999])
        (person,) = held.values()
        assert (person.values["city"], person.values["number_of_employees"]) == ("Rom", 3)
        assert person.kinds["number_of_employees"] is Kind.INTEGER
        assert [p.id for p in person.pairs] == [one.pair.id]
        assert person.bases[one.pair.id] == {"city": "Bonn"} == person.edited()
        assert "city" in person.changed_at

    def test_joining_moves_everything_and_keeps_what_is_owed(
        self, store: Store, store_user: StoreUser
    ) -> None:
        first, second = self.add(store, seen(1, city="Bonn"), seen(2, city="Ulm", first_name="Bo"))
        winner, loser = first.pair.person_id, second.pair.person_id
        store_user.edit(loser, "first_name", "Bob")
        self.join(store, winner, loser, first_name="Bob")
        assert store_user.person(loser) is None
        person = store_user.person(winner)
        assert person is not None and (person["city"], person["first_name"]) == ("Bonn", "Bob")
        assert self.pair(store, sf_id(2)).pair.person_id == winner
        assert self.pair(store, sf_id(1)).dirty == {"first_name": "Bob"}
        assert self.pair(store, sf_id(2)).base["city"] == "Ulm"
        assert self.owed(store) == [sf_id(1), sf_id(2)]
        sides = [(c.column, c.side) for c in store_user.changes(winner)]
        assert ("first_name", "ours") in sides and ("first_name", "joined") in sides
        assert store_user.changes(loser) == []
        assert [c.theirs for c in store_user.conflicts()] == ["Rom"]

    def test_of_records_that_differ_the_one_the_value_came_from_is_known(
        self, store: Store, store_user: StoreUser
    ) -> None:
        inbound = replace(LEAD, fields=tuple(replace(f, direction=Direction.INBOUND) for f in LEAD.fields))
        first, second = self.add(store, seen(1, city="Bonn"), seen(2, city="Ulm", first_name="Bo"))
        person_id = first.pair.person_id
        self.join(store, person_id, second.pair.person_id)

        def known() -> tuple[Standing | None, Standing | None, list[str]]:
            one, two = self.pair(store, sf_id(1), inbound), self.pair(store, sf_id(2), inbound)
            return one.standing.get("city"), two.standing.get("city"), self.owed(store, inbound)

        assert known() == (None, Standing.APART, [])
        assert self.owed(store) == [sf_id(2)], "a field that goes both ways is owed as ever"
        with store.transaction() as tx:
            held = tx.held_people([person_id])[person_id]
        assert held.edited(["city", "first_name"]) == {} and held.edited()["city"] == "Ulm"

        store_user.edit(
            person_id, "city", "Rom"
        )  # an edit is for the record to put back that the value came from
        assert known() == (None, Standing.EDITED, [sf_id(1)])
        self.save(store, first, ours={"city": "Bonn"}, base={"city": "Bonn"})
        assert known() == (None, Standing.APART, [])
        store_user.edit(person_id, "city", "Ulm")  # also where it is what another record has
        assert known()[2] == [sf_id(1)]
        self.save(store, first, ours={"city": "Bonn"}, base={"city": "Bonn"})
        assert known() == (None, Standing.APART, [])

        second = self.pair(store, sf_id(2))
        self.save(store, second, ours={"city": "Oslo"}, base={"city": "Oslo"})  # the later change counts
        assert known() == (Standing.APART, None, [])
        self.save(store, second, state=PairState.TOMBSTONED)  # and without it the one that is left
        assert known() == (Standing.LEFT, None, [sf_id(1)])
        store_user.edit(person_id, "city", "Rom")
        assert known() == (None, None, [sf_id(1)])
        self.save(store, first, ours={"city": "Bonn"}, base={"city": "Bonn"})
        assert known()[2] == []

    def test_joins_chain_and_are_remembered(self, store: Store, store_user: StoreUser) -> None:
        ids = [one.pair.person_id for one in self.add(store, seen(1), seen(2), seen(3))]
        self.join(store, ids[1], ids[0])
        self.join(store, ids[2], ids[1])
        with store.transaction() as tx:
            (last,), all_of_it = tx.joins(ids[0]), tx.joins(ids[1])
        assert (last.winner_id, last.loser_id, last.why) == (ids[1], ids[0], "merge")
        assert [j.loser_id for j in all_of_it] == [ids[1], ids[0]]
        assert {p["id"] for p in store_user.people()} == {ids[2]}
        assert self.pair(store, sf_id(1)).pair.person_id == ids[2]

    def test_taking_apart_brings_the_person_back(self, store: Store, store_user: StoreUser) -> None:
        first, second = self.add(store, seen(1, city="Bonn"), seen(2, city="Ulm"))
        winner, loser = first.pair.person_id, second.pair.person_id
        store_user.edit(loser, "first_name", "Bob")
        lines = len(store_user.changes(loser))
        self.join(store, winner, loser, first_name="Bob")
        with store.transaction() as tx:
            (stored,) = tx.joins(winner)
            split = plan_split(stored, tx.held_people([winner])[winner])
            assert tx.split_person(split, None) == loser
        back, left = store_user.person(loser), store_user.person(winner)
        assert back is not None and (back["city"], back["first_name"]) == ("Ulm", "Bob")
        assert left is not None and (left["city"], left["first_name"]) == ("Bonn", None)
        assert (back["salesforce_id"], left["salesforce_id"]) == (sf_id(2), sf_id(1))
        assert self.pair(store, sf_id(2)).pair.person_id == loser
        assert not self.pair(store, sf_id(1)).dirty
        assert len(store_user.changes(loser)) == lines
        with store.transaction() as tx:
            (done,) = tx.joins(winner)
            assert done.undone_at is not None
            with pytest.raises(KeyError):
                tx.split_person(split, None)

    def test_a_pair_parts_to_a_person_of_its_own(self, store: Store, store_user: StoreUser) -> None:
        """A lead and a contact of one person, of which the lead is a record of its own again (a conversion or a match that is
        taken back): it gets a new person with what Salesforce shows of it, and nothing that was owed."""
        (one,) = self.add(store, seen(1, city="Bonn", first_name="Bo"))
        person_id = one.pair.person_id
        with store.transaction() as tx:
            tx.open_pair(person_id, CONTACT, seen(1, CONTACT, prefix="003", city="Bonn", first_name="Bo"))
        store_user.edit(person_id, "city", "Rom")
        self.save(store, one, dead_letters=(DeadLetter("Push updates", problem(), "city", {"city": "Rom"}),))
        with store.transaction() as tx:
            number = tx.part_pair(one.pair.id, LEAD, seen(1, city="Ulm", first_name="Bo"))
        fresh, former = store_user.person(number), store_user.person(person_id)
        assert number != person_id and fresh is not None and former is not None
        assert (fresh["city"], fresh["first_name"], fresh["salesforce_id"]) == ("Ulm", "Bo", sf_id(1))
        assert (fresh["salesforce_type"], fresh["link_state"]) == ("lead", "lead")
        assert (former["city"], former["salesforce_id"]) == ("Rom", sf_id(1, "003"))
        assert (former["salesforce_type"], former["link_state"]) == ("contact", "contact")
        parted = self.pair(store, sf_id(1))
        assert parted.pair.person_id == number and not parted.dirty
        assert [letter.person_id for letter in store_user.dead_letters()] == [number]
        with store.transaction() as tx:
            (kept,) = tx.linked(CONTACT, [sf_id(1, "003")]).values()
        assert kept.pair.person_id == person_id and kept.dirty == {"city": "Rom"}
        assert self.owed(store) == []
        store_user.edit(number, "first_name", "Bob")
        assert self.owed(store) == [sf_id(1)], "edits of the new person are captured"

    def test_what_a_gathering_foresees_is_what_the_store_then_holds(
        self, store: Store, store_user: StoreUser
    ) -> None:
        """A preview rests on it: values, bases and pairs of who remains are foreseen without the store."""
        rows = [
            seen(1, city="Bonn", first_name="Ann", number_of_employees=3),
            seen(2, city="Ulm", first_name="Ann", unsubscribed=True),
            seen(3, city=None, first_name=None, number_of_employees=7),
        ]
        linked = self.add(store, *rows)
        people = [one.pair.person_id for one in linked]
        store_user.edit(people[1], "city", "Rom")
        store_user.edit(people[2], "first_name", "Anna")
        people.append(store_user.insert(city="Trier", unsubscribed=False))
        with store.transaction() as tx:
            tx.begin_pairs(LEAD, people[3:])
            one = gather(list(tx.held_people(people).values()), tx.mapping(), {})
            join_group(tx, one, "test", tx.open_run("identity", T0))
        with store.transaction() as tx:
            (held,) = tx.held_people(people).values()
            assert held.id == one.after.id and held.values == one.after.values
            live = [p.id for p in held.pairs if p.state is PairState.PAIRED]
            assert sorted(p.id for p in held.pairs) == sorted(p.id for p in one.after.pairs)
            assert {n: held.bases.get(n, {}) for n in live} == {n: one.after.bases[n] for n in live}
            assert [p.state for p in held.pairs if p.sf_id is None] == [PairState.REDIRECTED]
            owed = {(w.sf_id, w.column): (w.now, w.becomes) for w in one.owed}
            found = tx.linked(LEAD, [sf_id(n) for n in (1, 2, 3)])
        assert owed == {
            (number, column): (pair.base[column], value)
            for number, pair in found.items()
            for column, value in pair.dirty.items()
            if LEAD.by_column[column].direction is not Direction.INBOUND
        }

    def test_records_that_have_ended_belong_to_people_who_are_there(
        self, store: Store, store_user: StoreUser
    ) -> None:
        first, second = self.add(store, seen(1, city="Bonn"), seen(2, city="Ulm"))
        people = [one.pair.person_id for one in (first, second)]
        ended = [(number, seen(n, city="Rom"), sf_id(n, "003")) for n, number in enumerate(people, 5)]
        before = [store_user.person(number) for number in people]
        with store.transaction() as tx:
            tx.open_ended(LEAD, ended, PairState.CONVERTED)
            tx.open_ended(LEAD, [], PairState.CONVERTED)
        assert [store_user.person(number) for number in people] == before
        for n, number in enumerate(people, 5):
            pair = self.pair(store, sf_id(n)).pair
            assert (pair.person_id, pair.state, pair.redirect_to) == (
                number,
                PairState.CONVERTED,
                sf_id(n, "003"),
            )
        assert self.owed(store) == []
        store_user.edit(people[0], "city", "Ulm")
        assert self.owed(store) == [sf_id(1)]

    def test_people_who_share_a_text_are_found_in_pages(self, store: Store, store_user: StoreUser) -> None:
        texts = ("b", " A ", "a", "B", None, "", "  ", "c", "b", "dd", "dd")
        people = [store_user.insert(first_name=text, unsubscribed=False) for text in texts]
        gone, *_ = self.add(store, seen(1, first_name="a"))
        with store.transaction() as tx:
            change = PairChange(
                gone.pair.id, gone.pair.person_id, state=PairState.TOMBSTONED, salesforce_deleted=True
            )
            tx.save([change], None)
            tx.save_creation(Creation(people[8], Wish.DISMISSED, T0))
            tx.save_creation(Creation(people[3], Wish.WAITING, T0))
        with store.transaction() as tx:
            everyone = [
                Group(("a",), (people[1], people[2])),
                Group(("b",), (people[0], people[3])),
                Group(("dd",), (people[9], people[10])),
            ]
            assert tx.alike("first_name", "", 10) == everyone
            assert tx.alike("first_name", "", 2) == everyone[:2]
            assert tx.alike("first_name", "b", 10) == everyone[2:]
            assert tx.alike("city", "", 10) == []

    def test_the_joins_of_a_run_are_known_and_what_was_said_goes_along(
        self, store: Store, store_user: StoreUser
    ) -> None:
        winner, loser, third = (store_user.insert(city=c, unsubscribed=False) for c in ("Bonn", "Ulm", "Rom"))
        said = Creation(loser, Wish.REVIEW, T0, "why", matches=("00Q1",), by_hand=True)
        with store.transaction() as tx:
            tx.save_creation(said)
            run = tx.open_run("identity", T0)
            held = tx.held_people([winner, loser, third])
            both = (held[winner], held[loser])
            tx.join_people(PersonJoin(*both, JoinPlan(), "people", "test", both), run)
            assert tx.creation(winner) == replace(said, person_id=winner) and tx.creation(loser) is None
            tx.save_creation(Creation(third, Wish.WAITING, T0))
            more = (held[winner], held[third])
            tx.join_people(PersonJoin(*more, JoinPlan(), "people", "test", more), run)
            assert (tx.creation(winner) or said).wish is Wish.REVIEW
        with store.transaction() as tx:
            last, first = tx.joins_of_run(run)
            assert [(j.loser_id, j.run_id) for j in (last, first)] == [(third, run), (loser, run)]
            assert tx.joins_of_run(run + 1) == []
            for join in (last, first):
                tx.split_person(plan_split(join, tx.held_people([winner])[winner]), None)
        with store.transaction() as tx:
            assert tx.creation(winner) is None and tx.creation(loser) == said
            assert (tx.creation(third) or said).wish is Wish.WAITING
            assert all(j.undone_at is not None for j in tx.joins_of_run(run))

    def test_a_second_record_is_linked_to_a_person(self, store: Store, store_user: StoreUser) -> None:
        (one,) = self.add(store, seen(1, city="Bonn", first_name="Bo"))
        person_id = one.pair.person_id
        with store.transaction() as tx:
            self_ended = PairChange(
                one.pair.id, person_id, state=PairState.CONVERTED, redirect_to=sf_id(1, "003")
            )
            tx.save([self_ended], None)
            assert tx.redirected_to([sf_id(1, "003"), sf_id(2, "003")]) == {sf_id(1, "003"): person_id}
            assert tx.awaited_ids("Contact", "", 10) == [sf_id(1, "003")] and not tx.awaited_ids(
                "Lead", "", 9
            )
            assert tx.awaited_ids("Contact", sf_id(1, "003"), 10) == []
            contact = seen(1, CONTACT, prefix="003", city="Ulm", first_name="Bo")
            opened = tx.open_pair(person_id, CONTACT, contact)
            with pytest.raises(ValueError):
                tx.open_pair(person_id, CONTACT, contact)
            (linked,) = tx.linked(CONTACT, [sf_id(1, "003")]).values()
            assert tx.awaited_ids("Contact", "", 10) == []
        assert opened.person_id == person_id and linked.dirty == {"city": "Bonn"}
        person = store_user.person(person_id)
        assert person is not None
        assert (person["salesforce_id"], person["salesforce_type"]) == (sf_id(1, "003"), "contact")
        assert person["link_state"] == "contact"
        with store.transaction() as tx:  # what happens to the lead says nothing about the person any more
            tx.save(
                [
                    PairChange(
                        one.pair.id,
                        person_id,
                        state=PairState.TOMBSTONED,
                        link_state="deleted",
                        salesforce_deleted=True,
                    )
                ],
                None,
            )
        person = store_user.person(person_id)
        assert person is not None and not person["salesforce_deleted"] and person["link_state"] == "contact"
