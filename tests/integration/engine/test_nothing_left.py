"""What a call made is freed when it ends, by its last reference: calls of every kind, and nothing of ours that
only the collector finds (docs/decisions/0218)."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CoroutineType, FrameType, FunctionType, MethodType, TracebackType
from typing import Any

import pytest

from ivr import run
from ivr.session.hearing import HeldRecognizer
from ivr.session.progress import CallOver, ProgressEvent
from speech.ports import Hypothesis, Question, Stream
from tests.integration.engine.conftest import Bench
from tests.integration.engine.transfers import Case, crew, people, write_flow

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

PROJECT = Path(__file__).parents[3]
# Whose objects belong to calls. Statements and types of the database are made once for many.
OF_CALLS = (
    "ivr.session.",
    "ivr.dialer.",
    "ivr.byhand.",
    "ivr.desk.",
    "ivr.briefs",
    "ivr.ports",
    "speech.",
    "trunk.",
)
SOURCES = tuple(str(PROJECT / package) for package in ("ivr/session", "ivr/dialer", "ivr/desk", "speech", "trunk"))
TAKES = {"on": "whisper", "at_s": 0.5, "keys": "1"}
TALKS = {"on": "bridged", "at_s": 3, "hang_up": True}
AGENT = {"does": [TAKES, TALKS]}


def at(node: str, **step: Any) -> dict[str, Any]:
    return {"on": node, **step}


def leaves(node: str, at_s: float) -> dict[str, Any]:
    return {"does": [at(node, at_s=at_s, hang_up=True)]}


SHORT = {"answer_within_s": 12}
YES = {"say": {"text": "yes", "voice": "en"}}
CASES = (
    Case({"does": [at("rate", keys="4")]}, [AGENT]),  # a transfer, and rates it by key
    Case({"does": [at("a2", **YES), at("p2", keys="1234")]}, [AGENT], asks=True),  # speaks, keys, talks
    Case(agents=[{"does": [at("whisper", keys="2")]}], transfer=SHORT),  # declined
    Case(agents=[{"pickup": "reject"}], transfer=SHORT),
    Case(agents=[{"pickup": "busy"}], transfer=SHORT),
    Case(agents=[{"pickup": "voicemail"}], transfer=SHORT),
    Case(),  # nobody to hand over to
    Case(leaves("t8", 1), [{"ring_s": 30}]),  # while the agent's phone rings
    Case(leaves("t9", 1), [{"ring_s": 0.5}]),  # during the whisper
    Case(leaves("bridged", 20), [{"does": [TAKES]}], queue={"promise_s": 600}),  # during the talk
    Case({"pickup": "busy"}),
    Case({"pickup": "no_answer"}),
    Case({"pickup": "voicemail"}),
    Case({"pickup": "reject"}),
    Case({"pickup": "powered_off"}),
    Case({"pickup": "congestion"}),
    Case(leaves("greet", 1)),  # in the middle of the prompt
    Case({"does": [at("a18", at_s=0.5, **YES), at("a18", at_s=0.7, hang_up=True)]}, asks=True),  # of a word
    # In the line for the tenth's agent, told where they stand: called back, or until the time is over.
    Case(
        {"ring_s": 4, "does": 3 * [at("t19", after_s=1, keys="1")]},
        transfer={"queue": "q10", "answer_within_s": 60},
    ),
    Case({"ring_s": 4}, transfer={"queue": "q10", "answer_within_s": 12}),
)


class Listening(Stream):
    """Hears yes."""

    def feed(self, pcm: bytes) -> None: ...

    async def result(self) -> Hypothesis:
        await asyncio.sleep(0)
        return Hypothesis(text="yes", confidence=0.9, accepted=True, rule="yes", meaning="yes")

    def cancel(self) -> None: ...


class Recognizer:
    name = "yes"

    def languages(self) -> frozenset[str]:
        return frozenset({"en"})

    async def start(self) -> None: ...

    def open(self, question: Question) -> Stream:
        del question
        return Listening()

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        del questions
        return ()

    async def close(self) -> None: ...


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def found_by_the_collector() -> Counter[str]:
    """What nobody refers to but in a ring, as far as it is of calls."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    return Counter(name for one in gc.garbage if (name := name_of(one)))


def name_of(one: object) -> str:
    """Empty: nothing of ours."""
    match one:
        case FrameType():
            code = one.f_code
        case TracebackType():
            code = one.tb_frame.f_code
        case FunctionType():
            code = one.__code__
        case CoroutineType():
            code = one.cr_code
        case MethodType():
            return name_of(one.__func__)
        case _:
            kind = type(one)
            name = f"{kind.__module__}.{kind.__qualname__}"
            return name if name.startswith(OF_CALLS) else ""
    return f"{type(one).__name__} {code.co_qualname}" if code.co_filename.startswith(SOURCES) else ""


def test_calls_of_every_kind_leave_nothing_to_the_collector(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        run, "recognizer_of", lambda settings, language, name, clock: HeldRecognizer(Recognizer(), clock, 0.1)
    )
    (tmp_path / "recordings").mkdir()
    over: list[str] = []
    left: list[Counter[str]] = []

    def observe(event: ProgressEvent) -> None:
        if isinstance(event, CallOver):
            over.append(event.attempt_id)
            if len(over) == len(CASES):
                left.append(found_by_the_collector())

    options = bench.options(
        [dict(case.callee) for case in CASES],
        flow=write_flow(tmp_path / "transfers.yaml", CASES),
        row={},
        crew=crew(CASES),
        agents=people(CASES),
        concurrency=len(CASES),
        retries=False,
        record=tmp_path / "recordings",
    )
    done = bench.run(options, observe)
    results = done.results
    assert left == [Counter()]
    assert done.only(2).answers["wants"].modality == "speech"
    assert {"answered", "busy", "no_answer", "rejected", "powered_off"} <= {
        attempt.outcome for attempt in results.attempts
    }
    assert {"talked", "declined", "machine", "caller_left", "callback", "timed_out"} <= {
        attempt.disposition for attempt in results.attempts
    }
