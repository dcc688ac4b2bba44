"""`ivr.ports.AgentSupply` over the database: agents who sign in and customers who wait for them, whichever worker
their calls are in.

What calls of this process change is known here at once, so whoever waits in it claims at once; what others change,
agents included, is looked up every LOOK_EVERY_S. A run with a database of its own is `alone`: while none of its
calls needs an agent it looks only when something ends by itself, so that hours of virtual time cost nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import datetime

from sqlalchemy.orm import Session

from flows.results import TransferStatus
from ivr.config import DeskSettings
from ivr.database import Database, DatabaseError
from ivr.desk import waiting
from ivr.desk.dealing import Dealing
from ivr.desk.leasing import Holder, Leased, move_held, renew
from ivr.desk.outlook import mean_talks
from ivr.desk.presence import Change, end_by_itself
from ivr.desk.seen import NOTHING, Seen, see
from ivr.desk.waiting import Claim
from ivr.model import AgentState, HandoffResult
from ivr.ports import Admission, Agent, Request, Staff, Standing

log = logging.getLogger(__name__)
LOOK_EVERY_S = 1.0
USUAL = DeskSettings()
MEANS_EVERY_S = 60.0
AWAY: frozenset[TransferStatus] = frozenset({"busy", "no_answer", "machine"})  # whose phone said so isn't there
OfRequest = Callable[[Session, Request, datetime], None]
LOOKS = 5  # while calls change what is looked at; then it is left for the next time


class DeskAgents:
    """Opened by `start`, closed by `close`."""

    def __init__(
        self,
        database: Database,
        worker: str,
        settings: DeskSettings = USUAL,
        *,
        alone: bool = False,
    ) -> None:
        self._database = database
        self._worker = worker
        self._settings = settings
        self._alone = alone
        self._seen = NOTHING
        self._seen_at = 0  # the number of changes then
        self._requests: dict[str, Request] = {}  # that aren't over, by attempt
        self._means: Mapping[str, float] | None = None
        self._means_s = 0.0
        self._held: dict[str, tuple[Leased, Holder]] = {}  # by agent's number
        self._renewed_s = 0.0
        self._dealing = Dealing(database, worker)
        self._changes = 0  # of what is seen, by calls of this process
        self._news = asyncio.Event()  # somebody may be free; each piece of news ends it, and the next has another
        self._asked = asyncio.Event()  # ends a long pause between looks
        self._watchers: list[Callable[[], None]] = []
        self._looking: asyncio.Task[None] | None = None

    @property
    def queues(self) -> Collection[str]:
        return self._seen.queues.keys()

    @property
    def longest_talk_s(self) -> float:
        return self._seen.longest_talk_s

    async def open(self, stack: AsyncExitStack) -> DeskAgents:
        """Start; `stack` closes it."""
        await self.start()
        stack.push_async_callback(self.close)
        return self

    async def start(self) -> None:
        """Look at the desk, then again and again."""
        await self._look()
        self._looking = asyncio.create_task(self._keep_looking(), name="desk")

    async def close(self) -> None:
        """Calls are over by now: nothing is held any more."""
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    # ---- AgentSupply ------------------------------------------------------------------------------------------

    async def ask(self, request: Request) -> Admission:
        if request.queue not in self._seen.queues:
            if not self._alone:  # who is at the screen of such a run is told there
                log.warning("no_such_queue", extra={"queue": request.queue})
            return Admission(HandoffResult.NO_QUEUE)
        now, means = self._database.clock.now(), await self._mean_talks()
        refused, promise_s = await self._database.run(
            lambda session: waiting.enter(session, request, self._worker, means, now)
        )
        if refused is None:
            self._requests[request.attempt_id] = request
            self._asked.set()
        return Admission(refused, promise_s=promise_s, told_every_s=self._settings.told_every_s)

    async def claim(self, request: Request, tried: frozenset[str], wait_s: float = 0.0) -> Agent | None:
        if request.attempt_id not in self._requests:
            return None
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        asked = False
        while True:
            news = self._news  # from before the look: what comes during the claim isn't missed
            if not asked or self._somebody_ready(request, tried):
                asked = True
                agent = await self._take(request, tried)
                if agent is not None:
                    return agent
            if loop.time() >= until_s or request.attempt_id not in self._requests:
                return None
            if not self._may_come(request, tried):
                return None
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), min(LOOK_EVERY_S, until_s - loop.time()))

    async def standing(self, request: Request) -> Standing | None:
        if request.attempt_id not in self._requests:
            return None
        now, means = self._database.clock.now(), await self._mean_talks()
        return await self._database.read(lambda session: waiting.place_of(session, request, means, now))

    def leave(self, request: Request) -> None:
        if self._requests.pop(request.attempt_id, None) is not None:
            self._tell_news()  # who claims for it stops

    async def talking(self, agent: Agent) -> None:
        if agent.number in self._held:
            leased, holder = self._held[agent.number]
            change = Change(AgentState.TALKING, self._worker, attempt_id=holder.attempt_id)
            await self._move(leased, holder, change, waiting.talks)

    async def release(self, agent: Agent, status: TransferStatus) -> None:
        if agent.number not in self._held:
            return
        held = self._held[agent.number]
        leased, holder = held
        kept = None if status in {"answered", "caller_left", "callback"} else waiting.back_in_line
        await self._move(leased, holder, self._after(leased, holder, status), kept)
        if self._held.get(agent.number) is held:  # else another call has the agent already
            del self._held[agent.number]

    def staff(self, queues: Collection[str]) -> Staff:
        return self._seen.staff(queues, self._database.clock.now(), asyncio.get_running_loop().time())

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    def forget(self, changed: Callable[[], None]) -> None:
        self._watchers.remove(changed)

    # ---- rows -------------------------------------------------------------------------------------------------

    async def _take(self, request: Request, tried: frozenset[str]) -> Agent | None:
        leased = await self._dealing.deal(Claim(request, tried))
        if leased is None:
            return None
        self._held[leased.number] = (leased, Holder(self._worker, request.attempt_id))
        self._note(leased.number, AgentState.RESERVED)
        return Agent(
            number=leased.number,
            phone=leased.phone,
            trunk=leased.trunk,
            language=leased.language,
            ring_s=leased.queue.ring_s,
            longest_talk_s=leased.queue.longest_talk_s,
        )

    def _somebody_ready(self, request: Request, tried: frozenset[str]) -> bool:
        """Whether it is worth asking the database."""
        return any(one.state is AgentState.READY for one in self._seen.able(request.queue, tried))

    def _may_come(self, request: Request, tried: frozenset[str]) -> bool:
        """Whether anybody is signed in who hasn't been tried: they may rest and come back."""
        return any(True for _ in self._seen.able(request.queue, tried))

    async def _mean_talks(self) -> Mapping[str, float]:
        """`outlook.mean_talks`, of a minute ago at most."""
        loop_s = asyncio.get_running_loop().time()
        if self._means is None or loop_s - self._means_s > MEANS_EVERY_S:
            now = self._database.clock.now()
            self._means = await self._database.read(lambda session: mean_talks(session, now))
            self._means_s = loop_s
        return self._means

    async def _move(self, leased: Leased, holder: Holder, change: Change, then: OfRequest | None = None) -> None:
        """What the database can't be told now comes true when the lease runs out."""
        now, request = self._database.clock.now(), self._requests.get(holder.attempt_id or "")

        def move(session: Session) -> AgentState | None:
            became = move_held(session, leased, change, holder, now)
            if request is not None and then is not None:
                then(session, request, now)
            return became

        try:
            became = await self._database.run(move)
        except DatabaseError as error:
            log.warning("agent_not_moved", extra={"agent": leased.number, "reason": type(error).__name__})
            return
        if became is None:
            log.warning("agent_lease_lost", extra={"agent": leased.number})
        elif self._held.get(leased.number) == (leased, holder):  # else another call has the agent already
            self._note(leased.number, became)

    def _after(self, leased: Leased, holder: Holder, status: TransferStatus) -> Change:
        """What an agent does after a call that came to this."""
        if status == "answered" and leased.queue.wrap_up_s > 0:
            return Change(AgentState.WRAP_UP, self._worker, None, holder.attempt_id, leased.queue.wrap_up_s)
        if status in AWAY:
            return Change(AgentState.AWAY, self._worker, status, for_s=self._settings.away_s)
        return Change(AgentState.READY, self._worker)

    async def _keep_looking(self) -> None:
        while True:
            await self._pause()
            try:
                await self._renew()
            except DatabaseError as error:
                log.warning("agents_not_renewed", extra={"reason": type(error).__name__})
            await self._try_to_look()

    async def _pause(self) -> None:
        """Until the next look."""
        if not self._alone or self._held or self._requests or self._seen_at != self._changes:
            await asyncio.sleep(LOOK_EVERY_S)
            return
        self._asked.clear()
        ends_at, now = self._seen.ends_at, self._database.clock.now()
        with suppress(TimeoutError):
            # What is over and couldn't be ended is looked at no sooner: in virtual time that was for ever.
            wait_s = None if ends_at is None else max(LOOK_EVERY_S, (ends_at - now).total_seconds())
            await asyncio.wait_for(self._asked.wait(), wait_s)

    async def _try_to_look(self) -> None:
        """What a call came to mustn't depend on whether the desk can be seen now: it will be, soon."""
        try:
            await self._look()
        except DatabaseError as error:
            log.warning("desk_not_seen", extra={"reason": type(error).__name__})

    async def _renew(self) -> None:
        loop_s = asyncio.get_running_loop().time()
        if not (self._held or self._requests) or loop_s - self._renewed_s < waiting.LEASE_S / 4:
            return
        self._renewed_s = loop_s
        now, held = self._database.clock.now(), [leased.agent_id for leased, _ in self._held.values()]
        requests = list(self._requests.values())

        def renew_all(session: Session) -> None:
            renew(session, self._worker, held, now)
            waiting.renew(session, self._worker, requests, now)

        await self._database.run(renew_all)

    async def _look(self) -> None:
        for _ in range(LOOKS):
            changes = self._changes
            seen = await self._look_once()
            if changes == self._changes:  # else it may be older than what is known here
                self._seen_at = changes
                self._know(seen)
                return

    async def _look_once(self) -> Seen:
        now = self._database.clock.now()
        seen = await see(self._database, now)
        if seen.over:
            await self._database.run(lambda session: self._end_what_is_over(session, now))
            seen = await see(self._database, now)
        return seen

    def _note(self, number: str, state: AgentState) -> None:
        """What a call of this process has done with an agent."""
        self._changes += 1
        self._know(self._seen.after(number, state, self._database.clock.now()))

    def _know(self, seen: Seen) -> None:
        before, self._seen = self._seen, seen
        if seen == before:
            return
        self._tell_news()
        for changed in self._watchers:
            changed()

    def _tell_news(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _end_what_is_over(self, session: Session, now: datetime) -> None:
        waiting.end_of_gone(session, now)
        end_by_itself(session, self._worker, now)
