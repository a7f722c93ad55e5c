"""Packages: the zip files that deployments bring and retrievals give."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from practice_org.errors import ApiError
from practice_org.metadata.codec import NAMESPACE, BadValue, Value, from_node
from practice_org.xmltree import BadXml, Node, parse

MOST_FILES = 10_000
MOST_BYTES = 400 * 1024 * 1024
"""Of a package when unpacked; the documented limit (600 MB from API version 64 on is not served)."""


@dataclass(frozen=True)
class Manifest:
    """A package.xml: members by type; `*` stands for all."""

    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    version: str = "60.0"


class BadArchive(ApiError):
    """The package cannot be used at all."""

    def __init__(self, message: str, code: str = "INVALID_OPERATION") -> None:
        super().__init__(400, code, message, ())


def unzip(data: bytes) -> dict[str, bytes]:
    """The files of a zip by path.

    Raises BadArchive for what is no zip, is larger than allowed, or has paths that lead out of it.
    """
    out: dict[str, bytes] = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [one for one in archive.infolist() if not one.is_dir()]
            if len(entries) > MOST_FILES:
                raise BadArchive(f"Maximum number of files ({MOST_FILES}) exceeded", "LIMIT_EXCEEDED")
            for entry in entries:
                if ".." in entry.filename.split("/") or entry.filename.startswith(("/", "\\")):
                    raise BadArchive(f"Illegal path in the package: {entry.filename}")
                with archive.open(entry) as file:
                    content = file.read(MOST_BYTES - total + 1)
                total += len(content)
                if total > MOST_BYTES:
                    raise BadArchive("Maximum size of a package exceeded", "LIMIT_EXCEEDED")
                out[entry.filename] = content
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise BadArchive("Malformed zip file", "ZIP_FILE_ERROR") from error
    return out


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(path, files[path])
    return buffer.getvalue()


def package_root(files: Mapping[str, bytes]) -> str:
    """The folder in which package.xml lies: empty, or with a slash at its end.

    Raises BadArchive when there is none.
    """
    found = sorted((p for p in files if p.rpartition("/")[2] == "package.xml"), key=lambda p: p.count("/"))
    if not found:
        raise BadArchive("No package.xml found")
    return found[0].removesuffix("package.xml")


def manifest(data: bytes, name: str = "package.xml") -> Manifest:
    """A manifest file. Raises BadArchive."""
    try:
        root = parse(data)
        if root.name != "Package":
            raise BadArchive(f"{name}: the root element must be Package")
        return manifest_of(root)
    except BadXml as error:
        raise BadArchive(f"Error parsing {name}: {error} ({error.line}:{error.column})") from error
    except BadValue as error:
        where = f" ({error.node.line}:{error.node.column})" if error.node else ""
        raise BadArchive(f"Error parsing {name}: {error.message}{where}") from error


def manifest_of(node: Node) -> Manifest:
    """A manifest element. Raises BadValue."""
    return of_value(from_node("Package", node))


def of_value(value: Value) -> Manifest:
    """A manifest from its value."""
    types: dict[str, tuple[str, ...]] = {}
    for one in value.get("types", []):
        name = str(one.get("name", ""))
        types[name] = types.get(name, ()) + tuple(str(member) for member in one.get("members", []))
    return Manifest(types, str(value.get("version") or "60.0"))


def manifest_xml(types: Mapping[str, tuple[str, ...]], version: str) -> bytes:
    """A package.xml."""
    from xml.sax.saxutils import escape

    rows = []
    for name in sorted(types):
        members = "".join(f"        <members>{escape(one)}</members>\n" for one in types[name])
        rows.append(f"    <types>\n{members}        <name>{escape(name)}</name>\n    </types>\n")
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Package xmlns="{NAMESPACE}">\n{"".join(rows)}'
        f"    <version>{escape(version)}</version>\n</Package>\n"
    ).encode()
