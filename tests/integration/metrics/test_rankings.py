"""Rankings from rows, on both kinds of database: the list is taken into account, and so is who was away."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.metrics.filters import Filter, MetricError
from ivr.metrics.measure import Question
from ivr.model import Agent, Intention, Segment, SegmentKind, Shift, Team
from ivr.report.ranking import Wanted, ranked, ranking_sheet
from trunk.ports import DialOutcome

from .conftest import NOW, Books, at, new_books

pytestmark = pytest.mark.integration

FIRST = date(2026, 1, 1)
QUESTION = Question(now=NOW + timedelta(days=20))


def fill(session: Session) -> None:
    """1001 called the easy list nearly always, 1002 the hard one; 1003 is as good on both, and was long away."""
    teams = [Team(name=name) for name in ("east", "west")]
    session.add_all(teams)
    session.flush()
    agents = [
        Agent(
            number=f"100{n}", name=f"name {n}", phone=f"60{n}", hired_on=date(2026, 1, 1), team_id=teams[n % 2].id
        )
        for n in (1, 2, 3)
    ]
    session.add_all(agents)
    session.flush()
    easy, hard = new_books(session, "easy"), new_books(session, "hard")
    for agent, many, few in (("1001", easy, hard), ("1002", hard, easy), ("1003", easy, hard)):
        _calls(many, agent, 50, 0.6 if many is easy else 0.2)
        _calls(few, agent, 10, 0.6 if few is easy else 0.2)
    session.add_all(
        Shift(agent_id=agents[2].id, starts_at=at(day * 1440), ends_at=at(day * 1440 + 60)) for day in range(5)
    )


def _calls(books: Books, agent: str, count: int, rate: float) -> None:
    for number in range(count):
        id_ = f"{books.campaign.name} {agent} {number}"
        phone = f"+86138{agent}{books.campaign.id}{number:03}"
        books.contact(phone)
        won = number < count * rate
        books.call(id_, phone, 1, DialOutcome.ANSWERED, intention=Intention.SUCCESS if won else Intention.DECLINED)
        books.add(Segment(attempt_id=id_, number=1, kind=SegmentKind.AGENT, agent=agent, started_at=at(1),
                          ended_at=at(2)))  # fmt: skip


async def test_rankings(db: Database) -> None:
    await db.run(fill)

    def work(session: Session) -> None:
        wanted = Wanted("success_rate", QUESTION)
        found = ranked(session, wanted)
        assert found.left_out == {"1003": 5}
        assert found.chance is not None
        assert [(one.name, one.rank, one.naive_rank, one.verdict) for one in found.chance.places] == [
            ("1001", 1, 1, "unclear"), ("1002", 1, 2, "unclear"),
        ]  # fmt: skip
        assert not found.chance.differs
        plain = ranked(session, replace(wanted, adjust=())).chance
        assert plain is not None and plain.differs  # noqa: PT018 the second is of the first
        assert [one.verdict for one in plain.places] == ["better", "worse"]
        three = ranked(session, replace(wanted, away_days=6)).chance
        assert three is not None and len(three.places) == 3  # noqa: PT018
        teams = ranked(session, replace(wanted, who="team")).chance
        assert teams is not None and {one.name for one in teams.places} == {"east", "west"}  # noqa: PT018
        of_one = ranked(
            session, replace(wanted, question=replace(QUESTION, wanted=Filter(("hard",))), away_days=6)
        )
        assert of_one.chance is not None and of_one.chance.together.whole == 50  # noqa: PT018 one with few is out
        sheet = ranking_sheet(found, "en")
        assert sheet.notes[0] == "No significant difference between any two: the order may be chance."
        assert sheet.rows[0][:4] == (1, "1–2", "1001", "name 1")
        value = ranked(session, Wanted("success_value", QUESTION))
        assert [(one.name, one.rank) for one in value.plain] == [("1001", 1), ("1002", 2)]
        assert "isn't known" in ranking_sheet(value, "en").notes[0]
        for metric, adjust, why in (
            ("turnover", (), "can't be told by agent"), ("outcomes", (), "can't be told by agent"),
            ("success_rate", ("moon",), "moon is no stratum"),
            ("excellence_rate", ("attempt",), "told by attempt"),
        ):  # fmt: skip
            with pytest.raises(MetricError, match=why):
                ranked(session, Wanted(metric, QUESTION, adjust=adjust))

    await db.read(work)


def called_twice(session: Session) -> None:
    """Customers who don't answer in the first hour; some do in the next."""
    session.add_all(
        Agent(number=f"100{n}", name=f"name {n}", phone=f"60{n}", hired_on=date(2026, 1, 1)) for n in (1, 2)
    )
    books = new_books(session)
    for agent, answers in (("1001", 25), ("1002", 20)):
        for number in range(40):
            phone = f"+86138{agent}{number:04}"
            books.contact(phone)
            for hour in (0, 1):
                answered = hour == 1 and number < answers
                id_ = f"{agent} {number} {hour}"
                books.call(id_, phone, 60 * hour + 1, DialOutcome.ANSWERED if answered else DialOutcome.NO_ANSWER)
                books.add(Segment(attempt_id=id_, number=1, kind=SegmentKind.AGENT, agent=agent,
                                  started_at=at(1), ended_at=at(2)))  # fmt: skip


async def test_a_customer_counts_once_however_often_they_were_called(db: Database) -> None:
    await db.run(called_twice)

    def work(session: Session) -> None:
        found = ranked(session, Wanted("contact_rate", QUESTION))
        assert found.adjusted_for == ("campaign",)
        assert found.chance is not None
        assert (found.chance.together.part, found.chance.together.whole) == (45, 80)
        assert ranked(session, Wanted("success_rate", QUESTION)).adjusted_for == ("campaign", "hour")
        for metric in ("contact_rate", "contact_success_rate", "customers_won"):
            for by in ("hour", "weekday", "attempt"):
                with pytest.raises(MetricError, match=f"{metric} counts customers, .* adjusted for {by}"):
                    ranked(session, Wanted(metric, QUESTION, adjust=("campaign", by)))

    await db.read(work)
