"""One connection to Asterisk's manager interface (AMI) that stays: panoramisk parses, and pairs answers with
actions; everything here is about what goes wrong around it.

- Nothing is ever sent twice: each connection has a panoramisk manager of its own, so no action outlives its
  connection (panoramisk would send unanswered ones again after a reconnect: a number dialled twice).
- Nothing waits for ever: each action has a deadline, and fails at once when the connection is lost.
- A wrong password, or something that isn't Asterisk, is a TrunkError at the start.
- A connection that says nothing any more is closed: our own Ping has a deadline.
- A message that panoramisk fails on costs that message, not the connection.

Reconnects by itself, and says so: `on_lost`, `on_absent` (nobody listens there), `on_back`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from trunk.asterisk.config import PbxConfig
from trunk.ports import TrunkError

log = logging.getLogger(__name__)

Fields = Mapping[str, Any]  # a message's headers, whatever their case: str, or list[str] of one that repeats
Values = Mapping[str, str | Sequence[str]]

EVENTS = "system,call,dtmf"  # `call` brings OriginateResponse, `system` FullyBooted, `dtmf` the keys' durations
CONNECT_S = 3.0
ANSWER_S = 5.0  # Asterisk answers within milliseconds; a PBX at its limit within a second
PING_S = 5.0
BOOT_S = 30.0  # Asterisk takes logins before it has loaded everything; a big configuration takes its time
BACKOFF_S = (0.05, 0.2, 0.5, 1.0)  # the last one stays: a PBX that is back is used within a second
REFUSED_S = 60.0  # between tries with a password that is refused: guards like fail2ban watch
_QUIET = logging.Logger("panoramisk", logging.CRITICAL)  # leads nowhere: panoramisk's lines carry numbers
MAX_PENDING_CHARS = 1_000_000  # of one unfinished message; the longest real ones have some thousands


def whole_number(value: object) -> int | None:
    """What a header says, where it is digits."""
    text = str(value or "")
    return int(text) if text.isdecimal() else None


class AmiError(Exception):
    """An action failed; the message says why, in Asterisk's words where it gave some."""


class AmiLostError(AmiError):
    """The connection broke (or stayed silent): nobody knows whether the action was carried out."""


class AmiRefusedError(AmiError):
    """Asterisk answered `Response: Error`: the action was not carried out."""


@dataclass(frozen=True, slots=True)
class AmiListener:
    """Who is told, on the loop. None of them may raise; `on_back` is awaited before anything else goes on."""

    on_event: Callable[[Fields], None]
    on_lost: Callable[[], None] = lambda: None
    on_absent: Callable[[], None] = lambda: None
    on_back: Callable[[], Awaitable[None]] | None = None


