"""Slots for calling back: office hours on working days, with notice, where the callee is, before the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ivr.session.slots import SlotTimes

pytestmark = pytest.mark.unit

THERE = SlotTimes()


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


def test_the_next_slots_of_a_working_day() -> None:
    assert THERE.offered(shanghai("2026-01-05T10:00"), 3) == (
        "2026-01-05T10:30/2026-01-05T12:00",
        "2026-01-05T14:00/2026-01-05T15:30",
        "2026-01-05T15:30/2026-01-05T17:00",
    )


def test_nobody_is_promised_a_call_within_half_an_hour() -> None:
    assert THERE.offered(shanghai("2026-01-05T10:01"), 1) == ("2026-01-05T14:00/2026-01-05T15:30",)


def test_a_friday_evening_waits_for_monday() -> None:
    assert THERE.offered(shanghai("2026-01-09T18:00"), 1) == ("2026-01-12T09:00/2026-01-12T10:30",)


def test_begin_in_utc_or_words() -> None:
    assert THERE.start_of("2026-01-05T14:00/2026-01-05T15:30") == datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
    assert THERE.start_of("明天上午") is None


def test_hours_are_those_of_the_callee() -> None:
    urumqi = SlotTimes(ZoneInfo("Asia/Urumqi"))  # two hours behind
    (slot,) = urumqi.offered(shanghai("2026-01-05T10:00"), 1)
    assert slot == "2026-01-05T09:00/2026-01-05T10:30"
    assert urumqi.start_of(slot) == shanghai("2026-01-05T11:00")
    berlin = SlotTimes(ZoneInfo("Europe/Berlin"))  # the clocks go forward in the night before
    (slot,) = berlin.offered(datetime(2026, 3, 28, 12, tzinfo=UTC), 1)
    assert berlin.start_of(slot) == datetime(2026, 3, 30, 7, tzinfo=UTC)


def test_nothing_is_offered_that_begins_after_the_campaigns_end() -> None:
    now = shanghai("2026-01-05T10:00")
    ends = shanghai("2026-01-05T14:00")
    assert SlotTimes(ends_at=ends).offered(now, 3) == ("2026-01-05T10:30/2026-01-05T12:00",)
    assert len(SlotTimes(ends_at=ends + timedelta(minutes=1)).offered(now, 3)) == 2
    assert SlotTimes(ends_at=now).offered(now, 3) == ()
