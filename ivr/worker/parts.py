"""What all campaigns of one worker share."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from flows.flow import Flow
from ivr.database import Database
from ivr.dialer.pacer import Pacer
from ivr.dialer.recordings import Compressor
from ivr.dialer.station import Station
from ivr.dialer.trunk_routes import TrunkAccount
from ivr.flow_queues import own_queues
from ivr.pacing.factory import PaceDeps, callees_in_need, people_pacer
from ivr.pacing.limits import Least
from ivr.pacing.people import Floor
from ivr.pacing.schema import PaceSpec
from ivr.session.deps import CallDeps
from ivr.session.progress import Bus
from ivr.studio import Studio, recognizer_name, recognizer_of
from ivr.worker.presence import Presence
from ivr.worker.quotas import CampaignLimit, Quotas
from ivr.worker.shares import Shares
from speech.ports import Recognizer


@dataclass(frozen=True, slots=True)
class WorkerParts:
    """`quotas` None: this process is alone on its database."""

    stack: AsyncExitStack  # closes what is opened for a campaign and kept for others
    studio: Studio
    database: Database
    bus: Bus
    account: TrunkAccount
    station: Station
    presence: Presence
    quotas: Quotas | None
    shares: Shares
    recognizer: str | None = None  # for every campaign; None: each one's own
    compressor: Compressor | None = None
    look_again_s: float = 2.0
    floor: Floor = field(default_factory=Floor)  # people who take calls, for whom campaigns compete
    _recognizers: dict[tuple[str, str], Recognizer] = field(default_factory=dict)
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hearing(self, language: str, wanted: str | None) -> Recognizer:
        """One per language, shared by the campaigns. Raises SpeechError when there is none for it here."""
        async with self._opening:
            key = language, recognizer_name(self.studio.settings, language, wanted)
            known = self._recognizers.get(key)
            if known is None:
                known = recognizer_of(self.studio.settings, *key, self.studio.clock)
                self.stack.push_async_callback(known.close)
                await known.start()
                self._recognizers[key] = known
            return known

    async def paced(self, limit: CampaignLimit, flow: Flow, pace: PaceSpec, deps: CallDeps) -> Pacer:
        """The campaign's own limits: its share of the concurrency, and the people that its calls end at.

        Raises PacingError when it counts on people and there are none to count on."""
        if not pace.by_people:
            return limit
        before = await callees_in_need(self.database, deps.clock, limit.campaign_id, pace)
        given = PaceDeps(
            bus=deps.bus,
            clock=deps.clock,
            concurrency=limit.concurrency,
            agents=deps.agents,
            queues=own_queues(flow),
            before=before,
            floor=self.floor,
        )
        return Least(limit, people_pacer(pace, given))

    async def join(self, limit: CampaignLimit) -> None:
        """The campaign begins here."""
        if self.quotas is not None:
            self.quotas.add(limit)
            await self.presence.renew()

    async def part(self, limit: CampaignLimit) -> None:
        """It has ended here."""
        if self.quotas is not None:
            self.quotas.remove(limit.campaign_id)
