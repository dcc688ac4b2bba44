"""The first question to the policy, when a campaign takes its lists in: whoever is never to be called is done at
once, with the reason, and who is held out is drawn from the rest.

A list may have a million numbers, of which nearly all have never been heard of. Tasks are made by one statement
for each list; facts are gathered of those numbers alone that something is on record about."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, insert, literal, select, text, update
from sqlalchemy.orm import Session, aliased

from ivr.database.among import among
from ivr.database.locks import is_postgresql, lock_name
from ivr.dialer import store
from ivr.model import CampaignList, Contact, ContactList, DecisionStage, Task, TaskState
from ivr.policy.alike import decide_each
from ivr.policy.decide import Decision, Facts, Rule, Verdict, decide_ahead
from ivr.policy.facts import AT_ONCE, Asked
from ivr.policy.hold_out import settle
from ivr.policy.policy import TODAY, CampaignRules
from ivr.policy.record import judge, note
from ivr.policy.traces import knows_more, traced_phones

MANY = 10_000  # tasks, that change how a table is best read
NO_PHONE = "+8613800000000"  # stands for any number that nothing is known of


@dataclass(frozen=True, slots=True)
class TakenIn:
    new: int  # tasks that weren't there, or are open again because their number is back on its list
    never: int  # of these, so many are done at once: the policy says so


def take_in(session: Session, rules: CampaignRules, now: datetime) -> TakenIn:
    """Make the tasks that the campaign's lists still lack, and ask the policy about each. Harmless when none is.

    A number on several of its lists gets one task, by the first of them (rows of feeds: one for each row)."""
    lock_name(session, f"intake {rules.campaign_id}")
    before = session.execute(select(func.max(Task.id))).scalar_one() or 0
    back = _reopen(session, rules.campaign_id)
    lists = session.execute(
        select(CampaignList.list_id)
        .where(CampaignList.campaign_id == rules.campaign_id)
        .order_by(CampaignList.list_id)
    )
    list_ids = list(lists.scalars())
    made = sum(_fill(session, rules.campaign_id, one, alone=len(list_ids) == 1) for one in list_ids)
    if made >= MANY and is_postgresql(session):
        # The planner knows nothing of rows that came in this transaction, and would read whole tables for a few.
        session.execute(text("ANALYZE task, contact"))
    never = enter(session, rules, now, 0 if back else before) if made or back else 0
    return TakenIn(made + back, never)


def enter_tasks(
    session: Session, rules: CampaignRules, asked: Sequence[Asked], now: datetime
) -> dict[int, Decision]:
    """Ask about tasks that are new; by task. At most `facts.AT_ONCE`."""
    decided = judge(session, rules, asked, DecisionStage.IMPORT, now)
    return decided | _close(session, rules, asked, decided, now)


def _reopen(session: Session, campaign_id: int) -> int:
    """Tasks that ended because their number was taken off its list, where it is back and nobody was called."""
    on_it = exists().where(Contact.id == Task.contact_id, Contact.removed_at.is_(None))
    result: Any = session.execute(
        update(Task)
        .where(
            Task.campaign_id == campaign_id,
            Task.state == TaskState.DONE,
            Task.result == Rule.REMOVED_FROM_LIST.value,
            Task.attempts == 0,
            on_it,
        )
        .values(state=TaskState.READY, result=None)
        .execution_options(synchronize_session=False)
    )
    return int(result.rowcount)


def _fill(session: Session, campaign_id: int, list_id: int, *, alone: bool) -> int:
    wanted = [
        Contact.list_id == list_id,
        Contact.removed_at.is_(None),
        ~exists().where(Task.campaign_id == campaign_id, Task.contact_id == Contact.id),
    ]
    if not alone:
        other = aliased(Contact)
        same = exists().where(
            other.phone == Contact.phone,
            other.id != Contact.id,
            Task.contact_id == other.id,
            Task.campaign_id == campaign_id,
        )
        wanted.append((Contact.source_id != "") | ~same)
    contacts = (
        select(literal(campaign_id), Contact.id, literal(TaskState.READY.value), literal(0))
        .where(*wanted)
        .order_by(Contact.id)
    )
    columns = ["campaign_id", "contact_id", "state", "attempts"]
    result: Any = session.execute(
        insert(Task).from_select(columns, contacts, include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    return int(result.rowcount)


def enter(session: Session, rules: CampaignRules, now: datetime, after: int = 0) -> int:
    """Ask about every task above `after` that is ready and was never tried; how many are never to be called."""
    fresh = (
        Task.campaign_id == rules.campaign_id,
        Task.state == TaskState.READY,
        Task.attempts == 0,
        Task.id > after,
    )
    traced = traced_phones(rules, now)
    known = list(
        session.execute(
            select(Task.id)
            .join(Contact, Task.contact_id == Contact.id)
            .join(traced, traced.c.phone == Contact.phone)
            .where(*fresh)
            .order_by(Task.id)
        ).scalars()
    )
    never = 0
    if knows_more(rules) and not _lists_say_nothing(session, rules, now):
        for asked in _pages(session, fresh):
            never += _by_attributes(session, rules, asked, frozenset(known), now)
    for start in range(0, len(known), AT_ONCE):
        ids = known[start : start + AT_ONCE]
        asked = [
            Asked(*row) for row in session.execute(_asking().where(among(session, Task.id, ids)).order_by(Task.id))
        ]
        decided = enter_tasks(session, rules, asked, now)
        never += sum(one.verdict is Verdict.NEVER for one in decided.values())
    return never


def _asking() -> Any:
    return select(Contact.phone, Contact.attributes, Task.id, Task.attempts).join(
        Contact, Task.contact_id == Contact.id
    )


def _pages(session: Session, wanted: Sequence[Any]) -> Iterator[list[Asked]]:
    after = 0
    while True:
        rows = session.execute(_asking().where(*wanted, Task.id > after).order_by(Task.id).limit(AT_ONCE)).all()
        if not rows:
            return
        after = rows[-1].id
        yield [Asked(*row) for row in rows]


def _by_attributes(
    session: Session, rules: CampaignRules, asked: Sequence[Asked], known: Container[int | None], now: datetime
) -> int:
    """Decide about those that nothing is on record about; how many are never to be called."""
    named = _asked_for(rules, now)
    rest = [one for one in asked if one.task_id not in known]
    telling = [one for one in rest if named is None or not named.isdisjoint(one.attributes)]
    answers = decide_each(rules, [Facts(one.phone, one.attributes) for one in telling], now)
    decided: dict[int, Decision] = {
        one.task_id: decision
        for one, decision in zip(telling, answers, strict=True)
        if one.task_id is not None and decision.verdict is Verdict.NEVER
    }
    note(session, rules, decided, DecisionStage.IMPORT, now)
    return len(_close(session, rules, rest, decided, now))


def _asked_for(rules: CampaignRules, now: datetime) -> frozenset[str] | None:
    """The attributes by which the policy may say never to a number that it knows nothing else of; None: it says so
    to those that have none, too. (Whoever slips through is asked about again before anyone calls.)"""
    policy = rules.policy
    if decide_ahead(rules, Facts(NO_PHONE), now).verdict is Verdict.NEVER:
        return None
    return frozenset(
        variable
        for name, condition in policy.conditions.items()
        if rules.purpose in policy.spec.exclude[name].purposes
        for variable in condition.variables - {TODAY}
    )


def _lists_say_nothing(session: Session, rules: CampaignRules, now: datetime) -> bool:
    """Whether no row of the campaign's lists can have an attribute that the policy asks for."""
    named = _asked_for(rules, now)
    if named is None or rules.policy.spec.hold_out is not None:
        return False
    lists = session.execute(
        select(ContactList.fields, ContactList.optional_fields)
        .join(CampaignList, CampaignList.list_id == ContactList.id)
        .where(CampaignList.campaign_id == rules.campaign_id)
    )
    # Of a list that names no fields (a feed's) nobody knows what its rows have.
    return all(fields and named.isdisjoint({*fields, *optional}) for fields, optional in lists)


def _close(
    session: Session,
    rules: CampaignRules,
    asked: Sequence[Asked],
    decided: dict[int, Decision],
    now: datetime,
) -> dict[int, Decision]:
    """End the tasks that are never to be called, those that are held out among them; all of these."""
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
    return never
