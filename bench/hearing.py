"""How well callers are understood, one question at a time, over the whole media path."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

import click

from bench.callers import OTHER, Heard, ask, read_manifest
from bench.result import BenchResult, Limit
from ivr.i18n import translate
from speech.answers.lexicon import language_of
from speech.ports import SpeechError
from speech.recognizers import NAMES, RecognizerOptions, choose, create

RIGHT_PERCENT_MIN = 90
OTHERS_PERCENT_MAX = 5
REPEAT = "command:repeat"  # merely asks again, so it does no harm to a sentence that was no answer
DEADLINE_S = 30.0  # of the recogniser: accuracy is measured on busy machines too, latency is a figure of its own


@click.command(help=translate("How well recorded callers are understood, over the whole media path."))
@click.option("--language", type=click.Choice(["zh", "en", "ko"]), required=True)
@click.option(
    "--callers",
    "manifests",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    required=True,
    help=translate("TSV file with columns file, text, meaning; may be given several times."),
)
@click.option(
    "--recognizer", type=click.Choice(NAMES), help=translate("Instead of the one the language gets by itself.")
)
@click.option("--noise-snr-db", type=float, help=translate("White noise this far below the callers' speech."))
def command(
    language: str, manifests: tuple[Path, ...], recognizer: str | None, noise_snr_db: float | None
) -> BenchResult:
    heard = asyncio.run(_hear(language, manifests, recognizer, noise_snr_db))
    return figures(heard, f"hearing {language} · {choose(language, recognizer)}")


async def _hear(
    language: str, manifests: tuple[Path, ...], recognizer: str | None, noise_snr_db: float | None
) -> list[Heard]:
    callers = [caller for manifest in manifests for caller in read_manifest(manifest)]
    if not callers:
        raise SpeechError("the manifests name no callers: {paths}", paths=", ".join(map(str, manifests)))
    options = RecognizerOptions(deadline_s=DEADLINE_S)
    ear = create(choose(language, recognizer), language, options)
    await ear.start()
    try:
        return [
            await ask(caller, kind, language_of(language), ear, noise_snr_db)
            for caller in callers
            for kind in caller.kinds
        ]
    finally:
        await ear.close()


def figures(heard: list[Heard], name: str) -> BenchResult:
    """The figures of the issue, beside their limits; the details name everyone who was misunderstood."""
    answers = [one for one in heard if one.caller.meaning != OTHER]
    others = [one for one in heard if one.caller.meaning == OTHER]
    sentences = {one.caller.path for one in others}
    accepted = {one.caller.path for one in others if one.meaning not in (None, REPEAT)}
    swapped = [(one.caller.expected, one.meaning) for one in answers]
    latencies = [one.latency_s for one in heard if one.latency_s > 0]
    values: dict[str, float | int | str] = {"callers": len(answers)}
    limits: dict[str, Limit] = {}
    if answers:
        values["right_percent"] = 100 * sum(o.meaning == o.caller.expected for o in answers) / len(answers)
        values["yes_taken_for_no"] = swapped.count(("yes", "no"))
        values["no_taken_for_yes"] = swapped.count(("no", "yes"))
        values["wrong_meaning"] = sum(o.meaning not in (None, o.caller.expected) for o in answers)
        limits["right_percent"] = Limit("at_least", RIGHT_PERCENT_MIN)
        limits["yes_taken_for_no"] = limits["no_taken_for_yes"] = Limit("at_most", 0)
    values["no_answers"] = len(sentences)
    if sentences:
        values["accepted_percent"] = 100 * len(accepted) / len(sentences)
        values["taken_for_repeat"] = len({o.caller.path for o in others if o.meaning == REPEAT})
        limits["accepted_percent"] = Limit("at_most", OTHERS_PERCENT_MAX)
    values["core_s_per_s"] = sum(o.decode_s for o in heard) / max(sum(o.speech_s for o in heard), 1e-9)
    if latencies:
        values["latency_median_ms"] = 1000 * statistics.median(latencies)
        values["latency_p95_ms"] = 1000 * sorted(latencies)[int(0.95 * (len(latencies) - 1))]
    return BenchResult(name, values, limits, tuple(_detail(one) for one in heard if not _fine(one)))


def _fine(one: Heard) -> bool:
    if one.caller.meaning == OTHER:
        return one.meaning in (None, REPEAT)
    return one.meaning == one.caller.expected


def _detail(one: Heard) -> str:
    taken = one.meaning if one.meaning is not None else "-"
    return (
        f"{one.caller.path.name}: {one.caller.text} ({one.caller.meaning}, asked {one.kind}) → {taken}"
        f" [{one.text!r}, {one.rule}, {one.confidence:.2f}]"
    )
