"""People who look alike: what a match rule would join, and the duplicates that Salesforce itself holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.values import Value
from diptych.store.catalogue import Catalogue, read_catalogue

MOST = 100_000


@dataclass(frozen=True)
class AlikePerson:
    """A person whose first column, folded, somebody else has too."""

    id: int
    salesforce_type: str | None
    salesforce_id: str | None
    values: dict[str, Value]


def folded(catalogue: Catalogue, column: str) -> str:
    """The SQL of a column's text without case and outer blanks."""
    return f"lower(trim(CAST({catalogue.expression('person', column)} AS TEXT)))"


def alike(connection: Connection, columns: Sequence[str]) -> list[AlikePerson]:
    """Everybody who shares the first of these columns with somebody, deleted ones left out; at most MOST."""
    catalogue = read_catalogue(connection)
    first, source = folded(catalogue, columns[0]), catalogue.source("person", columns)
    named = "".join(f", {catalogue.expression('person', c)}" for c in columns)
    statement = sa.text(
        f"SELECT t1.id, t1.salesforce_type, t1.salesforce_id{named} FROM {source} "
        f"WHERE NOT t1.salesforce_deleted AND {first} IN (SELECT {first} FROM {source} "
        f"WHERE NOT t1.salesforce_deleted AND {first} <> '' GROUP BY {first} HAVING count(*) > 1) "
        f"ORDER BY {first}, t1.id LIMIT :most"
    )
    read = [catalogue.column("person", c).decode for c in columns]
    found = []
    for row in connection.execute(statement, {"most": MOST}):
        cells: tuple[Any, ...] = tuple(row)
        values = {c: r(v) for c, r, v in zip(columns, read, cells[3:], strict=True)}
        found.append(AlikePerson(cells[0], cells[1], cells[2], values))
    return found
