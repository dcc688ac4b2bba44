"""Rosters and shift plans: taken as a whole or not at all, and again without doubling anything."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.findings import FlowLoadError
from ivr.database import Database
from ivr.desk import roster, shifts
from ivr.desk.errors import DeskError
from ivr.desk.former_teams import team_on, teams_between
from ivr.desk.presence import Change, choose, find
from ivr.desk.views import QueueView, day_of, everybody, queues, teams_of
from ivr.model import Agent, AgentState, AuditEntry, FormerTeam, Shift, Team

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 2, 1, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
ROSTER = """schema: 1
teams:
  north: {leader: 1001}
queues:
  retention: {priority: 3, promise_s: 20}
  complaints: {skill: english}
agents:
  1001: {name: 王芳, phone: 601, team: north, skills: {retention: 9}, hired_on: 2024-03-01}
  1002: {name: Li, phone: "+8613900000002", team: north, skills: {retention: 5, english: 3}, hired_on: 2025-06-01}
"""


async def take(db: Database, text: str = ROSTER) -> roster.Loaded:
    spec = roster.loads(text.encode())
    return await db.run(lambda session: roster.take(session, spec, "ann", NOW))


def plan(tmp_path: Path, *rows: str) -> tuple[shifts.Planned, ...]:
    path = tmp_path / "shifts.csv"
    path.write_text("\n".join(("agent,date,from,to", *rows)), encoding="utf-8")
    return shifts.read(path, ZONE)


async def test_a_roster_is_taken_once_and_then_only_its_changes(db: Database) -> None:
    assert await take(db) == roster.Loaded(added=4, changed=0, same=0)
    assert await take(db) == roster.Loaded(added=0, changed=0, same=4)
    assert await take(db, ROSTER.replace("english: 3", "english: 4")) == roster.Loaded(0, 1, 3)
    agents = await db.read(lambda session: everybody(session, NOW))
    assert [(one.number, one.team, one.skills, one.state) for one in agents] == [
        ("1001", "north", "retention 9", AgentState.SIGNED_OUT),
        ("1002", "north", "retention 5, english 4", AgentState.SIGNED_OUT),
    ]
    await db.run(lambda session: choose(session, find(session, "1002"), Change(AgentState.SIGNED_IN, "1002"), NOW))
    await db.run(lambda session: choose(session, find(session, "1002"), Change(AgentState.READY, "1002"), NOW))
    assert await db.read(queues) == (
        QueueView("retention", "retention", free=1, waiting=0),
        QueueView("complaints", "english", free=1, waiting=0),
    )
    begin, end = datetime(2026, 11, 1, 16, tzinfo=UTC), datetime(2026, 11, 2, 16, tzinfo=UTC)
    (ready,) = await db.read(lambda session: day_of(session, "1002", begin, end))  # signed in for no time at all
    assert (ready.state, ready.at, ready.until) == (AgentState.READY, NOW, end)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("team: north, skills: {retention: 9}", "team: nort", "<roster>:8:.*no team nort.*did you mean north"),
        ('"+8613900000002"', "601", "<roster>:9:.*agent 1001 has the same phone"),
        ("hired_on: 2024-03-01", "hired_on: 2024-03-01, left_on: 2024-02-01", "<roster>:8:.*is before hired_on"),
        ("skills: {retention: 9}", "skill: {retention: 9}", "<roster>:8:.*skill.*skills"),
        ("1001: {name", "A1: {name", "<roster>:8:"),
        ("schema: 1", "schema: 2", "<roster>:1:"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, said: str) -> None:
    assert old in ROSTER
    with pytest.raises(FlowLoadError, match=said):
        roster.loads(ROSTER.replace(old, new).encode())


async def test_a_roster_that_cannot_be_taken_leaves_nothing(db: Database) -> None:
    with pytest.raises(DeskError, match="no such agent"):
        await take(db, ROSTER.replace("leader: 1001", "leader: 1009"))
    with pytest.raises(DeskError, match="no organisation Nowhere"):
        await take(db, ROSTER.replace("leader: 1001", "organisation: Nowhere"))
    with pytest.raises(DeskError, match="no user wang"):
        await take(db, ROSTER.replace("name: Li", "name: Li, user: wang"))
    rows = await db.read(
        lambda session: [session.scalar(select(func.count(one.id))) for one in (Agent, AuditEntry)]
    )
    assert rows == [0, 0]


async def test_a_phone_rings_for_one_agent_whatever_file_they_stand_in(db: Database) -> None:
    await take(db)
    other = "schema: 1\nagents:\n  1003: {name: Zhao, phone: 601, hired_on: 2026-11-01}\n"
    with pytest.raises(DeskError, match=r"^Agent 1003 has the phone of agent 1001"):
        await take(db, other)
    await take(db, ROSTER.replace("hired_on: 2024-03-01", "hired_on: 2024-03-01, left_on: 2026-10-30"))
    assert (await take(db, other)).added == 1  # who has left needs none


async def test_who_works_here_is_shown_until_their_last_day_is_over_everywhere(db: Database) -> None:
    async def numbers(now: datetime) -> list[str]:
        return [one.number for one in await db.read(lambda session: everybody(session, now))]

    def wants(session: Session, state: AgentState, now: datetime) -> None:
        choose(session, find(session, "1001"), Change(state, "1001"), now)

    await take(db, ROSTER.replace("hired_on: 2024-03-01", "hired_on: 2024-03-01, left_on: 2026-11-20"))
    last_evening, day_after = (datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in (7, 13))
    assert await numbers(NOW) == await numbers(last_evening) == ["1001", "1002"]  # in America it is the 20th
    assert await numbers(day_after) == ["1002"]
    await db.run(lambda session: wants(session, AgentState.SIGNED_IN, last_evening))
    assert await numbers(day_after) == ["1001", "1002"]  # somebody has to sign them out
    await db.run(lambda session: wants(session, AgentState.SIGNED_OUT, day_after))
    with pytest.raises(DeskError, match="has left on 2026-11-20"):
        await db.run(lambda session: wants(session, AgentState.SIGNED_IN, day_after))


async def test_a_plan_replaces_its_days_and_nothing_else(db: Database, tmp_path: Path) -> None:
    await take(db)

    async def write(*rows: str) -> int:
        read = plan(tmp_path, *rows)
        return await db.run(lambda session: shifts.take(session, read, ZONE, "ann", NOW))

    assert (
        await write("1001,2026-11-02,09:00,18:00", "1001,2026-11-03,20:00,04:00", "1002,2026-11-02,09:00,12:00")
        == 0
    )
    assert await write("1001,2026-11-02,08:00,12:00", "1001,2026-11-02,13:00,17:00") == 1
    with pytest.raises(DeskError, match="Row 2: agent 1001 has another shift then"):
        await write("1001,2026-11-04,03:00,09:00")
    with pytest.raises(DeskError, match="Row 3: there is no agent 7"):
        await write("1002,2026-11-02,10:00,12:00", "7,2026-11-02,10:00,12:00")
    times = await db.read(
        lambda session: session.execute(
            select(Shift.starts_at, Shift.ends_at).order_by(Shift.agent_id, Shift.starts_at)
        ).all()
    )
    assert [f"{begin:%d %H:%M}-{end:%d %H:%M}" for begin, end in times] == [
        "02 00:00-02 04:00",
        "02 05:00-02 09:00",
        "03 12:00-03 20:00",  # over midnight, in Shanghai
        "02 01:00-02 04:00",
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("1001,2026-11-02,9,18:00",), "Row 2, from: 9 can't be read"),
        (("1001,02.11.2026,09:00,18:00",), "Row 2, date"),
        (("1001,2026-11-02,09:00",), "Row 2 has 3 cells instead of 4"),
        (("1001,2026-11-02,09:00,08:00",), "longer than 16 hours"),
        (("1001,2026-11-02,09:00,18:00", "1001,2026-11-02,17:00,19:00"), "Rows 2 and 3: the shifts of agent 1001"),
    ],
)
def test_a_plan_that_cannot_be_read_names_the_row(rows: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(DeskError, match=said):
        plan(tmp_path, *rows)


def test_a_file_that_is_no_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text("name,day\n", encoding="utf-8")
    with pytest.raises(DeskError, match="the first row must be agent,date,from,to, it is name,day"):
        shifts.read(path, ZONE)
    path.write_bytes("agent,date,from,to\n坐席".encode("gb18030"))
    with pytest.raises(DeskError, match="isn't UTF-8"):
        shifts.read(path, ZONE)
    with pytest.raises(DeskError, match="can't be read"):
        shifts.read(tmp_path / "none.csv", ZONE)


async def teams(db: Database, number: str = "1002") -> list[tuple[str, str, str | None]]:
    stays = await db.read(lambda session: teams_of(session, number))
    return [(f"{one.since}", f"{one.until or ''}", one.team) for one in stays]


MOVED = ROSTER.replace("  north: {leader: 1001}", "  north: {leader: 1001}\n  south: {}").replace(
    '"+8613900000002", team: north', '"+8613900000002", team: south'
)


def with_former(text: str) -> str:
    return MOVED.replace("team: south,", f"team: south, former_teams: {text},")


async def test_who_moves_was_in_the_old_team_until_yesterday(db: Database) -> None:
    await take(db)
    assert await teams(db) == [("2025-06-01", "", "north")]
    for _ in range(2):  # taken again, nothing is new
        await take(db, MOVED)
        assert await teams(db) == [("2025-06-01", "2026-11-01", "north"), ("2026-11-02", "", "south")]
    await take(db, MOVED.replace("team: south,", ""))  # again on that day
    assert await teams(db) == [("2025-06-01", "2026-11-01", "north"), ("2026-11-02", "", None)]


async def test_a_roster_says_since_when_and_is_believed_the_last_time(db: Database) -> None:
    await take(db)
    march = with_former("[{team: north, until: 2026-03-14}]")
    assert await take(db, march) == roster.Loaded(added=0, changed=1, same=3)
    assert await take(db, march) == roster.Loaded(added=0, changed=0, same=4)
    assert await take(db, MOVED) == roster.Loaded(added=0, changed=0, same=4)  # says nothing: what was said stays
    assert await teams(db) == [("2025-06-01", "2026-03-14", "north"), ("2026-03-15", "", "south")]
    for until in ("2026-03-20", "2026-03-09"):  # put right, later and earlier
        await take(db, with_former(f"[{{team: north, until: {until}}}]"))
        for day, team in (("2026-03-09", "north"), ("2026-03-21", "south"), (until, "north")):
            assert await team_name(db, date.fromisoformat(day)) == team
    assert await team_name(db, date(2026, 3, 14)) == "south"
    rows = await db.read(lambda session: session.scalar(select(func.count(FormerTeam.id))))
    assert rows == 5  # nothing was taken away
    shown = await db.read(lambda session: teams_between(session, date(2026, 3, 1), date(2026, 3, 31)))
    assert sorted(shown.values()) == [("north",), ("north", "south")]


async def test_a_team_that_never_was_theirs_is_put_right_at_once(db: Database) -> None:
    await take(db)
    assert await take(db, with_former("[]")) == roster.Loaded(added=0, changed=1, same=3)
    assert await teams(db) == [("2025-06-01", "", "south")]
    assert await team_name(db, date(2026, 3, 1)) == "south"
    await take(db, with_former("[{until: 2026-03-14}]"))  # now with what was before it
    assert await teams(db) == [("2025-06-01", "2026-03-14", None), ("2026-03-15", "", "south")]
    north = with_former("[]").replace("team: south, former", "team: north, former")
    assert await take(db, north) == roster.Loaded(added=0, changed=1, same=3)
    assert await team_name(db, date(2026, 3, 1)) == "north"
    assert await take(db, north) == roster.Loaded(added=0, changed=0, same=4)


async def team_name(db: Database, day: date) -> str | None:
    """Of agent 1002."""

    def work(session: Session) -> str | None:
        return session.scalar(select(Team.name).where(Team.id == team_on(session, find(session, "1002"), day)))

    return await db.read(work)


async def test_former_teams_that_cannot_be(db: Database) -> None:
    await take(db)
    with pytest.raises(DeskError, match="1002, former_teams: 2026-11-02 isn't over yet"):
        await take(db, with_former("[{team: north, until: 2026-11-02}]"))
    with pytest.raises(DeskError, match="1002 was in another team until now: add it to former_teams"):
        await take(db, with_former("[{until: 2026-03-14}]"))
    for text, said in (
        ("[{team: west, until: 2026-03-14}]", "there is no team west"),
        ("[{team: north, until: 2026-03-14}, {until: 2026-03-14}]", "stand in their order"),
        ("[{team: north, til: 2026-03-14}]", "til"),
    ):
        with pytest.raises(FlowLoadError, match=said):
            roster.loads(with_former(text).encode())
    assert await teams(db) == [("2025-06-01", "", "north")]
