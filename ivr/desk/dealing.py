"""Claims of one process, dealt together: those that come while a deal is under way share the next one.

When an agent is free everybody who waits for one claims at the same moment. A transaction for each of them took as
many turns at the desk's lock, and kept the process busy while its calls are to be heard (decision 200)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ivr.database import Database
from ivr.desk import waiting
from ivr.desk.leasing import Leased
from ivr.desk.waiting import Claim


class Dealing:
    """Of one worker. `deal` may be called any number of times at once."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._next: list[tuple[Claim, asyncio.Future[Leased | None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def deal(self, claim: Claim) -> Leased | None:
        """The agent whom this customer gets, reserved; None: nobody now. Raises what the database raises."""
        answer: asyncio.Future[Leased | None] = asyncio.get_running_loop().create_future()
        self._next.append((claim, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._deal_all(), name="deal")
        return await answer

    async def _deal_all(self) -> None:
        while self._next:
            asked, self._next = self._next, []
            try:
                found = await self._take([claim for claim, _ in asked])
            except Exception as error:  # noqa: BLE001 each of those who claim hears of it
                for _, answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for (_, answer), leased in zip(asked, found, strict=True):
                    if not answer.done():
                        answer.set_result(leased)
        self._task = None

    async def _take(self, claims: Sequence[Claim]) -> list[Leased | None]:
        now = self._database.clock.now()
        return await self._database.run(lambda session: waiting.take(session, claims, self._worker, now))
