"""Picking on both kinds of database: once, by the plan, with its reason; successes wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.confirmations import Word, confirm
from ivr.database import Database
from ivr.inspection import appeals, papers
from ivr.inspection.candidates import candidates
from ivr.inspection.errors import InspectionError
from ivr.inspection.files import shipped_plan
from ivr.inspection.picking import Taking, pick, take
from ivr.inspection.schema import PlanSpec
from ivr.inspection.scoring import Sheet, next_one, score
from ivr.inspection.successes import tell
from ivr.metrics.book import metric
from ivr.metrics.measure import Question, measure
from ivr.model import (
    Attempt,
    AuditEntry,
    CallScreen,
    Complaint,
    Confirmation,
    ConfirmationState,
    ConfirmedBy,
    Inspection,
    InspectionDocument,
    Intention,
    PickReason,
)
from tests.integration.inspection.conftest import DAY, MORNING, TOMORROW, furnish, who
from trunk.ports import DialOutcome

pytestmark = pytest.mark.integration

GOOD = {"greeting": 5, "identity": 5, "needs": None, "content": 10, "fees": 10, "objections": None, "tone": 5,
        "listening": 5, "wording": 5, "summary": 5, "goodbye": 5, "recorded": 5}  # fmt: skip


def a_day(session: Session) -> None:
    """Twelve calls of two agents, six of the robot in each campaign, machines, and one call of yesterday."""
    house = furnish(session)
    for n in range(12):
        house.call(f"a{n}", "Reminders", ("", 8), (f"100{n % 2 + 1}", 60), minutes=n)
    for n in range(6):
        house.call(f"r{n}", "Reminders", ("", 30), minutes=n)
        house.call(f"o{n}", "Offers", ("", 5), minutes=n)
    house.call("machine", "Offers", ("", 9), outcome=DialOutcome.VOICEMAIL)
    house.call("yesterday", "Offers", ("", 30), minutes=-24 * 60)
    session.add(CallScreen(attempt_id="r3", segment=1, agent="", at=MORNING, starts_s=0, seconds=30,
                           longest_silence_s=12, dead_air_s=12))  # fmt: skip
    session.add(Complaint(phone="+8613800000099", at=MORNING, source="12321", reference="1", purpose="*", note="",
                          attempt_id="a4", campaign_id=None, created_at=MORNING, created_by="x"))  # fmt: skip


async def test_the_plan_picks_once_whoever_runs_it(db: Database, fixed: datetime) -> None:
    await db.run(a_day)
    first, again = await asyncio.gather(pick(db, "cli:a", only=DAY), pick(db, "cli:b", only=DAY))
    third = await pick(db, "cli:c", only=DAY)

    def look(session: Session) -> None:
        rows = session.scalars(select(Inspection)).all()
        drawn = Counter(row.agent for row in rows if row.drawn)
        assert (drawn["1001"], drawn["1002"]) == (2, 2)
        assert drawn[""] == 4  # two of each campaign
        by_risk = {(row.attempt_id, row.agent): row for row in rows if row.reason is PickReason.RISK}
        complained = {(row.attempt_id, row.agent) for row in rows if "complaint" in row.why["signals"]}
        assert complained == {("a4", "1001"), ("a4", "")}  # each part of that call
        assert all(row.why["signals"] for row in by_risk.values())
        assert not {"machine", "yesterday"} & {row.attempt_id for row in rows}
        assert {row.plan_id for row in rows} == set(session.scalars(select(InspectionDocument.id).where(
            InspectionDocument.name == "default")))  # fmt: skip
        assert {row.team_id is None for row in rows if row.agent} == {False}

    await db.read(look)
    assert sum(first[0].picked.values()) + sum(again[0].picked.values()) >= 8
    assert not (first[0].picked and again[0].picked)  # one of the two wrote them
    assert not third[0].picked


async def test_signals_come_from_rows(db: Database) -> None:
    await db.run(a_day)
    found = await db.read(
        lambda session: {one.key: one.signals for one in candidates(session, shipped_plan(), DAY)}
    )
    assert found["r3", ""] == {"dead_air"}
    assert found["o1", ""] == {"short_call"}
    assert found["a1", "1002"] == frozenset()
    assert found["a4", "1001"] == {"complaint"}
    assert len(found) == 36  # each part once


def successes(session: Session) -> None:
    house = furnish(session)
    house.call("s1", "Offers", ("", 20), ("1001", 60), intention=Intention.SUCCESS, grade="A")
    house.call("s2", "Offers", ("", 20), intention=Intention.SUCCESS, grade="A")
    house.call("s3", "Offers", ("1003", 60), intention=Intention.SUCCESS, grade="A", recorded=False)
    house.call("said", "Offers", ("", 20), intention=Intention.SUCCESS, grade="A")
    confirm(session, Word("said", ConfirmationState.CONFIRMED, ConfirmedBy.SMS_REPLY, "cli:x"), MORNING)
    house.call("service", "Reminders", ("", 20), intention=Intention.SUCCESS, grade="A")


async def count(db: Database, name: str) -> float:
    question = Question(now=TOMORROW)
    return await db.read(lambda session: measure(session, metric(name), question)[0].part)


async def test_a_success_counts_when_its_inspection_says_so(db: Database, fixed: datetime) -> None:
    await db.run(successes)
    assert await count(db, "confirmed_successes") == 5
    found = await pick(db, "cli:x", only=DAY)
    assert found[0].held == 3
    assert (await pick(db, "cli:x", only=DAY))[0].held == 0
    assert (await count(db, "successes"), await count(db, "confirmed_successes")) == (5, 2)

    def score_all(session: Session) -> None:
        ann = who(session, "ann")
        rows = {row.attempt_id: row for row in session.scalars(select(Inspection).where(Inspection.gates))}
        assert {row.agent for row in rows.values()} == {"1001", "", "1003"}
        for row in rows.values():
            row.scorers = 1
        score(session, ann, rows["s1"].id, Sheet(GOOD), TOMORROW)
        score(session, ann, rows["s3"].id, Sheet(GOOD, ("rude",)), TOMORROW)  # rude, and yet sold
        marks = {"understood": 5, "asked_again": 5, "answered": 2, "clear": 5, "timing": 5, "person": None,
                 "goodbye": 5}  # fmt: skip
        score(session, ann, rows["s2"].id, Sheet(marks, ("no_consent",)), TOMORROW)

    await db.run(score_all)
    assert (await count(db, "successes"), await count(db, "confirmed_successes")) == (5, 4)

    def words(session: Session) -> None:
        said = dict(session.execute(select(Confirmation.attempt_id, Confirmation.state)
                                    .where(Confirmation.by == ConfirmedBy.INSPECTION)).all())  # fmt: skip
        assert said == {"s1": ConfirmationState.CONFIRMED, "s3": ConfirmationState.CONFIRMED,
                        "s2": ConfirmationState.REJECTED}  # fmt: skip
        assert session.get_one(Attempt, "s2").intention is Intention.DECLINED
        holds = select(func.count()).where(AuditEntry.action == "success.hold")
        assert session.scalar(holds) == 3

    await db.read(words)


async def test_an_appeal_gives_a_success_back(db: Database, fixed: datetime) -> None:
    await db.run(successes)
    await pick(db, "cli:x", only=DAY)

    def work(session: Session) -> None:
        row = session.scalars(select(Inspection).where(Inspection.attempt_id == "s1", Inspection.gates)).one()
        row.scorers = 1
        score(session, who(session, "ann"), row.id, Sheet(GOOD, ("misled",)), TOMORROW)
        assert session.get_one(Attempt, "s1").intention is Intention.DECLINED
        appeals.appeal(session, who(session, "wang"), row.id, "she knew the fee", TOMORROW)
        appeals.decide(session, who(session, "ben"), row.id, appeals.Decision("so it is", Sheet(GOOD)), TOMORROW)
        assert session.get_one(Attempt, "s1").intention is Intention.SUCCESS
        said = select(Confirmation.state).where(Confirmation.attempt_id == "s1").order_by(Confirmation.id)
        assert session.scalars(said).all() == [ConfirmationState.REJECTED, ConfirmationState.CONFIRMED]

    await db.run(work)


async def test_the_level_above_has_the_last_word_on_a_success(db: Database, fixed: datetime) -> None:
    await db.run(successes)
    await pick(db, "cli:x", only=DAY)

    def judge(session: Session, by: str, level: int, failed: tuple[str, ...]) -> None:
        row = take(session, who(session, by), Taking("s1", agent="1001", level=level), TOMORROW)
        row.scorers = 1
        score(session, who(session, by), row.id, Sheet(GOOD, failed), TOMORROW)

    def work(session: Session) -> None:
        judge(session, "ann", 1, ())
        assert session.get_one(Attempt, "s1").intention is Intention.SUCCESS
        judge(session, "boss", 2, ("misled",))
        assert session.get_one(Attempt, "s1").intention is Intention.DECLINED
        said = select(Confirmation.note).where(Confirmation.attempt_id == "s1").order_by(Confirmation.id.desc())
        above = session.scalars(select(Inspection.id).where(Inspection.level == 2)).one()
        assert session.scalars(said).first() == f"inspection {above}"
        first = session.scalars(select(Inspection).where(Inspection.attempt_id == "s1", Inspection.gates)).one()
        tell(session, first, "ann", TOMORROW)  # the first level's word comes again, and is no news
        assert session.get_one(Attempt, "s1").intention is Intention.DECLINED

    await db.run(work)


async def test_a_success_that_somebody_confirmed_meanwhile_isnt_held(db: Database, fixed: datetime) -> None:
    await db.run(successes)
    await db.run(lambda session: confirm(
        session, Word("s2", ConfirmationState.CONFIRMED, ConfirmedBy.PERSON, "cli:x"), TOMORROW))  # fmt: skip
    assert (await pick(db, "cli:x", only=DAY))[0].held == 2
    assert await count(db, "confirmed_successes") == 3


async def test_today_gives_successes_alone_and_the_draw_comes_when_the_day_is_over(db: Database) -> None:
    await db.run(successes)
    evening = MORNING + timedelta(hours=8)

    async def pick_at(now: datetime) -> Counter[PickReason]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(db.clock), "now", lambda self: now)
            return sum((one.picked for one in await pick(db, "cli:x")), Counter())

    assert await pick_at(evening) == {PickReason.SUCCESS: 3}
    assert (await pick_at(TOMORROW)).keys() == {PickReason.DAILY}
    with pytest.raises(InspectionError, match="hasn't begun yet"):
        await pick(db, "cli:x", only=DAY + timedelta(days=3650))


async def test_live_listening_counts_and_by_hand_only_what_may_be(db: Database, fixed: datetime) -> None:
    await db.run(a_day)

    def by_hand(session: Session) -> None:
        ann = who(session, "ann")
        for call in ("a0", "a2"):
            assert take(session, ann, Taking(call, live=True), TOMORROW).agent == "1001"
        assert take(session, ann, Taking("a0"), TOMORROW).reason is PickReason.LIVE  # it is there already
        above = take(session, who(session, "boss"), Taking("a0", level=2), TOMORROW)
        assert (above.level, above.reason) == (2, PickReason.BY_HAND)
        with pytest.raises(InspectionError, match="talked in this call themselves"):
            take(session, who(session, "lee"), Taking("a1", agent=""), TOMORROW)
        with pytest.raises(InspectionError, match="wang is agent"):
            take(session, who(session, "wang"), Taking("a1"), TOMORROW)
        with pytest.raises(InspectionError, match="1003 has no part"):
            take(session, ann, Taking("a1", agent="1003"), TOMORROW)
        with pytest.raises(InspectionError, match="no call nothing"):
            take(session, ann, Taking("nothing"), TOMORROW)

    await db.run(by_hand)
    await pick(db, "cli:x", only=DAY)
    drawn = await db.read(
        lambda session: Counter(session.scalars(select(Inspection.agent).where(Inspection.drawn)))
    )
    assert (drawn["1001"], drawn["1002"]) == (0, 2)


async def test_cards_and_plans_are_frozen_by_their_content(db: Database) -> None:
    def work(session: Session) -> None:
        plan = shipped_plan()
        other = PlanSpec.model_validate(plan.model_dump(by_alias=True) | {"seed": "2"})
        assert papers.plan_in_use(session, MORNING).spec == plan
        (one,) = papers.publish(session, [other], "x", MORNING + timedelta(hours=1))
        assert (one.version, papers.plan_in_use(session, MORNING).spec.seed) == (2, "2")
        (back,) = papers.publish(session, [plan], "x", MORNING + timedelta(hours=2))
        assert (back.version, papers.plan_in_use(session, MORNING).spec.seed) == (1, "")
        card = papers.card_in_use(session, "agent_call", MORNING)
        (same,) = papers.publish(session, [card.spec], "x", MORNING + timedelta(hours=3))
        assert (same.changed, same.version) == (False, 1)
        lost = plan.model_copy(update={"cards": plan.cards.model_copy(update={"bot": "none"})})
        with pytest.raises(InspectionError, match="There is no card none; there are: agent_call, bot_call"):
            papers.publish(session, [lost], "x", MORNING)
        assert session.scalar(select(func.count()).select_from(InspectionDocument)) == 3

    await db.run(work)


async def test_next_gives_successes_first_and_nobody_the_same_or_their_own(db: Database, fixed: datetime) -> None:
    await db.run(a_day)
    await db.run(lambda session: session.get_one(Attempt, "o5").__setattr__("intention", Intention.SUCCESS))
    await pick(db, "cli:x", only=DAY)

    def work(session: Session) -> None:
        first = next_one(session, who(session, "ann"), TOMORROW)
        assert first is not None
        assert (first.attempt_id, first.gates) == ("o5", True)
        assert next_one(session, who(session, "ann"), TOMORROW) is first
        second = next_one(session, who(session, "ben"), TOMORROW)
        assert second is not None
        assert second is not first
        with pytest.raises(InspectionError, match="ann is at inspection"):
            score(session, who(session, "ben"), first.id, Sheet({}), TOMORROW)
        later = TOMORROW + timedelta(hours=2)  # ann has gone home
        assert next_one(session, who(session, "cat"), later) is first

    await db.run(work)


async def test_an_agent_who_inspects_never_gets_their_own_calls(db: Database, fixed: datetime) -> None:
    await db.run(a_day)
    await pick(db, "cli:x", only=DAY)

    def work(session: Session) -> None:
        own = set(session.scalars(select(Attempt.id).where(Attempt.id.like("a%"))))
        own = {call for call in own if int(call[1:]) % 2}  # 1002's, whose user is lee
        seen = set()
        for _ in range(50):
            row = next_one(session, who(session, "lee"), TOMORROW)
            if row is None:
                break
            seen.add(row.attempt_id)
            row.claimed_until = row.claimed_by = None
            row.settled_at = TOMORROW
            session.flush()
        assert seen
        assert not seen & own
        left = session.scalars(select(Inspection.attempt_id).where(Inspection.settled_at.is_(None)))
        assert set(left) <= own

    await db.run(work)


async def test_a_clean_inspection_doesnt_give_back_what_the_customer_refused(
    db: Database, fixed: datetime
) -> None:
    await db.run(successes)
    await pick(db, "cli:x", only=DAY)

    def work(session: Session) -> None:
        confirm(session, Word("s1", ConfirmationState.REJECTED, ConfirmedBy.SMS_REPLY, "cli:x"), TOMORROW)
        row = session.scalars(select(Inspection).where(Inspection.attempt_id == "s1", Inspection.gates)).one()
        row.scorers = 1
        score(session, who(session, "ann"), row.id, Sheet(GOOD), TOMORROW)
        said = select(Confirmation.by).where(Confirmation.attempt_id == "s1")
        assert session.scalars(said).all() == [ConfirmedBy.SMS_REPLY]
        assert session.get_one(Attempt, "s1").intention is Intention.DECLINED

    await db.run(work)
    assert await count(db, "confirmed_successes") == 2
