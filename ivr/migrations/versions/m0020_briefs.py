"""What customers were asked and answered, with their requests for a person and with calls back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TABLES = ("handoff", "callback")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, Column("brief", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "brief")
