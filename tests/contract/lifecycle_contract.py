"""What converting, merging, deleting and undeleting needs of every org adapter; a part of `OrgContract`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from diptych.domain.outcome import Done, ErrorClass, OrgOutcomeUnknown, OrgUnavailable, Outcome, Refused
from diptych.domain.pair import Record
from diptych.sync.lifecycle import Conversion, RecordMerge
from diptych.sync.ports import Org


def refusal(outcome: Outcome) -> tuple[str, ErrorClass]:
    assert isinstance(outcome, Refused), outcome
    return outcome.problem.code, outcome.problem.error_class


class OrgLives:
    """Mixed into `OrgContract`. The org user also knows `let_manage`: the sync user may convert, merge and delete."""

    def lead(self, org_user: Any, last_name: str, **more: Any) -> str:
        org_user.let_manage()
        return str(org_user.create("Lead", LastName=last_name, **{"Company": "Acme", **more}))

    def contact(self, org_user: Any, last_name: str, **more: Any) -> tuple[str, str]:
        org_user.let_manage()
        account = org_user.create("Account", Name="Acme")
        return org_user.create("Contact", LastName=last_name, AccountId=account, **more), account

    def read(self, org: Org, object_name: str, sf_id: str) -> Record:
        found = org.retrieve(object_name, [sf_id], ["LastName"], deleted_too=True).records[sf_id]
        assert found is not None
        return found

    def test_a_lead_becomes_a_new_contact(self, org: Org, org_user: Any) -> None:
        status = org.converted_statuses()[0]
        lead = self.lead(org_user, "O'Hara & Söhne <x>", Email="o@x.org")
        (done,) = org.convert([Conversion(lead, status, opportunity_name="Big & <bold>")], "1-1")
        assert done.outcome == Done(lead)
        assert done.contact_id and done.account_id and done.opportunity_id
        assert org_user.value("Contact", done.contact_id, "LastName") == "O'Hara & Söhne <x>"
        assert org_user.value("Contact", done.contact_id, "AccountId") == done.account_id
        after = self.read(org, "Lead", lead)
        assert after.converted and after.converted_contact_id == done.contact_id and not after.deleted

    def test_a_lead_joins_a_contact_and_fills_its_gaps_only(self, org: Org, org_user: Any) -> None:
        status = org.converted_statuses()[0]
        contact, account = self.contact(org_user, "Kern", FirstName="Karl")
        lead = self.lead(org_user, "Lee", FirstName="Leo", Email="leo@x.org")
        order = Conversion(lead, status, account, contact, opportunity=False)
        (done,) = org.convert([order], "1-1")
        assert (done.outcome, done.account_id, done.contact_id) == (Done(lead), account, contact)
        assert done.opportunity_id is None
        assert org_user.value("Contact", contact, "FirstName") == "Karl"
        assert org_user.value("Contact", contact, "Email") == "leo@x.org"

    def test_each_conversion_is_on_its_own(self, org: Org, org_user: Any) -> None:
        status = org.converted_statuses()[0]
        gone, wrong, twice = (self.lead(org_user, n) for n in ("Gone", "Wrong", "Twice"))
        org_user.delete("Lead", gone)
        org.convert([Conversion(twice, status)], "1-1")
        orders = [Conversion(gone, status), Conversion(wrong, "No such"), Conversion(twice, status)]
        first, second, third = org.convert(orders, "1-2")
        assert refusal(first.outcome) == ("ENTITY_IS_DELETED", ErrorClass.GONE)
        assert refusal(second.outcome) == ("INVALID_STATUS", ErrorClass.PICKLIST)
        assert refusal(third.outcome) == ("CANNOT_UPDATE_CONVERTED_LEAD", ErrorClass.GONE)
        assert not self.read(org, "Lead", wrong).converted

    def test_losers_of_a_merge_name_their_master(self, org: Org, org_user: Any) -> None:
        winner, one, other = (self.lead(org_user, n) for n in ("Winner", "One", "Other"))
        values = {"FirstName": "Ada <&>", "City": None, "NumberOfEmployees": 7}
        org_user.edit("Lead", winner, City="Ulm")
        assert org.merge([RecordMerge("Lead", winner, (one, other), values)], "1-1") == [Done(winner)]
        assert org_user.value("Lead", winner, "FirstName") == "Ada <&>"
        assert org_user.value("Lead", winner, "City") is None
        assert org_user.value("Lead", winner, "NumberOfEmployees") == 7
        for loser in (one, other):
            after = self.read(org, "Lead", loser)
            assert after.deleted and after.master_id == winner
        orders = [RecordMerge("Lead", winner, (one,)), RecordMerge("Lead", winner, (winner,))]
        again, itself = org.merge(orders, "1-2")
        assert refusal(again) == ("ENTITY_IS_DELETED", ErrorClass.GONE)
        assert refusal(itself)[0] == "INVALID_MERGE_RECORD"
        assert not self.read(org, "Lead", winner).deleted
        assert org.undelete([one], "1-3") == [Done(one)], "a record of its own again"
        back = self.read(org, "Lead", one)
        assert (back.deleted, back.master_id) == (False, None)

    def test_deleted_and_undeleted_each_on_its_own(self, org: Org, org_user: Any) -> None:
        lead, (contact, _) = self.lead(org_user, "Lee"), self.contact(org_user, "Kern")
        assert org.delete([lead, contact], "1-1") == [Done(lead), Done(contact)]
        assert self.read(org, "Lead", lead).deleted and self.read(org, "Contact", contact).deleted
        assert refusal(org.delete([lead], "1-2")[0]) == ("ENTITY_IS_DELETED", ErrorClass.GONE)
        missing, back = org.undelete(["00Q000000000001EAA", lead], "1-3")
        assert refusal(missing)[1] is ErrorClass.GONE and back == Done(lead)
        assert not self.read(org, "Lead", lead).deleted
        assert refusal(org.undelete([lead], "1-4")[0]) == ("UNDELETE_FAILED", ErrorClass.GONE)

    def test_no_order_is_no_call(self, org: Org) -> None:
        assert org.convert([], "1-1") == [] and org.merge([], "1-1") == []
        assert org.delete([], "1-1") == [] and org.undelete([], "1-1") == []

    def test_a_lost_answer_leaves_the_outcome_unknown_and_an_unsent_call_none(
        self, org: Org, org_user: Any
    ) -> None:
        status = org.converted_statuses()[0]
        one, two, three, other = (self.lead(org_user, n) for n in ("One", "Two", "Three", "Other"))
        acts: list[Callable[[], object]] = [
            lambda: org.convert([Conversion(one, status)], "1-1"),
            lambda: org.merge([RecordMerge("Lead", other, (two,))], "1-1"),
            lambda: org.delete([three], "1-1"),
        ]
        with org_user.unreachable():
            for act in acts:
                with pytest.raises(OrgUnavailable):
                    act()
        for sf_id in (one, two, three):
            before = self.read(org, "Lead", sf_id)
            assert not before.deleted and not before.converted
        with org_user.losing_answers():
            for act in acts:
                with pytest.raises(OrgOutcomeUnknown):
                    act()
        assert self.read(org, "Lead", one).converted
        assert self.read(org, "Lead", two).deleted and self.read(org, "Lead", three).deleted
