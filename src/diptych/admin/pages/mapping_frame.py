"""What the pages of the mapping share: the preview of a change, addresses, and what a form or address says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from diptych.admin import mapping_words as words
from diptych.admin.frame import page
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.setup.mapping_preview import Preview
from diptych.setup.mapping_rows import RowFilter
from diptych.setup.steps import Setup

FILTERS = ("search", "object", "direction", "policy", "blanks", "state")
"""The parts of an address that filter the list of fields, in the order of `RowFilter`."""


def preview_page(
    request: Request,
    trouble: Trouble | None,
    look: Callable[[], Preview | None],
    *,
    title: str,
    action: str,
    back: str,
    button: str,
    carried: dict[str, str] | None = None,
    reason: str = "",
) -> Response:
    """What a change would do, with the button that makes it. `carried`: what the form sends to `action` beside the reason."""
    found: Preview | None = None
    try:
        found = look()
    except EXPECTED as problem:
        trouble = trouble or trouble_of(problem)
    return page(
        request,
        "mapping/preview.html",
        422 if trouble else 200,
        trouble=trouble,
        found=found,
        title=title,
        action=action,
        carried=carried or {},
        back=back,
        reason=reason[:500],
        button=button,
        **all_words(),
    )


def too_early(setup: Setup) -> Response | None:
    """Where to go while there is no mapping yet."""
    return RedirectResponse("/setup", 303) if setup.state().fields_synced_at is None else None


def unknown_word() -> Trouble:
    return Trouble(_("That is not a direction, policy or handling of blanks; nothing was changed."))


def address_of(name: str) -> str:
    """The page of one field."""
    return f"/mapping/field/{quote(name, safe='')}"


def number_of(text: str | None, otherwise: int) -> int:
    """A number above zero that an address gives."""
    ok = text is not None and text.isascii() and text.isdecimal() and len(text) < 10
    return max(int(text), 1) if ok and text is not None else otherwise


def version_of(given: Any) -> int | None:
    return number_of(str(given.get("version", "")), 0) or None


def filter_of(given: Any, prefix: str = "") -> RowFilter:
    """The filter of the list that an address or form gives."""
    return RowFilter(*(str(given.get(prefix + name, ""))[:80] for name in FILTERS))


def filter_address(wanted: RowFilter, prefix: str = "") -> dict[str, str]:
    """A filter as parts of an address."""
    values = (
        wanted.search,
        wanted.object_name,
        wanted.direction,
        wanted.policy,
        wanted.blanks,
        wanted.state,
    )
    return {prefix + name: value for name, value in zip(FILTERS, values, strict=True)}


def all_words() -> dict[str, Any]:
    """Words of the mapping for templates."""
    return {
        "directions": words.directions(),
        "policies": words.policies(),
        "consent": words.consent(),
        "blanks": words.blanks(),
        "said_value": words.said_value,
        "part_names": words.part_names(),
        "what_names": words.what_names(),
        "fates": words.fates(),
        "verdicts": words.verdicts(),
    }
