"""The CSV of bulk uploads: Salesforce's rules, and whatever else may be sent."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from practice_org.data import csv_reader
from practice_org.data.csv_reader import CsvError, CsvReader, wrong_line_end
from practice_org.data.jobs import DELIMITERS


def read(data: bytes, delimiter: str = ",") -> list[list[str]]:
    return [row.values for row in CsvReader(io.BytesIO(data), delimiter)]


@pytest.mark.parametrize(
    ("data", "values"),
    [
        (b"a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        (b"a,b\r\n1,2", [["a", "b"], ["1", "2"]]),
        (b"a,b\r1,2\r", [["a", "b"], ["1", "2"]]),
        (b'"a","b ""c"""\n', [["a", 'b "c"']]),
        (b'"two\r\nlines",x\n', [["two\nlines", "x"]]),
        (b" a , b \n", [[" a ", " b "]]),
        (b"a,\n,\n", [["a", ""], ["", ""]]),
        (b"a\n\n\r\nb\n\n", [["a"], ["b"]]),
        (b'"",""\n', [["", ""]]),
        (b"", []),
        (b"\n", []),
        ("Ō,\n".encode(), [["Ō", ""]]),
        (b"a\xffb\n", [["a�b"]]),
        (b"\xef\xbb\xbfId\n", [["﻿Id"]]),
    ],
)
def test_what_is_read(data: bytes, values: list[list[str]]) -> None:
    assert read(data) == values


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'a"b\n', "Found unescaped quote. A value with quote should be within a quote"),
        (b'\xef\xbb\xbf"Id"\n', "Found unescaped quote. A value with quote should be within a quote"),
        (b'"John", "Smith"\n', "Found unescaped quote. A value with quote should be within a quote"),
        (b'"John" ,x\n', "Not expecting more text after end quote"),
        (b'x,"open\n', "EOF reached before closing an opened quote"),
        (b",".join([b"c"] * 5001) + b"\n", "Exceeded max number of columns per record : 5000"),
        (b"x" * 131_073 + b"\n", "Exceeded max field size: 131073"),
        (b",".join([b"x" * 100_001] * 4), "Exceeded max length for one record: 400004. Max"),
        (b'"' + b"x" * 900_000, "Exceeded max length for one record"),
    ],
)
def test_what_makes_a_file_unusable(data: bytes, message: str) -> None:
    with pytest.raises(CsvError, match="Failed to parse CSV. " + message.replace(".", r"\.")):
        read(data)


@pytest.mark.parametrize(
    ("data", "job", "wrong"),
    [
        (b"a\nb\n", "LF", False),
        (b"a\r\nb", "CRLF", False),
        (b"a\r\nb", "LF", True),
        (b'a\n"x\r\ny"\n', "LF", True),
        (b'a\r\n"x\ny"\r\n', "CRLF", True),
        (b"a\rb", "CRLF", False),
        (b"", "CRLF", False),
    ],
)
def test_line_ends(data: bytes, job: str, wrong: bool) -> None:
    assert wrong_line_end(io.BytesIO(data), job) is wrong


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=6), max_size=8)


@given(
    rows=ROWS,
    delimiter=st.sampled_from(sorted(DELIMITERS.values())),
    ending=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    piece=st.integers(1, 40),
)
@settings(deadline=None)
@example([["\r"], ['"']], ",", "\r\n", csv.QUOTE_ALL, 1)
def test_what_was_written_is_read(
    rows: list[list[str]], delimiter: str, ending: str, quoting: int, piece: int
) -> None:
    """In pieces of any size; line ends inside values become line feeds, blank lines vanish."""
    if ending == "\n":
        quoting = csv.QUOTE_ALL  # Python's writer leaves a carriage return unquoted then
    target = io.StringIO(newline="")
    csv.writer(target, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(rows)
    wanted = [[cell.replace("\r\n", "\n").replace("\r", "\n") for cell in row] for row in rows]
    whole = csv_reader._CHUNK
    try:
        csv_reader._CHUNK = piece
        source = target.getvalue().encode()
        found = list(CsvReader(io.BytesIO(source), delimiter))
    finally:
        csv_reader._CHUNK = whole
    assert [row.values for row in found] == [row for row in wanted if row != [""]]
    if all(row != [""] for row in wanted):
        assert "".join(row.text for row in found).encode() == source


@given(st.binary(max_size=300), st.sampled_from(sorted(DELIMITERS.values())))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes, delimiter: str) -> None:
    try:
        read(data, delimiter)
    except CsvError as error:
        assert str(error).startswith("Failed to parse CSV. ")
