"""Errors know their cause, so that thousands of them are counted in one statement."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from diptych.domain.causes import cause_key
from diptych.domain.outcome import ErrorClass, Problem

revision = "0006_causes"
down_revision = "0005_access"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    op.execute(sa.text("ALTER TABLE dead_letter ADD COLUMN cause_key TEXT"))
    held = connection.execute(
        sa.text(
            "SELECT d.id, p.object_name, d.operation, d.column_name, d.code, d.message, d.error_class, d.fields "
            "FROM dead_letter AS d JOIN pair AS p ON p.id = d.pair_id"
        )
    ).all()
    keys = [{"id": row.id, "key": _key(row)} for row in held]
    if keys:
        connection.execute(sa.text("UPDATE dead_letter SET cause_key = :key WHERE id = :id"), keys)
    op.execute(sa.text("ALTER TABLE run ADD COLUMN error_class TEXT"))
    op.execute(sa.text("ALTER TABLE run ADD COLUMN code TEXT"))
    op.execute(sa.text("CREATE INDEX run_started ON run(started_at)"))
    op.execute(sa.text("CREATE INDEX step_started ON step(started_at)"))
    op.execute(sa.text("CREATE INDEX dead_letter_cause ON dead_letter(status, cause_key)"))


def _key(row: Any) -> str:
    fields = tuple(json.loads(row.fields or "[]"))
    problem = Problem(row.code, row.message, ErrorClass(row.error_class), fields=fields)
    return cause_key(row.object_name, row.operation, row.column_name, problem)
