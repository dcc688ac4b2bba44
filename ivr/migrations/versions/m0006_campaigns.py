"""Campaigns: strategy, schedule, maxima, approval; organisations; the emergency stop; tasks have a priority."""

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
ORGANISATION = "fk_campaign_organisation_id_organisation"
USERS_ORGANISATION = "fk_user_account_organisation_id_organisation"
WORD, NAME, SHA256 = sa.String(24), sa.String(128), sa.String(64)


def upgrade() -> None:
    op.create_table(
        "organisation",
        Column("id", sa.Integer(), primary_key=True),
        Column("name", NAME, nullable=False, unique=True),
        Column("level", WORD, nullable=False),
        Column("parent_id", sa.Integer(), sa.ForeignKey("organisation.id"), nullable=True),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", NAME, nullable=False),
    )
    op.create_index("ix_organisation_parent_id", "organisation", ["parent_id"])
    with op.batch_alter_table("campaign") as campaign:
        campaign.drop_column("retry")
        campaign.add_column(Column("strategy", sa.Text(), nullable=True))
        campaign.add_column(Column("trunks", JSON, nullable=False, server_default="[]"))
        campaign.add_column(Column("starts_at", MOMENT, nullable=True))
        campaign.add_column(Column("ends_at", MOMENT, nullable=True))
        campaign.add_column(Column("max_per_day", sa.Integer(), nullable=True))
        campaign.add_column(Column("max_total", sa.Integer(), nullable=True))
        campaign.add_column(Column("paused_why", sa.Text(), nullable=True))
        campaign.add_column(Column("project_type", WORD, nullable=True))
        campaign.add_column(Column("statistics", JSON, nullable=False, server_default="[]"))
        campaign.add_column(Column("organisation_id", sa.Integer(), nullable=True))
        campaign.create_foreign_key(ORGANISATION, "organisation", ["organisation_id"], ["id"])
        campaign.add_column(Column("needs_approval", sa.Boolean(), nullable=False, server_default=sa.false()))
        campaign.add_column(Column("submission", sa.Integer(), nullable=False, server_default="0"))
        campaign.add_column(Column("submitted_at", MOMENT, nullable=True))
        campaign.add_column(Column("submitted_by", NAME, nullable=True))
        campaign.add_column(Column("submitted_parts", JSON, nullable=False, server_default="{}"))
        campaign.add_column(Column("approved_sha256", SHA256, nullable=True))
        campaign.add_column(Column("authors", JSON, nullable=False, server_default="[]"))
        campaign.add_column(Column("running_since", MOMENT, nullable=True))
    op.create_index("ix_campaign_organisation_id", "campaign", ["organisation_id"])
    with op.batch_alter_table("user_account") as user:
        user.add_column(Column("organisation_id", sa.Integer(), nullable=True))
        user.create_foreign_key(USERS_ORGANISATION, "organisation", ["organisation_id"], ["id"])
    op.create_index("ix_user_account_organisation_id", "user_account", ["organisation_id"])
    op.create_index("ix_audit_entry_subject", "audit_entry", ["subject", "id"])
    _create_tables()
    op.add_column("task", Column("priority", sa.Integer(), nullable=False, server_default="5"))


def _create_tables() -> None:
    op.create_table(
        "approval",
        Column("id", sa.Integer(), primary_key=True),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=False),
        Column("submission", sa.Integer(), nullable=False),
        Column("stage", WORD, nullable=False),
        Column("approved", sa.Boolean(), nullable=False),
        Column("by", NAME, nullable=False),
        Column("organisation_id", sa.Integer(), sa.ForeignKey("organisation.id"), nullable=True),
        Column("sha256", SHA256, nullable=False),
        Column("contacts", sa.Integer(), nullable=True),
        Column("needed", sa.Integer(), nullable=False),
        Column("form", NAME, nullable=False),
        Column("note", sa.Text(), nullable=True),
        Column("at", MOMENT, nullable=False),
        Column("details", JSON, nullable=False),
        sa.UniqueConstraint("campaign_id", "submission", "stage", "by"),
    )
    op.create_table(
        "emergency_stop",
        Column("id", sa.Integer(), primary_key=True),
        Column("at", MOMENT, nullable=False),
        Column("by", NAME, nullable=False),
        Column("why", sa.Text(), nullable=False),
        Column("hang_up", sa.Boolean(), nullable=False, server_default=sa.false()),
        Column("lifted_at", MOMENT, nullable=True),
        Column("lifted_by", NAME, nullable=True),
    )


def downgrade() -> None:
    op.drop_column("task", "priority")
    op.drop_table("emergency_stop")
    op.drop_table("approval")
    op.drop_index("ix_audit_entry_subject", "audit_entry")
    with op.batch_alter_table("user_account") as user:
        user.drop_index("ix_user_account_organisation_id")
        user.drop_constraint(USERS_ORGANISATION, type_="foreignkey")
        user.drop_column("organisation_id")
    with op.batch_alter_table("campaign") as campaign:
        campaign.drop_index("ix_campaign_organisation_id")
        campaign.drop_constraint(ORGANISATION, type_="foreignkey")
        for column in (
            "running_since",
            "authors",
            "approved_sha256",
            "submitted_parts",
            "submitted_by",
            "submitted_at",
            "submission",
            "needs_approval",
            "organisation_id",
            "statistics",
            "project_type",
        ):
            campaign.drop_column(column)
        for column in ("paused_why", "max_total", "max_per_day", "ends_at", "starts_at", "trunks", "strategy"):
            campaign.drop_column(column)
        campaign.add_column(Column("retry", JSON, nullable=False, server_default="{}"))
    op.drop_table("organisation")
