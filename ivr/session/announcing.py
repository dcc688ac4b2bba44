"""What a callee is told who waits in a line: their place, how long it is likely to be, and by which key they are
called back instead. Once at the entry, then every so often; once more when it takes longer than was promised."""

from __future__ import annotations

import asyncio
import logging
from math import ceil

from flows.waits import PromptRef, TransferWait
from ivr.database import DatabaseError
from ivr.errors import IvrError
from ivr.ports import Standing
from ivr.session.comfort import Comfort
from ivr.session.deps import CallDeps
from ivr.session.handover import Handover
from prompts.errors import PromptError
from speech.ports import SpeechError

log = logging.getLogger(__name__)
CALLBACK_KEY = "1"
MINUTE_S = 60
LATE_PROMPT = PromptRef(id="common.queue_late")
CALLBACK_PROMPT = PromptRef(id="common.queue_callback", variables={"key": CALLBACK_KEY}, types={"key": "digits"})


def place_prompt(standing: Standing) -> PromptRef:
    """The place and the wait in whole minutes, or the place alone."""
    variables: dict[str, str | int | float | bool | None] = {"position": standing.position}
    types = {"position": "integer"}
    if standing.likely_s is None:
        return PromptRef(id="common.queue_place", variables=variables, types=types)
    variables["wait"] = max(1, ceil(standing.likely_s / MINUTE_S)) * MINUTE_S
    return PromptRef(id="common.queue_position", variables=variables, types=types | {"wait": "duration"})


class Announcing:
    """From its making until `stop`."""

    def __init__(self, wait: TransferWait, handover: Handover, comfort: Comfort, deps: CallDeps) -> None:
        self.offered_callback = False  # the key counts from now on
        self._wait = wait
        self._handover = handover
        self._comfort = comfort
        self._deps = deps
        self._late = False
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._tell())

    def stop(self) -> None:
        """Harmless when it has been stopped."""
        task, self._task = self._task, None  # a cancelled task keeps what it was in: this
        if task is not None:
            task.cancel()

    async def _tell(self) -> None:
        """What can't be said isn't: the callee hears the comfort alone."""
        try:
            while self._handover.wanted:
                if self._handover.waiting:
                    await self._try_to_tell()
                await asyncio.sleep(self._next_s())
        except (PromptError, SpeechError, IvrError) as error:
            log.warning("place_not_said", extra={"reason": error.template})

    async def _try_to_tell(self) -> None:
        """Where they stand isn't known while the database is away: then they are told the next time."""
        try:
            await self._tell_once()
        except DatabaseError as error:
            log.warning("place_not_known", extra={"reason": type(error).__name__})

    async def _tell_once(self) -> None:
        standing = await self._handover.standing()
        if standing is None:
            return
        late = not self._late and self._handover.waited_s >= self._handover.admission.promise_s
        self._late = self._late or late
        prompts = [*((LATE_PROMPT,) if late else ()), place_prompt(standing)]
        if self._wait.callback:
            prompts.append(CALLBACK_PROMPT)
        audio = await self._deps.clock.outside(self._deps.speaker.render(tuple(prompts)))
        if self._handover.waiting:
            self._comfort.say_next(audio)
            self.offered_callback = self._wait.callback

    def _next_s(self) -> float:
        """To the next time, or to the moment when it takes longer than was promised."""
        admission = self._handover.admission
        late_s = admission.promise_s - self._handover.waited_s
        if not self._late and 0 < late_s < admission.told_every_s:
            return late_s
        return admission.told_every_s
