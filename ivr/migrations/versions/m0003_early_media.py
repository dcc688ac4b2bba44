"""What the network said before the answer of a call that failed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempt", sa.Column("early_media", sa.String(24), nullable=True))


def downgrade() -> None:
    op.drop_column("attempt", "early_media")
