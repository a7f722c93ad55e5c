"""What every org adapter must do. Subclass `OrgContract` in a test module and give the fixtures `org` and `org_user`.

`org` is a connected `sync.ports.Org` of an org that holds no leads, contacts and accounts. `org_user` is an `OrgUser`:
people working in the same Salesforce org, its administrator, and the wire in between.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import pytest

from diptych.domain.objects import LEAD, SYNCED_OBJECTS
from diptych.domain.outcome import (
    Done,
    ErrorClass,
    Moved,
    OrgOutcomeUnknown,
    OrgRefused,
    OrgUnavailable,
    Refused,
    Retryable,
)
from diptych.domain.pair import Record
from diptych.domain.values import Kind, canonical, full_id, parse_instant
from diptych.sync.ports import FeedPage, FeedRead, Org, SnapshotPage, Write
from tests.contract.creating_contract import OrgCreates
from tests.contract.lifecycle_contract import OrgLives


class OrgUser(Protocol):
    """Salesforce users (not the sync user), an administrator, and someone at the network cable."""

    def create(self, object_name: str, late_by: float = 0, **values: Any) -> str:
        """A new record; its 18-character id. `late_by`: it becomes visible that many seconds later, stamped now."""

    def create_many(self, object_name: str, rows: Sequence[Mapping[str, Any]]) -> list[str]: ...
    def edit(self, object_name: str, sf_id: str, late_by: float = 0, **values: Any) -> None: ...
    def delete(self, object_name: str, sf_id: str) -> None: ...
    def undelete(self, object_name: str, sf_id: str) -> None: ...
    def convert(self, lead_id: str) -> str:
        """Convert a lead; the new contact's id."""

    def value(self, object_name: str, sf_id: str, field: str) -> Any:
        """What a user sees in the field."""

    def advance(self, seconds: float) -> None:
        """Let server time pass."""

    def frozen(self) -> AbstractContextManager[None]:
        """Server time stands still meanwhile."""

    def hide(self, object_name: str, field: str) -> None:
        """The sync user can no longer see the field."""

    def make_read_only(self, object_name: str, field: str) -> None:
        """The sync user can no longer edit the field."""

    def show_only(self, object_name: str, ids: Sequence[str] | None) -> None:
        """Sharing shows the sync user these records of the object and no others; None: all."""

    def purge(self, object_name: str, sf_id: str) -> None:
        """Delete a record for good."""

    def add_key_field(self) -> None:
        """Make the field of the external key on Lead and Contact, which the sync user may edit."""

    def duplicate_rule(self, email: str, found: str) -> None:
        """From now on a duplicate rule alerts on new leads with this address, and finds that lead."""

    def let_manage(self) -> None:
        """The sync user may convert, merge and delete leads and contacts."""

    def holding(self, object_name: str, sf_id: str) -> AbstractContextManager[None]:
        """Somebody's transaction holds the record meanwhile."""

    def losing_answers(self) -> AbstractContextManager[None]:
        """Requests are executed, their answers are lost."""

    def unreachable(self) -> AbstractContextManager[None]:
        """Requests do not reach the org."""


LEAD_FIELDS = (
    "FirstName",
    "LastName",
    "Company",
    "Email",
    "City",
    "Description",
    "HasOptedOutOfEmail",
    "AnnualRevenue",
    "NumberOfEmployees",
    "Status",
    "CreatedDate",
)


def lead(last_name: str, **more: Any) -> dict[str, Any]:
    return {"LastName": last_name, "Company": "Acme", **more}


def server_time(org: Org) -> datetime:
    return org.watermark(["Lead"]).server_time


def read(org: Org, since: datetime, fields: Sequence[str] = LEAD_FIELDS, name: str = "Lead") -> list[Record]:
    """All changes since, over as many pages as it takes."""
    return [record for page in read_pages(org, since, fields, name, 2000) for record in page.records]


def read_pages(org: Org, since: datetime, fields: Sequence[str], name: str, limit: int) -> Iterator[FeedPage]:
    after: str | None = None
    for _ in range(1000):
        (page,) = org.changed([FeedRead(name, tuple(fields), since, after, limit)])
        assert len(page.records) <= limit
        yield page
        if page.complete:
            return
        since, after = page.records[-1].modstamp, page.records[-1].sf_id
    raise AssertionError("the feed does not end")


