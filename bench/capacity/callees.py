"""The load generator of `ivr bench capacity`: all callees in one process without an event loop.

`python -m bench.capacity.callees`, told by one JSON line on its input what to be; "end" on the next one has
everybody hang up. One socket for SIP and one for the sound of all calls: Asterisk sends each call's from a port of
its own, which tells them apart. Every 5 ms it takes what has come, and sends the frames of a quarter of the calls,
so that theirs are spread over the 20 ms as strangers' are. What is heard isn't decoded: whether it is silence
tells when a prompt is over. The kernel says when each frame came: the generator's own lateness isn't measured."""

from __future__ import annotations

import heapq
import json
import select
import socket
import struct
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bench.capacity import line, sip
from bench.capacity.people import FRAMES_PER_S, Callee, Load, Story, callee, key_of, number_of, recordings
from speech.audio import SAMPLES_PER_FRAME
from speech.audio.files import read_audio
from tests.softphone.errors import MessageError
from tests.softphone.messages import Request, Response, parse, reply, uri_of, user_of

PHASES = 4
PERIOD_S = 1 / FRAMES_PER_S / PHASES
RING_S = 0.3
RESEND_S = 0.5
RESENDS = 10
LAST_ANSWER_S = 2.0  # before a callee hangs up, so that no key is cut off
SO_TIMESTAMPNS = 35  # Linux, asm-generic/socket.h; Python has no name for it
BUFFER_BYTES = 4 << 20
ANCILLARY_BYTES = 64
STALL_S = 1.0  # of the generator itself: frames older than that aren't sent any more
SSRC = 0x1_0000  # plus the call's index
NOTHING = 1 << 63  # on a frame's number: it was silence
_STAMP = struct.Struct("@qq")
_HEADER = struct.Struct(">BBHII")


class Call:
    """One call's state; only what is needed per frame is on it."""

    __slots__ = (
        "callee", "dialogue", "heard", "index", "key_stamp", "quiet", "said", "sequence", "stamp",
        "story", "talking", "to", "until", "waits_for",
    )  # fmt: skip

    def __init__(self, index: int, who: Callee, dialogue: sip.Dialogue) -> None:
        self.index, self.callee, self.dialogue = index, who, dialogue
        self.to = (dialogue.offer.host, dialogue.offer.port)
        self.sequence, self.stamp = index & 0xFFFF, index * 160 & 0xFFFF_FFFF
        self.key_stamp = 0  # of the key that is down
        self.said: list[line.Said] = []  # still to be sent, the last one first
        self.heard, self.quiet = False, 0  # the robot since the last answer; frames of silence since
        self.talking = False  # between ACK and the end
        self.waits_for = ""  # ACK or BYE's 200
        self.until = 0.0
        self.story = Story(who.number)


