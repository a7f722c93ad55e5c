"""Rows of the inbound-only tables: companies and Salesforce users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.values import parse_instant
from diptych.store.catalogue import MIRROR_SYSTEM, Catalogue, quote, read_catalogue
from diptych.store.chunks import chunks

_TABLES = ("company", "salesforce_user")
_SEARCHED = ("name", "first_name", "last_name", "email", "website", "billing_city")


@dataclass(frozen=True)
class MirrorPage:
    """One page of rows, by column."""

    rows: list[dict[str, Any]]
    total: int
    page: int
    page_size: int


def _known(table: str) -> str:
    if table not in _TABLES:
        raise ValueError(f"{table} is not a table that is copied from Salesforce")
    return table


def page(connection: Connection, table: str, search: str, sort: str, number: int, size: int) -> MirrorPage:
    """See `Queries.mirror_rows`."""
    catalogue = read_catalogue(connection)
    mapped = catalogue.columns(_known(table))
    column, direction = sort.removeprefix("-"), "DESC" if sort.startswith("-") else "ASC"
    if column not in MIRROR_SYSTEM and column not in mapped:
        raise ValueError(f"{table} cannot be sorted by {column}")
    conditions, given = [], {}
    fields = [catalogue.expression(table, c) for c in _SEARCHED if c in mapped]
    for n, word in enumerate(search.split()[:8]):
        escaped = word.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        given[f"word{n}"], given[f"exact{n}"] = f"%{escaped}%", word
        tests = [f"lower({f}) LIKE :word{n} ESCAPE '\\'" for f in fields] + [f"t1.salesforce_id = :exact{n}"]
        conditions.append(f"({' OR '.join(tests)})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    names = [*MIRROR_SYSTEM, *mapped]
    source = catalogue.source(table, mapped)
    total = int(connection.execute(sa.text(f"SELECT count(*) FROM {source}{where}"), given).scalar_one())
    number = max(1, min(number, -(-total // size) or 1))
    named = ", ".join(catalogue.expression(table, c) for c in names)
    rows = connection.execute(
        sa.text(
            f"SELECT {named} FROM {source}{where} ORDER BY {catalogue.expression(table, column)} {direction}, t1.id "
            "LIMIT :size OFFSET :skip"
        ),
        {**given, "size": size, "skip": (number - 1) * size},
    )
    return MirrorPage([_row(catalogue, table, names, r) for r in rows], total, number, size)


def row(connection: Connection, table: str, row_id: int) -> dict[str, Any] | None:
    """See `Queries.mirror_row`."""
    catalogue = read_catalogue(connection)
    names = [*MIRROR_SYSTEM, *catalogue.columns(_known(table))]
    named = ", ".join(catalogue.expression(table, c) for c in names)
    source = catalogue.source(table, catalogue.columns(table))
    found = connection.execute(
        sa.text(f"SELECT {named} FROM {source} WHERE t1.id = :number"), {"number": row_id}
    ).first()
    return None if found is None else _row(catalogue, table, names, found)


def _row(catalogue: Catalogue, table: str, names: list[str], cells: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, raw in zip(names, cells, strict=True):
        if name == "salesforce_deleted":
            found[name] = bool(raw)
        elif name == "salesforce_modstamp":
            found[name] = (
                None
                if raw is None
                else raw.astimezone(UTC)
                if isinstance(raw, datetime)
                else parse_instant(raw)
            )
        elif name in MIRROR_SYSTEM:
            found[name] = raw
        else:
            found[name] = catalogue.column(table, name).decode(raw)
    return found


def names_of(connection: Connection, table: str, sf_ids: list[str]) -> dict[str, str]:
    """See `Queries.names_of`."""
    mapped = read_catalogue(connection).columns(_known(table))
    if "name" not in mapped or mapped["name"].part != 1:
        return {}
    statement = sa.text(
        f"SELECT salesforce_id, name FROM {quote(table)} WHERE salesforce_id IN :ids AND name IS NOT NULL"
    ).bindparams(sa.bindparam("ids", expanding=True))
    found: dict[str, str] = {}
    for some in chunks(sf_ids):
        found.update({r[0]: str(r[1]) for r in connection.execute(statement, {"ids": some})})
    return found


@dataclass(frozen=True)
class AccountRow:
    """An account that could be a person's. `why`: by name or by website."""

    sf_id: str
    name: str
    why: str


def accounts_like(connection: Connection, company: str, domain: str, limit: int = 10) -> list[AccountRow]:
    """Live accounts of that name (case aside), then those whose website has that domain."""
    catalogue = read_catalogue(connection)
    mapped = catalogue.columns("company")
    if "name" not in mapped:
        return []
    source = catalogue.source("company", mapped)
    name = catalogue.expression("company", "name")
    wanted: list[tuple[str, str, str]] = []
    if company.strip():
        wanted.append((f"lower({name}) = :given", company.strip().lower(), "name"))
    if domain.strip() and "website" in mapped:
        site = f"replace(replace(lower({catalogue.expression('company', 'website')}), 'https://', ''), 'http://', '')"
        wanted.append(
            (
                f"{site} IN (:given, 'www.' || :given, :given || '/', 'www.' || :given || '/')",
                domain.strip().lower(),
                "website",
            )
        )
    found: dict[str, AccountRow] = {}
    for condition, given, why in wanted:
        rows = connection.execute(
            sa.text(
                f"SELECT t1.salesforce_id, {name} FROM {source} WHERE NOT t1.salesforce_deleted AND {condition} "
                "ORDER BY t1.id LIMIT :limit"
            ).bindparams(sa.bindparam("given", type_=sa.Text())),
            {"given": given, "limit": limit},
        )
        for sf_id, label in rows:
            found.setdefault(sf_id, AccountRow(sf_id, str(label or ""), why))
    return list(found.values())
