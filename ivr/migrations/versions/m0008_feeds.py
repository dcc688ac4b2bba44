"""Feeds and deliveries: what comes in by itself, what goes out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PHONE, WORD, NAME, SHA256 = sa.String(16), sa.String(24), sa.String(128), sa.String(64)


def upgrade() -> None:
    op.add_column("contact", Column("since", MOMENT, nullable=True))
    from_elsewhere = sa.text("source_id <> ''")
    op.create_index(
        "ix_contact_source_id",
        "contact",
        ["source_id"],
        sqlite_where=from_elsewhere,
        postgresql_where=from_elsewhere,
    )
    _payments()
    _feeds()
    _over_the_api()
    op.create_table(
        "delivery",
        Column("id", sa.Integer(), primary_key=True),
        Column("sink", sa.String(64), nullable=False),
        Column("event", sa.String(32), nullable=False),
        Column("task_id", sa.Integer(), sa.ForeignKey("task.id"), nullable=False),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=True),
        Column("payload", JSON, nullable=False),
        Column("state", WORD, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("tries", sa.Integer(), nullable=False),
        Column("next_at", MOMENT, nullable=False),
        Column("problem", sa.Text(), nullable=True),
        Column("sent_at", MOMENT, nullable=True),
    )
    op.create_index("ix_delivery_state_next_at", "delivery", ["state", "next_at", "id"])
    op.create_index("ix_delivery_task_id", "delivery", ["task_id", "id"])


def _payments() -> None:
    op.create_table(
        "payment_event",
        Column("id", sa.Integer(), primary_key=True),
        Column("phone", PHONE, nullable=False),
        Column("paid_at", MOMENT, nullable=False),
        Column("amount_cents", sa.BigInteger(), nullable=True),
        Column("source", NAME, nullable=False),
        Column("source_id", NAME, nullable=False),
        Column("taken_at", MOMENT, nullable=False),
        sa.UniqueConstraint("source", "source_id"),
    )
    op.create_index("ix_payment_event_phone_paid_at", "payment_event", ["phone", "paid_at"])


def _feeds() -> None:
    op.create_table(
        "feed",
        Column("id", sa.Integer(), primary_key=True),
        Column("name", NAME, nullable=False, unique=True),
        Column("kind", WORD, nullable=False),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=True),
        Column("list_id", sa.Integer(), sa.ForeignKey("contact_list.id"), nullable=True),
        Column("document", sa.Text(), nullable=False),
        Column("version", SHA256, nullable=False),
        Column("state", WORD, nullable=False),
        Column("position", JSON, nullable=False),
        Column("columns", JSON, nullable=False),
        Column("next_at", MOMENT, nullable=True),
        Column("failures", sa.Integer(), nullable=False),
        Column("lease_owner", NAME, nullable=True),
        Column("lease_until", MOMENT, nullable=True),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", NAME, nullable=False),
    )
    op.create_index("ix_feed_campaign_id", "feed", ["campaign_id"])
    op.create_table(
        "feed_run",
        Column("id", sa.Integer(), primary_key=True),
        Column("feed_id", sa.Integer(), sa.ForeignKey("feed.id"), nullable=False),
        Column("state", WORD, nullable=False),
        Column("began_at", MOMENT, nullable=False),
        Column("ended_at", MOMENT, nullable=True),
        Column("rows", sa.Integer(), nullable=False),
        Column("taken", sa.Integer(), nullable=False),
        Column("replaced", sa.Integer(), nullable=False),
        Column("known", sa.Integer(), nullable=False),
        Column("rejected", sa.Integer(), nullable=False),
        Column("never", sa.Integer(), nullable=False),
        Column("problem", JSON, nullable=False),
    )
    op.create_index("ix_feed_run_feed_id_id", "feed_run", ["feed_id", "id"])
    op.create_table(
        "feed_reject",
        Column("id", sa.Integer(), primary_key=True),
        Column("run_id", sa.Integer(), sa.ForeignKey("feed_run.id"), nullable=False),
        Column("source_id", NAME, nullable=False),
        Column("reason", JSON, nullable=False),
        Column("cells", JSON, nullable=False),
    )
    op.create_index("ix_feed_reject_run_id_id", "feed_reject", ["run_id", "id"])


def _over_the_api() -> None:
    op.create_table(
        "intake",
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        Column("list_id", sa.Integer(), sa.ForeignKey("contact_list.id"), nullable=False),
    )
    op.create_table(
        "intake_day",
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        Column("day", sa.String(10), primary_key=True),
        Column("taken", sa.Integer(), nullable=False),
    )
    op.create_table(
        "api_token",
        Column("id", sa.Integer(), primary_key=True),
        Column("name", NAME, nullable=False, unique=True),
        Column("token_sha256", SHA256, nullable=False, unique=True),
        Column("scopes", JSON, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", NAME, nullable=False),
        Column("expires_at", MOMENT, nullable=True),
        Column("revoked_at", MOMENT, nullable=True),
    )


def downgrade() -> None:
    for table in (
        "delivery",
        "api_token",
        "intake_day",
        "intake",
        "feed_reject",
        "feed_run",
        "feed",
        "payment_event",
    ):
        op.drop_table(table)
    op.drop_index("ix_contact_source_id", "contact")
    op.drop_column("contact", "since")