def finished(org: Org, job_id: str, org_user: OrgUser) -> str:
    for _ in range(200):
        job = org.snapshot_job(job_id)
        assert job.job_id == job_id
        if job.state == "complete":
            return job_id
        assert job.state in ("waiting", "running"), job
        org_user.advance(1)
    raise AssertionError("the bulk query does not end")


CHANNELS = pytest.mark.parametrize("on_condition", [False, True], ids=["collections", "record"])


def sure(org: Org, writes: Sequence[Write], on_condition: bool) -> list[Write]:
    """The writes for the one or the other channel; the condition is one that holds."""
    since = server_time(org) if on_condition else None
    return [replace(write, unmodified_since=since) for write in writes]


def rows_of(page: SnapshotPage) -> list[dict[str, str]]:
    text = io.StringIO(page.content.decode("utf-8"), newline="")
    reader = csv.DictReader(text)
    found = list(reader)
    assert tuple(reader.fieldnames or ()) == page.columns and len(found) == page.rows
    return found


class OrgContract(OrgCreates, OrgLives):
    """The suite."""

    equal_modstamps = 2000
    """How many records share one second in the keyset test."""

    # ------------------------------------------------------------ who, what, when

    def test_identity_names_the_org_and_the_sync_user(self, org: Org) -> None:
        found = org.identity()
        assert len(found.org_id) == 18 and found.org_id.startswith("00D")
        assert len(found.user_id) == 18 and found.user_id.startswith("005")
        assert found.username and found.org_name and found.instance_url.startswith("http")

    def test_describe_shows_fields_with_type_and_size(self, org: Org) -> None:
        found = org.describe("Lead")
        assert (found.name, found.key_prefix, found.queryable) == ("Lead", "00Q", True)
        company = found.fields["Company"]
        assert (company.type, company.length, company.nillable, company.updateable) == (
            "string",
            255,
            False,
            True,
        )
        assert found.fields["HasOptedOutOfEmail"].type == "boolean"
        assert found.fields["AnnualRevenue"].type == "currency"
        assert not found.fields["SystemModstamp"].updateable
        assert "Working" in " ".join(found.fields["Status"].picklist)
        for known in SYNCED_OBJECTS:
            assert set(known.system_fields) <= set(org.describe(known.name).fields)

    def test_an_object_that_is_not_there_is_refused(self, org: Org) -> None:
        with pytest.raises(OrgRefused):
            org.describe("NoSuchThing__c")

    def test_field_permissions_show_in_describe_and_hidden_fields_are_refused_by_name(
        self, org: Org, org_user: OrgUser
    ) -> None:
        org_user.hide("Lead", "City")
        org_user.make_read_only("Lead", "Description")
        fields = org.describe("Lead").fields
        assert "City" not in fields and not fields["Description"].updateable
        with pytest.raises(OrgRefused) as refused:
            org.changed([FeedRead("Lead", ("LastName", "City"), server_time(org))])
        assert "City" in refused.value.problem.message + "".join(refused.value.problem.fields)

    def test_server_time_is_utc_to_the_second_and_moves_on(self, org: Org, org_user: OrgUser) -> None:
        before = org.watermark(["Lead", "Contact"])
        assert before.server_time.utcoffset() == timedelta() and before.server_time.microsecond == 0
        assert set(before.covered) == {"Lead", "Contact"}
        org_user.advance(90)
        after = org.watermark(["Lead"])
        assert after.server_time >= before.server_time + timedelta(seconds=90)
        assert after.covered["Lead"] <= after.server_time

    def test_usage_counts_our_calls(self, org: Org) -> None:
        before = org.usage().ours
        server_time(org)
        assert org.usage().ours > before

    # ------------------------------------------------------------ the feed

    def test_the_feed_shows_new_changed_and_deleted_records(self, org: Org, org_user: OrgUser) -> None:
        since = server_time(org)
        first = org_user.create("Lead", **lead("One", City="Bonn"))
        second = org_user.create("Lead", **lead("Two"))
        found = {r.sf_id: r for r in read(org, since)}
        assert set(found) == {first, second}
        assert found[first].fields["City"] == "Bonn" and found[second].fields["City"] is None
        assert found[first].object_name == "Lead" and not found[first].deleted
        assert since <= found[first].modstamp <= found[first].read_at
        assert found[first].modified_by not in (None, org.identity().user_id)

        org_user.advance(5)
        later = server_time(org)
        org_user.edit("Lead", first, City="Rom")
        org_user.delete("Lead", second)
        found = {r.sf_id: r for r in read(org, later)}
        assert set(found) == {first, second}
        assert found[first].fields["City"] == "Rom" and found[first].modstamp >= later
        assert found[second].deleted and not found[first].deleted

        org_user.advance(5)
        latest = server_time(org)
        org_user.undelete("Lead", second)
        (again,) = read(org, latest)
        assert again.sf_id == second and not again.deleted

    def test_one_page_for_each_read_in_that_order(self, org: Org, org_user: OrgUser) -> None:
        since = server_time(org)
        contact = org_user.create("Contact", LastName="C")
        a_lead = org_user.create("Lead", **lead("L"))
        reads = [FeedRead(name, ("LastName",), since) for name in ("Lead", "Contact")]
        reads.append(FeedRead("Account", ("Name",), since))
        reads.append(FeedRead("User", ("Email",), since + timedelta(days=1)))
        pages = org.changed(reads)
        assert [p.object_name for p in pages] == ["Lead", "Contact", "Account", "User"]
        assert [[r.sf_id for r in p.records] for p in pages] == [[a_lead], [contact], [], []]
        assert all(p.complete for p in pages)

    def test_since_is_inclusive_and_after_an_id_is_not(self, org: Org, org_user: OrgUser) -> None:
        with org_user.frozen():
            ids = sorted(org_user.create_many("Lead", [lead(str(n)) for n in range(3)]))
        (first, *_) = read(org, server_time(org) - timedelta(hours=1))
        at = first.modstamp
        (page,) = org.changed([FeedRead("Lead", ("LastName",), at)])
        assert [r.sf_id for r in page.records] == ids
        (page,) = org.changed([FeedRead("Lead", ("LastName",), at, ids[0])])
        assert [r.sf_id for r in page.records] == ids[1:]
        (page,) = org.changed([FeedRead("Lead", ("LastName",), at + timedelta(seconds=1))])
        assert page.records == () and page.complete

    def test_the_keyset_passes_many_records_of_one_second(self, org: Org, org_user: OrgUser) -> None:
        since = server_time(org)
        with org_user.frozen():
            ids = org_user.create_many("Lead", [lead(f"N{n}") for n in range(self.equal_modstamps)])
        org_user.advance(2)
        ids.append(org_user.create("Lead", **lead("last")))
        limit = max(self.equal_modstamps // 7, 2)
        records = [r for p in read_pages(org, since, ("LastName",), "Lead", limit) for r in p.records]
        assert sorted(r.sf_id for r in records) == sorted(ids)
        assert records == sorted(records, key=lambda r: (r.modstamp, r.sf_id))
        assert len({r.modstamp for r in records}) == 2

    def test_a_late_commit_has_an_old_modstamp_and_holds_coverage_back(
        self, org: Org, org_user: OrgUser
    ) -> None:
        a_lead = org_user.create("Lead", **lead("L", City="Bonn"))
        org_user.advance(60)
        before = server_time(org)
        org_user.edit("Lead", a_lead, late_by=600, City="Rom")
        org_user.advance(60)
        mark = org.watermark(["Lead", "Contact"])
        assert mark.covered["Lead"] <= before + timedelta(seconds=5)
        assert read(org, mark.server_time) == []
        assert org.retrieve("Lead", [a_lead], ["City"]).records[a_lead].fields["City"] == "Bonn"
        org_user.advance(600)
        (late,) = [r for r in read(org, before) if r.sf_id == a_lead]
        assert late.fields["City"] == "Rom" and late.modstamp < mark.server_time
        assert org.watermark(["Lead"]).covered["Lead"] > mark.server_time

    def test_a_converted_lead_says_so(self, org: Org, org_user: OrgUser) -> None:
        since = server_time(org)
        a_lead = org_user.create("Lead", **lead("L", FirstName="Ada"))
        org_user.advance(2)
        contact = org_user.convert(a_lead)
        (record,) = read(org, since)
        assert record.converted and record.converted_contact_id == contact and not record.deleted
        (record,) = read(org, since, ("FirstName", "LastName"), "Contact")
        assert (record.sf_id, record.fields["FirstName"]) == (contact, "Ada")

    # ------------------------------------------------------------ reading by id

    def test_retrieve_shows_live_records_and_none_for_the_others(self, org: Org, org_user: OrgUser) -> None:
        ids = org_user.create_many("Lead", [lead(f"N{n}", City=f"C{n}") for n in range(199)])
        org_user.delete("Lead", ids[3])
        nobody = ids[0][:10] + "zzzzz"
        before = server_time(org)
        found = org.retrieve("Lead", [*ids, nobody], ("City", "Email"))
        assert before - timedelta(seconds=1) <= found.read_at <= server_time(org)
        assert list(found.records) == [*ids, nobody]
        assert found.records[ids[3]] is None and found.records[nobody] is None
        shown = found.records[ids[7]]
        assert shown is not None and shown.fields == {"City": "C7", "Email": None}
        assert (shown.sf_id, shown.deleted, shown.converted) == (ids[7], False, False)
        assert shown.read_at == found.read_at

    def test_records_that_are_not_shown_leave_traces(self, org: Org, org_user: OrgUser) -> None:
        live, binned, purged = org_user.create_many("Lead", [lead(f"N{n}") for n in range(3)])
        org_user.delete("Lead", binned)
        org_user.purge("Lead", purged)
        org_user.advance(60)
        told = org.trace("Lead", [live, binned, purged])
        assert told.deleted == {binned, purged} and live not in told.shared - {live} and told.sees_all is True
        shown = org.retrieve("Lead", [live, binned, purged], ["City"], deleted_too=True).records
        assert {sf_id: record and record.deleted for sf_id, record in shown.items()} == {
            live: False,
            binned: True,
            purged: None,
        }

    def test_what_sharing_hides_leaves_none(self, org: Org, org_user: OrgUser) -> None:
        kept, hidden = org_user.create_many("Lead", [lead(f"N{n}") for n in range(2)])
        org_user.show_only("Lead", [kept])
        told = org.trace("Lead", [hidden])
        assert (told.deleted, told.shared, told.sees_all) == (frozenset(), frozenset(), False)
        found = org.retrieve("Lead", [kept, hidden], ["City"], deleted_too=True).records
        assert found[kept] is not None and found[hidden] is None
        assert org.count_ranges("Lead", [("", max(kept, hidden))]) == [1]
        org_user.show_only("Lead", None)
        assert org.retrieve("Lead", [hidden], ["City"]).records[hidden] is not None

    def test_what_is_read_was_there_at_read_at(self, org: Org, org_user: OrgUser) -> None:
        a_lead = org_user.create("Lead", **lead("L"))
        for city in ("Bonn", "Rom"):
            org_user.advance(2)
            org_user.edit("Lead", a_lead, City=city)
            found = org.retrieve("Lead", [a_lead], ["City"])
            record = found.records[a_lead]
            assert record is not None and record.fields["City"] == city

    # ------------------------------------------------------------ writing

    @CHANNELS
    def test_an_update_writes_just_these_fields_as_the_sync_user(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        a_lead = org_user.create("Lead", **lead("L", City="Bonn", FirstName="Ada", Description="keep"))
        org_user.advance(5)
        before = server_time(org)
        values = {
            "City": None,
            "FirstName": 'Zoë 🦊 "q"',
            "AnnualRevenue": Decimal(1234),
            "NumberOfEmployees": 12,
            "HasOptedOutOfEmail": True,
        }
        assert org.update("Lead", sure(org, [Write(a_lead, values)], on_condition), "1-1") == [Done(a_lead)]
        record = org.retrieve("Lead", [a_lead], LEAD_FIELDS).records[a_lead]
        assert record is not None and record.modified_by == org.identity().user_id
        assert record.modstamp >= before
        assert record.fields["City"] is None and record.fields["FirstName"] == values["FirstName"]
        assert canonical(Kind.DECIMAL, record.fields["AnnualRevenue"], 2) == Decimal(1234)
        assert canonical(Kind.INTEGER, record.fields["NumberOfEmployees"]) == 12
        assert canonical(Kind.BOOLEAN, record.fields["HasOptedOutOfEmail"]) is True
        assert (record.fields["Description"], record.fields["LastName"]) == ("keep", "L")

    @CHANNELS
    def test_each_row_of_an_update_is_on_its_own(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        good, gone, long_one, last = org_user.create_many("Lead", [lead(f"N{n}") for n in range(4)])
        org_user.delete("Lead", gone)
        outcomes = org.update(
            "Lead",
            sure(
                org,
                [
                    Write(good, {"City": "Rom"}),
                    Write(gone, {"City": "Rom"}),
                    Write(long_one, {"FirstName": "x" * 300, "City": "Rom"}),
                    Write(last, {"City": "Rom"}),
                ],
                on_condition,
            ),
            "1-1",
        )
        assert [type(o) for o in outcomes] == [Done, Refused, Refused, Done]
        assert isinstance(outcomes[1], Refused) and outcomes[1].problem.error_class is ErrorClass.GONE
        assert isinstance(outcomes[2], Refused)
        problem = outcomes[2].problem
        assert problem.error_class is ErrorClass.LENGTH and problem.fields == ("FirstName",)
        assert problem.code == "STRING_TOO_LONG" and problem.message
        assert [org_user.value("Lead", i, "City") for i in (good, long_one, last)] == ["Rom", None, "Rom"]

    @CHANNELS
    def test_a_read_only_field_is_refused_by_name(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        a_lead = org_user.create("Lead", **lead("L", City="Bonn"))
        org_user.make_read_only("Lead", "City")
        (outcome,) = org.update("Lead", sure(org, [Write(a_lead, {"City": "Rom"})], on_condition), "1-1")
        assert isinstance(outcome, Refused) and outcome.problem.fields == ("City",)
        assert outcome.problem.error_class is ErrorClass.PERMISSION
        assert org_user.value("Lead", a_lead, "City") == "Bonn"

    @CHANNELS
    def test_a_blank_in_a_required_field_is_refused(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        a_lead = org_user.create("Lead", **lead("L"))
        (outcome,) = org.update("Lead", sure(org, [Write(a_lead, {"Company": None})], on_condition), "1-1")
        assert isinstance(outcome, Refused) and outcome.problem.error_class is ErrorClass.REQUIRED
        assert outcome.problem.fields == ("Company",)

    @CHANNELS
    def test_a_converted_lead_cannot_be_written(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        a_lead = org_user.create("Lead", **lead("L"))
        org_user.convert(a_lead)
        (outcome,) = org.update("Lead", sure(org, [Write(a_lead, {"City": "Rom"})], on_condition), "1-1")
        assert isinstance(outcome, Refused)

    @CHANNELS
    def test_a_record_that_someone_holds_can_be_tried_again(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        held, free = org_user.create_many("Lead", [lead("held"), lead("free")])
        writes = [Write(held, {"City": "Rom"}), Write(free, {"City": "Rom"})]
        writes = sure(org, writes, on_condition)
        with org_user.holding("Lead", held):
            first, second = org.update("Lead", writes, "1-1")
        assert isinstance(first, Retryable) and first.problem.error_class is ErrorClass.LOCK
        assert second == Done(free)
        assert org.update("Lead", sure(org, writes[:1], on_condition), "1-2") == [Done(held)]

    @CHANNELS
    def test_a_lost_answer_is_an_unknown_outcome_and_an_unsent_write_none(
        self, org: Org, org_user: OrgUser, on_condition: bool
    ) -> None:
        a_lead = org_user.create("Lead", **lead("L", City="Bonn"))
        server_time(org)
        oslo = sure(org, [Write(a_lead, {"City": "Oslo"})], on_condition)
        rom = sure(org, [Write(a_lead, {"City": "Rom"})], on_condition)
        with org_user.unreachable(), pytest.raises(OrgUnavailable):
            org.update("Lead", oslo, "1-1")
        assert org_user.value("Lead", a_lead, "City") == "Bonn"
        with org_user.losing_answers(), pytest.raises(OrgOutcomeUnknown):
            org.update("Lead", rom, "1-2")
        assert org_user.value("Lead", a_lead, "City") == "Rom"

    def test_a_record_saved_since_is_not_written_and_the_others_are(
        self, org: Org, org_user: OrgUser
    ) -> None:
        ids = org_user.create_many("Lead", [lead(f"N{n}", City="Bonn") for n in range(30)])
        org_user.advance(3)
        shown = org.retrieve("Lead", ids, ["City"]).records
        times = {i: r.modified_at for i, r in shown.items() if r is not None}
        assert len(times) == 30 and all(times.values())
        moved = {ids[3], ids[27]}
        for sf_id in moved:
            org_user.edit("Lead", sf_id, City="Oslo")
        outcomes = org.update("Lead", [Write(i, {"City": "Rom"}, times[i]) for i in ids], "1-1")
        assert {i for i, o in zip(ids, outcomes, strict=True) if isinstance(o, Moved)} == moved
        assert all(o == Done(i) for i, o in zip(ids, outcomes, strict=True) if i not in moved)
        assert [org_user.value("Lead", i, "City") for i in ids[2:5]] == ["Rom", "Oslo", "Rom"]

        again = org.retrieve("Lead", [ids[3]], ["City"]).records[ids[3]]
        assert again is not None
        assert org.update("Lead", [Write(ids[3], {"City": "Rom"}, again.modified_at)], "1-2") == [
            Done(ids[3])
        ]
        since_our_own = org.update("Lead", [Write(ids[0], {"City": "Lima"}, times[ids[0]])], "1-3")
        assert isinstance(since_our_own[0], Moved), "our own writing moved it as well"

    def test_reads_without_an_answer_can_be_tried_again(self, org: Org, org_user: OrgUser) -> None:
        for trouble in (org_user.losing_answers, org_user.unreachable):
            with trouble(), pytest.raises(OrgUnavailable):
                org.retrieve("Lead", ["00Q000000000001AAA"], ["City"])
        assert read(org, server_time(org)) == []

    # ------------------------------------------------------------ snapshots

    def test_a_snapshot_shows_all_live_records_in_parts(self, org: Org, org_user: OrgUser) -> None:
        ids = org_user.create_many("Lead", [lead(f"N{n}", City=f"C{n}") for n in range(25)])
        org_user.delete("Lead", ids.pop(4))
        job_id = finished(org, org.start_snapshot("Lead", ("LastName", "City")), org_user)
        assert org.snapshot_job(job_id).total_rows == 24
        pages = list(org.snapshot_pages(job_id, None, 10))
        assert len(pages) == 3 and pages[0].locator is None and pages[-1].next_locator is None
        assert all(a.next_locator == b.locator for a, b in itertools.pairwise(pages))
        assert all(p.object_name == "Lead" for p in pages)
        rows = [row for p in pages for row in rows_of(p)]
        assert sorted(row["Id"] for row in rows) == sorted(ids)
        assert {*LEAD.system_fields, "LastName", "City"} <= set(pages[0].columns)
        assert {row["IsDeleted"] for row in rows} == {"false"}
        assert all(row["City"] == "C" + row["LastName"][1:] for row in rows)

    def test_a_snapshot_can_be_taken_up_at_a_locator(self, org: Org, org_user: OrgUser) -> None:
        ids = org_user.create_many("Lead", [lead(f"N{n}") for n in range(25)])
        job_id = finished(org, org.start_snapshot("Lead", ("LastName",)), org_user)
        reader = org.snapshot_pages(job_id, None, 10)
        first, second = next(reader), next(reader)
        getattr(reader, "close", lambda: None)()
        again = list(org.snapshot_pages(job_id, second.locator, 10))
        assert again[0].content == second.content and len(again) == 2
        rows = [row["Id"] for p in (first, *again) for row in rows_of(p)]
        assert sorted(rows) == sorted(ids)

    def test_a_snapshot_of_nothing(self, org: Org, org_user: OrgUser) -> None:
        job_id = finished(org, org.start_snapshot("Lead", ("LastName",)), org_user)
        assert sum(p.rows for p in org.snapshot_pages(job_id, None, 10)) == 0

    def test_a_job_that_is_gone(self, org: Org, org_user: OrgUser) -> None:
        job_id = finished(org, org.start_snapshot("Lead", ("LastName",)), org_user)
        org.end_snapshot(job_id)
        org.end_snapshot(job_id)
        assert org.snapshot_job(job_id).state == "gone"
        with pytest.raises(OrgRefused):
            list(org.snapshot_pages(job_id, None, 10))

    def test_a_field_that_is_not_there_is_refused_at_the_latest_by_the_job(
        self, org: Org, org_user: OrgUser
    ) -> None:
        try:
            job_id = org.start_snapshot("Lead", ("LastName", "Nope__c"))
        except OrgRefused as refused:
            assert "Nope__c" in refused.problem.message
            return
        for _ in range(200):
            job = org.snapshot_job(job_id)
            if job.state not in ("waiting", "running"):
                break
            org_user.advance(1)
        assert job.state == "failed" and "Nope__c" in (job.error or "")

    # ------------------------------------------------------------ the same value on every way

    def test_all_ways_of_reading_give_the_same_canonical_values(self, org: Org, org_user: OrgUser) -> None:
        since = server_time(org)
        a_lead = org_user.create(
            "Lead",
            **lead(
                'O\'Hara, "Zoë" 🦊',
                FirstName="NULL",
                City="NA",
                Description="two\nlines;\ttab, comma",
                HasOptedOutOfEmail=True,
                AnnualRevenue=1234567,
                NumberOfEmployees=0,
            ),
        )
        kinds = {
            "HasOptedOutOfEmail": Kind.BOOLEAN,
            "AnnualRevenue": Kind.DECIMAL,
            "NumberOfEmployees": Kind.INTEGER,
            "CreatedDate": Kind.DATETIME,
        }

        def values(fields: Mapping[str, object]) -> dict[str, object]:
            return {n: canonical(kinds.get(n, Kind.TEXT), fields[n], 2) for n in LEAD_FIELDS}

        (fed,) = read(org, since)
        retrieved = org.retrieve("Lead", [a_lead], LEAD_FIELDS).records[a_lead]
        assert retrieved is not None
        job_id = finished(org, org.start_snapshot("Lead", LEAD_FIELDS), org_user)
        (loaded,) = [row for p in org.snapshot_pages(job_id, None, 10) for row in rows_of(p)]
        expected = values(fed.fields)
        assert expected["LastName"] == 'O\'Hara, "Zoë" 🦊' and expected["City"] == "NA"
        assert expected["Description"] == "two\nlines;\ttab, comma" and expected["FirstName"] == "NULL"
        assert (expected["AnnualRevenue"], expected["NumberOfEmployees"]) == (Decimal(1234567), 0)
        assert expected["Email"] is None and expected["HasOptedOutOfEmail"] is True
        assert values(retrieved.fields) == expected and values(loaded) == expected
        assert parse_instant(loaded["SystemModstamp"]) == fed.modstamp == retrieved.modstamp
        assert parse_instant(loaded["LastModifiedDate"]) == fed.modified_at == retrieved.modified_at
        assert loaded["LastModifiedById"] == fed.modified_by == retrieved.modified_by
        assert fed.modstamp.tzinfo is UTC

    def test_a_relationship_path_is_read_on_every_way(self, org: Org, org_user: OrgUser) -> None:
        since = server_time(org)
        company = org_user.create("Account", Name="Acme & Söhne")
        employed = org_user.create("Contact", LastName="A", AccountId=company)
        private = org_user.create("Contact", LastName="B")
        fields = ("LastName", "Account.Name")
        fed = {r.sf_id: r.fields["Account.Name"] for r in read(org, since, fields, "Contact")}
        got = org.retrieve("Contact", [employed, private], fields).records
        job_id = finished(org, org.start_snapshot("Contact", fields), org_user)
        rows = [row for p in org.snapshot_pages(job_id, None, 10) for row in rows_of(p)]
        expected = {employed: "Acme & Söhne", private: None}
        assert fed == expected
        assert {i: r.fields["Account.Name"] if r else "?" for i, r in got.items()} == expected
        assert {row["Id"]: row["Account.Name"] or None for row in rows} == expected

    # ------------------------------------------------------------ counting

    def test_counts(self, org: Org, org_user: OrgUser) -> None:
        ids = org_user.create_many("Lead", [lead(f"N{n}", City="Rom" if n % 2 else None) for n in range(5)])
        org_user.delete("Lead", ids[0])
        assert org.count("Lead") == 4
        ids = sorted(ids[1:])
        ranges = [
            ("", ids[-1]),
            (ids[0], ids[2]),
            ("", ids[0]),
            (ids[-1], full_id(ids[-1][:14] + "z")),
            (ids[3], ids[3]),
        ]
        assert org.count_ranges("Lead", ranges) == [4, 2, 1, 0, 0]
        filled = org.fill_counts("Lead", ("LastName", "City", "Email"))
        assert (filled["LastName"], filled["City"], filled["Email"]) == (4, 2, 0)
