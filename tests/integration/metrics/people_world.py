"""Random days of a small desk: plain events, and the rows that they become."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.model import (
    Agent,
    AgentState,
    AgentStateChange,
    Attempt,
    AttemptState,
    Campaign,
    Complaint,
    Confirmation,
    ConfirmationState,
    ConfirmedBy,
    FormerTeam,
    Handling,
    HandlingState,
    HungUpBy,
    Inspection,
    InspectionAppeal,
    InspectionDocument,
    InspectionDocumentKind,
    Intention,
    PickReason,
    QualityGrade,
    Segment,
    SegmentKind,
    Shift,
    SmsRating,
    Task,
    Team,
)
from tests.database_rig.campaigns import new_campaign
from trunk.ports import DialOutcome

S = AgentState
TICK_S = 60
OPPOSITE = {"excellent": "pass", "pass": "excellent"}
OWN = (S.READY, S.BUSY, S.REST, S.TRAINING, S.MEETING)


@dataclass(frozen=True)
class Person:
    number: str
    team: str | None
    hired_on: date
    left_on: date | None
    former: tuple[str | None, date] | None = None  # the team before, the last day in it

    def team_on(self, day: date) -> str:
        if self.former is not None and day <= self.former[1]:
            return self.former[0] or ""
        return self.team or ""


@dataclass(frozen=True)
class Changed:
    agent: str
    at: datetime
    state: AgentState
    call: str | None = None


@dataclass
class Call:
    id: str
    campaign: str
    customer: str
    started_at: datetime
    dialled_by: str | None = None
    talks: list[tuple[str, datetime, datetime]] = field(default_factory=list)  # agent, from, to
    talk_s: float = 0.0
    success: bool = False
    rejected: bool = False
    complained: bool = False
    sms: int | None = None
    inspected: list[tuple[str, str | None]] = field(default_factory=list)  # whose part, grade; None: not settled
    appealed: bool = False  # the agent doesn't accept the first level's score, and nobody has decided yet
    above: str = (
        ""  # of the second level for the agent's part, which finds the opposite: "open", "settled", "appealed"
    )


@dataclass(eq=False)
class World:
    zone: ZoneInfo
    since: datetime  # the first day's midnight
    until: datetime
    people: list[Person] = field(default_factory=list)
    changes: list[Changed] = field(default_factory=list)
    shifts: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


def world(seed: int, zone_name: str, first: date, days: int = 2) -> World:
    """`days` days of five agents, all moments at whole ticks."""
    dice = random.Random(seed)
    zone = ZoneInfo(zone_name)
    since, until = (
        _utc(datetime.combine(day, datetime.min.time(), zone)) for day in (first, first + timedelta(days))
    )
    made = World(zone, since, until)
    for number in range(5):
        hired = first + timedelta(days=dice.choice((-100, -1, 0, 1)))
        left = dice.choice((None, None, first + timedelta(days=dice.randrange(days)), first + timedelta(days=50)))
        team = (None, "north", "south")[number % 3]
        left = None if left and left < hired else left
        # Two of them move after the first day, one of these from no team at all:
        former = {1: ("south", first), 2: (None, first)}.get(number)
        made.people.append(Person(f"{1001 + number}", team, hired, left, former))
    for person in made.people:
        _plan(made, person.number, dice, first, days)
        _day(made, person.number, dice)
    return made


def _plan(made: World, agent: str, dice: random.Random, first: date, days: int) -> None:
    for day in range(-1, days):
        if dice.random() < 0.75:
            hour, length = dice.choice(((8, 4), (9, 9), (20, 8), (0, 3)))
            begin = datetime.combine(first + timedelta(days=day), datetime.min.time(), made.zone)
            begin = _utc(begin.replace(hour=hour))
            end = begin + timedelta(hours=length)
            if not any(one[0] == agent and one[1] < end and begin < one[2] for one in made.shifts):
                made.shifts.append((agent, begin, end))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo("UTC"))


def _day(made: World, agent: str, dice: random.Random) -> None:
    """From a little before the first midnight on: in and out, now and then a call."""
    at = made.since - timedelta(hours=dice.randrange(1, 8))
    end = made.until + timedelta(hours=2)
    signed_in = False

    def change(state: AgentState, call: str | None = None, longest_s: int = 5000) -> None:
        nonlocal at
        made.changes.append(Changed(agent, at, state, call))
        at += timedelta(seconds=TICK_S * dice.randrange(longest_s // TICK_S))

    while at < end:
        if not signed_in:
            change(S.SIGNED_IN, longest_s=600)
        elif dice.random() < 0.08:
            change(S.SIGNED_OUT, longest_s=40_000)
            signed_in = False
            continue
        elif dice.random() < 0.6:
            _call(made, agent, dice, change)
        else:
            change(dice.choice(OWN))
        signed_in = True
        if dice.random() < 0.1:
            change(S.AWAY, longest_s=300)


def _call(made: World, agent: str, dice: random.Random, change) -> None:  # type: ignore[no-untyped-def] # a closure
    began = made.changes[-1].at
    number = len(made.calls) + 1
    call = Call(f"call {number}", dice.choice(("spring", "autumn")), f"+8613800{number:06}", began)
    by_hand = dice.random() < 0.5
    change(S.DIALING if by_hand else S.RESERVED, call.id, 180)
    call.started_at = made.changes[-1].at
    call.dialled_by = agent if by_hand else None
    if dice.random() < 0.7:
        change(S.TALKING, call.id, 900)
        talked = made.changes[-1].at
        change(S.WRAP_UP, call.id, 300)
        ended = made.changes[-1].at
        if ended > talked:
            call.talks.append((agent, talked, ended))
            if dice.random() < 0.2:  # handed on to a colleague
                other = dice.choice([one.number for one in made.people if one.number != agent])
                ended += timedelta(seconds=60)
                call.talks.append((other, ended - timedelta(seconds=60), ended))
            call.talk_s = (ended - talked).total_seconds() + 7
            call.success = dice.random() < 0.4
            call.rejected = call.success and dice.random() < 0.3
            call.complained = dice.random() < 0.1
            call.sms = dice.choice((None, None, 2, 4, 5))
            if dice.random() < 0.4:
                call.inspected = [(who, dice.choice((None, "excellent", "pass"))) for who in ("", agent)]
                call.appealed = number % 3 == 0
                call.above = ("", "open", "settled", "appealed")[number % 4]
    change(S.READY, longest_s=400)
    made.calls.append(call)


def store(made: World, session: Session, known_until: datetime) -> None:
    """What had happened by then, as rows."""
    teams = {name: Team(name=name) for name in ("north", "south")}
    session.add_all(teams.values())
    session.flush()
    agents = {}
    for number, one in enumerate(made.people):
        agents[one.number] = Agent(
            number=one.number, name=f"agent {one.number}", phone=f"60{number}", hired_on=one.hired_on,
            team_id=teams[one.team].id if one.team else None, left_on=one.left_on,
        )  # fmt: skip
    session.add_all(agents.values())
    session.flush()
    for one in made.people:
        if one.former is not None:
            team, until = one.former
            session.add(FormerTeam(
                agent_id=agents[one.number].id, team_id=teams[team].id if team else None, until=until,
                entered_at=made.since, entered_by="ann",
            ))  # fmt: skip
    counts = dict.fromkeys(agents, 0)
    for row in made.changes:
        if row.at <= known_until:
            counts[row.agent] += 1
            session.add(AgentStateChange(
                agent_id=agents[row.agent].id, number=counts[row.agent], at=row.at, state=row.state,
                attempt_id=row.call, by="worker",
            ))  # fmt: skip
    session.add_all(
        Shift(agent_id=agents[agent].id, starts_at=begin, ends_at=end) for agent, begin, end in made.shifts
    )
    session.flush()
    _store_calls(made, session, known_until, agents)


def _store_calls(made: World, session: Session, known_until: datetime, agents: dict[str, Agent]) -> None:
    card = InspectionDocument(
        kind=InspectionDocumentKind.CARD, name="c", version=1, content_hash="0" * 64, source="{}",
        published_at=made.since, published_by="ann", in_use_since=made.since,
    )  # fmt: skip
    session.add(card)
    session.flush()
    calls = finished(made.calls, known_until)
    campaigns: dict[str, Campaign] = {}
    tasks: dict[str, Task] = {}
    for name in ("spring", "autumn"):
        some = [call.customer for call in calls if call.campaign == name]
        new = new_campaign(session, made.since, some, name=name, flow=name, timezone=made.zone.key)
        campaigns[name] = new.campaign
        tasks |= dict(zip(some, new.tasks, strict=True))
    for call in calls:
        task = tasks[call.customer]
        task.attempts = 1
        session.add(Attempt(
            id=call.id, task_id=task.id, campaign_id=task.campaign_id, number=1, phone=call.customer, path=[],
            state=AttemptState.ENDED, started_at=call.started_at, ended_at=ended_at(call),
            talk_ms=round(call.talk_s * 1000), hung_up_by=HungUpBy.US,
            outcome=DialOutcome.ANSWERED if call.talk_s else DialOutcome.NO_ANSWER,
            disposition="complaint" if call.complained and call.sms else None,
            intention=Intention.SUCCESS if call.success and not call.rejected else Intention.DECLINED,
        ))  # fmt: skip
    session.flush()
    ids = {team.name: team.id for team in session.scalars(select(Team))}
    for call in calls:
        session.add_all(
            Segment(attempt_id=call.id, number=number, kind=SegmentKind.AGENT, agent=agent, started_at=begin,
                    ended_at=end) for number, (agent, begin, end) in enumerate(call.talks, start=2)
        )  # fmt: skip
        if call.dialled_by:
            session.add(Handling(
                task_id=tasks[call.customer].id, campaign_id=campaigns[call.campaign].id, attempt_id=call.id,
                agent_id=agents[call.dialled_by].id, flow_version_id=campaigns[call.campaign].flow_version_id,
                state=HandlingState.DONE, began_at=call.started_at, ended_at=ended_at(call),
            ))  # fmt: skip
        _store_words(made, session, call, card.id, ids)
    session.flush()


def _store_words(made: World, session: Session, call: Call, card_id: int, teams: dict[str, int]) -> None:
    """What was said of a call afterwards."""
    people = {one.number: one for one in made.people}
    for who, grade in call.inspected:
        team = people[who].team if who else ""  # that they had been in another was entered later
        levels = [(1, grade, call.appealed)]
        if who and grade and call.above:
            levels.append((2, None if call.above == "open" else OPPOSITE[grade], call.above == "appealed"))
        for level, found, appealed in levels:
            row = Inspection(
                attempt_id=call.id, agent=who, day=call.started_at.date(), reason=PickReason.DAILY, level=level,
                card_id=card_id, team_id=teams.get(team or ""), picked_at=made.until,
                picked_by="plan", scorers=1, within=5.0, grade=found and QualityGrade(found),
                settled_at=made.until if found else None,
            )  # fmt: skip
            session.add(row)
            session.flush()
            if who and found and appealed:
                session.add(InspectionAppeal(inspection_id=row.id, by=who, at=made.until, reason="no"))
    if call.rejected:
        session.add(Confirmation(attempt_id=call.id, state=ConfirmationState.REJECTED,
                                 by=ConfirmedBy.INSPECTION, who="ann", at=made.until))  # fmt: skip
    if call.complained and not call.sms:
        session.add(Complaint(
            phone=call.customer, at=made.until, source="12321", reference=call.id, purpose="*",
            attempt_id=call.id, created_at=made.until, created_by="ann",
        ))  # fmt: skip
    if call.sms:
        session.add(SmsRating(attempt_id=call.id, rating=call.sms, at=made.until, who="ann"))


def ended_at(call: Call) -> datetime:
    return max((end for _, _, end in call.talks), default=call.started_at + timedelta(seconds=30))


def finished(calls: Sequence[Call], known_until: datetime) -> list[Call]:
    return [call for call in calls if ended_at(call) <= known_until]
