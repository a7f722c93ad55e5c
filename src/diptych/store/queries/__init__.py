"""What the admin and the terminal read: one object over the database, each method on one consistent state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from diptych.domain.creating import Wish
from diptych.store import auditing
from diptych.store.auditing import AuditLine
from diptych.store.queries import (
    alike,
    backlog,
    causes,
    companies,
    creations,
    ledger,
    origins,
    people,
    run_lines,
    status,
    steps,
    trouble,
)
from diptych.store.queries.alike import AlikePerson
from diptych.store.queries.causes import CauseRow, JobError
from diptych.store.queries.companies import MirrorPage
from diptych.store.queries.creations import CreationRow
from diptych.store.queries.ledger import RunRow
from diptych.store.queries.origins import Origins
from diptych.store.queries.people import HistoryRow, PairRow, PeoplePage, Person
from diptych.store.queries.run_lines import RunLine
from diptych.store.queries.status import ObjectCounts, StoreStatus
from diptych.store.queries.steps import StepRow, StepSums
from diptych.store.queries.trouble import ConflictRow, DeadLetterRow

__all__ = [
    "AlikePerson",
    "AuditLine",
    "CauseRow",
    "ConflictRow",
    "CreationRow",
    "DeadLetterRow",
    "HistoryRow",
    "JobError",
    "MirrorPage",
    "ObjectCounts",
    "PairRow",
    "PeoplePage",
    "Person",
    "Queries",
    "RunLine",
    "RunRow",
    "StepRow",
    "StepSums",
    "StoreStatus",
]


class Queries:
    """Reads of one store (`SqlStore.reading` is what it needs)."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._reading = reading

    def columns(self) -> dict[str, str]:
        """The mapped columns of a person, each with its kind, in order of creation."""
        with self._reading() as connection:
            return people.columns(connection)

    def people(
        self,
        search: str = "",
        salesforce_type: str = "",
        link_state: str = "",
        sort: str = "-id",
        page: int = 1,
        page_size: int = 50,
        below: int | None = None,
        above: int | None = None,
    ) -> PeoplePage:
        """One page of people. `search`: words that all must occur in name, email, company, phone or Salesforce id; a lone
        number also finds the person with that id. `salesforce_type` 'none': made here. `sort`: a column, '-' before it
        for descending. `below`, `above`: the id at the edge of the page before or after, where the newest come first; it is
        found at once however many pages there are. Raises ValueError for a column that does not exist."""
        with self._reading() as connection:
            return people.page(
                connection, search, salesforce_type, link_state, sort, page, page_size, below, above
            )

    def people_before(
        self,
        before: int | None,
        limit: int,
        search: str = "",
        salesforce_type: str = "",
        link_state: str = "",
    ) -> list[dict[str, Any]]:
        """People of ids below `before`, the highest first, as rows of `people`; nothing is counted."""
        with self._reading() as connection:
            return people.before(connection, before, limit, search, salesforce_type, link_state)

    def person(self, person_id: int) -> Person | None:
        """A person with all columns, pairs and what is waiting; None when there is none."""
        with self._reading() as connection:
            return people.person(connection, person_id)

    def waiting(self, person_ids: list[int]) -> set[int]:
        """Those of these people with a change that Salesforce does not have yet; for one page of a list."""
        with self._reading() as connection:
            return people.waiting(connection, person_ids)

    def owing(self, size: int = 100, page: int = 1) -> tuple[list[tuple[int, int, str]], int]:
        """Pairs with a value that Salesforce does not have, held back or not, as (pair, person, object); and how many there are."""
        with self._reading() as connection:
            return backlog.owing(connection, size, page)

    def history(self, person_id: int, limit: int = 200, before: int | None = None) -> list[HistoryRow]:
        """Who changed which value when, newest first; `before` is the id of the last line of the page before."""
        with self._reading() as connection:
            return people.history(connection, person_id, limit, before)

    def origins(self, person_id: int) -> Origins:
        """Where each value of a person came from: its last change, or how the person came here."""
        with self._reading() as connection:
            return origins.origins(connection, person_id)

    def alike(self, columns: Sequence[str]) -> list[AlikePerson]:
        """Everybody who shares the first of these columns with somebody, case aside. Raises KeyError for an unknown column."""
        with self._reading() as connection:
            return alike.alike(connection, columns)

    def creations(
        self, wishes: Sequence[Wish], limit: int = 100, page: int = 1
    ) -> tuple[list[CreationRow], int]:
        """People of whom one of these is said, by id, and how many there are."""
        with self._reading() as connection:
            return creations.listed(connection, wishes, limit, page)

    def status(self) -> StoreStatus:
        """Counts of each object, latest run, latest step of each kind, loads."""
        with self._reading() as connection:
            return status.read(connection)

    def runs(self, limit: int = 20, before: int | None = None, kind: str = "") -> list[RunRow]:
        """The latest runs with their steps, newest first."""
        with self._reading() as connection:
            return ledger.runs(connection, limit, before, kind)

    def run(self, run_id: int) -> RunRow | None:
        """One run with its steps; None when there is none (any more)."""
        with self._reading() as connection:
            return ledger.run_of(connection, run_id)

    def steps(
        self, limit: int = 100, page: int = 1, sort: str = "-started", **filters: Any
    ) -> tuple[list[StepRow], StepSums]:
        """Every step of every run, and runs without steps that did not succeed, with the sums over all of them. `sort`:
        started or ended, '-' before it for the latest first. Filters: since, until (datetimes), object_name, operation,
        status, kind (of the run), run_id."""
        with self._reading() as connection:
            return steps.steps(connection, limit, page, sort, **filters)

    def step_facets(self) -> dict[str, list[str]]:
        """The objects, operations and kinds of runs that there are steps of."""
        with self._reading() as connection:
            return steps.facets(connection)

    def run_counts(self, run_id: int) -> dict[str, int]:
        """How many lines of each kind (`run_lines`) a run has."""
        with self._reading() as connection:
            return run_lines.run_counts(connection, run_id)

    def run_lines(
        self, run_id: int, what: str, limit: int = 100, page: int = 1, object_name: str = ""
    ) -> tuple[list[RunLine], int]:
        """What a run did, line by line, and how many lines there are. `what`: new, updated, sent, created, deleted, failed,
        conflicts. Raises KeyError for another."""
        with self._reading() as connection:
            return run_lines.run_lines(connection, run_id, what, limit, page, object_name)

    def oldest_waiting(self) -> dict[str, datetime]:
        """By object, when the change was made here that waits longest for Salesforce (of a large backlog about)."""
        with self._reading() as connection:
            return dict(backlog.read_backlog(connection).oldest)

    def edits_since(self, after: int) -> tuple[int, bool]:
        """The number of the latest line of history, and whether one after `after` is a change made here. A hint that there
        is something to send; lines of others may still become visible with lower numbers."""
        with self._reading() as connection:
            return ledger.edits_since(connection, after)

    def dead_letters(
        self, limit: int = 100, page: int = 1, **filters: Any
    ) -> tuple[list[DeadLetterRow], int]:
        """Dead letters, newest first, and how many there are. Filters: as of `causes`, person_id, letter_id; before: only
        those of lower numbers, in the order of numbers."""
        with self._reading() as connection:
            return trouble.dead_letters(connection, limit, page, **filters)

    def causes(self, limit: int = 200, **filters: Any) -> list[CauseRow]:
        """Errors by cause, the most frequent first. Filters: status (open, the default; quarantined, ignored, held: all three),
        object_name, error_class, field (API name or column), since, key."""
        with self._reading() as connection:
            return causes.causes(connection, limit, **filters)

    def cause_facets(self) -> dict[str, list[str]]:
        """The objects, classes and fields of what is held."""
        with self._reading() as connection:
            return causes.facets(connection)

    def cause_totals(self) -> dict[str, int]:
        """How many errors are open, quarantined, ignored."""
        with self._reading() as connection:
            return causes.totals(connection)

    def job_errors(self, since: datetime) -> list[JobError]:
        """What stopped or shortened runs since then, the same texts together, the latest first."""
        with self._reading() as connection:
            return causes.job_errors(connection, since)

    def conflicts(self, limit: int = 100, page: int = 1, **filters: Any) -> tuple[list[ConflictRow], int]:
        """Decided conflicts, newest first, and how many there are. Filters: object_name, person_id,
        column, winner, reason, since (a datetime, inclusive), before (only those of lower numbers)."""
        with self._reading() as connection:
            return trouble.conflicts(connection, limit, page, **filters)

    def conflict(self, conflict_id: int) -> ConflictRow | None:
        """One decided conflict."""
        with self._reading() as connection:
            found, _ = trouble.conflicts(connection, 1, 1, conflict_id=conflict_id)
        return found[0] if found else None

    def audit(
        self,
        limit: int = 100,
        before: int | None = None,
        actor: str = "",
        what: str = "",
        since: datetime | None = None,
    ) -> list[AuditLine]:
        """Who changed which setting, newest first; `before` is the id of the last line of the page before, `what` how the
        name of the setting begins."""
        with self._reading() as connection:
            return auditing.lines(connection, limit, before, actor, what, since)

    def mirror_rows(
        self, table: str, search: str = "", sort: str = "id", page: int = 1, page_size: int = 50
    ) -> MirrorPage:
        """One page of an inbound-only table: company or salesforce_user."""
        with self._reading() as connection:
            return companies.page(connection, table, search, sort, page, page_size)

    def mirror_row(self, table: str, row_id: int) -> dict[str, Any] | None:
        """One row of an inbound-only table."""
        with self._reading() as connection:
            return companies.row(connection, table, row_id)

    def names_of(self, table: str, sf_ids: list[str]) -> dict[str, str]:
        """Names of companies or users by Salesforce id, for showing who an id is."""
        with self._reading() as connection:
            return companies.names_of(connection, table, sf_ids)