class Ami:
    """The connection. `ask` and `ask_list` send actions; events come to the listener."""

    def __init__(self, config: PbxConfig, listener: AmiListener, ping_s: float = PING_S) -> None:
        self._config = config
        self._listener = listener
        self._ping_s = ping_s
        self._link: _Link | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Logged in, and not known to be broken."""
        return self._link is not None and not self._link.lost.done()

    async def start(self) -> None:
        """Connect and log in. Raises TrunkError, one sentence, when that can't be done."""
        self._link = await self._connect()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Harmless when it is closed; actions under way fail with AmiLostError."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self._link is not None:
            self._link.drop("closed")
            self._link = None

    async def ask(self, values: Values, answer_s: float = ANSWER_S) -> Fields:
        """Send an action with one answer and give it.

        Raises AmiRefusedError, or AmiLostError (deadline included); ValueError for a value with a line break,
        which would begin another header."""
        link = self._link
        if link is None:
            raise AmiLostError("not connected")
        return await link.ask(values, answer_s)

    async def ask_list(self, values: Values, answer_s: float = ANSWER_S) -> Sequence[Fields]:
        """Send an action that is answered by a list of events; gives those. Raises like `ask`."""
        link = self._link
        if link is None:
            raise AmiLostError("not connected")
        return await link.ask_list(values, answer_s)

    async def _connect(self) -> _Link:
        config = self._config
        link = _Link(self._listener.on_event)
        try:
            await link.open(config.host, config.port)
        except (OSError, TimeoutError) as error:
            raise TrunkError(
                "Asterisk's manager interface at {host}:{port} can't be reached: {why} (fix: start Asterisk, and"
                " check host and port in [asterisk] and in manager.conf)",
                host=config.host,
                port=config.port,
                why=str(error) or "no answer",
            ) from error
        try:
            await self._log_in(link)
        except BaseException:
            link.drop("no login")
            raise
        return link

    async def _log_in(self, link: _Link) -> None:
        config = self._config
        where = {"host": config.host, "port": config.port}
        events = f"{EVENTS},user" if config.return_calls else EVENTS
        login = {"Action": "Login", "Username": config.user, "Secret": config.secret, "Events": events}
        try:
            await link.ask(login, ANSWER_S)
        except AmiRefusedError as error:
            raise LoginRefusedError(
                "Asterisk at {host}:{port} refuses the manager user {user} (fix: check user and secret in"
                " [asterisk] against manager.conf, and its permit lines)",
                user=config.user,
                **where,
            ) from error
        except AmiLostError as error:
            if link.greeted:
                raise TrunkError(
                    "Asterisk at {host}:{port} doesn't answer the login (fix: look into Asterisk's log)", **where
                ) from error
            raise TrunkError(
                "what listens at {host}:{port} isn't Asterisk's manager interface (fix: check host and port in"
                " [asterisk] and in manager.conf)",
                **where,
            ) from error
        try:
            async with asyncio.timeout(BOOT_S):
                await link.booted.wait()
        except TimeoutError:
            log.warning("ami_not_booted", extra={"after_s": BOOT_S})  # a user without `system` never hears it

    async def _keep(self) -> None:
        """Watch the connection; get it back whenever it is lost."""
        while True:
            assert self._link is not None
            why = await self._watch(self._link)
            log.error("ami_lost", extra={"why": why})
            self._listener.on_lost()
            self._link = await self._reconnect()
            log.warning("ami_back")
            if self._listener.on_back is not None:
                await self._listener.on_back()

    async def _watch(self, link: _Link) -> str:
        """Until the connection is lost. A half-open one, which TCP never notices, fails our Ping's deadline."""
        while True:
            await asyncio.wait([link.lost], timeout=self._ping_s)
            if link.lost.done():
                return link.lost.result()
            try:
                await link.ask({"Action": "Ping"}, self._ping_s)
            except AmiError as error:
                link.drop(f"ping: {error}")

    async def _reconnect(self) -> _Link:
        tries = 0
        while True:
            await asyncio.sleep(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
            tries += 1
            try:
                return await self._connect()
            except LoginRefusedError as error:
                log.error("ami_login_refused", extra={"why": str(error)})  # noqa: TRY400 - no fault of the code
                await asyncio.sleep(REFUSED_S)
            except TrunkError as error:
                if isinstance(error.__cause__, ConnectionRefusedError):
                    self._listener.on_absent()


class LoginRefusedError(TrunkError):
    """Wrong user or secret: trying again soon can't help."""


class _Protocol(AMIProtocol):  # type: ignore[misc]  # panoramisk has no types
    """panoramisk's parser, fenced: no message ends the connection, no flood without an end fills the memory."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.queue and len(self.queue[0]) > MAX_PENDING_CHARS:
            log.error("ami_flood", extra={"chars": len(self.queue[0])})
            self.queue.clear()
            self.transport.abort()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.log = _QUIET

    def handle_message(self, message: Any) -> None:
        try:
            super().handle_message(message)
        except Exception:  # it would end the connection, and the calls of everybody with it
            log.exception("ami_message_dropped")


class _Link(Manager):  # type: ignore[misc]  # panoramisk has no types
    """One connection, from its begin to its end: it never reconnects, so nothing is sent again."""

    def __init__(self, on_event: Callable[[Fields], None]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop=loop, log=_QUIET)
        self.lost: asyncio.Future[str] = loop.create_future()  # why
        self.booted = asyncio.Event()
        self._on_event = on_event
        self._waiting: set[asyncio.Future[Any]] = set()

    @property
    def greeted(self) -> bool:
        """Whether the other side has said that it is a manager interface."""
        return getattr(self.protocol, "version", None) is not None

    async def open(self, host: str, port: int) -> None:
        """Raises OSError, TimeoutError."""
        connected = self.loop.create_future()
        async with asyncio.timeout(CONNECT_S):
            connected.set_result(await self.loop.create_connection(_Protocol, host, port))
        self.connection_made(connected)
        self.pinger.cancel()  # theirs never notices that nothing comes back

    async def ask(self, values: Values, answer_s: float) -> Fields:
        # `as_list=False`: the first answer is the answer. An Originate's OriginateResponse comes as an event then,
        # and panoramisk doesn't ask a "queued" PlayDTMF for the header `Async` that it lacks.
        answer: Fields = await self._send(values, answer_s, as_list=False)
        return answer

    async def ask_list(self, values: Values, answer_s: float) -> Sequence[Fields]:
        answers = await self._send(values, answer_s, as_list=None)
        return list(answers[1:-1]) if isinstance(answers, list) else []

    async def _send(self, values: Values, answer_s: float, *, as_list: bool | None) -> Any:
        _refuse_line_breaks(values)
        if self.lost.done():
            raise AmiLostError(self.lost.result())
        action = Action(values)
        future = self.send_action(action, as_list=as_list)
        self._waiting.add(future)
        try:
            # Not wait_for: before Python 3.12 that swallows a cancellation that comes with the answer, and a
            # keeper that was told to end would go on for ever.
            async with asyncio.timeout(answer_s):
                answer = await future
        except TimeoutError:
            raise AmiLostError(f"no answer within {answer_s:g} s") from None
        finally:
            self._waiting.discard(future)
            self.protocol.responses.pop(action.id, None)
        first = answer[0] if isinstance(answer, list) else answer
        if first.get("Response") == "Error":
            raise AmiRefusedError(str(first.get("Message", "error")))
        return answer

    def drop(self, why: str) -> None:
        """Close the connection, whatever state it is in."""
        if self.protocol is not None:
            transport = self.protocol.transport
            self.protocol.close()
            transport.abort()  # an orderly end would wait for a peer that may be gone
        self._over(why)

    def dispatch(self, event: Any) -> None:
        """Called by the protocol with every event that answers no action."""
        if event.get("Event") == "FullyBooted":
            self.booted.set()
        self._on_event(event)

    def connection_lost(self, exc: object) -> None:
        """Called by the protocol; panoramisk's own would reconnect here."""
        self._over(str(exc) if isinstance(exc, Exception) else "closed by Asterisk")

    def _over(self, why: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(why)
        for future in tuple(self._waiting):
            if not future.done():
                future.set_exception(AmiLostError(why))


def _refuse_line_breaks(values: Values) -> None:
    for name, value in values.items():
        for line in (value,) if isinstance(value, str) else value:
            if "\r" in line or "\n" in line:
                raise ValueError(f"a line break in the header {name} of an action")
