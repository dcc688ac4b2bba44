"""The policy on real rows: facts in few statements, reasons on record, engagements, hold-outs."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from ivr.dialer import store
from ivr.dialer.entry import enter
from ivr.model import Consent, Contact, EngagementState, HoldOut, PaymentEvent, TaskState
from ivr.policy.facts import Asked, gather
from ivr.policy.hold_out import is_drawn
from ivr.session.record import CallRecord
from ivr.strategy import default_strategy
from tests.integration.policy.called_rows import (
    ANSWERED,
    BUSY,
    CONTACTS,
    NOW,
    SHANGHAI,
    Rows,
    _opt_out,
    phone,
    rows,
    rules,
)
from trunk.ports import Cause, DialOutcome

__all__ = ["rows"]  # fixtures
pytestmark = pytest.mark.integration
REFUSED = Cause(DialOutcome.INVALID_NUMBER, "sip 404", "network")


async def test_facts_of_any_number_of_contacts_take_the_same_few_statements(rows: Rows) -> None:
    own = rules("consent: [marketing]\nengagements: {per_month: 1}\nhold_out: {draw: d, percent: 5}")

    def count(session: Session, contacts: int) -> int:
        statements: list[str] = []
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2]))
        asked = [Asked(phone(number), {}, number) for number in range(1, contacts + 1)]
        assert len(gather(session, own, asked, NOW)) == contacts
        return len(statements)

    one = await rows.do(lambda session: count(session, 1))
    assert await rows.do(lambda session: count(session, CONTACTS)) == one
    assert one <= 7


async def test_what_was_decided_at_a_glance_holds_no_longer_than_the_day(rows: Rows) -> None:
    own = rules("attributes: {expires_on: date}\nexclude: {expired: {when: expires_on < today}}")
    expires = {"expires_on": "2026-01-05"}
    await rows.do(lambda session: session.execute(update(Contact).values(attributes=expires)) and None)
    last = NOW.replace(hour=23, minute=59, second=59)
    assert len((await rows.lease(own, now=last)).leases) == 1
    assert (await rows.lease(own, now=last + timedelta(seconds=1))).skipped == 1


async def test_every_reason_is_on_record_once(rows: Rows) -> None:
    own = rules("windows: [{times: [09:00-12:00]}]")
    noon = NOW.replace(hour=12)
    leased = await rows.lease(own, now=noon)
    assert (leased.leases, leased.skipped, leased.put_off) == ((), 0, 1)
    task = await rows.task(1)
    tomorrow = NOW.replace(day=6, hour=9)
    assert (task.state, task.next_at) == (TaskState.WAITING, tomorrow)
    (lease,) = (await rows.lease(own, now=tomorrow)).leases
    assert lease.task_id == 1
    await rows.call(own, lease, BUSY, tomorrow)
    assert await rows.decisions(1) == [("lease", "later", "window"), ("place", "call", None)]
    await rows.do(lambda session: session.add(_opt_out(1)))
    again = await rows.lease(own, now=tomorrow + timedelta(minutes=15))
    assert again.skipped == 1
    assert (await rows.task(1)).result == "do_not_disturb"
    assert (await rows.decisions(1))[2:] == [("lease", "never", "do_not_disturb")]


async def test_opting_out_after_the_lease_is_seen_just_before_dialling(rows: Rows) -> None:
    own = rules()
    (lease,) = (await rows.lease(own)).leases
    await rows.do(lambda session: session.add(_opt_out(1)))
    placing = store.Placing("a", own, lease, NOW)
    assert not await rows.do(lambda session: store.place(session, placing))
    assert await rows.decisions(1) == [("place", "never", "do_not_disturb")]
    assert (await rows.task(1)).result == "do_not_disturb"


async def test_who_pays_after_the_lease_is_not_dialled_any_more(rows: Rows) -> None:
    own = rules("paid: [marketing]")
    leases = (await rows.lease(own, 3)).leases

    def pay(session: Session) -> None:
        for number, paid_at in ((1, NOW - timedelta(days=1)), (2, NOW), (3, NOW + timedelta(seconds=1))):
            session.add(PaymentEvent(phone=phone(number), paid_at=paid_at, source="billing",
                                     source_id=str(number), taken_at=NOW))  # fmt: skip

    await rows.do(pay)
    placings = [store.Placing(lease.phone, own, lease, NOW) for lease in leases]
    placed = [await rows.do(partial(store.place, placing=placing)) for placing in placings]
    assert placed == [True, False, True]  # before the list came in, since, and not yet
    assert await rows.decisions(2) == [("place", "never", "paid")]
    assert (await rows.task(2)).result == "paid"
    told = (await rows.story(own, 2)).told
    assert ("paid, says {source}", {"source": "billing"}) in [(one.template, one.params) for one in told]


async def test_what_counts_as_paid_begins_when_the_row_says_so(rows: Rows) -> None:
    own = rules("paid: [marketing]")
    reminded = NOW - timedelta(days=2)

    def pay(session: Session) -> None:
        session.get_one(Contact, 1).since = reminded
        session.add(PaymentEvent(phone=phone(1), paid_at=reminded, source="billing", source_id="1", taken_at=NOW))

    await rows.do(pay)
    assert (await rows.lease(own)).skipped == 1
    assert not (await rows.lease(rules("paid: [service]"))).skipped  # another purpose: nobody looks


async def test_a_retry_waits_for_the_window_and_attempts_are_bounded(rows: Rows) -> None:
    own = rules("attempts: 2\nwindows: [{times: [09:00-12:00]}]")
    late = NOW.replace(hour=11, minute=59)
    (lease,) = (await rows.lease(own, now=late)).leases
    again = await rows.call(own, lease, BUSY, late)
    assert again == NOW.replace(day=6, hour=9)
    (lease,) = (await rows.lease(own, now=again)).leases
    assert await rows.call(own, lease, BUSY, again) is None
    assert (await rows.task(1)).state is TaskState.DONE


async def test_a_number_has_one_engagement_a_month_over_all_campaigns(rows: Rows) -> None:
    text = "engagements: {per_month: 1}"
    ours, theirs = rules(text), rules(text, 2)
    (lease,) = (await rows.lease(ours)).leases
    assert await rows.place(ours, lease)
    assert await rows.engagement(1) is EngagementState.RESERVED
    rival = await rows.lease(theirs)
    assert (rival.leases, rival.put_off) == ((), 1)  # put off, not closed
    assert (await rows.task(21)).next_at == datetime(2026, 2, 1, tzinfo=SHANGHAI)

    again = await rows.finish(ours, lease, BUSY)
    assert again is not None
    assert await rows.engagement(1) is EngagementState.RESERVED  # the retry rides on it
    (lease,) = (await rows.lease(ours, now=again)).leases
    await rows.call(ours, lease, ANSWERED, again)
    assert await rows.engagement(1) is EngagementState.COMMITTED
    assert await rows.lease(theirs, now=again) != rival  # the next number's turn
    assert (await rows.task(21)).state is TaskState.WAITING
    next_month = datetime(2026, 2, 1, tzinfo=SHANGHAI)
    (lease, *_) = (await rows.lease(theirs, now=next_month)).leases
    assert lease.task_id == 21


async def test_an_engagement_that_came_to_nothing_lets_the_rival_call(rows: Rows) -> None:
    text = "engagements: {per_month: 1}"
    ours, theirs = rules(text), rules(text, 2)
    (lease,) = (await rows.lease(ours)).leases
    assert await rows.place(ours, lease)
    await rows.lease(theirs)
    assert await rows.finish(ours, lease, BUSY, retries=False) is None
    assert await rows.engagement(1) is EngagementState.RELEASED
    assert (await rows.task(21)).next_at == NOW
    (lease,) = (await rows.lease(theirs)).leases
    assert lease.task_id == 21


async def test_a_call_that_nobody_knows_the_end_of_counts(rows: Rows) -> None:
    own = rules("engagements: {per_month: 1}")
    (lease,) = (await rows.lease(own)).leases
    placing = store.Placing("lost", own, lease, NOW)
    assert await rows.do(lambda session: store.place(session, placing))
    await rows.do(lambda session: store.close_unknown(session, ["lost"], NOW))
    assert await rows.engagement(1) is EngagementState.COMMITTED


async def test_a_trunks_refusal_is_neither_an_attempt_nor_a_call(rows: Rows) -> None:
    own = rules("attempts: 2\nlimits: {per_day: 2}")
    (lease,) = (await rows.lease(own)).leases
    placing = store.Placing("refused", own, lease, NOW)
    assert await rows.do(lambda session: store.place(session, placing))
    cause = Cause(DialOutcome.CONGESTION, "sip 503", "network", refused=True)
    ending = store.Ending(
        1, CallRecord("refused", lease.phone, NOW, ended_at=NOW, cause=cause), own, default_strategy()
    )
    other = store.Placing("other", own, lease._replace(attempts=1), NOW)
    assert await rows.do(lambda session: store.fail_over(session, ending, other))
    (facts,) = await rows.do(lambda session: gather(session, own, [Asked(lease.phone, {}, 1, 2)], NOW))
    assert (facts.attempts, len(facts.calls)) == (1, 1)


async def test_taking_a_list_in_closes_whoever_is_never_called_and_draws_the_hold_out(rows: Rows) -> None:
    text = "consent: [marketing]\nhold_out: {draw: spring, percent: 50}\nwindows: [{times: [01:00-02:00]}]"
    own = rules(text)
    agreed = range(5, CONTACTS + 1)

    def consent(session: Session) -> None:
        for number in agreed:
            session.add(
                Consent(
                    phone=phone(number),
                    purpose="marketing",
                    source="shop",
                    given_at=NOW,
                    created_at=NOW,
                    created_by="t",
                )
            )

    await rows.do(consent)
    closed = await rows.do(lambda session: enter(session, own, NOW))
    hold_out = own.policy.spec.hold_out
    assert hold_out is not None
    held = {number for number in agreed if is_drawn(hold_out, phone(number))}
    assert 0 < len(held) < len(agreed)
    assert closed == 4 + len(held)
    for number in range(1, CONTACTS + 1):
        result = None if number in set(agreed) - held else "held_out" if number in held else "no_consent"
        assert (await rows.task(number)).result == result
    entered = await rows.db.read(lambda session: session.execute(select(HoldOut.phone)).scalars().all())
    assert sorted(entered) == [phone(number) for number in agreed]  # drawn among those who could be called
    assert await rows.decisions(max(set(agreed) - held)) == []  # the window says nothing at that time

    # A sibling campaign with another percentage: whoever came up before stays what they are.
    sibling = rules(text.replace("50", "1"), 2)
    await rows.do(lambda session: enter(session, sibling, NOW))
    results = {number: (await rows.task(CONTACTS + number)).result for number in agreed}
    assert {number for number, result in results.items() if result == "held_out"} == held
