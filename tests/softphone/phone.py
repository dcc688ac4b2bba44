"""The phone: one UDP port for SIP, any number of callees behind it, one 20 ms clock for all their audio.

Who is dialled decides what happens: `on(user, behaviour)`, or `behaviour` for everybody else. A behaviour is a
coroutine that acts on one call; it is cancelled when the phone is switched off, and its fault is raised then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from tests.softphone.call import Line, SipCall
from tests.softphone.calling import OutgoingCall
from tests.softphone.errors import CallEndedError, MessageError
from tests.softphone.messages import Request, parse, reply, token, user_of
from tests.softphone.sdp import Codec
from trunk.ticker import Ticker

Behaviour = Callable[[SipCall], Awaitable[None]]
WAIT_S = 20.0  # for a call that a test expects
KEPT_CALLS = 2000  # the newest; older ones are forgotten with what they heard
ALLOW = ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")

log = logging.getLogger(__name__)


async def answers(call: SipCall) -> None:
    """The behaviour of a callee who picks up at once and says nothing."""
    call.ring()
    call.answer()


class Softphone:
    """`async with Softphone(port) as phone:`; port 0 takes any."""

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        behaviour: Behaviour = answers,
        codecs: Sequence[Codec] = ("alaw", "ulaw"),
    ) -> None:
        self.host, self.port = host, port
        self.behaviour = behaviour
        self.codecs = tuple(codecs)
        self.reachable = True  # False: nothing is answered at all, as behind a cut line
        self.answers_options = True  # False: a qualifying PBX finds us dead, but calls still come in
        self.options_seen = 0
        self.registrations: list[str] = []  # users who registered with us
        self.calls: list[SipCall] = []
        self.strays = 0  # datagrams that weren't SIP
        self._behaviours: dict[str, Behaviour] = {}
        self._dialogs: dict[str, SipCall] = {}
        self._unclaimed: list[SipCall] = []
        self._arrived = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[BaseException] = []
        self._ticker: Ticker[SipCall] = Ticker(self._serve)
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Receiver(self._receive), local_addr=(self.host, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        """End what is left without a word. Raises the faults of behaviours as an ExceptionGroup."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for call in self._dialogs.values():
            call.close()
        if self._transport is not None:
            self._transport.close()
            await asyncio.sleep(0)  # the transport closes its socket in the loop's next turn
            self._transport = None
        if self._faults:
            raise BaseExceptionGroup("behaviours failed", self._faults)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def on(self, user: str, behaviour: Behaviour) -> None:
        """What calls to this user meet from now on."""
        self._behaviours[user] = behaviour

    @property
    def live(self) -> list[SipCall]:
        """Calls that aren't over."""
        return [call for call in self._dialogs.values() if call.end is None]

    @property
    def missed_ticks(self) -> int:
        """How often the clock came a whole tick late or more: this machine was too busy."""
        return self._ticker.missed_ticks

    def call(self, caller: str, user: str, port: int) -> OutgoingCall:
        """Call somebody at that port of this machine, as `caller`."""
        there = (self.host, port)
        line = Line(self.host, self.port, lambda datagram: self._send(datagram, there), self._set_ticking)
        call = OutgoingCall(caller, user, line, port, self.codecs)
        self._dialogs[call.invite.call_id] = call
        call.dial()
        return call

    async def next_call(self, user: str | None = None, timeout_s: float = WAIT_S) -> SipCall:
        """The oldest call (to that user) that wasn't asked for yet. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while True:
                for call in self._unclaimed:
                    if user is None or call.user == user:
                        self._unclaimed.remove(call)
                        return call
                self._arrived.clear()
                await self._arrived.wait()

    # ---- SIP -------------------------------------------------------------------------------------------------

    def _receive(self, datagram: bytes, sender: tuple[str, int]) -> None:
        if not self.reachable or not datagram.strip():  # blank lines keep a NAT open
            return
        try:
            message = parse(datagram)
        except MessageError as error:
            self.strays += 1
            log.warning("not_sip", extra={"reason": str(error)})
            return
        call = self._dialogs.get(message.call_id)
        if call is not None:
            call.take(message)
        elif isinstance(message, Request) and message.method != "ACK":
            self._take_first(message, sender)

    def _take_first(self, request: Request, sender: tuple[str, int]) -> None:
        """A request outside every dialog that we know."""
        match request.method:
            case "INVITE":
                self._begin(request, sender)
                return
            case "OPTIONS":
                self.options_seen += 1
                if not self.answers_options:
                    return
                answered = reply(request, 200, token(), [ALLOW])
            case "REGISTER":
                self.registrations.append(user_of(request.headers.get("to")))
                contact = request.headers.get("contact")
                answered = reply(request, 200, token(), [("Contact", f"{contact};expires=3600")])
            case "BYE" | "CANCEL":
                answered = reply(request, 481, token())
            case _:
                answered = reply(request, 405, token(), [ALLOW])
        self._send(answered, sender)

    def _begin(self, invite: Request, sender: tuple[str, int]) -> None:
        line = Line(self.host, self.port, lambda datagram: self._send(datagram, sender), self._set_ticking)
        call = SipCall(invite, line, self.codecs)
        self._dialogs[invite.call_id] = call
        self.calls.append(call)
        self._unclaimed.append(call)
        self._forget_old()
        task = asyncio.get_running_loop().create_task(self._behave(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._arrived.set()

    async def _behave(self, call: SipCall) -> None:
        try:
            await self._behaviours.get(call.user, self.behaviour)(call)
        except CallEndedError:
            pass  # the other side was quicker
        except Exception as error:
            log.exception("behaviour_failed")
            self._faults.append(error)
            call.hang_up()

    def _forget_old(self) -> None:
        while len(self.calls) > KEPT_CALLS and self.calls[0].end is not None:
            oldest = self.calls.pop(0)
            oldest.close()
            self._dialogs.pop(oldest.invite.call_id, None)
            if oldest in self._unclaimed:
                self._unclaimed.remove(oldest)

    def _send(self, datagram: bytes, receiver: tuple[str, int]) -> None:
        if self._transport is not None and self.reachable:
            self._transport.sendto(datagram, receiver)

    # ---- audio -----------------------------------------------------------------------------------------------

    def _set_ticking(self, call: SipCall, ticking: bool) -> None:
        if ticking:
            self._ticker.add(call)
        else:
            self._ticker.discard(call)

    def _serve(self, calls: tuple[SipCall, ...]) -> None:
        for call in calls:
            if call.end is None:
                call.tick()


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, receive: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._receive(data, addr)