class Generator:
    def __init__(self, load: Load) -> None:
        self.load = load
        self._recordings = [line.speech(read_audio(one.path)) for one in recordings()]
        self._noise = line.noise()
        self._sip = _socket(load.sip_port)
        self._rtp, self._rtcp = _socket(0), _socket(0)  # nobody reads RTCP
        self._rtp.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._rtp_port = self._rtp.getsockname()[1]
        self._calls: dict[str, Call] = {}  # by Call-ID
        self._by_port: dict[int, Call] = {}  # of Asterisk's sound
        self._phases: list[list[Call]] = [[] for _ in range(PHASES)]
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._stories: list[Story] = []
        self._numbered = 0
        self._tick = 0
        self._came, self._whose = array("d"), array("Q")
        self._ending = False
        self.strays = 0
        self.late_ticks = 0

    # ---- the loop --------------------------------------------------------------------------------------------

    def run(self) -> None:
        told = select.poll()
        told.register(sys.stdin, select.POLLIN)
        due_s, reported_s = time.monotonic(), 0.0
        while not (self._ending and not self._calls):
            now_s = time.monotonic()
            if now_s < due_s:
                time.sleep(due_s - now_s)
            elif now_s > due_s + 4 * PERIOD_S:
                self.late_ticks += 1
                if now_s > due_s + STALL_S:
                    due_s = now_s
            due_s += PERIOD_S
            self._drain()
            self._send(self._phases[self._tick % PHASES])
            if self._tick % PHASES == 0:
                self._housekeeping(told)
                if now_s - reported_s >= 1:
                    reported_s = now_s
                    self._report()
            self._tick += 1
        self._finish()

    def _housekeeping(self, told: select.poll) -> None:
        self._take_messages()
        now_s = time.monotonic()
        while self._timers and self._timers[0][0] <= now_s:
            heapq.heappop(self._timers)[2]()
        if not self._ending and self._tick % (PHASES * FRAMES_PER_S) == 0 and told.poll(0):
            sys.stdin.readline()
            self._ending = True
            for call in self._calls.values():
                call.until = min(call.until, now_s + LAST_ANSWER_S)

    def _drain(self) -> None:
        """Everything that has come since the last time."""
        receive, by_port, buffer = self._rtp.recvmsg_into, self._by_port, bytearray(2048)
        views, came, whose, silent = [buffer], self._came.append, self._whose.append, line.SILENT
        unpack = _STAMP.unpack
        while True:
            try:
                _, ancillary, _, sender = receive(views, ANCILLARY_BYTES)
            except BlockingIOError:
                return
            call = by_port.get(sender[1])
            if call is None:
                self.strays += 1
                continue
            seconds, nanoseconds = unpack(ancillary[0][2])
            came(seconds + nanoseconds * 1e-9)
            number = call.index << 16 | buffer[2] << 8 | buffer[3]
            if buffer.startswith(silent, 12):
                call.quiet += 1
                number |= NOTHING
            else:
                call.heard, call.quiet = True, 0
            whose(number)

    def _send(self, calls: Sequence[Call]) -> None:
        """One frame of each."""
        send, pack, noise, tick = self._rtp.sendto, _HEADER.pack, self._noise, self._tick // PHASES
        for call in calls:
            call.sequence = call.sequence + 1 & 0xFFFF
            call.stamp = call.stamp + SAMPLES_PER_FRAME & 0xFFFF_FFFF
            stamp = call.stamp
            if call.said:
                kind, payload, still = call.said.pop()
                if still:
                    if kind & line.MARKER:
                        call.key_stamp = stamp
                    stamp = call.key_stamp
            else:
                kind, payload = line.ALAW, noise[(tick + call.index) % line.NOISE_FRAMES]
                if call.heard and call.quiet >= call.callee.reaction_frames:
                    self._answer(call)
            send(pack(0x80, kind, call.sequence, stamp, SSRC + call.index) + payload, call.to)

    # ---- what callees do -------------------------------------------------------------------------------------

    def _answer(self, call: Call) -> None:
        call.heard = False
        if time.monotonic() > call.until - LAST_ANSWER_S:
            return
        if call.callee.says is None:
            pressed = key_of(call.callee.number, len(call.story.given))
            call.said = list(reversed(line.key(pressed, call.dialogue.key_type)))
            call.story.given.append(pressed)
        else:
            call.said = list(reversed(self._recordings[call.callee.says]))
            call.story.given.append("said")

    def _look_at_end(self, call: Call) -> None:
        """Every half second: whether this callee has talked enough."""
        if not call.talking:
            return
        if time.monotonic() >= call.until:
            self._hang_up(call)
        else:
            self._after(RESEND_S, lambda: self._look_at_end(call))

    def _hang_up(self, call: Call) -> None:
        self._stop_talking(call, "callee")
        call.waits_for = "BYE"
        self._resend(call, sip.bye(call.dialogue, self.load.sip_port), "BYE")

    def _stop_talking(self, call: Call, by: str) -> None:
        if call.talking:
            call.talking = False
            call.story.ended_at, call.story.ended_by = time.time(), by
            self._phases[call.index % PHASES].remove(call)
            self._by_port.pop(call.to[1], None)

    def _gone(self, call: Call) -> None:
        self._calls.pop(call.dialogue.invite.call_id, None)

    # ---- SIP -------------------------------------------------------------------------------------------------

    def _take_messages(self) -> None:
        while True:
            try:
                datagram, sender = self._sip.recvfrom(8192)
            except BlockingIOError:
                return
            try:
                message = parse(datagram)
                if isinstance(message, Request):
                    self._take_request(message, sender)
                else:
                    self._take_response(message)
            except (MessageError, ValueError):
                self.strays += 1

    def _take_request(self, request: Request, sender: tuple[str, int]) -> None:
        call = self._calls.get(request.call_id)
        if request.method == "INVITE":
            if call is None:
                self._ring(request, sender)
            elif call.talking:  # once more, or an offer anew: the same answer
                again = sip.Dialogue(request, call.dialogue.offer, call.dialogue.tag)
                self._sip.sendto(sip.accepted(again, self.load.sip_port, self._rtp_port), sender)
        elif request.method == "ACK":
            if call is not None and call.waits_for == "ACK":
                call.waits_for = ""
        else:
            self._sip.sendto(reply(request, 200, call.dialogue.tag if call else "", [sip.ALLOW]), sender)
            if call is not None and request.method in ("BYE", "CANCEL"):
                call.waits_for = ""
                self._stop_talking(call, "platform")
                if request.method == "CANCEL":
                    self._sip.sendto(reply(call.dialogue.invite, 487, call.dialogue.tag), sender)
                self._gone(call)

    def _take_response(self, response: Response) -> None:
        call = self._calls.get(response.call_id)
        if call is not None and response.method == "BYE":
            call.waits_for = ""
            self._gone(call)

    def _ring(self, invite: Request, sender: tuple[str, int]) -> None:
        who = callee(number_of(user_of(invite.uri)), self.load.speech_share, 0.0, self.load.says)
        call = Call(self._numbered, who, sip.dialogue(invite))
        self._numbered += 1
        self._calls[invite.call_id] = call
        self._stories.append(call.story)
        self._sip.sendto(sip.ringing(call.dialogue, self.load.sip_port), sender)
        self._after(RING_S, lambda: self._pick_up(call, sender))

    def _pick_up(self, call: Call, sender: tuple[str, int]) -> None:
        if call.dialogue.invite.call_id not in self._calls:
            return  # cancelled meanwhile
        call.talking, call.waits_for = True, "ACK"
        call.story.answered_at = time.time()
        longest_s = LAST_ANSWER_S if self._ending else self.load.call_s or float("inf")
        call.until = time.monotonic() + longest_s
        self._by_port[call.to[1]] = call
        self._phases[call.index % PHASES].append(call)
        answer = sip.accepted(call.dialogue, self.load.sip_port, self._rtp_port)
        self._resend(call, answer, "ACK", sender)
        self._after(RESEND_S, lambda: self._look_at_end(call))

    def _resend(
        self, call: Call, datagram: bytes, until: str, to: tuple[str, int] | None = None, sent: int = 0
    ) -> None:
        """Until `until` has come, or in vain."""
        if sent and call.waits_for != until:
            return
        if sent > RESENDS:
            self._stop_talking(call, "platform")
            self._gone(call)
            return
        self._sip.sendto(datagram, to or _contact_of(call.dialogue))
        self._after(RESEND_S, lambda: self._resend(call, datagram, until, to, sent + 1))

    def _after(self, delay_s: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + delay_s, id(then), then))

    # ---- what it says ----------------------------------------------------------------------------------------

    def _report(self) -> None:
        held = sum(len(phase) for phase in self._phases)
        _say({"held": held, "begun": self._numbered, "late_ticks": self.late_ticks})

    def _finish(self) -> None:
        stamps, numbers = np.asarray(self._came), np.asarray(self._whose, dtype=np.uint64)
        silent, whose = numbers >= np.uint64(NOTHING), numbers & np.uint64(NOTHING - 1)
        np.savez(self.load.arrivals, came=stamps, whose=whose, silent=silent)
        _say({"stories": [asdict(story) for story in self._stories], "strays": self.strays})


def _contact_of(dialogue: sip.Dialogue) -> tuple[str, int]:
    """Where requests to Asterisk go: its contact's address."""
    host, _, port = uri_of(dialogue.invite.headers.get("contact")).rpartition("@")[2].partition(":")
    return host.split(";")[0], int(port.split(";")[0] or 5060)


def _socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    made.bind((sip.HOST, port))
    made.setblocking(False)
    return made


def _say(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - read by the parent


def main() -> None:
    generator = Generator(Load(**json.loads(sys.stdin.readline())))
    _say({"listens": True})
    generator.run()


if __name__ == "__main__":
    main()
