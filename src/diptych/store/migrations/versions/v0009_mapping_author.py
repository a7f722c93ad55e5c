"""Versions of the mapping say who made them; those made before are told from the audit log where it knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_mapping_author"
down_revision = "0008_joins"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(sa.text("ALTER TABLE mapping_version ADD COLUMN author TEXT"))
    op.execute(
        sa.text(
            "UPDATE mapping_version SET author = (SELECT min(a.actor) FROM audit AS a WHERE a.what = "
            "'mapping (' || mapping_version.reason || ')' AND (a.new_value = 'version ' || mapping_version.version "
            "OR a.new_value LIKE 'version ' || mapping_version.version || ';%'))"
        )
    )
