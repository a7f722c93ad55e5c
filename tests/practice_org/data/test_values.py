"""Ids, values and bulk loading."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practice_org import ids
from practice_org.data.load import bulk_insert
from practice_org.data.tables import java_double
from practice_org.data.values import to_stored
from practice_org.errors import ApiError
from practice_org.schema.catalogue import Field
from tests.practice_org.calls import new_org


@pytest.mark.parametrize(
    "id18", ["0017Q00000EZlbyQAD", "003ak00000luKU1AAM", "750ak000009BWKLAA4", "0014S000007NxmlQAC"]
)
def test_checksums_are_those_of_real_ids(id18: str) -> None:
    assert ids.to18(id18[:15]) == id18
    assert ids.to18(id18) == id18
    assert ids.to18(id18.upper()) == id18


@pytest.mark.parametrize("text", ["", "short", "0017Q00000EZlby!", "0017Q00000EZlbyQ", "0017Q00000EZlbyQADX"])
def test_what_is_no_id(text: str) -> None:
    assert ids.to18(text) is None


@given(st.integers(0, 62**9 - 2))
def test_ids_rise_with_their_number(number: int) -> None:
    low, high = ids.encode("00Q", number), ids.encode("00Q", number + 1)
    assert low < high and len(low) == 18 and ids.to18(low) == low


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_java_doubles_read_back(number: float) -> None:
    text = java_double(number)
    assert text is not None and float(text) == number
    assert "e" not in text


@pytest.mark.parametrize(
    ("number", "text"), [(1.0, "1.0"), (350000000, "3.5E8"), (12345678.9, "1.23456789E7"), (0.0001, "1.0E-4")]
)
def test_java_doubles_look_so(number: float, text: str) -> None:
    assert java_double(number) == text


def field(kind: str, **more: Any) -> Field:
    return Field("F__c", "F", kind, **more)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("string", "  a b ", "a b"),
        ("string", "   ", None),
        ("boolean", True, 1),
        ("date", "2026-02-28", "2026-02-28"),
        ("datetime", "2026-02-28T12:00:00+02:00", "2026-02-28T10:00:00"),
        ("datetime", "2026-02-28T12:00:00.999Z", "2026-02-28T12:00:00"),
        ("datetime", "2026-02-28T12:00:00.000+0000", "2026-02-28T12:00:00"),
        ("reference", "0017Q00000EZlby", "0017Q00000EZlbyQAD"),
    ],
)
def test_json_values(kind: str, value: Any, stored: Any) -> None:
    assert to_stored(field(kind), value) == stored


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("boolean", "perhaps"),
        ("boolean", 1),
        ("date", "2026-02-30"),
        ("date", "tomorrow"),
        ("datetime", "12:00"),
        ("double", "many"),
        ("int", 1.5),
        ("string", ["a"]),
        ("string", {"a": 1}),
    ],
)
def test_json_values_of_the_wrong_type(kind: str, value: Any) -> None:
    with pytest.raises(ApiError) as refused:
        to_stored(field(kind, precision=5, digits=5), value)
    assert refused.value.code == "JSON_PARSER_ERROR"


def test_text_is_converted_where_values_are_not_typed() -> None:
    assert to_stored(field("boolean"), "TRUE", typed=False) == 1
    assert to_stored(field("double", precision=5, scale=2), "1.239", typed=False) == 1.24
    assert to_stored(field("string"), 5, typed=False) == "5"
    assert (
        to_stored(field("datetime"), datetime(2026, 1, 2, tzinfo=UTC), typed=False) == "2026-01-02T00:00:00"
    )
    assert to_stored(field("date"), date(2026, 1, 2), typed=False) == "2026-01-02"
    with pytest.raises(ApiError) as refused:
        to_stored(field("double", precision=5), "x", typed=False)
    assert refused.value.code == "INVALID_TYPE_ON_FIELD_IN_RECORD"


def test_numbers_out_of_range() -> None:
    with pytest.raises(ApiError) as refused:
        to_stored(field("double", precision=5, scale=2), 1000)
    assert refused.value.code == "NUMBER_OUTSIDE_VALID_RANGE"


def test_a_bulk_load_fills_in_what_is_missing(tmp_path: Path) -> None:
    org, admin = new_org(tmp_path)
    moment = datetime(2025, 5, 5, tzinfo=UTC)
    columns = ["FirstName", "LastName", "Company", "SystemModstamp", "IsDeleted"]
    rows = [("Ada", "Ng", "C", moment, False), (None, "Ito", "", moment, True)]
    assert bulk_insert(org, "Lead", columns, iter(rows), expected=50_000) == 2
    found = admin.query("SELECT Name, Status, OwnerId, SystemModstamp FROM Lead ORDER BY Name", "/queryAll")
    names = [(r["Name"], r["Status"], r["SystemModstamp"]) for r in found["records"]]
    assert names == [
        ("Ada Ng", "Open - Not Contacted", "2025-05-05T00:00:00.000+0000"),
        ("Ito", "Open - Not Contacted", "2025-05-05T00:00:00.000+0000"),
    ]
    assert admin.query("SELECT COUNT() FROM Lead")["totalSize"] == 1
    indexes = [row[1] for row in org.reader().execute('PRAGMA index_list("Lead")')]
    assert "_ix_Lead_SystemModstamp_Id" in indexes
    with pytest.raises(KeyError):
        bulk_insert(org, "Lead", ["Nope"], [])
    org.close()
