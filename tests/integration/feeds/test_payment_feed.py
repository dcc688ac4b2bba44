"""Payments and complaints: by feed and by file, each once, in force from that moment on."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.campaigns.rules import rules_of
from ivr.dialer import store
from ivr.feeds.payments_file import PaymentFile, import_payments
from ivr.model import Complaint, DoNotDisturb, PaymentEvent, Task
from tests.integration.feeds.town import NOW, Town

pytestmark = pytest.mark.integration


async def test_who_pays_by_a_feed_is_taken_out_at_once(town: Town) -> None:
    await town.add()
    await town.payments()
    town.billing.remind((1, "13800000001", "5"), (2, "13800000002", "5"), at=NOW - timedelta(hours=2))
    await town.runner.run_feed("reminders")
    paid = {
        "id": 1,
        "msisdn": "13800000001",
        "amount": 50,
        "paid_at": (NOW - timedelta(hours=1)).replace(tzinfo=None),
    }
    before = paid | {"id": 2, "msisdn": "13800000002", "paid_at": (NOW - timedelta(hours=3)).replace(tzinfo=None)}
    refund = paid | {"id": 3, "amount": -1}
    town.billing.run("INSERT INTO payments VALUES (:id, :msisdn, :amount, :paid_at)", paid, before, refund)
    report = await town.runner.run_feed("payments")
    assert (report.sums.taken, report.sums.rejected) == (2, 1)
    rules = await town.db.read(lambda session: rules_of(session, 1))
    request = store.LeaseRequest(rules=rules, owner="test", count=5, now=NOW, lease_s=600)
    leased = await store.lease(town.db, request)
    assert [lease.phone for lease in leased.leases] == ["+8613800000002"]  # paid before the reminder
    result = select(Task.result).where(Task.result.is_not(None))
    assert await town.db.read(lambda session: session.execute(result).scalar_one()) == "paid"


async def test_the_same_payments_twice_count_once(town: Town) -> None:
    await town.payments(position="{column: id, overlap: 10}")
    row = {"id": 1, "msisdn": "13800000001", "amount": 50, "paid_at": NOW.replace(tzinfo=None)}
    town.billing.run("INSERT INTO payments VALUES (:id, :msisdn, :amount, :paid_at)", row)
    for taken, known in ((1, 0), (0, 1)):
        report = await town.runner.run_feed("payments")
        assert (report.sums.taken, report.sums.known) == (taken, known)
    event = await town.db.read(lambda session: session.execute(select(PaymentEvent)).scalar_one())
    assert (event.phone, event.paid_at, event.amount_cents) == ("+8613800000001", NOW, 5000)


def _count(session: Session, table: type[Complaint | DoNotDisturb]) -> int:
    return session.execute(select(func.count()).select_from(table)).scalar_one()


async def test_complaints_by_a_feed_opt_out_at_once(town: Town) -> None:
    await town.payments(feed="complaints", kind="complaints", paid_at="", amount="", complained_at="paid_at")
    row = {"id": 1, "msisdn": "13800000001", "amount": 50, "paid_at": NOW.replace(tzinfo=None)}
    town.billing.run("INSERT INTO payments VALUES (:id, :msisdn, :amount, :paid_at)", row)
    assert (await town.runner.run_feed("complaints")).sums.taken == 1
    assert await town.db.read(partial(_count, table=Complaint)) == 1
    assert await town.db.read(partial(_count, table=DoNotDisturb)) == 1


async def test_a_file_of_payments(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "payments.csv"
    path.write_text(
        "手机号,paid_at,amount,reference\n13800000001,2026-01-05 09:30:00,50,P-1\n"
        "13800000002,2026-01-05 09:30,-5,P-2\n"
        "13800000003,yesterday,5,P-3\n",
        encoding="utf-8",
    )
    file = PaymentFile(path, "billing", "Asia/Shanghai")
    first = await import_payments(town.db, file, "ann")
    assert (first.new, first.known, first.left_out) == (1, 0, 2)
    again = await import_payments(town.db, file, "ann")
    assert (again.new, again.known) == (0, 1)
    event = await town.db.read(lambda session: session.execute(select(PaymentEvent)).scalar_one())
    assert (event.source_id, event.paid_at) == ("P-1", NOW - timedelta(minutes=30))
