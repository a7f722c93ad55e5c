"""The people of a seeded org: the same every time, and as messy as they must be."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from practice_org import starter
from practice_org.clock import parse_stamp
from practice_org.org import Org
from practice_org.seed import sow

PEOPLE = 9000


def seeded(path: Path, people: int, seed: int = 1) -> Org:
    org = Org.create(path)
    starter.furnish(org)
    org.clock.freeze(parse_stamp("2026-06-01T12:00:00"))
    sow.prepare_fields(org)
    sow.sow(org, people=people, seed=seed)
    return org


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    org = seeded(tmp_path_factory.mktemp("seed") / "org.sqlite3", PEOPLE)
    yield org
    org.close()


def rows(org: Org, sql: str) -> list[Any]:
    return org.reader().execute(sql).fetchall()


def one(org: Org, sql: str) -> int:
    return int(rows(org, sql)[0][0])


def test_the_same_seed_gives_the_same_people(tmp_path: Path) -> None:
    first, second = seeded(tmp_path / "1", 400), seeded(tmp_path / "2", 400)
    other = seeded(tmp_path / "3", 400, seed=2)
    query = 'SELECT * FROM "Lead" ORDER BY Id'
    assert rows(first, query) == rows(second, query) != rows(other, query)
    for org in (first, second, other):
        org.close()


def test_three_in_ten_are_contacts(org: Org) -> None:
    assert one(org, 'SELECT count(*) FROM "Contact"') == PEOPLE * 3 // 10
    assert one(org, 'SELECT count(*) FROM "Lead"') == PEOPLE * 7 // 10


def test_leads_have_forty_filled_fields_on_average(org: Org) -> None:
    all_rows = rows(org, 'SELECT * FROM "Lead" LIMIT 2000')
    assert sum(value is not None for row in all_rows for value in row) / len(all_rows) > 40


@pytest.mark.parametrize(
    "condition",
    [
        "Email IS NULL",
        "IsDeleted = 1",
        "OwnerId LIKE '00G%'",
        'OwnerId IN (SELECT Id FROM "User" WHERE IsActive = 0)',
        "IsConverted = 1 AND ConvertedContactId IN (SELECT Id FROM Contact WHERE IsDeleted = 0)",
        "instr(Street, char(10)) > 0",
        "instr(Description, '\"') > 0 AND instr(Description, ',') > 0",
        "length(Description) > 2000",
        "LastName = 'Null'",
        "FirstName = 'None'",
        "Company = 'NULL'",
        "Country = 'NA'",
        "Description = '#N/A'",
        "FirstName IS NULL",
        "Budget__c > 0",
        "Win_Probability__c BETWEEN 0 AND 100",
        "Interests__c LIKE '%;%'",
        "Newsletter__c = 1",
        "External_Key__c IS NULL",
        "mkto71_Acquisition_Program__c IS NOT NULL",
    ],
)
def test_every_kind_of_dirt_is_there(org: Org, condition: str) -> None:
    assert one(org, f'SELECT count(*) FROM "Lead" WHERE {condition}') > 0


def test_names_come_from_many_scripts(org: Org) -> None:
    text = "".join(row[0] for row in rows(org, 'SELECT Name FROM "Lead"'))
    scripts = {unicodedata.name(char, "?").split()[0] for char in set(text)}
    assert {
        "LATIN",
        "CJK",
        "ARABIC",
        "HEBREW",
        "CYRILLIC",
        "GREEK",
        "HANGUL",
        "DEVANAGARI",
        "COMBINING",
    } <= scripts
    assert any(ord(char) > 0x1F300 for char in text), "emoji"
    assert any(
        unicodedata.normalize("NFC", char) != char
        for char in (row[0] for row in rows(org, 'SELECT Name FROM "Lead"'))
    )


def test_people_share_addresses_and_companies(org: Org) -> None:
    shared = 'SELECT count(*) FROM (SELECT 1 FROM "Lead" WHERE Email IS NOT NULL GROUP BY Email HAVING count(*) > 1)'
    assert one(org, shared) > 50
    assert one(org, 'SELECT max(n) FROM (SELECT count(*) n FROM "Contact" GROUP BY AccountId)') > 20
    across = 'SELECT count(*) FROM "Lead" l JOIN "Contact" c ON c.Email = l.Email'
    assert one(org, across) > 0


def test_more_rows_share_a_second_than_a_page_holds(org: Org) -> None:
    assert one(org, 'SELECT max(n) FROM (SELECT count(*) n FROM "Lead" GROUP BY SystemModstamp)') > 2000


def test_stamps_are_in_order_and_in_the_past(org: Org) -> None:
    for name in (name for name in sow.SOWN if name != "OpportunityHistory"):
        wrong = f'SELECT count(*) FROM "{name}" WHERE NOT (CreatedDate <= LastModifiedDate AND LastModifiedDate <= SystemModstamp'
        assert one(org, f"{wrong} AND SystemModstamp < '2026-06-01T12:00:00')") == 0


def test_values_fit_their_fields(org: Org) -> None:
    for name in sow.SOWN:
        for field in org.schema[name].stored_fields:
            if field.is_text and field.length:
                longest = rows(org, f'SELECT max(length("{field.name}")) FROM "{name}"')[0][0]
                assert longest is None or longest <= field.length, f"{name}.{field.name}"


def test_deleted_records_lie_in_the_recycle_bin(org: Org) -> None:
    for name in sow.SOWN:
        bin_ = one(org, f"SELECT count(*) FROM _deleted WHERE object = '{name}'")
        assert bin_ == one(org, f'SELECT count(*) FROM "{name}" WHERE IsDeleted = 1')


def test_clear_empties_and_ids_are_not_used_again(tmp_path: Path) -> None:
    org = seeded(tmp_path / "org", 50)
    before = {row[0] for row in rows(org, 'SELECT Id FROM "Lead"')}
    sow.clear(org)
    assert one(org, "SELECT count(*) FROM _deleted") == 0
    sow.sow(org, people=50)
    assert before.isdisjoint(row[0] for row in rows(org, 'SELECT Id FROM "Lead"'))
    org.close()
