"""The first question to the policy, when a campaign takes its list in: whoever is never to be called is done at
once, with the reason, and who is held out is drawn from the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.dialer import store
from ivr.model import Contact, DecisionStage, Task, TaskState
from ivr.policy.decide import Decision, Rule, Verdict
from ivr.policy.facts import AT_ONCE, Asked
from ivr.policy.hold_out import settle
from ivr.policy.policy import CampaignRules
from ivr.policy.record import judge, note


def enter(session: Session, rules: CampaignRules, now: datetime) -> int:
    """Ask about every contact of a new campaign; how many are never to be called."""
    closed = after = 0
    while True:
        rows = session.execute(
            select(Contact.phone, Contact.attributes, Task.id, Task.attempts)
            .join(Contact, Task.contact_id == Contact.id)
            .where(Task.campaign_id == rules.campaign_id, Task.state == TaskState.READY, Task.id > after)
            .order_by(Task.id)
            .limit(AT_ONCE)
        ).all()
        if not rows:
            return closed
        after = rows[-1].id
        decided = enter_tasks(session, rules, [Asked(*row) for row in rows], now)
        closed += sum(one.verdict is Verdict.NEVER for one in decided.values())


def enter_tasks(
    session: Session, rules: CampaignRules, asked: Sequence[Asked], now: datetime
) -> dict[int, Decision]:
    """Ask about tasks that are new; by task. At most `facts.AT_ONCE`."""
    decided = judge(session, rules, asked, DecisionStage.IMPORT, now)
    never = {task_id: one for task_id, one in decided.items() if one.verdict is Verdict.NEVER}
    hold_out = rules.policy.spec.hold_out
    if hold_out is not None:
        eligible = {one.phone: one.task_id for one in asked if one.task_id not in never}
        detail = {"draw": hold_out.draw}
        held = {
            task_id: Decision(Verdict.NEVER, Rule.HELD_OUT, None, detail)
            for phone in sorted(settle(session, rules, sorted(eligible), now))
            if (task_id := eligible[phone]) is not None
        }
        note(session, rules, held, DecisionStage.IMPORT, now)
        never |= held
    store.apply(session, never, now)
    return decided | never
