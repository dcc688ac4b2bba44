"""In which teams agents were before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_team",
        Column("id", sa.Integer(), primary_key=True),
        Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id"), nullable=False),
        Column("team_id", sa.Integer(), sa.ForeignKey("team.id"), nullable=True),
        Column("until", sa.Date(), nullable=False),
        Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        Column("entered_by", sa.String(128), nullable=False),
    )
    op.create_index("ix_former_team_agent_id_until", "former_team", ["agent_id", "until"])


def downgrade() -> None:
    op.drop_table("former_team")
