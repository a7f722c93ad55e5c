"""A plain SOAP client that writes its envelopes in three styles, and reads answers with the standard library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import httpx2

from tests.practice_org.server import RunningOrg

STYLES = ("prefixed", "default", "odd")
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
Parts = Iterable[tuple[str, object]]
_SOBJECTS = ("sObjects", "masterRecord", "accountRecord", "contactRecord", "opportunityRecord")


class Fault(Exception):
    """A fault: code without prefix, text without code, name of the detail."""

    def __init__(self, code: str, text: str, detail: str, answer: httpx2.Response) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text, self.detail, self.answer = code, text, detail, answer


@dataclass
class Client:
    """Calls `/services/Soap/u` with a session; `headers` are SOAP headers by name."""

    org: RunningOrg
    session: str
    style: str = "prefixed"
    version: str = "60.0"
    headers: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, name: str, *parts: tuple[str, object]) -> ElementTree.Element:
        """The response element; raises Fault."""
        answer = self.post(self.envelope(name, parts))
        return read(answer)

    def results(self, name: str, *parts: tuple[str, object]) -> list[ElementTree.Element]:
        return list(self(name, *parts))

    def post(self, body: str | bytes, **headers: str) -> httpx2.Response:
        return httpx2.post(
            f"{self.org.base_url}/services/Soap/u/{self.version}/{self.org.org_id[:15]}",
            content=body.encode() if isinstance(body, str) else body,
            headers={"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""', **headers},
            timeout=60,
        )

    def envelope(self, name: str, parts: Parts) -> str:
        call, record, soap = {
            "prefixed": ("urn:", "urn1:", "soapenv:"),
            "default": ("", "", ""),
            "odd": ("_-.x:", "Z:", "SOAP-ENV:"),
        }[self.style]
        spaces = {
            "prefixed": 'xmlns:urn="urn:partner.soap.sforce.com" xmlns:urn1="urn:sobject.partner.soap.sforce.com"',
            "default": "",
            "odd": "xmlns:_-.x='urn:partner.soap.sforce.com' xmlns:Z='urn:sobject.partner.soap.sforce.com'",
        }[self.style]
        own = ' xmlns="urn:partner.soap.sforce.com"' if self.style == "default" else ""
        soap_space = f'xmlns{":" + soap[:-1] if soap else ""}="{ENVELOPE}"'
        headers = {"SessionHeader": {"sessionId": self.session}, **self.headers}
        told = "".join(
            f"<{call}{key}{own}>{_parts(values.items(), call, record)}</{call}{key}>"
            for key, values in headers.items()
        )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><{soap}Envelope {soap_space} {spaces} xmlns:xsi="{XSI}">'
            f"<{soap}Header>{told}</{soap}Header><{soap}Body>\n <{call}{name}{own}>{_parts(parts, call, record)}"
            f"</{call}{name}>\n</{soap}Body></{soap}Envelope>"
        )


def _parts(parts: Parts, call: str, record: str) -> str:
    out = []
    for key, value in parts:
        name = call + key
        if isinstance(value, list):
            inner = _parts(value, record if key in _SOBJECTS else call, record)
            kind = f' xsi:type="{record}sObject"' if key in _SOBJECTS else ""
            out.append(f"<{name}{kind}>{inner}</{name}>")
        elif value is None:
            out.append(f'<{name} xsi:nil="true"/>')
        else:
            out.append(f"<{name}>{escape(str(value))}</{name}>")
    return "".join(out)


def read(answer: httpx2.Response) -> ElementTree.Element:
    """The response element of an answer; raises Fault."""
    assert answer.headers["content-type"] == "text/xml; charset=utf-8", answer.text
    root = ElementTree.fromstring(answer.content)
    body = root.find(f"{{{ENVELOPE}}}Body")
    assert body is not None
    inner = body[0]
    if inner.tag == f"{{{ENVELOPE}}}Fault":
        assert answer.status_code == 500
        code = (inner.findtext("faultcode") or "").rpartition(":")[2]
        text = (inner.findtext("faultstring") or "").removeprefix(f"{code}: ")
        detail = inner.find("detail")
        raise Fault(code, text, local(detail[0]) if detail is not None else "", answer)
    assert answer.status_code == 200
    return inner


def local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def text(element: ElementTree.Element, name: str) -> str | None:
    """The text of the child of that local name; None when it is nil or not there."""
    return next((one.text for one in element if local(one) == name), None)


def names(element: ElementTree.Element) -> list[str]:
    return [local(one) for one in element]


def plain(answer: httpx2.Response) -> str:
    """The body of an answer without what differs from org to org."""
    return re.sub(r"<current>\d+</current>", "<current>N</current>", answer.text)
