"""Strategy: why a number is called again, grades, arms of A/B tests, abandoned calls, invalid numbers, hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD, NAME, UUID = sa.String(24), sa.String(128), sa.String(36)


def upgrade() -> None:
    op.add_column("attempt", Column("arm", sa.String(64), nullable=True))
    op.add_column("attempt", Column("grade", sa.String(1), nullable=True))
    op.add_column("attempt", Column("abandoned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("attempt", Column("why", WORD, nullable=True))
    op.add_column("task", Column("next_why", WORD, nullable=True))
    op.create_table(
        "invalid_number",
        Column("id", sa.Integer(), primary_key=True),
        Column("phone", sa.String(16), nullable=False),
        Column("since", MOMENT, nullable=False),
        Column("until", MOMENT, nullable=False),
        Column("attempt_id", UUID, sa.ForeignKey("attempt.id"), nullable=True),
    )
    op.create_index("ix_invalid_number_phone_until", "invalid_number", ["phone", "until"])
    op.create_table(
        "grade_change",
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", UUID, sa.ForeignKey("attempt.id"), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("who", NAME, nullable=False),
        Column("grade_before", sa.String(1), nullable=True),
        Column("grade", sa.String(1), nullable=False),
        Column("note", sa.Text(), nullable=False),
    )
    op.create_index("ix_grade_change_attempt_id", "grade_change", ["attempt_id"])
    op.create_table(
        "hour_rate",
        Column("segment", sa.String(255), primary_key=True),
        Column("working_day", sa.Boolean(), primary_key=True),
        Column("hour", sa.Integer(), primary_key=True, autoincrement=False),
        Column("tried", sa.Integer(), nullable=False),
        Column("answered", sa.Integer(), nullable=False),
        Column("computed_at", MOMENT, nullable=False),
    )


def downgrade() -> None:
    for table in ("hour_rate", "grade_change", "invalid_number"):
        op.drop_table(table)
    op.drop_column("task", "next_why")
    for column in ("why", "abandoned", "grade", "arm"):
        op.drop_column("attempt", column)
