"""Two hundred calls, forty at a time, through a real Asterisk to scripted people by SIP: what they did is what the
result says, nobody is called twice or forgotten, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from ivr.config import AsteriskSettings, DialerSettings, HearingSettings, PathSettings, Settings, TrunkSettings
from ivr.dialling import DialOptions, run_dialling
from ivr.policy.loader import TEST_CALLS_PATH
from ivr.results import AttemptResult, Results
from ivr.session.progress import Observer, ProgressEvent, Understood
from tests.acceptance.many_calls.people import Person, book, everybody
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.shared_prompts import with_shared_prompts
from tests.softphone import SipCall
from tests.softphone.part import Part
from tests.softphone.pickups import Times
from tests.softphone.thread import SoftphoneThread

__all__ = ["asterisk_rig"]

pytestmark = [pytest.mark.acceptance, pytest.mark.real_time, pytest.mark.alone, pytest.mark.timeout(400)]

HERE = Path(__file__).parent
KOREAN = Path(__file__).parents[3] / "bench" / "korean" / "prompts"
AT_ONCE = 40
UNHEARD_MAX = 4  # of 25 by voice, who each try twice
GONE_S = 15.0  # for sockets and channels of calls that are over
KEY_MEANINGS = {"consent": {"1": "yes", "2": "no", "*": "repeat"}, "rating": {key: key for key in "12345"}}
TIMES = Times(announcement_s=(0.3, 0.6))


def _settings(rig: AsteriskRig, var: Path) -> Settings:
    return Settings(
        paths=PathSettings(var=var, prompts=(KOREAN,)),
        # A machine busy with other things hears late; whether it does isn't the question here.
        hearing=HearingSettings(deadline_s=30),
        dialer=DialerSettings(concurrency=AT_ONCE, ring_timeout_s=8),
        asterisk=AsteriskSettings(
            user=rig.config.user,
            secret=rig.config.secret,
            port=rig.config.port,
            media_dir=rig.config.media_dir,
        ),
        # Refusals of single calls are part of this; the trunk as a whole is well.
        trunks={"main": TrunkSettings(channels=AT_ONCE, calls_per_s=20, failures=1000)},
    )


@dataclass
class Run:
    """What happened, from both ends."""

    people: dict[str, Person]
    results: Results
    parts: list[Part]
    calls: list[SipCall]
    understood: dict[str, list[Understood]]
    left: dict[str, object] = field(default_factory=dict)  # what should be gone, and isn't

    @property
    def by_phone(self) -> Iterator[tuple[Person, AttemptResult, Part | None]]:
        parts = {part.phone: part for part in self.parts}
        for attempt in self.results.attempts:
            yield self.people[attempt.phone], attempt, parts.get(attempt.phone)


@pytest.fixture(scope="module")
def run(asterisk_rig: AsteriskRig, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("many")
    people = everybody()
    (folder / "list.csv").write_text("\n".join(["phone", *people]), encoding="utf-8")
    (folder / "tmp").mkdir()
    var = with_shared_prompts(tmp_path_factory.mktemp("many-var"), tmp_path_factory)
    settings = _settings(asterisk_rig, var)
    options = DialOptions(
        flow=HERE / "short_call.yaml",
        contacts=folder / "list.csv",
        settings=settings,
        trunks=("main",),
        database=folder / "calls.db",
        retries=False,
        policy=TEST_CALLS_PATH,
    )
    understood: dict[str, list[Understood]] = {}
    left: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder / "tmp"))
        threads = set(threading.enumerate())
        with SoftphoneThread(asterisk_rig.callee_port, book(people), TIMES) as phone:
            phone.prepare()
            _keeps_silent(phone, people)

            def observe(event: ProgressEvent) -> None:
                phone.observer(event)
                if isinstance(event, Understood):
                    understood.setdefault(event.attempt_id, []).append(event)

            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                results = runner.run(_dial(options, observe, asterisk_rig, left))
            # Whoever is silent can't be cancelled either: an INVITE without any answer is simply given up.
            left["phones' calls"] = [call.user for call in phone.phone.live if not call.silent]
            left["strays"] = phone.phone.strays
            parts, calls = phone.callees.parts, phone.phone.calls
        left["threads"] = {thread.name for thread in set(threading.enumerate()) - threads}
        left["temporary files"] = os.listdir(folder / "tmp")
    left["files of Asterisk"] = [path.name for path in asterisk_rig.config.media_dir.rglob("*") if path.is_file()]
    return Run(people, results, parts, calls, understood, left)


async def _dial(options: DialOptions, observer: Observer, rig: AsteriskRig, left: dict[str, object]) -> Results:
    """The run, and what it leaves behind in this process and in Asterisk."""
    sockets = _sockets()
    results = await run_dialling(options, observer)
    try:
        async with asyncio.timeout(GONE_S):
            while _sockets() - sockets or await _channels(rig):  # noqa: ASYNC110 - nothing of ours wakes us then
                await asyncio.sleep(0.1)
    except TimeoutError:
        left["channels"] = rig.channels()
    left["sockets"] = _sockets() - sockets
    left["tasks"] = [task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}]
    return results


async def _channels(rig: AsteriskRig) -> int:
    return await asyncio.to_thread(rig.channels)


def _sockets() -> set[str]:
    links = (os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.islink(entry.path))
    return {link for link in links if link.startswith("socket:")}


def _keeps_silent(phone: SoftphoneThread, people: dict[str, Person]) -> None:
    async def silent(call: SipCall) -> None:
        call.silent = True

    for number, person in people.items():
        if person.silent:
            phone.soon(phone.phone.on, number, silent)


def test_nobody_is_forgotten_and_nobody_called_twice(run: Run) -> None:
    assert len(run.people) == len(run.results.attempts) == 200
    assert {attempt.phone for attempt in run.results.attempts} == set(run.people)
    assert Counter(call.user for call in run.calls) == Counter(run.people.keys())
    for person, attempt, part in run.by_phone:
        assert (part is None) == person.silent
        assert part is None or part.attempt_id == attempt.attempt_id


def test_every_outcome_is_the_network_s(run: Run) -> None:
    wrong = {
        attempt.phone: (attempt.outcome, attempt.cause, person.outcome)
        for person, attempt, _ in run.by_phone
        if attempt.outcome != person.outcome
    }
    assert wrong == {}


def test_every_answer_given_is_in_the_result(run: Run) -> None:
    """A word that a machine short of time heard in part may come to nothing, told as such; never to another."""
    wrong, unheard = {}, 0
    for person, attempt, part in run.by_phone:
        found = {name: (answer.value, answer.modality) for name, answer in attempt.answers.items()}
        if found == person.answers:
            continue
        meanings = [event.meaning for event in run.understood.get(attempt.attempt_id, ())]
        by_voice = any(modality == "speech" for _, modality in person.answers.values())
        if by_voice and "no_match" in meanings and found.items() <= person.answers.items():
            unheard += 1
        else:
            wrong[attempt.phone] = (found, person.answers, part and part.deeds, meanings, attempt.path)
    assert wrong == {}
    assert unheard <= UNHEARD_MAX


def test_every_key_pressed_and_every_word_said_came_to_something(run: Run) -> None:
    """In their order: what the callees really did, beside what the engine took from it."""
    for _, attempt, part in run.by_phone:
        if part is None or part.call.answered_s is None:
            continue
        assert all(not pressing.cut for pressing in part.call.pressed)
        heard = run.understood.get(attempt.attempt_id, [])
        did = [deed for deed in part.deeds if deed.kind != "hang_up"]
        taken = [event for event in heard if event.meaning != "no_input"]
        assert [deed.node for deed in did] == [event.node for event in taken], (attempt.phone, did, taken)
        for deed, event in zip(did, taken, strict=True):
            if deed.kind == "key" and deed.what in KEY_MEANINGS[event.node]:
                assert event.meaning == KEY_MEANINGS[event.node][deed.what]


def test_who_hung_up_is_told(run: Run) -> None:
    for _, attempt, part in run.by_phone:
        if part is not None and any(deed.kind == "hang_up" for deed in part.deeds):
            assert attempt.hung_up_by == "callee"
        elif attempt.outcome == "answered":
            assert attempt.hung_up_by == "us"


def test_nothing_is_left(run: Run) -> None:
    assert {what: rest for what, rest in run.left.items() if rest} == {}
