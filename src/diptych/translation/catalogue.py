"""The catalogue of a language: the engine's sentences, each with its translation.

English is the language of the sentences themselves. `scripts/words.py` finds them in the code and brings the files up to date.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

ENGLISH = "en"
LANGUAGES = {"en": "English", "es": "Español"}
"""The languages there are, each in its own name."""
LOCALES = Path(__file__).parent / "locales"


@cache
def sentences_of(language: str) -> Mapping[str, str]:
    """The translation of each sentence that has one; in English each is its own."""
    if language == ENGLISH:
        return {one: one for other in LANGUAGES if other != ENGLISH for one in sentences_of(other)}
    file = LOCALES / f"{language}.po"
    if not file.is_file():
        return {}
    with file.open("rb") as text:
        kept = read_po(text, locale=language)
    return {str(one.id): str(one.string) for one in kept if one.id and one.string}
