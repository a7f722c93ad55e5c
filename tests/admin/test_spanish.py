"""The pages in Spanish, with everything on them that the engine says: no sentence of it stays English, no date or number does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from html.parser import HTMLParser

import pytest

from diptych.admin.words import LOCALES as PAGES
from diptych.domain.actions import DeletePolicy
from diptych.domain.alerts import (
    DEFAULTS,
    ErrorCause,
    Facts,
    SchemaChange,
    Verified,
    Waiting,
    findings,
)
from diptych.domain.creating import Creation, Wish
from diptych.domain.merge import Conflict
from diptych.domain.outcome import ErrorClass, Problem
from diptych.salesforce.error_table import CODES, Meaning
from diptych.store import alerts as kept
from diptych.sync.ports import DeadLetter, PairChange
from diptych.translation.catalogue import LOCALES
from diptych.translation.sentences import translated
from diptych.wiring import Workspace
from tests.admin.conftest import Browser

_WORD = re.compile(r"(?<![\w./:@-])[a-z]{2,}(?![\w./:@(-])")
_PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}|`[^`]*`|'[^']*'")
_CODE = re.compile(r"\([^)]*\)")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b|\b\d{1,3}(,\d{3})+\b")


class Read(HTMLParser):
    """The texts of a page: `said` all of them, `ours` those that are neither code nor somebody's own values."""

    _VOID = {"input", "br", "meta", "link", "img", "hr", "circle", "line", "path", "rect", "wbr"}

    def __init__(self, values: bool) -> None:
        super().__init__()
        self._theirs = {"api"} if values else {"keep-lines", "api"}
        self.said: list[str] = []
        self.ours: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        theirs = tag in ("code", "script", "style", "textarea", "pre") or given.get("lang") == "en"
        theirs = theirs or bool(self._theirs & set((given.get("class") or "").split()))
        inherited = self._open[-1][1] if self._open else False
        for name in ("title", "aria-label", "placeholder", "data-confirm", "aria-description"):
            if given.get(name):
                self._keep(str(given[name]), inherited or theirs)
        if tag not in self._VOID:
            self._open.append((tag, inherited or theirs))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        self._keep(data, self._open[-1][1] if self._open else False)

    def _keep(self, data: str, theirs: bool) -> None:
        text = " ".join(data.split())
        if text:
            self.said.append(text)
            if not theirs:
                self.ours.append(text)


def english_on(html: str, names: set[str], values: bool = False) -> list[str]:
    """What a Spanish page says in English, or writes as English does. `names`: of fields and columns, which stay; `values`:
    look at longer texts too, which may be somebody's values."""
    read = Read(values)
    read.feed(html)
    read.ours = [one for one in read.ours if one not in names]
    found = [one for one in read.said if (spanish := translated(one, "es")) is not None and spanish != one]
    # a filter is written in English words; a field in brackets has its type as Salesforce calls it
    ours = [_CODE.sub("", one) for one in read.ours if " AND " not in one]
    words = english_words() - names
    return found + [one for one in ours if words & set(_WORD.findall(one)) or _DATE.search(one)]


@cache
def english_words() -> frozenset[str]:
    """Words of the English messages that no Spanish one has, such as 'the' and 'rows'."""
    from babel.messages.pofile import read_po

    english, spanish = set(), set()
    for file in (LOCALES / "es.po", PAGES / "es.po"):
        with file.open("rb") as text:
            for one in read_po(text):
                for message, there in zip(texts(one.id), texts(one.string), strict=False):
                    english |= set(_WORD.findall(_PLACE.sub(" ", message)))
                    spanish |= set(_WORD.findall(there))
    return frozenset(english - spanish)


def names_of(workspace: Workspace) -> set[str]:
    """What stays as it is: names of fields, and what people have in them (other tests edit some)."""
    with workspace.store.looking() as unit:
        fields = unit.mapping().fields
    values = {
        v for row in workspace.queries.people_before(None, 1000) for v in row.values() if isinstance(v, str)
    }
    return values | {name for one in fields for name in (one.label, one.column, one.field, one.sf_type)}


