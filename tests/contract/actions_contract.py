"""What actions and the suppression list need of every store; a part of `StoreContract`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from diptych.domain.actions import (
    Action,
    ActionKind,
    ActionState,
    ActionStep,
    DeletePolicy,
    StepKind,
    StepState,
)
from diptych.domain.mapping import Direction, FieldMapping, ObjectMapping, Policy
from diptych.domain.pair import Observation, PairState, Record
from diptych.domain.suppression import SuppressedFor
from diptych.domain.values import Kind
from diptych.sync.ports import Store

AT = datetime(2026, 11, 24, 8, 15, 0, tzinfo=UTC)
STEP = ActionStep(
    StepKind.CONVERT,
    "Lead",
    ("00Q000000000001EAA",),
    "003000000000001AAA",
    (7, 8),
    {"status": "Qualified", "opportunity": False, "owner_id": None},
    {"00Q000000000001EAA": AT},
    StepState.SENT,
    2,
)


class StoreActs:
    """Mixed into `StoreContract`."""

    def with_email(self, store: Store) -> ObjectMapping:
        """The leads of a mapping that has e-mail addresses too."""
        email = FieldMapping(
            "Lead", "Email", "person", "email", Kind.TEXT, Direction.BOTH, Policy.SALESFORCE, length=80
        )
        with store.transaction() as tx:
            mapping = tx.mapping().with_fields((*tx.mapping().fields, email))
            tx.provision(mapping)
            tx.save_mapping(mapping, AT, "test")
        return mapping.of("Lead")

    def address_seen(self, number: int, email: str | None) -> Observation:
        record = Record("Lead", f"00Q00000000000{number}EAA", AT, AT)
        return Observation(record, {"email": email, "first_name": "Lee"})

    def test_an_action_comes_back_as_it_was(self, store: Store) -> None:
        given = Action(
            ActionKind.MERGE, 5, (STEP, ActionStep(StepKind.JOIN, people=(9,))), "admin:alice", AT, (7, 8),
            {"score": 3, "revenue": Decimal("1.50"), "city": None, "unsubscribed": True},
            DeletePolicy.DETACH, True, True, 4, run_id=17,
        )  # fmt: skip
        with store.transaction() as tx:
            first = tx.actions.add(given)
            second = tx.actions.add(replace(given, run_id=18))
        with store.transaction() as tx:
            assert tx.actions.get(first) == replace(given, id=first)
            assert tx.actions.get(999) is None and tx.actions.of_run(999) is None
            ended = replace(given, id=first, state=ActionState.FAILED, error="It is locked.", ended_at=AT)
            tx.actions.save(ended)
            with pytest.raises(KeyError):
                tx.actions.save(replace(given, id=999))
        with store.transaction() as tx:
            assert tx.actions.get(first) == tx.actions.of_run(17) == ended
            assert [one.id for one in tx.actions.open()] == [second]
            assert [one.id for one in tx.actions.latest(5)] == [second, first]
            assert tx.actions.now_id(5) == 5

    def test_who_is_suppressed_is_known_by_record_and_address(self, store: Store, store_user: Any) -> None:
        lead = self.with_email(store)
        number = store_user.insert(email="lee@x.org")
        store_user.delete(number)
        with store.transaction() as tx:
            assert tx.suppressions.withhold(lead, [self.address_seen(1, "lee@x.org")], None) == []
            assert tx.suppressions.blocked({"lee@x.org"}) == frozenset()
            records = [("Lead", "00Q000000000001EAA")]
            assert tx.suppressions.add(number, records, "Lee@X.org ", SuppressedFor.DELETED) == 2
            assert tx.suppressions.add(number, records, "lee@x.org", SuppressedFor.DELETED) == 0
        with store.transaction() as tx:
            assert tx.suppressions.blocked({"LEE@x.org", "roe@x.org"}) == {"LEE@x.org"}
            seen = [
                self.address_seen(1, None),
                self.address_seen(2, "lee@x.ORG"),
                self.address_seen(3, "roe@x.org"),
                self.address_seen(4, None),
            ]
            withheld = tx.suppressions.withhold(lead, seen, None)
            assert withheld == ["00Q000000000001EAA", "00Q000000000002EAA"]
        with store.transaction() as tx:
            linked = tx.linked(lead, [o.record.sf_id for o in seen])
            assert {k: v.pair.state for k, v in linked.items()} == dict.fromkeys(withheld, PairState.DETACHED)
            assert {s.sf_id for s in tx.suppressions.listed(10)} == {*withheld, str(number)}
            assert [s.by_address for s in tx.suppressions.listed(10) if s.object_name == "person"] == [True]
        assert store_user.people() == []
        with store.transaction() as tx:
            assert len(tx.suppressions.release(number)) == 3
            assert tx.suppressions.release(number) == []
            assert tx.linked(lead, withheld) == {}
            assert tx.suppressions.blocked({"lee@x.org"}) == frozenset()

    def test_a_bulk_load_brings_nobody_back(self, store: Store, store_user: Any) -> None:
        from tests.contract.store_contract import page, sf_id

        lead = self.with_email(store)
        rows = [(1, "Lee", "LEE@x.org"), (2, "Roe", "roe@x.org"), (3, "Nix", "")]
        loading = page([{"Id": sf_id(n), "FirstName": name, "Email": mail} for n, name, mail in rows], lead)
        with store.transaction() as tx:
            tx.suppressions.add(4711, [], "lee@x.org", SuppressedFor.FORGOTTEN)
            assert tx.load_page(lead, loading, AT).inserted == 2
        assert sorted(p["first_name"] for p in store_user.people()) == ["Nix", "Roe"]
        with store.transaction() as tx:
            (kept,) = tx.linked(lead, [sf_id(1)]).values()
            assert (kept.pair.state, kept.pair.person_id) == (PairState.DETACHED, 4711)
            assert tx.load_page(lead, loading, AT).inserted == 0

    def test_erasing_a_person_leaves_no_value(self, store: Store, store_user: Any) -> None:
        number = store_user.insert(city="Ulm", first_name="Lee")
        store_user.edit(number, "first_name", "Leigh")
        store_user.delete(number)
        assert store_user.changes(number)
        with store.transaction() as tx:
            assert tx.suppressions.erase(number) > 0
        assert not store_user.changes(number)
        with store.transaction() as tx:
            assert tx.suppressions.erase(number) == 0
