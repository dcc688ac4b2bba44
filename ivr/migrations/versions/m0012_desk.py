"""The desk: agents, teams, skills, queues, shifts, and who did what when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _people()
    _work()


def _people() -> None:
    op.create_table(
        "team",
        Column("id", sa.Integer(), primary_key=True),
        Column("name", sa.String(128), nullable=False),
        Column("organisation_id", sa.Integer(), sa.ForeignKey("organisation.id"), nullable=True),
        Column("leader", sa.String(8), nullable=True),
        sa.UniqueConstraint("name", name="uq_team_name"),
    )
    op.create_index("ix_team_organisation_id", "team", ["organisation_id"])
    op.create_table(
        "agent",
        Column("id", sa.Integer(), primary_key=True),
        Column("number", sa.String(8), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("team_id", sa.Integer(), sa.ForeignKey("team.id"), nullable=True),
        Column("user_id", sa.Integer(), sa.ForeignKey("user_account.id"), nullable=True),
        Column("phone", sa.String(16), nullable=False),
        Column("trunk", sa.String(128), nullable=True),
        Column("language", sa.String(5), nullable=True),
        Column("hired_on", sa.Date(), nullable=False),
        Column("left_on", sa.Date(), nullable=True),
        sa.UniqueConstraint("number", name="uq_agent_number"),
        sa.UniqueConstraint("user_id", name="uq_agent_user_id"),
    )
    op.create_index("ix_agent_team_id", "agent", ["team_id"])
    op.create_table(
        "agent_skill",
        Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id"), primary_key=True),
        Column("skill", sa.String(64), primary_key=True),
        Column("level", sa.Integer(), nullable=False),
    )
    op.create_table(
        "queue",
        Column("id", sa.Integer(), primary_key=True),
        Column("name", sa.String(64), nullable=False),
        Column("skill", sa.String(64), nullable=False),
        Column("priority", sa.Integer(), nullable=False, server_default="5"),
        Column("ring_s", sa.Double(), nullable=False),
        Column("promise_s", sa.Double(), nullable=False),
        Column("wrap_up_s", sa.Double(), nullable=False),
        Column("longest_talk_s", sa.Double(), nullable=False),
        Column("monitoring_told", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.UniqueConstraint("name", name="uq_queue_name"),
    )


def _work() -> None:
    op.create_table(
        "shift",
        Column("id", sa.Integer(), primary_key=True),
        Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id"), nullable=False),
        Column("starts_at", MOMENT, nullable=False),
        Column("ends_at", MOMENT, nullable=False),
        sa.UniqueConstraint("agent_id", "starts_at", name="uq_shift_agent_id_starts_at"),
    )
    op.create_index("ix_shift_starts_at", "shift", ["starts_at"])
    op.create_table(
        "agent_state_change",
        Column("id", sa.Integer(), primary_key=True),
        Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id"), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("reason", sa.Text(), nullable=True),
        Column("attempt_id", sa.String(36), nullable=True),
        Column("by", sa.String(128), nullable=False),
        sa.UniqueConstraint("agent_id", "number", name="uq_agent_state_change_agent_id_number"),
    )
    op.create_index("ix_agent_state_change_agent_id_at", "agent_state_change", ["agent_id", "at"])
    op.create_index("ix_agent_state_change_at", "agent_state_change", ["at"])
    op.create_index("ix_agent_state_change_attempt_id", "agent_state_change", ["attempt_id"])
    op.create_table(
        "agent_presence",
        Column("agent_id", sa.Integer(), sa.ForeignKey("agent.id"), primary_key=True),
        Column("state", sa.String(24), nullable=False),
        Column("since", MOMENT, nullable=False),
        Column("changes", sa.Integer(), nullable=False),
        Column("attempt_id", sa.String(36), nullable=True),
        Column("lease_owner", sa.String(128), nullable=True),
        Column("lease_until", MOMENT, nullable=True),
        Column("until", MOMENT, nullable=True),
        Column("wish", sa.String(24), nullable=True),
        Column("wish_reason", sa.Text(), nullable=True),
    )
    op.create_index("ix_agent_presence_state", "agent_presence", ["state"])


def downgrade() -> None:
    for table in ("agent_presence", "agent_state_change", "shift", "queue", "agent_skill", "agent", "team"):
        op.drop_table(table)