def texts(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return given if isinstance(given, tuple) else (given,)


def test_a_choice_stands_above_what_the_browser_asks_for(browser: Browser) -> None:
    browser.client.headers["Accept-Language"] = "es"
    try:
        assert '<html lang="es">' in browser.get("/errors")
        browser.get("/language/en?back=/errors")
        assert '<html lang="en">' in browser.get("/errors")
    finally:
        del browser.client.headers["Accept-Language"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/errors", "Errores de sincronización"),
        ("/runs", "Estado de la sincronización"),
        ("/throughput", "Pendientes y rendimiento"),
        ("/alerts", "No hay ninguna alerta abierta."),
        ("/alerts/rules", "Sincronización detenida"),
        ("/alerts/channels", "Añadir un canal"),
    ],
)
def test_a_page_speaks_spanish_to_whoever_chose_it(browser: Browser, address: str, expected: str) -> None:
    assert '<html lang="en">' in browser.get(address)
    browser.get(f"/language/es?back={address}")
    html = browser.get(address)
    assert '<html lang="es">' in html and expected in html


def test_numbers_are_spanish_too_and_only_ours_is_gone_back_to(browser: Browser, loaded: Workspace) -> None:
    browser.get("/language/xx", 404)
    for back in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        answer = browser.client.get("/language/es", params={"back": back}, follow_redirects=False)
        assert answer.headers["location"] == "/"
    from diptych.admin import show, words

    words.speak("es")
    try:
        assert (show.number(12345), show.rate(2.5)) == ("12.345", "2,5")
    finally:
        words.speak("en")
    assert (show.number(12345), show.rate(2.5)) == ("12,345", "2.5")


@pytest.fixture(scope="module")
def told(loaded: Workspace) -> Iterator[Workspace]:
    """A workspace in which everything has gone wrong that there are words for."""
    now = loaded.clock.now()
    people = [row["id"] for row in loaded.queries.people(salesforce_type="lead", sort="id").rows]
    meanings: list[tuple[str, Meaning]] = []
    for code, entry in CODES.items():
        meanings += [
            (code, one) for one in ([entry] if isinstance(entry, Meaning) else [m for _pattern, m in entry])
        ]
    first = {one.error_class: (code, one) for code, one in reversed(meanings)}
    assert set(ErrorClass) - set(first) <= {ErrorClass.OTHER, ErrorClass.NETWORK, ErrorClass.LENGTH}
    pairs = {number: loaded.queries.person(number).pairs[0].id for number in people}  # type: ignore[union-attr]
    with loaded.store.transaction() as tx:
        for number, (code, one) in zip(people, first.values(), strict=False):
            said = Problem(code, f"INVALID_ROW: {number}", one.error_class, one.cause, one.remedy)
            letter = DeadLetter("Push updates", said, "title", {"title": "a"}, {"title": "b"})
            tx.save([PairChange(pairs[number], number, dead_letters=(letter,))], None)
        for place, reason in enumerate(
            ("policy", "inbound_only", "outcome_unknown", "decided", "most_recent")
        ):
            fight = Conflict("title", "1", "2", "3", "ours", reason)
            tx.save([PairChange(pairs[people[place]], people[place], conflicts=(fight,))], None)
        run = tx.open_run("cycle", now)
        tx.close_run(run, "Failed", now, "Lead, Pull updates: Salesforce is busy or under maintenance.")
        tx.causes.blame(run, Problem("SERVER_UNAVAILABLE", "busy", ErrorClass.NETWORK))
        for number, wish in ((people[-1], Wish.REVIEW), (people[-2], Wish.WAITING)):
            reason = "Salesforce has a record with this e-mail address already."
            tx.save_creation(Creation(number, wish, now, reason=reason))
        facts = Facts(
            now,
            True,
            since=now - timedelta(days=3),
            paused_at=now - timedelta(days=3),
            last_success_at=now - timedelta(hours=5),
            trouble="The session has ended and a new one was refused as well.",
            trouble_class="login",
            mass_deletes={
                "Lead": "70 of 90 Leads were deleted in Salesforce; the sync of this object has stopped before taking that over."
            },
            missing={"Contact": "Salesforce does not show this record to the sync user."},
            causes=[
                ErrorCause(
                    "k",
                    "Lead.Title",
                    "length",
                    1234,
                    now,
                    "Lead.Title takes text values only.",
                    "Correct the value here.",
                )
            ],
            waiting=[
                Waiting("Lead", 1, now - timedelta(hours=3)),
                Waiting("Contact", 2345, now - timedelta(days=4)),
            ],
            api_used=90_000,
            api_limit=100_000,
            held={
                "Lead": {
                    "a": "Lead.A is gone, or hidden from the sync user",
                    "b": "Lead.B is no longer visible to the sync user",
                }
            },
            changes=[
                SchemaChange(
                    "1",
                    "Lead",
                    "A",
                    "gone",
                    "A was text(80) and has become text(40)",
                    "to take it over as it is now: diptych schema --accept Lead.A",
                ),
                SchemaChange(
                    "1",
                    "Lead",
                    "C",
                    "picklist",
                    "picklist values changed: C",
                    "values held here that are gone are parked when they are sent",
                ),
            ],
            verified=[Verified("Lead", 1500, 20, "2026-11-26T10:00:00Z")],
        )
        found = findings(facts, DEFAULTS)
        assert {one.kind for one in found} == {rule.kind for rule in DEFAULTS}
        numbers = [kept.raise_alert(tx.connection, one, now).id for one in found]
        for number in numbers[::2]:
            kept.end(tx.connection, number, now + timedelta(hours=1))
    yield loaded


