"""The read-only views for checks from outside (correctness.md 8.1)."""

from __future__ import annotations

from collections.abc import Iterator

from diptych.store.catalogue import PERSON_SYSTEM, Catalogue, quote

NAMES = ("v_people", "v_pairs", "v_conflicts", "v_dead_letters", "v_backlog")

_PAIRS = """SELECT p.id AS pair_id, p.person_id, p.object_name, p.sf_id AS salesforce_id, p.ext_key, p.state,
(p.inflight IS NOT NULL AND p.state <> 'detached') AS fenced,
(SELECT count(*) FROM base AS b WHERE b.pair_id = p.id AND NOT (b.standing IS NOT NULL AND EXISTS (
SELECT 1 FROM field_mapping AS f WHERE f.object_name = p.object_name AND f.table_name = 'person'
AND f.column_name = b.column_name AND f.direction = 'inbound'))) AS dirty_columns,
p.seen_modstamp, p.seen_at, p.mapping_version, p.inflight, p.attempt_id, p.sent_at, p.channel, p.redirect_to,
p.attempts, p.next_try_at FROM pair AS p"""

_CONFLICTS = """SELECT c.id, c.pair_id, c.person_id, p.object_name, p.sf_id AS salesforce_id, c.column_name, c.base_value,
c.ours_value, c.theirs_value, c.winner, c.reason, c.run_id, c.at FROM conflict AS c JOIN pair AS p ON p.id = c.pair_id"""

_DEAD_LETTERS = """SELECT d.id, d.pair_id, d.person_id, p.object_name, p.sf_id AS salesforce_id, p.state, d.operation,
d.column_name, d.code, d.message, d.error_class, d.cause, d.remedy, d.fields, d.ours, d.theirs, d.run_id, d.times,
d.first_at, d.last_at, d.status FROM dead_letter AS d JOIN pair AS p ON p.id = d.pair_id
WHERE d.status IN ('open', 'ignored', 'quarantined')"""

# a base row for a column that the pair's object does not map, or maps inbound only, owes no write
_BACKLOG = """SELECT p.id AS pair_id, p.person_id, p.object_name, p.sf_id AS salesforce_id, b.column_name,
b.value AS base_value, (p.inflight IS NOT NULL) AS fenced, p.attempts, p.next_try_at
FROM base AS b JOIN pair AS p ON p.id = b.pair_id WHERE p.state IN ('paired', 'parked') AND EXISTS (
SELECT 1 FROM field_mapping AS f WHERE f.object_name = p.object_name AND f.table_name = 'person'
AND f.column_name = b.column_name AND f.direction <> 'inbound')"""


def view_statements(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Name and SELECT of each view."""
    columns = catalogue.columns("person")
    named = [f"{catalogue.expression('person', c)} AS {quote(c)}" for c in (*PERSON_SYSTEM, *columns)]
    yield "v_people", f"SELECT {', '.join(named)} FROM {catalogue.source('person', columns)}"
    yield "v_pairs", _PAIRS
    yield "v_conflicts", _CONFLICTS
    yield "v_dead_letters", _DEAD_LETTERS
    yield "v_backlog", _BACKLOG
