"""The archive of recordings: entries, holds; when a recording was deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
PRUNED = sa.text("action = 'pruned'")


def upgrade() -> None:
    op.add_column("recording", Column("removed_at", MOMENT, nullable=True))
    _entries()
    op.create_table(
        "archive_hold",
        Column("id", sa.Integer(), primary_key=True),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=True),
        Column("phone", sa.String(16), nullable=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=True),
        Column("why", sa.Text(), nullable=False),
        Column("placed_at", MOMENT, nullable=False),
        Column("placed_by", sa.String(128), nullable=False),
        Column("until", MOMENT, nullable=True),
        Column("released_at", MOMENT, nullable=True),
        Column("released_by", sa.String(128), nullable=True),
        Column("released_why", sa.Text(), nullable=True),
    )
    op.create_index("ix_archive_hold_released_at", "archive_hold", ["released_at"])


def _entries() -> None:
    op.create_table(
        "archive_entry",
        Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        Column("at", MOMENT, nullable=False),
        Column("action", sa.String(24), nullable=False),
        Column("who", sa.String(128), nullable=False),
        Column("why", sa.Text(), nullable=False),
        Column("about", sa.Integer(), nullable=True),
        Column("kind", sa.String(24), nullable=True),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=True),
        Column("since", MOMENT, nullable=True),
        Column("file", sa.Text(), nullable=True),
        Column("bytes", sa.BigInteger(), nullable=True),
        Column("file_sha256", sa.String(64), nullable=True),
        Column("previous_sha256", sa.String(64), nullable=False),
        Column("sha256", sa.String(64), nullable=False),
    )
    op.create_index("ix_archive_entry_attempt_id", "archive_entry", ["attempt_id"])
    op.create_index("ix_archive_entry_file", "archive_entry", ["file"])
    op.create_index("ix_archive_entry_campaign_id", "archive_entry", ["campaign_id", "number"])
    op.create_index(
        "uq_archive_entry_pruned", "archive_entry", ["about"], unique=True,
        sqlite_where=PRUNED, postgresql_where=PRUNED,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("archive_hold")
    op.drop_table("archive_entry")
    op.drop_column("recording", "removed_at")
