"""Policies: a campaign's own, consents, engagements, who is held out, and the reason of every decision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PHONE, WORD, NAME = sa.String(16), sa.String(24), sa.String(128)


def upgrade() -> None:
    op.add_column("campaign", Column("policy", sa.Text(), nullable=True))
    op.create_table(
        "consent",
        Column("id", sa.Integer(), primary_key=True),
        Column("phone", PHONE, nullable=False),
        Column("purpose", sa.String(32), nullable=False),
        Column("source", NAME, nullable=False),
        Column("proof", sa.Text(), nullable=True),
        Column("given_at", MOMENT, nullable=False),
        Column("expires_at", MOMENT, nullable=True),
        Column("withdrawn_at", MOMENT, nullable=True),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", NAME, nullable=False),
    )
    op.create_index("ix_consent_phone_purpose", "consent", ["phone", "purpose"])
    op.create_table(
        "engagement",
        Column("task_id", sa.Integer(), sa.ForeignKey("task.id"), primary_key=True),
        Column("phone", PHONE, nullable=False),
        Column("purpose", sa.String(32), nullable=False),
        Column("month", sa.String(7), nullable=False),
        Column("state", WORD, nullable=False),
        Column("changed_at", MOMENT, nullable=False),
    )
    op.create_index("ix_engagement_phone_month", "engagement", ["phone", "month"])
    op.create_table(
        "hold_out",
        Column("id", sa.Integer(), primary_key=True),
        Column("draw", sa.String(64), nullable=False),
        Column("phone", PHONE, nullable=False),
        Column("held_out", sa.Boolean(), nullable=False),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=False),
        Column("entered_at", MOMENT, nullable=False),
        sa.UniqueConstraint("draw", "phone"),
    )
    op.create_index("ix_hold_out_phone", "hold_out", ["phone"])
    op.create_table(
        "contact_decision",
        Column("id", sa.Integer(), primary_key=True),
        Column("task_id", sa.Integer(), sa.ForeignKey("task.id"), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("stage", WORD, nullable=False),
        Column("verdict", WORD, nullable=False),
        Column("rule", WORD, nullable=True),
        Column("until", MOMENT, nullable=True),
        Column("detail", JSON, nullable=False),
        Column("policy_sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_contact_decision_task_id_id", "contact_decision", ["task_id", "id"])


def downgrade() -> None:
    for table in ("contact_decision", "hold_out", "engagement", "consent"):
        op.drop_table(table)
    op.drop_column("campaign", "policy")
