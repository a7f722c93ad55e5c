"""Bring the catalogues up to date: `python scripts/words.py` after texts were added or changed.

There are two a language: of the pages (`admin/locales`), and of what the engine says (`translation/locales`). New messages come without a translation and stay English until they have one; those that are gone are dropped.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

sys.path.insert(0, str(Path(__file__).parent))

import engine_sentences

SOURCE = Path(__file__).parents[1] / "src" / "diptych"
ADMIN = SOURCE / "admin"
_ALWAYS = datetime(2026, 11, 26, tzinfo=UTC)
PAGES, ENGINE = ADMIN / "locales", SOURCE / "translation" / "locales"
_KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "ngettext": (1, 2), "both": (1, 2)}


def extracted(files: list[Path] | None = None) -> Catalog:
    """Every message of these files, or of all pages and templates."""
    from jinja2.ext import babel_extract

    found = Catalog(project="Diptych", charset="utf-8")
    chosen = files or sorted([*ADMIN.rglob("*.html"), *ADMIN.rglob("*.py")])
    for file in chosen:
        how: Any = babel_extract if file.suffix == ".html" else "python"
        options = {"trimmed": "true", "silent": "false"} if file.suffix == ".html" else {}
        for _line, message, _comments, context in extract_from_file(
            how, str(file), keywords=_KEYWORDS, options=options
        ):
            place = file.relative_to(ADMIN).as_posix()
            flags = ["python-format"] if "%" in str(message) else []
            found.add(message, locations=[(place, 0)], context=context, flags=flags)
    return found


def of_the_engine() -> Catalog:
    """Every sentence of the engine."""
    found = Catalog(project="Diptych", charset="utf-8")
    for message, places in sorted(engine_sentences.messages().items()):
        found.add(message, locations=[(place, 0) for place in sorted(places) if place != "-"])
    return found


def update(file: Path, found: Catalog, title: str, known: dict[str, str] | None = None) -> tuple[int, int]:
    """Write a catalogue; how many of its messages are translated, of how many. `known`: translations of the same messages
    elsewhere."""
    language = file.stem
    kept = Catalog(locale=language)
    if file.is_file():
        with file.open("rb") as text:
            kept = read_po(text, locale=language)
    kept.update(found, no_fuzzy_matching=True)
    kept.obsolete.clear()
    kept.fuzzy, kept.header_comment = False, f"# {title}"
    kept.creation_date = _ALWAYS  # a date of today would conflict with everybody else's
    kept.last_translator = kept.language_team = kept.msgid_bugs_address = ""
    for message in kept:
        if known and message.id and not message.string and isinstance(message.id, str):
            message.string = known.get(message.id, "")
        message.flags -= set() if known is None else {"python-format", "python-brace-format"}
    with file.open("wb") as text:
        write_po(text, kept, width=110, sort_output=True, include_lineno=False)
    said = [all(m.string) if isinstance(m.string, tuple) else bool(m.string) for m in kept if m.id]
    return sum(said), len(said)


def translations(file: Path) -> dict[str, str]:
    """The messages of a catalogue that have one text, with their translation."""
    with file.open("rb") as text:
        return {str(m.id): str(m.string) for m in read_po(text) if m.id and isinstance(m.id, str)}


if __name__ == "__main__":
    for pages in sorted(PAGES.glob("*.po")):
        done, of = update(pages, extracted(), "The words of the admin.")
        print(f"{pages.stem}: {done} of {of} messages of the pages", file=sys.stderr)
        done, of = update(ENGINE / pages.name, of_the_engine(), "What the engine says.", translations(pages))
        print(f"{pages.stem}: {done} of {of} sentences of the engine", file=sys.stderr)
