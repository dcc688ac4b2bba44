"""Grades that people change: the attempt's grade and class, who changed them and why, and what the task does next.

A follow-up that the old grade had planned and the new one doesn't ask for is taken back; one that the new grade
asks for is planned, even when the task was done. A class other than unreachable says that somebody talked with
them. Of a call that nobody answered that is news (a customer who called back counts): no other try to reach them
stays planned then, but what they asked for does. Of a conversation it is none: what followed it stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr import deliveries
from ivr.dialer.store.following import Following, case_of, close, plan, result_of, tried_of
from ivr.dialer.store.tasks import over_at
from ivr.model import Attempt, CallWhy, Campaign, FlowVersion, GradeChange, Intention, Task, TaskState
from ivr.policy.loader import default_policy
from ivr.policy.loader import load_document as load_policy
from ivr.policy.policy import CampaignRules
from ivr.strategy.grades import class_of
from ivr.strategy.hours import NO_HOURS
from ivr.strategy.loader import default_strategy, load_document
from ivr.strategy.next_call import Ended, Next
from ivr.strategy.schema import GRADES, Grade
from ivr.strategy.strategy import StrategyError


@dataclass(frozen=True, slots=True)
class Regrading:
    """`who` gives the attempt another grade, and says why."""

    attempt_id: str
    grade: str
    who: str
    note: str = ""


def retag(session: Session, regrading: Regrading, now: datetime) -> str | None:
    """Give an ended attempt another grade; returns the one that it had.

    Raises StrategyError when there is no such attempt, it hasn't ended, or the letter is no grade."""
    grade = _grade(regrading.grade)
    found = session.execute(
        select(Attempt, Task, Campaign, FlowVersion.flow)
        .join(Task, Attempt.task_id == Task.id)
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(Attempt.id == regrading.attempt_id)
        .with_for_update(of=(Attempt, Task))
    ).one_or_none()
    if found is None or found[0].ended_at is None:
        sentence = "There is no ended call {attempt}; the results give each call's id."
        raise StrategyError(sentence, attempt=regrading.attempt_id)
    attempt, task, campaign, flow = found
    strategy = load_document(campaign.strategy) if campaign.strategy else default_strategy()
    before: str | None = attempt.grade
    attempt.grade, attempt.intention = grade, class_of(strategy, grade)
    session.add(
        GradeChange(
            attempt_id=attempt.id,
            at=now,
            who=regrading.who,
            grade_before=before,
            grade=grade,
            note=regrading.note,
        )
    )
    session.flush()
    deliveries.grade_changed(session, attempt.id)
    policy = load_policy(campaign.policy) if campaign.policy else default_policy()
    rules = CampaignRules(policy, campaign.id, campaign.purpose, flow, {})
    following = Following(task.id, attempt.phone, rules, strategy, NO_HOURS)
    if attempt.number == task.attempts:  # what was said later counts more
        ended_at = attempt.ended_at or now
        tried = tried_of(session, task.id)
        gives_way = {CallWhy.FOLLOW_UP}
        if attempt.intention is not Intention.UNREACHABLE and not tried[-1].talked:
            tried[-1] = replace(tried[-1], talked=True)
            gives_way |= {CallWhy.RETRY, CallWhy.UNFINISHED}
        ended = Ended(tried=tried, at=ended_at, grade=grade)
        planned = task.state is TaskState.WAITING and task.next_why in gives_way
        if planned or task.state is TaskState.DONE:
            _plan_again(session, following, ended, now, planned=planned)
    return before


def _grade(letter: str) -> Grade:
    for grade in GRADES:
        if letter.upper() == grade:
            return grade
    raise StrategyError("{letter} is no grade; there are {grades}.", letter=letter, grades=", ".join(GRADES))


def _plan_again(session: Session, following: Following, ended: Ended, now: datetime, *, planned: bool) -> None:
    """Plan the follow-up that the grade asks for, or take back the call that is `planned` and gives way to it."""
    found = case_of(following).after(ended)
    wanted = isinstance(found, Next) and found.why is CallWhy.FOLLOW_UP
    if (
        isinstance(found, Next)
        and wanted
        and not over_at(session, following.rules.campaign_id, max(found.at, now))
    ):
        plan(session, following, found)
    elif planned:
        close(session, following, result_of(ended), now)
        deliveries.tasks_done(session, [following.task_id])
