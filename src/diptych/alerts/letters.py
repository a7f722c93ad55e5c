"""What is told: one message about several alerts, in the words of mail, webhook and chat. Pure.

A message is made and kept in English; `in_language` says it in the language of those who are told, when it is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from diptych.domain.alerts import Alert, Severity
from diptych.domain.values import instant_text
from diptych.translation import moments, sentences
from diptych.translation.catalogue import ENGLISH

FIRED, WORSE, AGAIN, RECOVERED = "fired", "worse", "reminder", "recovered"
_MARKS = {
    "critical": "\N{LARGE RED CIRCLE}",
    "warning": "\N{LARGE YELLOW CIRCLE}",
    "info": "\N{LARGE BLUE CIRCLE}",
}


def about(alerts: Sequence[tuple[str, Alert]], org: str, base_url: str, now: datetime) -> dict[str, Any]:
    """One message. `alerts`: what happened to which; `base_url` '' leaves out links."""
    told = [_plain(event, alert, base_url) for event, alert in alerts]
    return {"event": "alerts", "title": _title(alerts), "org": org, "at": instant_text(now), "alerts": told}


def trial(org: str, channel: str, now: datetime) -> dict[str, Any]:
    """A message that shows that a channel works."""
    return {
        "event": "test",
        "title": f"Diptych can reach {channel}",
        "org": org,
        "at": instant_text(now),
        "alerts": [],
        "lines": ["This is a test. Alerts of the sync will come this way."],
    }


def digest(
    lines: Sequence[str], open_alerts: Sequence[Alert], org: str, base_url: str, now: datetime
) -> dict[str, Any]:
    """The daily digest: what the sync did in a day, and what is still open."""
    told = [_plain("open", alert, base_url) for alert in open_alerts]
    state = f"{len(told)} open alert{'s' if len(told) != 1 else ''}" if told else "all well"
    return {
        "event": "digest",
        "title": f"Sync of the last day: {state}",
        "org": org,
        "at": instant_text(now),
        "alerts": told,
        "lines": list(lines),
    }


def in_language(body: Mapping[str, Any], language: str) -> dict[str, Any]:
    """The message in this language. Codes (events, kinds, severities) and times stay: they are for programs."""

    def said(text: str) -> str:
        return sentences.said(text, language)

    alerts = [
        {**one, "title": said(one["title"]), "text": said(one["text"]), "remedy": said(one["remedy"])}
        for one in body["alerts"]
    ]
    more = {"lines": [said(line) for line in body["lines"]]} if "lines" in body else {}
    return {**body, "language": language, "title": said(body["title"]), "alerts": alerts, **more}


def worst(alerts: Sequence[Alert]) -> Severity:
    """The worst of their severities."""
    return max((alert.severity for alert in alerts), key=lambda one: one.rank, default=Severity.INFO)


def _title(alerts: Sequence[tuple[str, Alert]]) -> str:
    if len(alerts) == 1:
        event, alert = alerts[0]
        return f"Recovered: {alert.title}" if event == RECOVERED else alert.title
    over = sum(event == RECOVERED for event, _ in alerts)
    new = len(alerts) - over
    told = f"{new} alert{'s' if new != 1 else ''}" if new else ""
    if not over:
        return told
    return f"{told}, {over} recovered" if told else f"{over} recovered"


def _plain(event: str, alert: Alert, base_url: str) -> dict[str, Any]:
    return {
        "event": event,
        "id": alert.id,
        "kind": alert.kind.value,
        "subject": alert.subject,
        "severity": alert.severity.value,
        "title": alert.title,
        "text": alert.text,
        "remedy": alert.remedy,
        "url": f"{base_url.rstrip('/')}{alert.link}" if base_url else "",
        "since": instant_text(alert.first_at),
    }


def subject_line(body: Mapping[str, Any]) -> str:
    """The subject of a mail."""
    alerts = [one for one in body["alerts"] if one["event"] not in (RECOVERED, "open")]
    severity = max((Severity(one["severity"]) for one in alerts), key=lambda one: one.rank, default=None)
    loud = severity is not None and severity is not Severity.INFO
    mark = f"{sentences.term(severity.value, _language(body)).upper()}: " if severity and loud else ""
    org = f" ({body['org']})" if body.get("org") else ""
    return " ".join(f"[Diptych] {mark}{body['title']}{org}".split())[:200]


def as_text(body: Mapping[str, Any]) -> str:
    """The whole message as plain text."""
    language = _language(body)
    parts = [str(body["title"]), *body.get("lines", ())]
    for one in body["alerts"]:
        event, severity = (sentences.term(one[name], language) for name in ("event", "severity"))
        since = sentences.said(f"since {one['since']}", language)
        parts += ["", f"{event.capitalize()} · {severity} · {since}", one["title"]]
        remedy = one["remedy"] and sentences.said(f"What to do: {one['remedy']}", language)
        parts += [line for line in (one["text"], remedy, one["url"]) if line]
    org = f"{body['org']}, " if body.get("org") else ""
    return "\n".join([*parts, "", f"-- \nDiptych, {org}{moments.in_text(body['at'], language)}"])


def as_slack(body: Mapping[str, Any]) -> dict[str, Any]:
    """The message as Slack and its like take it: text for the notification, blocks for the eye."""
    org = f" _{_escaped(body['org'])}_" if body.get("org") else ""
    lines = "\n".join(_escaped(line) for line in body.get("lines", ()))
    blocks = [_section(f"*{_escaped(body['title'])}*{org}{chr(10) if lines else ''}{lines}")]
    for one in body["alerts"][:20]:
        mark = "\N{WHITE HEAVY CHECK MARK}" if one["event"] == RECOVERED else _MARKS[one["severity"]]
        title = f"<{one['url']}|{_escaped(one['title'])}>" if one["url"] else _escaped(one["title"])
        rest = [_escaped(line) for line in (one["text"], one["remedy"]) if line and one["event"] != RECOVERED]
        blocks.append(_section("\n".join([f"{mark} *{title}*", *rest])))
    return {"text": _escaped(str(body["title"])), "blocks": blocks}


def _language(body: Mapping[str, Any]) -> str:
    return str(body.get("language", ENGLISH))


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:2900]}}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
