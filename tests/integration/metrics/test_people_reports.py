"""The report on people: the book's figures, drawn from the same cells that it shows, safe whatever names are."""

from __future__ import annotations

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.cli.main import main
from ivr.database import Database
from ivr.metrics.filters import MetricError
from ivr.model import Agent
from ivr.model import AgentState as S
from ivr.report.build import ReportError
from ivr.report.people import PeopleReport, PeopleWanted, people_report
from ivr.report.people_sheets import PeopleSheets, write_people
from ivr.report.sheets_out import write_workbook

from .people_counted import by_calls, by_ticks
from .people_world import World, store, world

pytestmark = pytest.mark.integration

DAY = date(2026, 11, 17)


def made() -> World:
    return world(5, "Asia/Shanghai", DAY, days=1)


async def fill(db: Database, some: World) -> None:
    def work(session: Session) -> None:
        store(some, session, some.until)
        for agent in session.scalars(select(Agent)):
            agent.name = "=cmd <b>x</b>"

    await db.run(work)


async def report(db: Database, some: World, **more: object) -> PeopleReport:
    values: dict[str, object] = {"every": "day", "day": DAY, "now": some.until, "zone": some.zone} | more
    wanted = PeopleWanted(**values)  # type: ignore[arg-type]  # a test's own
    return await db.read(lambda session: people_report(session, wanted))


async def test_the_days_figures(db: Database) -> None:
    some = made()
    await fill(db, some)
    found = await report(db, some)
    calls, time = by_calls(some, "agent", some.until, None), by_ticks(some, "agent", some.until)
    there = [one for one in some.people if one.hired_on <= DAY and not (one.left_on and one.left_on < DAY)]
    assert {one.number for one in found.agents} == {one.number for one in there}
    for agent in found.agents:
        part, whole = time["work_efficiency"].get(agent.number, (0, 0))
        assert agent.figures.get("work_efficiency", 0) == pytest.approx(part / whole if whole else 0)
        assert agent.figures.get("attempts", 0) == calls["attempts"].get(agent.number, (0, None))[0]
        spans = found.strips[agent.number]
        talked = sum(one.seconds for one in spans if one.state in {S.DIALING, S.TALKING})
        assert talked == pytest.approx(part)
        assert all(one.ends == after.begins for one, after in pairwise(spans))
    ranks = sorted(one.ranks["work_efficiency"] for one in found.agents if "work_efficiency" in one.ranks)
    assert ranks[0] == 1
    assert sum(of.get("successes") or 0 for of in found.hours.values()) == found.together["successes"]
    assert found.variation is not None
    assert found.days == {}


async def test_a_week_of_one_team(db: Database) -> None:
    some = made()
    await fill(db, some)
    found = await report(db, some, every="week", teams=("north",))
    assert (found.first, found.last) == (date(2026, 11, 16), date(2026, 11, 22))
    assert list(found.teams) == ["north"]
    assert {one.team for one in found.agents} == {"north"}
    assert "2026-11-17" in found.days
    assert found.strips == {}
    with pytest.raises(MetricError, match="there is no team nowhere"):
        await report(db, some, teams=("nowhere",))
    with pytest.raises(ReportError, match="Nobody was employed from 2020-01-01 to 2020-01-01"):
        await report(db, some, day=date(2020, 1, 1), now=some.until + timedelta(days=1))


async def test_what_is_written(db: Database, tmp_path: Path) -> None:
    some = made()
    await fill(db, some)
    found = await report(db, some)
    told = PeopleSheets(found, "zh-CN")
    write_people(told, tmp_path / "day.html", "zh-CN", some.zone)
    page = (tmp_path / "day.html").read_text("utf-8")
    assert "<h1>坐席日报 2026-11-17</h1>" in page
    assert page.count("<svg") == 1 + sum(len(sheet.charts) for sheet in told.all())
    assert "<script" not in page
    assert "&lt;b&gt;x" in page
    assert "<b>x" not in page
    write_workbook(told.all(), tmp_path / "day.xlsx")
    book = load_workbook(tmp_path / "day.xlsx")
    assert book.sheetnames[:4] == ["班组", "坐席", "指标组合", "分时走势"]
    agents = book["坐席"]
    assert len(getattr(agents, "_charts")) == 2  # noqa: B009 openpyxl has no other way to ask
    heads = [cell.value for cell in agents[1]]
    rows = {row[0].value: row for row in agents.iter_rows(min_row=2)}
    assert {row[1].data_type for row in rows.values()} == {"s"}
    share = rows[found.agents[0].number][heads.index("工时效率")]
    assert (share.number_format, share.data_type) == ("0.0%", "n")


def test_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a user types it, on a database of their own."""
    import asyncio

    place = tmp_path / "ivr.db"

    async def prepare() -> None:
        database = Database(f"sqlite:///{place}")
        await database.upgrade()
        await fill(database, made())
        await database.close()

    asyncio.run(prepare())
    out = tmp_path / "day.json"
    main(["report", "people", "--day", f"{DAY}", "--db", str(place), "--json", str(out)])
    shown = capsys.readouterr().out
    assert "Written:" in shown
    assert json.loads(out.read_text("utf-8"))["first"] == "2026-11-17"
    main(["ranking", "teams", "--metric", "success_rate", "--adjust", "campaign", "--db", str(place)])
    assert "Teams by Success rate" in capsys.readouterr().out
    main(["metrics", "show", "work_efficiency", "--agent", "1001", "--by", "hour", "--db", str(place)])
    assert "Work efficiency" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["report", "people", "--day", f"{DAY}", "--week", f"{DAY}", "--db", str(place)])
    assert "Give one of --day, --week and --month." in capsys.readouterr().err
