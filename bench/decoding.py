"""What Vosk with a grammar costs: core-seconds per second of speech, on the Korean callers of tests/callers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from bench.callers import read_manifest
from bench.result import BenchResult, Limit
from ivr.i18n import translate
from speech.answers import AnswerSpec, build_question
from speech.audio import SAMPLE_RATE_HZ, alaw_round_trip
from speech.audio.files import read_audio
from speech.recognizers import create

LIMIT = 0.1  # core-seconds per second of speech
CALLERS = Path(__file__).parents[1] / "tests" / "callers" / "ko" / "manifest.tsv"
FEED_BYTES = SAMPLE_RATE_HZ * 2 // 10  # 100 ms, as a turn feeds


@click.command(help=translate("What decoding with a grammar costs per second of speech."))
@click.option("--language", default="ko", show_default=True)
@click.option(
    "--callers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=CALLERS,
    help=translate("TSV file with columns file, text, meaning."),
)
def command(language: str, callers: Path) -> BenchResult:
    return asyncio.run(_measure(language, callers))


async def _measure(language: str, manifest: Path) -> BenchResult:
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
    finally:
        await recognizer.close()
    name = "decoding, core-s per s of speech"
    return BenchResult(
        f"decoding {language} · vosk",
        {"utterances": utterances, "speech, s": speech_s, name: decode_s / speech_s},
        {name: Limit("at_most", LIMIT)},
    )
