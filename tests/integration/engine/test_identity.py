"""Identity checks in calls over the simulated network: right, wrong, locked, nobody there to ask; and the digits,
keyed, in no event, row, log line, result or recording."""

from __future__ import annotations

import logging
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ivr.config import IdentitySettings, Settings
from ivr.identity.hashes import make_hash
from ivr.session.progress import Understood
from speech.audio import FRAME_BYTES
from tests.softphone.key_tones import key_in_frame
from trunk.carrier.call import CarrierCall
from trunk.carrier.sounds import tone

pytestmark = pytest.mark.integration

PASSWORD, TAIL, WRONG = "493827", "607315", "118822"
FLOW = """\
schema: 1
flow: who
language: zh-CN
purpose: service
needs: {password_hash: text, id_hash: text}
constants: {company: {type: text, value: 晴川通信}}
limits: {call_s: 600}
start: greet
nodes:
  greet: {play: {say: "您好,这里是{company}的智能语音助手,本次通话会录音。"}, next: who}
  who:
    identity:
      methods:
        - {by: password, prompt: {say: 请输入密码。}, against: password_hash, tries: 2}
        - {by: id, prompt: {say: 请输入证件后六位。}, against: id_hash, tries: 2}
      save_as: came_to
    verified: verified
    failed: failed
    locked: locked
    unavailable: unavailable
  verified: {play: identity.verified, disposition: verified, next: end}
  failed: {play: identity.failed, disposition: unverified, next: end}
  locked: {hangup: , disposition: locked}
  unavailable: {hangup: , disposition: not_checked}
  end: {hangup: }
"""


@pytest.fixture(scope="module")
def hashes() -> dict[str, str]:
    return {"password_hash": make_hash(PASSWORD), "id_hash": make_hash(TAIL)}


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "who.yaml"
    path.write_text(FLOW, encoding="utf-8")
    return path


def keys(*entries: str) -> list[dict[str, str]]:
    return [{"on": "who", "keys": entry} for entry in entries]


def test_each_callee_is_told_apart(bench: Any, flow: Path, hashes: dict[str, str]) -> None:
    callees = [
        {"does": keys(f"{PASSWORD}#")},
        {"does": keys(f"{WRONG}#", f"{PASSWORD}#")},
        {"does": keys("*", f"{TAIL}#")},
        {"does": keys(f"{WRONG}#", f"{WRONG}#", f"{TAIL}#")},
        {"does": keys(*[f"{WRONG}#"] * 4)},
        {"does": keys("*", "*")},
        {"does": []},
        {"does": [*keys(f"{WRONG}#"), {"on": "who", "hang_up": True}]},
    ]
    done = bench(callees, flow=flow, row=hashes)

    def came_to(number: int) -> list[tuple[str, str, int]]:
        attempt = done.of(number)[0]
        return [(one.method, one.result, one.tries) for one in attempt.identity]

    assert came_to(1) == [("password", "verified", 1)]
    assert came_to(2) == [("password", "verified", 2)]
    assert came_to(3) == [("password", "refused", 0), ("id", "verified", 1)]
    assert came_to(4) == [("password", "failed", 2), ("id", "verified", 1)]
    assert came_to(5) == [("password", "failed", 2), ("id", "failed", 2)]
    assert came_to(6) == [("password", "refused", 0), ("id", "refused", 0)]
    assert came_to(7) == [("password", "no_input", 0), ("id", "no_input", 0)]
    assert came_to(8) == [("password", "failed", 1)]  # counted, though they hung up
    dispositions = [done.of(number)[0].disposition for number in range(1, 8)]
    assert dispositions == ["verified"] * 4 + ["unverified"] * 3


