"""Quality inspection: cards, plans, picks, scores, faults, actions, appeals; what was measured in recordings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
UNSETTLED = sa.text("settled_at IS NULL")


def upgrade() -> None:
    _picks()
    _scores()
    _consequences()


def _picks() -> None:
    op.create_table(
        "inspection_document",
        Column("id", sa.Integer(), primary_key=True),
        Column("kind", sa.String(24), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("content_hash", sa.String(64), nullable=False),
        Column("source", sa.Text(), nullable=False),
        Column("published_at", MOMENT, nullable=False),
        Column("published_by", sa.String(128), nullable=False),
        Column("in_use_since", MOMENT, nullable=False),
        sa.UniqueConstraint("kind", "name", "content_hash", name="uq_inspection_document_kind_name_content_hash"),
        sa.UniqueConstraint("kind", "name", "version", name="uq_inspection_document_kind_name_version"),
    )
    op.create_table(
        "inspection",
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=False),
        Column("agent", sa.String(8), nullable=False),
        Column("level", sa.Integer(), nullable=False, server_default="1"),
        Column("team_id", sa.Integer(), sa.ForeignKey("team.id"), nullable=True),
        Column("day", sa.Date(), nullable=False),
        Column("reason", sa.String(24), nullable=False),
        Column("drawn", sa.Boolean(), nullable=False, server_default=sa.false()),
        Column("why", JSON, nullable=False),
        Column("plan_id", sa.Integer(), sa.ForeignKey("inspection_document.id"), nullable=True),
        Column("card_id", sa.Integer(), sa.ForeignKey("inspection_document.id"), nullable=False),
        Column("picked_at", MOMENT, nullable=False),
        Column("picked_by", sa.String(128), nullable=False),
        Column("scorers", sa.Integer(), nullable=False),
        Column("within", sa.Double(), nullable=False),
        Column("gates", sa.Boolean(), nullable=False, server_default=sa.false()),
        Column("state", sa.String(24), nullable=False),
        Column("claimed_by", sa.String(128), nullable=True),
        Column("claimed_until", MOMENT, nullable=True),
        Column("score", sa.Double(), nullable=True),
        Column("grade", sa.String(24), nullable=True),
        Column("failed", JSON, nullable=False, server_default="[]"),
        Column("settled_at", MOMENT, nullable=True),
        Column("example", sa.String(24), nullable=True),
        Column("example_note", sa.Text(), nullable=True),
        sa.UniqueConstraint("attempt_id", "agent", "level", name="uq_inspection_attempt_id_agent_level"),
    )
    op.create_index("ix_inspection_day_agent", "inspection", ["day", "agent"])
    op.create_index("ix_inspection_settled_at", "inspection", ["settled_at"])
    op.create_index("ix_inspection_team_id", "inspection", ["team_id"])
    op.create_index(
        "ix_inspection_unsettled", "inspection", ["day", "id"], sqlite_where=UNSETTLED, postgresql_where=UNSETTLED
    )


def _scores() -> None:
    op.create_table(
        "inspection_score",
        Column("id", sa.Integer(), primary_key=True),
        Column("inspection_id", sa.Integer(), sa.ForeignKey("inspection.id"), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("role", sa.String(24), nullable=False),
        Column("who", sa.String(128), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("marks", JSON, nullable=False),
        Column("failed", JSON, nullable=False, server_default="[]"),
        Column("score", sa.Double(), nullable=False),
        Column("grade", sa.String(24), nullable=False),
        Column("note", sa.Text(), nullable=True),
        sa.UniqueConstraint("inspection_id", "number", name="uq_inspection_score_inspection_id_number"),
        sa.UniqueConstraint("inspection_id", "who", name="uq_inspection_score_inspection_id_who"),
    )
    op.create_table(
        "inspection_fault",
        Column("id", sa.Integer(), primary_key=True),
        Column("inspection_id", sa.Integer(), sa.ForeignKey("inspection.id"), nullable=False),
        Column("point", sa.String(64), nullable=False),
        Column("of", sa.String(24), nullable=False),
        Column("agent", sa.String(8), nullable=True),
        Column("team_id", sa.Integer(), sa.ForeignKey("team.id"), nullable=True),
        Column("at_s", sa.Double(), nullable=True),
        Column("note", sa.Text(), nullable=True),
        Column("noted_by", sa.String(128), nullable=False),
        Column("noted_at", MOMENT, nullable=False),
        Column("withdrawn_by", sa.String(128), nullable=True),
        Column("withdrawn_at", MOMENT, nullable=True),
    )
    op.create_index("ix_inspection_fault_agent", "inspection_fault", ["agent"])
    op.create_index("ix_inspection_fault_inspection_id", "inspection_fault", ["inspection_id"])


def _consequences() -> None:
    op.create_table(
        "corrective_action",
        Column("id", sa.Integer(), primary_key=True),
        Column("fault_id", sa.Integer(), sa.ForeignKey("inspection_fault.id"), nullable=True),
        Column("what", sa.Text(), nullable=False),
        Column("owner", sa.String(128), nullable=False),
        Column("due_on", sa.Date(), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("opened_by", sa.String(128), nullable=False),
        Column("opened_at", MOMENT, nullable=False),
        Column("changed_by", sa.String(128), nullable=True),
        Column("changed_at", MOMENT, nullable=True),
        Column("note", sa.Text(), nullable=True),
    )
    op.create_index("ix_corrective_action_fault_id", "corrective_action", ["fault_id"])
    op.create_index("ix_corrective_action_state_due_on", "corrective_action", ["state", "due_on"])
    op.create_table(
        "inspection_appeal",
        Column("id", sa.Integer(), primary_key=True),
        Column("inspection_id", sa.Integer(), sa.ForeignKey("inspection.id"), nullable=False),
        Column("by", sa.String(128), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("reason", sa.Text(), nullable=False),
        Column("state", sa.String(24), nullable=False),
        Column("decided_by", sa.String(128), nullable=True),
        Column("decided_at", MOMENT, nullable=True),
        Column("note", sa.Text(), nullable=True),
        sa.UniqueConstraint("inspection_id", name="uq_inspection_appeal_inspection_id"),
    )
    op.create_table(
        "call_screen",
        Column("id", sa.Integer(), primary_key=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=False),
        Column("segment", sa.Integer(), nullable=False),
        Column("agent", sa.String(8), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("starts_s", sa.Double(), nullable=False),
        Column("seconds", sa.Double(), nullable=False),
        Column("our_voice_s", sa.Double(), nullable=True),
        Column("callee_voice_s", sa.Double(), nullable=True),
        Column("longest_silence_s", sa.Double(), nullable=False),
        Column("dead_air_s", sa.Double(), nullable=False),
        Column("talk_overs", sa.Integer(), nullable=True),
        Column("talk_overs_ours", sa.Integer(), nullable=True),
        Column("talk_over_s", sa.Double(), nullable=True),
        Column("syllables", sa.Integer(), nullable=True),
        Column("missing", JSON, nullable=False, server_default="[]"),
        Column("moments", JSON, nullable=False, server_default="[]"),
        Column("problem", sa.Text(), nullable=True),
        sa.UniqueConstraint("attempt_id", "segment", name="uq_call_screen_attempt_id_segment"),
    )


def downgrade() -> None:
    for table in ("call_screen", "inspection_appeal", "corrective_action", "inspection_fault", "inspection_score",
                  "inspection", "inspection_document"):  # fmt: skip
        op.drop_table(table)
