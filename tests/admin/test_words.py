"""The pages in Spanish: a catalogue that is whole, in the language of the browser or the one chosen."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from diptych.admin.words import LANGUAGES, LOCALES, preferred

ROOT = Path(__file__).parents[2]


@cache
def extraction() -> Any:
    spec = importlib.util.spec_from_file_location("words_script", ROOT / "scripts" / "words.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_message_is_translated() -> None:
    from babel.messages.pofile import read_po

    wanted = {message.id for message in extraction().extracted() if message.id}
    for code in LANGUAGES:
        file = LOCALES / f"{code}.po"
        if not file.is_file():  # the language of the messages themselves
            continue
        with file.open("rb") as text:
            kept = {message.id: message.string for message in read_po(text, locale=code) if message.id}
        assert sorted(map(str, wanted ^ set(kept))) == [], "run `python scripts/words.py`"
        said = {i: all(t) if isinstance(t, tuple) else bool(t) for i, t in kept.items()}
        assert [i for i, there in said.items() if not there] == [], f"translate these in {file.name}"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en;q=0.5, es;q=0.9", "es"),
        ("de-DE,de;q=0.9,es;q=0.3", "es"),
        ("de", "en"),
        ("en-GB,es;q=0.5", "en"),
        ("", "en"),
        ("*", "en"),
        ("es;q=x,,;q=", "en"),
    ],
)
def test_the_language_of_the_browser(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


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
