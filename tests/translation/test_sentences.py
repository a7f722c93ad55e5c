"""The engine's sentences in Spanish: each has a translation, and is known again with any values in it."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import pytest

from diptych.salesforce.error_table import CODES, UNLISTED, Meaning
from diptych.translation.catalogue import LANGUAGES, LOCALES, sentences_of
from diptych.translation.sentences import said, term, translated
from tests.admin.test_words import extraction

_PLACE = re.compile(r"\{\w+\}")


def test_every_sentence_of_the_engine_is_translated() -> None:
    from babel.messages.pofile import read_po

    wanted = {str(message.id) for message in extraction().of_the_engine() if message.id}
    for code in LANGUAGES:
        file = LOCALES / f"{code}.po"
        if not file.is_file():  # the language of the sentences themselves
            continue
        with file.open("rb") as text:
            kept = {str(one.id): str(one.string) for one in read_po(text, locale=code) if one.id}
        assert sorted(wanted ^ set(kept)) == [], "run `python scripts/words.py`"
        assert [one for one, there in kept.items() if not there] == [], f"translate these in {file.name}"
        for one, there in kept.items():
            assert sorted(_PLACE.findall(one)) == sorted(_PLACE.findall(there)), one


def test_a_sentence_is_known_again_with_its_values() -> None:
    for message, wanted in sentences_of("es").items():
        if len(message.split()) < 2 or "}{" in message:  # a single word; two places with nothing between
            continue
        number, values = count(1), {}
        for place in _PLACE.findall(message):
            values[place] = f"Xq{next(number)}.z"
        text = _PLACE.sub(lambda match, values=values: values[match[0]], message)  # type: ignore[misc]
        assert translated(text, "es") == _PLACE.sub(
            lambda match, values=values: values[match[0]],  # type: ignore[misc]
            wanted,
        ), message


def test_every_cause_and_remedy_of_an_error_has_one() -> None:
    meanings: list[Any] = [UNLISTED]
    for entry in CODES.values():
        meanings += [entry] if isinstance(entry, Meaning) else [meaning for _pattern, meaning in entry]
    for one in meanings:
        for text in filter(None, (one.cause, one.remedy)):
            assert translated(text, "es"), text


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        ("1,234 records with one error: Lead Title", "1.234 registros con un mismo error: Lead Title"),
        ("1 record wait to be sent to Salesforce.", "1 registro en espera de enviarse a Salesforce."),
        (
            "No sync has succeeded for 45 minutes",
            "Ninguna sincronización ha llegado a término desde hace 45 minutos",
        ),
        (
            "convert lead 00Q1 into a new contact of a new account, without an opportunity",
            "convertir el candidato 00Q1 en un contacto nuevo de una cuenta nueva, sin oportunidad",
        ),
        # one sentence after the other, one after a colon
        (
            "Lead, Pull updates: Salesforce is busy or under maintenance.",
            "Lead, Traer actualizaciones: Salesforce está ocupado o en mantenimiento.",
        ),
        (
            "Lead.A is gone, or hidden from the sync user; Lead.B is no longer visible to the sync user",
            "Lead.A ya no existe, o está oculto para el usuario de sincronización; "
            "Lead.B ya no es visible para el usuario de sincronización",
        ),
        # what Salesforce said within a sentence of ours stays
        (
            "A duplicate rule of the org refuses it: Use one of these records?",
            "Una regla de duplicados de la organización lo rechaza: Use one of these records?",
        ),
        (
            "There is a newer edit: in Salesforce by Ann at 2026-11-26T10:05:09Z UTC.",
            "Hay una edición más reciente: en Salesforce por Ann el 26 nov 2026, 10:05:09 UTC.",
        ),
    ],
)
def test_what_is_in_a_sentence_comes_in_the_language_too(english: str, spanish: str) -> None:
    assert translated(english, "es") == spanish


def test_in_english_the_times_alone_are_written_anew() -> None:
    text = "Person 12 had this address, until 2026-11-26T10:05:09Z UTC."
    assert said(text, "en") == "Person 12 had this address, until 26 Nov 2026, 10:05:09 UTC."
    assert said("There is no run 5.", "en") == "There is no run 5."
    assert said("Salesforce said so on 2026-11-26.", "en") == "Salesforce said so on 2026-11-26."


@pytest.mark.parametrize(
    "text",
    [
        "Please enter a last name",
        "Use small letters.",
        "is",
        "records",
        "",
        "  ",
        "x" * 5000,
        "Título: 5 registros",
    ],
)
def test_what_is_not_ours_stays_as_it_is(text: str) -> None:
    assert translated(text, "es") is None and said(text, "es") == text


def test_a_value_somebody_typed_is_not_translated() -> None:
    text = "title became 'a new contact' (was 'There is no run 5.'): edited in Salesforce by Ann"
    assert (
        said(text, "es")
        == "title pasó a ser 'a new contact' (era 'There is no run 5.'): editado en Salesforce por Ann"
    )


def test_single_words_are_terms() -> None:
    assert (term("cycle", "es"), term("Pull updates", "es"), term("other", "es")) == (
        "ciclo",
        "Traer actualizaciones",
        "other",
    )
    assert term("cycle", "en") == "cycle"


def test_the_reader_of_the_code_finds_what_is_said() -> None:
    found = extraction().engine_sentences.of_code(
        '''
"""A docstring is not said."""
log.warning("nor is a log line")
def f(n, name, rows, more):
    return f"{n:,} field{'s' if n != 1 else ''} of {name} wait"
def g(rows):
    return "There are: " + ", ".join(rows)
def h(name):
    raise ValueError(f"{name or 'nobody'} cannot be found here.")
SQL = "SELECT id FROM person WHERE x = 1"
'''
    )
    assert found == {
        "{n} field of {name} wait",
        "{n} fields of {name} wait",
        "There are: {list_rows}",
        "{name} cannot be found here.",
        "nobody",
    }
