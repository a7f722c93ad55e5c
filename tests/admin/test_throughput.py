"""Backlog and throughput: figures, charts, what makes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from diptych.admin import charts
from diptych.domain.alerts import Waiting
from diptych.services.throughput import read_throughput
from diptych.store.queries.backlog import keep_sample
from diptych.wiring import Workspace
from tests.admin.conftest import Browser

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_what_waits_is_counted_timed_and_charted(browser: Browser, loaded: Workspace) -> None:
    rows = loaded.queries.people(salesforce_type="lead", page_size=5).rows
    for row in rows:
        loaded.store.edit_person("admin:alice", row["id"], {"title": "Chief", "city": "Rom"})
    now = loaded.clock.now()
    with loaded.store.transaction() as tx:
        for hours in (8, 7, 1):
            keep_sample(tx.connection, [Waiting("Lead", hours, None)], now - timedelta(hours=hours))
    found = read_throughput(loaded.store, now)
    lead = next(one for one in found.objects if one.object_name == "Lead")
    assert (lead.waiting, found.waiting, found.earlier, found.growing) == (5, 5, 7, False)
    assert lead.oldest_at is not None and lead.inbound.total >= 25 and lead.read_up_to is not None
    assert [(s.name, s.count) for s in found.fields] == [("Lead.City", 5), ("Lead.Title", 5)]
    assert [(s.name, s.count) for s in found.actors] == [("admin:alice", 10)]
    html = browser.get("/throughput")
    assert "<svg" in html and "Lead.Title" in html and "admin:alice" in html and "style=" not in html
    assert 'class="line"' in browser.get("/throughput/figures")
    loaded.run_cycle()
    after = read_throughput(loaded.store, loaded.clock.now())
    assert after.waiting == 0
    assert next(o for o in after.objects if o.object_name == "Lead").outbound.total == 5


def test_charts_have_round_axes_and_stay_inside() -> None:
    assert [charts.nice_top(v) for v in (0, 3, 7, 26, 101, 9999)] == [4, 4, 10, 50, 200, 10_000]
    assert [charts.short(v) for v in (0, 2.5, 9999, 12_400, 2_000_000)] == [
        "0",
        "2.5",
        "9,999",
        "12.4k",
        "2M",
    ]
    assert charts.line_chart([(NOW, 1)]) is None
    line = charts.line_chart([(NOW + timedelta(hours=n), n * n) for n in range(80)])
    assert line is not None and line.last[0] == charts.WIDTH - charts.RIGHT and line.area.endswith("Z")
    assert {tick.label for tick in line.down} == {"0", "2,500", "5,000", "7,500", "10k"}
    bars = charts.bar_chart([(NOW, 10, 5), (NOW + timedelta(hours=1), 0, 0)])
    assert [(bar.outbound, bar.height > 0) for bar in bars.bars] == [(False, True), (True, True)]
    assert all(
        bar.y >= charts.TOP and bar.y + bar.height <= charts.HEIGHT - charts.BOTTOM + 0.1 for bar in bars.bars
    )
