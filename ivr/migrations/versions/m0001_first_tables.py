"""The first tables: lists, flows, campaigns, calls, people. Frozen: later changes are later migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
WORD = sa.String(24)  # an enum's value


def upgrade() -> None:
    _create_contact_list()
    _create_import_batch()
    _create_contact()
    _create_flow_version()
    _create_flow_activation()
    _create_flow_review()
    _create_campaign()
    _create_task()
    _create_attempt()
    _create_segment()
    _create_answer()
    _create_recording()
    _create_do_not_disturb()
    _create_outbox()
    _create_callback()
    _create_user_account()
    _create_audit_entry()


def downgrade() -> None:
    for table in (
        "audit_entry",
        "user_account",
        "callback",
        "outbox",
        "do_not_disturb",
        "recording",
        "answer",
        "segment",
        "attempt",
        "task",
        "campaign",
        "flow_review",
        "flow_activation",
        "flow_version",
        "contact",
        "import_batch",
        "contact_list",
    ):
        op.drop_table(table)


def _create_contact_list() -> None:
    op.create_table(
        "contact_list",
        Column("id", sa.Integer(), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contact_list"),
    )


def _create_import_batch() -> None:
    op.create_table(
        "import_batch",
        Column("id", sa.Integer(), nullable=False),
        Column("list_id", sa.Integer(), nullable=False),
        Column("file_name", sa.String(255), nullable=False),
        Column("file_sha256", sa.String(64), nullable=False),
        Column("rows", sa.Integer(), nullable=False),
        Column("good", sa.Integer(), nullable=False),
        Column("rejected", sa.Integer(), nullable=False),
        Column("duplicates", sa.Integer(), nullable=False),
        Column("imported_at", MOMENT, nullable=False),
        Column("imported_by", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["contact_list.id"], name="fk_import_batch_list_id_contact_list"),
        sa.PrimaryKeyConstraint("id", name="pk_import_batch"),
    )
    op.create_index("ix_import_batch_list_id", "import_batch", ["list_id"])


def _create_contact() -> None:
    op.create_table(
        "contact",
        Column("id", sa.Integer(), nullable=False),
        Column("list_id", sa.Integer(), nullable=False),
        Column("batch_id", sa.Integer(), nullable=True),
        Column("row_number", sa.Integer(), nullable=True),
        Column("phone", sa.String(16), nullable=False),
        Column("attributes", JSON, nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name="fk_contact_batch_id_import_batch"),
        sa.ForeignKeyConstraint(["list_id"], ["contact_list.id"], name="fk_contact_list_id_contact_list"),
        sa.PrimaryKeyConstraint("id", name="pk_contact"),
        sa.UniqueConstraint("list_id", "phone", name="uq_contact_list_id_phone"),
    )
    op.create_index("ix_contact_phone", "contact", ["phone"])


def _create_flow_version() -> None:
    op.create_table(
        "flow_version",
        Column("id", sa.Integer(), nullable=False),
        Column("flow", sa.String(128), nullable=False),
        Column("version", sa.Integer(), nullable=False),
        Column("content_hash", sa.String(64), nullable=False),
        Column("source", sa.Text(), nullable=False),
        Column("language", sa.String(16), nullable=False),
        Column("purpose", sa.String(32), nullable=False),
        Column("published_at", MOMENT, nullable=False),
        Column("published_by", sa.String(128), nullable=False),
        Column("reviewed_by", sa.String(128), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_flow_version"),
        sa.UniqueConstraint("flow", "content_hash", name="uq_flow_version_flow_content_hash"),
        sa.UniqueConstraint("flow", "version", name="uq_flow_version_flow_version"),
    )


def _create_flow_activation() -> None:
    op.create_table(
        "flow_activation",
        Column("id", sa.Integer(), nullable=False),
        Column("flow", sa.String(128), nullable=False),
        Column("flow_version_id", sa.Integer(), nullable=False),
        Column("kind", WORD, nullable=False),
        Column("activated_at", MOMENT, nullable=False),
        Column("activated_by", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(
            ["flow_version_id"], ["flow_version.id"], name="fk_flow_activation_flow_version_id_flow_version"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_flow_activation"),
    )
    op.create_index("ix_flow_activation_flow_id", "flow_activation", ["flow", "id"])


def _create_flow_review() -> None:
    op.create_table(
        "flow_review",
        Column("id", sa.Integer(), nullable=False),
        Column("flow", sa.String(128), nullable=False),
        Column("content_hash", sa.String(64), nullable=False),
        Column("source", sa.Text(), nullable=False),
        Column("state", WORD, nullable=False),
        Column("submitted_at", MOMENT, nullable=False),
        Column("submitted_by", sa.String(128), nullable=False),
        Column("decided_at", MOMENT, nullable=True),
        Column("decided_by", sa.String(128), nullable=True),
        Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_flow_review"),
    )
    op.create_index("ix_flow_review_flow_content_hash", "flow_review", ["flow", "content_hash"])


def _create_campaign() -> None:
    op.create_table(
        "campaign",
        Column("id", sa.Integer(), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("flow_version_id", sa.Integer(), nullable=False),
        Column("list_id", sa.Integer(), nullable=False),
        Column("purpose", sa.String(32), nullable=False),
        Column("state", WORD, nullable=False),
        Column("concurrency", sa.Integer(), nullable=False),
        Column("retry", JSON, nullable=False),
        Column("seed", sa.Integer(), nullable=True),
        Column("recognizer", sa.String(128), nullable=False),
        Column("timezone", sa.String(64), nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("created_by", sa.String(128), nullable=False),
        Column("started_at", MOMENT, nullable=True),
        Column("finished_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["flow_version_id"], ["flow_version.id"], name="fk_campaign_flow_version_id_flow_version"
        ),
        sa.ForeignKeyConstraint(["list_id"], ["contact_list.id"], name="fk_campaign_list_id_contact_list"),
        sa.PrimaryKeyConstraint("id", name="pk_campaign"),
        sa.UniqueConstraint("name", name="uq_campaign_name"),
    )
    op.create_index("ix_campaign_flow_version_id", "campaign", ["flow_version_id"])
    op.create_index("ix_campaign_list_id", "campaign", ["list_id"])


def _create_task() -> None:
    op.create_table(
        "task",
        Column("id", sa.Integer(), nullable=False),
        Column("campaign_id", sa.Integer(), nullable=False),
        Column("contact_id", sa.Integer(), nullable=False),
        Column("state", WORD, nullable=False),
        Column("next_at", MOMENT, nullable=True),
        Column("lease_owner", sa.String(128), nullable=True),
        Column("lease_until", MOMENT, nullable=True),
        Column("attempts", sa.Integer(), nullable=False),
        Column("result", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_task_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_task_contact_id_contact"),
        sa.PrimaryKeyConstraint("id", name="pk_task"),
        sa.UniqueConstraint("campaign_id", "contact_id", name="uq_task_campaign_id_contact_id"),
    )
    op.create_index("ix_task_contact_id", "task", ["contact_id"])
    op.create_index("ix_task_lease", "task", ["campaign_id", "state", "next_at", "id"])


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        Column("id", sa.String(36), nullable=False),
        Column("task_id", sa.Integer(), nullable=False),
        Column("campaign_id", sa.Integer(), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("phone", sa.String(16), nullable=False),
        Column("state", WORD, nullable=False),
        Column("current_node", sa.String(128), nullable=True),
        Column("last_heard", sa.Text(), nullable=True),
        Column("started_at", MOMENT, nullable=False),
        Column("ringing_at", MOMENT, nullable=True),
        Column("answered_at", MOMENT, nullable=True),
        Column("ended_at", MOMENT, nullable=True),
        Column("talk_ms", sa.Integer(), nullable=False),
        Column("outcome", WORD, nullable=True),
        Column("cause", sa.Text(), nullable=False),
        Column("hung_up_by", WORD, nullable=True),
        Column("disposition", sa.String(64), nullable=True),
        Column("intention", WORD, nullable=True),
        Column("pending", sa.Boolean(), nullable=False),
        Column("opted_out", sa.Boolean(), nullable=False),
        Column("path", JSON, nullable=False),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaign.id"], name="fk_attempt_campaign_id_campaign"),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name="fk_attempt_task_id_task"),
        sa.PrimaryKeyConstraint("id", name="pk_attempt"),
        sa.UniqueConstraint("task_id", "number", name="uq_attempt_task_id_number"),
    )
    op.create_index("ix_attempt_campaign_id_started_at", "attempt", ["campaign_id", "started_at", "id"])
    op.create_index("ix_attempt_phone", "attempt", ["phone"])
    op.create_index(
        "uq_attempt_live_phone",
        "attempt",
        ["phone"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _create_segment() -> None:
    op.create_table(
        "segment",
        Column("id", sa.Integer(), nullable=False),
        Column("attempt_id", sa.String(36), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("kind", WORD, nullable=False),
        Column("agent", sa.String(128), nullable=True),
        Column("started_at", MOMENT, nullable=False),
        Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_segment_attempt_id_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_segment"),
        sa.UniqueConstraint("attempt_id", "number", name="uq_segment_attempt_id_number"),
    )


def _create_answer() -> None:
    op.create_table(
        "answer",
        Column("id", sa.Integer(), nullable=False),
        Column("attempt_id", sa.String(36), nullable=False),
        Column("number", sa.Integer(), nullable=False),
        Column("node", sa.String(128), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("value", sa.Text(), nullable=False),
        Column("modality", WORD, nullable=False),
        Column("transcript", sa.Text(), nullable=True),
        Column("confidence", sa.Double(), nullable=True),
        Column("reaction_ms", sa.Integer(), nullable=True),
        Column("rule", sa.String(64), nullable=True),
        Column("pending", sa.Boolean(), nullable=False),
        Column("prompt_sha256", sa.String(64), nullable=True),
        Column("audio_file", sa.Text(), nullable=True),
        Column("given_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_answer_attempt_id_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_answer"),
        sa.UniqueConstraint("attempt_id", "number", name="uq_answer_attempt_id_number"),
    )


def _create_recording() -> None:
    op.create_table(
        "recording",
        Column("id", sa.Integer(), nullable=False),
        Column("attempt_id", sa.String(36), nullable=False),
        Column("file", sa.Text(), nullable=False),
        Column("sha256", sa.String(64), nullable=False),
        Column("seconds", sa.Double(), nullable=False),
        Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_recording_attempt_id_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_recording"),
    )
    op.create_index("ix_recording_attempt_id", "recording", ["attempt_id"])


def _create_do_not_disturb() -> None:
    op.create_table(
        "do_not_disturb",
        Column("id", sa.Integer(), nullable=False),
        Column("phone", sa.String(16), nullable=False),
        Column("purpose", sa.String(32), nullable=False),
        Column("source", sa.String(128), nullable=False),
        Column("attempt_id", sa.String(36), nullable=True),
        Column("created_at", MOMENT, nullable=False),
        Column("expires_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_do_not_disturb_attempt_id_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_do_not_disturb"),
    )
    op.create_index("ix_do_not_disturb_phone_purpose", "do_not_disturb", ["phone", "purpose"])


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        Column("id", sa.Integer(), nullable=False),
        Column("attempt_id", sa.String(36), nullable=True),
        Column("phone", sa.String(16), nullable=False),
        Column("text", sa.Text(), nullable=False),
        Column("state", WORD, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("sent_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_outbox_attempt_id_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_attempt_id", "outbox", ["attempt_id"])
    op.create_index("ix_outbox_state_id", "outbox", ["state", "id"])


def _create_callback() -> None:
    op.create_table(
        "callback",
        Column("id", sa.Integer(), nullable=False),
        Column("attempt_id", sa.String(36), nullable=True),
        Column("phone", sa.String(16), nullable=False),
        Column("wanted", sa.String(128), nullable=True),
        Column("due_at", MOMENT, nullable=True),
        Column("queue", sa.String(128), nullable=True),
        Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_callback_attempt_id_attempt"),
        sa.PrimaryKeyConstraint("id", name="pk_callback"),
    )
    op.create_index("ix_callback_attempt_id", "callback", ["attempt_id"])
    op.create_index("ix_callback_due_at", "callback", ["due_at"])


def _create_user_account() -> None:
    op.create_table(
        "user_account",
        Column("id", sa.Integer(), nullable=False),
        Column("name", sa.String(128), nullable=False),
        Column("password_hash", sa.String(255), nullable=False),
        Column("role", WORD, nullable=False),
        Column("created_at", MOMENT, nullable=False),
        Column("failed_sign_ins", sa.Integer(), nullable=False),
        Column("locked_until", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_user_account"),
        sa.UniqueConstraint("name", name="uq_user_account_name"),
    )


def _create_audit_entry() -> None:
    op.create_table(
        "audit_entry",
        Column("id", sa.Integer(), nullable=False),
        Column("at", MOMENT, nullable=False),
        Column("who", sa.String(128), nullable=False),
        Column("action", sa.String(64), nullable=False),
        Column("subject", sa.String(255), nullable=False),
        Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
    )
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
