"""Components of types that the practice org does not interpret: Apex, reports, workflows, pages and the rest.

They are deployed, listed, read, retrieved and deleted like any other, and change nothing in the org. Which
types there are, and how their files lie in a package, is in `kept_kinds.tsv`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from practice_org.metadata import free_value, store
from practice_org.metadata.codec import NAMESPACE, BadValue, Value
from practice_org.metadata.documents import DocumentKind
from practice_org.metadata.kinds import Kind, Work
from practice_org.metadata.store import Stored
from practice_org.xmltree import BadXml, parse

if TYPE_CHECKING:
    from practice_org.org import Org

FOLDER_TYPES = {
    "DashboardFolder": "Dashboard",
    "DocumentFolder": "Document",
    "EmailFolder": "EmailTemplate",
    "ReportFolder": "Report",
}
"""Folders are listed under these names, but deployed and retrieved as members of what they hold."""
BUNDLE = "_files"


class KeptKind(DocumentKind):
    """One row of the table. `content`: a file beside a -meta.xml; `bundle`: a directory of files."""

    def __init__(self, name: str, directory: str, suffix: str, how: str, prefix: str) -> None:
        self.name, self.directory, self.suffix = name, directory, suffix  # type: ignore[misc]
        self.in_folder, self.content, self.bundle = "f" in how, "c" in how, "b" in how
        self.prefix = prefix

    def is_folder(self, full_name: str) -> bool:
        """Whether it is the folder itself, not something in it."""
        return self.in_folder and "/" not in full_name

    def root_of(self, full_name: str) -> str:
        """The root element of the component's XML file."""
        if self.is_folder(full_name):
            return next(folder for folder, held in FOLDER_TYPES.items() if held == self.name)
        return f"{full_name}Settings" if self.name == "Settings" else self.name

    def stored(self, org: Org, full_name: str) -> Stored:
        row = store.known(org, self.name, full_name)
        return row if self.prefix else replace(row, id="")

    def file_name(self, full_name: str) -> str:
        if self.bundle or self.is_folder(full_name) or not self.suffix:
            return f"{self.directory}/{full_name}"
        return f"{self.directory}/{full_name}.{self.suffix}"

    def _put(self, work: Work, full_name: str, value: Value) -> None:
        definition = {name: entry for name, entry in value.items() if name != "fullName"}
        prefix = self.prefix or store.NO_PREFIX
        store.put(work.org, work.user_id, self.name, full_name, definition, prefix=prefix)

    # -- files ------------------------------------------------------------------------------------

    def members_in(self, files: Mapping[str, bytes], root: str) -> list[str]:
        """The components that a package has files of."""
        start, end = f"{root}{self.directory}/", f".{self.suffix}" if self.suffix else ""
        inside = [path[len(start) :] for path in sorted(files) if path.startswith(start)]
        if self.bundle:
            return list(dict.fromkeys(path.partition("/")[0] for path in inside if "/" in path))
        found = [path for path in inside if path.endswith(end) and not path.endswith("-meta.xml")]
        folders = [path.removesuffix("-meta.xml") for path in inside if "/" not in path]
        return [f for f in folders if self.in_folder] + [path[: len(path) - len(end)] for path in found]

    def value_in(self, files: Mapping[str, bytes], root: str, full_name: str) -> Value | None:
        """A component from the files of a package, or None when they are not there.

        Raises BadValue for XML that cannot be read.
        """
        path = root + self.file_name(full_name)
        if self.bundle:
            inside = {p[len(path) + 1 :]: d for p, d in sorted(files.items()) if p.startswith(f"{path}/")}
            encoded = {name: base64.b64encode(data).decode() for name, data in inside.items()}
            return {"fullName": full_name, BUNDLE: encoded} if encoded else None
        if self.is_folder(full_name):
            folder = root_name(self.root_of(full_name))
            data = files.get(f"{path}-meta.xml", files.get(f"{path}.{folder}-meta.xml"))
            return None if data is None else self._read_xml(data, full_name)
        data = files.get(path)
        if data is None or not self.content:
            return None if data is None else self._read_xml(data, full_name)
        meta = files.get(f"{path}-meta.xml")
        value = self._read_xml(meta, full_name) if meta is not None else {"fullName": full_name}
        return {**value, "content": [base64.b64encode(data).decode()]}

    def _read_xml(self, data: bytes, full_name: str) -> Value:
        try:
            node = parse(data)
        except BadXml as error:
            raise BadValue(f"Error parsing file: {error}") from None
        if node.name != self.root_of(full_name):
            raise BadValue(f"Error parsing file: Unexpected element {node.name}", node)
        return {**free_value.from_node(node), "fullName": full_name}

    def package_files(self, full_name: str, value: Value) -> dict[str, bytes]:
        path = self.file_name(full_name)
        if self.bundle:
            return {f"{path}/{name}": base64.b64decode(data) for name, data in value.get(BUNDLE, {}).items()}
        kept = {name: entry for name, entry in value.items() if name not in ("fullName", "content")}
        xml = _file_xml(self.root_of(full_name), kept)
        if self.is_folder(full_name):
            return {f"{path}-meta.xml": xml}
        if not self.content:
            return {path: xml}
        content = base64.b64decode("".join(value.get("content", [])))
        return {path: content, f"{path}-meta.xml": xml}


def root_name(type_name: str) -> str:
    """A type's name with a small first letter, as the suffixes of folders have it."""
    return type_name[0].lower() + type_name[1:]


def _file_xml(root: str, value: Value) -> bytes:
    more = free_value.attributes(value)
    body = free_value.to_xml(value, "    ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{NAMESPACE}"{more}>\n{body}</{root}>\n'.encode()


@lru_cache(maxsize=1)
def kept_kinds() -> tuple[Kind, ...]:
    """All rows of the table."""
    text = (resources.files("practice_org.metadata") / "kept_kinds.tsv").read_text("utf-8")
    rows = [[*line.split("\t"), "", "", ""][:5] for line in text.splitlines() if not line.startswith("#")]
    return tuple(KeptKind(*row) for row in rows)
