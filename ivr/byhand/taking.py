"""The next task of an agent: what they have already, what is kept for them, else the most urgent one.

The lease is the dialer's own, with the same questions to the policy: a contact that is nobody's to call is no
agent's to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from sqlalchemy.orm import Session

from flows.values import Scalar
from ivr.byhand import rows
from ivr.byhand.book import Book, ByHand
from ivr.byhand.errors import TaskError
from ivr.byhand.rows import Begun, key_of
from ivr.byhand.script import Start
from ivr.config import TaskSettings
from ivr.database import Database
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, move, presence_of
from ivr.desk.words import state_word
from ivr.dialer import store
from ivr.model import Agent, AgentState, Handling, PeopleMode
from ivr.session.slots import SlotTimes

T = TypeVar("T")
Look: TypeAlias = Callable[[Session, Handling], T]
FEW, MORE = 1, 20  # leased at once: one, and more when the policy didn't let that one be called
ROUNDS = 100  # so many leases in a row that brought nobody, then the agent is told that there is nobody


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no task for the agent now. `opens_at`: every calling window is closed until then."""

    campaigns: int  # that they may work for
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Nobody:
    """One campaign has nobody to be called now; `opens_at`: when its window opens, where it is closed."""

    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _For:
    agent: Agent
    campaign: ByHand


@dataclass(frozen=True, slots=True)
class Late:
    """What the agent has has lasted too long: end that first, then ask again."""


@dataclass(frozen=True, slots=True)
class _Standing:
    agent: Agent
    wraps_up: bool
    campaigns: tuple[ByHand, ...]
    kept: bool  # a task of one of them is the agent's already


