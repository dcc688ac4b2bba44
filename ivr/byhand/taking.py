"""The next task of an agent: what they have already, what is kept for them, else the most urgent one.

The lease is the dialer's own, with the same questions to the policy: a contact that is nobody's to call is no
agent's to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from flows.sprint import Scalar
from ivr.byhand import rows
from ivr.byhand.book import Book, ByHand
from ivr.byhand.errors import TaskError
from ivr.byhand.rows import Begun, key_of
from ivr.byhand.script import Start
from ivr.config import TaskSettings
from ivr.database import Database
from ivr.desk.errors import DeskError
from ivr.desk.presence import Change, find, move, presence_of
from ivr.desk.words import state_word
from ivr.dialer import store
from ivr.model import Agent, AgentState, Handling, PeopleMode
from ivr.session.slots import SlotTimes

FEW, MORE = 1, 20  # leased at once: one, and more when the policy didn't let that one be called
ROUNDS = 100  # so many leases in a row that brought nobody, then the agent is told that there is nobody


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is no task for the agent now. `opens_at`: every calling window is closed until then."""

    campaigns: int  # that they may work for
    opens_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    agent: Agent
    handling_id: int | None
    campaigns: tuple[ByHand, ...]


class Taking:
    """Hands tasks out. Keep one for as long as the process lives."""

    def __init__(self, database: Database, book: Book, settings: TaskSettings) -> None:
        self._database = database
        self._book = book
        self._settings = settings

    async def next(self, number: str, mode: PeopleMode, only: str | None = None) -> int | Nothing:
        """Give the agent their next task (of the campaign of that name, if one is named); the handling's id.

        Raises DeskError: there is no such agent, or they aren't ready; TaskError: no such campaign for them."""
        standing = await self._database.run(lambda session: self._standing(session, number, mode, only))
        if standing.handling_id is not None:
            return standing.handling_id
        return await self._leased(standing.agent, standing.campaigns)

    async def from_campaigns(self, agent: Agent, campaigns: tuple[ByHand, ...]) -> int | Nothing:
        """As `next`, for an agent who is ready and has nothing."""
        kept = await self._database.run(lambda session: self._take_kept(session, agent, campaigns))
        return await self._leased(agent, campaigns) if kept is None else kept

    async def _leased(self, agent: Agent, campaigns: tuple[ByHand, ...]) -> int | Nothing:
        opens: list[datetime] = []
        for campaign in campaigns:
            found = await self._lease_one(agent, campaign)
            if isinstance(found, int):
                return found
            if found is not None:
                opens.append(found)
        return Nothing(len(campaigns), min(opens) if campaigns and len(opens) == len(campaigns) else None)

    def _standing(self, session: Session, number: str, mode: PeopleMode, only: str | None) -> _Standing:
        """What the agent has, or is now given that was kept for them; else the campaigns to lease from."""
        agent, now = find(session, number), self._database.clock.now()
        has = rows.open_of(session, agent.id)
        if has is None:
            presence = presence_of(session, agent.id, now)
            if presence.state is AgentState.WRAP_UP:  # who asks for the next one has done with the last
                move(session, agent.id, Change(AgentState.READY, number), now)
            if presence.state is not AgentState.READY:
                raise DeskError(
                    "Agent {number} isn't ready ({state}); first: ivr agent ready {number}",
                    number=number,
                    state=state_word(presence.state),
                )
        campaigns = () if has is not None else self._book.open_for(session, agent, mode)
        if only is not None and has is None:
            campaigns = tuple(one for one in campaigns if one.name == only)
            if not campaigns:
                raise TaskError("{campaign} has no tasks for agent {number} now.", campaign=only, number=number)
        had = self._take_kept(session, agent, campaigns) if has is None else has.id
        session.flush()
        session.expunge(agent)
        return _Standing(agent, had, campaigns)

    def _take_kept(self, session: Session, agent: Agent, campaigns: tuple[ByHand, ...]) -> int | None:
        by_id = {one.id: one for one in campaigns}
        found = rows.kept_for(session, agent, list(by_id))
        if found is None:
            return None
        handling = self._begin(session, agent, by_id[found[0]], found[1])
        return None if handling is None else handling.id

    async def _lease_one(self, agent: Agent, campaign: ByHand) -> int | datetime | None:
        """The handling's id; else when the campaign's window opens, or None: nobody is left to be called now."""
        count = FEW
        for _ in range(ROUNDS):
            request = store.LeaseRequest(
                rules=campaign.rules,
                owner=key_of(agent.number),
                count=count,
                now=self._database.clock.now(),
                lease_s=self._settings.preview_s,
                strategy=campaign.strategy,
                hours=campaign.hours,
            )
            leased = await store.lease(self._database, request)
            if leased.leases:
                had = await self._had(agent, campaign, leased.leases)
                if had is not None:
                    return had
            elif not leased.skipped and not leased.put_off:
                return leased.opens_at
            else:
                count = MORE
        return None

    async def _had(self, agent: Agent, campaign: ByHand, leases: tuple[store.Lease, ...]) -> int | None:
        had = await self._database.run(lambda session: self._choose(session, agent, campaign, leases))
        if had == 0:
            raise DeskError("A call has come for agent {number} meanwhile.", number=agent.number)
        return had

    def _choose(
        self, session: Session, agent: Agent, campaign: ByHand, leases: tuple[store.Lease, ...]
    ) -> int | None:
        """The first of the leased tasks that isn't another agent's promise is theirs, the others are given back.
        None: all were promised by others, for whom they are kept; 0: the agent isn't ready any more."""
        now, kept = self._database.clock.now(), timedelta(seconds=self._settings.callback_s)
        chosen: store.Lease | None = None
        for lease in leases:
            if chosen is not None:
                store.release(session, lease.task_id, None, lease.owner)
                continue
            other = rows.promised_by(session, lease.task_id, agent, now - kept)
            if other is None:
                chosen = lease
            else:
                rows.keep_for(session, lease.task_id, other, kept)
        if chosen is None:
            return None
        handling = self._begin(session, agent, campaign, chosen)
        if handling is not None:
            return handling.id
        store.release(session, chosen.task_id, None, chosen.owner)
        has = rows.open_of(session, agent.id)
        return 0 if has is None else has.id

    def _begin(self, session: Session, agent: Agent, campaign: ByHand, lease: store.Lease) -> Handling | None:
        now = self._database.clock.now()
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
