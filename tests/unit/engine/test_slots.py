"""Slots for calling back: office hours on working days, with notice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ivr.session.slots import next_slot, next_slots, slot_start

pytestmark = pytest.mark.unit


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def test_the_next_slots_of_a_working_day() -> None:
    assert next_slots(shanghai("2026-01-05T10:00"), 3) == (
        "2026-01-05T10:30/2026-01-05T12:00",
        "2026-01-05T14:00/2026-01-05T15:30",
        "2026-01-05T15:30/2026-01-05T17:00",
    )


def test_nobody_is_promised_a_call_within_half_an_hour() -> None:
    assert next_slot(shanghai("2026-01-05T10:01")) == "2026-01-05T14:00/2026-01-05T15:30"


def test_a_friday_evening_waits_for_monday() -> None:
    assert next_slot(shanghai("2026-01-09T18:00")) == "2026-01-12T09:00/2026-01-12T10:30"


def test_begin_in_utc_or_words() -> None:
    assert slot_start("2026-01-05T14:00/2026-01-05T15:30") == datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    assert slot_start("明天上午") is None
