"""Values of types whose shape the practice org does not know: any elements, kept as they came.

Every element is a list, as it may come more than once; an entry is a text or a value in turn. `@type` holds
an `xsi:type`, `@text` the text beside it, `@nil` stands for `xsi:nil`. Keys that start with `_` are not
elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from practice_org.xmltree import XSI, Node

XSD = "http://www.w3.org/2001/XMLSchema"
Value = dict[str, Any]


def from_node(node: Node) -> Value:
    """The value of an XML element; `fullName` is a text, as in all values."""
    out: Value = {}
    for child in node.children:
        if child.name == "fullName":
            out["fullName"] = child.text.strip()
        else:
            out.setdefault(child.name, []).append(_entry(child))
    return out


def _entry(node: Node) -> Any:
    typed = node.attributes.get((XSI, "type"))
    if node.nil:
        return {"@nil": True}
    if node.children:
        return {**({"@type": typed} if typed else {}), **from_node(node)}
    return {"@type": typed, "@text": node.text} if typed else node.text


def to_xml(value: Mapping[str, Any], indent: str | None = None, prefix: str = "") -> str:
    """The elements of a value; with `indent` one on a line, as files have them."""
    start, end = (indent or ""), ("" if indent is None else "\n")
    out = []
    for name, given in value.items():
        if name.startswith(("_", "@")):
            continue
        for entry in given if isinstance(given, list) else [given]:
            out.append(f"{start}{_element(prefix + name, entry, indent, prefix)}{end}")
    return "".join(out)


def _element(tag: str, entry: Any, indent: str | None, prefix: str) -> str:
    if not isinstance(entry, Mapping):
        return f"<{tag}>{escape(str(entry))}</{tag}>"
    if entry.get("@nil"):
        return f'<{tag} xsi:nil="true"/>'
    attribute = f" xsi:type={quoteattr(str(entry['@type']))}" if entry.get("@type") else ""
    if "@text" in entry:
        return f"<{tag}{attribute}>{escape(str(entry['@text']))}</{tag}>"
    deeper = None if indent is None else indent + "    "
    inner = to_xml(entry, deeper, prefix)
    return f"<{tag}{attribute}>{'' if indent is None else chr(10)}{inner}{indent or ''}</{tag}>"


def attributes(value: Any) -> str:
    """The namespaces that the root element must declare for what is in the value."""
    return f' xmlns:xsd="{XSD}" xmlns:xsi="{XSI}"' if _typed(value) else ""


def _typed(value: Any) -> bool:
    if isinstance(value, Mapping):
        return "@type" in value or "@nil" in value or any(_typed(one) for one in value.values())
    return isinstance(value, list) and any(_typed(one) for one in value)
