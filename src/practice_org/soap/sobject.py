"""sObjects on the wire: in both dialects, partner (`type` as an element) and enterprise (`xsi:type`).

Written as recorded answers have them: in the partner API `type`, then the Id (nil when it was not asked
for), then the fields in the order of the query, the Id among them again; a parent is an sObject of its own,
a sub-select a QueryResult.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from practice_org.data.tables import java_double
from practice_org.schema.catalogue import ObjectType, Schema
from practice_org.soap.faults import SoapFault
from practice_org.soap.markup import element, text_of
from practice_org.xmltree import Node

ADDRESS = (
    "latitude", "longitude", "city", "country", "countryCode", "geocodeAccuracy", "postalCode", "state",
    "stateCode", "street",
)  # fmt: skip
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\+0000\Z")
_ZONED_DAY = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)\Z")
UNSUPPORTED = (
    "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the "
    "'__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)
NO_COLUMN = (
    "No such column '{}' on entity '{}'. If you are attempting to use a custom field, be sure to append the "
    "'__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate "
    "names."
)


# -- reading ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Given:
    """An sObject that a client sent: values by field name, None for those in `fieldsToNull`."""

    obj: ObjectType
    id: str | None
    values: dict[str, Any] = field(default_factory=dict)


def read(schema: Schema, api: str, given: Node) -> Given:
    """An sObject element. Raises SoapFault INVALID_TYPE or INVALID_FIELD, which end the whole call."""
    obj = object_of(schema, _type_name(api, given))
    values: dict[str, Any] = {}
    record_id = None
    for one in given:
        if one.name == "type" and api == "u":
            continue
        if one.name == "fieldsToNull":
            if one.text.strip():
                values[_field_name(obj, one.text.strip())] = None
        elif one.name == "Id":
            record_id = record_id or (None if one.nil else one.text.strip() or None)
        elif not one.nil:
            values[_field_name(obj, one.name)] = _value(schema, api, obj, one)
    return Given(obj, record_id, values)


def object_of(schema: Schema, name: str | None) -> ObjectType:
    """The object of that name. Raises SoapFault INVALID_TYPE."""
    if not name or name.lower() == "sobject":
        raise SoapFault("INVALID_TYPE", "Must send a concrete entity type.")
    obj = schema.get(name)
    if obj is None:
        raise SoapFault("INVALID_TYPE", UNSUPPORTED.format(name))
    return obj


def _type_name(api: str, given: Node) -> str | None:
    told = given.value("type") if api == "u" else None
    return told or given.type or (given.value("type") if api == "c" and given.type is None else None)


def _field_name(obj: ObjectType, name: str) -> str:
    if obj.get(name) is None and obj.field_by_relationship(name) is None:
        raise SoapFault("INVALID_FIELD", NO_COLUMN.format(name, obj.name))
    return name


def _value(schema: Schema, api: str, obj: ObjectType, given: Node) -> Any:
    if obj.get(given.name) is None:
        keys = {one.name: one.text.strip() for one in given if not one.nil and one.name != "type"}
        return {name: text for name, text in keys.items() if text}
    f = obj.get(given.name)
    text = given.text
    if f is not None and f.type == "date":
        zoned = _ZONED_DAY.match(text.strip())
        return zoned[1] if zoned else text.strip()
    return text


# -- writing ------------------------------------------------------------------------------------------


def record(schema: Schema, api: str, name: str, given: Mapping[str, Any] | None) -> str:
    """A record, as the data layer gives it for REST, as an sObject element called `name`."""
    if given is None:
        return f'<{name} xsi:nil="true"/>'
    type_name = given["attributes"]["type"]
    obj = schema.get(type_name)
    if api == "u":
        kind, head = "sf:sObject", f"<sf:type>{type_name}</sf:type>{element('sf:Id', given.get('Id'))}"
    else:
        kind, head = f"sf:{type_name}", element("sf:Id", given.get("Id"))
    inner = "".join(
        _field(schema, api, obj, key, value)
        for key, value in given.items()
        if key != "attributes" and not (key == "Id" and api == "c")
    )
    return f'<{name} xsi:type="{kind}">{head}{inner}</{name}>'


def query_result(
    schema: Schema, api: str, records: list[dict[str, Any]], size: int, locator: str | None
) -> str:
    """The elements of a QueryResult."""
    shown = "".join(record(schema, api, "records", one) for one in records)
    return (
        f"{element('done', locator is None)}{element('queryLocator', locator)}{shown}{element('size', size)}"
    )


def _field(schema: Schema, api: str, obj: ObjectType | None, key: str, value: Any) -> str:
    name = f"sf:{key}"
    if value is None:
        return element(name, None)
    if isinstance(value, Mapping):
        if "attributes" in value:
            return record(schema, api, name, value)
        if "records" in value:
            inner = query_result(schema, api, value["records"], value["totalSize"], _locator(value))
            return f'<{name} xsi:type="QueryResult">{inner}</{name}>'
        inner = "".join(element(part, value.get(part)) for part in ADDRESS)
        return f'<{name} xsi:type="address">{inner}</{name}>'
    f = obj.get(key) if obj is not None else None
    if f is None:
        return _computed(name, value)
    if f.type in ("double", "currency", "percent"):
        return element(name, java_double(float(value)))
    if f.type == "datetime":
        return element(name, moment(str(value)))
    return element(name, value)


def _locator(children: Mapping[str, Any]) -> str | None:
    url = children.get("nextRecordsUrl")
    return str(url).rpartition("/")[2] if url else None


def _computed(name: str, value: Any) -> str:
    """A column of an aggregate, whose type is told with it."""
    if isinstance(value, bool):
        kind, text = "xsd:boolean", text_of(value)
    elif isinstance(value, int):
        kind, text = "xsd:int", text_of(value)
    elif isinstance(value, float):
        kind, text = "xsd:double", java_double(value) or ""
    elif _MOMENT.match(str(value)):
        kind, text = "xsd:dateTime", moment(str(value))
    else:
        kind, text = "xsd:string", text_of(value)
    return f'<{name} xsi:type="{kind}">{text}</{name}>'


def moment(text: str) -> str:
    """A moment as SOAP writes it, from how REST does."""
    found = _MOMENT.match(text)
    return f"{found[1]}Z" if found else text
