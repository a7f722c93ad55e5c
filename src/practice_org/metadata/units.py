"""The components of a package, in the order in which they are deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.metadata import all_kinds
from practice_org.metadata.archive import Manifest
from practice_org.metadata.codec import BadValue, Value, from_node
from practice_org.metadata.kept import KeptKind
from practice_org.metadata.kinds import Kind
from practice_org.xmltree import BadXml, Node, parse

if TYPE_CHECKING:
    from practice_org.org import Org

KINDS = all_kinds.KINDS
PART_ELEMENTS = {"fields": "CustomField", "recordTypes": "RecordType", "validationRules": "ValidationRule"}


@dataclass(frozen=True)
class Unit:
    """One component to deploy, or what is wrong with it. `line` and `column` are where it stands."""

    kind: str
    full_name: str
    file_name: str
    value: Value = field(default_factory=dict)
    line: int | None = None
    column: int | None = None
    error: ApiError | None = None
    warning: bool = False
    destroy: bool = False


def units_of(
    org: Org, files: Mapping[str, bytes], root: str, manifest: Manifest, *, lenient: bool
) -> list[Unit]:
    """What a manifest names, from the files of its package; `lenient`: a missing file is a warning."""
    out: list[Unit] = []
    for type_name in manifest.types:
        if type_name not in KINDS:
            out.append(
                Unit(
                    "",
                    "package.xml",
                    f"{root}package.xml",
                    error=ApiError(
                        400, "INVALID_TYPE", f"Unknown type name '{type_name}' specified in package.xml", ()
                    ),
                )
            )
    parsed: dict[str, Node | ApiError] = {}
    for name, kind in KINDS.items():
        members = manifest.types.get(name, ())
        for member in _members(kind, members, files, root):
            path = root + kind.file_name(member)
            if isinstance(kind, KeptKind):
                out.append(_kept(kind, member, files, root, lenient))
                continue
            out += _unit(kind, member, path, files, parsed, lenient)
    out += _parts_of_whole_objects(manifest, files, root, parsed)
    return _ordered(_once(out))


def _members(kind: Kind, members: tuple[str, ...], files: Mapping[str, bytes], root: str) -> Iterator[str]:
    for member in members:
        if member != "*":
            yield member
        elif isinstance(kind, KeptKind):
            yield from kind.members_in(files, root)
        elif kind.part_of is None:
            start, end = f"{root}{kind.directory}/", f".{kind.suffix}"
            yield from (
                p[len(start) : -len(end)] for p in sorted(files) if p.startswith(start) and p.endswith(end)
            )


def _unit(
    kind: Kind,
    member: str,
    path: str,
    files: Mapping[str, bytes],
    parsed: dict[str, Node | ApiError],
    lenient: bool,
) -> list[Unit]:
    found = _found(path, files)
    if found is None:
        return [_missing(kind, member, path, lenient)]
    node = _parsed(found, files, parsed)
    if isinstance(node, ApiError):
        return [_bad(kind.name, member, found, node)]
    if kind.part_of is None:
        return [_whole(kind, member, found, node)]
    name = kind.owner_and_name(member)[1]
    for child in node.all(kind.element):
        if child.told("fullName") == name:
            return [_part(kind, member, found, child)]
    return [_missing(kind, member, found, lenient)]


def _missing(kind: Kind, member: str, path: str, lenient: bool) -> Unit:
    text = f"An object '{member}' of type {kind.name} was named in package.xml, but was not found in zipped directory"
    error = ApiError(400, "INVALID_CROSS_REFERENCE_KEY", text, ())
    return Unit(kind.name, member, path, error=error, warning=lenient)


def _kept(kind: KeptKind, member: str, files: Mapping[str, bytes], root: str, lenient: bool) -> Unit:
    """A component that is only kept, from its file or files."""
    path = root + kind.file_name(member)
    try:
        value = kind.value_in(files, root, member)
    except BadValue as error:
        return _bad(kind.name, member, path, error)
    return Unit(kind.name, member, path, value) if value else _missing(kind, member, path, lenient)


def _found(path: str, files: Mapping[str, bytes]) -> str | None:
    if path in files:
        return path
    return next((one for one in files if one.lower() == path.lower()), None)


def _parsed(path: str, files: Mapping[str, bytes], parsed: dict[str, Node | ApiError]) -> Node | ApiError:
    if path not in parsed:
        try:
            parsed[path] = parse(files[path])
        except BadXml as error:
            place = Node("", "", line=error.line, column=error.column)
            parsed[path] = BadValue(f"Error parsing file: {error}", place)
    return parsed[path]


def _bad(kind: str, name: str, path: str, error: ApiError) -> Unit:
    node = getattr(error, "node", None)
    return Unit(
        kind, name, path, error=error, line=node.line if node else None, column=node.column if node else None
    )


def _whole(kind: Kind, member: str, path: str, node: Node) -> Unit:
    if node.name != (kind.root or kind.name):
        return _bad(
            kind.name, member, path, BadValue(f"Error parsing file: Unexpected element {node.name}", node)
        )
    parts = PART_ELEMENTS if kind.name == "CustomObject" else {}
    trimmed = replace(node, children=[one for one in node.children if one.name not in parts])
    try:
        value = from_node(kind.name, trimmed)
    except BadValue as error:
        return _bad(kind.name, member, path, BadValue(f"Error parsing file: {error.message}", error.node))
    return Unit(kind.name, member, path, {**value, "fullName": member}, node.line, node.column)


def _part(kind: Kind, member: str, path: str, node: Node) -> Unit:
    try:
        value = from_node(kind.name, node)
    except BadValue as error:
        return _bad(kind.name, member, path, BadValue(f"Error parsing file: {error.message}", error.node))
    return Unit(kind.name, member, path, {**value, "fullName": member}, node.line, node.column)


def _parts_of_whole_objects(
    manifest: Manifest, files: Mapping[str, bytes], root: str, parsed: dict[str, Node | ApiError]
) -> list[Unit]:
    """Fields and other parts of the objects that are named as a whole."""
    out = []
    kind = KINDS["CustomObject"]
    for owner in _members(kind, manifest.types.get("CustomObject", ()), files, root):
        path = _found(root + kind.file_name(owner), files)
        node = _parsed(path, files, parsed) if path else None
        if path is None or not isinstance(node, Node):
            continue
        for element, type_name in PART_ELEMENTS.items():
            part = KINDS.get(type_name)
            for child in node.all(element) if part else []:
                assert part is not None
                out.append(_part(part, f"{owner}.{child.told('fullName')}", path, child))
    return out


def _once(units: list[Unit]) -> list[Unit]:
    found: dict[tuple[str, str], Unit] = {}
    for unit in units:
        found.setdefault((unit.kind, unit.full_name.lower()), unit)
    return list(found.values())


def _ordered(units: list[Unit]) -> list[Unit]:
    order = {name: number for number, name in enumerate(KINDS)}

    def key(unit: Unit) -> tuple[int, int]:
        late = unit.value.get("formula") is not None or unit.value.get("type") == "Summary"
        return order.get(unit.kind, -1), int(late)

    return sorted(units, key=key)


def destroyed(manifest: Manifest, file_name: str) -> list[Unit]:
    """What a destructiveChanges file names: fields before objects."""
    out = []
    for type_name, members in manifest.types.items():
        if type_name not in KINDS:
            out.append(
                Unit(
                    "",
                    file_name,
                    file_name,
                    error=ApiError(
                        400, "INVALID_TYPE", f"Unknown type name '{type_name}' specified in {file_name}", ()
                    ),
                    destroy=True,
                )
            )
        out += [Unit(type_name, member, file_name, destroy=True) for member in members if type_name in KINDS]
    order = {name: number for number, name in enumerate(reversed(KINDS))}
    return sorted(out, key=lambda unit: order.get(unit.kind, -1))
