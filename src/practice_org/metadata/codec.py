"""Component values to and from XML and JSON, by the shapes of their types.

A value is a dict with the elements that are there, in the shape of the Tooling API's `Metadata`: lists for
elements that may come more than once, booleans and numbers as such. Enumerations are text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from practice_org.errors import ApiError
from practice_org.metadata import free_value
from practice_org.metadata.value_types import SCALARS, Element, ValueType, shapes
from practice_org.xmltree import Node

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
Value = dict[str, Any]


class BadValue(ApiError):
    """A value that does not fit its type; `node` is where, when it came as XML."""

    def __init__(self, message: str, node: Node | None = None, code: str = "INVALID_TYPE") -> None:
        super().__init__(400, code, message)
        self.node = node


def from_node(type_name: str, node: Node) -> Value:
    """The value of an XML element.

    Raises BadValue, in the words of the real service, for an element that the type does not have, one
    that comes twice, or a text that is not of its type.
    """
    shape = shapes().types.get(type_name)
    if shape is None:
        return free_value.from_node(node)
    out: Value = {}
    for child in node.children:
        element = shape.by_name.get(child.name)
        if element is None:
            raise BadValue(
                f"Element {{{child.namespace or NAMESPACE}}}{child.name} invalid at this location in type {type_name}",
                child,
            )
        if child.nil:
            continue
        value = _from_child(element, child)
        if element.many:
            out.setdefault(element.name, []).append(value)
        elif element.name in out:
            raise BadValue(
                f"Element {{{child.namespace or NAMESPACE}}}{child.name} is duplicated at this location in type "
                f"{type_name}",
                child,
            )
        else:
            out[element.name] = value
    return out


def _from_child(element: Element, node: Node) -> Any:
    if element.type in shapes().types:
        return from_node(element.type, node)
    return _scalar(element, node.text, node)


def _scalar(element: Element, text: str, node: Node | None) -> Any:
    if element.type == "string":
        return text
    stripped = text.strip()
    if element.type == "boolean":
        if stripped not in ("true", "false", "1", "0"):
            raise BadValue(f"'{text}' is not a valid value for the type xsd:boolean", node)
        return stripped in ("true", "1")
    if element.type in ("int", "double"):
        try:
            return int(stripped) if element.type == "int" else float(stripped)
        except ValueError:
            raise BadValue(f"'{text}' is not a valid value for the type xsd:{element.type}", node) from None
    allowed = shapes().enums.get(element.type)
    if allowed is not None and stripped not in allowed:
        raise BadValue(f"'{text}' is not a valid value for the enum '{element.type}'", node)
    return stripped


def from_json(type_name: str, value: Any) -> Value:
    """The value of a JSON object, as the Tooling API takes it; null means absent.

    Raises BadValue for what the type does not have.
    """
    shape = shapes().types[type_name]
    if not isinstance(value, Mapping):
        raise BadValue(
            f"Cannot deserialize instance of {type_name} from a value that is no object",
            code="JSON_PARSER_ERROR",
        )
    out: Value = {}
    for name, given in value.items():
        element = shape.by_name.get(name)
        if element is None:
            raise BadValue(
                f"No such column '{name}' on sobject of type {type_name}", code="JSON_PARSER_ERROR"
            )
        if given is None:
            continue
        if element.many:
            entries = given if isinstance(given, list) else [given]
            out[name] = [_from_json_entry(element, entry) for entry in entries]
        else:
            out[name] = _from_json_entry(element, given)
    return out


def _from_json_entry(element: Element, given: Any) -> Any:
    if element.type in shapes().types:
        return from_json(element.type, given)
    if isinstance(given, bool):
        text = "true" if given else "false"
    elif isinstance(given, str | int | float):
        text = str(given)
    else:
        raise BadValue(
            f"Cannot deserialize instance of {element.type} from the value of {element.name}",
            code="JSON_PARSER_ERROR",
        )
    if element.type == "string" and isinstance(given, bool | str):
        return text
    return _scalar(element, text, None)


def to_json(type_name: str, value: Mapping[str, Any]) -> Value:
    """The value as the Tooling API shows it: every element of the type, null where there is none."""
    shape = shapes().types[type_name]
    out: Value = {}
    for element in shape.elements:
        if element.name == "fullName" and type_name not in _NAMED_IN_JSON:
            continue
        out[element.name] = _json_entry(element, value.get(element.name))
    return out


_NAMED_IN_JSON = frozenset({"PicklistValue", "WebLink", "ListView", "CompactLayout", "FieldSet"})


def _json_entry(element: Element, given: Any) -> Any:
    if element.many:
        return [_json_one(element, entry) for entry in given or []]
    return None if given is None else _json_one(element, given)


def _json_one(element: Element, given: Any) -> Any:
    return to_json(element.type, given) if element.type in shapes().types else given


def to_xml(type_name: str, value: Mapping[str, Any], indent: str | None = None, prefix: str = "") -> str:
    """The elements of a value in the order of the type; with `indent` one on a line, as files have them."""
    shape = shapes().types.get(type_name)
    if shape is None:
        return free_value.to_xml(value, indent, prefix)
    return "".join(_element_xml(element, value, indent, prefix) for element in _in_order(shape))


def _in_order(shape: ValueType) -> list[Element]:
    return sorted(shape.elements, key=lambda one: one.name != "fullName")


def _element_xml(element: Element, value: Mapping[str, Any], indent: str | None, prefix: str) -> str:
    given = value.get(element.name)
    if given is None:
        return ""
    entries = given if element.many else [given]
    start = indent or ""
    end = "" if indent is None else "\n"
    tag = f"{prefix}{element.name}"
    out = []
    for entry in entries:
        if element.type in shapes().types:
            inner = to_xml(element.type, entry, None if indent is None else indent + "    ", prefix)
            opened = "" if indent is None else "\n"
            out.append(f"{start}<{tag}>{opened}{inner}{start}</{tag}>{end}")
        else:
            out.append(f"{start}<{tag}>{escape(text_of(entry))}</{tag}>{end}")
    return "".join(out)


def text_of(value: Any) -> str:
    """A scalar as XML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def file_xml(type_name: str, value: Mapping[str, Any], root: str | None = None) -> str:
    """A component's file, as a retrieve writes it: without its own full name, four spaces an indent."""
    body = to_xml(type_name, {k: v for k, v in value.items() if k != "fullName"}, "    ")
    tag = root or type_name
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{tag} xmlns="{NAMESPACE}">\n{body}</{tag}>\n'


def is_scalar(type_name: str) -> bool:
    return type_name in SCALARS or type_name in shapes().enums
