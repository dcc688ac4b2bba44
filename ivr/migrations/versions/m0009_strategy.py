"""Strategy: grades, arms of A/B tests, abandoned calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", Column("arm", sa.String(64), nullable=True))
    op.add_column("attempt", Column("grade", sa.String(1), nullable=True))
    op.add_column("attempt", Column("abandoned", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for column in ("abandoned", "grade", "arm"):
        op.drop_column("attempt", column)
