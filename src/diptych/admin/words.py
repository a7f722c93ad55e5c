"""The words of the pages: every text a person reads goes through `_`, so that a catalogue can translate it.

English is the language of the messages themselves. A catalogue is a text file beside this one (`locales/es.po`); what it does not
have stays English. `scripts/words.py` brings catalogues up to date.
"""

from __future__ import annotations

import io
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import negotiate_locale

from diptych.translation.catalogue import ENGLISH, LANGUAGES

LOCALES = Path(__file__).parent / "locales"

_ENGLISH = NullTranslations()
_catalogue: ContextVar[NullTranslations | None] = ContextVar("diptych_words", default=None)
_language: ContextVar[str] = ContextVar("diptych_language", default=ENGLISH)


def _(message: str) -> str:
    """The message in the language of the request under way."""
    return (_catalogue.get() or _ENGLISH).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """`one` or `many` (or a translation of them) for that count."""
    return (_catalogue.get() or _ENGLISH).ngettext(one, many, count)


def both(one: str, many: str) -> tuple[str, str]:
    """Two texts for `ngettext` that are kept for later, so that the catalogue has them."""
    return one, many


def speak(language: str) -> None:
    """Use this language for the rest of the request; one that there is not is English."""
    known = language if language in LANGUAGES else ENGLISH
    _language.set(known)
    _catalogue.set(catalogue(known))


def preferred(accepted: str) -> str:
    """The language that a browser asks for in its `Accept-Language`; English when it asks for none that there is."""
    wanted = []
    for part in accepted.split(","):
        tag, _separator, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), tag))
        except ValueError:
            continue
    known = [*LANGUAGES]
    return negotiate_locale([tag for _quality, tag in sorted(wanted)], known, sep="-") or ENGLISH


def language() -> str:
    """The language of the request under way, as `<html lang>` has it."""
    return _language.get()


@cache
def catalogue(language: str) -> NullTranslations:
    """The messages of a language; English for one without a file."""
    file = LOCALES / f"{language}.po"
    if not file.is_file():
        return _ENGLISH
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with file.open("rb") as text:
        read = read_po(text, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)
