"""Bring the catalogues of the admin's words up to date: `python scripts/words.py` after texts were added or changed.

New messages come without a translation and stay English until they have one; those that are gone are dropped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

ADMIN = Path(__file__).parents[1] / "src" / "diptych" / "admin"
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


def update(language: str) -> tuple[int, int]:
    """Write the catalogue of a language; how many of its messages are translated, of how many."""
    file = ADMIN / "locales" / f"{language}.po"
    with file.open("rb") as text:
        kept = read_po(text, locale=language)
    kept.update(extracted(), no_fuzzy_matching=True)
    kept.obsolete.clear()
    kept.fuzzy, kept.header_comment = False, "# The words of the admin."
    kept.last_translator = kept.language_team = kept.msgid_bugs_address = ""
    with file.open("wb") as text:
        write_po(text, kept, width=110, sort_output=True, include_lineno=False)
    said = [all(m.string) if isinstance(m.string, tuple) else bool(m.string) for m in kept if m.id]
    return sum(said), len(said)


if __name__ == "__main__":
    for found in sorted((ADMIN / "locales").glob("*.po")):
        done, of = update(found.stem)
        print(f"{found.stem}: {done} of {of} messages", file=sys.stderr)
