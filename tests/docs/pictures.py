"""`python -m tests.docs.pictures`: the pictures of daily work in the guide, of a demo with an error and a conflict planted.

Those of the guided set-up are taken by its test (tests/acceptance/test_guided_setup.py); `make screenshots` does both.
"""

from __future__ import annotations

import math
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from diptych.domain.values import instant_text
from tests.acceptance.browser import chromium, guide_picture
from tests.acceptance.test_guided_setup import Demo, new_page, origin


def take(demo: Demo, page: Page) -> None:
    page.goto(demo.found(r"Diptych +(http\S+/enter\S+)"))
    expect(page.get_by_role("heading", name="People")).to_be_visible()
    here = origin(page)
    people = plant(Path(demo.found(r"DIPTYCH_DATA_DIR=(\S+)")) / "app.db")
    for address, name, text in (
        ("/errors", "errors", "Fill it in"),
        ("/conflicts", "conflicts", "Nantes"),
        ("/runs", "runs", "Succeeded"),
    ):
        until(page, f"{here}{address}", text)
        guide_picture(page, name)
    page.goto(f"{here}/mapping/arrange?object=Lead")
    page.get_by_role("button", name="Move Lead.PhotoUrl").click()
    guide_picture(page, "arrange")
    page.goto(f"{here}/people/{people[0]}/merge?others={people[1]}")
    guide_picture(page, "merge")
    until(page, f"{here}/alerts", "New error")
    guide_picture(page, "alerts")
    page.goto(f"{here}/identity?rule=email")
    guide_picture(page, "identity")
    page.goto(f"{here}/people/{people[0]}/why?field=city")
    guide_picture(page, "why")
    database = Path(demo.found(r"DIPTYCH_DATA_DIR=(\S+)")) / "app.db"
    sample_a_week(database)
    edit(database, people[:2])
    page.goto(f"{here}/plan")
    guide_picture(page, "plan")
    page.goto(f"{here}/throughput")
    guide_picture(page, "throughput")
    until(page, f"{here}/plan", "an error holds it")
    page.goto(f"{here}/people/{people[0]}")
    page.get_by_role("link", name="Take back ...").first.click()
    guide_picture(page, "undo")
    page.goto(f"{here}/access/users")
    page.get_by_label("Name").fill("ada@example.org")
    page.get_by_label("Role").select_option(index=1)
    page.get_by_label("First password").fill("a long and winding password")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("row", name="ada@example.org")).to_be_visible()
    guide_picture(page, "users")


def plant(database: Path) -> list[int]:
    """Four leads: of three the last name is blanked, the fourth gets a city that Salesforce has otherwise; their ids."""
    with sqlite3.connect(database, timeout=30) as connection:
        found = connection.execute(
            "SELECT id FROM v_people WHERE link_state = 'lead' AND company_name IS NOT NULL ORDER BY id LIMIT 5"
        )
        people = [int(row[0]) for row in found]
        connection.executemany("UPDATE person SET last_name = NULL WHERE id = ?", [(n,) for n in people[2:]])
        # beside an agreed value that neither side holds any more, an edit here is one of two
        connection.execute("UPDATE person SET city = 'Nantes' WHERE id = ?", (people[0],))
        connection.execute(
            "UPDATE base SET value = 'Lyon' WHERE column_name = 'city' AND pair_id = (SELECT id FROM pair WHERE person_id = ?)",
            (people[0],),
        )
    connection.close()
    return people


def edit(database: Path, people: list[int]) -> None:
    """As somebody with an SQL client does."""
    with sqlite3.connect(database, timeout=30) as connection:
        connection.executemany(
            "UPDATE person SET title = 'Head of Marketing', phone = '+33 2 40 00 00 00' WHERE id = ?",
            [(n,) for n in people],
        )
    connection.close()


def sample_a_week(database: Path) -> None:
    """The backlog of a week, as it is counted every quarter of an hour: it grows by day and is gone by night."""
    now = datetime.now(UTC)
    with sqlite3.connect(database, timeout=30) as connection:
        connection.execute("DELETE FROM backlog_sample")
        connection.executemany(
            "INSERT INTO backlog_sample (at, object_name, waiting) VALUES (?, 'Lead', ?)",
            [
                (instant_text(now - timedelta(hours=h)), round(140 + 130 * math.sin((h - 5) / 3.82)))
                for h in range(168, 0, -1)
            ],
        )
    connection.close()


def until(page: Page, address: str, text: str) -> None:
    """The page, once it has the text."""
    end = time.monotonic() + 120
    while True:
        page.goto(address)
        if text in page.get_by_role("main").inner_text():
            return
        assert time.monotonic() < end, (
            f"{text!r} is not on {address}: {page.get_by_role('main').inner_text()}"
        )
        time.sleep(1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        demo = Demo(Path(folder) / "data")
        try:
            with chromium() as browser:
                take(demo, new_page(browser))
        finally:
            demo.stop()


if __name__ == "__main__":
    main()
