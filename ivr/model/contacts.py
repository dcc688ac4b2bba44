"""Who may be called: lists and the imports that filled them; and who complained, or doesn't want to be called."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import PHONE_CHARS, SHA256_CHARS, UUID_CHARS, Base, text_enum


class ContactList(Base):
    """Numbers to call, filled by imports. Attributes (a balance, a date) belong to the list, not to the person.

    `revision` and `content_sha256` change when numbers come or what is known of them changes, never when numbers
    go: whoever approved them approved no more than is there."""

    __tablename__ = "contact_list"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    # The columns that its imports read: field -> type, those that every row has and those that some have.
    fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    optional_fields: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    content_sha256: Mapped[str] = mapped_column(String(SHA256_CHARS), default="", server_default="")


class ImportMode(StrEnum):
    NEW = "new"
    APPEND = "append"
    REPLACE = "replace"


class ImportBatch(Base):
    """One file read into a list, with what became of its rows: rows = good + rejected + duplicates + elsewhere.

    Of the good ones `added` are new on the list, `updated` were there with other attributes; `removed` numbers of
    the list weren't in a file that replaced it. The list's revision and hash are those after it."""

    __tablename__ = "import_batch"

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(255))
    file_sha256: Mapped[str] = mapped_column(String(SHA256_CHARS))
    rows: Mapped[int]
    good: Mapped[int]
    rejected: Mapped[int]
    duplicates: Mapped[int]
    imported_at: Mapped[datetime]
    imported_by: Mapped[str]
    mode: Mapped[ImportMode] = mapped_column(
        text_enum(ImportMode), default=ImportMode.NEW, server_default=ImportMode.NEW.value
    )
    elsewhere: Mapped[int] = mapped_column(default=0, server_default="0")  # on lists that were to be left out
    added: Mapped[int] = mapped_column(default=0, server_default="0")
    updated: Mapped[int] = mapped_column(default=0, server_default="0")
    removed: Mapped[int] = mapped_column(default=0, server_default="0")
    revision: Mapped[int] = mapped_column(default=0, server_default="0")
    content_sha256: Mapped[str] = mapped_column(String(SHA256_CHARS), default="", server_default="")
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[str | None]


class Contact(Base):
    """One number on one list. The same person on another list is another row; the phone ties them together.

    Rows of a feed have a `source_id`: the same number may come again with another one."""

    __tablename__ = "contact"
    __table_args__ = (
        UniqueConstraint("list_id", "phone", "source_id"),
        Index("ix_contact_phone", "phone"),
        Index(
            "ix_contact_source_id",
            "source_id",
            sqlite_where=text("source_id <> ''"),  # rows of feeds and of the API; files cost nothing
            postgresql_where=text("source_id <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batch.id"))
    row_number: Mapped[int | None]  # 1-based, as the spreadsheet shows it
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))  # E.164
    source_id: Mapped[str] = mapped_column(default="", server_default="")  # the source's own name of the row
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as the flow's `needs` wants them
    # The moment that the row is about (a reminder was sent): who pays from then on has paid for it. None: the
    # moment when its list was taken in.
    since: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]  # taken off its list: never called again by it, its history stays


class ContactBefore(Base):
    """What a list's newest import changed or took off, as it was: until somebody is called it can be undone."""

    __tablename__ = "contact_before"

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id"), primary_key=True, index=True)
    was_batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batch.id"))
    row_number: Mapped[int | None]
    attributes: Mapped[dict[str, Any]]
    removed_at: Mapped[datetime | None]


class DoNotDisturb(Base):
    """A number that must not be called for a purpose ("*" is every purpose), from `created_at` to `expires_at`."""

    __tablename__ = "do_not_disturb"
    __table_args__ = (Index("ix_do_not_disturb_phone_purpose", "phone", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    purpose: Mapped[str] = mapped_column(String(32))
    source: Mapped[str]  # "call", "import", a user's name
    attempt_id: Mapped[str | None] = mapped_column(ForeignKey("attempt.id"))  # the call it was asked for in
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]  # None: for good


class Complaint(Base):
    """Somebody complained of being called. `campaign_id` and `attempt_id` are of the call that it is put down to:
    the last one to the number before it, if one was recent."""

    __tablename__ = "complaint"
    __table_args__ = (
        UniqueConstraint("source", "reference"),
        Index("ix_complaint_phone", "phone"),
        Index("ix_complaint_campaign_id_at", "campaign_id", "at"),
        Index("ix_complaint_at", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))
    at: Mapped[datetime]  # when it was made
    source: Mapped[str]  # where it was made: "12321", "10015", "hotline" …
    reference: Mapped[str]  # the source's own number of it
    purpose: Mapped[str] = mapped_column(String(32))  # of the calls that it is about; "*" is every purpose
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"), index=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
