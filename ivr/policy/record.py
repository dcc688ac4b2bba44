"""Asking the policy about tasks, with the answer on record: a row in `contact_decision` for each change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from ivr.database.among import among
from ivr.model import ContactDecision, DecisionStage
from ivr.policy.alike import decide_each
from ivr.policy.decide import Decision, Verdict
from ivr.policy.facts import Asked, gather
from ivr.policy.policy import CampaignRules


def judge(
    session: Session, rules: CampaignRules, asked: Sequence[Asked], stage: DecisionStage, now: datetime
) -> dict[int, Decision]:
    """Decide each task (all of them have one) and note what is new; by task. At most `facts.AT_ONCE`.

    When a list is taken in only what is for good is noted: the hour that it is then says nothing. When a task is
    leased that it may be called isn't: the policy is asked again before that."""
    found = gather(session, rules, asked, now)
    decided: dict[int, Decision] = {}
    for one, decision in zip(asked, decide_each(rules, found, now), strict=True):
        assert one.task_id is not None
        decided[one.task_id] = decision
    told = decided
    if stage is DecisionStage.IMPORT:
        told = {task: one for task, one in decided.items() if one.verdict is Verdict.NEVER}
    elif stage is DecisionStage.LEASE:
        told = {task: one for task, one in decided.items() if one.verdict is not Verdict.CALL}
    note(session, rules, told, stage, now)
    return decided


def note(
    session: Session, rules: CampaignRules, decided: Mapping[int, Decision], stage: DecisionStage, now: datetime
) -> None:
    """Write the decisions that differ from what was last written of their tasks."""
    if not decided:
        return
    newest = (
        select(func.max(ContactDecision.id))
        .where(among(session, ContactDecision.task_id, decided))
        .group_by(ContactDecision.task_id)
    )
    rows = session.execute(select(ContactDecision).where(ContactDecision.id.in_(newest))).scalars()
    before = {row.task_id: (row.verdict, row.rule, row.until, row.detail, row.policy_sha256) for row in rows}
    version = rules.policy.version
    new = [
        {
            "task_id": task_id,
            "at": now,
            "stage": stage,
            "verdict": one.verdict.value,
            "rule": one.rule and one.rule.value,
            "until": one.until,
            "detail": dict(one.detail),
            "policy_sha256": version,
        }
        for task_id, one in decided.items()
        if before.get(task_id)
        != (one.verdict.value, one.rule and one.rule.value, one.until, dict(one.detail), version)
    ]
    if new:
        session.execute(insert(ContactDecision), new)
