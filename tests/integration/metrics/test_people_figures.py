"""Every figure about people, counted twice: by the book in SQL, and minute by minute from plain events.

Random days, some of them with a change of clocks, on both kinds of database. The second count knows no SQL, no
periods and no stretches: it walks along the time minute by minute and asks what was going on
(`people_counted`)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
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
from .people_counted import TIMES, Counted, by_calls, by_shifts, by_staff, by_talks, by_ticks, ticks
from .people_world import TICK_S, World, ended_at, finished, store, world

pytestmark = pytest.mark.integration
# Berlin goes back an hour on 25 October 2026, Lord Howe half an hour forward on 4 October.
WORLDS = [
    (1, "Asia/Shanghai", date(2026, 10, 30)), (2, "Europe/Berlin", date(2026, 10, 24)),
    (3, "Australia/Lord_Howe", date(2026, 10, 3)),
]  # fmt: skip


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
