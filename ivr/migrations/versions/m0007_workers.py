"""Workers: whose an attempt is, who dials, and what share each holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("attempt", Column("worker", sa.String(128), nullable=True))
    op.create_table(
        "worker",
        Column("id", sa.String(128), nullable=False),
        Column("host", sa.String(128), nullable=False),
        Column("pid", sa.Integer(), nullable=False),
        Column("started_at", MOMENT, nullable=False),
        Column("heartbeat_at", MOMENT, nullable=False),
        Column("state", sa.String(24), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "quota",
        Column("kind", sa.String(24), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("worker_id", sa.String(128), nullable=False),
        Column("channels", sa.Integer(), nullable=False),
        Column("calls_per_s", sa.Double(), nullable=False),
        Column("until", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["worker_id"], ["worker.id"], name="fk_quota_worker_id_worker"),
        sa.PrimaryKeyConstraint("kind", "name", "worker_id", name="pk_quota"),
    )


def downgrade() -> None:
    op.drop_table("quota")
    op.drop_table("worker")
    op.drop_column("attempt", "worker")
