"""The words of the pages: every text a person reads goes through `_`, so that a catalogue can translate it."""

from __future__ import annotations

from contextvars import ContextVar
from gettext import NullTranslations

_ENGLISH = NullTranslations()
_catalogue: ContextVar[NullTranslations | None] = ContextVar("diptych_words", default=None)


def _(message: str) -> str:
    """The message in the language of the request under way; English is the language of the messages themselves."""
    return (_catalogue.get() or _ENGLISH).gettext(message)


def ngettext(one: str, many: str, count: int) -> str:
    """`one` or `many` (or a translation of them) for that count."""
    return (_catalogue.get() or _ENGLISH).ngettext(one, many, count)


def speak(catalogue: NullTranslations) -> None:
    """Use this catalogue for the rest of the request."""
    _catalogue.set(catalogue)
