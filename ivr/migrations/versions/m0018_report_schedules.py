"""Reports on a schedule, and their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
QUEUED = sa.text("state = 'queued'")


def upgrade() -> None:
    op.create_table(
        "report_schedule",
        Column("id", sa.Integer(), primary_key=True),
        Column("name", sa.String(128), nullable=False),
        Column("document", sa.Text(), nullable=False),
        Column("version", sa.String(64), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("next_at", MOMENT, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", sa.String(128), nullable=False),
        sa.UniqueConstraint("name", name="uq_report_schedule_name"),
    )
    op.create_index("ix_report_schedule_state", "report_schedule", ["state"])
    op.create_table(
        "report_run",
        Column("id", sa.Integer(), primary_key=True),
        Column("schedule_id", sa.Integer(), sa.ForeignKey("report_schedule.id"), nullable=False),
        Column("first", sa.Date(), nullable=False),
        Column("last", sa.Date(), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("due_at", MOMENT, nullable=False),
        Column("next_at", MOMENT, nullable=False),
        Column("tries", sa.Integer(), nullable=False),
        Column("lease_owner", sa.String(128), nullable=True),
        Column("lease_until", MOMENT, nullable=True),
        Column("written_at", MOMENT, nullable=True),
        Column("mailed_at", MOMENT, nullable=True),
        Column("ended_at", MOMENT, nullable=True),
        Column("files", JSON, nullable=False),
        Column("problem", JSON, nullable=True),
        sa.UniqueConstraint("schedule_id", "first", "last", name="uq_report_run_schedule_id_first_last"),
    )
    op.create_index(
        "ix_report_run_queued", "report_run", ["next_at"], sqlite_where=QUEUED, postgresql_where=QUEUED
    )


def downgrade() -> None:
    op.drop_table("report_run")
    op.drop_table("report_schedule")
