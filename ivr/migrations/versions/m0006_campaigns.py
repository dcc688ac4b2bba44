"""Campaigns: strategy, schedule and maxima; tasks have a priority."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("campaign") as campaign:
        campaign.drop_column("retry")
        campaign.add_column(Column("strategy", sa.Text(), nullable=True))
        campaign.add_column(Column("trunks", JSON, nullable=False, server_default="[]"))
        campaign.add_column(Column("starts_at", MOMENT, nullable=True))
        campaign.add_column(Column("ends_at", MOMENT, nullable=True))
        campaign.add_column(Column("max_per_day", sa.Integer(), nullable=True))
        campaign.add_column(Column("max_total", sa.Integer(), nullable=True))
        campaign.add_column(Column("paused_why", sa.Text(), nullable=True))
    op.add_column("task", Column("priority", sa.Integer(), nullable=False, server_default="5"))


def downgrade() -> None:
    op.drop_column("task", "priority")
    with op.batch_alter_table("campaign") as campaign:
        for column in ("paused_why", "max_total", "max_per_day", "ends_at", "starts_at", "trunks", "strategy"):
            campaign.drop_column(column)
        campaign.add_column(Column("retry", JSON, nullable=False, server_default="{}"))
