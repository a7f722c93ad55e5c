"""The pages on the practice org name every option, switch and order that there is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from practice_org.auth.settings import DoorSettings
from practice_org.events.trouble import Orders
from practice_org.sim import control, faults
from practice_org.sim.orders import events

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "".join((DOCS / name).read_text() for name in ("practice-org.md", "practice-org-misbehaviour.md"))
FAULT = [f.name for f in dataclasses.fields(faults.Fault) if f.name not in ("id", "seen", "hit")]
SETTINGS = [f.name for f in dataclasses.fields(DoorSettings)]


@pytest.mark.parametrize(
    "word", [*FAULT, *faults.TRIGGERS, *faults.CUTS, *SETTINGS, *control.ORG_NUMBERS, *control.JOB_SPEEDS]
)
def test_the_page_knows(word: str) -> None:
    assert word in PAGE


@pytest.mark.parametrize("order", sorted({**control.WRITES, **control.READS}))
def test_the_page_knows_the_order(order: str) -> None:
    assert f"`POST {order}`" in PAGE or f"`GET {order}" in PAGE or f"POST {order}" in PAGE


def test_the_page_on_events_knows_each_order() -> None:
    page = (Path(__file__).parents[2] / "docs" / "practice-org-events.md").read_text()
    trouble = [f.name for f in dataclasses.fields(Orders)]
    assert [word for word in (*events.ORDERS, *events.NUMBERS, *trouble) if f"`{word}`" not in page] == []
