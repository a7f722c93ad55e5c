"""The calls of the Metadata API that preparing an org needs: read, create, update, delete components, list names.

Components are XML elements, so that what we do not know of them goes back as it came.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from diptych.domain.outcome import ErrorClass as Class
from diptych.domain.outcome import OrgUnavailable, Problem
from diptych.salesforce.client import Client
from diptych.salesforce.errors import ApiFault, Effect, call_failed
from diptych.salesforce.transport import Answer, Cut, NotSent, not_the_api

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
A_CALL = 10
"""Components of one call; Salesforce's own limit."""


def tag(name: str) -> str:
    """The name of a component's element, in its namespace."""
    return f"{{{NAMESPACE}}}{name}"


def component(type_name: str, **values: str | int | bool) -> Element:
    """A component of plain values."""
    made = Element(tag("metadata"), {f"{{{_XSI}}}type": type_name})
    for name, value in values.items():
        child = ElementTree.SubElement(made, tag(name))
        child.text = str(value).lower() if isinstance(value, bool) else str(value)
    return made


class MetadataApi:
    """Raises OrgError and its kinds; a refused component is OrgRefused, those beside it may have been done."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def read(self, type_name: str, names: Sequence[str]) -> list[Element]:
        """The components that there are of those named."""
        found: list[Element] = []
        for start in range(0, len(names), A_CALL):
            some = names[start : start + A_CALL]
            body = f"<type>{type_name}</type>" + "".join(f"<fullNames>{escape(n)}</fullNames>" for n in some)
            answer = self._call("readMetadata", body, Effect.READ)
            found += [
                record for record in answer.iter(tag("records")) if record.find(tag("fullName")) is not None
            ]
        return found

    def names(self, type_name: str) -> list[str]:
        """The full names of all components of a type."""
        body = f"<queries><type>{type_name}</type></queries><asOfVersion>{self._client.api_version}</asOfVersion>"
        answer = self._call("listMetadata", body, Effect.READ)
        return [one.findtext(tag("fullName")) or "" for one in answer.iter(tag("result"))]

    def create(self, components: Sequence[Element]) -> None:
        """Create components; one that is there already is left as it is."""
        self._write("createMetadata", components, ("DUPLICATE_DEVELOPER_NAME",))

    def update(self, components: Sequence[Element]) -> None:
        """Replace components."""
        self._write("updateMetadata", components, ())

    def delete(self, type_name: str, names: Sequence[str]) -> None:
        """Delete components; one that is gone already is no trouble."""
        for start in range(0, len(names), A_CALL):
            some = names[start : start + A_CALL]
            body = f"<type>{type_name}</type>" + "".join(f"<fullNames>{escape(n)}</fullNames>" for n in some)
            answer = self._call("deleteMetadata", body, Effect.WRITE)
            _refuse(answer, ("INVALID_CROSS_REFERENCE_KEY",))

    def _write(self, call: str, components: Sequence[Element], harmless: tuple[str, ...]) -> None:
        for start in range(0, len(components), A_CALL):
            body = "".join(_text(one) for one in components[start : start + A_CALL])
            _refuse(self._call(call, body, Effect.WRITE), harmless)

    def _call(self, name: str, body: str, effect: Effect) -> Element:
        """The answer's element. A session that has expired is renewed once: nothing was done in it."""
        transport, session = self._client.transport, self._client.session
        grant = session.grant(transport)
        for attempt in range(2):
            try:
                answer = transport.send(
                    "POST",
                    f"{grant.instance_url}/services/Soap/m/{self._client.api_version}",
                    effect=effect,
                    headers={
                        "Content-Type": "text/xml; charset=UTF-8",
                        "SOAPAction": name,
                        "Accept": "text/xml",
                    },
                    params=None,
                    content=_envelope(name, body, grant.access_token),
                    on_headers=None,
                )
            except NotSent as failure:
                raise failure.error from failure
            except Cut as failure:
                raise failure.error from failure
            found = _read(answer, effect)
            fault = found.find(f".//{{{_ENVELOPE}}}Fault")
            if fault is None:
                return found
            code = (fault.findtext("faultcode") or "").rpartition(":")[2]
            if code == "INVALID_SESSION_ID" and attempt == 0:
                grant = session.renew(transport, grant)
                continue
            said = (fault.findtext("faultstring") or "").removeprefix(f"{code}: ")
            raise call_failed([ApiFault(code, said)], 400, effect)
        raise AssertionError("the second attempt returns or raises")


def _envelope(name: str, body: str, session_id: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><se:Envelope xmlns:se="{_ENVELOPE}" xmlns="{NAMESPACE}" '
        f'xmlns:xsi="{_XSI}"><se:Header><CallOptions><client>diptych</client></CallOptions><SessionHeader>'
        f"<sessionId>{escape(session_id)}</sessionId></SessionHeader></se:Header>"
        f"<se:Body><{name}>{body}</{name}></se:Body></se:Envelope>"
    ).encode()


def _text(one: Element) -> str:
    """A component as text, whatever the element is called that it was read from."""
    sent = copy.copy(one)
    sent.tag = tag("metadata")
    return ElementTree.tostring(sent, encoding="unicode")


def _read(answer: Answer, effect: Effect) -> Element:
    if b"<!DOCTYPE" not in answer.content[:2000]:
        try:
            root = ElementTree.fromstring(answer.content)
        except ElementTree.ParseError:
            root = None
        if root is not None and root.tag == f"{{{_ENVELOPE}}}Envelope":
            return root
    if answer.status < 300:
        raise OrgUnavailable(
            Problem(
                "UNEXPECTED_ANSWER",
                "Salesforce's Metadata API gave no answer that can be read.",
                Class.NETWORK,
            )
        )
    raise not_the_api(answer, effect)


def _refuse(answer: Element, harmless: tuple[str, ...]) -> None:
    """Raise the first refusal of an answer that is not harmless."""
    for result in answer.iter(tag("result")):
        for error in result.iter(tag("errors")):
            code = error.findtext(tag("statusCode")) or "UNKNOWN"
            if code in harmless:
                continue
            name = result.findtext(tag("fullName")) or ""
            said = error.findtext(tag("message")) or ""
            raise call_failed([ApiFault(code, f"{name}: {said}" if name else said)], 400, Effect.WRITE)
