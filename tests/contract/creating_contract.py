"""What creating people needs of every org adapter and every store; parts of `OrgContract` and `StoreContract`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from diptych.domain.creating import KEY_FIELD, Creation, Match, NewRecord, Wish
from diptych.domain.matching import Matching, MatchRule
from diptych.domain.outcome import Done, ErrorClass, OrgOutcomeUnknown, OrgUnavailable, Refused
from diptych.domain.pair import Inflight, PairState
from diptych.sync.ports import Org, PairChange, Store


def new(key: str, last_name: str, **more: Any) -> NewRecord:
    return NewRecord(key, {"LastName": last_name, "Company": "Acme", **more})


class OrgCreates:
    """Mixed into `OrgContract`. The org user also knows `add_key_field` and `duplicate_rule`."""

    def made(self, org: Org, records: Sequence[NewRecord], by_key: bool = True, **more: Any) -> list[str]:
        outcomes = org.create("Lead", records, "1-1", by_key, **more)
        assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes
        return [outcome.sf_id for outcome in outcomes if isinstance(outcome, Done)]

    @pytest.mark.parametrize("by_key", [True, False])
    def test_records_are_created_each_on_its_own(self, org: Org, org_user: Any, by_key: bool) -> None:
        org_user.add_key_field()
        outcomes = org.create(
            "Lead",
            [
                new("k1", "Lee", Email="lee@x.org", NumberOfEmployees=0, HasOptedOutOfEmail=True),
                NewRecord("k2", {"LastName": "Nobody"}),
                new("k3", "O'Hara"),
            ],
            "1-1",
            by_key,
        )
        first, second, third = outcomes
        assert isinstance(first, Done) and isinstance(third, Done)
        assert len(first.sf_id) == 18
        assert isinstance(second, Refused)
        assert (second.problem.error_class, second.problem.fields) == (ErrorClass.REQUIRED, ("Company",))
        assert org_user.value("Lead", first.sf_id, "LastName") == "Lee"
        assert org_user.value("Lead", first.sf_id, "NumberOfEmployees") == 0
        assert org_user.value("Lead", third.sf_id, "LastName") == "O'Hara"
        assert org_user.value("Lead", first.sf_id, KEY_FIELD) == ("k1" if by_key else None)

    def test_the_same_key_again_creates_nothing_new(self, org: Org, org_user: Any) -> None:
        org_user.add_key_field()
        first = self.made(org, [new("k1", "Lee")])
        again = self.made(org, [new("k1", "Leigh"), new("k2", "Roe")])
        assert again[0] == first[0]
        assert again[1] != first[0]
        assert org_user.value("Lead", first[0], "LastName") == "Leigh"
        assert org.count("Lead") == 2

    def test_nothing_sent_is_no_call(self, org: Org) -> None:
        calls = org.usage().ours
        assert org.create("Lead", [], "1-1", False) == []
        assert org.find([], [], ()) == []
        assert org.usage().ours - calls <= 1

    def test_a_lost_answer_is_unknown_and_the_record_is_there(self, org: Org, org_user: Any) -> None:
        org_user.add_key_field()
        with org_user.losing_answers(), pytest.raises(OrgOutcomeUnknown):
            org.create("Lead", [new("k1", "Lee")], "1-1", True)
        (match,) = org.find([], ["k1", "k9"], ("Lead", "Contact"))
        assert (match.object_name, match.key) == ("Lead", "k1")

    def test_what_never_arrived_did_not_happen(self, org: Org, org_user: Any) -> None:
        org_user.add_key_field()
        with org_user.unreachable(), pytest.raises((OrgUnavailable, OrgOutcomeUnknown)):
            org.create("Lead", [new("k1", "Lee")], "1-1", True)
        assert org.find([], ["k1"], ("Lead",)) == []

    def test_contacts_and_leads_are_found_by_address(self, org: Org, org_user: Any) -> None:
        lead = org_user.create("Lead", LastName="Lee", Company="Acme", Email="Lee@X.org")
        contact = org_user.create("Contact", LastName="Lee", Email="lee@x.ORG")
        gone = org_user.create("Lead", LastName="Lee", Company="Acme", Email="lee@x.org")
        org_user.delete("Lead", gone)
        converted = org_user.create("Lead", LastName="Roe", Company="Acme", Email="roe@x.org")
        became = org_user.convert(converted)
        org_user.create("Lead", LastName="Other", Company="Acme", Email="other@x.org")
        found = {m.sf_id: m for m in org.find(["lee@x.org", "ROE@x.org", "o'hara@x.org"], [], ())}
        assert set(found) == {lead, contact, gone, converted, became}
        assert found[gone].deleted and not found[lead].deleted
        assert found[contact].object_name == "Contact"
        assert (found[converted].converted, found[converted].converted_contact_id) == (True, became)
        assert found[lead] == Match("Lead", lead, found[lead].email)
        assert (found[lead].email or "").casefold() == "lee@x.org"

    def test_values_that_several_records_have_are_counted(self, org: Org, org_user: Any) -> None:
        emails = ["a@x.org", "A@x.org", "b@x.org", "c@x.org", "c@x.org", "c@x.org", None, None]
        rows = [{"LastName": "Lee", "Company": "Acme", "Email": email} for email in emails]
        made = org_user.create_many("Lead", rows)
        gone = org_user.create("Lead", LastName="Lee", Company="Acme", Email="b@x.org")
        org_user.delete("Lead", gone)
        found = {value.casefold(): count for value, count in org.repeated("Lead", "Email", 10).items()}
        assert found == {"c@x.org": 3, "a@x.org": 2}
        assert len(org.repeated("Lead", "Email", 1)) == 1
        assert len(made) == len(emails)

    def test_a_duplicate_rule_says_whom_it_found(self, org: Org, org_user: Any) -> None:
        org_user.add_key_field()
        there = org_user.create("Lead", LastName="Lee", Company="Acme", Email="lee@x.org")
        org_user.duplicate_rule("lee@x.org", there)
        refused, fine = org.create(
            "Lead", [new("k1", "Lee", Email="lee@x.org"), new("k2", "Roe", Email="roe@x.org")], "1-1", True
        )
        assert isinstance(fine, Done)
        assert isinstance(refused, Refused)
        assert (refused.problem.code, refused.problem.error_class) == (
            "DUPLICATES_DETECTED",
            ErrorClass.DUPLICATE,
        )
        assert refused.problem.matches == (there,)
        assert org.count("Lead") == 2
        self.made(org, [new("k1", "Lee", Email="lee@x.org")], allow_duplicates=True)
        assert org.count("Lead") == 3


class StoreCreates:
    """Mixed into `StoreContract`: `lead` is the lead's mapping, `seen_lead` an observation, `at` a moment."""

    def begin(self, store: Store, store_user: Any, lead: Any, **values: Any) -> tuple[int, Any]:
        number = store_user.insert(**values)
        with store.transaction() as tx:
            return number, tx.begin_pairs(lead, [number])[number]

    def test_people_without_a_record_are_candidates(
        self, store: Store, store_user: Any, lead: Any, seen_lead: Any, at: Any
    ) -> None:
        first = store_user.insert(first_name="A", city="Bonn")
        second = store_user.insert(first_name="B", unsubscribed=True)
        with store.transaction() as tx:
            tx.add_people(lead, [seen_lead], None)
            tx.begin_pairs(lead, [first])
        with store.transaction() as tx:
            (only,) = tx.candidates(("first_name", "unsubscribed"), True, 0, 10)
            assert (only.person_id, dict(only.values)) == (
                second,
                {"first_name": "B", "unsubscribed": True},
            )
            assert tx.candidates((), False, 0, 10) == []
            assert tx.candidates((), True, second, 10) == []
            said = Creation(second, Wish.WAITING, at, "lacks", ("Company",), ("00Q1",), None, True, False)
            tx.save_creation(said)
        with store.transaction() as tx:
            (only,) = tx.candidates((), False, 0, 10)
            assert (only.person_id, only.creation) == (second, said)
            assert tx.creation(second) == said
            assert tx.creation(first) is None
            assert tx.creations((Wish.WAITING,), 10) == [said]
            assert tx.creations((Wish.REVIEW,), 10) == []
            assert tx.creations((), 10) == [said]
            tx.save_creation(Creation(second, Wish.REVIEW, at, target="003x"))
        with store.transaction() as tx:
            assert tx.candidates((), True, 0, 10) == []
            tx.drop_creations([second, 999])
            assert tx.creation(second) is None

    def test_one_whose_record_was_deleted_only_comes_back_when_asked_for(
        self, store: Store, store_user: Any, lead: Any, seen_lead: Any, at: Any
    ) -> None:
        with store.transaction() as tx:
            tx.add_people(lead, [seen_lead], None)
            pair = tx.linked(lead, [seen_lead.record.sf_id])[seen_lead.record.sf_id].pair
            tx.save_creation(Creation(pair.person_id, Wish.ASKED, at, recreate=True))
            assert tx.candidates((), True, 0, 10) == []
            tx.save([PairChange(pair.id, pair.person_id, state=PairState.TOMBSTONED)], None)
            assert [one.person_id for one in tx.candidates((), False, 0, 10)] == [pair.person_id]
            tx.save_creation(Creation(pair.person_id, Wish.ASKED, at))
            assert tx.candidates((), False, 0, 10) == []

    def test_a_new_pair_owes_everything_and_has_its_persons_key(
        self, store: Store, store_user: Any, lead: Any, at: Any
    ) -> None:
        number, pair = self.begin(store, store_user, lead, first_name="Ann", city="Bonn")
        other = store_user.insert(first_name="Bob")
        with store.transaction() as tx:
            keys = tx.external_keys([number, other, 999])
            assert keys[number] == pair.ext_key
            assert len(set(keys.values())) == 2
            assert (pair.state, pair.sf_id) == (PairState.NEW, None)
            (unsent,) = tx.unsent(lead, at, 0, 10)
            assert unsent.pair == pair
            assert unsent.dirty == {"first_name": "Ann", "city": "Bonn"}
            assert tx.unsent(lead, at, pair.id, 10) == []
            assert tx.pending(lead) == []
            assert tx.owed(lead, at, 0, 10) == []
            values = tx.people_values(("city", "first_name"), [number, 999])
            assert values == {number: {"city": "Bonn", "first_name": "Ann"}}
            tx.save_creation(Creation(number, Wish.DISMISSED, at))
            assert tx.unsent(lead, at, 0, 10) == []

    def test_a_creation_in_flight_is_pending_until_it_has_its_id(
        self, store: Store, store_user: Any, lead: Any, at: Any, an_id: str
    ) -> None:
        number, pair = self.begin(store, store_user, lead, first_name="Ann", city="Bonn")
        sent = Inflight({"first_name": "Ann", "city": "Bonn"}, "1-1", at, "create")
        with store.transaction() as tx:
            tx.save([PairChange(pair.id, number, inflight=sent)], None)
        store_user.edit(number, "city", "Rom")
        with store.transaction() as tx:
            assert tx.unsent(lead, at, 0, 10) == []
            (pending,) = tx.pending(lead)
            assert pending.pair.inflight == sent
            tx.identify(pair.id, an_id)
            change = PairChange(pair.id, number, base=sent.values, state=PairState.PAIRED, lift=True)
            tx.save([change], None)
            found = tx.linked(lead, [an_id])[an_id]
            assert found.dirty == {"city": "Rom"}
            assert found.base["city"] == "Bonn"
            assert found.pair.inflight is None
            assert tx.pending(lead) == []
        row = store_user.person(number)
        assert (row["salesforce_id"], row["salesforce_type"], row["link_state"]) == (an_id, "lead", "lead")
        assert [one.side for one in store_user.changes(number) if one.column] == ["ours"]

    def test_an_id_belongs_to_one_pair(
        self, store: Store, store_user: Any, lead: Any, seen_lead: Any, at: Any
    ) -> None:
        _, pair = self.begin(store, store_user, lead, first_name="Ann")
        with store.transaction() as tx:
            tx.add_people(lead, [seen_lead], None)
        with pytest.raises(ValueError, match="has a pair already"), store.transaction() as tx:
            tx.identify(pair.id, seen_lead.record.sf_id)

    def test_a_person_deleted_while_in_flight_is_still_pending(
        self, store: Store, store_user: Any, lead: Any, at: Any, an_id: str
    ) -> None:
        number, pair = self.begin(store, store_user, lead, first_name="Ann")
        sent = Inflight({"first_name": "Ann"}, "1-1", at, "create")
        with store.transaction() as tx:
            tx.save([PairChange(pair.id, number, inflight=sent)], None)
        store_user.delete(number)
        with store.transaction() as tx:
            (pending,) = tx.pending(lead)
            assert (pending.pair.state, pending.pair.inflight) == (PairState.DETACHED, sent)
            tx.identify(pair.id, an_id)
            tx.save([PairChange(pair.id, number, lift=True)], None)
            assert tx.pending(lead) == []
            assert tx.linked(lead, [an_id])[an_id].pair.state is PairState.DETACHED

    def test_people_who_look_alike_are_found(self, store: Store, store_user: Any, lead: Any, at: Any) -> None:
        first = store_user.insert(first_name="Ann", city="Bonn")
        second = store_user.insert(first_name=" ANN ", city="Rom")
        store_user.insert(first_name="Anna")
        numbered = store_user.insert(number_of_employees=12)
        with store.transaction() as tx:
            found = tx.people_alike(("first_name", "city"), ["ann", "nobody"])
            assert {n: v["city"] for n, v in found.items()} == {first: "Bonn", second: "Rom"}
            assert list(tx.people_alike(("number_of_employees",), ["12"])) == [numbered]
            assert tx.people_alike(("first_name",), []) == {}
        foreign = store_user.insert(first_name=" Éva Groß ")
        with store.transaction() as tx:
            texts = Matching(MatchRule.EXTERNAL_ID, "first_name").texts_of({"first_name": "Éva Groß"})
            assert list(tx.people_alike(("first_name",), sorted(texts))) == [foreign]
        for column in (
            "first_name",
            "number_of_employees",
            "first_name",
            None,
        ):  # quick or not, the same are found
            with store.transaction() as tx:
                tx.match_by(column)
                assert list(tx.people_alike(("first_name", "city"), ["ann"])) == [first, second]
                assert list(tx.people_alike(("number_of_employees",), ["12"])) == [numbered]

    def test_the_persons_row_names_the_pair_that_comes_first(
        self, store: Store, store_user: Any, lead: Any, seen_lead: Any, contact: Any, an_id: str
    ) -> None:
        with store.transaction() as tx:
            tx.add_people(lead, [seen_lead], None)
            number = tx.linked(lead, [seen_lead.record.sf_id])[seen_lead.record.sf_id].pair.person_id
            second = tx.begin_pairs(lead, [number])[number]
            tx.identify(second.id, an_id)
        assert store_user.person(number)["salesforce_id"] == seen_lead.record.sf_id
        with store.transaction() as tx:
            third = tx.begin_pairs(contact, [number])[number]
            tx.identify(third.id, "0035e0000000001AAA")
        row = store_user.person(number)
        assert (row["salesforce_id"], row["salesforce_type"]) == ("0035e0000000001AAA", "contact")

    def test_waiting_is_measured(self, store: Store, store_user: Any, lead: Any, at: Any) -> None:
        number, pair = self.begin(store, store_user, lead, first_name="Ann")
        with store.transaction() as tx:
            later = at + timedelta(minutes=1)
            tx.save([PairChange(pair.id, number, attempts=1, next_try_at=later)], None)
            assert tx.unsent(lead, at, 0, 10) == []
            assert len(tx.unsent(lead, later, 0, 10)) == 1
