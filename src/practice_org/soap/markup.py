"""Writing answers: elements from values, and the envelope around them.

As in recorded answers a null is `xsi:nil`, and a prefix is declared only where it is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from practice_org.xmltree import XSI

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
XSD = "http://www.w3.org/2001/XMLSchema"
APIS = {"u": "partner", "c": "enterprise"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\r": "&#xD;"}
_SPECIAL = re.compile("[&<>\"'\r]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def escape(text: str) -> str:
    """Character data; what XML 1.0 cannot hold becomes a replacement character."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], _FORBIDDEN.sub("\ufffd", text))


def text_of(value: Any) -> str:
    """A value as XML Schema writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def element(name: str, value: Any) -> str:
    """`<name>value</name>`; nil for None."""
    return f'<{name} xsi:nil="true"/>' if value is None else f"<{name}>{text_of(value)}</{name}>"


def elements(name: str, values: Iterable[Any]) -> str:
    """One element a value."""
    return "".join(element(name, value) for value in values)


def wrap(name: str, inner: str) -> str:
    """An element around finished markup."""
    return f"<{name}>{inner}</{name}>" if inner else f"<{name}/>"


def answer(api: str, call: str, inner: str, header: str = "") -> Response:
    """The answer of a call: `inner` is the markup of its results."""
    kind = APIS.get(api, "partner")
    body = wrap(f"{call}Response", inner)
    declared = f' xmlns="urn:{kind}.soap.sforce.com"'
    if "xsi:" in body:
        declared += f' xmlns:xsi="{XSI}"'
    if "<sf:" in body or '"sf:' in body:
        declared += f' xmlns:sf="urn:sobject.{kind}.soap.sforce.com"'
    if '"xsd:' in body:
        declared += f' xmlns:xsd="{XSD}"'
    top = f"<soapenv:Header>{header}</soapenv:Header>" if header else ""
    return xml(
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}"{declared}>{top}'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    )


def xml(text: str, status: int = 200) -> Response:
    """A response with the content type that the real service gives."""
    return Response(text.encode("utf-8", "replace"), status, {"Content-Type": "text/xml; charset=utf-8"})
