"""The indexes that leases read: partial ones, in which a task is while it is what they say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LEASING = (
    ("ix_task_ready", ["campaign_id", "priority", "next_at", "id"], "state = 'ready'"),
    ("ix_task_waiting", ["campaign_id", "priority", "next_at", "id"], "state = 'waiting'"),
    ("ix_task_leased", ["campaign_id", "lease_owner"], "state = 'leased'"),
)


def upgrade() -> None:
    op.drop_index("ix_task_lease", "task")
    for name, columns, where in LEASING:
        op.create_index(name, "task", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def downgrade() -> None:
    for name, _, _ in LEASING:
        op.drop_index(name, "task")
    op.create_index("ix_task_lease", "task", ["campaign_id", "state", "next_at", "id"])
