"""Identity checks, and what supervisors do with live calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UNSETTLED = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "identity_check",
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("method", sa.String(64), nullable=False),
        Column("result", sa.String(24), nullable=False),
        Column("tries", sa.Integer(), nullable=False),
        Column("node", sa.String(128), nullable=True),
        Column("agent", sa.String(8), nullable=True),
    )
    op.create_index("ix_identity_check_attempt_id", "identity_check", ["attempt_id"])
    op.create_table(
        "supervision",
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=False),
        Column("worker", sa.String(128), nullable=False),
        Column("kind", sa.String(24), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("who", sa.String(128), nullable=False),
        Column("phone", sa.String(16), nullable=True),
        Column("agent", sa.String(8), nullable=True),
        Column("told", sa.Boolean(), nullable=False, server_default=sa.false()),
        Column("asked_at", MOMENT, nullable=False),
        Column("until", MOMENT, nullable=True),
        Column("began_at", MOMENT, nullable=True),
        Column("ended_at", MOMENT, nullable=True),
        Column("stopping", sa.Boolean(), nullable=False, server_default=sa.false()),
        Column("why", sa.Text(), nullable=True),
        Column("lines", JSON, nullable=False, server_default="[]"),
    )
    op.create_index("ix_supervision_attempt_id", "supervision", ["attempt_id", "id"])
    op.create_index("ix_supervision_asked_at", "supervision", ["asked_at"])
    op.create_index(
        "ix_supervision_unsettled",
        "supervision",
        ["worker"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )


def downgrade() -> None:
    for table in ("supervision", "identity_check"):
        op.drop_table(table)
