"""When one call isn't recorded: while the robot asks for a secret and a moment longer, and while an agent who asks
for one wants quiet. It records again when none of these holds any more."""

from __future__ import annotations

import asyncio

from flows.waits import AskWait, IdentityWait, Wait
from trunk.ports import Call

LATE_KEY_S = 0.5  # after a secret: a key more, of those that keep on keying, comes sooner


def is_secret(wait: Wait | None) -> bool:
    """Whether it asks for what nobody may hear again; also while that is compared."""
    return isinstance(wait, IdentityWait) or (isinstance(wait, AskWait) and wait.expect.secret)


class Secrecy:
    """Give it the `call` once that is placed: before, nothing is recorded."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self._asked = False  # the robot asks for one …
        self._late: asyncio.TimerHandle | None = None  # … or did until a moment ago
        self._agents = 0  # so many others want quiet

    def heed(self, wait: Wait | None) -> None:
        """What the robot's flow waits for now. Quiet lasts over a secret's second attempt and its comparison."""
        secret = is_secret(wait)
        if self.call is None or secret is self._asked:
            return
        self._asked = secret
        if not secret:
            self._end_soon()
        elif not self._cancel_late():
            self.call.pause_recording()

    def key_pressed(self) -> None:
        """Who has keyed a secret may still be keying, and their phone's tones are sound."""
        if self._late is not None:
            self._end_soon()

    def keep_quiet(self, *, quiet: bool) -> None:
        """Somebody more wants quiet, or somebody less: a step back onto the secret may have begun before the one
        forward has been heeded."""
        self._agents += 1 if quiet else -1
        if self._agents > 0 and self.call is not None:
            self.call.pause_recording()
        else:
            self._resume()

    def close(self) -> None:
        """The call is over."""
        self._cancel_late()

    def _end_soon(self) -> None:
        self._cancel_late()
        self._late = asyncio.get_running_loop().call_later(LATE_KEY_S, self._over)

    def _cancel_late(self) -> bool:
        """Whether the moment after a secret was on."""
        late, self._late = self._late, None
        if late is not None:
            late.cancel()
        return late is not None

    def _over(self) -> None:
        self._late = None
        self._resume()

    def _resume(self) -> None:
        if self.call is not None and not self._asked and self._late is None and self._agents == 0:
            self.call.resume_recording()
