"""What Vosk with a grammar costs: core-seconds per second of speech, on the Korean callers of tests/callers.

Then as many callers at once as `--speakers` says per core, all talking without a pause as fast as people do: how
long each waits for its result after its last sound."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from pathlib import Path

import click
import numpy as np

from bench.callers import Caller, read_manifest
from bench.result import BenchResult, Limit
from ivr.i18n import translate
from speech.answers import AnswerSpec, build_question
from speech.audio import SAMPLE_RATE_HZ, alaw_round_trip
from speech.audio.files import read_audio
from speech.ports import Recognizer
from speech.recognizers import create

LIMIT = 0.1  # core-seconds per second of speech
LIMIT_WAIT_MS = 100.0  # p99
TOGETHER_S = 10.0
CALLERS = Path(__file__).parents[1] / "tests" / "callers" / "ko" / "manifest.tsv"
FEED_S = 0.1  # as a turn feeds
FEED_BYTES = round(FEED_S * SAMPLE_RATE_HZ) * 2


@click.command(help=translate("What decoding with a grammar costs per second of speech."))
@click.option("--language", default="ko", show_default=True)
@click.option(
    "--callers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=CALLERS,
    help=translate("TSV file with columns file, text, meaning."),
)
@click.option(
    "--speakers",
    type=click.IntRange(1, 200),
    default=15,
    show_default=True,
    help=translate("Callers who speak at the same time, for each core."),
)
def command(language: str, callers: Path, speakers: int) -> BenchResult:
    return asyncio.run(_measure(language, callers, speakers * (os.cpu_count() or 1)))


async def _measure(language: str, manifest: Path, speakers: int) -> BenchResult:
    recognizer = create("vosk", language)
    await recognizer.start()
    try:
        decode_s = speech_s = 0.0
        utterances = 0
        for caller in read_manifest(manifest):
            pcm = alaw_round_trip(read_audio(caller.path))
            for kind in caller.kinds:
                stream = recognizer.open(build_question(AnswerSpec(kind, language)))
                for at in range(0, len(pcm), FEED_BYTES):
                    stream.feed(pcm[at : at + FEED_BYTES])
                decode_s += (await stream.result()).decode_s
                speech_s += len(pcm) / 2 / SAMPLE_RATE_HZ
                utterances += 1
        waits_ms, refused, together_cost = await together(recognizer, language, read_manifest(manifest), speakers)
    finally:
        await recognizer.close()
    many = f"speakers_{speakers}"
    figures: dict[str, float | int | str] = {
        "utterances": utterances,
        "speech_s": speech_s,
        "core_s_per_s": decode_s / speech_s,
        f"{many}.core_s_per_s": together_cost,
        f"{many}.wait_median_ms": float(np.median(waits_ms)),
        f"{many}.wait_p99_ms": float(np.percentile(waits_ms, 99)),
        f"{many}.refused_or_late": refused,
    }
    limits = {
        "core_s_per_s": Limit("at_most", LIMIT),
        f"{many}.wait_p99_ms": Limit("at_most", LIMIT_WAIT_MS),
        f"{many}.refused_or_late": Limit("at_most", 0),
    }
    return BenchResult(f"decoding {language} · vosk", figures, limits)


async def together(
    recognizer: Recognizer, language: str, callers: list[Caller], speakers: int, seconds: float = TOGETHER_S
) -> tuple[list[float], int, float]:
    """The waits for results, in ms; how many utterances were turned away or given up for being late; and what a
    second of speech costs, in core-seconds, while cores share their caches."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + seconds
    waits_ms: list[float] = []
    refused = 0
    decode_s = speech_s = 0.0
    asked = [
        (alaw_round_trip(read_audio(one.path)), build_question(AnswerSpec(kind, language)))
        for one in callers
        for kind in one.kinds
    ]

    async def speaker(number: int) -> None:
        nonlocal refused, decode_s, speech_s
        await asyncio.sleep(FEED_S * number / speakers)  # not all in step
        for pcm, question in itertools.islice(itertools.cycle(asked), number, None):
            if loop.time() >= end_s:
                return
            stream, begun_s = recognizer.open(question), loop.time()
            for nth, at in enumerate(range(0, len(pcm), FEED_BYTES), start=1):
                await asyncio.sleep(begun_s + nth * FEED_S - loop.time())
                stream.feed(pcm[at : at + FEED_BYTES])
            over_s = time.monotonic()
            heard = await stream.result()
            waits_ms.append((time.monotonic() - over_s) * 1000)
            if heard.rule in ("overloaded", "deadline"):
                refused += 1
            else:
                decode_s += heard.decode_s
                speech_s += len(pcm) / 2 / SAMPLE_RATE_HZ

    await asyncio.gather(*(speaker(number) for number in range(speakers)))
    return waits_ms, refused, decode_s / max(speech_s, FEED_S)
