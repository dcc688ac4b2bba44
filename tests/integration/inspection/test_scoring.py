"""Scores and disputes, what is shown of them, and their figures against naive sums, on both kinds of database."""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.i18n import translate
from ivr.inspection import appeals, faults, figures, playlists
from ivr.inspection.errors import InspectionError
from ivr.inspection.picking import Taking, take
from ivr.inspection.scoring import Sheet, mark, next_one, score, scores_for
from ivr.inspection.views import Wanted, lines, whole
from ivr.metrics.statistics import Share, wilson
from ivr.model import Example, Inspection, InspectionScore, InspectionState, QualityGrade, ScoreRole
from tests.integration.inspection.conftest import DAY, TOMORROW, furnish, who
from tests.integration.inspection.sheets import FULL, LATER, POOR, picked, run, sheet

pytestmark = pytest.mark.integration


async def test_two_who_agree_come_to_their_mean_and_neither_sees_the_other_before(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session, scorers=2)
        ann, ben = who(session, "ann"), who(session, "ben")
        score(session, ann, row.id, sheet(), TOMORROW)
        assert row.state is InspectionState.OPEN
        assert row.score is None
        assert scores_for(session, ben, row) == []
        assert [found.who for found in scores_for(session, ann, row)] == ["ann"]
        with pytest.raises(InspectionError, match="ann has scored this call already, in inspection 1"):
            score(session, ann, row.id, sheet(), TOMORROW)
        score(session, ben, row.id, sheet(greeting=4), LATER)
        assert (row.state, row.grade) == (InspectionState.SETTLED, QualityGrade.EXCELLENT)
        assert row.score == pytest.approx((100 + 98.5) / 2)
        assert len(scores_for(session, None, row)) == 2
        with pytest.raises(InspectionError, match="is settled; agents may appeal"):
            score(session, who(session, "cat"), row.id, sheet(), LATER)

    await run(db, work)


async def test_two_who_dont_agree_are_followed_by_a_third(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session, scorers=2)
        score(session, who(session, "ann"), row.id, sheet(), TOMORROW)
        score(session, who(session, "ben"), row.id, Sheet(POOR), TOMORROW)
        assert row.state is InspectionState.DISPUTED
        with pytest.raises(InspectionError, match="has scored"):
            score(session, who(session, "ben"), row.id, sheet(), TOMORROW)
        score(session, who(session, "cat"), row.id, sheet(("rude",)), LATER)
        assert (row.score, row.grade, row.failed) == (0.0, QualityGrade.FAIL, ["rude"])
        roles = [found.role for found in scores_for(session, None, row)]
        assert roles == [ScoreRole.FIRST, ScoreRole.SECOND, ScoreRole.THIRD]

    await run(db, work)


async def test_nobody_scores_their_own_call_or_twice_whatever_the_code_does(db: Database) -> None:
    def own(session: Session) -> None:
        row = picked(session, agent="1002")
        with pytest.raises(InspectionError, match="lee talked in this call themselves"):
            score(session, who(session, "lee"), row.id, sheet(), TOMORROW)
        with pytest.raises(InspectionError, match="lee talked in this call themselves"):
            mark(session, who(session, "lee"), row.id, Example.GOOD, None, TOMORROW)
        with pytest.raises(InspectionError, match="wang is agent: inspectors"):
            score(session, who(session, "wang"), row.id, sheet(), TOMORROW)
        score(session, who(session, "ann"), row.id, sheet(), TOMORROW)

    await run(db, own)

    def twice(session: Session) -> None:
        first = session.scalars(select(InspectionScore)).one()
        more: dict[str, Any] = {"marks": {}, "failed": [], "score": 1, "grade": QualityGrade.FAIL, "at": TOMORROW}
        session.add(InspectionScore(inspection_id=first.inspection_id, number=2, role=ScoreRole.SECOND, who="ann",
                                    **more))  # fmt: skip
        session.flush()

    with pytest.raises(IntegrityError):
        await run(db, twice)


