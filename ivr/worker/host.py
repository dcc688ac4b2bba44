"""Runs the campaigns that may call: looks several times a second which do, begins them, holds them, lets them go.

A campaign that was paused, or whose time is over, begins nothing more and its calls go on to their end; an
emergency stop hangs up what rings, too. One that comes back goes on; with other rules than it was built from it is
built anew."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.database import DatabaseError
from ivr.dialer.stops import LOOK_EVERY_S, Look, look
from ivr.errors import IvrError
from ivr.model import Campaign, CampaignState
from ivr.session.faults import log_fault
from ivr.worker.campaign import HostedCampaign, edition_of
from ivr.worker.parts import WorkerParts
from ivr.worker.returning import Returns

log = logging.getLogger(__name__)
AGAIN_S = 30.0  # a campaign that couldn't be run here is tried again after this


@dataclass(frozen=True, slots=True)
class CampaignTold:
    """News of one campaign in this worker: `what` is begins, ends or fails; `error` why it fails."""

    campaign_id: int
    name: str
    what: str
    error: BaseException | None = None


Told = Callable[[CampaignTold], None]


class Host:
    """`run` until `drain` or `stop` and the last call is over, or `until_done` and no campaign is left."""

    def __init__(
        self, parts: WorkerParts, told: Told, *, look_every_s: float = LOOK_EVERY_S, until_done: bool = False
    ) -> None:
        self._parts = parts
        self._told = told
        self._look_every_s = look_every_s
        self._until_done = until_done
        self._hosted: dict[int, tuple[HostedCampaign, asyncio.Task[None]]] = {}
        self._not_before_s: dict[int, float] = {}
        self._news = asyncio.Event()
        self._draining = False
        self._hung_up = False
        self.returns = Returns(parts)

    @property
    def calls(self) -> int:
        return sum(campaign.calls for campaign, _ in self._hosted.values()) + self.returns.calls

    def drain(self) -> None:
        """No more calls; `run` returns when those that are on are over."""
        self._draining = True
        self._parts.presence.drain()
        self.returns.drain()
        for campaign, _ in self._hosted.values():
            campaign.hold(ringing=False)
        self._news.set()

    def stop(self) -> None:
        """No more calls; those that are on are hung up."""
        self.drain()
        self.returns.stop()
        for campaign, _ in self._hosted.values():
            campaign.stop()

    def give_up(self) -> None:
        """As `stop`, without waiting for the network."""
        self.stop()
        self.returns.give_up()
        for campaign, _ in self._hosted.values():
            campaign.give_up()

    async def run(self) -> None:
        try:
            while not await self._over():
                if not self._draining:
                    await self._look()
                await self._wait()
        finally:
            self.stop()
            for _, task in self._hosted.values():
                await asyncio.wait({task})
            self._collect()

    async def _over(self) -> bool:
        self._collect()
        if self._hosted or self.returns.calls:
            return False
        if self._draining:
            return True
        return self._until_done and not await self._parts.database.read(_any_left)

    async def _wait(self) -> None:
        """Until it is time to look again, a campaign has ended, or we are to drain."""
        try:
            async with asyncio.timeout(self._look_every_s):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()

    async def _look(self) -> None:
        database = self._parts.database
        try:
            seen = await look(database, database.clock.now())
        except DatabaseError as error:
            log_fault(log, "campaigns_not_asked", error)  # nothing can be placed either
            return
        if self._draining:
            return
        if seen.hang_up:
            self.returns.hang_up()
        for campaign_id, (campaign, _) in self._hosted.items():
            if campaign_id in seen.campaigns:
                await self._resume(campaign)
            else:
                self._hold(campaign, seen)
        loop_s = asyncio.get_running_loop().time()
        for campaign_id in sorted(seen.campaigns - self._hosted.keys()):
            if loop_s >= self._not_before_s.get(campaign_id, 0.0):
                self._begin(campaign_id)

    def _hold(self, campaign: HostedCampaign, seen: Look) -> None:
        campaign.hold(ringing=seen.stopped)
        if seen.hang_up:
            campaign.stop()

    async def _resume(self, campaign: HostedCampaign) -> None:
        if not campaign.on_hold:
            return
        edition = await self._parts.database.read(lambda session: edition_of(session, campaign.id))
        if edition == campaign.edition:
            campaign.resume()  # else its calls end, and it is built anew

    def _begin(self, campaign_id: int) -> None:
        campaign = HostedCampaign(campaign_id, self._parts, self._begun)
        task = asyncio.create_task(campaign.run(), name=f"campaign {campaign_id}")
        task.add_done_callback(lambda _: self._news.set())
        self._hosted[campaign_id] = (campaign, task)

    def _begun(self, campaign: HostedCampaign) -> None:
        self._told(CampaignTold(campaign.id, campaign.name, "begins"))

    def _collect(self) -> None:
        """Forget the campaigns that have ended here, and say why."""
        for campaign_id, (campaign, task) in list(self._hosted.items()):
            if not task.done():
                continue
            del self._hosted[campaign_id]
            error = None if task.cancelled() else task.exception()
            if error is None:
                self._told(CampaignTold(campaign_id, campaign.name, "ends"))
                continue
            self._not_before_s[campaign_id] = asyncio.get_running_loop().time() + AGAIN_S
            if isinstance(error, IvrError) or hasattr(error, "template"):
                log.error("campaign_not_here", extra={"campaign_id": campaign_id, "reason": str(error)})
            else:
                log_fault(log, "campaign_failed", error, campaign_id=campaign_id)
            self._told(CampaignTold(campaign_id, campaign.name, "fails", error))


def _any_left(session: Session) -> bool:
    """Whether a campaign is running that isn't a rehearsal's."""
    left = select(Campaign.id).where(Campaign.state == CampaignState.RUNNING, Campaign.seed.is_(None))
    return session.execute(left.limit(1)).first() is not None
