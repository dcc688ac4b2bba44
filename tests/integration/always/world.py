"""A small world of campaigns on a real database, and an account of its own of every call that was placed.

The account is kept from what the test did, never from what the database says, and its rules are written anew, so
that a fault in the code isn't repeated here."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from ivr.campaigns.keeping import keep_now
from ivr.clock import RealClock
from ivr.config import GuardSettings
from ivr.database import Database
from ivr.dialer import store
from ivr.dialer.entry import take_in
from ivr.dialer.store.leftovers import Ours, sweep
from ivr.model import (
    Attempt,
    Base,
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    DoNotDisturb,
    EmergencyStop,
    FlowVersion,
    Task,
    TaskState,
)
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules
from ivr.session.record import CallRecord
from ivr.strategy import default_strategy
from tests.integration.always.parts import BEGIN, SHANGHAI, Call, Cut, Plan, Process, Scissors
from trunk.ports import Cause, DialOutcome

T = TypeVar("T")
COUNTED = {"marketing", "survey", "care"}
MOST_ROUNDS = 400  # of calling everybody who is due; far more than any strategy allows


class World:
    """Campaigns 1, 2 … over the same numbers; workers that call them."""

    def __init__(self, url: str, plans: list[Plan], phones: int) -> None:
        self.now = BEGIN
        self.plans = plans
        self.phones = [f"+86138{number:08d}" for number in range(phones)]
        self.history: list[Call] = []
        self.opted_out: list[tuple[str, str]] = []
        self.states = dict.fromkeys(range(1, len(plans) + 1), CampaignState.RUNNING)
        self.stopped = False
        self.workers: list[Process] = []
        self._numbers = 0
        self._loop = asyncio.Runner()
        self._db = Database(url, RealClock())
        self._cut = Scissors()
        self._cut.also(self._db._express)
        self._strategy = default_strategy()
        self.ids: list[int] = self.do(self._fill)
        self.rules = [
            CampaignRules(loads(plan.policy.encode()), campaign_id, plan.purpose, "f", {})
            for campaign_id, plan in zip(self.ids, plans, strict=True)
        ]
        for rules in self.rules:
            self.do(partial(take_in, rules=rules, now=self.now))
        for _ in range(2):
            self.hire()

    def close(self) -> None:
        self._cut.close()
        self._loop.run(self._db.close())
        self._loop.close()

    def do(self, work: Callable[[Session], T]) -> T:
        """One transaction."""
        return self.ask(self._db.run(work))

    def ask(self, work: Coroutine[Any, Any, T]) -> T:
        """One piece of work. Scissors that were laid out for it are put away after it."""
        try:
            return self._loop.run(work)
        finally:
            self._cut.after = None

    def cut_after(self, statements: int | None) -> None:
        """The next transaction loses its connection after so many statements, if it has that many."""
        self._cut.after = statements

    # ---- what people and workers do -------------------------------------------------------------------------

    def hire(self) -> Process:
        self._numbers += 1
        worker = Process(f"worker {self._numbers}")
        self.workers.append(worker)
        return worker

    def lease_all(self) -> None:
        """Each worker takes what it can of each campaign."""
        for worker in self.workers:
            for campaign in self.states:
                self.lease(worker, campaign, 2)

    def place_all(self) -> None:
        """Each worker calls whom it has leased, as far as it may."""
        for worker in self.workers:
            while worker.leases:
                self.place(worker, 0)

    def lease(self, worker: Process, campaign: int, count: int, *, answer_lost: bool = False) -> None:
        """`answer_lost`: the claim is there, and the worker never hears of it."""
        rules = self.rules[campaign - 1]
        request = store.LeaseRequest(rules=rules, owner=worker.name, count=count, now=self.now, lease_s=600)
        try:
            leased = self.ask(store.lease(self._db, request))
        except Cut:
            self.look_through(worker)
            return
        if answer_lost:
            self.look_through(worker)
        else:
            worker.leases += [(campaign, lease) for lease in leased.leases]

    def place(self, worker: Process, index: int, *, answer_lost: bool = False) -> bool:
        """Place one of the worker's leases; whether a call left. `answer_lost`: the commit's confirmation never
        came, so that the worker knows of no attempt."""
        campaign, lease = worker.leases.pop(index)
        call = Call(str(uuid.uuid4()), campaign, lease.task_id, lease.phone, self.now, worker.name)
        placing = store.Placing(call.attempt_id, self.rules[campaign - 1], lease, self.now)
        try:
            placed = self.ask(store.place_at_once(self._db, placing))
        except Cut:
            self.look_through(worker)
            return False
        if answer_lost:
            if placed:
                call.outcome, call.rang = DialOutcome.UNKNOWN, True  # nobody can know: it counts
                self.history.append(call)
            self.look_through(worker)
            return False
        if placed:
            self._check(call, worker)
            self.history.append(call)
            worker.calls.append((lease, call))
        return placed

    def finish(self, worker: Process, index: int, outcome: DialOutcome, *, rang: bool) -> None:
        """The network's last word on a call; told again, it changes nothing."""
        lease, call = worker.calls[index]
        answered = outcome is DialOutcome.ANSWERED
        reached = rang or answered
        ended = self.now + timedelta(seconds=20)
        record = CallRecord(
            call.attempt_id,
            call.phone,
            call.at,
            call.at if reached else None,
            call.at if answered else None,
            max(ended, call.at),
            talk_s=20.0 if answered else 0.0,
            cause=Cause(outcome, "drawn", "callee" if answered else "network"),
        )
        ending = store.Ending(lease.task_id, record, self.rules[call.campaign - 1], self._strategy)
        try:
            self.ask(store.finish_at_once(self._db, ending))
        except Cut:
            return  # it is told again
        except store.AlreadyEnded:
            assert worker.buried, "only who was declared dead finds its calls closed"
        else:
            assert call.outcome is None
            call.outcome, call.rang = outcome, reached
        worker.calls.pop(index)
        before = self._outcome_of(call.attempt_id)
        with contextlib.suppress(store.AlreadyEnded):
            self.ask(store.finish_at_once(self._db, ending))
            raise AssertionError("an outcome was written twice")
        assert self._outcome_of(call.attempt_id) == before == call.outcome

    def bury(self, worker: Process) -> None:
        """The others think the worker dead, rightly or not: its calls are closed, its leases given back."""
        worker.buried = True
        self.workers.remove(worker)
        ids = self.do(lambda session: store.open_attempts(session, worker.name))
        self.do(lambda session: store.close_unknown(session, ids, self.now))
        self.do(lambda session: store.free_leases(session, worker.name))
        for call in self.history:
            if call.worker == worker.name and call.outcome is None:
                call.outcome = DialOutcome.UNKNOWN
        self.hire()

    def look_through(self, worker: Process) -> None:
        """After a cut connection: give back what is the worker's by the database and not by its own knowledge."""
        for campaign in self.states:
            mine = [lease for whose, lease in worker.leases if whose == campaign]
            calls = [(lease, call) for lease, call in worker.calls if call.campaign == campaign]
            ours = Ours(
                worker=worker.name,
                campaign_id=self.ids[campaign - 1],
                tasks=frozenset(lease.task_id for lease in (*mine, *(lease for lease, _ in calls))),
                attempts=frozenset(call.attempt_id for _, call in calls),
            )
            self.do(partial(sweep, ours=ours, now=self.now))

    def opt_out(self, phone: str, purpose: str) -> None:
        entry = {"phone": phone, "purpose": purpose, "source": "test", "created_at": self.now}
        self.do(lambda session: session.execute(insert(DoNotDisturb).values(entry)))
        self.opted_out.append((phone, purpose))

    def switch(self, campaign: int, state: CampaignState) -> None:
        def change(session: Session) -> None:
            session.get_one(Campaign, self.ids[campaign - 1]).state = state

        if self.states[campaign] is not CampaignState.FINISHED:
            self.do(change)
            self.states[campaign] = state

    def allow_attempts(self, campaign: int, most: int) -> None:
        """Somebody gives the campaign a stricter policy while its numbers wait for their next call."""
        plan = self.plans[campaign - 1] = replace(self.plans[campaign - 1], attempts=most)
        old = self.rules[campaign - 1]
        self.rules[campaign - 1] = replace(old, policy=loads(plan.policy.encode()))

    def stop(self) -> None:
        self.do(lambda session: session.add(EmergencyStop(at=self.now, by="test", why="drill", hang_up=False)))
        self.stopped = True

    def lift(self) -> None:
        lifted = update(EmergencyStop).values(lifted_at=self.now, lifted_by="test")
        self.do(lambda session: session.execute(lifted))
        self.stopped = False

    def keep(self) -> None:
        finished = self.do(lambda session: keep_now(session, GuardSettings(), self.now)).finished
        for campaign, campaign_id in enumerate(self.ids, start=1):
            if campaign_id in finished:
                self.states[campaign] = CampaignState.FINISHED

    # ---- what must be true ----------------------------------------------------------------------------------

    def _check(self, call: Call, worker: Process) -> None:
        """This call may be placed now, by our own account of what was before."""
        plan = self.plans[call.campaign - 1]
        local = call.at.astimezone(SHANGHAI)
        assert not worker.buried, "placed by a worker that was declared dead"
        assert self.states[call.campaign] is CampaignState.RUNNING, "placed in a campaign that doesn't run"
        assert not self.stopped, "placed in spite of the emergency stop"
        assert time(plan.opens) <= local.time() < time(plan.closes), "placed outside the window"
        assert plan.days is None or call.at < BEGIN + timedelta(days=plan.days), "placed after the end"
        for phone, purpose in self.opted_out:
            assert (phone, purpose) not in ((call.phone, "*"), (call.phone, plan.purpose)), (
                "placed after an opt-out"
            )
        same_phone = [other for other in self.history if other.phone == call.phone]
        assert all(other.outcome is not None for other in same_phone), "two calls to one number at once"
        counted = [other for other in same_phone if other.counts]
        self._under(plan.per_5_minutes, counted, lambda other: other.at > call.at - timedelta(minutes=5))
        self._under(plan.per_day, counted, lambda other: other.at.astimezone(SHANGHAI).date() == local.date())
        self._under(plan.per_30_days, counted, lambda other: other.at > call.at - timedelta(days=30))
        own = [other for other in same_phone if other.task == call.task]
        tries = sum(other.counts for other in own)
        assert plan.attempts is None or tries < plan.attempts, "tried more often than the policy allows"
        assert not any(other.outcome is DialOutcome.UNKNOWN for other in own), "tried again after an unknown end"
        if plan.per_month is not None and plan.purpose in COUNTED:
            month = (local.year, local.month)
            engaged = {
                other.task for other in same_phone if other.task != call.task and self._engages(other, month)
            }
            assert len(engaged) < plan.per_month, "above the month's cap"

    def _engages(self, other: Call, month: tuple[int, int]) -> bool:
        at = other.at.astimezone(SHANGHAI)
        plan = self.plans[other.campaign - 1]
        return (
            other.connected
            and plan.purpose in COUNTED
            and plan.per_month is not None
            and (at.year, at.month) == month
        )

    @staticmethod
    def _under(most: int | None, calls: list[Call], within: Callable[[Call], bool]) -> None:
        assert most is None or sum(within(call) for call in calls) < most, "above a limit of calls"

    def check_rows(self) -> None:
        """The database tells the same story as our own account."""

        def read(session: Session) -> tuple[dict[str, DialOutcome | None], list[Any], set[Any]]:
            held = select(Task.lease_owner, Task.id).where(Task.state == TaskState.LEASED)
            leased = {tuple(row) for row in session.execute(held)}
            attempts = session.execute(select(Attempt.id, Attempt.outcome)).all()
            live = select(Attempt.phone).where(Attempt.ended_at.is_(None)).group_by(Attempt.phone)
            twice = session.execute(live.having(func.count() > 1)).all()
            return {row.id: row.outcome for row in attempts}, list(twice), leased

        rows, twice, leased = self.do(read)
        assert not twice
        known = {(worker.name, lease.task_id) for worker in self.workers for _, lease in worker.leases}
        known |= {(worker.name, lease.task_id) for worker in self.workers for lease, _ in worker.calls}
        assert leased == known, "leased, and nobody knows of it"
        assert rows == {call.attempt_id: call.outcome for call in self.history}

    def _outcome_of(self, attempt_id: str) -> DialOutcome | None:
        return self.do(lambda session: session.get_one(Attempt, attempt_id).outcome)

    # ---- the end --------------------------------------------------------------------------------------------

    def wind_up(self) -> None:
        """Everything goes on until nothing is left: then every contact has its reason, and nothing is held."""
        self.lift()
        for worker in tuple(self.workers):
            self.bury(worker)
        for campaign in self.states:
            self.switch(campaign, CampaignState.RUNNING)
        worker = self.workers[0]
        for _ in range(MOST_ROUNDS):
            if not self._left():
                break
            for campaign in self.states:
                self.lease(worker, campaign, 50)
            if not worker.leases:
                self.keep()
            while worker.leases:
                self.place(worker, 0)
            while worker.calls:
                self.finish(worker, 0, DialOutcome.BUSY, rang=True)
            self.now = max(self.now + timedelta(minutes=10), self._next_due() or self.now)
        left = self._left()
        assert not left, f"tasks without an end: {left}"
        self.check_rows()

        def without_reason(session: Session) -> int:
            unsaid = (Task.result.is_(None)) | (Task.lease_owner.is_not(None)) | (Task.state != TaskState.DONE)
            return session.execute(select(func.count()).select_from(Task).where(unsaid)).scalar_one()

        assert self.do(without_reason) == 0

    def _next_due(self) -> datetime | None:
        due = select(func.min(Task.next_at)).where(Task.state == TaskState.WAITING)
        return self.do(lambda session: session.execute(due).scalar_one())

    def _left(self) -> list[Any]:
        """Tasks of whatever campaign that aren't done."""
        wanted = select(Task.id, Task.state, Task.next_at).where(Task.state != TaskState.DONE)
        return [tuple(row) for row in self.do(lambda session: session.execute(wanted).all())]

    def _fill(self, session: Session) -> list[int]:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(delete(table))
        version = FlowVersion(
            flow="f", version=1, content_hash="0" * 64, source="", language="en", purpose="marketing",
            published_at=BEGIN, published_by="test",
        )  # fmt: skip
        session.add(version)
        session.flush()
        ids: list[int] = []
        for number, plan in enumerate(self.plans, start=1):
            people = ContactList(name=f"list {number}", created_at=BEGIN, created_by="test")
            campaign = Campaign(
                name=f"campaign {number}",
                flow_version_id=version.id,
                purpose=plan.purpose,
                concurrency=5,
                state=CampaignState.RUNNING,
                ends_at=None if plan.days is None else BEGIN + timedelta(days=plan.days),
                created_at=BEGIN,
                created_by="test",
            )
            session.add_all([people, campaign])
            session.flush()
            session.add(CampaignList(campaign_id=campaign.id, list_id=people.id))
            session.add_all(Contact(list_id=people.id, phone=phone, attributes={}) for phone in self.phones)
            ids.append(campaign.id)
        session.flush()
        return ids
