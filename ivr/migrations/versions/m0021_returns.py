"""Calls that came in, without their numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "incoming_call",
        Column("id", sa.String(36), primary_key=True),
        Column("at", sa.DateTime(timezone=True), nullable=False),
        Column("trunk", sa.String(128), nullable=False),
        Column("worker", sa.String(128), nullable=False),
        Column("kind", sa.String(24), nullable=False),
    )
    op.create_index("ix_incoming_call_at", "incoming_call", ["at"])


def downgrade() -> None:
    op.drop_table("incoming_call")
