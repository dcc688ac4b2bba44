"""What follows from a score: faults, actions, appeals, on both kinds of database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.desk.presence import find
from ivr.inspection import appeals, faults, figures, playlists
from ivr.inspection.errors import InspectionError
from ivr.inspection.picking import Taking, take
from ivr.inspection.scoring import Sheet, score, scores_for
from ivr.inspection.views import Wanted, lines
from ivr.model import ActionState, AppealState, AuditEntry, FaultOf, FormerTeam, QualityGrade, ScoreRole, Team
from tests.integration.inspection.conftest import DAY, TOMORROW, who
from tests.integration.inspection.sheets import LATER, POOR, picked, run, sheet

pytestmark = pytest.mark.integration


async def test_faults_count_for_the_person_or_the_leader_of_the_team(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session)
        ann = who(session, "ann")
        own = faults.note(session, ann, row.id, faults.Found("fees", at_s=12.5), TOMORROW)
        common = faults.note(session, ann, row.id, faults.Found("misled", FaultOf.TEAM), TOMORROW)
        assert (own.of, own.agent, common.agent) == (FaultOf.PERSON, "1001", "1002")
        assert figures.faults_by_person(session, DAY, None) == {}  # it isn't settled yet
        score(session, ann, row.id, sheet(), TOMORROW)
        assert figures.faults_by_person(session, DAY, None) == {
            "1001": {FaultOf.PERSON: 1},
            "1002": {FaultOf.TEAM: 1},
        }
        lines_of = figures.quality(session, "agent", None, None)
        assert [(line.name, line.inspected, line.faults) for line in lines_of] == [("1001", 1, 1), ("1002", 0, 1)]
        with pytest.raises(InspectionError, match="has no point fee"):
            faults.note(session, ann, row.id, faults.Found("fee"), TOMORROW)
        with pytest.raises(InspectionError, match="is of a person"):
            faults.note(session, ann, row.id, faults.Found("fees", FaultOf.FLOW), TOMORROW)
        robot = take(session, ann, Taking("a", agent=""), TOMORROW)
        assert faults.note(session, ann, robot.id, faults.Found("clear"), TOMORROW).of is FaultOf.FLOW
        with pytest.raises(InspectionError, match="is of the robot"):
            faults.note(session, ann, robot.id, faults.Found("clear", FaultOf.TEAM), TOMORROW)

    await run(db, work)


async def test_a_point_that_two_note_counts_once(db: Database) -> None:
    """Two who score a call don't see each other's faults; the level above notes what the first noted."""

    def work(session: Session) -> None:
        row = picked(session, scorers=2)
        ann, ben, boss = (who(session, name) for name in ("ann", "ben", "boss"))
        for person_ in (ann, ben):
            faults.note(session, person_, row.id, faults.Found("fees"), TOMORROW)
            score(session, person_, row.id, sheet(), TOMORROW)
        faults.note(session, ben, row.id, faults.Found("misled"), TOMORROW)
        counted = {"1001": {FaultOf.PERSON: 2}}  # fees, misled
        assert figures.faults_by_person(session, None, None) == counted
        above = take(session, boss, Taking("a", level=2), TOMORROW)
        above.scorers = 1
        same = faults.note(session, boss, above.id, faults.Found("fees", FaultOf.TEAM), TOMORROW)
        assert figures.faults_by_person(session, None, None) == counted  # that one isn't settled
        score(session, boss, above.id, sheet(), TOMORROW)
        counted = {"1001": {FaultOf.PERSON: 1}, "1002": {FaultOf.TEAM: 1}}  # whose it is, the level above says
        assert figures.faults_by_person(session, None, None) == counted
        for by in figures.WAYS:
            assert sum(line.faults for line in figures.quality(session, by, None, None)) == 2
        same.withdrawn_at = LATER
        assert figures.faults_by_person(session, None, None) == {"1001": {FaultOf.PERSON: 2}}

    await run(db, work)


async def test_what_was_inspected_follows_a_move_that_was_entered_late(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session)
        south, away = Team(name="south", leader="1003"), Team(name="away")
        session.add_all((south, away))
        session.flush()
        agent, ann = find(session, "1001"), who(session, "ann")
        stays = ((away.id, DAY - timedelta(days=1)), (away.id, DAY), (south.id, DAY), (None, DAY + timedelta(3)))
        for team_id, until in stays:  # of those for one day the newest counts
            entered = {"entered_at": TOMORROW, "entered_by": "boss"}
            session.add(FormerTeam(agent_id=agent.id, team_id=team_id, until=until, **entered))
        score(session, ann, row.id, sheet(), TOMORROW)
        assert faults.note(session, ann, row.id, faults.Found("fees", FaultOf.TEAM), TOMORROW).agent == "1003"
        (figure,) = figures.quality(session, "team", None, None)
        assert (figure.name, figure.inspected, figure.faults) == ("south", 1, 1)
        assert [line.team for line in lines(session, Wanted(settled=True), TOMORROW)] == ["south"]
        for team, count in (("south", 1), ("north", 0), (None, 1)):
            asked = playlists.Asked(*figures.month_of("2026-11"), team=team)
            assert [entry.team for entry in playlists.entries(session, asked)] == ["south"] * count

    await run(db, work)


async def test_a_team_without_a_leader_has_no_common_faults(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session, agent="1003")
        with pytest.raises(InspectionError, match="Agent 1003 is in no team with a leader"):
            faults.note(session, who(session, "ann"), row.id, faults.Found("fees", FaultOf.TEAM), TOMORROW)

    await run(db, work)


async def test_an_action_is_done_by_its_owner_and_looked_at_by_somebody_else(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session)
        ann, wang, lee, boss = (who(session, name) for name in ("ann", "wang", "lee", "boss"))
        fault = faults.note(session, ann, row.id, faults.Found("fees"), TOMORROW)
        due = TOMORROW.date() + timedelta(days=3)
        action = faults.open_action(session, ann, faults.Opening("say the fee", "1001", due, fault.id), TOMORROW)
        with pytest.raises(InspectionError, match="is open: it can't become done and looked at"):
            faults.change_action(session, boss, action.id, ActionState.VERIFIED, None, TOMORROW)
        faults.change_action(session, wang, action.id, ActionState.DONE, "practised", TOMORROW)
        with pytest.raises(InspectionError, match="wang is agent"):
            faults.change_action(session, wang, action.id, ActionState.VERIFIED, None, TOMORROW)
        faults.change_action(session, boss, action.id, ActionState.OPEN, "not in call 7", LATER)
        faults.change_action(session, lee, action.id, ActionState.DONE, None, LATER)
        with pytest.raises(InspectionError, match="Somebody else than lee"):
            faults.change_action(session, lee, action.id, ActionState.VERIFIED, None, LATER)
        assert figures.actions(session, "1001") == [action]
        faults.change_action(session, boss, action.id, ActionState.VERIFIED, None, LATER)
        assert figures.actions(session) == []
        assert figures.actions(session, all_of_them=True) == [action]
        kept = select(func.count()).where(AuditEntry.subject == f"action {action.id}")
        assert session.scalar(kept) == 5
        with pytest.raises(InspectionError, match="no agent or user 1009"):
            faults.open_action(session, ann, faults.Opening("x", "1009", due), TOMORROW)
        with pytest.raises(InspectionError, match="is over"):
            faults.open_action(session, ann, faults.Opening("x", "1001", date(2026, 1, 1)), TOMORROW)

    await run(db, work)


async def test_an_appeal_is_decided_by_somebody_else_and_its_score_counts(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session)
        ann, ben, wang, lee = (who(session, name) for name in ("ann", "ben", "wang", "lee"))
        with pytest.raises(InspectionError, match="isn't settled yet"):
            appeals.appeal(session, wang, row.id, "wrong", TOMORROW)
        score(session, ann, row.id, sheet(("misled",)), TOMORROW)
        fault = faults.note(session, ann, row.id, faults.Found("misled"), TOMORROW)
        with pytest.raises(InspectionError, match="ended on 2026-11-26"):
            appeals.appeal(session, wang, row.id, "late", TOMORROW + timedelta(days=5, minutes=1))
        appeals.appeal(session, wang, row.id, "she asked for it", LATER)
        with pytest.raises(InspectionError, match="appealed against already"):
            appeals.appeal(session, lee, row.id, "again", LATER)
        decision = appeals.Decision("heard again", sheet(greeting=3), (fault.id,))
        with pytest.raises(InspectionError, match="ann scored inspection 1 or wrote the appeal"):
            appeals.decide(session, ann, row.id, decision, LATER)
        settled_at = row.settled_at
        assert appeals.decide(session, ben, row.id, decision, LATER).state is AppealState.UPHELD
        assert (row.score, row.grade, row.failed) == (97.0, QualityGrade.EXCELLENT, [])
        assert row.settled_at == settled_at
        history = [(found.who, found.role, found.score) for found in scores_for(session, None, row)]
        assert history == [("ann", ScoreRole.FIRST, 0.0), ("ben", ScoreRole.APPEAL, 97.0)]
        assert figures.faults_by_person(session, None, None) == {}
        with pytest.raises(InspectionError, match="No appeal against inspection 1 is open"):
            appeals.decide(session, ben, row.id, decision, LATER)

    await run(db, work)


async def test_a_rejected_appeal_leaves_everything_and_agents_appeal_for_themselves(db: Database) -> None:
    def work(session: Session) -> None:
        row = picked(session, agent="1003")
        boss = who(session, "boss")
        score(session, who(session, "ann"), row.id, Sheet(POOR), TOMORROW)
        with pytest.raises(InspectionError, match="isn't about wang"):
            appeals.appeal(session, who(session, "wang"), row.id, "mine?", LATER)
        appeals.appeal(session, boss, row.id, "for 1003, who has no user", LATER)
        with pytest.raises(InspectionError, match="somebody else decides"):
            appeals.decide(session, boss, row.id, appeals.Decision("no"), LATER)
        before = row.score
        found = appeals.decide(session, who(session, "cat"), row.id, appeals.Decision("no"), LATER)
        assert (found.state, row.score) == (AppealState.REJECTED, before)

    await run(db, work)
