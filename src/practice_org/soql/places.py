"""DISTANCE between a place of the record (geolocation or address) and a fixed one."""

from __future__ import annotations

from practice_org.soql.refusal import malformed, ungrammatical
from practice_org.soql.resolve import Scope, Table, field_sql
from practice_org.soql.tree import Call, Path, Query

UNITS = ("mi", "km")


def parts(name: str) -> tuple[str, str]:
    """The fields that hold latitude and longitude of a compound field."""
    if name.endswith("__c"):
        return f"{name[:-1]}Latitude__s", f"{name[:-1]}Longitude__s"
    prefix = name[: -len("Address")]
    return f"{prefix}Latitude", f"{prefix}Longitude"


def distance(query: Query, scope: Scope, call: Call) -> tuple[str, str, Table]:
    """The SQL of a DISTANCE call, the name of its field, and the table it is of.

    Raises ApiError MALFORMED_QUERY when an argument is not what it must be.
    """
    if len(call.args) != 3:
        raise ungrammatical(query.text, call.at, f"unexpected token: '{call.name}'")
    unit = call.args[2]
    if not isinstance(unit, str) or unit.strip("'").lower() not in UNITS:
        raise malformed(query.text, call.at, "Invalid distance unit: use 'mi' or 'km'")
    table = scope.root
    name = ""
    sides = []
    for argument in call.args[:2]:
        if isinstance(argument, Call):
            sides.append(_fixed(query, argument))
        elif isinstance(argument, Path):
            column = scope.column(argument)
            if not column.compound or column.table.one is None:
                raise malformed(
                    query.text,
                    argument.at,
                    f"field '{column.field.name}' is not a geolocation or address field",
                )
            obj, alias = column.table.one
            name, table = column.field.name, column.table
            held = parts(name)
            fields = [f for f in map(obj.get, held) if f is not None]
            if len(fields) < len(held):
                raise malformed(query.text, argument.at, f"field '{name}' has no latitude and longitude")
            sides.append(", ".join(field_sql(obj, alias, f) for f in fields))
        else:
            raise ungrammatical(query.text, call.at, f"unexpected token: '{argument}'")
    return f"sf_distance({sides[0]}, {sides[1]}, '{unit.strip(chr(39)).lower()}')", name, table


def _fixed(query: Query, call: Call) -> str:
    numbers = []
    for argument in call.args:
        try:
            numbers.append(float(argument) if isinstance(argument, str) else None)
        except ValueError:
            numbers.append(None)
    if call.name.upper() != "GEOLOCATION" or len(numbers) != 2 or None in numbers:
        raise ungrammatical(query.text, call.at, f"unexpected token: '{call.name}'")
    latitude, longitude = (number or 0.0 for number in numbers)
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise malformed(
            query.text, call.at, "Latitude must be within -90 and 90, longitude within -180 and 180"
        )
    return f"{latitude!r}, {longitude!r}"
