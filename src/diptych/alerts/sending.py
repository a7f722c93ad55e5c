"""Sending one message over one channel. Each way raises NotSent, with one line, for whatever went wrong."""

from __future__ import annotations

import hashlib
import hmac
import json
import smtplib
import socket
import ssl
import time
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any

import httpx2

from diptych.alerts import letters
from diptych.alerts.channels import MAIL, SLACK
from diptych.store.alerts import Channel

SIGNATURE, TIMESTAMP, DELIVERY = "X-Diptych-Signature", "X-Diptych-Timestamp", "X-Diptych-Delivery"
_TIMEOUT = 10.0


class NotSent(Exception):
    """The message did not arrive, as far as we know; the text is one line without secrets."""


def send(
    channel: Channel, secret: str, body: Mapping[str, Any], number: int, ca_file: str | None = None
) -> None:
    """Deliver a message. `number`: of the delivery, the same at each try, so that a receiver can tell repeats. Raises NotSent."""
    if channel.kind == MAIL:
        _mail(channel.config, secret, body, number, ca_file)
    elif channel.kind == SLACK:
        _post(secret, json.dumps(letters.as_slack(body)).encode(), {}, ca_file)
    else:
        content = json.dumps({**body, "delivery": number}, ensure_ascii=False).encode()
        moment = str(int(time.time()))
        signed = {TIMESTAMP: moment, SIGNATURE: signature(secret, moment, content), DELIVERY: str(number)}
        _post(channel.config["url"], content, signed, ca_file)


def signature(secret: str, moment: str, content: bytes) -> str:
    """What a receiver computes too: `v1=` and the HMAC-SHA256 over the time, a dot and the bytes of the body, in hex."""
    digest = hmac.new(secret.encode(), moment.encode() + b"." + content, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def _post(url: str, content: bytes, headers: Mapping[str, str], ca_file: str | None) -> None:
    try:
        with httpx2.Client(
            timeout=_TIMEOUT, verify=_trust(ca_file), follow_redirects=False, trust_env=False
        ) as client:
            answer = client.post(
                url,
                content=content,
                headers={"Content-Type": "application/json", "User-Agent": "diptych-alerts", **headers},
            )
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as problem:
        raise NotSent(f"{type(problem).__name__}: {problem}".replace(url, "the webhook")) from None
    if not 200 <= answer.status_code < 300:
        said = " ".join(answer.text.split())[:200]
        raise NotSent(f"It answered {answer.status_code}{f': {said}' if said else ''}.")


def _trust(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _mail(
    config: Mapping[str, Any], secret: str, body: Mapping[str, Any], number: int, ca_file: str | None
) -> None:
    try:
        message = _message(config, body, number)
        with _connected(config, ca_file) as server:
            if config["username"]:
                server.login(config["username"], secret)
            refused = server.send_message(message)
    except (smtplib.SMTPException, OSError, ValueError) as problem:
        raise NotSent(f"{type(problem).__name__}: {' '.join(str(problem).split())}"[:300]) from None
    if refused:
        raise NotSent(f"The mail server refused {', '.join(refused)}; the others have it.")


def _connected(config: Mapping[str, Any], ca_file: str | None) -> smtplib.SMTP:
    host, port = config["host"], config["port"]
    name = socket.gethostname() or "localhost"
    if config["security"] == "tls":
        return smtplib.SMTP_SSL(host, port, name, timeout=_TIMEOUT, context=_trust(ca_file))
    server = smtplib.SMTP(host, port, name, timeout=_TIMEOUT)
    if config["security"] == "starttls":
        try:
            server.starttls(context=_trust(ca_file))
        except BaseException:
            server.close()
            raise
    return server


def _message(config: Mapping[str, Any], body: Mapping[str, Any], number: int) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = letters.subject_line(body)
    message["From"] = config["sender"]
    message["To"] = ", ".join(config["to"])
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(
        f"diptych{number}", domain=config["sender"].rpartition("@")[2].strip("> ") or None
    )
    message["Auto-Submitted"] = "auto-generated"
    message["X-Diptych-Delivery"] = str(number)
    message.set_content(letters.as_text(body))
    return message
