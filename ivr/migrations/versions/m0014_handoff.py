"""Requests for a person, each with its one result; and whose talk an answer came after."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OPEN = sa.text("state <> 'over'")


def upgrade() -> None:
    op.create_table("handoff", *_asked(), *_came_to())
    op.create_index(
        "ix_handoff_open", "handoff", ["priority", "asked_at"], sqlite_where=OPEN, postgresql_where=OPEN
    )
    op.create_index("ix_handoff_asked_at", "handoff", ["asked_at"])
    op.create_index("ix_handoff_agent_asked_at", "handoff", ["agent", "asked_at"])
    op.add_column("answer", Column("agent", sa.String(8), nullable=True))


def _asked() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", sa.String(36), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("queue", sa.String(64), nullable=False),
        Column("skill", sa.String(64), nullable=True),
        Column("priority", sa.Integer(), nullable=False, server_default="5"),
        Column("asked_at", MOMENT, nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("lease_owner", sa.String(128), nullable=True),
        Column("lease_until", MOMENT, nullable=True),
        Column("promise_s", sa.Double(), nullable=True),
        Column("ready", sa.Integer(), nullable=True),
        Column("engaged", sa.Integer(), nullable=True),
        Column("ahead", sa.Integer(), nullable=True),
        Column("chance", sa.Double(), nullable=True),
        Column("likely_s", sa.Double(), nullable=True),
    )


def _came_to() -> tuple[sa.schema.SchemaItem, ...]:
    return (
        Column("agent", sa.String(8), nullable=True),
        Column("tried", JSON, nullable=False),
        Column("found_at", MOMENT, nullable=True),
        Column("rang_at", MOMENT, nullable=True),
        Column("accepted_at", MOMENT, nullable=True),
        Column("talked_from", MOMENT, nullable=True),
        Column("ended_at", MOMENT, nullable=True),
        Column("talk_ms", sa.Integer(), nullable=False, server_default="0"),
        Column("result", sa.String(24), nullable=True),
        Column("disposition", sa.String(64), nullable=True),
        sa.UniqueConstraint("attempt_id", "number", name="uq_handoff_attempt_id_number"),
    )


def downgrade() -> None:
    op.drop_column("answer", "agent")
    op.drop_table("handoff")
