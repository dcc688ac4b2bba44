"""A customer is identified through a real Asterisk, by a system that is asked over HTTP; a phone whose keys sound
leaves no tone of them in the recording, but for those pressed before the question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop

from ivr.config import CheckerSettings
from ivr.dialling import run_dialling
from speech.audio import FRAME_BYTES
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.asterisk_rig.one_call import one_call, sides, write_sound
from tests.other_systems import served_by_thread
from tests.shared_prompts import with_shared_prompts
from tests.softphone.key_tones import HIGH_HZ, KEYPAD, LOW_HZ, key_in_frame
from tests.softphone.pickups import Times
from tests.softphone.thread import SoftphoneThread
from trunk.carrier.callees import Callee, CalleeBook
from trunk.carrier.sounds import tone

__all__ = ["asterisk_rig"]

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.timeout(120)]

PHONE, PASSWORD, WRONG, BEFORE = "+8613800000001", "493827", "611620", "55"
FLOW = """\
schema: 1
flow: who
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 120}
start: greet
nodes:
  greet: {play: {say: "Hello, this is the automated assistant of {company}. This call is recorded."}, next: who}
  who:
    identity:
      methods: [{by: password, prompt: {say: "Please key in your password."}, min: 6, max: 6}]
    verified: verified
    failed: end
    unavailable: end
  verified: {play: identity.verified, disposition: verified, next: end}
  end: {hangup: }
"""


class Crm(BaseHTTPRequestHandler):
    """Knows one password."""

    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        type(self).asked.append(question)
        body = json.dumps({"result": "right" if question["digits"] == PASSWORD else "wrong"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def crm() -> Iterator[str]:
    Crm.asked = []
    with served_by_thread(Crm) as address:
        yield f"{address}/check"


def test_keys_are_compared_and_nowhere_recorded(
    asterisk_rig: AsteriskRig, crm: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name, digits in (("before", BEFORE), ("asked", WRONG)):
        write_sound(tmp_path / f"{name}.wav", _tones(digits))
    does = [
        {"on": "greet", "at_s": 0.3, "say": {"wav": "before.wav"}},
        {"on": "who", "say": {"wav": "asked.wav"}},  # a phone whose keys are nothing but sound: in vain
        {"on": "who", "keys": f"{WRONG}#"},
        {"on": "who", "keys": f"{PASSWORD}#"},
    ]
    book = CalleeBook(callees={PHONE: Callee.model_validate({"ring_s": 0.3, "does": does})}, folder=tmp_path)
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)
    checkers = {"crm": CheckerSettings(url=crm)}
    options = one_call(asterisk_rig, tmp_path, var, FLOW, PHONE, checkers=checkers)
    with SoftphoneThread(asterisk_rig.callee_port, book, Times()) as phone:
        phone.prepare()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results = runner.run(run_dialling(options, phone.observer))

    (attempt,) = results.attempts
    assert attempt.disposition == "verified"
    assert [(one.method, one.result, one.tries) for one in attempt.identity] == [("password", "verified", 2)]
    assert [(one["method"], one["digits"]) for one in Crm.asked] == [("password", WRONG), ("password", PASSWORD)]
    for secret in (WRONG, PASSWORD):
        assert secret not in results.model_dump_json()
        for left in tmp_path.glob("calls.db*"):
            assert secret.encode() not in left.read_bytes()
    callee, we = sides(tmp_path / "recordings" / str(attempt.recording))
    assert _keyed(_tones(WRONG)) == set(WRONG)
    assert _keyed(callee.tobytes()) == set(BEFORE)  # it did record, and finds what is there
    assert np.abs(we.astype(int)).max() > 1000


def _tones(digits: str) -> bytes:
    """As a keypad sounds: 100 ms each."""
    parts = []
    for key in digits:
        row = next(number for number, keys in enumerate(KEYPAD) if key in keys)
        pair = (LOW_HZ[row], HIGH_HZ[KEYPAD[row].index(key)])
        both = sum(np.frombuffer(tone(hz, 100), "<i2").astype(float) / 2 for hz in pair)
        parts += [np.asarray(both).astype("<i2").tobytes(), bytes(5 * FRAME_BYTES)]
    return b"".join(parts)


def _keyed(pcm: bytes) -> set[str]:
    """The keys whose tones are in the sound."""
    frames = (pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES))
    return {key for frame in frames if (key := key_in_frame(frame)) is not None}
