"""Reading the CSV of a bulk upload as Salesforce's own reader does.

The rules, limits and messages are those of the reader that Salesforce publishes (`CSVReader` of its Web
Service Connector): a quote opens a value only at the value's beginning, inside it two stand for one;
after the closing quote comes a separator or the end of the line; blank lines are no records; `\\r`,
`\\n` and `\\r\\n` all end a line and are `\\n` inside a value. A byte order mark is no mark: it is the
first character of the first name. What breaks a rule makes the whole file unusable.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MOST_FIELD_CHARACTERS = 131_072
MOST_RECORD_CHARACTERS = 400_000
MOST_COLUMNS = 5_000
_CHUNK = 1 << 18
_LONGEST_RAW = 2 * MOST_RECORD_CHARACTERS + 4 * MOST_COLUMNS
"""Characters that a record of full length can take when every one of them is an escaped quote."""


class CsvError(ValueError):
    """The file cannot be read; the text is what a job says of it after `InvalidBatch : `."""


@dataclass(frozen=True)
class Row:
    """One record: its values, and the text that they were read from, line end included."""

    values: list[str]
    text: str


class CsvReader:
    """Iterates over the records of a file, header included; memory holds a chunk of it."""

    def __init__(self, source: IO[bytes], delimiter: str) -> None:
        self._source = source
        self._delimiter = delimiter
        # Malformed bytes become the replacement character, as Java's reader has it.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._at = 0
        self._ended = False
        escaped = re.escape(delimiter)
        self._quoted = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
        self._plain = re.compile(rf'[^"\r\n{escaped}]*+')

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        """The next record that is not blank.

        Raises CsvError when the file breaks a rule.
        """
        while True:
            row = self._record()
            if row is None:
                raise StopIteration
            if len(row.values) > 1 or row.values[0]:
                _check_sizes(row.values)
                return row

    def rest(self) -> str:
        """What was read ahead and not yet given out, for a file that broke a rule."""
        return self._text[self._at :]

    def _record(self) -> Row | None:
        while True:
            if self._at >= len(self._text) and not self._more():
                return None
            found = self._scan()
            if found is not None:
                end, values = found
                text = self._text[self._at : end]
                self._at = end
                return Row(values, text)
            if len(self._text) - self._at > _LONGEST_RAW:
                raise _unreadable(
                    f"Exceeded max length for one record: {len(self._text) - self._at}. Max length for one "
                    f"record should be less than or equal to {MOST_RECORD_CHARACTERS}"
                )
            self._more()

    def _more(self) -> bool:
        """Read on; False when there is nothing left to read."""
        self._text = self._text[self._at :]
        self._at = 0
        while not self._ended:
            data = self._source.read(_CHUNK)
            self._ended = not data
            text = self._decoder.decode(data, final=self._ended)
            self._text += text
            if text:
                return True
        return False

    def _scan(self) -> tuple[int, list[str]] | None:
        """Where the record ends, and its values; None when more text is needed to know."""
        simple = self._without_quotes()
        if simple is not None:
            return simple
        text, at, values = self._text, self._at, []
        while True:
            if text.startswith('"', at):
                match = self._quoted.match(text, at)
                if match is None or (match.end() >= len(text) and not self._ended):
                    if self._ended:
                        raise _unreadable("EOF reached before closing an opened quote")
                    return None
                value = match[1]
                if '""' in value:
                    value = value.replace('""', '"')
                if "\r" in value:
                    value = value.replace("\r\n", "\n").replace("\r", "\n")
            else:
                match = self._plain.match(text, at)
                assert match is not None
                value = match[0]
            values.append(value)
            at = match.end()
            if at >= len(text):
                return (at, values) if self._ended else None
            sign = text[at]
            if sign == self._delimiter:
                at += 1
                if at >= len(text) and not self._ended:
                    return None
                continue
            if sign in "\r\n":
                end = self._line_end(at)
                return None if end is None else (end, values)
            raise _unreadable(
                "Found unescaped quote. A value with quote should be within a quote"
                if sign == '"'
                else "Not expecting more text after end quote"
            )

    def _without_quotes(self) -> tuple[int, list[str]] | None:
        """The common case, ten times as fast: a line that has no quote in it."""
        newline = self._text.find("\n", self._at)
        if newline < 0:
            return None
        line = self._text[self._at : newline]
        if '"' in line:
            return None
        line = line.removesuffix("\r")
        if "\r" in line:
            return None
        return newline + 1, line.split(self._delimiter)

    def _line_end(self, at: int) -> int | None:
        if self._text[at] == "\n":
            return at + 1
        if at + 1 >= len(self._text):
            return at + 1 if self._ended else None
        return at + 2 if self._text[at + 1] == "\n" else at + 1


def _unreadable(message: str) -> CsvError:
    return CsvError(f"Failed to parse CSV. {message}")


def _check_sizes(values: list[str]) -> None:
    total = sum(map(len, values))
    if total > MOST_RECORD_CHARACTERS:
        raise _unreadable(
            f"Exceeded max length for one record: {total}. Max length for one record "
            f"should be less than or equal to {MOST_RECORD_CHARACTERS}"
        )
    if total > MOST_FIELD_CHARACTERS and (longest := max(map(len, values))) > MOST_FIELD_CHARACTERS:
        raise _unreadable(f"Exceeded max field size: {longest}")
    if len(values) > MOST_COLUMNS:
        raise _unreadable(f"Exceeded max number of columns per record : {MOST_COLUMNS}")


def wrong_line_end(source: IO[bytes], line_ending: str) -> bool:
    """Whether a file holds a line end other than the job's, inside quoted values too.

    `LF` takes no `\\r\\n` anywhere, `CRLF` no `\\n` without `\\r` before it.
    """
    last = b""
    while piece := source.read(_CHUNK):
        piece = last + piece
        pairs = piece.count(b"\r\n")
        if pairs if line_ending == "LF" else piece.count(b"\n") != pairs:
            return True
        # A pair may be cut in two by the end of the chunk.
        last = b"\r" if piece.endswith(b"\r") else b""
    return False
