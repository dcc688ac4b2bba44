"""Which way an attempt went: its trunk, the caller ID it showed, and whether another trunk took over at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain additions, which SQLite can do in place: no copy of a table that may be large.
    op.add_column("attempt", sa.Column("trunk", sa.String(128), nullable=True))
    op.add_column("attempt", sa.Column("caller_id", sa.String(128), nullable=True))
    op.add_column("attempt", sa.Column("failed_over", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for column in ("failed_over", "caller_id", "trunk"):
        op.drop_column("attempt", column)
