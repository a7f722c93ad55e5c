"""A connected Salesforce org: the engine's port `Org` over REST and Bulk, and the way to get one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import httpx2

from diptych.domain.creating import Match, NewRecord
from diptych.domain.outcome import ErrorClass, OrgUnavailable, Outcome, Problem
from diptych.domain.schema import ObjectDescription
from diptych.domain.values import parse_instant
from diptych.salesforce import bulk, counts, creating, lifecycle, matches, metadata, query, records, traces
from diptych.salesforce.auth import Grant
from diptych.salesforce.client import API_VERSION, Client, Sub
from diptych.salesforce.credentials import Credentials
from diptych.salesforce.describe import describe, visible_objects
from diptych.salesforce.identity import identify, require_org
from diptych.salesforce.session import Keeper, session_for
from diptych.salesforce.transport import Patience, Transport
from diptych.sync.lifecycle import Conversion, Converted, RecordMerge
from diptych.sync.observing import NOBODY, Observer
from diptych.sync.ports import (
    ApiUsage,
    FeedPage,
    FeedRead,
    OrgIdentity,
    Retrieved,
    SnapshotJob,
    SnapshotPage,
    Traces,
    Watermark,
    Write,
)


@dataclass(frozen=True)
class Wire:
    """How to reach an org. `ca_file`: further certificate authorities (PEM) beside the system's.

    `adapter` replaces the network in tests; `now` is our clock, which only signs JWT logins.
    """

    api_version: str = API_VERSION
    patience: Patience = field(default_factory=Patience)
    ca_file: str | None = None
    adapter: httpx2.BaseTransport | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    observer: Observer = NOBODY

    def transport(self) -> Transport:
        return Transport(self.patience, ca_file=self.ca_file, adapter=self.adapter, observer=self.observer)


class SalesforceOrg:
    """See `diptych.sync.ports.Org`. Safe to use from several threads; `close` it when done."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._identity: OrgIdentity | None = None
        self._countable: dict[str, frozenset[str]] = {}

    def identity(self) -> OrgIdentity:
        """Read once and then remembered: a session belongs to one user and one org."""
        if self._identity is None:
            self._identity = identify(self.client)
        return self._identity

    def describe(self, object_name: str) -> ObjectDescription:
        described, countable = describe(self.client, object_name)
        self._countable[object_name] = countable
        return described

    def visible_objects(self) -> dict[str, str]:
        """API name and label of every object that can be queried."""
        return visible_objects(self.client)

    def watermark(self, object_names: Sequence[str]) -> Watermark:
        """One call: what was `updated` in the last minutes tells how far the org vouches for (latestDateCovered).

        An object whose coverage the org does not tell is missing from `covered`.
        """
        estimate = self._server_time()
        covered = self._covered(object_names, estimate)
        now = (
            self._server_time()
        )  # by the clock of the answer just given, should it have been put right meanwhile
        if abs(now - estimate) > timedelta(minutes=1):
            covered = self._covered(object_names, now)
        return Watermark(now, covered)

    def _covered(self, object_names: Sequence[str], now: datetime) -> dict[str, datetime]:
        minute = now.replace(second=0)
        # seconds are ignored there, so the window has to reach past this minute to cover it
        start, until = (_url_instant(minute + timedelta(minutes=m)) for m in (-1, 1))
        subs = [Sub(f"sobjects/{quote(n, safe='')}/updated?start={start}&end={until}") for n in object_names]
        covered: dict[str, datetime] = {}
        for first in range(0, len(subs), 25):
            answers = self.client.composite(subs[first : first + 25])
            for name, answer in zip(object_names[first : first + 25], answers, strict=True):
                if not answer.faults:
                    covered[name] = parse_instant(answer.document["latestDateCovered"])
        return covered

    def changed(self, reads: Sequence[FeedRead]) -> list[FeedPage]:
        return query.changed(self.client, reads, self._server_time()) if reads else []

    def retrieve(
        self, object_name: str, ids: Sequence[str], fields: Sequence[str], deleted_too: bool = False
    ) -> Retrieved:
        if len(ids) > records.MOST:
            raise ValueError(f"at most {records.MOST} records in one call")
        read_at = self._server_time()
        return Retrieved(read_at, query.by_ids(self.client, object_name, ids, fields, read_at, deleted_too))

    def trace(self, object_name: str, ids: Sequence[str]) -> Traces:
        who = self.identity()
        return traces.trace(self.client, who.user_id, who.profile_id, object_name, ids, self._server_time())

    def update(self, object_name: str, writes: Sequence[Write], attempt_id: str) -> list[Outcome]:
        return records.update(self.client, object_name, writes, attempt_id)

    def find(self, emails: Sequence[str], keys: Sequence[str], key_objects: Sequence[str]) -> list[Match]:
        return matches.find(self.client, emails, keys, key_objects)

    def create(
        self,
        object_name: str,
        new: Sequence[NewRecord],
        attempt_id: str,
        by_key: bool,
        allow_duplicates: bool = False,
    ) -> list[Outcome]:
        return creating.create(self.client, object_name, new, attempt_id, by_key, allow_duplicates)

    def convert(self, conversions: Sequence[Conversion], attempt_id: str) -> list[Converted]:
        return lifecycle.convert(self.client, conversions, attempt_id)

    def merge(self, merges: Sequence[RecordMerge], attempt_id: str) -> list[Outcome]:
        return lifecycle.merge(self.client, merges, attempt_id)

    def delete(self, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
        return lifecycle.delete(self.client, ids, attempt_id)

    def undelete(self, ids: Sequence[str], attempt_id: str) -> list[Outcome]:
        return lifecycle.undelete(self.client, ids, attempt_id)

    def converted_statuses(self) -> list[str]:
        return lifecycle.converted_statuses(self.client)

    def count(self, object_name: str) -> int:
        return counts.count(self.client, object_name)

    def count_ranges(self, object_name: str, ranges: Sequence[tuple[str, str]]) -> list[int]:
        return counts.count_ranges(self.client, object_name, ranges)

    def fill_counts(self, object_name: str, fields: Sequence[str]) -> Mapping[str, int]:
        described = self.describe(object_name)
        return counts.fill_counts(self.client, described, self._countable[object_name], fields)

    def repeated(self, object_name: str, field: str, limit: int) -> Mapping[str, int]:
        return counts.repeated(self.client, object_name, field, limit)

    def start_snapshot(self, object_name: str, fields: Sequence[str]) -> str:
        return bulk.start(self.client, object_name, tuple(fields))

    def snapshot_job(self, job_id: str) -> SnapshotJob:
        return bulk.job(self.client, job_id)

    def snapshot_pages(self, job_id: str, locator: str | None, max_rows: int) -> Iterator[SnapshotPage]:
        return bulk.pages(self.client, job_id, locator, max_rows)

    def end_snapshot(self, job_id: str) -> None:
        bulk.end(self.client, job_id)

    def usage(self) -> ApiUsage:
        used, allowed = self.client.transport.usage or (None, None)
        return ApiUsage(used, allowed, self.client.transport.calls)

    def permissions(self, object_names: Sequence[str]) -> metadata.PermissionFacts:
        """What the sync user may do (pre-flight)."""
        who = self.identity()
        return metadata.permissions(self.client, who.user_id, who.profile_id, object_names)

    def sees_all(self, told: metadata.PermissionFacts, object_names: Sequence[str]) -> dict[str, bool | None]:
        """Whether the sync user, of whom `told` was said, is shown every record of an object (S-20); None: not told."""
        return traces.sees_all(self.client, told, object_names)

    def record_rights(self, ids: Sequence[str]) -> dict[str, metadata.RecordRights]:
        """What the sync user may do with these records, sharing included."""
        return metadata.record_rights(self.client, self.identity().user_id, ids)

    def record_counts(self, object_names: Sequence[str]) -> dict[str, int]:
        """About how many records the whole org has; more than `count` means that sharing hides some (S-20)."""
        return metadata.record_counts(self.client, object_names)

    def api_limits(self) -> dict[str, tuple[int, int]]:
        """Every limit of the org: allowed and remaining."""
        return metadata.api_limits(self.client)

    def label_cycle(self, cycle_id: str | None) -> None:
        """Send this with every request from now on (X-Diptych-Cycle)."""
        self.client.cycle_id = cycle_id

    def close(self) -> None:
        self.client.transport.close()

    def _server_time(self) -> datetime:
        """Not later than the org's clock now; asks the org when it has not answered anything yet."""
        known = self.client.server_time()
        if known is None:
            self.client.get("/services/data")
            known = self.client.server_time()
        if known is None:
            raise OrgUnavailable(
                Problem(
                    "NO_DATE",
                    "The answers from Salesforce do not say what time it is there.",
                    ErrorClass.NETWORK,
                    "A proxy in between removes the Date header.",
                    "Let the proxy pass the Date header on.",
                )
            )
        return known


def connect(
    credentials: Credentials,
    *,
    expected_org_id: str | None = None,
    keeper: Keeper | None = None,
    grant: Grant | None = None,
    fresh: bool = False,
    wire: Wire | None = None,
) -> SalesforceOrg:
    """Log in, and make sure which org it is. Nothing is kept anywhere but in this process.

    `keeper` stores rotated refresh tokens; `grant` is a session that came with the credentials; `fresh` logs in anew even
    if this process has a session of them (to check credentials). Raises LoginFailed, OrgUnavailable, OrgRefused, and
    WrongOrg when the org is not `expected_org_id`.
    """
    chosen = wire or Wire()
    session = session_for(credentials, chosen.now)
    if keeper is not None:
        session.keeper = keeper
    if fresh or grant is not None:
        session.adopt(grant)
    org = SalesforceOrg(Client(chosen.transport(), session, chosen.api_version))
    try:
        identity = org.identity()
        if expected_org_id is not None:
            require_org(identity, expected_org_id)
    except BaseException:
        org.close()
        raise
    return org


def _url_instant(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
