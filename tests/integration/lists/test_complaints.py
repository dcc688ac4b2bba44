"""Complaints: on record once, put down to a call, and an opt-out in the same transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ivr.complaints import Complained, ComplaintError, ComplaintFile, add_complaint, import_complaints
from ivr.config import ComplaintSettings
from ivr.contacts_import import ContactsImportError
from ivr.model import Base, Complaint, DoNotDisturb
from ivr.policy.loader import default_policy
from ivr.policy.story import story_of
from ivr.policy.traces import traced_phones

pytestmark = pytest.mark.integration

SETTINGS = ComplaintSettings(opt_out_days=100, credit_days=10)
NUMBER = "+8613800000001"


async def rows(lists: Any, table: Any) -> list[Any]:
    found: list[Any] = await lists.db.read(lambda session: list(session.scalars(select(table).order_by(table.id))))
    return found


async def test_a_complaint_is_put_down_to_the_latest_call_and_opts_out_at_once(lists: Any) -> None:
    await lists.load({1: "Wang"})
    rules = await lists.campaign(1)
    await lists.enter(rules)
    now = lists.db.clock.now()
    await lists.call(1, now - timedelta(days=3))
    second = await lists.call(1, now - timedelta(days=2))
    said = Complained(NUMBER, now - timedelta(hours=1), "12321", "A-1", "care", "too often")
    assert await add_complaint(lists.db, said, "ann", SETTINGS)
    assert not await add_complaint(lists.db, said, "ann", SETTINGS)  # the same reference
    (complaint,) = await rows(lists, Complaint)
    assert (complaint.attempt_id, complaint.campaign_id, complaint.purpose) == (second, 1, "care")
    (entry,) = await rows(lists, DoNotDisturb)
    assert (entry.phone, entry.purpose, entry.attempt_id, entry.source) == (
        NUMBER,
        "care",
        second,
        "complaint 12321",
    )
    assert entry.expires_at - entry.created_at == timedelta(days=100)
    assert (await lists.enter(rules)).never == 0  # taken in before; the policy says it when its turn comes
    story = await lists.db.read(lambda session: story_of(session, NUMBER, default_policy(), lists.db.clock.now()))
    assert "complained to {source} about {purpose}, after a call of {campaign}" in [
        one.template for one in story.told
    ]
    assert story.now[0].decision.rule == "do_not_disturb"


async def test_an_old_call_gets_no_complaint_and_without_a_reference_a_day_counts_once(lists: Any) -> None:
    await lists.load({1: "Wang"})
    await lists.enter(await lists.campaign(1))
    now = lists.db.clock.now()
    await lists.call(1, now - timedelta(days=11))
    day = datetime(2026, 11, 20, 8, tzinfo=UTC)
    said = [
        Complained(NUMBER, at, "hotline") for at in (now, day, day + timedelta(hours=1), day - timedelta(days=1))
    ]
    assert [await add_complaint(lists.db, one, "ann", SETTINGS) for one in said] == [True, True, False, True]
    assert (await rows(lists, Complaint))[0].attempt_id is None


async def test_a_file_of_complaints_in_chinese(lists: Any) -> None:
    path = lists.folder / "complaints.csv"
    path.write_text(
        "投诉号码,投诉时间,投诉渠道,工单号,业务类型,投诉内容\n"
        "13800000001,2026-11-20 10:30,10015,A1,营销,太烦\n"
        "13800000001,2026年11月20日 11:00:30,10015,A2,打扰,又来\n"
        "13800000002,2026/11/21,,A3,,\n"
        "none,2026-11-21,10015,A4,,\n",
        encoding="gb18030",
    )
    file = ComplaintFile(path, source="12321")
    received = await import_complaints(lists.db, file, "ann", SETTINGS)
    assert (received.new, received.known, received.left_out) == (3, 0, 1)
    found = [(one.phone[-1], one.at, one.source, one.purpose, one.note) for one in await rows(lists, Complaint)]
    assert found == [
        ("1", datetime(2026, 11, 20, 2, 30, tzinfo=UTC), "10015", "marketing", "太烦"),
        ("1", datetime(2026, 11, 20, 3, 0, 30, tzinfo=UTC), "10015", "*", "打扰: 又来"),
        ("2", datetime(2026, 11, 20, 16, 0, tzinfo=UTC), "12321", "*", ""),
    ]
    again = await import_complaints(lists.db, file, "ann", SETTINGS)
    assert (again.new, again.known) == (0, 3)
    assert len(await rows(lists, DoNotDisturb)) == 3


async def test_a_file_that_does_not_say_who_received_them_is_refused_whole(lists: Any) -> None:
    path = lists.folder / "complaints.csv"
    path.write_text("phone,source\n13800000001,12321\n13800000002,\n")
    with pytest.raises(ComplaintError, match="row 3 doesn't say who received the complaint; give --source"):
        await import_complaints(lists.db, ComplaintFile(path), "ann", SETTINGS)
    assert await rows(lists, Complaint) == []
    path.write_text("name\nWang\n")
    with pytest.raises(ContactsImportError, match="the list has no column for phone"):
        await import_complaints(lists.db, ComplaintFile(path), "ann", SETTINGS)


# Tables with a number that facts about it aren't gathered from: the policy never asks them.
NOT_ASKED = {"agent", "archive_hold", "callback", "complaint", "contact", "outbox", "supervision"}


async def test_every_table_that_facts_come_from_is_looked_at_when_a_list_is_taken_in(lists: Any) -> None:
    text = """{"schema": 1, "policy": "all", "consent": ["care"], "paid": ["care"], "engagements":
    {"per_month": 1, "purposes": ["care"]}, "attempts": 3, "hold_out": {"draw": "d", "percent": 5}}"""
    rules = await lists.campaign(policy=text)
    statement: Any = traced_phones(rules, lists.db.clock.now()).element
    asked = {table.name for part in statement.selects for table in part.get_final_froms()}
    with_phones = {name for name, table in Base.metadata.tables.items() if "phone" in table.columns}
    assert with_phones - asked - NOT_ASKED == set()
