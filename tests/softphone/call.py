"""One call at the phone: what whoever answers may do with it, and the SIP dialog behind that (RFC 3261 §12-15).

`_end` is the only place where a call ends. What can't be done any more because the call is over raises
CallEndedError, which ends a behaviour quietly: people stop talking when the other side has hung up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from speech.audio import FRAME_MS
from tests.softphone import sdp
from tests.softphone.errors import CallEndedError, CallStateError, MessageError
from tests.softphone.heard import Heard, HeardKey
from tests.softphone.media import Media, Source
from tests.softphone.messages import Request, Response, compose, reply, token, uri_of, user_of
from tests.softphone.resend import Resender
from tests.softphone.saying import KEY_GAP_MS, KEY_MS, Playing, Pressing
from tests.softphone.sdp import Codec

TRYING_AFTER_S = 0.1  # RFC 3261 §17.2.1: within 200 ms, unless something better was said
Reason = Literal["cancelled", "refused", "they hung up", "we hung up", "not acknowledged", "closed"]


class CallState(Enum):
    INVITED = auto()
    ANSWERED = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class End:
    reason: Reason
    at_s: float
    code: int | None = None  # of a refusal


@dataclass(frozen=True, slots=True)
class Line:
    """What the phone lends each of its calls."""

    host: str
    port: int
    send: Callable[[bytes], None]  # one datagram, to whoever sent the INVITE
    ticking: Callable[[SipCall, bool], None]  # put the call on the phone's clock, or take it off


class SipCall:
    """Times are the loop's; audio is s16le mono 8 kHz."""

    def __init__(self, invite: Request, line: Line, codecs: Sequence[Codec]) -> None:
        self.user = user_of(invite.uri)  # who was dialled
        self.caller = user_of(uri_of(invite.headers.get("from")))
        self.invite = invite
        self.codecs = tuple(codecs)
        self.state = CallState.INVITED
        self.silent = False  # True: the network swallows everything, both ways
        self.takes_key_events = True  # False, before it answers: no RFC 4733; its keys are tones in its sound
        self.invited_s = time.monotonic()
        self.answered_s: float | None = None
        self.end: End | None = None
        self.answered, self.acked, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.reinvites = 0
        self._offer: sdp.Offer | None = None
        self._line = line
        self._tag = token()
        self._cseq = 0
        self._hanging_up = False  # as soon as the answer is acknowledged
        self._media: Media | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._last_reply: bytes | None = None  # to the INVITE
        self._last_cseq = invite.cseq
        self._final = Resender(self._send, lambda: self._end("not acknowledged"))
        self._bye = Resender(self._send, lambda: None)
        self._trying = asyncio.get_running_loop().call_later(TRYING_AFTER_S, self._try)

    # ---- before the answer -----------------------------------------------------------------------------------

    def ring(self) -> None:
        """180, without audio."""
        self._need(CallState.INVITED)
        self._reply_to_invite(180)

    def progress(self) -> None:
        """183 with audio from now on: ring-back music, an announcement. The call isn't answered."""
        self._need(CallState.INVITED)
        media = self._begin_media()
        if media is not None:
            self._reply_to_invite(183, body=self._description(media))

    def answer(self) -> None:
        """200; without a codec in common it becomes a 488."""
        self._need(CallState.INVITED)
        media = self._begin_media()
        if media is None:
            return
        self.state = CallState.ANSWERED
        self.answered_s = time.monotonic()
        self._reply_to_invite(200, body=self._description(media))
        self.answered.set()

    def reject(self, code: int, headers: Mapping[str, str] | None = None) -> None:
        """Any refusal, 300 to 699, with any headers (`Reason`, `Retry-After`)."""
        self._need(CallState.INVITED)
        self._reply_to_invite(code, tuple((headers or {}).items()))
        self._end("refused", code)

    # ---- talking ---------------------------------------------------------------------------------------------

    def play(self, pcm: bytes) -> Playing:
        """Say this after what is being said already; also before the answer, after `progress`."""
        media = self._talking()
        self._quiet.clear()
        return media.play(pcm)

    def keys(self, keys: str, duration_ms: int = KEY_MS, gap_ms: int = KEY_GAP_MS) -> None:
        """Press these, one after the other, after what is being said (RFC 4733)."""
        media = self._talking()
        if media.key_type is None:
            raise CallStateError("the caller doesn't take keys: its offer has no telephone-event")
        media.saying.press(keys, duration_ms, gap_ms)
        self._quiet.clear()

    def stop(self) -> None:
        """Break off what is being said."""
        self._talking().saying.stop(time.monotonic())

    async def said(self) -> None:
        """Until everything asked for was said and pressed, or the call is over."""
        await self._quiet.wait()

    def set_source(self, source: Source | None) -> None:
        """The line's own sound, whenever nothing is said."""
        self._talking().source = source

    def hang_up(self) -> None:
        """BYE, once the caller has acknowledged the answer; 480 before the answer; harmless afterwards.

        A callee must not send BYE before the ACK (RFC 3261, section 15): a caller that has yet to see the answer
        knows no dialog to end, refuses the BYE, and is left with a call."""
        if self.state is CallState.INVITED:
            self.reject(480)
        elif self.state is CallState.ANSWERED and not self.acked.is_set():
            self._hanging_up = True
        elif self.state is CallState.ANSWERED:
            self._end("we hung up")
            self._cseq += 1
            self._bye.start(self._request("BYE", self._cseq))

    # ---- what was heard, said and pressed --------------------------------------------------------------------

    @property
    def now_s(self) -> float:
        return time.monotonic()

    @property
    def quiet(self) -> bool:
        """Whether everything asked for was said and pressed."""
        return self._quiet.is_set()

    @property
    def heard(self) -> bytes:
        """From the answer to the end, or until now, on the wall clock: silence where nothing came."""
        if self.answered_s is None or self._media is None:
            return b""
        until_s = time.monotonic() if self.end is None else self.end.at_s
        whole_s = (until_s - self.answered_s) * 1000 // FRAME_MS * FRAME_MS / 1000
        return self.ear.pcm(self.answered_s, self.answered_s + whole_s)

    @property
    def ear(self) -> Heard:
        """Every packet with its time; empty before there was audio."""
        return Heard() if self._media is None else self._media.heard

    @property
    def keys_heard(self) -> list[HeardKey]:
        return self.ear.keys

    @property
    def played(self) -> list[Playing]:
        return [] if self._media is None else self._media.saying.played

    @property
    def pressed(self) -> list[Pressing]:
        return [] if self._media is None else self._media.saying.pressed

    # ---- for the phone ---------------------------------------------------------------------------------------

    def tick(self) -> None:
        if self._media is not None and not self.silent:
            self._media.send()

    def take(self, message: Request | Response) -> None:
        """A message of this dialog."""
        if self.silent:
            return
        if isinstance(message, Response):
            if message.method == "BYE" and message.code >= 200:
                self._bye.stop()
            return
        match message.method:
            case "INVITE":
                self._take_invite(message)
            case "ACK":
                self._final.stop()
                if self.state is CallState.ANSWERED:
                    self.acked.set()
                    if self._hanging_up:
                        self.hang_up()
            case "CANCEL":
                self._take_cancel(message)
            case "BYE":
                self._send(reply(message, 200, self._tag))
                self._end("they hung up")
            case "OPTIONS" | "INFO" | "UPDATE":
                self._send(reply(message, 200, self._tag))
            case _:
                self._send(reply(message, 405, self._tag))

    def close(self) -> None:
        """The phone is switched off: nothing more is sent. Only who never had a word from us is refused: else the
        INVITE comes again for half a minute (RFC 3261, timer B), and is a call to the next phone on this port."""
        if self.state is CallState.INVITED and (self.silent or self._last_reply is None):
            self.silent = False
            self._send(reply(self.invite, 480, self._tag))
        self._end("closed")
        self._final.stop()
        self._bye.stop()

    # ---- the dialog ------------------------------------------------------------------------------------------

    def _need(self, state: CallState) -> None:
        if self.state is CallState.ENDED:
            raise CallEndedError("the call is over")
        if self.state is not state:
            raise CallStateError(f"the call is {self.state.name.lower()}, not {state.name.lower()}")

    def _talking(self) -> Media:
        if self.state is CallState.ENDED:
            raise CallEndedError("the call is over")
        if self._media is None:
            raise CallStateError("there is no audio before `progress` or `answer`")
        return self._media

    def _try(self) -> None:
        if self._last_reply is None and self.state is CallState.INVITED:
            self._reply_to_invite(100)

    def _begin_media(self) -> Media | None:
        """The call's audio, opened by the first who needs it; None after a refusal for want of a codec."""
        if self._media is None:
            try:
                offer = self._offered(self.invite.body)
            except MessageError:
                self.reject(488)
                return None
            codec = sdp.choose(offer, self.codecs)
            if codec is None:
                self.reject(488)
                return None
            self._offer = offer
            self._media = Media(self._line.host, codec, offer.key_type, self._quiet.set)
            self._media.redirect(offer.host, offer.port)
            self._line.ticking(self, True)
        return self._media

    def _offered(self, body: bytes) -> sdp.Offer:
        """Raises MessageError."""
        offer = sdp.parse_offer(body)
        return offer if self.takes_key_events else replace(offer, key_type=None)

    def _description(self, media: Media) -> bytes:
        assert self._offer is not None, "there is no audio without an offer"
        return sdp.answer(self._offer, media.codec, self._line.host, media.port, 1 + self.reinvites)

    def _reply_to_invite(self, code: int, headers: tuple[tuple[str, str], ...] = (), body: bytes = b"") -> None:
        self._trying.cancel()
        self._last_reply = reply(self.invite, code, self._tag, (*headers, self._contact), body)
        if code >= 200:
            self._final.start(self._last_reply)
        else:
            self._send(self._last_reply)

    def _take_invite(self, invite: Request) -> None:
        if invite.cseq == self._last_cseq:  # sent again: our reply was lost
            if self._last_reply is not None:
                self._send(self._last_reply)
        elif self.state is CallState.ANSWERED and self._media is not None:
            self._renegotiate(invite, self._media)
        else:
            self._send(reply(invite, 481 if self.state is CallState.ENDED else 491, self._tag))

    def _renegotiate(self, invite: Request, media: Media) -> None:
        """A re-INVITE: the audio may go elsewhere; the codec stays."""
        self.invite, self._last_cseq = invite, invite.cseq
        self.reinvites += 1
        try:
            if invite.body:
                self._offer = offer = self._offered(invite.body)
                media.redirect(offer.host, offer.port)
        except MessageError:
            self._reply_to_invite(488)
            return
        self._reply_to_invite(200, body=self._description(media))

    def _take_cancel(self, cancel: Request) -> None:
        self._send(reply(cancel, 200, self._tag))
        if self.state is CallState.INVITED:
            self._reply_to_invite(487)
            self._end("cancelled")

    def _end(self, reason: Reason, code: int | None = None) -> None:
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self.end = End(reason, time.monotonic(), code)
        self._trying.cancel()
        if reason in ("they hung up", "we hung up"):
            self._final.stop()
        if self._media is not None:
            self._line.ticking(self, False)
            self._media.close()
            self._media.heard.arrived.set()
        self._quiet.set()
        self.ended.set()

    @property
    def _contact(self) -> tuple[str, str]:
        return "Contact", f"<sip:{self.user}@{self._line.host}:{self._line.port}>"

    def _request(self, method: str, cseq: int) -> bytes:
        """A request of ours inside the dialog (RFC 3261 §12.2.1.1)."""
        headers = self.invite.headers
        ours = headers.get("to").split(";tag=")[0] + f";tag={self._tag}"
        via = f"SIP/2.0/UDP {self._line.host}:{self._line.port};branch=z9hG4bK{token()}"
        pairs = [("Via", via), ("Max-Forwards", "70"), *(("Route", r) for r in headers.all("record-route"))]
        pairs += [("From", ours), ("To", headers.get("from")), ("Call-ID", self.invite.call_id)]
        pairs += [("CSeq", f"{cseq} {method}"), self._contact]
        return compose(f"{method} {uri_of(headers.get('contact'))} SIP/2.0", pairs)

    def _send(self, datagram: bytes) -> None:
        if not self.silent:
            self._line.send(datagram)
