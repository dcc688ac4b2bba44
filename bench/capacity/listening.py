"""Whether a worker of `ivr bench capacity` hears its callees: once a second it is looked into each call's ear.

Callees have a quiet line's hiss, so an ear with nothing in it is deaf. Frames are not touched: what is looked at
is the last second and a half, which the ear keeps anyway."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import Any
from weakref import WeakSet

from ivr.session.session import CallSession
from speech.audio import SILENCE_FRAME

LOOK_S = 1.0


class Listening:
    """Of one worker process. `begin` before its first call, `run` on its loop, `write` in the end."""

    def __init__(self) -> None:
        self._sessions: WeakSet[CallSession] = WeakSet()
        self._looks: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])  # by phone: looked, heard

    def begin(self) -> None:
        """Know of every call from now on."""
        usual, sessions = CallSession.__init__, self._sessions

        def init(session: CallSession, *given: Any, **named: Any) -> None:
            usual(session, *given, **named)
            sessions.add(session)

        CallSession.__init__ = init  # type: ignore[method-assign, assignment]  # of every call

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            for session in tuple(self._sessions):
                if session.record.answered_at is not None and session.record.ended_at is None:
                    self._look(session)

    def _look(self, session: CallSession) -> None:
        look = self._looks[session.attempt.phone]
        look[0] += 1
        look[1] += any(frame != SILENCE_FRAME for frame in session._ear._frames)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(self._looks), "ascii")
