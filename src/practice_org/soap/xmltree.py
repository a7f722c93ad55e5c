"""Reading XML that strangers send: elements with local names, and nothing that a document may order.

A document type declaration is refused outright, so that there are no entities to expand and nothing
outside to fetch. Depth is bounded; size is what the server took as a body.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_LEVELS = 64
XSI = "http://www.w3.org/2001/XMLSchema-instance"


class BadXml(ValueError):
    """The text is no XML that is taken here; the message says why."""


@dataclass
class Element:
    """One element: namespace and local name apart, attributes by (namespace, name), text of its own."""

    namespace: str
    name: str
    attributes: dict[tuple[str, str], str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def __iter__(self) -> Iterator[Element]:
        return iter(self.children)

    def child(self, name: str) -> Element | None:
        """The first child of that local name."""
        return next((one for one in self.children if one.name == name), None)

    def all(self, name: str) -> list[Element]:
        """The children of that local name."""
        return [one for one in self.children if one.name == name]

    def value(self, name: str) -> str | None:
        """The text of a child; None when there is none, it is nil or empty."""
        found = self.child(name)
        return None if found is None or found.nil else found.text.strip() or None

    def values(self, name: str) -> list[str]:
        """The texts of the children of that name that are not nil."""
        return [one.text.strip() for one in self.all(name) if not one.nil]

    def flag(self, name: str) -> bool:
        """Whether a child says true."""
        return (self.value(name) or "").lower() in ("true", "1")

    @property
    def nil(self) -> bool:
        return self.attributes.get((XSI, "nil"), "").strip() in ("true", "1")

    @property
    def type(self) -> str | None:
        """The local name in `xsi:type`."""
        given = self.attributes.get((XSI, "type"))
        return given.rpartition(":")[2].strip() or None if given else None


def parse(document: bytes) -> Element:
    """The root element. Raises BadXml."""
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator="\n")
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise BadXml(f"{expat.ErrorString(error.code)} (line {error.lineno})") from error
    except (ValueError, LookupError) as error:
        raise BadXml(str(error)) from error
    assert builder.root is not None
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MOST_LEVELS:
            raise BadXml("elements are nested too deeply")
        namespace, _, local = name.rpartition("\n")
        element = Element(namespace, local)
        for key, value in attributes.items():
            space, _, plain = key.rpartition("\n")
            element.attributes[space, plain] = value
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        if self._open:
            self._open[-1].text += data

    def doctype(self, *_: object) -> None:
        raise BadXml("document type declarations are not allowed")
