"""The ways to be told: what each needs, how it is checked, and what of it is secret."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from diptych.domain.alerts import Severity

MAIL, WEBHOOK, SLACK = "mail", "webhook", "slack"
KINDS = (MAIL, WEBHOOK, SLACK)
SECURITIES = ("starttls", "tls", "none")


class BadChannel(ValueError):
    """A channel cannot be used as it is given; the text says why and what it takes."""


@dataclass(frozen=True)
class Wanted:
    """A channel as a person gives it. `secret` '' keeps the one there is. `config` by kind:

    mail      host, port, security (starttls, tls, none), username, sender, to (addresses)
    webhook   url (https, or http); secret: what messages are signed with (made when there is none)
    slack     nothing; secret: the address of the incoming webhook
    """

    name: str
    kind: str
    config: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)
    least: Severity = Severity.WARNING
    digest: bool = False
    enabled: bool = True


def checked(wanted: Wanted, has_secret: bool) -> Wanted:
    """The channel in canonical form. `has_secret`: one is stored already. Raises BadChannel."""
    name = " ".join(wanted.name.split())
    if not name or len(name) > 60:
        raise BadChannel("A channel needs a name of up to 60 characters.")
    if wanted.kind not in KINDS:
        raise BadChannel(f"A channel is one of {', '.join(KINDS)}.")
    config, secret = {
        MAIL: _mail,
        WEBHOOK: _webhook,
        SLACK: _slack,
    }[wanted.kind](wanted, has_secret)
    return Wanted(name, wanted.kind, config, secret, wanted.least, wanted.digest, wanted.enabled)


def _mail(wanted: Wanted, _has_secret: bool) -> tuple[dict[str, Any], str]:
    given = wanted.config
    host = str(given.get("host", "")).strip()
    if not host or any(char.isspace() or char == "/" for char in host):
        raise BadChannel("Mail needs the name of an SMTP server, such as smtp.example.com.")
    security = str(given.get("security") or "starttls")
    if security not in SECURITIES:
        raise BadChannel(f"The security of the mail server is one of {', '.join(SECURITIES)}.")
    usual = {"starttls": 587, "tls": 465, "none": 25}[security]
    try:
        port = int(given.get("port") or usual)
    except (TypeError, ValueError):
        raise BadChannel("The port of the mail server is a number.") from None
    if not 0 < port < 65536:
        raise BadChannel("The port of the mail server is between 1 and 65535.")
    to = given.get("to", ())
    addresses = [
        one.strip() for one in (to.replace(";", ",").split(",") if isinstance(to, str) else to) if one.strip()
    ]
    sender = str(given.get("sender", "")).strip()
    for one in (*addresses, sender):
        if "@" not in parseaddr(one)[1] or "\n" in one or "\r" in one:
            raise BadChannel(f"{one or 'The sender'} is not a mail address.")
    if not addresses:
        raise BadChannel("Mail needs at least one address to send to.")
    username = str(given.get("username", "")).strip()
    return (
        {
            "host": host,
            "port": port,
            "security": security,
            "username": username,
            "sender": sender,
            "to": addresses,
        },
        wanted.secret,
    )


def _webhook(wanted: Wanted, has_secret: bool) -> tuple[dict[str, Any], str]:
    url = _address(str(wanted.config.get("url", "")))
    secret = wanted.secret or ("" if has_secret else secrets.token_urlsafe(32))
    return {"url": url}, secret


def _slack(wanted: Wanted, has_secret: bool) -> tuple[dict[str, Any], str]:
    if not wanted.secret and not has_secret:
        raise BadChannel("Slack needs the address of an incoming webhook.")
    if not wanted.secret:
        return dict(wanted.config), ""
    url = _address(wanted.secret)
    return {"host": urlsplit(url).netloc}, url


def _address(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise BadChannel("The address of a webhook begins with https:// (or http://) and names a host.")
    return parts.geturl()


def told_to(kind: str, config: Mapping[str, Any]) -> str:
    """Where a channel goes, to show."""
    if kind == MAIL:
        return f"{', '.join(config['to'])} ({config['host']}:{config['port']})"
    return str(config.get("url") or config.get("host") or "")
