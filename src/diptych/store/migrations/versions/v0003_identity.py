"""Creating people in Salesforce: what is said about each, and the identity of this database in external keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_identity"
down_revision = "0002_trail"
branch_labels = None
depends_on = None


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    moment, number = ("TIMESTAMPTZ", "BIGINT") if postgres else ("TEXT", "INTEGER")
    no = "false" if postgres else "0"
    op.execute(
        sa.text(
            f"CREATE TABLE creation (person_id {number} PRIMARY KEY, wish TEXT NOT NULL, reason TEXT, fields TEXT, "
            f"matches TEXT, target TEXT, by_hand BOOLEAN NOT NULL DEFAULT {no}, "
            f"recreate BOOLEAN NOT NULL DEFAULT {no}, at {moment} NOT NULL)"
        )
    )
    op.execute(sa.text("CREATE INDEX pair_unsent ON pair(object_name, id) WHERE sf_id IS NULL"))
    chance = "md5(random()::text || clock_timestamp()::text)" if postgres else "lower(hex(randomblob(16)))"
    op.execute(
        sa.text(f"INSERT INTO setting (name, value) VALUES ('database_id', {chance})".replace("::", r"\:\:"))
    )
