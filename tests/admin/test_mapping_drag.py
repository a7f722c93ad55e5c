"""A field moved to a column in a real browser: by mouse, with the keyboard, by clicks, and by the two lists without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from diptych.admin.app import create_app
from diptych.wiring import Workspace
from tests.acceptance.browser import chromium, picture
from tests.admin.served import serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

FIELD = "Lead.Region__c"
SOON = 30_000


@pytest.fixture(scope="module")
def window() -> Iterator[Chromium]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address(loaded: Workspace) -> Iterator[tuple[str, str]]:
    """Of the server, and of the cookie that lets a page in."""
    app = create_app(loaded)
    with serving(app) as origin:
        yield origin, app.state.access.new_link(origin)


@pytest.fixture(scope="module")
def page(window: Chromium, address: tuple[str, str]) -> Iterator[Page]:
    origin, link = address
    context = window.new_context(viewport={"width": 1280, "height": 900}, locale="en-US", base_url=origin)
    one = context.new_page()
    one.set_default_timeout(SOON)
    one.on("pageerror", lambda problem: pytest.fail(f"script error: {problem}"))
    one.on("console", lambda said: pytest.fail(said.text) if said.type == "error" else None)
    one.goto(link)
    yield one
    context.close()


def chip(page: Page, name: str = FIELD):  # type: ignore[no-untyped-def]
    return page.locator(f'[data-chip="{name}"]')


def shown_change(page: Page) -> str:
    expect(page.get_by_role("heading", name="What this change would do")).to_be_visible()
    return page.get_by_role("main").inner_text()


def test_by_mouse_to_not_synced_then_back_into_its_column(page: Page, loaded: Workspace) -> None:
    version = loaded.setup.mapping().version
    page.goto("/mapping/arrange?object=Lead")
    picture(page, "mapping-arrange")
    chip(page).scroll_into_view_if_needed()
    drag(page, FIELD, "none")
    assert "unmapped" in shown_change(page) and loaded.setup.mapping().version == version
    page.get_by_label("Reason").fill("not needed")
    page.get_by_role("button", name="Unmap").click()
    expect(page.get_by_role("status").first).to_contain_text("changed")
    page.wait_for_url("**/mapping/arrange**")
    assert loaded.setup.mapping().version == version + 1
    expect(page.locator("#pieces").locator(f'[data-chip="{FIELD}"]')).to_be_attached()
    page.get_by_label("Find a column").fill("region")
    drag(page, FIELD, "person.region")
    text = shown_change(page)
    assert "region holds" in text and "Examples of what comes in" in text
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("status").first).to_contain_text("changed")
    assert loaded.setup.editor.diff(version, version + 2) == []


def drag(page: Page, name: str, to: str) -> None:
    grip = chip(page, name).locator(".grip")
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), page.locator(f'[data-place="{to}"]').bounding_box()
    assert start and end
    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(start["x"] + 30, start["y"] + 30, steps=3)
    expect(page.locator(".ghost")).to_have_text(name)
    page.mouse.move(end["x"] + 40, end["y"] + 20, steps=4)
    expect(page.locator(f'[data-place="{to}"]')).to_have_class(re.compile(r"\bover\b"))
    page.mouse.up()


def test_with_the_keyboard_alone(page: Page, loaded: Workspace) -> None:
    version = loaded.setup.mapping().version
    page.goto("/mapping/arrange?object=Lead")
    said = page.locator("#said")
    grip = chip(page).locator(".grip")
    grip.focus()
    page.keyboard.press("Space")
    expect(said).to_contain_text(f"{FIELD} is picked up")
    expect(grip).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowDown")
    expect(said).to_contain_text(", 2 of ")
    page.keyboard.press("Escape")
    expect(said).to_contain_text("stays where it was")
    expect(grip).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("t")  # the next column that begins with it
    expect(said).to_contain_text("title, ")
    page.keyboard.press("Enter")
    text = shown_change(page)
    assert "person.region" in text and "person.title" in text and "Lead.Title" in text
    assert loaded.setup.mapping().version == version, "a drop changes nothing"


def test_by_clicks_on_a_phone(window: Chromium, page: Page, address: tuple[str, str]) -> None:
    state = page.context.storage_state()
    context = window.new_context(
        viewport={"width": 390, "height": 800},
        has_touch=True,
        locale="es-ES",
        base_url=address[0],
        storage_state=state,
    )
    phone = context.new_page()
    phone.goto("/mapping/arrange?object=Lead")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    chip(phone).locator(".grip").tap()
    expect(phone.locator("#carrying")).to_contain_text(FIELD)
    picture(phone, "mapping-arrange-phone")
    phone.locator('[data-place="none"] > .put').tap()
    expect(phone.get_by_role("heading", level=1)).to_have_text("Qué haría este cambio")
    context.close()


def test_by_two_lists_without_a_script(window: Chromium, page: Page, address: tuple[str, str]) -> None:
    state = page.context.storage_state()
    context = window.new_context(
        java_script_enabled=False, locale="en-US", base_url=address[0], storage_state=state
    )
    plain = context.new_page()
    plain.goto("/mapping/arrange?object=Lead")
    expect(plain.locator(".grip").first).to_be_hidden()
    plain.get_by_label("Field", exact=True).select_option(FIELD)
    plain.get_by_label("Where to").select_option("none")
    plain.get_by_role("button", name="Preview").click()
    assert "unmapped" in shown_change(plain)
    context.close()
