"""Reading XML safely: a small tree with line numbers; document type declarations are refused.

Without a document type there are no entities beyond the five built in: nothing can be expanded,
included or fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

XSI = "http://www.w3.org/2001/XMLSchema-instance"
DEEPEST = 100


class BadXml(ValueError):
    """The text is no XML that we read; `line` and `column` count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


@dataclass
class Node:
    """An element: `name` without its namespace, text, children, and where it ends in the document."""

    name: str
    namespace: str
    attributes: dict[str, str]
    line: int
    column: int
    children: list[Node] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    def nil(self) -> bool:
        """Whether `xsi:nil` says that there is no value."""
        return self.attributes.get(f"{XSI} nil", "") in ("true", "1")

    @property
    def xsi_type(self) -> str | None:
        """The name, without prefix, that `xsi:type` gives."""
        given = self.attributes.get(f"{XSI} type")
        return given.rpartition(":")[2] if given else None

    def child(self, name: str) -> Node | None:
        """The first child of that name in any namespace."""
        return next((one for one in self.children if one.name == name), None)

    def every(self, name: str) -> list[Node]:
        return [one for one in self.children if one.name == name]

    def value(self, name: str, default: str = "") -> str:
        """The text of a child, stripped."""
        found = self.child(name)
        return default if found is None or found.nil else found.text.strip()

    def walk(self) -> Iterator[Node]:
        yield self
        for one in self.children:
            yield from one.walk()


def parse(body: bytes) -> Node:
    """The root element.

    Raises BadXml for anything that is not well-formed, has a document type, or is nested too deeply.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    stack: list[Node] = []
    roots: list[Node] = []

    def refuse(message: str) -> None:
        raise BadXml(message, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) >= DEEPEST:
            refuse("the document is nested too deeply")
        namespace, _, name = tag.rpartition(" ")
        node = Node(name, namespace, attributes, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
        (stack[-1].children if stack else roots).append(node)
        stack.append(node)

    def end(tag: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        if stack:
            stack[-1]._texts.append(data)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = lambda *_: refuse("DOCTYPE is not allowed")
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise BadXml(expat.ErrorString(error.code), error.lineno, error.offset + 1) from None
    except (ValueError, LookupError) as error:
        if isinstance(error, BadXml):
            raise
        raise BadXml(str(error), 1, 1) from None
    return roots[0]
