"""The policy on real rows: facts in few statements, reasons on record, engagements, hold-outs, the whole story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from flows import library
from flows.loader import load as load_flow
from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.entry import enter, take_in
from ivr.model import (
    CAMPAIGN_ENDED,
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    Consent,
    Contact,
    ContactDecision,
    ContactList,
    DoNotDisturb,
    EmergencyStop,
    Engagement,
    EngagementState,
    FlowVersion,
    HoldOut,
    PaymentEvent,
    Task,
    TaskState,
)
from ivr.policy.decide import Rule, Verdict
from ivr.policy.facts import Asked, gather
from ivr.policy.forecast import forecast, forecast_campaign
from ivr.policy.hold_out import is_drawn
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules
from ivr.policy.story import Story, story_of
from ivr.session.record import CallRecord
from ivr.strategy import default_strategy
from ivr.strategy.strategy import once
from trunk.ports import Cause, DialOutcome

pytestmark = pytest.mark.integration

T = TypeVar("T")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 1, 5, 10, 0, tzinfo=SHANGHAI)
BUSY = Cause(DialOutcome.BUSY, "sip 486", "network")
ANSWERED = Cause(DialOutcome.ANSWERED, "sip 200", "callee")
REFUSED = Cause(DialOutcome.INVALID_NUMBER, "sip 404", "network")
CONTACTS = 20


def rules(text: str = "", campaign_id: int = 1) -> CampaignRules:
    policy = loads(f"schema: 1\npolicy: test\n{text}".encode())
    return CampaignRules(policy, campaign_id, "marketing", "offer", {})


def phone(number: int) -> str:
    return f"+86138{number:08d}"


@dataclass
class Rows:
    """Two campaigns on the same numbers. Tasks 1 to 20 are the first one's, 21 to 40 the second one's."""

    db: Database

    async def do(self, work: Callable[[Session], T]) -> T:
        return await self.db.run(work)

    async def lease(self, own: CampaignRules, count: int = 1, now: datetime = NOW) -> store.Leased:
        request = store.LeaseRequest(rules=own, owner="test", count=count, now=now, lease_s=600)
        return await store.lease(self.db, request)

    async def place(self, own: CampaignRules, lease: store.Lease, now: datetime = NOW) -> bool:
        placing = store.Placing(f"{own.campaign_id}-{lease.task_id}-{lease.attempts}", own, lease, now)
        return await store.place_at_once(self.db, placing)

    async def finish(
        self, own: CampaignRules, lease: store.Lease, cause: Cause, now: datetime = NOW, *, retries: bool = True
    ) -> datetime | None:
        attempt_id = f"{own.campaign_id}-{lease.task_id}-{lease.attempts}"
        answered = now if cause is ANSWERED else None
        record = CallRecord(attempt_id, lease.phone, now, now, answered, now, cause=cause)
        strategy = default_strategy() if retries else once(default_strategy())
        ending = store.Ending(lease.task_id, record, own, strategy)
        return await store.finish_at_once(self.db, ending)

    async def call(
        self, own: CampaignRules, lease: store.Lease, cause: Cause, now: datetime = NOW
    ) -> datetime | None:
        assert await self.place(own, lease, now)
        return await self.finish(own, lease, cause, now)

    async def task(self, task_id: int) -> Task:
        return await self.db.read(lambda session: session.get_one(Task, task_id))

    async def engagement(self, task_id: int) -> EngagementState | None:
        found = await self.db.read(lambda session: session.get(Engagement, task_id))
        return None if found is None else found.state

    async def decisions(self, task_id: int) -> list[tuple[str, str, str | None]]:
        query = select(ContactDecision).where(ContactDecision.task_id == task_id).order_by(ContactDecision.id)
        rows = await self.db.read(lambda session: session.execute(query).scalars().all())
        return [(row.stage.value, row.verdict, row.rule) for row in rows]

    async def story(self, own: CampaignRules, number: int, now: datetime = NOW) -> Story:
        return await self.db.read(lambda session: story_of(session, phone(number), own.policy, now))


@pytest.fixture
async def rows(db: Database) -> Rows:
    await db.run(_fill)
    return Rows(db)


def _fill(session: Session) -> None:
    version = {"language": "en", "purpose": "marketing", "published_at": NOW, "published_by": "test"}
    session.add(FlowVersion(flow="offer", version=1, content_hash="0" * 64, source="", **version))
    session.flush()
    for campaign_id in (1, 2):
        session.add(ContactList(name=f"list {campaign_id}", created_at=NOW, created_by="test"))
        session.flush()
        session.add(
            Campaign(
                name=f"campaign {campaign_id}",
                flow_version_id=1,
                purpose="marketing",
                concurrency=5,
                state=CampaignState.RUNNING,
                created_at=NOW,
                created_by="test",
            )
        )
        session.flush()
        for number in range(1, CONTACTS + 1):
            contact = Contact(list_id=campaign_id, row_number=number + 1, phone=phone(number), attributes={})
            session.add(contact)
            session.flush()
            session.add(Task(campaign_id=campaign_id, contact_id=contact.id))
            session.flush()


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


def _opt_out(number: int) -> DoNotDisturb:
    return DoNotDisturb(phone=phone(number), purpose="*", source="test", created_at=NOW)


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


async def test_a_forecast_counts_each_contact_once_and_writes_nothing(rows: Rows) -> None:
    own = rules("consent: [marketing]\nwindows: [{times: [09:00-12:00]}]")
    await rows.do(lambda session: session.add(_opt_out(1)))
    asked = [Asked(phone(number), {}) for number in range(1, CONTACTS + 1)]
    found = await rows.db.read(lambda session: forecast(session, own, asked, NOW.replace(hour=13)))
    assert (found.contacts, found.callable_now) == (CONTACTS, 0)
    assert found.decides == {Rule.DO_NOT_DISTURB: 1, Rule.NO_CONSENT: CONTACTS - 1}
    assert found.objects == {Rule.DO_NOT_DISTURB: 1, Rule.NO_CONSENT: CONTACTS, Rule.WINDOW: CONTACTS}


async def test_the_story_of_a_number_is_whole_and_nobody_elses(rows: Rows) -> None:
    own = rules("engagements: {per_month: 1}")
    leases = (await rows.lease(own, 2)).leases
    await rows.call(own, leases[0], ANSWERED)
    await rows.call(own, leases[1], BUSY)
    await rows.do(lambda session: session.add(_opt_out(2)))

    first = await rows.story(own, 1)
    assert [told.template for told in first.told if "contact of" in told.template] == [
        "{campaign}: has used up a contact of {month}"
    ]
    (called,) = [told for told in first.told if "talk" in told.template]
    assert called.params["campaign"] == "campaign 1"
    assert sum("taken in" in told.template for told in first.told) == 2  # on both lists
    (rival,) = first.now  # the second campaign isn't done with it
    assert rival.subject == "campaign 2"
    assert (rival.decision.verdict, rival.decision.rule) == (Verdict.LATER, Rule.MONTH_FULL)

    second = await rows.story(own, 2)
    assert any("do not disturb" in told.template for told in second.told)
    assert {now.decision.rule for now in second.now} == {Rule.DO_NOT_DISTURB}
    assert not any("do not disturb" in told.template for told in first.told)

    stranger = await rows.story(own, 999)
    assert stranger.told == ()
    assert [now.subject for now in stranger.now] == ["service", "marketing", "survey", "care"]


async def test_the_story_says_what_holds_a_whole_campaign_up(rows: Rows) -> None:
    own = rules()

    async def held(**values: object) -> tuple[str | None, str]:
        """Why campaign 1 calls nobody, and how it is said."""

        def change(session: Session) -> None:
            for name, value in values.items():
                setattr(session.get_one(Campaign, 1), name, value)

        await rows.do(change)
        found = (await rows.story(own, 1)).now[0].held
        return (None, "") if found is None else (found.template, str(found.params.get("why", "")))

    assert await held() == (None, "")
    later = rows.db.clock.now() + timedelta(days=400)
    assert (await held(starts_at=later))[0] == "{campaign}: begins at {begins}"
    assert (await held(needs_approval=True))[0] == (
        "{campaign}: its approval is gone, nobody is called before it is given again"
    )
    stop = EmergencyStop(at=NOW, by="ann", why="wrong list", hang_up=False)
    await rows.do(lambda session: session.add(stop))
    assert (await held())[1] == "wrong list"
    await rows.do(lambda session: session.execute(update(EmergencyStop).values(lifted_at=NOW, lifted_by="ann")))
    audit = {"to": "paused", "why": "lunch"}
    line = AuditEntry(at=NOW, who="ann", action="campaign.pause", subject="campaign 1", details=audit)
    await rows.do(lambda session: session.add(line))
    template, why = await held(state=CampaignState.PAUSED)
    assert template == "{campaign}: is paused since {at} by {who}: {why}"
    assert "lunch" in why
    assert (await held(state=CampaignState.DRAFT))[0] == "{campaign}: isn't started yet, nobody is called"
    ended = await held(state=CampaignState.RUNNING, ends_at=NOW)
    assert ended[0] == "{campaign}: is over since {over}, nobody is called any more"
    await rows.do(
        lambda session: session.execute(update(Task).values(state=TaskState.DONE, result=CAMPAIGN_ENDED))
    )
    told = [one.template for one in (await rows.story(own, 1)).told]
    for said in (
        "{campaign}: came to its end before they were reached",
        "{who} stopped all dialling: {why}",
        "{who} let dialling go on",
        "{campaign}: {turn} by {who}: {why}",
    ):
        assert said in told


async def test_a_draft_is_told_what_each_rule_takes_as_a_running_campaign_is(rows: Rows) -> None:
    """Before there are tasks its lists are asked, each number once."""
    own = rules("consent: [marketing]")

    async def told() -> Counter[Rule]:
        found = await rows.db.read(lambda session: forecast_campaign(session, "campaign 1", own.policy, NOW))
        assert found.contacts == CONTACTS
        return found.decides

    def undo(session: Session) -> None:
        session.execute(delete(Task))
        session.execute(update(FlowVersion).values(source=load_flow(library.path("callback", "en")).document))
        session.get_one(Campaign, 1).state = CampaignState.DRAFT
        session.add(_opt_out(1))
        session.add(CampaignList(campaign_id=1, list_id=1))
        session.add(Contact(list_id=1, phone=phone(2), source_id="twice", attributes={}))

    await rows.do(undo)
    before = await told()
    assert before == {Rule.DO_NOT_DISTURB: 1, Rule.NO_CONSENT: CONTACTS - 1}
    await rows.do(lambda session: session.execute(delete(Contact).where(Contact.source_id == "twice")))
    await rows.do(lambda session: take_in(session, own, NOW))
    assert await told() == before  # taken off at once, and counted all the same
