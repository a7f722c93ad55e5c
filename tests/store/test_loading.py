"""The fast way in gives what the careful one gives, whatever the cells hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping as Named
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diptych.domain.mapping import Mapping, observe
from diptych.domain.pair import Observation
from diptych.domain.values import Kind, full_id
from diptych.store import SqlStore, loading
from diptych.sync.ports import SnapshotPage
from tests.contract.store_contract import ACCOUNT, T0, mapped, page, sf_id
from tests.store.sql_user import SqlUser

KINDS = {
    "Text__c": Kind.TEXT,
    "Whole__c": Kind.INTEGER,
    "Price__c": Kind.DECIMAL,
    "Flag__c": Kind.BOOLEAN,
    "Day__c": Kind.DATE,
    "Moment__c": Kind.DATETIME,
    "Hour__c": Kind.TIME,
    "Tags__c": Kind.MULTI,
    "Owner__c": Kind.ID,
}
MAPPING = Mapping(
    1,
    tuple(
        mapped("Lead", f, f.removesuffix("__c").lower(), k, 2 if k is Kind.DECIMAL else 0)
        for f, k in KINDS.items()
    ),
)
LEAD = MAPPING.of("Lead")
CELLS = {
    Kind.TEXT: ["", " ", "\t", " edge ", "\nx\n", "a\r\nb\rc", "NA", "NULL", "#N/A", '"', '","', "\\N", "\\.", "\u00a0x\u00a0", "é🦊", "0012", "a\n\\.\nb"],
    Kind.INTEGER: ["", "0", "-7", " 12 ", "8.0", "8.5", "-8.5", "1e3", "12 apples", "0x10", "+5", "123456789012345678"],
    Kind.DECIMAL: ["", "1", "1.005", "-0.00", "1.2345E3", ".5", "5.", "1,5", "NaN", "99999999.99", "-3.14159"],
    Kind.BOOLEAN: ["", "true", "false", "TRUE", "False", "1", "0", "yes", "maybe", "2"],
    Kind.DATE: ["", "2026-02-28", "0999-01-01", "2026-02-28T10:00:00.000Z", "2026-02-30", "yesterday", "20260228"],
    Kind.DATETIME: ["", "2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:05.000+0200", "2026-01-02", "soon", "1700-01-01T00:00:00.000Z"],
    Kind.TIME: ["", "08:15:00.000Z", "08:15:00Z", "8 o'clock"],
    Kind.MULTI: ["", "a", "b;a", "b; a;;b", "z;é;a", ";"],
    Kind.ID: ["", "0055e0000000001AAA", "0055e0000000001", "0055E00000aBcDe", " 0055e0000000001AAA ", "x"],
}  # fmt: skip


@pytest.fixture
def ready(store: SqlStore) -> SqlStore:
    with store.transaction() as tx:
        tx.provision(MAPPING)
        tx.save_mapping(MAPPING, T0, "set-up")
    return store


def compare(store: SqlStore, user: SqlUser, rows: list[dict[str, str]], quoting: int = csv.QUOTE_ALL) -> None:
    """Load these rows the fast way, and as observations under other ids; both must be stored alike."""
    user.run("DELETE FROM person")
    user.run("DELETE FROM pair")
    given_page = page([{"Id": sf_id(n), **row} for n, row in enumerate(rows)], LEAD)
    if quoting != csv.QUOTE_ALL:
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
        writer.writerows(csv.reader(io.StringIO(given_page.content.decode(), newline="")))
        given_page = SnapshotPage("Lead", given_page.columns, text.getvalue().encode(), len(rows), None, None)
    other = [
        Observation(one.record.__class__(**{**one.record.__dict__, "sf_id": sf_id(n + 5000)}), one.values)
        for n, one in enumerate(observe(LEAD, r) for r in loading.records_of(given_page, T0))
    ]
    with store.transaction() as tx:
        assert tx.load_page(LEAD, given_page, T0).inserted == len(rows)
        tx.add_people(LEAD, other, None)
        fast = tx.linked(LEAD, [sf_id(n) for n in range(len(rows))])
        slow = tx.linked(LEAD, [sf_id(n + 5000) for n in range(len(rows))])
    for n, row in enumerate(rows):
        assert fast[sf_id(n)].ours == slow[sf_id(n + 5000)].ours, row
        assert not fast[sf_id(n)].dirty
        assert fast[sf_id(n)].pair.seen_modstamp == slow[sf_id(n + 5000)].pair.seen_modstamp
    columns = [f.column for f in LEAD.fields if f.kind is not Kind.DECIMAL]
    stored = user.run(f"SELECT salesforce_id, {', '.join(columns)} FROM person")
    by_id = {row["salesforce_id"]: row for row in stored}
    for n, row in enumerate(rows):
        for column in columns:
            assert by_id[sf_id(n)][column] == by_id[sf_id(n + 5000)][column], (column, row)


@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_every_form_of_every_kind(ready: SqlStore, store_user: SqlUser, quoting: int) -> None:
    rows = [{f: cell} for f, kind in KINDS.items() for cell in CELLS[kind]]
    compare(ready, store_user, rows, quoting)
    for row in rows[:40]:
        compare(ready, store_user, [row], quoting)


@pytest.mark.parametrize("kind", ["sqlite"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                f: st.sampled_from(CELLS[k]) | (st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=6) if k is Kind.TEXT else st.nothing())
                for f, k in KINDS.items()
            },
        ),
        max_size=6,
    )
)  # fmt: skip
def test_any_mixture(ready: SqlStore, store_user: SqlUser, rows: list[dict[str, str]]) -> None:
    compare(ready, store_user, rows)


def test_known_short_and_double_ids(ready: SqlStore, store_user: SqlUser) -> None:
    def load(*ids: str) -> tuple[int, list[str]]:
        with ready.transaction() as tx:
            done = tx.load_page(LEAD, page([{"Id": i, "Text__c": i} for i in ids], LEAD), T0)
        return done.inserted, [r.sf_id for r in done.known]

    one, two, three, four = (sf_id(n) for n in range(1, 5))
    assert load(one, two[:15]) == (2, [])
    assert load(three, two, one[:15], four) == (2, [two, one])
    assert load(sf_id(9), sf_id(9)) == (1, [sf_id(9)])
    ids = [p["salesforce_id"] for p in store_user.people()]
    assert ids == [full_id(i) for i in (one, two, three, four, sf_id(9))]
    assert len(store_user.run("SELECT * FROM pair")) == 5
    assert store_user.run("SELECT * FROM change_log") == []


def test_users_after_a_load_are_captured_and_ids_go_on(ready: SqlStore, store_user: SqlUser) -> None:
    store_user.run("INSERT INTO person (id, text) VALUES (500, 'mine')")
    with ready.transaction() as tx:
        tx.load_page(LEAD, page([{"Id": sf_id(n)} for n in range(3)], LEAD), T0)
    assert [p["id"] for p in store_user.people()] == [500, 501, 502, 503]
    made = store_user.insert(text="y")
    assert made == 504 and [c.column for c in store_user.changes(made)] == [None]
    store_user.edit(502, "text", "z")
    with ready.transaction() as tx:
        assert [o.pair.person_id for o in tx.owed(LEAD, T0, 0, 10)] == [502]


def test_a_column_that_is_not_on_the_page_is_blank(ready: SqlStore, store_user: SqlUser) -> None:
    content = f'"Id","SystemModstamp","Text__c"\n"{sf_id(1)}","2026-01-05T08:00:00.000Z","x"\n'.encode()
    part = SnapshotPage("Lead", ("Id", "SystemModstamp", "Text__c"), content, 1, None, None)
    with ready.transaction() as tx:
        assert tx.load_page(LEAD, part, T0).inserted == 1
        found = tx.linked(LEAD, [sf_id(1)])[sf_id(1)]
    assert {c: v for c, v in found.ours.items() if v is not None} == {"text": "x"}
    header_only = SnapshotPage("Lead", part.columns, content.splitlines(keepends=True)[0], 0, None, None)
    empty = SnapshotPage("Lead", (), b"", 0, None, None)
    with ready.transaction() as tx:
        assert tx.load_page(LEAD, header_only, T0).inserted == 0
        assert tx.load_page(LEAD, empty, T0).inserted == 0


def test_a_broken_page_leaves_nothing(ready: SqlStore, store_user: SqlUser) -> None:
    good = page([{"Id": sf_id(1)}, {"Id": sf_id(2)}], LEAD)
    cut = SnapshotPage("Lead", good.columns, good.content[: -len(good.columns) * 3], 2, None, None)
    with pytest.raises((ValueError, sa.exc.SQLAlchemyError, Exception)), ready.transaction() as tx:
        tx.load_page(LEAD, cut, T0)
    assert store_user.people() == [] and store_user.run("SELECT * FROM pair") == []


def test_companies_again(ready: SqlStore, store_user: SqlUser) -> None:
    with ready.transaction() as tx:
        tx.provision(Mapping(2, (*MAPPING.fields, *ACCOUNT.fields)))
        rows: list[Named[str, str]] = [
            {"Id": sf_id(n, "001"), "Name": f" {n} ", "NumberOfEmployees": "7.0"} for n in (1, 2)
        ]
        assert tx.load_page(ACCOUNT, page(rows[:1], ACCOUNT), T0).inserted == 1
        done = tx.load_page(ACCOUNT, page(rows, ACCOUNT), T0 + timedelta(seconds=1))
        assert (done.inserted, [r.sf_id for r in done.known]) == (1, [sf_id(1, "001")])
        assert tx.mirrored(ACCOUNT, [sf_id(2, "001")])[sf_id(2, "001")] == {
            "name": "2",
            "number_of_employees": 7,
        }
