"""A call that the phone makes: the other end of the same dialog (RFC 3261 §13), with the talk of every call.

The INVITE that a `SipCall` goes by is written here as the other side would have sent it, so that requests inside
the dialog find their addresses in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from tests.softphone import sdp
from tests.softphone.call import CallState, Line, SipCall
from tests.softphone.media import Media
from tests.softphone.messages import Headers, Request, Response, compose, parameter, token
from tests.softphone.resend import Resender
from tests.softphone.sdp import Codec

KEY_TYPE = 101


class OutgoingCall(SipCall):
    """From `caller` to `user` at that port of this machine. `answered`, or `ended` with the refusal's code."""

    def __init__(self, caller: str, user: str, line: Line, port: int, codecs: Sequence[Codec]) -> None:
        self._uri = f"sip:{user}@{line.host}:{port}"
        super().__init__(self._mirrored(caller, self._uri, line.host), line, codecs)
        self._trying.cancel()
        self.ringing = asyncio.Event()
        self.caller, self.user = user, caller  # who is on the other side, and who we are
        self._branch = f"z9hG4bK{token()}"
        self._cseq = 1
        self._media = Media(line.host, self.codecs[0], KEY_TYPE, self._quiet.set)
        self._invite = Resender(self._send, lambda: self._end("not acknowledged"))

    def _mirrored(self, caller: str, uri: str, host: str, tag: str = "") -> Request:
        theirs = f"<{uri}>;tag={tag}" if tag else f"<{uri}>"
        pairs = (("From", theirs), ("To", f"<sip:{caller}@{host}>"), ("Contact", f"<{uri}>"))
        known = getattr(self, "invite", None)
        call_id = known.call_id if known is not None else f"{token()}@{host}"
        return Request(
            "INVITE", f"sip:{caller}@{host}", Headers((*pairs, ("Call-ID", call_id), ("CSeq", "0 INVITE")))
        )

    def dial(self) -> None:
        assert self._media is not None
        body = sdp.offer(self.codecs, self._line.host, self._media.port, KEY_TYPE)
        self._invite.start(self._own("INVITE", body))

    def cancel(self) -> None:
        """Hang up before they have answered."""
        self._send(self._own("CANCEL"))

    def take(self, message: Request | Response) -> None:
        if not isinstance(message, Response) or message.method != "INVITE":
            super().take(message)
            return
        self._invite.stop()
        if message.code == 180:
            self.ringing.set()
        if message.code < 200:
            return
        tag = parameter(message.headers.get("to"), "tag")
        self.invite = self._mirrored(self.user, self._uri, self._line.host, tag)
        self._send(self._own("ACK", tag=tag))
        if self.state is not CallState.INVITED:
            return
        if message.code >= 300:
            self._end("refused", message.code)
            return
        assert self._media is not None
        described = sdp.parse_offer(message.body)
        self._media.redirect(described.host, described.port)
        self._line.ticking(self, True)
        self.state, self.answered_s = CallState.ANSWERED, time.monotonic()
        self.acked.set()
        self.answered.set()

    def close(self) -> None:
        self._invite.stop()
        if self.state is CallState.INVITED:
            self._end("closed")
        super().close()

    def _own(self, method: str, body: bytes = b"", tag: str = "") -> bytes:
        """A request of the call's first transaction."""
        via = f"SIP/2.0/UDP {self._line.host}:{self._line.port};branch={self._branch};rport"
        to = f"<{self._uri}>;tag={tag}" if tag else f"<{self._uri}>"
        ours = f"<sip:{self.user}@{self._line.host}>;tag={self._tag}"
        pairs = [("Via", via), ("Max-Forwards", "70"), ("From", ours), ("To", to)]
        pairs += [("Call-ID", self.invite.call_id), ("CSeq", f"1 {method}"), self._contact]
        return compose(f"{method} {self._uri} SIP/2.0", pairs, body)
