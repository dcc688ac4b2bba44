"""Every figure about customers and calls, counted twice on random campaigns: by the book in SQL, and one call
after the other from plain events. The second count knows no SQL: it asks of each call what it was."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from flows.values import Modality
from ivr.database import Database
from ivr.metrics.book import BOOK, metrics
from ivr.metrics.filters import Filter
from ivr.metrics.measure import Question, measure_all
from ivr.metrics.people_book import PEOPLE
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
    PaymentEvent,
    Segment,
    SegmentKind,
    SmsRating,
)
from trunk.ports import DialOutcome

from .conftest import NOW, at, new_books

pytestmark = pytest.mark.integration

LATER = NOW + timedelta(days=9)
WEEK_MIN = 7 * 24 * 60.0
OUTCOMES = (
    DialOutcome.ANSWERED,
    DialOutcome.ANSWERED,
    DialOutcome.VOICEMAIL,
    DialOutcome.BUSY,
    DialOutcome.FAILED,
)
QUESTIONS = ("rating", "agent_rating", "consent")


@dataclass
class Said:
    question: str
    value: str
    modality: Modality
    reaction_ms: int | None


@dataclass
class Event:
    """One try, and all that is known of it."""

    id: str
    minute: float
    outcome: DialOutcome
    talk_s: float
    by: HungUpBy
    intention: Intention
    grade: str | None
    pending: bool
    opted_out: bool
    disposition: str
    failed_over: bool
    abandoned: bool
    person: bool
    complained: bool
    words: list[ConfirmationState]
    said: list[Said]
    mark: int | None
    returned: bool = False  # the customer called back


@dataclass
class Customer:
    phone: str
    result: str | None
    month_full: bool
    paid_min: float | None
    calls: list[Event] = field(default_factory=list)


def campaign(seed: int) -> list[Customer]:
    dice = random.Random(seed)
    made = []
    for number in range(40):
        results = (None, None, None, "suspended", "invalid_number", "excluded", "last_months_success", "consented",
                   "removed_from_list")  # fmt: skip
        paid = dice.choice((None, None, dice.uniform(0, 600), dice.uniform(0, 3 * WEEK_MIN)))
        customer = Customer(f"+86138000000{number:02}", dice.choice(results), dice.random() < 0.2, paid)
        begins = sorted(dice.sample(range(1500), dice.randrange(4)))
        customer.calls = [_call(dice, f"{number} {at_}", at_) for at_ in begins]
        for one in customer.calls[1:]:
            one.returned = not one.failed_over and dice.random() < 0.3
        made.append(customer)
    return made


def _call(dice: random.Random, name: str, minute: float) -> Event:
    outcome = dice.choice(OUTCOMES)
    talks = outcome in {DialOutcome.ANSWERED, DialOutcome.VOICEMAIL}
    said = [
        Said(dice.choice(QUESTIONS), dice.choice("12345"), dice.choice(list(Modality)),
             dice.choice((None, -300, 0, 800)))
        for _ in range(dice.randrange(4) if talks else 0)
    ]  # fmt: skip
    return Event(
        id=name, minute=minute, outcome=outcome, talk_s=dice.choice((2.0, 4.5, 5.0, 60.0, 0.0)) if talks else 0.0,
        by=dice.choice(list(HungUpBy)), intention=dice.choice(list(Intention)),
        grade=dice.choice((None, *"ABCDEF")), pending=dice.random() < 0.25,
        opted_out=dice.random() < 0.1, disposition=dice.choice(("complaint", "consented", "declined")),
        failed_over=outcome is DialOutcome.FAILED and dice.random() < 0.5, abandoned=dice.random() < 0.2,
        person=talks and dice.random() < 0.3, complained=dice.random() < 0.1,
        words=dice.choices(list(ConfirmationState), k=dice.choice((0, 0, 1, 2))), said=said,
        mark=dice.choice((None, None, 1, 3, 4, 5)),
    )  # fmt: skip


def store(made: list[Customer], session: Session) -> None:
    books = new_books(session)
    for customer in made:
        task = books.contact(customer.phone, customer.result)
        if customer.month_full:
            books.add(ContactDecision(task_id=task.id, at=NOW, stage=DecisionStage.LEASE, verdict="later",
                                      detail={}, rule="month_full", policy_sha256="0" * 64))  # fmt: skip
        if customer.paid_min is not None:
            books.add(PaymentEvent(phone=customer.phone, paid_at=at(customer.paid_min), amount_cents=1, source="b",
                                   source_id=customer.phone, taken_at=at(customer.paid_min)))  # fmt: skip
        for one in customer.calls:
            books.call(one.id, customer.phone, one.minute, one.outcome, talk_s=one.talk_s, hung_up_by=one.by,
                       intention=one.intention, grade=one.grade, pending=one.pending, opted_out=one.opted_out,
                       disposition=one.disposition, failed_over=one.failed_over,
                       abandoned=one.abandoned, why=CallWhy.RETURN if one.returned else None)  # fmt: skip
            for number, said in enumerate(one.said, start=1):
                books.answer(one.id, number, said.question, said.value, modality=said.modality,
                             reaction_ms=said.reaction_ms)  # fmt: skip
            for word in one.words:
                books.add(Confirmation(attempt_id=one.id, state=word, by=ConfirmedBy.PERSON, who="ann", at=NOW))
            if one.person:
                books.add(Segment(attempt_id=one.id, number=1, kind=SegmentKind.AGENT, agent="1", started_at=NOW,
                                  ended_at=NOW))  # fmt: skip
            if one.complained:
                books.add(Complaint(phone=customer.phone, at=NOW, source="s", reference=one.id, purpose="*",
                                    attempt_id=one.id, created_at=NOW, created_by="ann"))  # fmt: skip
            if one.mark:
                books.add(SmsRating(attempt_id=one.id, rating=one.mark, at=NOW, who="ann"))


def won(one: Event) -> bool:
    """A success at first sight: whatever was said of it later was said of a success."""
    return one.intention is Intention.SUCCESS or one.pending or bool(one.words)


def stands(one: Event) -> bool:
    """Confirmed at last, or never in need of it."""
    if one.words:
        return one.words[-1] is ConfirmationState.CONFIRMED
    return one.intention is Intention.SUCCESS and not one.pending


def last_words(one: Event) -> list[Said]:
    return list({said.question: said for said in one.said}.values())


def counted(made: list[Customer]) -> dict[str, tuple[float, float | None]]:
    """Part and whole of each."""
    n: defaultdict[str, float] = defaultdict(float)
    slots = set()
    for customer in made:
        if customer.result != "removed_from_list":
            n["data"] += 1
            bad = customer.result in {"suspended", "invalid_number", "excluded", "last_months_success"}
            n["valid"] += not (bad or (customer.result is None and customer.month_full))
        calls = customer.calls
        n["dialled"] += bool(calls)
        n["reached"] += any(one.talk_s > 0 for one in calls)
        n["won"] += any(map(won, calls))
        n["won_confirmed"] += any(map(stands, calls))
        if calls and (LATER - at(calls[0].minute)) >= timedelta(days=7):
            n["known"] += 1
            paid = customer.paid_min
            n["paid"] += paid is not None and calls[0].minute <= paid < calls[0].minute + WEEK_MIN
        for one in calls:
            if not one.returned:
                slots.add(f"{at(one.minute):%Y-%m-%d %H:%M}"[:-1])
            _count(one, n)
    return {
        "customer_data_volume": (n["data"], None), "valid_number_rate": (n["valid"], n["data"]),
        "attempts": (n["tries"], None), "customers_dialled": (n["dialled"], None),
        "connected_calls": (n["talked"], None), "customers_reached": (n["reached"], None),
        "contact_rate": (n["reached"], n["dialled"]), "connection_rate": (n["got through"], n["tried"]),
        "returned_calls": (n["returned"], None), "returned_successes": (n["returned won"], None),
        "attempts_per_customer": (n["tried"], n["dialled"]), "talk_time": (n["talk_s"], None),
        "mean_talk_time": (n["talk_s"], n["talked"]), "calls_per_hour": (n["tried"], len(slots) / 6),
        "hang_ups_under_5_s": (n["short"], n["talked"]),
        "conversation_completion": (n["ended_by_us"], n["answered"]),
        "opt_out_rate": (n["talked_out"], n["talked"]), "opt_outs": (n["out"], None),
        "complaint_rate": (n["complaints"], n["talked"]), "successes": (n["successes"], None),
        "success_rate": (n["successes"], n["talked"]), "confirmed_successes": (n["confirmed"], None),
        "confirmed_success_rate": (n["confirmed"], n["talked"]), "contact_success_rate": (n["won"], n["reached"]),
        "customers_won": (n["won"], n["dialled"]), "customers_won_confirmed": (n["won_confirmed"], n["dialled"]),
        "rejected_successes": (n["rejected"], None), "pending_successes": (n["waiting"] - n["overdue"], None),
        "overdue_successes": (n["overdue"], None), "success_value": (n["successes"] ** 2, n["talked"]),
        "payment_rate_after_call": (n["paid"], n["known"]), "abandoned_rate": (n["left"], n["wanted of us"]),
        "transfer_answer_rate": (n["person"], n["wanted"]), "voice_satisfaction": (n["rating good"], n["rating"]),
        "agent_satisfaction": (n["agent_rating good"], n["agent_rating"]),
        "sms_satisfaction": (n["happy"], n["marks"]),
        "speech_share": (n["speech"], n["speech"] + n["keys"]), "prompt_completion": (n["after"], n["timed"]),
    }  # fmt: skip


def shared_out(made: list[Customer]) -> dict[str, Counter[tuple[str, ...]]]:
    """What a distribution has of each of its keys."""
    calls = [one for customer in made for one in customer.calls]
    last = [customer.calls[-1] for customer in made if customer.calls]
    said = [one for call in calls for one in last_words(call)]
    return {
        "outcomes": Counter((one.outcome.value,) for one in calls),
        "dispositions": Counter((one.disposition,) for one in last),
        "intentions": Counter((one.intention.value,) for one in last),
        "grades": Counter((one.grade or "",) for one in last),
        "answers": Counter((one.question, one.value) for one in said),
        "modalities": Counter((one.modality.value,) for one in said),
    }


def _count(one: Event, n: defaultdict[str, float]) -> None:
    talked = one.talk_s > 0
    n["tries"] += 1
    n["tried"] += not (one.failed_over or one.returned)
    n["got through"] += talked and not one.returned
    n["returned"] += one.returned
    n["returned won"] += one.returned and won(one)
    n["talked"] += talked
    n["talk_s"] += one.talk_s
    n["short"] += talked and one.talk_s < 5 and one.by is HungUpBy.CALLEE
    n["answered"] += one.outcome is DialOutcome.ANSWERED
    n["ended_by_us"] += one.outcome is DialOutcome.ANSWERED and one.by is HungUpBy.US
    n["out"] += one.opted_out
    n["talked_out"] += talked and one.opted_out
    n["complaints"] += talked and (one.complained or one.disposition == "complaint")
    n["successes"] += won(one)
    n["confirmed"] += stands(one)
    n["rejected"] += bool(one.words) and one.words[-1] is ConfirmationState.REJECTED
    waits = one.pending and not one.words
    n["waiting"] += waits
    n["overdue"] += waits and LATER - at(one.minute) - timedelta(seconds=5 + one.talk_s) > timedelta(days=7)
    n["left"] += one.abandoned and not one.returned
    n["person"] += one.person
    n["wanted"] += one.abandoned or one.person
    n["wanted of us"] += (one.abandoned or one.person) and not one.returned
    n["marks"] += one.mark is not None
    n["happy"] += one.mark is not None and one.mark >= 4
    for said in last_words(one):
        n[said.question] += 1
        n[f"{said.question} good"] += said.value in "45"
        n[said.modality.value] += 1
        n["timed"] += said.reaction_ms is not None
        n["after"] += said.reaction_ms is not None and said.reaction_ms >= 0


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_book_agrees_with_a_walk_along_the_calls(db: Database, seed: int) -> None:
    made = campaign(seed)
    await db.run(lambda session: store(made, session))
    expected = counted(made)
    question = Question(now=LATER, wanted=Filter(("November",)))
    found = await db.read(lambda session: measure_all(session, metrics(*expected), question))
    told = {name: (figure.part, figure.whole) for name, (figure,) in found.items()}
    for name, pair in expected.items():
        assert told[name] == pytest.approx(pair, abs=1e-6), name
    nothing = {name for name, (part, whole) in expected.items() if not part or whole == 0}
    assert nothing <= {"pending_successes"}  # else the comparison says nothing


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_figures_are_shared_out_to_is_what_the_calls_were(db: Database, seed: int) -> None:
    made = campaign(seed)
    await db.run(lambda session: store(made, session))
    expected = shared_out(made)
    question = Question(now=LATER, wanted=Filter(("November",)))
    found = await db.read(lambda session: measure_all(session, metrics(*expected), question))
    for name, counts in expected.items():
        assert {figure.keys: figure.part for figure in found[name]} == counts, name
        assert len(counts) > 1, name


def test_no_figure_of_calls_is_without_its_second_count() -> None:
    made = campaign(1)
    others = {one.name for one in BOOK} - {one.name for one in PEOPLE} - {*counted(made), *shared_out(made)}
    assert others == {"successes_per_person"}  # with those of people: test_people_figures.py