async def test_the_level_above_is_somebody_else(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session)
        ann, boss = who(session, "ann"), who(session, "boss")
        score(session, ann, row.id, sheet(), TOMORROW)
        above = take(session, ann, Taking("a", level=2), TOMORROW)
        above.scorers = 1
        with pytest.raises(InspectionError, match="ann has scored this call already, in inspection 1"):
            score(session, ann, above.id, Sheet(POOR), TOMORROW)
        assert next_one(session, ann, TOMORROW) is None
        assert next_one(session, boss, TOMORROW) is above
        score(session, boss, above.id, Sheet(POOR), TOMORROW)
        assert (row.grade, above.state) == (QualityGrade.EXCELLENT, InspectionState.SETTLED)
        (line,) = figures.quality(session, "agent", None, None)  # one recording, judged by the level above
        assert (line.name, line.inspected, line.excellent, line.failed) == ("1001", 1, 0, 1)
        appeals.appeal(session, who(session, "wang"), above.id, "no", TOMORROW)
        assert figures.quality(session, "agent", None, None) == []  # nobody knows yet
        robot = take(session, ann, Taking("a", agent=""), TOMORROW)  # another part of the call
        assert next_one(session, ann, TOMORROW) is robot

    await run(db, work)


def a_month(session: Session) -> list[tuple[str, str, str, float, QualityGrade]]:
    """Inspected calls: agent, team, campaign, points, grade."""
    house = furnish(session)
    ann = who(session, "ann")
    kept = []
    for n in range(24):
        agent = ("1001", "1002", "1003", "")[n % 4]
        name = ("Offers", "Reminders")[n % 2]
        house.call(f"c{n}", name, *((("", 30),) if not agent else (("", 5), (agent, 40))), minutes=n)
        row = take(session, ann, Taking(f"c{n}", agent=agent), TOMORROW)
        row.scorers = 1
        if agent:
            marks = FULL if n % 3 else POOR
        else:
            marks = {"understood": 10, "asked_again": 5, "answered": n % 11, "clear": 5, "timing": 5,
                     "person": None, "goodbye": 5}  # fmt: skip
        score(session, ann, row.id, Sheet(marks, ("rude",) if n == 5 else ()), TOMORROW)
        if n % 5 == 0 and agent:
            faults.note(session, ann, row.id, faults.Found("fees"), TOMORROW)
        team = "north" if agent in ("1001", "1002") else figures.NO_TEAM if agent else ""
        assert row.score is not None
        assert row.grade is not None
        kept.append((agent, team, name, row.score, row.grade))
    house.call("open", "Offers", ("1001", 40))
    take(session, ann, Taking("open"), TOMORROW)  # not scored: counts nowhere
    return kept


