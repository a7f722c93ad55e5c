"""The request: which call, with which headers, in whatever prefixes its client writes."""

from __future__ import annotations

from dataclasses import dataclass, field

from practice_org.soap.faults import SoapFault
from practice_org.xmltree import BadXml, Node, parse


@dataclass(frozen=True)
class Envelope:
    """The call and its headers by local name."""

    call: Node
    headers: dict[str, Node] = field(default_factory=dict)

    def header(self, name: str, key: str) -> str | None:
        """A header's value: `header("SessionHeader", "sessionId")`."""
        found = self.headers.get(name)
        return found.value(key) if found is not None else None

    def flag(self, name: str, key: str) -> bool:
        """Whether a header's value is true."""
        found = self.headers.get(name)
        return found is not None and found.flag(key)


def read(body: bytes) -> Envelope:
    """The envelope of a request body. Raises SoapFault."""
    try:
        root = parse(body)
    except BadXml as error:
        raise SoapFault(
            "soapenv:Client", f"could not parse the request: {error} (line {error.line})"
        ) from error
    inner = root.child("Body")
    if root.name != "Envelope" or inner is None or not inner.children:
        raise SoapFault("soapenv:Client", "the request has no body")
    top = root.child("Header")
    headers = {one.name: one for one in top or ()}
    return Envelope(inner.children[0], headers)
