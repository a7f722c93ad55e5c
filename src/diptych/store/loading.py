"""`load_page`: one part of a bulk result into the database (C-08, C-09)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from diptych.domain.mapping import ObjectMapping, observe
from diptych.domain.objects import synced_object
from diptych.domain.pair import Record
from diptych.domain.values import full_id, parse_instant
from diptych.store.catalogue import Catalogue
from diptych.store.mirror import mirror
from diptych.store.pairs import chunks
from diptych.store.people import add_people
from diptych.sync.ports import PageLoad, SnapshotPage


def load_carefully(
    connection: Connection,
    catalogue: Catalogue,
    object_mapping: ObjectMapping,
    page: SnapshotPage,
    read_at: datetime,
    now: datetime,
    known_ids: Iterable[str],
) -> PageLoad:
    """Row by row through `canonical`: the way for pages that the fast one does not take."""
    seen = set(known_ids)
    known, new = [], []
    for record in records_of(page, read_at):
        if record.sf_id in seen:
            known.append(record)
        else:
            seen.add(record.sf_id)
            new.append(observe(object_mapping, record))
    for some in chunks(new):
        if synced_object(object_mapping.object_name).two_way:
            add_people(connection, catalogue, object_mapping, some)
        else:
            mirror(connection, catalogue, object_mapping, some, now)
    return PageLoad(len(new), tuple(known))


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


def ids_of(page: SnapshotPage) -> Sequence[str]:
    """The Salesforce ids on a page, in full form."""
    rows = csv.reader(io.StringIO(page.content.decode(), newline=""))
    header = next(rows, [])
    if "Id" not in header:
        return []
    place = header.index("Id")
    return [full_id(row[place]) for row in rows]
