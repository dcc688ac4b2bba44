"""Results: confirmations, checks of the books."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "confirmation",
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("by", sa.String(24), nullable=False),
        Column("who", sa.String(128), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("note", sa.Text(), nullable=True),
    )
    op.create_index("ix_confirmation_attempt_id_id", "confirmation", ["attempt_id", "id"])
    op.create_table(
        "sms_rating",
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), primary_key=True),
        Column("rating", sa.Integer(), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("who", sa.String(128), nullable=False),
    )
    op.create_table(
        "invariant_check",
        Column("id", sa.Integer(), primary_key=True),
        Column("at", MOMENT, nullable=False),
        Column("name", sa.String(64), nullable=False),
        Column("faults", sa.Integer(), nullable=False),
        Column("examples", JSON, nullable=False),
    )
    op.create_index("ix_invariant_check_at", "invariant_check", ["at"])
    op.create_index("ix_invariant_check_name_id", "invariant_check", ["name", "id"])


def downgrade() -> None:
    op.drop_table("invariant_check")
    op.drop_table("sms_rating")
    op.drop_table("confirmation")
