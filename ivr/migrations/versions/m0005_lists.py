"""Lists: a campaign has any number of them; rows of feeds keep their source's id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


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


def downgrade() -> None:
    with op.batch_alter_table("contact") as contact:
        contact.drop_constraint("uq_contact_list_id_phone_source_id", type_="unique")
        contact.create_unique_constraint("uq_contact_list_id_phone", ["list_id", "phone"])
        contact.drop_column("source_id")
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
