"""What the dialer and supervisors do with whoever talks on a call: one base for the robot and for an agent."""

from __future__ import annotations

import asyncio

from ivr.ports import SecondLegs
from ivr.session.secrecy import Secrecy
from ivr.session.takeover import Takeover
from trunk.ports import Call, CallEvent, Cause, HungUp


class BaseSession:
    """The callee's call in the session's hands. Subclasses take its events."""

    _takeover: Takeover
    _done: asyncio.Future[None]

    def __init__(self) -> None:
        self._call: Call | None = None
        self._legs: SecondLegs | None = None
        self._hang_up_asked = False
        self._secrecy = Secrecy()

    def on_event(self, event: CallEvent) -> None:
        raise NotImplementedError

    def attach(self, call: Call, legs: SecondLegs | None = None) -> None:
        """The trunk's call, once originate has returned it; `legs` places legs to agents beside it."""
        self._call, self._legs, self._secrecy.call = call, legs, call
        if self._hang_up_asked:
            call.hangup()

    def hang_up(self) -> None:
        """End the call from outside: the run is being stopped."""
        self._hang_up_asked = True
        if self._call is not None:
            self._call.hangup()

    def close(self, cause: Cause) -> bool:
        """The network has lost the call and will never say so: end it here. False: it had ended before, and
        what is left of it is on its way."""
        if self._done.done():
            return False
        self.on_event(HungUp(asyncio.get_running_loop().time(), cause))
        return True

    def keep_quiet(self, *, quiet: bool) -> None:
        """Don't record while the customer says a secret to an agent; again when nobody is `quiet` any more."""
        self._secrecy.keep_quiet(quiet=quiet)

    @property
    def extra_s(self) -> float:
        """So much longer than others this call may last: somebody has taken it over."""
        return self._takeover.longest_s

    @property
    def call(self) -> Call | None:
        """The callee's, once it is placed."""
        return self._call

    @property
    def legs(self) -> SecondLegs | None:
        return self._legs