async def test_figures_agree_with_sums_by_hand(db: Database) -> None:
    def work(session: Session) -> None:
        kept = a_month(session)
        since, until = figures.month_of("2026-11")
        for by, column in (("agent", 0), ("team", 1), ("campaign", 2)):
            found = {line.name: line for line in figures.quality(session, by, since, until)}  # type: ignore[arg-type]  # of WAYS
            assert found.keys() == {row[column] for row in kept}
            for name, line in found.items():
                rows = [row for row in kept if row[column] == name]
                excellent = sum(row[4] is QualityGrade.EXCELLENT for row in rows)
                assert (line.inspected, line.excellent) == (len(rows), excellent)
                assert line.failed == sum(row[4] is QualityGrade.FAIL for row in rows)
                assert line.mean_score == pytest.approx(sum(row[3] for row in rows) / len(rows))
                assert line.interval == wilson(Share(excellent, len(rows)))
        (month,) = figures.quality(session, "month", None, None)
        assert (month.name, month.inspected, month.faults) == ("2026-11", 24, 4)
        assert figures.quality(session, "agent", *figures.month_of("2026-12")) == []
        assert figures.month_of("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))
        assert len(lines(session, Wanted(), TOMORROW)) == 1
        assert len(lines(session, Wanted(settled=True, agent="1001"), TOMORROW)) == 6

    await run(db, work)


async def test_agreement_is_of_calls_that_two_scored(db: Database) -> None:
    def work(session: Session) -> None:
        house = furnish(session)
        given = [(5, 5), (5, 4), (3, 3), (0, 5), (4, 4), (5, 5)]
        for n, (one, other) in enumerate(given):
            house.call(f"d{n}", "Offers", ("1001", 60), minutes=n)
            row = take(session, who(session, "cat"), Taking(f"d{n}"), TOMORROW)
            row.scorers = 2
            by = ("ann", "ben") if n % 2 else ("ben", "ann")
            score(session, who(session, by[0]), row.id, sheet(greeting=one), TOMORROW)
            score(session, who(session, by[1]), row.id, sheet(("rude",) if n == 3 else (), greeting=other), LATER)
        found = {point.name: point for point in figures.agreements(session)}
        apart = sum((one - other) ** 2 for one, other in given) / 6
        chance = sum((one - other) ** 2 for one, _ in given for _, other in given) / 36
        assert found["greeting"].agreement.kappa == pytest.approx(1 - apart / chance)
        assert found["rude"].agreement.observed == pytest.approx(5 / 6)
        assert found[""].agreement.calls == 6
        assert "needs" not in found  # it never applied
        assert {point.agreement.calls for point in figures.agreements(session, pair=("ann", "ben"))} == {6}
        assert figures.agreements(session, pair=("ann", "cat")) == []
        assert figures.agreements(session, until=DAY) == []

    await run(db, work)


async def test_playlists_have_marked_calls_first_and_are_filled_by_score(db: Database, tmp_path: Path) -> None:
    def work(session: Session) -> list[playlists.Entry]:
        a_month(session)
        ann = who(session, "ann")
        rows = {row.attempt_id: row for row in session.scalars(select(Inspection))}
        mark(session, ann, rows["c2"].id, Example.GOOD, "=listens,\nthen asks", TOMORROW)
        mark(session, ann, rows["c0"].id, Example.BAD, None, TOMORROW)
        asked = playlists.Asked(*figures.month_of("2026-11"), fill=2, language="zh-CN")
        return playlists.entries(session, asked)

    found = await db.run(work)
    names = [(entry.example, entry.marked, entry.file) for entry in found]
    assert names[0] == (Example.GOOD, True, "c2.flac")
    assert (Example.BAD, True, "c0.flac") in names
    assert [entry.example for entry in found] == [Example.GOOD] * 2 + [Example.BAD] * 2
    assert found[3].grade is QualityGrade.FAIL
    playlist, table = playlists.write(found, tmp_path / "out", tmp_path, translate)
    text = playlist.read_text("utf-8").splitlines()
    assert text[0] == "#EXTM3U"
    assert len(text) == 1 + 2 * len(found)
    assert text[2] == str(tmp_path / "c2.flac")
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == [entry.file for entry in found]
    assert rows[0]["note"].startswith("'=")  # no formula for whoever opens it
    # No customer's number; the folder's own name may have any digits.
    assert "138" not in table.read_text("utf-8-sig").replace(str(tmp_path), "")


async def test_what_is_shown_before_and_after(db: Database, fixed: datetime) -> None:
    def work(session: Session) -> None:
        row = picked(session)
        faults.note(session, who(session, "ann"), row.id, faults.Found("fees"), fixed)
        assert whole(session, who(session, "ben"), row.id, fixed).faults == []
        assert len(whole(session, who(session, "ann"), row.id, fixed).faults) == 1
        before = whole(session, who(session, "ben"), row.id, fixed)
        assert (before.file, before.line.team, before.scores) == ("a.flac", "north", [])
        points = {name: (title, most) for name, title, most, _ in before.points("zh-CN")}
        assert points["fees"][1] == 10
        assert points["misled"][1] is None
        score(session, who(session, "ann"), row.id, sheet(), fixed)
        assert len(whole(session, None, row.id, fixed).scores) == 1
        assert len(whole(session, None, row.id, fixed).faults) == 1
        with pytest.raises(InspectionError, match="There is no inspection 99"):
            whole(session, None, 99, fixed)

    await run(db, work)
