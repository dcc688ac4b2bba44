"""Who may be called: lists, the imports that filled them, contacts, and who doesn't want to be called."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import PHONE_CHARS, SHA256_CHARS, Base


class ContactList(Base):
    """A list as it was handed in. Attributes (a balance, a date) belong to the list, not to the person."""

    __tablename__ = "contact_list"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]


class ImportBatch(Base):
    """One file read into a list, with what became of its rows: rows = good + rejected + duplicates."""

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


class Contact(Base):
    """One number on one list. The same person on another list is another row; the phone ties them together.

    Rows of a feed have a `source_id`: the same number may come again with another one."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("list_id", "phone", "source_id"), Index("ix_contact_phone", "phone"))

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_list.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batch.id"))
    row_number: Mapped[int | None]  # 1-based, as the spreadsheet shows it
    phone: Mapped[str] = mapped_column(String(PHONE_CHARS))  # E.164
    source_id: Mapped[str] = mapped_column(default="", server_default="")  # the source's own name of the row
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)  # as the flow's `needs` wants them


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
