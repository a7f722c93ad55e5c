"""Reading XML that strangers send: elements with local names and places, and nothing that a document may order.

A document type declaration is refused outright, so that there are no entities to expand and nothing
outside to fetch. Depth is bounded; size is what the server took as a body. SOAP, packages of metadata, the Bulk
API 1.0 and records sent as XML are all read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_LEVELS = 64
XSI = "http://www.w3.org/2001/XMLSchema-instance"


class BadXml(ValueError):
    """The text is no XML that is taken here; the message says why, `line` and `column` (from 1) say where."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass(slots=True)
class Node:
    """One element: namespace and local name apart, attributes by (namespace, name), text of its own.

    `line` and `column` are those of its start tag, from 1.
    """

    namespace: str
    name: str
    attributes: dict[tuple[str, str], str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    text: str = ""
    line: int = 1
    column: int = 1

    def __iter__(self) -> Iterator[Node]:
        return iter(self.children)

    def child(self, name: str) -> Node | None:
        """The first child of that local name."""
        return next((one for one in self.children if one.name == name), None)

    def all(self, name: str) -> list[Node]:
        """The children of that local name."""
        return [one for one in self.children if one.name == name]

    def value(self, name: str) -> str | None:
        """The text of a child, stripped; None when there is none, it is nil or empty."""
        return self.told(name) or None

    def told(self, name: str, default: str = "") -> str:
        """The text of a child, stripped; `default` when there is none or it is nil."""
        found = self.child(name)
        return default if found is None or found.nil else found.text.strip()

    def values(self, name: str) -> list[str]:
        """The texts of the children of that name that are not nil."""
        return [one.text.strip() for one in self.all(name) if not one.nil]

    def flag(self, name: str) -> bool:
        """Whether a child says true."""
        return self.told(name).lower() in ("true", "1")

    @property
    def nil(self) -> bool:
        return self.attributes.get((XSI, "nil"), "").strip() in ("true", "1")

    @property
    def type(self) -> str | None:
        """The local name in `xsi:type`."""
        given = self.attributes.get((XSI, "type"))
        return given.rpartition(":")[2].strip() or None if given else None


def parse(document: bytes) -> Node:
    """The root element. Raises BadXml."""
    builder = _Builder()
    parser = builder.parser
    try:
        parser.Parse(document, True)
    except BadXml:
        raise
    except expat.ExpatError as error:
        raise BadXml(expat.ErrorString(error.code), error.lineno, error.offset + 1) from None
    except (ValueError, LookupError) as error:
        raise BadXml(str(error)) from None
    assert builder.root is not None
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[tuple[Node, list[str]]] = []
        self.parser = expat.ParserCreate(namespace_separator="\n")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= MOST_LEVELS:
            self._refuse("elements are nested too deeply")
        namespace, _, name = tag.rpartition("\n")
        line, column = self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1
        element = Node(namespace, name, line=line, column=column)
        for key, value in attributes.items():
            space, _, plain = key.rpartition("\n")
            element.attributes[space, plain] = value
        if self._open:
            self._open[-1][0].children.append(element)
        else:
            self.root = element
        self._open.append((element, []))

    def _end(self, tag: str) -> None:
        element, texts = self._open.pop()
        element.text = "".join(texts)

    def _text(self, data: str) -> None:
        if self._open:
            self._open[-1][1].append(data)

    def _doctype(self, *_: object) -> None:
        self._refuse("DOCTYPE is not allowed")

    def _refuse(self, message: str) -> None:
        raise BadXml(message, self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)
