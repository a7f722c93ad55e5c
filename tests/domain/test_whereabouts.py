"""Where a record is that only we hold: from evidence alone, and hidden where there is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.domain.pair import Record
from diptych.domain.whereabouts import Evidence, Whereabouts, tell

_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)


def record(**values: Any) -> Record:
    return Record("Lead", "00Q5e0000000001AAA", _AT, _AT, **values)


@pytest.mark.parametrize(
    ("evidence", "where"),
    [
        (Evidence(record()), Whereabouts.LIVE),
        (Evidence(record(deleted=True)), Whereabouts.DELETED),
        (Evidence(record(deleted=True, master_id="00Q5e0000000002AAA")), Whereabouts.MERGED),
        (Evidence(record(converted=True)), Whereabouts.CONVERTED),
        (Evidence(record(converted=True, deleted=True)), Whereabouts.DELETED),
        (Evidence(record(), in_log=True, sees_all=True), Whereabouts.LIVE),  # undeleted since
        (Evidence(None, in_log=True), Whereabouts.PURGED),
        (Evidence(None, in_log=True, sees_all=False), Whereabouts.PURGED),
        (Evidence(None, sees_all=True), Whereabouts.PURGED),
        (Evidence(None, sees_all=False), Whereabouts.HIDDEN),
        (Evidence(None, sees_all=None), Whereabouts.HIDDEN),
        (Evidence(None, shared=True, sees_all=True), Whereabouts.HIDDEN),
    ],
)
def test_told(evidence: Evidence, where: Whereabouts) -> None:
    assert tell(evidence) is where


@given(st.booleans(), st.sampled_from([None, False]))
def test_silence_never_buries(shared: bool, sees_all: bool | None) -> None:
    assert tell(Evidence(None, False, shared, sees_all)) is Whereabouts.HIDDEN
