"""Lists: a campaign has any number of them; they are added to, replaced and undone; complaints are on record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PHONE, WORD, NAME, SHA256 = sa.String(16), sa.String(24), sa.String(128), sa.String(64)


def upgrade() -> None:
    op.create_table(
        "campaign_list",
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), primary_key=True),
        Column("list_id", sa.Integer(), sa.ForeignKey("contact_list.id"), primary_key=True),
    )
    op.create_index("ix_campaign_list_list_id", "campaign_list", ["list_id"])
    op.execute("INSERT INTO campaign_list (campaign_id, list_id) SELECT id, list_id FROM campaign")
    with op.batch_alter_table("campaign") as campaign:
        campaign.drop_index("ix_campaign_list_id")
        campaign.drop_constraint("fk_campaign_list_id_contact_list", type_="foreignkey")
        campaign.drop_column("list_id")
    with op.batch_alter_table("contact") as contact:
        contact.add_column(Column("source_id", sa.String(128), nullable=False, server_default=""))
        contact.drop_constraint("uq_contact_list_id_phone", type_="unique")
        contact.create_unique_constraint("uq_contact_list_id_phone_source_id", ["list_id", "phone", "source_id"])
        contact.add_column(Column("removed_at", MOMENT, nullable=True))
    with op.batch_alter_table("contact_list") as people:
        people.add_column(Column("fields", JSON, nullable=False, server_default="{}"))
        people.add_column(Column("optional_fields", JSON, nullable=False, server_default="{}"))
        people.add_column(Column("revision", sa.Integer(), nullable=False, server_default="0"))
        people.add_column(Column("content_sha256", SHA256, nullable=False, server_default=""))
    with op.batch_alter_table("import_batch") as batch:
        batch.add_column(Column("mode", WORD, nullable=False, server_default="new"))
        for column in ("elsewhere", "added", "updated", "removed", "revision"):
            batch.add_column(Column(column, sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(Column("content_sha256", SHA256, nullable=False, server_default=""))
        batch.add_column(Column("undone_at", MOMENT, nullable=True))
        batch.add_column(Column("undone_by", NAME, nullable=True))
    _create_tables()


def _create_tables() -> None:
    op.create_table(
        "contact_before",
        Column("batch_id", sa.Integer(), sa.ForeignKey("import_batch.id"), primary_key=True),
        Column("contact_id", sa.Integer(), sa.ForeignKey("contact.id"), primary_key=True),
        Column("was_batch_id", sa.Integer(), sa.ForeignKey("import_batch.id"), nullable=True),
        Column("row_number", sa.Integer(), nullable=True),
        Column("attributes", JSON, nullable=False),
        Column("removed_at", MOMENT, nullable=True),
    )
    op.create_index("ix_contact_before_contact_id", "contact_before", ["contact_id"])
    op.create_table(
        "complaint",
        Column("id", sa.Integer(), primary_key=True),
        Column("phone", PHONE, nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("source", NAME, nullable=False),
        Column("reference", NAME, nullable=False),
        Column("purpose", sa.String(32), nullable=False),
        Column("note", sa.Text(), nullable=False, server_default=""),
        Column("campaign_id", sa.Integer(), sa.ForeignKey("campaign.id"), nullable=True),
        Column("attempt_id", sa.String(36), sa.ForeignKey("attempt.id"), nullable=True),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", NAME, nullable=False),
        sa.UniqueConstraint("source", "reference"),
    )
    op.create_index("ix_complaint_phone", "complaint", ["phone"])
    op.create_index("ix_complaint_campaign_id_at", "complaint", ["campaign_id", "at"])
    op.create_index("ix_complaint_at", "complaint", ["at"])
    op.create_index("ix_complaint_attempt_id", "complaint", ["attempt_id"])


def downgrade() -> None:
    op.drop_table("complaint")
    op.drop_table("contact_before")
    with op.batch_alter_table("import_batch") as batch:
        for column in ("elsewhere", "added", "updated", "removed", "revision"):
            batch.drop_column(column)
        for column in ("mode", "content_sha256", "undone_at", "undone_by"):
            batch.drop_column(column)
    with op.batch_alter_table("contact_list") as people:
        for column in ("fields", "optional_fields", "revision", "content_sha256"):
            people.drop_column(column)
    with op.batch_alter_table("contact") as contact:
        contact.drop_constraint("uq_contact_list_id_phone_source_id", type_="unique")
        contact.create_unique_constraint("uq_contact_list_id_phone", ["list_id", "phone"])
        contact.drop_column("source_id")
        contact.drop_column("removed_at")
    op.add_column("campaign", Column("list_id", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE campaign SET list_id ="
        " (SELECT min(list_id) FROM campaign_list WHERE campaign_list.campaign_id = campaign.id)"
    )
    with op.batch_alter_table("campaign") as campaign:
        campaign.alter_column("list_id", nullable=False)
        campaign.create_foreign_key("fk_campaign_list_id_contact_list", "contact_list", ["list_id"], ["id"])
        campaign.create_index("ix_campaign_list_id", ["list_id"])
    op.drop_table("campaign_list")
