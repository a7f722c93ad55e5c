"""Runs know under which number they are traced, where they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010_run_trace"
down_revision = "0009_mapping_author"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.text("ALTER TABLE run ADD COLUMN trace_id TEXT"))
