"""The simulated network beyond the contract: seeds, lists of pickups, machines, noise against speech, sounds."""

from __future__ import annotations

import ast
import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trunk
from ivr.i18n import translate, use_language
from ivr.virtual_loop import VirtualClock, run_virtual
from speech.audio.levels import rms_dbfs
from trunk.carrier import ATTEMPT_NUMBER, CalleeBook, Carrier, CarrierConfig, CarrierError
from trunk.carrier.callees import Callee, Say, Step, Voicemail
from trunk.carrier.callees_file import _OTHERWISE, _SENTENCES
from trunk.carrier.causes import Pickup
from trunk.carrier.sounds import tone
from trunk.ports import CallEvent, DialOutcome, HungUp, OriginateRequest

pytestmark = pytest.mark.unit
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PHONE = "+8613800000001"


class Listener:
    """Remembers events and audio; says nothing."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.frames: list[bytes] = []
        self.over = asyncio.Event()

    def on_event(self, event: CallEvent) -> None:
        self.events.append(event)
        if isinstance(event, HungUp):
            self.over.set()

    def on_tick(self, frame: bytes) -> bytes | None:
        self.frames.append(frame)
        return None

    @property
    def outcome(self) -> DialOutcome:
        assert isinstance(self.events[-1], HungUp)
        return self.events[-1].cause.outcome


async def speak(text: str, voice: str) -> bytes:
    """Synthesises nothing: the text is a number of milliseconds of tone."""
    return tone(440, int(text), dbfs=-20)


def run(book: CalleeBook, scenario: Callable[[Carrier], Coroutine[Any, Any, Any]], **config: Any) -> Any:
    async def main(clock: VirtualClock) -> Any:
        carrier = Carrier(book, CarrierConfig(**config), speak)
        await clock.outside(carrier.start())
        result = await scenario(carrier)
        await carrier.close()
        return result

    return run_virtual(main, START)


async def dial(carrier: Carrier, phone: str = PHONE, **request: Any) -> Listener:
    listener = Listener()
    await carrier.originate(OriginateRequest(f"{phone}/{id(listener)}", phone, **request), listener)
    return listener


class TestSeed:
    BOOK = CalleeBook(
        defaults=Callee(
            pickup=(Pickup.VOICEMAIL,), ring_s=(1, 9), noise_snr_db=20, loss=0.05, voicemail=Voicemail(listen_s=2)
        )
    )

    def finger_prints(self, phones: Sequence[str], seed: int) -> dict[str, str]:
        """Everything that happens on each phone's call, times and audio, as a hash."""

        async def scenario(carrier: Carrier) -> dict[str, str]:
            listeners = {phone: await dial(carrier, phone) for phone in phones}
            for listener in listeners.values():
                await listener.over.wait()
            return {
                phone: hashlib.sha256(repr((listener.events, listener.frames)).encode()).hexdigest()
                for phone, listener in listeners.items()
            }

        result: dict[str, str] = run(self.BOOK, scenario, seed=seed)
        return result

    def test_a_seed_is_a_network_whatever_the_order_of_the_calls(self) -> None:
        phones = [f"+861380000000{number}" for number in range(5)]
        first = self.finger_prints(phones, seed=1)
        assert len(set(first.values())) == 5
        assert self.finger_prints(phones[::-1], seed=1) == first
        assert not set(self.finger_prints(phones, seed=2).values()) & set(first.values())

    def test_a_second_try_is_another_one(self) -> None:
        async def scenario(carrier: Carrier) -> list[float]:
            tries = []
            for _ in range(2):
                began = asyncio.get_running_loop().time()
                listener = await dial(carrier)
                await listener.over.wait()
                tries.append(round(listener.events[0].at_s - began, 6))
            return tries

        first, second = run(self.BOOK, scenario)
        assert first != second


