"""Orders about records: seeding, stamps, late commits, and the rows as they are stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from practice_org import ids
from practice_org.data import dml
from practice_org.seed import sow
from practice_org.sim.plane import BadOrder, Control, Order, caller_id


def seed(control: Control, order: Order) -> Any:
    """`{people, seed}`: put people into the org; deterministic in `seed`."""
    count = order.get("people", order.get("records"))
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1_000_000:
        raise BadOrder("people must be a whole number from 1 to 1000000")
    sow.prepare_fields(control.org)
    return asdict(sow.sow(control.org, people=count, seed=int(order.get("seed", 1))))


def bump(control: Control, order: Order) -> Any:
    """`{object, ids}`: move SystemModstamp alone, as background jobs of the platform do."""
    return {"bumped": dml.bump(control.org, order["object"], order["ids"])}


def late_commit(control: Control, order: Order) -> Any:
    """`{operation, object, id, values, seconds, username}`: a write that commits later, stamped now.

    `username` says who writes; without it the org itself does.
    """
    org = control.org
    user_id = caller_id(control, order["username"]) if order.get("username") else None
    operation = order.get("operation", "update")
    if operation not in ("insert", "update", "delete", "undelete"):
        raise BadOrder("operation must be insert, update, delete or undelete")
    record_id = ids.to18(str(order["id"])) if operation != "insert" else None
    if operation != "insert" and record_id is None:
        raise BadOrder(f"{order['id']!r} is no record id")
    number = org.late.hold(
        user_id, operation, order["object"], record_id, order.get("values", {}), float(order["seconds"])
    )
    return {"number": number, "open": org.late.listing()}


def records(control: Control, order: Order) -> Any:
    """`?object=X[&id=...][&limit=N&offset=M]`: rows as they are stored, deleted ones too."""
    org = control.org
    obj = org.schema[order["object"]]
    where, values = "", []
    if order.get("id"):
        where, values = 'WHERE "Id" = ?', [ids.to18(order["id"])]
    limit, offset = int(order.get("limit", 2000)), int(order.get("offset", 0))
    with org.snapshot() as connection:
        total = connection.execute(f'SELECT count(*) FROM "{obj.name}" {where}', values).fetchone()[0]
        cursor = connection.execute(
            f'SELECT * FROM "{obj.name}" {where} ORDER BY "Id" LIMIT ? OFFSET ?', [*values, limit, offset]
        )
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return {"object": obj.name, "total": total, "records": rows}
