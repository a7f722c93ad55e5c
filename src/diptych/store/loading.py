"""The rows of a bulk page as records, for those that are read one by one (see `loading_sqlite` and `loading_postgres`)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime

from diptych.domain.pair import Record
from diptych.domain.values import full_id, parse_instant
from diptych.sync.ports import SnapshotPage


def records_of(page: SnapshotPage, read_at: datetime) -> Iterator[Record]:
    """The rows of a page as records."""
    rows = csv.reader(io.StringIO(page.content.decode(), newline=""))
    header = next(rows, [])
    for row in rows:
        yield record_of(page.object_name, dict(zip(header, row, strict=True)), read_at)


def record_of(object_name: str, row: Mapping[str, str | None], read_at: datetime) -> Record:
    """One CSV row as a record; an empty cell is blank."""

    def moment(name: str) -> datetime | None:
        text = row.get(name)
        return parse_instant(text) if text else None

    modstamp = moment("SystemModstamp")
    if modstamp is None:
        raise ValueError(f"{object_name} {row.get('Id')} came without SystemModstamp")
    return Record(
        object_name,
        full_id(row["Id"] or ""),
        modstamp,
        read_at,
        moment("LastModifiedDate"),
        row.get("LastModifiedById") or None,
        deleted=(row.get("IsDeleted") or "").lower() == "true",
        master_id=row.get("MasterRecordId") or None,
        converted=(row.get("IsConverted") or "").lower() == "true",
        converted_contact_id=row.get("ConvertedContactId") or None,
        fields={name: text or None for name, text in row.items()},
    )
