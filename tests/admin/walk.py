"""Every page of the admin in a real browser: on a phone in the dark and at a desk in the light, in Spanish, whose words are the longer ones.

What is found is kept and asserted at the end, so that one run says everything that is wrong.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.routing import APIRoute
from playwright.sync_api import (
    BrowserContext,
    CDPSession,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
)

from tests.acceptance.browser import picture
from tests.practice_org.clients.peers import node_packages

DESK = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SEEN = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]
"""The rules whose answer depends on width, or on light and dark; the others read the document, which is the same."""

RUN = """async (options) => (await axe.run(document, {...options, resultTypes: ["violations"], elementRef: false}))
  .violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(" ")} ${n.html.slice(0, 160)} `
    + n.any.concat(n.all, n.none).map((c) => c.message).join("; ")))"""
THIN = """() => {
  const shape = (e) => `${e.tagName}.${e.className}:${e.type || ""}${e.hidden}(${[...e.children].map(shape).join()})`;
  for (const parent of document.querySelectorAll("tbody, dl, ul, ol, select, .form-grid, .fields")) {
    const seen = {};
    for (const one of [...parent.children]) {
      const kind = shape(one);
      seen[kind] = (seen[kind] || 0) + 1;
      if (seen[kind] > 2 && !one.selected) one.remove();
    }
  }
}"""
"""Leaves two of each kind of row in long tables and lists: axe takes as long as a page is, and the rest is like them."""
WIDER = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  const boxed = (e) => { for (let p = e.parentElement; p; p = p.parentElement) if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  return [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > wide + 1 && !boxed(e))
    .map((e) => `${e.tagName} ${e.className} ${e.textContent.trim().slice(0, 40)}`);
}"""
POLICY = re.compile(r"default-src 'none'.*form-action 'self'.*frame-ancestors 'none'")


def axe() -> str:
    """The text of axe-core, installed by name from its lock file."""
    folder = node_packages("axe", Path(__file__).parent)
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def pages_of(app: FastAPI) -> set[str]:
    """The path of every GET route of the admin, wherever it is included; the API and static files are mounted beside it."""
    found: set[str] = set()
    waiting = list(app.routes)
    while waiting:
        route = waiting.pop()
        if isinstance(route, APIRoute):
            found |= {route.path} if "GET" in route.methods else set()
        else:
            waiting += getattr(getattr(route, "original_router", None), "routes", [])
    return found


@dataclass
class Walk:
    """One browser on one server. `found` has what is wrong, by kind."""

    context: BrowserContext
    here: str
    visited: list[str] = field(default_factory=list)
    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self._debugger: CDPSession = self.context.new_cdp_session(self.page)
        self._axe = axe()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda problem: self.note("console", str(problem)))
        self.context.on("request", self._asked)
        self.context.on("response", self._answered)

    def note(self, kind: str, what: str) -> None:
        self.found[kind].append(f"{self.page.url.removeprefix(self.here)}: {what}")

    def _said(self, message: ConsoleMessage) -> None:
        if (
            message.type in ("error", "warning")
            and "the server responded with a status of 4" not in message.text
        ):
            self.note("console", message.text)

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).hostname != "127.0.0.1":
            self.note("elsewhere", request.url)

    def _answered(self, response: Response) -> None:
        policy = response.headers.get("content-security-policy", "")
        if response.url.startswith(self.here) and (not POLICY.search(policy) or "unsafe" in policy):
            self.note("policy", policy)

    def visit(self, address: str, status: int = 200, name: str = "") -> None:
        """Open a page, in Spanish, and examine it; in English it is only asked for."""
        self.visited.append(urlsplit(address).path)
        self.as_reader("es")
        answer = self.page.goto(self.here + address)
        if answer is None or answer.status != status:
            self.note("status", str(answer and answer.status))
        self.look(name or re.sub(r"\W+", "-", address).strip("-"))
        english = self.context.request.get(self.here + address, headers={"Accept-Language": "en"})
        if english.status != status or '<html lang="en">' not in english.text():
            self.note("language", f"en {english.status}")

    def as_reader(self, language: str, desk: bool = False) -> None:
        """On a phone in the dark, or at a desk in the light: colours depend on light and dark alone."""
        self.page.set_viewport_size(DESK if desk else PHONE)
        self.page.emulate_media(color_scheme="light" if desk else "dark")
        self.context.set_extra_http_headers({"Accept-Language": language})

    def look(self, name: str) -> None:
        """Examine the page that is open: its width and rules on a phone and at a desk."""
        page = self.page
        if page.locator("html").get_attribute("lang") != "es":
            self.note("language", "es")
        found = page.evaluate(WIDER)
        picture(page, f"{name}-phone-dark")
        self.as_reader("es", desk=True)
        for what in [*found, *page.evaluate(WIDER)]:
            self.note("wider", what)
        picture(page, f"{name}-desk-light")
        page.evaluate(THIN)
        # as a debugger does it: the page's policy stays as it is
        self._debugger.send("Runtime.evaluate", {"expression": self._axe})
        violations = page.evaluate(RUN, {"runOnly": TAGS, "preload": False})
        self.as_reader("es")
        violations += page.evaluate(RUN, {"runOnly": SEEN, "preload": False})
        for what in violations:
            self.note("axe", what)


def by_tab(page: Page, most: int = 400) -> Iterator[str]:
    """Press Tab until the page is through; of each stop what is wrong with it ('' when nothing is)."""
    for _ in range(most):
        page.keyboard.press("Tab")
        said = page.evaluate(STOP)
        if said is None:
            return
        yield said
    raise AssertionError("Tab does not come to an end")


STOP = """() => {
  const e = document.activeElement;
  if (!e || e === document.body || e.dataset.wasHere) return null;
  e.dataset.wasHere = "yes";
  const style = getComputedStyle(e);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const box = e.getBoundingClientRect();
  const at = document.elementFromPoint(box.left + Math.min(box.width, innerWidth) / 2, box.top + Math.min(box.height / 2, 12));
  const seen = at && (e.contains(at) || at.contains(e) || e.labels && [...e.labels].some((l) => l.contains(at)));
  const who = `${e.tagName} ${e.name || e.getAttribute("href") || e.className} ${e.textContent.trim().slice(0, 40)}`;
  return [ring ? "" : `no focus ring: ${who}`, seen ? "" : `hidden when focused: ${who}`].filter(Boolean).join("; ");
}"""
MISSED = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
  .filter((e) => !e.dataset.wasHere && !e.closest("[data-live]") && !e.disabled && e.type !== "hidden" && e.checkVisibility({visibilityProperty: true})
    && !(e.type === "radio" && [...document.getElementsByName(e.name)].some((o) => o.dataset.wasHere)))
  .map((e) => `${e.tagName} ${e.name || e.getAttribute("href") || e.className} ${e.textContent.trim().slice(0, 40)}`)"""
