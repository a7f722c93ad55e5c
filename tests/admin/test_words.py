"""The pages in Spanish: a catalogue that is whole where it claims to be, and chosen by the reader."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from diptych.admin.words import LANGUAGES, LOCALES, catalogue
from diptych.wiring import Workspace
from tests.admin.conftest import Browser

ROOT = Path(__file__).parents[2]
TRANSLATED = (
    *("operate/errors.html", "operate/errors_parts.html", "operate/cause.html", "operate/runs.html"),
    *("operate/run.html", "operate/steps_parts.html", "operate/throughput.html", "operate/alerts.html"),
    *("operate/alert_rules.html", "operate/alert_channels.html", "live/steps.html", "live/throughput.html"),
)
MODULES = ("errors.py", "runs.py", "alerts.py", "throughput.py")


@cache
def extraction() -> Any:
    spec = importlib.util.spec_from_file_location("words_script", ROOT / "scripts" / "words.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def messages() -> list[Any]:
    """Those of the pages that are translated."""
    admin = extraction().ADMIN
    files = [admin / "templates" / name for name in TRANSLATED] + [admin / "pages" / name for name in MODULES]
    return [message.id for message in extraction().extracted(files) if message.id]


def test_the_operating_pages_are_whole_in_spanish() -> None:
    spanish = catalogue("es")
    missing = []
    for message in messages():
        one, many = message if isinstance(message, tuple) else (message, message)
        said = spanish.ngettext(one, many, 2) if one != many else spanish.gettext(one)
        same = said == many and not re.fullmatch(
            r"[\W\d]*|no|(Normal|Salesforce|Webhook|smtp|https|%).*", many
        )
        if same:
            missing.append(message)
    assert missing == [], "run scripts/words.py, and translate what is new"


def test_a_translation_has_the_places_of_its_message() -> None:
    from babel.messages.pofile import read_po

    pattern = re.compile(r"%\(\w+\)[sd]|%[sd]|%%")
    for code in LANGUAGES:
        file = LOCALES / f"{code}.po"
        if not file.is_file():
            continue
        with file.open("rb") as text:
            for message in read_po(text, locale=code):
                ids, said = (
                    value if isinstance(value, tuple) else (value,)
                    for value in (message.id, message.string or "")
                )
                for one, other in zip(ids, said, strict=False):
                    assert (
                        not other or not one or sorted(pattern.findall(one)) == sorted(pattern.findall(other))
                    ), one


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
