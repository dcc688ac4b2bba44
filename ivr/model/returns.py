"""Calls that came in: how many, over which trunk, and what they were; never whose."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from ivr.model.types import UUID_CHARS, Base, text_enum


class IncomingKind(StrEnum):
    """What a call that came in was taken for."""

    RETURNED = "returned"  # a customer called back: there is an attempt of the same id
    STRANGER = "stranger"  # nobody whom a campaign that takes calls back has called lately
    WITHHELD = "withheld"  # … with no number that can be read
    BUSY = "busy"  # a call of ours to that number was on


class IncomingCall(Base):
    """One of them. Which process takes the call is decided by who writes its row."""

    __tablename__ = "incoming_call"

    id: Mapped[str] = mapped_column(String(UUID_CHARS), primary_key=True)  # the network's call id
    at: Mapped[datetime] = mapped_column(index=True)
    trunk: Mapped[str]
    worker: Mapped[str]
    kind: Mapped[IncomingKind] = mapped_column(text_enum(IncomingKind))