class TestPickups:
    BOOK = CalleeBook(callees={PHONE: Callee(pickup=(Pickup.BUSY, Pickup.REJECT, Pickup.CONGESTION))})

    def test_each_try_meets_the_next_one_and_the_last_one_stays(self) -> None:
        async def scenario(carrier: Carrier) -> list[DialOutcome]:
            outcomes = []
            for _ in range(4):
                listener = await dial(carrier)
                await listener.over.wait()
                outcomes.append(listener.outcome)
            return outcomes

        assert run(self.BOOK, scenario) == [
            DialOutcome.BUSY,
            DialOutcome.REJECTED,
            DialOutcome.CONGESTION,
            DialOutcome.CONGESTION,
        ]

    def test_the_engine_may_say_which_try_it_is(self) -> None:
        """After a restart the network must not begin anew."""

        async def scenario(carrier: Carrier) -> DialOutcome:
            listener = await dial(carrier, variables={ATTEMPT_NUMBER: "2"})
            await listener.over.wait()
            return listener.outcome

        assert run(self.BOOK, scenario) is DialOutcome.REJECTED

    def test_the_network_gives_up_ringing_after_a_minute(self) -> None:
        book = CalleeBook(defaults=Callee(pickup=(Pickup.NO_ANSWER,)))

        async def scenario(carrier: Carrier) -> tuple[float, str]:
            listener = await dial(carrier, ring_timeout_s=300)
            await listener.over.wait()
            end = listener.events[-1]
            assert isinstance(end, HungUp)
            return end.at_s - listener.events[0].at_s, end.cause.by

        assert run(book, scenario) == (pytest.approx(60), "network")


class TestAudio:
    def test_a_machine_speaks_then_beeps_then_is_silent(self) -> None:
        machine = Callee(pickup=(Pickup.VOICEMAIL,), voicemail=Voicemail(beep_hz=1400, listen_s=3))

        async def scenario(carrier: Carrier) -> list[bytes]:
            listener = await dial(carrier)
            await listener.over.wait()
            return listener.frames

        frames = run(CalleeBook(defaults=machine), scenario)
        loud = [rms_dbfs(frame) > -60 for frame in frames]
        assert not any(loud[:24])
        assert sum(loud[24:224]) > 120  # 4 s of greeting, with its pauses
        assert all(loud[225:243])  # 0.4 s of beep
        assert not any(loud[245:])
        assert len(frames) == pytest.approx(25 + 200 + 20 + 150, abs=2)
        spectrum = np.abs(np.fft.rfft(np.frombuffer(b"".join(frames[225:243]), np.int16)))
        assert np.argmax(spectrum) * 8000 / (18 * 160) == pytest.approx(1400, abs=5)

    def test_noise_is_measured_against_the_callees_own_speech(self) -> None:
        callee = Callee(noise_snr_db=15, does=(Step(on="a", say=Say(text="2000")),))

        async def scenario(carrier: Carrier) -> list[bytes]:
            listener = await dial(carrier)
            await asyncio.sleep(10)
            return listener.frames

        frames = run(CalleeBook(defaults=callee), scenario)
        assert rms_dbfs(b"".join(frames)) == pytest.approx(-20 - 15, abs=0.5)

    def test_events_of_the_flow_for_calls_that_are_over_are_harmless(self) -> None:
        async def scenario(carrier: Carrier) -> None:
            carrier.observe("nobody", "prompt_ended", "a")

        run(CalleeBook(), scenario)


class TestErrors:
    @pytest.mark.parametrize(
        ("text", "speaker", "sentence"),
        [
            ("900", None, "900 can't be said without a synthesiser (fix: give a wav instead)"),
            ("61000", speak, "61000 lasts longer than 60 s (fix: cut it, or say it in several steps)"),
        ],
    )
    def test_sounds_that_cannot_be_had(self, text: str, speaker: Any, sentence: str) -> None:
        book = CalleeBook(defaults=Callee(does=(Step(on="a", say=Say(text=text)),)))

        async def main(clock: VirtualClock) -> None:
            with pytest.raises(CarrierError) as caught:
                await clock.outside(Carrier(book, speak=speaker).start())
            assert str(caught.value) == sentence

        run_virtual(main, START)

    def test_a_trunk_needs_a_channel(self) -> None:
        with pytest.raises(CarrierError, match="0 channels"):
            CarrierConfig(channels=0)

    def test_every_sentence_has_its_chinese(self) -> None:
        templates = {*_SENTENCES.values(), _OTHERWISE}
        for path in Path(trunk.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and node.args:
                    first = node.args[0]
                    if getattr(node.func, "id", "") == "CarrierError" and isinstance(first, ast.Constant):
                        templates.add(str(first.value))
        use_language("zh-CN")
        try:
            missing = [template for template in templates if translate(template) == template]
        finally:
            use_language("en")
        assert missing == []
        assert len(templates) > 20
