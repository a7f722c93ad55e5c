"""Files: what is worked out from their bytes, and the document that a new version belongs to.

The bytes lie in the row as the base64 text in which they came. A first version makes its document; a
further one names it and becomes the latest. Fields and rules are platform knowledge; the answers to
creating, changing and reading a version are recorded.
"""

from __future__ import annotations

import base64
import hashlib

from practice_org.data.standard.change import Change

_TYPES = {"txt": "TEXT", "csv": "CSV", "pdf": "PDF", "png": "PNG", "jpg": "JPG", "json": "JSON", "xml": "XML"}


def fill_version(change: Change) -> None:
    """Size, checksum and type of a version; the number that it gets."""
    row = change.row
    if change.altered("VersionData"):
        content = base64.b64decode(row.get("VersionData") or "")
        row["ContentSize"] = len(content)
        row["Checksum"] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if not change.creating:
        return
    path = row.get("PathOnClient") or ""
    name, dot, extension = path.rpartition("/")[2].rpartition(".")
    row["FileExtension"] = extension if dot else None
    row["FileType"] = _TYPES.get(extension.lower(), "UNKNOWN")
    row["Title"] = row.get("Title") or name or extension or None
    row["ContentModifiedDate"], row["ContentModifiedById"] = change.tx.stamp, change.actor
    before = change.one(
        'SELECT count(*) FROM "ContentVersion" WHERE "ContentDocumentId" = ?', row.get("ContentDocumentId")
    )[0]
    row["IsLatest"], row["VersionNumber"] = 1, str(before + 1)


def follow_version(change: Change) -> None:
    """The document of a version: made for a first one, told of what came later."""
    row = change.row
    told = {
        **{name: row.get(name) for name in ("Title", "ContentSize", "FileType", "FileExtension")},
        "ContentModifiedDate": row.get("ContentModifiedDate"),
        "LatestPublishedVersionId": row["Id"],
    }
    document = row.get("ContentDocumentId")
    if not document:
        document = change.add("ContentDocument", {"OwnerId": row["OwnerId"], "PublishStatus": "P", **told})
        row["ContentDocumentId"] = document
        change.connection.execute(
            'UPDATE "ContentVersion" SET "ContentDocumentId" = ? WHERE "Id" = ?', (document, row["Id"])
        )
    elif row.get("IsLatest"):
        change.touch("ContentDocument", document, told)
        change.connection.execute(
            'UPDATE "ContentVersion" SET "IsLatest" = 0 WHERE "ContentDocumentId" = ? AND "Id" <> ?',
            (document, row["Id"]),
        )


def fill_body(change: Change) -> None:
    """The length of an attachment's or a document's body."""
    if change.altered("Body"):
        change.row["BodyLength"] = len(base64.b64decode(change.row.get("Body") or ""))
