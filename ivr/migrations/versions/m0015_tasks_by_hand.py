"""Tasks by hand: campaigns whose tasks go to people, and what each agent did with each task."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("campaign", Column("handled_by", sa.String(24), nullable=False, server_default="robot"))
    op.add_column("campaign", Column("people_mode", sa.String(24), nullable=True))
    op.add_column("campaign", Column("teams", JSON, nullable=False, server_default="[]"))
    op.create_table(
        "handling",
        Column("id", sa.Integer(), primary_key=True),
        Column("task_id", sa.Integer(), sa.ForeignKey("task.id"), nullable=False),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=False),
        Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id"), nullable=False),
        Column("flow_version_id", sa.Integer(), sa.ForeignKey("flow_version.id"), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("began_at", MOMENT, nullable=False),
        Column("until", MOMENT, nullable=True),
        Column("worker", sa.String(128), nullable=True),
        Column("attempt_id", sa.String(36), nullable=True),
        Column("start", JSON, nullable=False),
        Column("entries", JSON, nullable=False),
        Column("call", JSON, nullable=False),
        Column("note", sa.Text(), nullable=True),
        Column("why", sa.Text(), nullable=True),
        Column("ended_at", MOMENT, nullable=True),
        sa.UniqueConstraint("attempt_id", name="uq_handling_attempt_id"),
    )
    op.create_index("ix_handling_agent_id_began_at", "handling", ["agent_id", "began_at"])
    op.create_index("ix_handling_task_id", "handling", ["task_id"])
    _open_index("ix_handling_open", "campaign_id", "state", unique=False)
    _open_index("uq_handling_open_agent", "agent_id")
    _open_index("uq_handling_open_task", "task_id")


def _open_index(name: str, *columns: str, unique: bool = True) -> None:
    """Over the tasks that somebody has."""
    where = sa.text("ended_at IS NULL")
    op.create_index(name, "handling", list(columns), unique=unique, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_table("handling")
    for column in ("teams", "people_mode", "handled_by"):
        op.drop_column("campaign", column)
