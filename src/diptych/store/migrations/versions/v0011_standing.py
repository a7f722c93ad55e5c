"""A base says whether our value came from another record of the same person, which then counts in fields that only come in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_standing"
down_revision = "0010_run_trace"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.text("ALTER TABLE base ADD COLUMN standing TEXT"))
    # where another live record of the person has our value, that is where it came from
    op.execute(
        sa.text(
            "UPDATE base SET standing = 'apart' WHERE EXISTS (SELECT 1 FROM pair AS p JOIN pair AS q "
            "ON q.person_id = p.person_id AND q.id <> p.id WHERE p.id = base.pair_id "
            "AND q.state IN ('paired', 'parked') AND NOT EXISTS "
            "(SELECT 1 FROM base AS b WHERE b.pair_id = q.id AND b.column_name = base.column_name))"
        )
    )