def in_spanish(browser: Browser) -> Browser:
    browser.client.headers["Accept-Language"] = "es"
    return browser


def test_no_page_with_data_says_anything_in_english(browser: Browser, told: Workspace) -> None:
    page, people = in_spanish(browser), [row["id"] for row in told.queries.people(sort="id").rows]
    causes = told.queries.causes()
    assert len(causes) > 8
    addresses = [
        "/", "/salesforce", "/errors", "/errors?status=ignored", "/alerts", "/alerts/rules", "/alerts/channels", "/runs", "/conflicts",
        "/throughput", "/settings", "/mapping", "/mapping/history", "/mapping/add", "/mapping/field/Lead.Title", "/mappings",
        "/mapping/preview?name=Lead.Title&direction=inbound", "/people", "/actions", "/identity", "/identity/review",
        "/identity/waiting", "/identity/creating", "/setup/prepare", "/setup/fields", "/setup/confirm", "/setup/verify", "/access/users",
        "/access/tokens", "/access/audit", "/access/sessions", "/account", "/start-over",
        *(f"/errors/{cause.key}" for cause in causes[:3]), *(f"/runs/{number}" for number in range(1, 4)),
        *(f"/people/{number}{rest}" for number in (people[0],) for rest in ("", "/why", "/why?field=title", "/edit", "/delete")),
    ]  # fmt: skip
    found = {}
    for address in addresses:
        answer = page.client.get(address)
        assert answer.status_code in (200, 404, 422), address
        if answer.status_code != 404 and (
            said := english_on(answer.text, names_of(told), "why" in address or "alerts" in address)
        ):
            found[address] = said
    assert found == {}


def test_refusals_are_spanish_too(browser: Browser, told: Workspace) -> None:
    page, people = in_spanish(browser), [row["id"] for row in told.queries.people(sort="id").rows]
    one = people[0]
    wrong: list[tuple[str, dict[str, str]]] = [
        ("/alerts/channels", {"name": "", "kind": "mail"}),
        ("/alerts/channels", {"name": "x", "kind": "webhook", "url": "ftp://x"}),
        ("/alerts/rules", {"digest_hour": "25", "repeat_hours": "1"}),
        ("/access/users", {"name": "a b", "password": "short", "role": "viewer"}),
        ("/access/users", {"name": "anna", "password": "aaaaaaaaaaaaaaaa", "role": "viewer"}),
        ("/access/tokens", {"name": "", "scope": "read", "days": "90"}),
        ("/settings/pause", {"seconds": "0"}),
        ("/settings/keep", {"days": "0"}),
        ("/conflicts/reverse", {"conflict": "999999"}),
        ("/identity/review/link", {"person": str(one), "target": "x", "typed": "x"}),
        ("/identity/creating", {"filter": "nothing like it", "policy": "link"}),
        (f"/people/{one}/merge", {"others": str(one)}),
        (f"/people/{one}/convert", {"status": "No such"}),
        (f"/people/{one}/delete", {"policy": DeletePolicy.DELETE.value, "confirm": "no"}),
        ("/mappings/pair", {"lead": "Lead.Title", "contact": "Contact.Email"}),
        (f"/people/{one}/edit", {"email": "x", "was.email": "y"}),
    ]
    found = {}
    for address, form in wrong:
        answer = page.client.post(
            address, data={"form_token": page.token(), **form}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        said = english_on(answer.text, names_of(told))
        if said or answer.status_code not in (200, 422, 409):
            found[f"{address} {form} {answer.status_code}"] = said
    assert found == {}
