"""Workers: whose an attempt is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", Column("worker", sa.String(128), nullable=True))


def downgrade() -> None:
    op.drop_column("attempt", "worker")
