"""The archive of recordings: its chain of entries, and what must not be deleted."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import PHONE_CHARS, SHA256_CHARS, UUID_CHARS, Base, part_index, text_enum


class RecordingKind(StrEnum):
    """What a kept file is, for how long it is kept (`[archive.keep.KIND]`)."""

    COMPLAINT = "complaint"
    SUCCESS = "success"
    OPT_OUT = "opt_out"
    TRANSFER = "transfer"
    MARKETING = "marketing"
    SURVEY = "survey"
    SERVICE = "service"
    RESULTS = "results"  # a month's list, no recording


class ArchiveAction(StrEnum):
    FILED = "filed"
    PRUNED = "pruned"  # the file of an earlier entry was deleted
    HELD = "held"
    RELEASED = "released"


class ArchiveEntry(Base):
    """Something that was done with the archive. Append-only: each holds the hash of the one before it, and its own
    over everything in it but its number (ivr.archive.chain)."""

    __tablename__ = "archive_entry"
    __table_args__ = (
        Index("ix_archive_entry_attempt_id", "attempt_id"),
        Index("ix_archive_entry_file", "file"),
        Index("ix_archive_entry_campaign_id", "campaign_id", "number"),
        part_index("uq_archive_entry_pruned", "about", where="action = 'pruned'", unique=True),
    )

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)  # 1, 2, 3 … without a gap
    at: Mapped[datetime]
    action: Mapped[ArchiveAction] = mapped_column(text_enum(ArchiveAction))
    who: Mapped[str]  # "cli:ann", "worker"
    why: Mapped[str] = mapped_column(Text, default="")
    about: Mapped[int | None]  # pruned: the entry whose file it was; held and released: the hold
    kind: Mapped[RecordingKind | None] = mapped_column(text_enum(RecordingKind))  # as it was then
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"))
    since: Mapped[datetime | None]  # the call's end, or the month's: retention counts from it
    file: Mapped[str | None] = mapped_column(Text)  # relative to the recording directory
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    file_sha256: Mapped[str | None] = mapped_column(String(SHA256_CHARS))  # of a hold: of what it says
    previous_sha256: Mapped[str] = mapped_column(String(SHA256_CHARS))
    sha256: Mapped[str] = mapped_column(String(SHA256_CHARS))


class ArchiveHold(Base):
    """Recordings that must not be deleted, whatever their age: of a campaign, of a number, or of one call."""

    __tablename__ = "archive_hold"
    __table_args__ = (Index("ix_archive_hold_released_at", "released_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaign.id"))
    phone: Mapped[str | None] = mapped_column(String(PHONE_CHARS))
    attempt_id: Mapped[str | None] = mapped_column(String(UUID_CHARS), ForeignKey("attempt.id"))
    why: Mapped[str] = mapped_column(Text)
    placed_at: Mapped[datetime]
    placed_by: Mapped[str]
    until: Mapped[datetime | None]  # None: until it is released
    released_at: Mapped[datetime | None]
    released_by: Mapped[str | None]
    released_why: Mapped[str | None] = mapped_column(Text)
