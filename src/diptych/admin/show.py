"""How values look on a page: times, numbers, durations, field values. As the language of the page writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from diptych.admin.words import _, language, ngettext
from diptych.domain.throughput import COUNTED_UP_TO
from diptych.translation import moments, sentences

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def number(value: int | float | None) -> str:
    """12,345, or 12.345 in Spanish; an en dash when there is none."""
    return "–" if value is None else moments.number(value, language())


def waiting(count: int) -> str:
    """How many records wait; `50,000+` where it was counted no further."""
    return f"{number(count)}+" if count >= COUNTED_UP_TO else number(count)


def moment(value: datetime | str | None) -> Markup:
    """A `<time>` in UTC that app.js turns into the reader's own time zone; an en dash when there is none."""
    if not value:
        return Markup("–")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return escape(value)
    at = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(timespec="seconds"), moments.instant(at, language())
    )


def said(text: str | None) -> str:
    """A text of the engine in the language of the page. Unlike `_` in a template it is escaped: values may be in it."""
    if not text or isinstance(text, Markup):  # a text of the pages themselves
        return text or ""
    ours = _(text)
    return ours if ours != text else sentences.said(text, language())


def term(word: str | None) -> str:
    """A word of the engine (the kind of a run, a state) in the language of the page."""
    if not word:
        return ""
    there = sentences.term(word, language())
    return there if there != word else _(word)


def listed(text: str) -> str:
    """Words of the engine with commas between them, in the language of the page."""
    return sentences.listed(text, language())


def foreign(text: str) -> Markup:
    """`lang="en"` for a text of the engine that the language of the page does not have."""
    return Markup(' lang="en"') if language() != "en" and said(text) == text else Markup("")


def rate(value: float | None) -> str:
    """Records a second, as exact as it tells something; an en dash when there is none."""
    if value is None:
        return "–"
    return moments.number(value, language()) if value >= 10 else moments.decimal(value, language())


def duration(seconds: float | None) -> str:
    """'4 s', '3 min', '2 h 5 min', '3 days': as exact as a person needs it."""
    if seconds is None:
        return "–"
    whole = max(0, round(seconds))
    if whole < 100:
        return _("%d s") % whole
    if whole < 100 * 60:
        return _("%d min") % round(whole / 60)
    if whole < 48 * 3600:
        return _("%(h)d h %(m)d min") % {"h": whole // 3600, "m": whole % 3600 // 60}
    days = round(whole / 86400)
    return ngettext("%d day", "%d days", days) % days


def elapsed(start: datetime | None, end: datetime | None) -> str:
    return duration((end - start).total_seconds()) if start and end else "–"


def value(content: Any) -> Markup:
    """A field value: blank shown as such, yes and no for checkboxes, times as times; text escaped, lines kept."""
    if content is None or content == "":
        return Markup('<span class="blank">{}</span>').format(_("blank"))
    if content is True or content is False:
        return escape(_("yes") if content else _("no"))
    if isinstance(content, datetime):
        return moment(content)
    if isinstance(content, (int, float, Decimal)):
        return escape(moments.exact(content, language()))
    text = str(content)
    if _DAY.fullmatch(text):
        return escape(moments.iso_day(text, language()))
    if len(text) == 20 and text[10] == "T" and text.endswith("Z"):
        return moment(text)
    return escape(text)


def percent(part: float | None) -> str:
    """0.413 as '41 %'; little is not shown as nothing."""
    if part is None:
        return "–"
    if 0 < part < 0.01:
        return "< 1 %"
    return f"{part * 100:.0f} %"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": number,
    "waiting": waiting,
    "moment": moment,
    "rate": rate,
    "foreign": foreign,
    "said": said,
    "term": term,
    "listed": listed,
    "duration": duration,
    "value": value,
    "percent": percent,
}
