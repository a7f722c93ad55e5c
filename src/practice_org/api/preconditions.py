"""Conditional requests on records: the ETag and Last-Modified of a record, and the headers that ask for them.

The documentation compares `If-Modified-Since` and `If-Unmodified-Since` with LastModifiedDate, for every
object, and knows ETags for accounts alone; recorded answers agree (an Account bears an ETag, Contact and
Lead only Last-Modified). The body of a real 412 is not recorded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from practice_org.api.describe import http_date
from practice_org.clock import parse_stamp
from practice_org.data.tables import quoted
from practice_org.dressing import http_date as written
from practice_org.errors import ApiError
from practice_org.schema.catalogue import ObjectType

WITH_ETAG = ("Account",)
CONDITIONS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")


@dataclass(frozen=True)
class State:
    """What the headers of a request are compared with."""

    modified: datetime
    etag: str | None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell a client of this state."""
        told = {"ETag": self.etag} if self.etag else {}
        return {**told, "Last-Modified": written(self.modified)}


def state_of(connection: sqlite3.Connection, obj: ObjectType, record_id: str) -> State | None:
    """The state of a record; None when there is none, or its object knows no date of change."""
    if not obj.get("LastModifiedDate"):
        return None
    columns = "*" if obj.name in WITH_ETAG else '"LastModifiedDate"'
    cursor = connection.execute(f'SELECT {columns} FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
    row = cursor.fetchone()
    if row is None:
        return None
    if obj.name not in WITH_ETAG:
        return State(parse_stamp(row[0]), None)
    named = dict(zip((d[0] for d in cursor.description), row, strict=True))
    digest = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).digest()
    return State(parse_stamp(named["LastModifiedDate"]), f'"{base64.b64encode(digest).decode()}"')


def check(headers: Mapping[str, str], method: str, state: State | None) -> bool:
    """Compare; True when a reader holds this state already (304).

    Raises ApiError 412 PRECONDITION_FAILED when the record is not in the state that the request demands.
    A tag is compared with accounts only; other records have none, and conditions on it mean nothing.
    """
    if state is None:
        return False
    reading = method in ("GET", "HEAD")
    wanted, known = headers.get("if-match"), headers.get("if-none-match")
    if state.etag is not None and wanted is not None and not _names(wanted, state.etag):
        raise _failed("If-Match")
    limit = http_date(headers.get("if-unmodified-since"))
    if limit is not None and state.modified > limit:
        raise _failed("If-Unmodified-Since")
    if state.etag is not None and known is not None:
        if not _names(known, state.etag):
            return False
        if not reading:
            raise _failed("If-None-Match")
        return True
    since = http_date(headers.get("if-modified-since"))
    return reading and since is not None and state.modified <= since


def _names(header: str, etag: str) -> bool:
    """True when a list of tags has this one; a gzipped answer's tag may end in `--gzip`."""
    if header.strip() == "*":
        return True
    bare = etag.strip('"')
    given = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return any(one.removesuffix("--gzip").removesuffix("-gzip") == bare for one in given)


def _failed(header: str) -> ApiError:
    return ApiError(
        412,
        "PRECONDITION_FAILED",
        f"The precondition given in the {header} header is not met",
        code_first=True,
    )
