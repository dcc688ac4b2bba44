"""Every figure about people, counted twice: by the book in SQL, and minute by minute from plain events.

Random days, some of them with a change of clocks, on both kinds of database. The second count knows no SQL, no
periods and no stretches: it walks along the time minute by minute and asks what was going on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.metrics.book import metric, metrics
from ivr.metrics.filters import Filter, MetricError
from ivr.metrics.measure import Figure, Question, measure, measure_all, statement_text
from ivr.metrics.people_book import PEOPLE
from ivr.metrics.periods import periods
from ivr.metrics.stretches import Row, cut, stretches
from ivr.model import AgentState as S

from .conftest import new_books
from .people_world import OPPOSITE, TICK_S, Call, Person, World, ended_at, finished, store, world

pytestmark = pytest.mark.integration

TIMES = ("hour", "day", "weekday", "week", "month")
# Berlin goes back an hour on 25 October 2026, Lord Howe half an hour forward on 4 October.
WORLDS = [
    (1, "Asia/Shanghai", date(2026, 10, 30)), (2, "Europe/Berlin", date(2026, 10, 24)),
    (3, "Australia/Lord_Howe", date(2026, 10, 3)),
]  # fmt: skip
Counted = dict[str, dict[str, tuple[float, float | None]]]  # metric -> slice -> part, whole


@dataclass(frozen=True)
class Tick:
    """What an agent was at for the next minute."""

    agent: str
    team: str
    local: datetime
    state: S
    shift: tuple[datetime, datetime] | None
    attended: bool
    begins: int  # so many calls


SLICES: dict[str | None, Callable[[datetime, str, str], str]] = {
    None: lambda local, agent, team: "",
    "agent": lambda local, agent, team: agent,
    "team": lambda local, agent, team: team,
    "hour": lambda local, agent, team: f"{local.hour:02}",
    "day": lambda local, agent, team: f"{local.date()}",
    "weekday": lambda local, agent, team: str((local.weekday() + 1) % 7),
    "week": lambda local, agent, team: f"{local.date() - timedelta(days=local.weekday())}",
    "month": lambda local, agent, team: f"{local.year}-{local.month:02}",
}


def slice_of(by: str | None, local: datetime, agent: str, team: str) -> str:
    return SLICES[by](local, agent, team)


def team_on(made: World, agent: str, local: datetime) -> str:
    return next((one.team_on(local.date()) for one in made.people if one.number == agent), "")


@cache
def ticks(made: World, since: datetime, until: datetime) -> list[Tick]:
    found = []
    for person in made.people:
        rows = [one for one in made.changes if one.agent == person.number]
        shifts = [(begin, end) for agent, begin, end in planned(made) if agent == person.number]
        attended = {one: came(made, person.number, *one) for one in shifts}
        firsts: dict[str, int] = {}
        for index, one in enumerate(rows):
            if one.call and one.state in {S.DIALING, S.TALKING}:
                firsts.setdefault(one.call, index)
        at, index = since, -1
        while at < until:
            begins = 0
            while index + 1 < len(rows) and rows[index + 1].at <= at:
                index += 1
                begins += rows[index].at == at and firsts.get(rows[index].call or "") == index
            row = rows[index] if index >= 0 else None
            shift = next((one for one in shifts if one[0] <= at < one[1]), None)
            state = row.state if row else S.SIGNED_OUT
            local = at.astimezone(made.zone)
            found.append(Tick(person.number, person.team_on(local.date()), local, state, shift,
                              shift is not None and attended[shift], begins))  # fmt: skip
            at += timedelta(seconds=TICK_S)
    return found


def planned(made: World) -> list[tuple[str, datetime, datetime]]:
    """The shifts of those who were still there on the day on which they begin."""
    last = {one.number: one.left_on or date.max for one in made.people}
    return [one for one in made.shifts if one[1].astimezone(made.zone).date() <= last[one[0]]]


def came(made: World, agent: str, begin: datetime, end: datetime) -> bool:
    """Whether an agent was signed in at some time of a shift."""
    state = S.SIGNED_OUT
    for one in made.changes:
        if one.agent != agent or one.at >= end or one.at > made.until:
            continue
        if one.at > begin and one.state is not S.SIGNED_OUT:
            return True
        if one.at <= begin:
            state = one.state
    return state is not S.SIGNED_OUT


def by_ticks(made: World, by: str | None, until: datetime) -> Counted:
    sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for tick in ticks(made, made.since, until):
        if tick.state is S.SIGNED_OUT and tick.shift is None and not tick.begins:
            continue
        here = sums[slice_of(by, tick.local, tick.agent, tick.team)]
        here["calls"] += tick.begins
        here["scheduled"] += TICK_S * tick.attended
        here["planned"] += TICK_S * (tick.shift is not None)
        if tick.state is not S.SIGNED_OUT:
            here["in"] += TICK_S
            here["kept"] += TICK_S * (tick.shift is not None)
            here[tick.state] += TICK_S
    found: Counted = defaultdict(dict)
    for slice_, n in sums.items():
        idle = n[S.SIGNED_IN] + n[S.READY] + n[S.AWAY]
        open_ = n["in"] - n[S.BUSY] - n[S.REST] - n[S.TRAINING] - n[S.MEETING]
        for name, part, whole in (
            ("signed_in_time", n["in"], None), ("scheduled_time", n["scheduled"], None),
            ("adherence", n["in"], n["scheduled"]), ("plan_kept", n["kept"], n["planned"]),
            ("work_efficiency", n[S.DIALING] + n[S.TALKING], n["in"]), ("busy_rate", n[S.BUSY], n["in"]),
            ("idle_rate", idle, n["in"]), ("call_utilisation", n[S.TALKING], open_),
            ("busy_and_wrap_up_per_hour", n[S.BUSY] + n[S.WRAP_UP], n["in"] / 3600),
            ("agent_calls_per_hour", n["calls"], n["in"] / 3600),
        ):  # fmt: skip
            found[name][slice_] = (part, whole)
    return found


def by_shifts(made: World, by: str | None, until: datetime) -> Counted:
    days: defaultdict[str, dict[tuple[str, date], bool]] = defaultdict(dict)
    for agent, begin, end in planned(made):
        local = begin.astimezone(made.zone)
        if made.since <= begin < until:
            of = days[slice_of(by, local, agent, team_on(made, agent, local))]
            key = (agent, local.date())
            of[key] = of.get(key, False) or came(made, agent, begin, end)
    return {
        "attendance": {one: (sum(of.values()), len(of)) for one, of in days.items()},
        "days_absent": {one: (len(of) - sum(of.values()), None) for one, of in days.items()},
    }


def by_staff(made: World, by: str | None, until: datetime) -> Counted:
    first = made.since.astimezone(made.zone).date()
    last = (until - timedelta(seconds=1)).astimezone(made.zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    spans: defaultdict[str, list[date]] = defaultdict(list)
    for day in days:
        spans[slice_of(None if by == "team" else by, datetime.combine(day, datetime.min.time()), "", "")].append(
            day
        )
    found: Counted = {"staff": {}, "turnover": {}}
    for span, inside in spans.items():
        groups = {"", "north", "south"} if by == "team" else {span}
        for group in groups:

            def of_group(day: date) -> list[Person]:
                return [one for one in made.people if by != "team" or one.team_on(day) == group]  # noqa: B023 called here

            before = {one.number for one in of_group(inside[0]) if one.hired_on < inside[0]
                      and not (one.left_on and one.left_on < inside[0])}  # fmt: skip
            there = set(before)
            left = 0
            for day in inside:
                there &= {one.number for one in of_group(day)}
                there |= {one.number for one in of_group(day) if one.hired_on <= day}
                there -= {one.number for one in of_group(day) if one.left_on and one.left_on < day}
                gone = {one.number for one in of_group(day) if one.left_on == day} & there
                left += len(gone)
                there -= gone
            if before or there or left:
                found["staff"][group] = (len(there), None)
                found["turnover"][group] = (left, (len(before) + len(there)) / 2)
    return found


def by_calls(made: World, by: str | None, until: datetime, campaign: str | None) -> Counted:
    """Figures of calls, each put down to the agent who talked last, else to who dialled it."""
    sums: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    people: defaultdict[str, set[tuple[str, date]]] = defaultdict(set)
    for call in finished(made.calls, made.until):
        if not made.since <= call.started_at < until or (campaign and call.campaign != campaign):
            continue
        agent = call.talks[-1][0] if call.talks else call.dialled_by or ""
        local = call.started_at.astimezone(made.zone)
        slice_ = call.campaign if by == "campaign" else slice_of(by, local, agent, team_on(made, agent, local))
        here = sums[slice_]
        here["calls"] += 1
        here["talked"] += call.talk_s > 0
        here["success"] += call.success
        here["success_of"] += call.success and agent != ""
        here["complaints"] += call.complained
        here["rated"] += call.sms is not None
        here["satisfied"] += call.sms is not None and call.sms >= 4
        if agent:
            people[slice_].add((agent, local.date()))
    found: Counted = defaultdict(dict)
    for slice_, n in sums.items():
        for name, part, whole in (
            ("attempts", n["calls"], None), ("contact_rate", n["talked"], n["calls"]),
            ("success_rate", n["success"], n["talked"]), ("complaint_rate", n["complaints"], n["talked"]),
            ("success_value", n["success"] ** 2, n["talked"]),
            ("successes_per_person", n["success_of"], float(len(people[slice_]))),
        ):  # fmt: skip
            found[name][slice_] = (part, whole)
        if n["rated"]:
            found["sms_satisfaction"][slice_] = (n["satisfied"], n["rated"])
    return found


@cache
def works(made: World) -> dict[str, tuple[str, datetime, dict[S, float] | None]]:
    """Of each call with a talk: whose, since when, and what it took; None: its agent is still at it."""
    found: dict[str, tuple[str, datetime, dict[S, float] | None]] = {}
    for person in made.people:
        rows = [one for one in made.changes if one.agent == person.number and one.at <= made.until]
        for row, after in pairwise((*rows, None)):
            assert row is not None
            if row.call is None:
                continue
            agent, begin, spent = found.get(row.call, (person.number, None, defaultdict(float)))
            if begin is None and row.state is S.TALKING:
                begin = row.at
            if after is None:
                spent = None
            elif spent is not None:
                spent[row.state] += (after.at - row.at).total_seconds()
            found[row.call] = (agent, begin, spent)  # type: ignore[assignment] # those without a talk go below
    return {call: work for call, work in found.items() if work[1] is not None}


def by_talks(made: World, by: str | None, until: datetime, campaign: str | None) -> Counted:
    talks: defaultdict[str, list[float]] = defaultdict(list)
    handled: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    grades: defaultdict[str, list[bool]] = defaultdict(list)

    def put(call: Call, agent: str, begin: datetime) -> str | None:
        if not made.since <= begin < until or (campaign and call.campaign != campaign):
            return None
        local = begin.astimezone(made.zone)
        return call.campaign if by == "campaign" else slice_of(by, local, agent, team_on(made, agent, local))

    for call in finished(made.calls, made.until):
        for agent, grade in call.inspected:
            if grade and (slice_ := put(call, agent, call.started_at)) is not None:
                above = agent != "" and call.above in {"settled", "appealed"}  # then its judgement stands
                appealed = agent != "" and (call.above == "appealed" if above else call.appealed)
                grades[slice_] += [(OPPOSITE[grade] if above else grade) == "excellent"] * (not appealed)
        for agent, begin, end in call.talks:
            if (slice_ := put(call, agent, begin)) is not None:
                talks[slice_].append((end - begin).total_seconds())
        agent, begin, spent = works(made).get(call.id, ("", made.since, None))
        if spent is not None and (slice_ := put(call, agent, begin)) is not None:
            worked = spent[S.DIALING] + spent[S.TALKING] + spent[S.WRAP_UP]
            handled[slice_].append((worked, spent[S.WRAP_UP]))
    found: Counted = defaultdict(dict)
    for slice_, some in talks.items():
        found["agent_talks"][slice_] = (len(some), None)
        found["voice_time"][slice_] = (sum(some), None)
        found["mean_voice_time"][slice_] = (sum(some), len(some))
    for slice_, excellent in grades.items():
        if not excellent:  # an appeal is open against the only one
            continue
        found["inspected"][slice_] = (len(excellent), None)
        found["excellence_rate"][slice_] = (sum(excellent), len(excellent))
    for slice_, pairs in handled.items():
        found["mean_handling_time"][slice_] = (sum(one for one, _ in pairs), len(pairs))
        found["mean_wrap_up_time"][slice_] = (sum(one for _, one in pairs), len(pairs))
    return found


# ---- the two beside each other ------------------------------------------------------------------------------


def shown(figures: tuple[Figure, ...]) -> dict[str, tuple[float, float | None]]:
    """Slices with anything in them; without slices there is one figure even of nothing."""
    return {one.slice: (one.part, one.whole) for one in figures if one.slice or one.part or one.whole}


def same(found: dict[str, tuple[Figure, ...]], counted: Counted, what: object) -> None:
    for name, slices in counted.items():
        told = shown(found[name])
        wanted = {one: pair for one, pair in slices.items() if one or pair[0] or pair[1]}
        assert told.keys() == wanted.keys(), (name, what)
        for slice_, pair in wanted.items():
            assert told[slice_] == pytest.approx(pair, abs=0.05), (name, slice_, what)


Count = Callable[[World, str | None, datetime], Counted]
KINDS: dict[str, tuple[Count, tuple[str | None, ...]]] = {
    "time": (by_ticks, (None, "agent", "team", *TIMES)),
    "shifts": (by_shifts, (None, "agent", "team", *TIMES[1:])),
    "staff": (by_staff, (None, "team", "day", "week", "month")),
}


@pytest.mark.parametrize(("seed", "zone", "first"), WORLDS[1:])
async def test_the_book_agrees_with_a_walk_along_the_time(db: Database, seed: int, zone: str, first: date) -> None:
    made = world(seed, zone, first)
    cut = made.until - timedelta(hours=31)  # not at a border of a day
    await db.run(lambda session: store(made, session, made.until))

    def work(session: Session) -> None:
        for until in (made.until, cut):
            wanted = Filter(since=made.since, until=until)
            for count, slices in KINDS.values():
                for by in slices if until is made.until else (None, "hour" if count is by_ticks else "day"):
                    counted = count(made, by, until)
                    question = Question(now=made.until, wanted=wanted, by=by, zone=made.zone)
                    same(measure_all(session, metrics(*counted), question), counted, (by, until))

    await db.read(work)


@pytest.mark.parametrize(("seed", "zone", "first"), WORLDS[2:])
async def test_figures_of_calls_by_agent_and_team(db: Database, seed: int, zone: str, first: date) -> None:
    made = world(seed, zone, first)
    await db.run(lambda session: store(made, session, made.until))
    assert any(len(call.talks) == 2 for call in finished(made.calls, made.until))
    assert any(ended_at(call) > made.until for call in made.calls)
    settled = [
        call
        for call in finished(made.calls, made.until)
        if any(agent and grade for agent, grade in call.inspected)
    ]
    assert {call.above for call in settled} == {"", "open", "settled", "appealed"}
    assert any(call.appealed and call.above == "settled" for call in settled)

    def work(session: Session) -> None:
        for campaign in (None, "spring"):
            campaigns = (campaign,) if campaign else ()
            wanted = Filter(campaigns, since=made.since, until=made.until)
            for by in (None, "agent", "team", "campaign", *TIMES) if campaign is None else (None, "agent"):
                for count in (by_calls, by_talks):
                    counted = count(made, by, made.until, campaign)
                    question = Question(now=made.until, wanted=wanted, by=by, zone=made.zone)
                    same(measure_all(session, metrics(*counted), question), counted, (by, campaign))

    await db.read(work)


def test_no_figure_of_people_is_without_its_second_count() -> None:
    made = world(*WORLDS[2])
    counts = [count for count, _ in KINDS.values()]
    counts += [partial(count, campaign=None) for count in (by_calls, by_talks)]
    counted = set().union(*(count(made, None, made.until) for count in counts))
    assert {one.name for one in PEOPLE} - counted == {"agent_states"}  # below, state by state


def test_stretches_cut_at_periods_are_the_walk_along_the_time() -> None:
    made = world(*WORLDS[1])
    walked: defaultdict[tuple[str, str], float] = defaultdict(float)
    for tick in ticks(made, made.since, made.until):
        walked[f"{tick.local.hour:02}", tick.state] += TICK_S * (tick.agent == "1001")
    rows = [Row(one.at, one.state, one.call) for one in made.changes if one.agent == "1001"]
    cut_up: defaultdict[tuple[str, str], float] = defaultdict(float)
    hours = periods(made.since, made.until, made.zone, "hour")
    for one in cut(stretches(rows, made.until), hours):
        cut_up[one.label, one.state] += one.seconds
    signed_in = {key: seconds for key, seconds in walked.items() if seconds and key[1] is not S.SIGNED_OUT}
    assert {key: seconds for key, seconds in cut_up.items() if key[1] is not S.SIGNED_OUT} == signed_in
    assert len(hours) == 49  # Berlin's clocks went back
    assert sum((one.ends - one.begins for one in hours), timedelta()) == made.until - made.since


async def test_states_add_up_to_the_time_signed_in(db: Database) -> None:
    made = world(*WORLDS[0])
    walked: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for tick in ticks(made, made.since, made.until):
        if tick.state is not S.SIGNED_OUT:
            walked[(tick.state.value,)] += TICK_S
    await db.run(lambda session: store(made, session, made.until))
    question = Question(now=made.until, wanted=Filter(since=made.since, until=made.until), zone=made.zone)

    def work(session: Session) -> None:
        found = measure_all(session, PEOPLE, question)
        assert "signed_out" not in {one.keys[0] for one in found["agent_states"]}
        assert sum(one.part for one in found["agent_states"]) == pytest.approx(found["signed_in_time"][0].part)
        assert {one.keys: one.part for one in found["agent_states"]} == pytest.approx(dict(walked))
        north = measure(session, metric("signed_in_time"), replace(question, wanted=Filter(teams=("north",))))
        by_team = measure(session, metric("signed_in_time"), replace(question, wanted=Filter(), by="team"))
        assert north[0].part == pytest.approx({one.slice: one.part for one in by_team}["north"])
        one = measure(session, metric("signed_in_time"), replace(question, by="agent"))[0]
        alone = measure(session, metric("signed_in_time"), replace(question, wanted=Filter(
            agents=(one.slice,), since=made.since, until=made.until)))  # fmt: skip
        assert alone[0].part == pytest.approx(one.part)

    await db.read(work)


@pytest.mark.parametrize("name", ["work_efficiency", "mean_handling_time", "mean_wrap_up_time"])
async def test_a_calls_rows_are_looked_up_by_the_call(tmp_path: Path, name: str) -> None:
    """Looked up among their agent's they'd take minutes in a year's rows: time would grow with their square."""
    db = Database(f"sqlite:///{tmp_path / 'a.db'}")
    await db.upgrade()
    question = Question(now=datetime(2026, 11, 20, tzinfo=UTC))

    def plan(session: Session) -> list[str]:
        sql = re.sub(r":[a-z_]+", "NULL", statement_text(session, metric(name), question))
        return [row.detail for row in session.execute(text(f"EXPLAIN QUERY PLAN {sql}"))]

    of_calls = [
        line for line in await db.read(plan) if line.startswith("SEARCH b ") and "(agent_id=? AND at" not in line
    ]
    await db.close()
    assert of_calls
    assert all("ix_agent_state_change_attempt_id" in line for line in of_calls), of_calls


async def test_what_cant_be_asked_of_people_is_said(db: Database) -> None:
    async def ask(name: str, by: str | None = None, **wanted: tuple[str, ...]) -> None:
        made = world(*WORLDS[0])
        question = Question(now=made.until, wanted=Filter(**wanted), by=by)  # type: ignore[arg-type] # of tuples
        await db.read(lambda session: measure(session, metric(name), question))

    await db.run(lambda session: new_books(session).campaign.id)
    with pytest.raises(MetricError, match="agents' time can't be told by campaign"):
        await ask("work_efficiency", "campaign")
    with pytest.raises(MetricError, match="agents' time can't be told by campaign"):
        await ask("work_efficiency", campaigns=("November",))
    with pytest.raises(MetricError, match="staff can't be told by agent"):
        await ask("turnover", "agent")
    with pytest.raises(MetricError, match="no agent 9999"):
        await ask("attempts", agents=("9999",))
    with pytest.raises(MetricError, match="no team nowhere"):
        await ask("attempts", teams=("nowhere",))
