"""Good books of one campaign's day, and a fault for every rule to plant into them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from ivr.metrics.invariants import Scope
from ivr.model import (
    Agent,
    AgentPresence,
    AgentState,
    AgentStateChange,
    Answer,
    Attempt,
    AttemptState,
    CampaignState,
    Delivery,
    DoNotDisturb,
    EmergencyStop,
    Engagement,
    EngagementState,
    HoldOut,
    Intention,
    Recording,
    TaskState,
)
from ivr.policy.policy import policy_of
from ivr.policy.schema import PolicySpec
from trunk.ports import DialOutcome

from .conftest import NOW, Books, at, new_books

SCOPE = Scope(now=at(24 * 60), since=NOW - timedelta(days=1), longest_call_s=7200)
PHONES = [f"+861380000000{number}" for number in range(1, 7)]
POLICY = policy_of(
    PolicySpec.model_validate(
        {
            "schema": 1,
            "policy": "strict",
            "attempts": 2,
            "windows": [{"times": ["09:00-12:00"]}],
            "limits": {"per_5_minutes": 1, "per_day": 2, "per_30_days": 3},
            "engagements": {"per_month": 1, "purposes": ["service"]},
            "hold_out": {"draw": "autumn", "percent": 10},
        }
    )
)


def fill(session: Session) -> Books:
    """A campaign in good order: a success after a busy call, a refusal, somebody waiting, somebody held out."""
    books = new_books(session, policy=POLICY.document, starts_at=at(-60 * 24 * 60), ends_at=at(10 * 24 * 60))
    for phone, result in zip(PHONES[:4], ("consented", "declined", None, "held_out"), strict=True):
        books.contact(phone, result)
    books.call("a", PHONES[0], 0, DialOutcome.BUSY)
    books.call("b", PHONES[0], 20, DialOutcome.ANSWERED, intention=Intention.SUCCESS)
    books.call("c", PHONES[1], 1, DialOutcome.ANSWERED)
    books.answer("b", 1, "consent", "yes")
    books.add(
        _engaged(books, PHONES[0]),
        _engaged(books, PHONES[1]),
        HoldOut(draw="autumn", phone=PHONES[3], held_out=True, campaign_id=books.campaign.id, entered_at=at(-30)),
        HoldOut(draw="autumn", phone=PHONES[0], held_out=False, campaign_id=books.campaign.id, entered_at=at(-30)),
        *(_recorded(attempt_id) for attempt_id in ("b", "c")),
    )
    _work_a_day(books)
    return books


def _work_a_day(books: Books) -> None:
    for number in ("1001", "1002"):
        agent = Agent(number=number, name=number, phone=number, hired_on=NOW.date())
        books.add(agent)
        states = (AgentState.SIGNED_IN, AgentState.READY, AgentState.BUSY, AgentState.SIGNED_OUT)
        for count, state in enumerate(states, start=1):
            books.add(AgentStateChange(agent_id=agent.id, number=count, at=at(count), state=state, by=number))
        books.add(AgentPresence(agent_id=agent.id, state=states[-1], since=at(4), changes=4))


def _row(books: Books, number: int) -> AgentStateChange:
    wanted = select(AgentStateChange).where(AgentStateChange.number == number).order_by(AgentStateChange.id)
    found = books.session.scalars(wanted).first()
    assert found is not None
    return found


def _engaged(books: Books, phone: str, **more: Any) -> Engagement:
    values: dict[str, Any] = {
        "purpose": "service", "month": "2026-11", "state": EngagementState.COMMITTED,
        "changed_at": at(30),
    } | more  # fmt: skip
    return Engagement(task_id=books.tasks[phone].id, phone=phone, **values)


def _recorded(attempt_id: str) -> Recording:
    return Recording(
        attempt_id=attempt_id, file=f"{attempt_id}.flac", sha256="0" * 64, seconds=30, created_at=at(30)
    )


def _get(books: Books, attempt_id: str) -> Attempt:
    return books.session.get_one(Attempt, attempt_id)


def _called(books: Books, minutes: float, phone: str = PHONES[2], id_: str = "new", **more: Any) -> None:
    call = books.call(id_, phone, minutes, DialOutcome.NO_ANSWER, **more)
    if call.ended_at is None:
        call.outcome = None


def ended_without_outcome(books: Books) -> None:
    _get(books, "a").outcome = None


def another_campaigns_call(books: Books) -> None:
    other = new_books(books.session, "December")
    _get(books, "a").campaign_id = other.campaign.id


def another_count(books: Books) -> None:
    books.tasks[PHONES[0]].attempts = 3


def a_gap(books: Books) -> None:
    _get(books, "b").number = 3


def no_result(books: Books) -> None:
    books.tasks[PHONES[1]].result = None


def still_open(books: Books) -> None:
    _called(books, 60, ended_at=None, state=AttemptState.DIALING)


def two_live(books: Books) -> None:
    books.session.execute(text("DROP INDEX uq_attempt_live_phone"))
    minutes = 24 * 60 - 1
    for number in (1, 2):
        _called(
            books,
            minutes + number / 10,
            id_=f"live {number}",
            ended_at=None,
            state=AttemptState.DIALING,
        )


def old_lease(books: Books) -> None:
    task = books.tasks[PHONES[2]]
    task.state, task.lease_owner, task.lease_until = TaskState.LEASED, "pid 1", at(60)


def a_row_is_missing(books: Books) -> None:
    books.session.delete(_row(books, 2))


def back_in_time(books: Books) -> None:
    _row(books, 3).at = at(0)


def ready_without_signing_in(books: Books) -> None:
    _row(books, 1).state = AgentState.READY


def another_state_than_shown(books: Books) -> None:
    _row(books, 4).state = AgentState.REST


def rows_that_nobody_shows(books: Books) -> None:
    last = _row(books, 4)
    books.add(AgentStateChange(agent_id=last.agent_id, number=5, at=at(5), state=AgentState.SIGNED_IN, by="1001"))


def engaged_without_call(books: Books) -> None:
    books.add(_engaged(books, PHONES[2]))


def talked_for_free(books: Books) -> None:
    engagement = books.session.get_one(Engagement, books.tasks[PHONES[1]].id)
    engagement.state, engagement.changed_at = EngagementState.RELEASED, at(-5)


def reserved_for_good(books: Books) -> None:
    books.session.get_one(Engagement, books.tasks[PHONES[1]].id).state = EngagementState.RESERVED


def two_campaigns_in_a_month(books: Books) -> None:
    other = new_books(books.session, "December")
    other.contact(PHONES[0], "answered")
    other.call("d", PHONES[0], 60 * 30, DialOutcome.ANSWERED)
    books.add(_engaged(other, PHONES[0]))


def too_early(books: Books) -> None:
    _called(books, -61 + 60 - 60)  # one minute before nine


def within_five_minutes(books: Books) -> None:
    _called(books, 1)
    _called(books, 5.5, id_="again")


def third_today(books: Books) -> None:
    for minutes in (1, 11, 21):
        _called(books, minutes, id_=f"{minutes}", failed_over=False)


def fourth_in_thirty_days(books: Books) -> None:
    for day in (0, -9, -19, -29):
        _called(books, day * 24 * 60, id_=f"day {day}")


def one_attempt_too_many(books: Books) -> None:
    for day in (-2, -1, 0):
        _called(books, day * 24 * 60, id_=f"day {day}")


def opted_out_before(books: Books) -> None:
    books.add(DoNotDisturb(phone=PHONES[1], purpose="*", source="call", created_at=at(0)))


def held_out_called(books: Books) -> None:
    _called(books, 5, PHONES[3])


def after_the_end(books: Books) -> None:
    books.campaign.ends_at = at(19)


def before_the_start(books: Books) -> None:
    books.campaign.starts_at = at(0.5)


def after_finishing(books: Books) -> None:
    books.campaign.state, books.campaign.finished_at = CampaignState.FINISHED, at(10)


def while_stopped(books: Books) -> None:
    books.add(EmergencyStop(at=at(15), by="ann", why="fire", lifted_at=at(25), lifted_by="ann"))


def without_recording(books: Books) -> None:
    books.session.delete(books.session.scalars(select(Recording).where(Recording.attempt_id == "b")).one())
    _get(books, "b").started_at = at(2)


def stuck_delivery(books: Books) -> None:
    books.add(
        Delivery(sink="crm", event="result", task_id=books.tasks[PHONES[0]].id, payload={}, state="queued",
                 created_at=at(0), tries=1, next_at=at(60))
    )  # fmt: skip


def never_asked(books: Books) -> None:
    books.session.scalars(select(Answer)).one().node = "elsewhere"


FAULTS: list[tuple[str, Callable[[Books], None], int]] = [
    ("call_ends", ended_without_outcome, 1),
    ("call_of_campaign", another_campaigns_call, 1),
    ("attempts_counted", another_count, 1),
    ("attempts_counted", a_gap, 1),
    ("done_has_result", no_result, 1),
    ("open_too_long", still_open, 1),
    ("one_live_call", two_live, 1),
    ("lease_too_long", old_lease, 1),
    ("timelines", a_row_is_missing, 1),
    ("timelines", back_in_time, 1),
    ("timelines", ready_without_signing_in, 1),
    ("timelines", another_state_than_shown, 1),
    ("timelines", rows_that_nobody_shows, 1),
    ("engagements", engaged_without_call, 1),
    ("engagements", talked_for_free, 1),
    ("engagements", reserved_for_good, 1),
    ("month_full", two_campaigns_in_a_month, 1),
    ("window", too_early, 1),
    ("limits", within_five_minutes, 1),
    ("limits", third_today, 1),
    ("limits", fourth_in_thirty_days, 1),
    ("limits", one_attempt_too_many, 1),
    ("opted_out", opted_out_before, 1),
    ("held_out", held_out_called, 1),
    ("schedule", after_the_end, 1),
    ("schedule", before_the_start, 1),
    ("schedule", after_finishing, 1),
    ("stopped", while_stopped, 1),
    ("recorded", without_recording, 1),
    ("deliveries", stuck_delivery, 1),
    ("answers", never_asked, 1),
]
