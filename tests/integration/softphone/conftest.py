"""A caller of the bare minimum, to try the softphone without a PBX: an INVITE, and what a test sends after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from tests.asterisk_rig.fixture import asterisk_rig
from tests.softphone.media import Media
from tests.softphone.messages import Request, Response, compose, parse, reply, token
from tests.softphone.sdp import Codec, parse_offer
from trunk.ticker import Ticker

__all__ = ["asterisk_rig"]  # the session's Asterisk, started when the first test wants it

WAIT_S = 20.0
CODECS = {8: "a=rtpmap:8 PCMA/8000", 0: "a=rtpmap:0 PCMU/8000", 18: "a=rtpmap:18 G729/8000"}


@dataclass
class Caller(asyncio.DatagramProtocol):
    """Sends what it is told to; keeps every response and request it gets, in `inbox`."""

    phone_port: int
    inbox: list[Request | Response] = field(default_factory=list)
    answers_bye: bool = True
    port: int = 0
    call_id: str = field(default_factory=token)
    to: str = ""
    media: Media | None = None

    def __post_init__(self) -> None:
        self._arrived = asyncio.Event()
        self._branch = token()
        self._ticker: Ticker[Media] = Ticker(lambda members: members[0].send())

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = parse(data)
        self.inbox.append(message)
        if isinstance(message, Response) and message.headers.get("to"):
            self.to = message.headers.get("to")
        elif isinstance(message, Request) and message.method == "BYE" and self.answers_bye:
            self.transport.sendto(reply(message, 200, "caller"), addr)
        self._arrived.set()

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]

    def close(self) -> None:
        self.transport.close()
        if self.media is not None:
            self._ticker.discard(self.media)
            self.media.close()

    async def talk(self, code: int = 200) -> Media:
        """Our audio, both ways, with whoever gave that response."""
        where = parse_offer((await self.response(code)).body)
        assert self.media is not None
        self.media.redirect(where.host, where.port)
        self._ticker.add(self.media)
        return self.media

    def send(self, method: str, user: str = "callee", cseq: int = 1, body: bytes = b"") -> None:
        """ACK and CANCEL belong to the INVITE's transaction; anything else gets one of its own."""
        branch = self._branch if method in ("INVITE", "ACK", "CANCEL") else token()
        uri = f"sip:{user}@127.0.0.1:{self.phone_port}"
        pairs = [
            ("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK{branch}"),
            ("From", "<sip:10086@127.0.0.1>;tag=caller"),
            ("To", f"<{uri}>" if method in ("INVITE", "CANCEL") or not self.to else self.to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", f"<sip:10086@127.0.0.1:{self.port}>"),
        ]
        datagram = compose(f"{method} {uri} SIP/2.0", pairs, body)
        self.transport.sendto(datagram, ("127.0.0.1", self.phone_port))

    def invite(self, user: str = "callee", codecs: tuple[int, ...] = (8, 0), keys: int | None = 101) -> None:
        codec: Codec = "ulaw" if codecs[0] == 0 else "alaw"
        self.media = Media("127.0.0.1", codec, keys, lambda: None)
        self.send("INVITE", user, body=self.offer(codecs, keys))

    def offer(self, codecs: tuple[int, ...] = (8, 0), keys: int | None = 101, port: int | None = None) -> bytes:
        assert self.media is not None
        types = [*codecs] if keys is None else [*codecs, keys]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        lines += [f"m=audio {port or self.media.port} RTP/AVP {' '.join(map(str, types))}"]
        lines += [CODECS[codec] for codec in codecs]
        lines += [] if keys is None else [f"a=rtpmap:{keys} telephone-event/8000"]
        return "\r\n".join([*lines, ""]).encode()

    async def response(self, code: int, method: str = "INVITE") -> Response:
        """The first response with this code, come or still to come."""

        def found() -> list[Response]:
            responses = (message for message in self.inbox if isinstance(message, Response))
            return [one for one in responses if (one.code, one.method) == (code, method)]

        await self.until(lambda: bool(found()))
        return found()[0]

    async def request(self, method: str) -> Request:
        def found() -> list[Request]:
            return [one for one in self.inbox if isinstance(one, Request) and one.method == method]

        await self.until(lambda: bool(found()))
        return found()[0]

    def count(self, what: int | str) -> int:
        """How many responses with this code, or requests of this method, have come."""
        return sum(what == (m.code if isinstance(m, Response) else m.method) for m in self.inbox)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Asked again whenever something has come."""
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self._arrived.clear()
                await self._arrived.wait()


NewCaller = Callable[[int], Awaitable[Caller]]


@pytest.fixture
async def new_caller() -> AsyncIterator[NewCaller]:
    """`await new_caller(phone.port)`: as many as a test wants, closed after it."""
    callers: list[Caller] = []

    async def open_one(phone_port: int) -> Caller:
        caller = Caller(phone_port)
        await caller.open()
        callers.append(caller)
        return caller

    yield open_one
    for caller in callers:
        caller.close()