class Taking:
    """Hands tasks out. Keep one for as long as the process lives.

    `look` is what is wanted of the handling: it is called in the transaction that finds or begins it."""

    def __init__(self, database: Database, book: Book, settings: TaskSettings) -> None:
        self._database = database
        self._book = book
        self._settings = settings

    async def next(
        self, number: str, mode: PeopleMode, look: Look[T], only: str | None = None
    ) -> T | Nothing | Late:
        """Give the agent their next task (of the campaign of that name, if one is named).

        Nearly always this is a query, a lease and one transaction. Raises DeskError: there is no such agent, or
        they aren't ready; TaskError: no such campaign for them."""
        standing = await self._database.read(lambda session: self._standing(session, number, mode, look, only))
        if not isinstance(standing, _Standing):
            return standing
        agent = standing.agent
        if standing.wraps_up:
            await self._database.run(lambda session: self._end_wrap_up(session, agent))
        if standing.kept:
            return await self.from_campaigns(agent, standing.campaigns, look)
        return await self._leased(agent, standing.campaigns, look)

    async def from_campaigns(self, agent: Agent, campaigns: tuple[ByHand, ...], look: Look[T]) -> T | Nothing:
        """As `next`, for an agent who is ready and has nothing."""
        kept = await self._database.run(lambda session: self._take_kept(session, agent, campaigns, look))
        return await self._leased(agent, campaigns, look) if kept is None else kept

    async def _leased(self, agent: Agent, campaigns: tuple[ByHand, ...], look: Look[T]) -> T | Nothing:
        opens: list[datetime] = []
        for campaign in campaigns:
            found = await self._lease_one(_For(agent, campaign), look)
            if not isinstance(found, _Nobody):
                return found
            if found.opens_at is not None:
                opens.append(found.opens_at)
        return Nothing(len(campaigns), min(opens) if campaigns and len(opens) == len(campaigns) else None)

    def _standing(
        self, session: Session, number: str, mode: PeopleMode, look: Look[T], only: str | None
    ) -> _Standing | T | Late:
        """What the agent has; else the campaigns to take from."""
        desk = rows.desk_of(session, number)
        if desk.handling is not None:
            until = desk.handling.until
            late = until is not None and until <= self._database.clock.now()
            return Late() if late else look(session, desk.handling)
        if desk.state not in (AgentState.READY, AgentState.WRAP_UP):
            raise DeskError(
                "Agent {number} isn't ready ({state}); first: ivr agent ready {number}",
                number=number,
                state=state_word(desk.state),
            )
        campaigns = self._book.open_for(session, desk.team, mode)
        if only is not None:
            campaigns = tuple(one for one in campaigns if one.name == only)
            if not campaigns:
                raise TaskError("{campaign} has no tasks for agent {number} now.", campaign=only, number=number)
        kept = rows.kept_for(session, desk.agent, [one.id for one in campaigns]) is not None
        session.expunge(desk.agent)
        return _Standing(desk.agent, desk.state is AgentState.WRAP_UP, campaigns, kept)

    def _end_wrap_up(self, session: Session, agent: Agent) -> None:
        """Who asks for the next one has done with the last."""
        now = self._database.clock.now()
        if presence_of(session, agent.id, now).state is AgentState.WRAP_UP:
            move(session, agent.id, Change(AgentState.READY, agent.number), now)

    def _take_kept(self, session: Session, agent: Agent, campaigns: tuple[ByHand, ...], look: Look[T]) -> T | None:
        by_id = {one.id: one for one in campaigns}
        found = rows.kept_for(session, agent, list(by_id))
        if found is None:
            return None
        handling = self._begin(session, _For(agent, by_id[found[0]]), found[1])
        return None if handling is None else look(session, handling)

    async def _lease_one(self, of: _For, look: Look[T]) -> T | _Nobody:
        campaign, count = of.campaign, FEW
        for _ in range(ROUNDS):
            request = store.LeaseRequest(
                rules=campaign.rules,
                owner=key_of(of.agent.number),
                count=count,
                now=self._database.clock.now(),
                lease_s=self._settings.preview_s,
                strategy=campaign.strategy,
                hours=campaign.hours,
            )
            leased = await store.lease(self._database, request)
            if leased.leases:
                had = await self._had(of, leased.leases, look)
                if not isinstance(had, _Nobody):
                    return had
            elif not leased.skipped and not leased.put_off:
                return _Nobody(leased.opens_at)
            else:
                count = MORE
        return _Nobody()

    async def _had(self, of: _For, leases: tuple[store.Lease, ...], look: Look[T]) -> T | _Nobody:
        had = await self._database.run(lambda session: self._choose(session, of, leases, look))
        if had is None:
            raise DeskError("A call has come for agent {number} meanwhile.", number=of.agent.number)
        return had

    def _choose(
        self, session: Session, of: _For, leases: tuple[store.Lease, ...], look: Look[T]
    ) -> T | _Nobody | None:
        """The first of the leased tasks that isn't another agent's promise is theirs, the others are given back.
        `_Nobody`: all were promised by others, for whom they are kept; None: the agent isn't ready any more."""
        agent = of.agent
        now, kept = self._database.clock.now(), timedelta(seconds=self._settings.callback_s)
        chosen: store.Lease | None = None
        for lease in leases:
            if chosen is not None:
                rows.let_others_have(session, lease)
                continue
            # Who was never tried was never promised anything.
            other = None if lease.attempts == 0 else rows.promised_by(session, lease.task_id, agent, now - kept)
            if other is None:
                chosen = lease
            else:
                rows.keep_for(session, lease.task_id, other, kept)
        if chosen is None:
            return _Nobody()
        handling = self._begin(session, of, chosen)
        if handling is None:
            rows.let_others_have(session, chosen)
            handling = rows.open_of(session, agent.id)
        return None if handling is None else look(session, handling)

    def _begin(self, session: Session, of: _For, lease: store.Lease) -> Handling | None:
        agent, campaign, now = of.agent, of.campaign, self._database.clock.now()
        version_id = self._book.version_for(session, campaign, lease.phone)
        entry = self._book.flow(session, version_id).spec.on_callback
        if entry is not None and not (lease.attempts > 0 and store.asked_for(session, lease.task_id)):
            entry = None
        begun = Begun(
            agent=agent,
            lease=lease,
            campaign_id=campaign.id,
            flow_version_id=version_id,
            start=Start(_contact(campaign, lease, now), entry).as_json(),
            until=now + timedelta(seconds=self._settings.preview_s),
        )
        return rows.begin(session, begun, now)


def _contact(campaign: ByHand, lease: store.Lease, now: datetime) -> Mapping[str, Scalar]:
    """What the script is begun with: the list's values, the number, and times for calling back."""
    times = SlotTimes(campaign.rules.policy.zone_of(lease.phone), campaign.ends_at)
    return {**times.named(now), **lease.attributes, "phone": lease.phone}
