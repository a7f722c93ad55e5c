"""Queries: how they are written, cut into pieces, and put together again."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from diptych.domain.outcome import OrgRefused, OrgUnavailable
from diptych.salesforce import soql
from diptych.salesforce.counts import fill_counts
from diptych.salesforce.describe import read_object
from diptych.salesforce.query import by_ids, changed, record_of
from diptych.sync.ports import FeedRead
from tests.salesforce.wire import answer, client, composite

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
FIRST, SECOND = "00Q000000000001EAA", "00Q000000000002EAA"


def row(sf_id: str, stamp: str = "2026-11-24T07:00:00.000+0000", **more: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Lead"}, "Id": sf_id, "SystemModstamp": stamp, **more}


def result(*rows: dict[str, Any], done: bool = True) -> tuple[int, Any]:
    return 200, {"totalSize": len(rows), "done": done, "records": list(rows)}


class Queries:
    """An org that answers each query with `one(statement)`; remembers statements and calls."""

    def __init__(self, one: Any) -> None:
        self.one = one
        self.statements: list[str] = []
        self.urls: list[str] = []
        self.calls = 0

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.calls += 1
        if request.method == "GET":
            status, body = self.one(str(request.url))
            return answer(body, status)

        def part(url: str) -> tuple[int, Any]:
            self.urls.append(url)
            statement = unquote(url.partition("?q=")[2])
            self.statements.append(statement)
            return self.one(statement)  # type: ignore[no-any-return]

        return composite(request, part)


# ---------------------------------------------------------------- the words


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("plain", "'plain'"),
        ("O'Hara", r"'O\'Hara'"),
        ("a\\b", r"'a\\b'"),
        ("x' OR Id != '", r"'x\' OR Id != \''"),
        ("two\nlines\r\t", r"'two\nlines\r\t'"),
        ("日本語 🦊", "'日本語 🦊'"),
    ],
)
def test_text_is_quoted_so_that_nothing_escapes(text: str, literal: str) -> None:
    assert soql.text_literal(text) == literal


@pytest.mark.parametrize("bad", ["Id FROM User", "a,b", "", "1st", "x--", "Account.", "Name\n", "é__c"])
def test_only_names_pass_as_names(bad: str) -> None:
    with pytest.raises(ValueError):
        soql.select((bad,), "Lead")
    with pytest.raises(ValueError):
        soql.select(("Id",), bad)


def test_the_first_page_includes_its_start_and_the_next_goes_on_after_a_record() -> None:
    org = Queries(lambda statement: result())
    changed(client(org), [FeedRead("Lead", ("City",), AT), FeedRead("Lead", ("City",), AT, FIRST, 50)], AT)
    first, second = org.statements
    assert first.endswith(
        "WHERE SystemModstamp >= 2026-11-24T08:00:00Z ORDER BY SystemModstamp, Id LIMIT 2000"
    )
    assert second.endswith(
        "WHERE (SystemModstamp > 2026-11-24T08:00:00Z OR (SystemModstamp = 2026-11-24T08:00:00Z AND "
        f"Id > '{FIRST}')) ORDER BY SystemModstamp, Id LIMIT 50"
    )
    assert all("/queryAll?q=" in url for url in org.urls) and org.calls == 1


def test_users_have_no_deleted_flag_to_ask_for() -> None:
    org = Queries(lambda statement: result())
    changed(client(org), [FeedRead("User", ("Email",), AT)], AT)
    assert "IsDeleted" not in org.statements[0] and "SELECT Id,SystemModstamp" in org.statements[0]


# ---------------------------------------------------------------- pages


def test_a_page_is_complete_only_when_the_org_says_done_and_gave_fewer_than_asked() -> None:
    for rows, done, limit, complete in (
        ([FIRST], True, 2, True),
        ([FIRST, SECOND], True, 2, False),
        ([FIRST], False, 9, False),
    ):
        org = Queries(lambda statement, r=rows, d=done: result(*(row(i) for i in r), done=d))
        (page,) = changed(client(org), [FeedRead("Lead", (), AT, None, limit)], AT)
        assert page.complete is complete and [r.sf_id for r in page.records] == rows


def test_a_page_that_is_refused_is_an_error_of_the_org() -> None:
    refused = [{"errorCode": "INVALID_FIELD", "message": "No such column 'City' on entity 'Lead'."}]
    with pytest.raises(OrgRefused) as raised:
        changed(client(Queries(lambda statement: (400, refused))), [FeedRead("Lead", ("City",), AT)], AT)
    assert raised.value.problem.fields == ("City",)


# ---------------------------------------------------------------- pieces

WIDE = tuple(f"A_rather_long_field_name_{number:03}__c" for number in range(600))


def asked(statement: str) -> list[str]:
    return statement.removeprefix("SELECT ").partition(" FROM ")[0].split(",")


def test_a_wide_object_is_read_in_pieces_that_are_joined() -> None:
    org = Queries(
        lambda s: result(*(row(i, **{f: f"{i}-{f}" for f in asked(s) if f in WIDE}) for i in (FIRST, SECOND)))
    )
    (page,) = changed(client(org), [FeedRead("Lead", WIDE, AT)], AT)
    assert len(org.statements) > 1 and org.calls == 1
    assert all(len(url) < 16_000 for url in org.urls)
    assert [set(r.fields) for r in page.records] == [set(WIDE)] * 2 and page.complete
    assert page.records[1].fields[WIDE[-1]] == f"{SECOND}-{WIDE[-1]}"


def test_a_record_that_changed_between_two_pieces_is_left_for_the_next_read() -> None:
    def one(statement: str) -> tuple[int, Any]:
        if WIDE[0] in statement:
            return result(row(FIRST, **{WIDE[0]: "old"}), row(SECOND))
        return result(row(FIRST), row("00Q000000000003EAA"), row(SECOND, "2026-11-24T07:30:00.000+0000"))

    (page,) = changed(client(Queries(one)), [FeedRead("Lead", WIDE, AT)], AT)
    assert [r.sf_id for r in page.records] == [FIRST] and not page.complete


def test_pieces_that_never_agree_are_given_up() -> None:
    def one(statement: str) -> tuple[int, Any]:
        return result(row(FIRST if WIDE[0] in statement else SECOND))

    org = Queries(one)
    with pytest.raises(OrgUnavailable):
        changed(client(org), [FeedRead("Lead", WIDE, AT)], AT)
    assert org.calls == 3


@pytest.mark.parametrize(
    ("status", "code"), [(400, "QUERY_TOO_COMPLICATED"), (414, "URI_TOO_LONG"), (400, "OPERATION_TOO_LARGE")]
)
def test_a_query_that_is_too_much_is_halved_until_it_goes_through(status: int, code: str) -> None:
    fields = WIDE[:40]

    def one(statement: str) -> tuple[int, Any]:
        mine = [f for f in asked(statement) if f in fields]
        if len(mine) > 10:
            return status, [{"errorCode": code, "message": "too much"}]
        return result(row(FIRST, **dict.fromkeys(mine, "x")))

    (page,) = changed(client(Queries(one)), [FeedRead("Lead", fields, AT)], AT)
    assert set(page.records[0].fields) == set(fields)
    found = by_ids(client(Queries(one)), "Lead", [FIRST], fields, AT)[FIRST]
    assert found is not None and set(found.fields) == set(fields)


def test_a_single_field_that_is_too_much_is_refused() -> None:
    too_much = [{"errorCode": "QUERY_TOO_COMPLICATED", "message": "too much"}]
    with pytest.raises(OrgRefused):
        changed(client(Queries(lambda statement: (400, too_much))), [FeedRead("Lead", ("City",), AT)], AT)


# ---------------------------------------------------------------- by id


def test_records_are_found_by_either_form_of_id_and_missing_ones_are_none() -> None:
    org = Queries(lambda statement: result(row(FIRST, City="Rom")))
    found = by_ids(client(org), "Lead", [FIRST[:15], SECOND], ("City",), AT)
    assert list(found) == [FIRST[:15], SECOND] and found[SECOND] is None
    shown = found[FIRST[:15]]
    assert shown is not None and shown.sf_id == FIRST and shown.fields == {"City": "Rom"}
    assert by_ids(client(org), "Lead", [], ("City",), AT) == {} and org.calls == 1


def test_an_answer_that_the_org_cut_short_is_read_to_its_end() -> None:
    def one(statement: str) -> tuple[int, Any]:
        if "query/01g" in statement:
            return result(row(SECOND))
        more = {"nextRecordsUrl": "/services/data/v66.0/query/01g-1"}
        return 200, {"totalSize": 2, "done": False, "records": [row(FIRST)], **more}

    found = by_ids(client(Queries(one)), "Lead", [FIRST, SECOND], (), AT)
    assert all(found.values())


# ---------------------------------------------------------------- rows


def test_a_row_becomes_a_record() -> None:
    wire = row(
        FIRST,
        LastModifiedDate="2026-11-24T06:59:59.000+0000",
        LastModifiedById="005000000000001EAA",
        IsDeleted=True,
        MasterRecordId=SECOND,
        IsConverted=True,
        ConvertedContactId="003000000000001EAA",
        AnnualRevenue=Decimal("12.50"),
        Account={"attributes": {}, "Name": "Acme", "Owner": None},
    )
    fields = (
        "AnnualRevenue",
        "Account.Name",
        "Account.Owner.Name",
        "account.name",
        "Gone__c",
        "Gone__r.Name",
    )
    found = record_of("Lead", wire, fields, AT)
    assert (found.modstamp, found.modified_at) == (
        datetime(2026, 11, 24, 7, tzinfo=UTC),
        datetime(2026, 11, 24, 6, 59, 59, tzinfo=UTC),
    )
    assert found.deleted and found.converted and found.master_id == SECOND
    # what is not in the answer is unknown, what hangs on a missing relation is blank
    assert found.fields == {
        "AnnualRevenue": Decimal("12.50"),
        "Account.Name": "Acme",
        "Account.Owner.Name": None,
        "account.name": "Acme",
    }


# ---------------------------------------------------------------- counts


def _lead(**types: str) -> Any:
    fields = [{"name": name, "label": name, "type": kind} for name, kind in types.items()]
    return read_object({"name": "Lead", "label": "Lead", "fields": fields})


def test_a_field_that_cannot_be_counted_after_all_spoils_only_itself() -> None:
    def one(statement: str) -> tuple[int, Any]:
        if "COUNT(Odd__c)" in statement:
            return 400, [
                {"errorCode": "MALFORMED_QUERY", "message": "field Odd__c does not support aggregates"}
            ]
        count = statement.count("COUNT(") - 1
        return 200, {"records": [{"n": 10, **{f"c{i}": i for i in range(count)}}]}

    described = _lead(A="string", B="string", Odd__c="string", C="string", Flag="boolean", Notes="textarea")
    found = fill_counts(client(Queries(one)), described, {"A", "B", "Odd__c", "C"}, tuple(described.fields))
    assert set(found) == {"A", "B", "C", "Flag"} and found["Flag"] == 10


def test_fields_are_counted_many_at_a_time() -> None:
    def one(statement: str) -> tuple[int, Any]:
        count = statement.count("COUNT(") - 1
        return 200, {"records": [{"n": 10, **{f"c{i}": 7 for i in range(count)}}]}

    org = Queries(one)
    described = _lead(**dict.fromkeys(WIDE[:230], "string"))
    assert fill_counts(client(org), described, set(WIDE), WIDE[:230]) == dict.fromkeys(WIDE[:230], 7)
    assert org.calls == 1
