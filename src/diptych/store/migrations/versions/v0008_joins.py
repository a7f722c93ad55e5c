"""Joining and taking apart find their rows by index also where there are very many."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_joins"
down_revision = "0007_operating"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.text("CREATE INDEX dead_letter_person ON dead_letter(person_id)"))
    op.execute(sa.text("CREATE INDEX person_join_run ON person_join(run_id) WHERE run_id IS NOT NULL"))