def test_without_anything_to_compare_with_nobody_is_verified(bench: Any, flow: Path, tmp_path: Path) -> None:
    """Neither an entry of theirs, nor one that isn't a hash; and by a system that isn't asked in a rehearsal."""
    does = [{"does": keys(f"{PASSWORD}#", f"{PASSWORD}#")}]
    plain = {"password_hash": PASSWORD, "id_hash": PASSWORD}
    assert bench(does, flow=flow, row=plain).only().disposition == "not_checked"
    asks = tmp_path / "asks.yaml"
    text = FLOW.replace("flow: who", "flow: asks").replace(", against: password_hash", "")
    asks.write_text(text.replace(", against: id_hash", ""), encoding="utf-8")
    assert bench(does, flow=asks, row=plain).only().disposition == "not_checked"


def test_a_number_is_locked_over_its_calls(bench: Any, flow: Path, hashes: dict[str, str]) -> None:
    """Four wrong entries are one too many: the right one isn't looked at, until a day is over."""
    settings = Settings(identity=IdentitySettings(wrong_at_most=3))
    callees = [{"does": keys(f"{WRONG}#", f"{WRONG}#", f"{WRONG}#", f"{TAIL}#")}]
    done = bench(callees, flow=flow, row=hashes, settings=settings)
    attempt = done.only()
    assert attempt.disposition == "locked"
    assert [(one.method, one.result, one.tries) for one in attempt.identity] == [
        ("password", "failed", 2),
        ("id", "locked", 1),
    ]
    assert bench(callees, flow=flow, row=hashes).only().disposition == "verified"  # by the usual limit it isn't


def test_the_digits_are_kept_nowhere(
    bench: Any,
    flow: Path,
    tmp_path: Path,
    hashes: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    switches: list[str] = []
    for name in ("pause_recording", "resume_recording"):
        real = getattr(CarrierCall, name)

        def switch(call: CarrierCall, name: str = name, real: Any = real) -> None:
            switches.append(name)
            real(call)

        monkeypatch.setattr(CarrierCall, name, switch)
    caplog.set_level(logging.DEBUG)
    tones = tmp_path / "tones.wav"
    with wave.open(str(tones), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(_tones(WRONG))
    does = [
        {"on": "who", "say": {"wav": "tones.wav"}},  # a phone whose keys are nothing but sound
        {"on": "who", "keys": f"{WRONG}#"},
        {"on": "who", "keys": f"{PASSWORD}#"},
    ]
    options = bench.options([{"does": does}], flow=flow, row=hashes, record=tmp_path / "recordings")
    done = bench.run(options)

    assert done.only().disposition == "verified"
    assert [event.meaning for event in done.events if isinstance(event, Understood)] == ["no_input", "***", "***"]
    assert switches == ["pause_recording", "resume_recording"]  # silent while it is compared as well
    for digits in (WRONG, PASSWORD):
        assert not [event for event in done.events if digits in repr(event)]
        assert digits not in caplog.text
        assert digits not in done.results.model_dump_json()
        for file_ in tmp_path.glob("run*.db*"):
            assert digits.encode() not in file_.read_bytes()
    (recording,) = (tmp_path / "recordings").glob("*.wav")
    with wave.open(str(recording), "rb") as audio:
        stereo = np.frombuffer(audio.readframes(audio.getnframes()), "<i2").reshape(-1, 2)
    callee = np.ascontiguousarray(stereo[:, 0]).tobytes()
    assert keyed(_tones(WRONG)) == set(WRONG)  # what would be found if it were there
    assert keyed(callee) == set()
    assert np.abs(stereo[:, 1]).max() > 3000  # and it did record


def _tones(digits: str) -> bytes:
    low = dict(zip("123456789*0#", [697] * 3 + [770] * 3 + [852] * 3 + [941] * 3, strict=True))
    high = dict(zip("123456789*0#", [1209, 1336, 1477] * 4, strict=True))
    parts = []
    for key in digits:
        one, other = (np.frombuffer(tone(hz, 100), "<i2") // 2 for hz in (low[key], high[key]))
        parts += [(one + other).tobytes(), bytes(1600)]
    return b"".join(parts)


def keyed(pcm: bytes) -> set[str]:
    """The keys whose tones are in the sound."""
    frames = (pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES))
    return {key for frame in frames if (key := key_in_frame(frame)) is not None}
