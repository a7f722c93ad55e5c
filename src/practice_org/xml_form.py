"""The REST API's answers and records as XML, for clients that ask for it.

The element names of errors, results, query results, versions and resources are those of documented samples;
those of other answers are a belief.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from practice_org.errors import ApiError
from practice_org.xmltree import XSI, BadXml, Node, parse

XML_TYPE = "application/xml;charset=UTF-8"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z")
_OTHERS = ("*/*", "application/json", "application/*", "text/html")


def wants_xml(accept: str, path: str) -> bool:
    """Whether XML is asked for: by the end of the address, or by a client that takes nothing else."""
    if path.rstrip("/").endswith(".xml"):
        return True
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return "application/xml" in kinds and not any(kind in _OTHERS for kind in kinds)


def to_xml(value: Any, resource: str) -> bytes:
    """An answer as a document; `resource` names what was asked for, if its shape does not tell."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(one, dict) and "errorCode" in one for one in value)
    ):
        inner = "".join(_element("Error", one) for one in value)
        return f"{_HEAD}<Errors>{inner}</Errors>".encode("utf-8", "replace")
    root, plural = _root(value, resource)
    if plural:
        inner = "".join(_element(root, one) for one in value)
        return f"{_HEAD}<{plural}>{inner}</{plural}>".encode("utf-8", "replace")
    return (_HEAD + _element(root, value)).encode("utf-8", "replace")


def _root(value: Any, resource: str) -> tuple[str, str | None]:
    if isinstance(value, list):
        return ("Version", "Versions") if value and "version" in value[0] else ("Result", "Results")
    if isinstance(value, dict):
        if "totalSize" in value:
            return "QueryResult", None
        if "success" in value:
            return "Result", None
        if "attributes" in value:
            return str(value["attributes"]["type"]), None
        if "identity" in value and "sobjects" in value:
            return "urls", None
        if "objectDescribe" in value or "childRelationships" in value:
            return str(value.get("name") or value["objectDescribe"]["name"]), None
    return {"sobjects": "DescribeGlobal", "limits": "LimitsSnapshot"}.get(resource, "Result"), None


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    tag = name if _NAME.match(name) else f"_{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}"
    if value is None:
        return f'<{tag} xmlns:xsi="{XSI}" xsi:nil="true"/>'
    if isinstance(value, dict):
        attributes = value.get("attributes")
        marks = ""
        if isinstance(attributes, Mapping):
            marks = "".join(f" {key}={quoteattr(str(text))}" for key, text in attributes.items())
        inner = "".join(_element(key, one) for key, one in value.items() if key != "attributes")
        return f"<{tag}{marks}>{inner}</{tag}>"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"<{tag}>{escape(_printable(text))}</{tag}>"


def _printable(text: str) -> str:
    """Control characters have no place in XML."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "\ufffd", text)


def record_from(body: bytes) -> dict[str, Any]:
    """The record of an XML body: its root's children are the fields.

    Raises ApiError 400 XML_PARSER_ERROR when the body is none.
    """
    try:
        root = parse(body)
    except BadXml as error:
        raise ApiError(
            400, "XML_PARSER_ERROR", f"{error} at [line:{error.line}, column:{error.column}]"
        ) from None
    return {child.name: _value(child) for child in root}


def _value(node: Node) -> Any:
    if node.children:
        return {child.name: _value(child) for child in node}
    return None if node.nil else node.text
