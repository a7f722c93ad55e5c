"""The one SOAP call that is left: login() with user name and password + security token (API versions below 65)."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from diptych.domain.outcome import ErrorClass, LoginFailed, Problem
from diptych.salesforce.errors import soap_failed

LOGIN_VERSION = "64.0"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_PARTNER = "urn:partner.soap.sforce.com"


@dataclass(frozen=True)
class SoapSession:
    session_id: str = field(repr=False)
    server_url: str
    user_id: str
    org_id: str


def login_envelope(username: str, password: str) -> bytes:
    """The request body; `password` has the security token appended, as Salesforce wants it."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<se:Envelope xmlns:se="{_ENVELOPE}"><se:Header/><se:Body>'
        f'<login xmlns="{_PARTNER}"><username>{_xml(username)}</username>'
        f"<password>{_xml(password)}</password></login></se:Body></se:Envelope>"
    ).encode()


def _xml(text: str) -> str:
    """Escaped; characters that XML does not know at all are left out (no password can hold them)."""
    return escape("".join(c for c in text if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff")))


def read_login(body: bytes, login_url: str) -> SoapSession | None:
    """The session in an answer; None when it is no SOAP at all. Raises what `soap_failed` makes of a fault."""
    if b"<!DOCTYPE" in body[:2000] or b"<!ENTITY" in body[:2000]:
        return None  # no SOAP has one; a web page does
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return None
    if root.tag != f"{{{_ENVELOPE}}}Envelope":
        return None
    fault = root.find(f".//{{{_ENVELOPE}}}Fault")
    if fault is not None:
        raise soap_failed(fault.findtext("faultcode") or "", fault.findtext("faultstring") or "", login_url)
    result = root.find(f".//{{{_PARTNER}}}result")
    if result is None:
        return None

    found = result

    def text(path: str) -> str:
        return found.findtext("/".join(f"{{{_PARTNER}}}{step}" for step in path.split("/"))) or ""

    if text("passwordExpired") == "true":
        raise soap_failed("PASSWORD_EXPIRED", "The password has expired.", login_url)
    session = SoapSession(
        text("sessionId"), text("serverUrl"), text("userId"), text("userInfo/organizationId")
    )
    if not (session.session_id and session.server_url):
        raise LoginFailed(
            Problem("NO_SESSION", f"{login_url} let the user in but gave no session.", ErrorClass.LOGIN)
        )
    return session
