"""Many workers at once: the indexes that leases read, and engagements that can't be overdrawn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

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
    op.add_column("engagement", Column("turn", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE engagement SET turn = (SELECT count(*) FROM engagement AS other"
        " WHERE other.phone = engagement.phone AND other.month = engagement.month"
        " AND other.task_id <= engagement.task_id)"
    )
    op.drop_index("ix_engagement_phone_month", "engagement")
    with op.batch_alter_table("engagement") as engagement:
        engagement.alter_column("turn", nullable=False)
        engagement.create_unique_constraint("uq_engagement_phone_month_turn", ["phone", "month", "turn"])


def downgrade() -> None:
    with op.batch_alter_table("engagement") as engagement:
        engagement.drop_constraint("uq_engagement_phone_month_turn", type_="unique")
        engagement.drop_column("turn")
    op.create_index("ix_engagement_phone_month", "engagement", ["phone", "month"])
    for name, _, _ in LEASING:
        op.drop_index(name, "task")
    op.create_index("ix_task_lease", "task", ["campaign_id", "state", "next_at", "id"])
