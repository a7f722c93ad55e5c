"""What the pages show: rows as people read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from practice_org.data.tables import quoted
from practice_org.org import Org
from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType

PAGE = 50
COLUMNS = {
    "Lead": ("Name", "Company", "Email", "Phone", "Status", "LastModifiedDate", "LastModifiedById"),
    "Contact": ("Name", "Title", "Email", "Phone", "MailingCity", "LastModifiedDate", "LastModifiedById"),
    "Account": ("Name", "Type", "Industry", "Phone", "BillingCity", "LastModifiedDate", "LastModifiedById"),
}
HEADINGS = {"LastModifiedDate": "Last changed", "LastModifiedById": "by", "Name": "Name"}
SEARCHED = {"Lead": ("Name", "Company", "Email"), "Contact": ("Name", "Email"), "Account": ("Name",)}
HIDDEN = (
    "Id",
    "IsDeleted",
    "Name",
    "PhotoUrl",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
)


@dataclass(frozen=True)
class Found:
    """One page of a list: column labels, rows of (id, texts), and whether more follow."""

    labels: tuple[str, ...]
    rows: list[tuple[str, tuple[str, ...]]]
    more: bool


@dataclass(frozen=True)
class Shown:
    """One field of a record as people read it; `link` leads to the record that it refers to."""

    label: str
    api_name: str
    text: str
    link: str | None = None


def records(org: Org, rights: Access, obj: ObjectType, words: str, number: int) -> Found:
    """The latest changed records that are not deleted, those with all `words` in name, company or e-mail."""
    fields = [f for f in (obj.get(name) for name in COLUMNS[obj.name]) if f and rights.sees(obj, f)]
    searched = [f for f in (obj.get(name) for name in SEARCHED[obj.name]) if f and rights.sees(obj, f)]
    where, values = ['"IsDeleted" = 0'], []
    shared = rights.row_filter(obj, quoted(obj.name))
    if shared is not None:
        where.append(shared[0])
        values += shared[1]
    for word in words.split()[:5]:
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        where.append("(" + " OR ".join(f"{quoted(f.name)} LIKE ? ESCAPE '\\'" for f in searched) + ")")
        values += [pattern] * len(searched)
    listed = ", ".join(["Id", *(quoted(f.name) for f in fields)])
    rows = (
        org.reader()
        .execute(
            f"SELECT {listed} FROM {quoted(obj.name)} WHERE {' AND '.join(where)}"
            ' ORDER BY "LastModifiedDate" DESC, "Id" DESC LIMIT ? OFFSET ?',
            [*values, PAGE + 1, (number - 1) * PAGE],
        )
        .fetchall()
    )
    names: dict[str, str] = {}

    def text(f: Field, value: Any) -> str:
        if f.type != "reference" or not value:
            return text_of(f, value)
        if value not in names:
            names[value] = name_of(org, value)
        return names[value]

    return Found(
        tuple(HEADINGS.get(f.name, f.label) for f in fields),
        [(r[0], tuple(text(f, v) for f, v in zip(fields, r[1:], strict=True))) for r in rows[:PAGE]],
        len(rows) > PAGE,
    )


def deleted(org: Org, objects: list[ObjectType]) -> list[tuple[str, str, str, str]]:
    """The latest deleted records: id, object label, name, when."""
    rows: list[tuple[str, str, str, str]] = []
    for obj in objects:
        found = org.reader().execute(
            f'SELECT t."Id", t."Name", d.deleted_at FROM _deleted d JOIN {quoted(obj.name)} t ON t."Id" = d.id'
            ' WHERE d.object = ? AND d.purged = 0 AND t."IsDeleted" = 1 ORDER BY d.deleted_at DESC LIMIT ?',
            (obj.name, PAGE),
        )
        rows += [(r[0], obj.label, r[1] or r[0], moment(r[2])) for r in found]
    return sorted(rows, key=lambda r: r[3], reverse=True)[: PAGE * 2]


def row(org: Org, obj: ObjectType, record_id: str) -> dict[str, Any] | None:
    """The stored row of one record."""
    cursor = org.reader().execute(f'SELECT * FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,))
    values = cursor.fetchone()
    if values is None:
        return None
    return dict(zip((column[0] for column in cursor.description), values, strict=True))


def shown_fields(org: Org, rights: Access, obj: ObjectType, row: dict[str, Any]) -> list[Shown]:
    """The stored fields that the visitor may see, filled ones only."""
    shown = []
    for f in obj.stored_fields:
        value = row.get(f.name)
        if f.name in HIDDEN or value in (None, "") or not rights.sees(obj, f):
            continue
        if f.type == "reference":
            target = org.schema.by_prefix(str(value))
            link = f"/{value}" if target is not None else None
            shown.append(Shown(f.label, f.name, name_of(org, str(value)), link))
        else:
            shown.append(Shown(f.label, f.name, text_of(f, value)))
    return shown


def changes(org: Org, row: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Who made and who changed the record, and when: (what, who, when)."""
    said = []
    for what, who, when in (
        ("Created", "CreatedById", "CreatedDate"),
        ("Last changed", "LastModifiedById", "LastModifiedDate"),
    ):
        if row.get(who):
            said.append((what, name_of(org, row[who]), moment(row.get(when))))
    return said


def name_of(org: Org, record_id: str) -> str:
    """The name of a record, or its id."""
    obj = org.schema.by_prefix(record_id)
    name = obj.get("Name") if obj else None
    if obj is None or name is None or not name.stored:
        return record_id
    found = (
        org.reader().execute(f'SELECT "Name" FROM {quoted(obj.name)} WHERE "Id" = ?', (record_id,)).fetchone()
    )
    return str(found[0]) if found and found[0] else record_id


def moment(stored: str | None) -> str:
    """A stored stamp as people read it."""
    return f"{stored[:10]} {stored[11:16]} UTC" if stored else ""


def text_of(f: Field, value: Any) -> str:
    """A stored value as people read it."""
    if value is None:
        return ""
    if f.type == "boolean":
        return "yes" if value else "no"
    if f.type == "datetime":
        return moment(str(value))
    if f.type == "multipicklist":
        return str(value).replace(";", ", ")
    if f.type in ("currency", "double", "percent"):
        text = f"{value:,.{f.scale}f}"
        return f"{text} %" if f.type == "percent" else text
    return str(value)
