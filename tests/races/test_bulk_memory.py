"""A bulk result larger than the memory allowed for it; the size of the issue: `python -m tests.races.bulk_memory`."""

from __future__ import annotations

import pytest

from tests.races.bulk_memory import measure

LIMIT = 200


@pytest.mark.parametrize(("megabytes", "width"), [(210, 30_000)])
def test_a_result_larger_than_the_memory_streams_through(megabytes: int, width: int) -> None:
    rows, before, peak = measure(megabytes, width)
    assert rows > 5000
    assert peak < LIMIT < megabytes, f"{before} MB before it began"
