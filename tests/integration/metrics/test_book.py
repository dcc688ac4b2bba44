"""Every metric against a database that was counted by hand, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from flows.values import Modality
from ivr.database import Database
from ivr.metrics.book import BOOK, metric
from ivr.metrics.filters import Filter, MetricError
from ivr.metrics.measure import Question, measure, measure_all, statement_text
from ivr.metrics.people_book import PEOPLE
from ivr.metrics.slices import SLICES
from ivr.model import (
    CallWhy,
    Complaint,
    Confirmation,
    ConfirmationState,
    ConfirmedBy,
    ContactDecision,
    DecisionStage,
    HungUpBy,
    Intention,
    Organisation,
    OrganisationLevel,
    PaymentEvent,
    Segment,
    SegmentKind,
    SmsRating,
)
from trunk.ports import DialOutcome

from .conftest import NOW, at, new_books

pytestmark = pytest.mark.integration

ANSWERED, BUSY, VOICEMAIL = DialOutcome.ANSWERED, DialOutcome.BUSY, DialOutcome.VOICEMAIL
DAYS_10 = 10 * 24 * 60.0
LATER = NOW + timedelta(days=9)

# value, by hand; see `fill`. The campaign has eight contacts; six were dialled in nine tries; five tries talked.
BY_HAND = {
    "customer_data_volume": 8,
    "valid_number_rate": 5 / 8,  # one suspended, one excluded, one whose month is used up
    "attempts": 9,
    "customers_dialled": 6,
    "connected_calls": 5,
    "customers_reached": 5,
    "contact_rate": 5 / 6,
    "connection_rate": 4 / 7,  # of the nine one was taken over by another trunk, one a call back
    "attempts_per_customer": 7 / 6,
    "returned_calls": 1,
    "talk_time": 40 + 4 + 30 + 20 + 10,
    "mean_talk_time": 104 / 5,
    "calls_per_hour": 7 / (3 / 6),  # three ten-minute slots in which we called
    "hang_ups_under_5_s": 1 / 5,
    "conversation_completion": 3 / 4,
    "opt_out_rate": 1 / 5,
    "opt_outs": 1,
    "complaint_rate": 1 / 5,
    "successes": 3,
    "returned_successes": 1,
    "success_rate": 3 / 5,
    "confirmed_successes": 1,
    "confirmed_success_rate": 1 / 5,
    "contact_success_rate": 3 / 5,
    "customers_won": 3 / 6,
    "customers_won_confirmed": 1 / 6,
    "rejected_successes": 1,
    "pending_successes": 0,
    "overdue_successes": 1,
    "success_value": 3 * 3 / 5,
    "payment_rate_after_call": 2 / 6,
    "abandoned_rate": 1 / 2,
    "transfer_answer_rate": 1 / 2,
    "voice_satisfaction": 1 / 2,
    "agent_satisfaction": 1,
    "sms_satisfaction": 1 / 2,
    "speech_share": 1 / 4,
    "prompt_completion": 1 / 2,
}
DISTRIBUTIONS = {
    "outcomes": {("answered",): 4, ("busy",): 2, ("failed",): 1, ("suspended",): 1, ("voicemail",): 1},
    "dispositions": {("consented",): 1, ("answered",): 2, ("offered",): 1, ("suspended",): 1, ("voicemail",): 1},
    "intentions": {("success",): 1, ("declined",): 1, ("strongly_interested",): 1, ("unreachable",): 3},
    "grades": {("A",): 1, ("",): 5},
    "answers": {
        ("consent", "yes"): 1,
        ("rating", "5"): 1,
        ("rating", "2"): 1,
        ("agent_rating", "4"): 1,
    },
    "modalities": {("keys",): 3, ("speech",): 1},
}


def fill(session: Session) -> None:
    books = new_books(session)
    phone = "+861380000000{}".format
    for number in range(1, 7):
        books.contact(phone(number), attributes={"tariff": "a" if number < 4 else "b"})
    books.contact(phone(7), "excluded", attributes={"tariff": "b"})
    books.contact(phone(9), "removed_from_list")
    waiting = books.contact(phone(8))
    books.add(_month_full(waiting.id))
    # 1: busy, then called back: a success. 2: hung up at once. 3: accepted, taken away by an inspection.
    # 4: accepted, nobody confirmed it. 5: a machine. 6: refused by the first trunk, suspended on the second; then
    # busy, before that.
    books.call("1a", phone(1), 0, BUSY, arm="x")
    books.call("1b", phone(1), 60, ANSWERED, talk_s=40, disposition="consented", intention=Intention.SUCCESS,
               grade="A", arm="x", trunk="north", why=CallWhy.RETURN)  # fmt: skip
    books.call("2", phone(2), 1, ANSWERED, talk_s=4, hung_up_by=HungUpBy.CALLEE, opted_out=True,
               intention=Intention.DECLINED)  # fmt: skip
    books.call("3", phone(3), 2, ANSWERED, talk_s=30, disposition="offered", pending=True,
               intention=Intention.STRONGLY_INTERESTED)  # fmt: skip
    books.call("4", phone(4), 60 + 11, ANSWERED, talk_s=20, pending=True, abandoned=True)
    books.call("5", phone(5), 60 + 12, VOICEMAIL, talk_s=10)
    books.call("6a", phone(6), 60 + 13, DialOutcome.FAILED, failed_over=True)
    books.call("6b", phone(6), 60 + 13, BUSY)
    books.call("6c", phone(6), 120, DialOutcome.SUSPENDED)
    for task in books.tasks.values():
        task.result = task.result or ("suspended" if task is books.tasks[phone(6)] else None)
    books.answer("1b", 1, "consent", "no")
    books.answer("1b", 2, "consent", "yes", modality=Modality.SPEECH, reaction_ms=-200)
    books.answer("1b", 3, "rating", "5", reaction_ms=700)
    books.answer("3", 1, "rating", "2")
    books.answer("3", 2, "agent_rating", "4")
    books.add(
        Segment(attempt_id="3", number=1, kind=SegmentKind.BOT, started_at=at(2), ended_at=at(2)),
        Segment(attempt_id="3", number=2, kind=SegmentKind.AGENT, agent="1001", started_at=at(2), ended_at=at(2)),
        _word("3", ConfirmationState.CONFIRMED), _word("3", ConfirmationState.REJECTED),
        SmsRating(attempt_id="1b", rating=5, at=at(90), who="ann"),
        SmsRating(attempt_id="2", rating=3, at=at(90), who="ann"),
        # 1 paid after the first call; 5 paid in time; 2 before it was called, 4 too late.
        *(_payment(phone(number), minutes) for number, minutes in
          ((1, 30), (5, 2 * 60), (2, 0.5), (4, DAYS_10), (8, 5))),
        _complaint(phone(3), "3"), _complaint(phone(8), None),
    )  # fmt: skip


def _month_full(task_id: int) -> ContactDecision:
    return ContactDecision(
        task_id=task_id, at=NOW, stage=DecisionStage.LEASE, verdict="later", rule="month_full", detail={},
        policy_sha256="0" * 64,
    )  # fmt: skip


def _word(attempt_id: str, state: ConfirmationState) -> Confirmation:
    return Confirmation(attempt_id=attempt_id, state=state, by=ConfirmedBy.INSPECTION, who="ann", at=at(30))


def _payment(phone: str, minutes: float) -> PaymentEvent:
    return PaymentEvent(
        phone=phone,
        paid_at=at(minutes),
        amount_cents=1000,
        source="billing",
        source_id=phone,
        taken_at=at(minutes),
    )


def _complaint(phone: str, attempt_id: str | None) -> Complaint:
    return Complaint(
        phone=phone, at=at(180), source="12321", reference=phone, purpose="*", attempt_id=attempt_id,
        created_at=at(180), created_by="ann",
    )  # fmt: skip


QUESTION = Question(now=LATER)


async def test_every_metric_by_hand(db: Database) -> None:
    await db.run(fill)
    found = await db.read(lambda session: measure_all(session, BOOK, QUESTION))
    values = {name: figures[0].value for name, figures in found.items() if name in BY_HAND}
    assert values == pytest.approx(BY_HAND)
    assert found["successes_per_person"][0].value is None  # no agent of the desk had a call
    shares = {name: {one.keys: int(one.part) for one in found[name]} for name in DISTRIBUTIONS}
    assert shares == DISTRIBUTIONS
    of_people = {one.name for one in PEOPLE} | {"successes_per_person"}  # see test_people_figures
    assert {one.name for one in BOOK} == BY_HAND.keys() | DISTRIBUTIONS.keys() | of_people


async def test_nothing_to_divide_by_is_nothing_not_zero(db: Database) -> None:
    await db.run(lambda session: new_books(session).campaign.id)
    found = await db.read(lambda session: measure_all(session, BOOK, QUESTION))
    for name, figures in found.items():
        if metric(name).keys:
            assert figures == ()
        elif metric(name).whole is None:
            assert figures[0].value == 0, name
        else:
            assert figures[0].value is None, name


async def test_slices_in_the_campaigns_own_time(db: Database) -> None:
    await db.run(fill)

    async def by(name: str, slice_: str, **more: str) -> dict[str, float]:
        question = Question(
            now=LATER, wanted=Filter(("November",)), by=slice_, segment=more.get("segment", "prefix")
        )
        found = await db.read(lambda session: measure(session, metric(name), question))
        return {one.slice: one.part for one in found}

    assert await by("attempts", "hour") == {"10": 3, "11": 5, "12": 1}
    assert await by("attempts", "day") == {"2026-11-20": 9}
    assert await by("attempts", "weekday") == {"5": 9}
    assert await by("attempts", "week") == {"2026-11-16": 9}
    assert await by("attempts", "month") == {"2026-11": 9}
    assert await by("connected_calls", "attempt") == {"1": 4, "2": 1, "3": 0}
    assert await by("attempts", "arm") == {"": 7, "x": 2}
    assert await by("attempts", "grade") == {"": 8, "A": 1}
    assert await by("attempts", "trunk") == {"": 8, "north": 1}
    assert await by("attempts", "campaign") == {"November": 9}
    per_customer = Question(now=LATER, wanted=Filter(("November",)), by="trunk")
    found = await db.read(lambda session: measure(session, metric("attempts_per_customer"), per_customer))
    assert {one.slice: (one.part, one.whole) for one in found} == {"": (7, 6), "north": (0, 0)}, "one called back"
    assert await by("customer_data_volume", "segment", segment="tariff") == {"": 1, "a": 3, "b": 4}
    assert await by("connected_calls", "segment", segment="tariff") == {"a": 3, "b": 2}
    assert await by("connected_calls", "segment") == {"+86138": 5}


async def test_a_zone_whose_clocks_change(db: Database) -> None:
    def summer_and_winter(session: Session) -> None:
        books = new_books(session, timezone="Europe/Berlin")
        books.contact("+491510000001")
        # 25 October 2026: at 01:00 UTC the clock goes from 03:00 back to 02:00.
        change = (at(0).replace(month=10, day=25, hour=1, minute=0) - NOW) / timedelta(minutes=1)
        books.call("a", "+491510000001", change - 1, BUSY)
        books.call("b", "+491510000001", change, BUSY)
        books.call("c", "+491510000001", change + 60, BUSY)

    await db.run(summer_and_winter)
    question = Question(now=LATER, wanted=Filter(("November",)), by="hour")
    found = await db.read(lambda session: measure(session, metric("attempts"), question))
    assert {one.slice: one.part for one in found} == {"02": 2, "03": 1}


async def test_filters_and_organisations_with_all_below(db: Database) -> None:
    def places(session: Session) -> None:
        city = _place("city", OrganisationLevel.CITY, None)
        session.add(city)
        session.flush()
        halls = [_place(name, OrganisationLevel.HALL, city.id) for name in ("east", "west")]
        session.add_all(halls)
        session.flush()
        for hall in halls:
            books = new_books(session, hall.name, organisation_id=hall.id)
            books.contact(f"+86138000000{hall.id}0")
            books.call(f"{hall.name} 1", f"+86138000000{hall.id}0", 0, BUSY, arm="x")
        books.call("west 2", f"+86138000000{hall.id}0", 24 * 60, ANSWERED, arm="y")

    await db.run(places)

    async def count(wanted: Filter, by: str | None = None) -> dict[str, float]:
        found = await db.read(
            lambda session: measure(session, metric("attempts"), Question(now=LATER, wanted=wanted, by=by))
        )
        return {one.slice: one.part for one in found}

    assert await count(Filter(), "organisation") == {"city": 3, "east": 1, "west": 2}
    assert await count(Filter(organisation="city")) == {"": 3}
    assert await count(Filter(organisation="west")) == {"": 2}
    assert await count(Filter(("east",))) == {"": 1}
    assert await count(Filter(arm="y")) == {"": 1}
    assert await count(Filter(grade="A")) == {"": 0}
    assert await count(Filter(since=at(60))) == {"": 1}
    assert await count(Filter(until=at(60))) == {"": 2}


def _place(name: str, level: OrganisationLevel, parent: int | None) -> Organisation:
    return Organisation(name=name, level=level, parent_id=parent, created_at=NOW, created_by="ann")


async def test_what_cant_be_asked_is_said(db: Database) -> None:
    async def ask(name: str, question: Question) -> None:
        await db.read(lambda session: measure(session, metric(name), question))

    with pytest.raises(MetricError, match="customers can't be told by hour"):
        await ask("customer_data_volume", Question(now=NOW, by="hour"))
    with pytest.raises(MetricError, match="customers can't be told by arm"):
        await ask("customer_data_volume", Question(now=NOW, wanted=Filter(arm="x")))
    with pytest.raises(MetricError, match="there is no campaign nowhere"):
        await ask("attempts", Question(now=NOW, wanted=Filter(("nowhere",))))
    with pytest.raises(MetricError, match="there is no organisation nowhere"):
        await ask("attempts", Question(now=NOW, wanted=Filter(organisation="nowhere")))


async def test_every_metric_can_be_told_by_every_slice_of_its_rows(db: Database) -> None:
    await db.run(fill)

    def work(session: Session) -> None:
        for slice_ in SLICES:
            some = [one for one in BOOK if slice_ in one.relation.slices]
            measure_all(session, some, Question(now=LATER, by=slice_, segment="tariff"))

    await db.read(work)


async def test_the_statement_is_shown_as_it_runs(db: Database) -> None:
    sql = await db.read(lambda session: statement_text(session, metric("overdue_successes"), QUESTION))
    assert sql.startswith("SELECT '' AS slice, COUNT(*) FILTER (WHERE ")
    assert ("julianday(" if db.kind == "sqlite" else "EXTRACT(EPOCH") in sql
    assert "SECONDS(" not in sql
