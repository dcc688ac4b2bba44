"""`ivr bench capacity`: its options, its table, and what must hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from bench.capacity.chart import write_chart
from bench.capacity.ears import SILENCE_S
from bench.capacity.figures import Answers, Costs, costs, judge, right_alone, setups_per_s
from bench.capacity.people import ALONE_SAYS, ALONE_TOGETHER, Callee, callee, phone_of, recordings
from bench.capacity.run import Asked, Outcome, run
from bench.capacity.search import Step, most_calls, steps
from bench.capacity.titles import titles
from bench.lateness import lateness
from bench.result import BenchResult, Limit
from ivr.errors import IvrError
from ivr.i18n import translate

LATE_P99_MS = 20.0
ENGINE_SHARE = 0.25  # of Asterisk's CPU
QUESTION_S = 6.0  # a question with its answer, about
MEMORY_KB_PER_CALL = 300.0  # of the engine
MEMORIES = ("engine", "decoding", "asterisk")
SETUPS_SHARE = 0.9  # of the set-ups a second that were asked for
MISSING_SHARE = 0.01  # of the frames
CHART_STEP_S = 3.0
GAP_S = 1.0  # without a frame: beyond, somebody asks whether anybody is there
NOT_UNDERSTOOD_SHARE = 0.25  # of what is said: some recordings are understood most times only, alone as well
FAULTS = {  # of recordings
    "missing": "recordings missing",
    "short": "recordings shorter than their call",
    "callee silent": "recordings without the callee",
    "robot silent": "recordings without the robot",
}
LIMITS_OF_SEARCH = (
    "lost_calls",
    "keys_not_right",
    "wrong_but_right_alone",
    "silent_calls",
    "calls_not_heard",
    "recordings_not_whole",
)


@click.command(
    help=translate(
        "Hold calls through a real Asterisk, everything on this machine, and say whether it holds.\n\n"
        "Two-way sound on every call, prompts, voice activity and keys; speech and recordings as asked. By "
        "default every call lasts until the end; with --call-s calls come and go, and as many are held. With "
        "--search the table says from how many calls on frames were late, while calls came at --setups-per-s up "
        "to --calls."
    )
)
@click.option(
    "--calls", type=click.IntRange(1, 2000), default=60, show_default=True, help=translate("Calls at once.")
)
@click.option(
    "--seconds",
    type=click.FloatRange(5, 600),
    default=30.0,
    show_default=True,
    help=translate("So long they are held together."),
)
@click.option(
    "--speech-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help=translate("Share of callees who answer by speech, heard by Vosk; the others press keys."),
)
@click.option(
    "--record-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help=translate("Share of calls that are recorded."),
)
@click.option(
    "--setups-per-s",
    type=click.FloatRange(0.1, 100),
    default=10.0,
    show_default=True,
    help=translate("New calls a second."),
)
@click.option(
    "--call-s",
    type=click.FloatRange(0, 600),
    default=0.0,
    help=translate("Length of each call in seconds; new ones take their places. 0: until the end."),
)
@click.option(
    "--workers",
    type=click.IntRange(1, 8),
    default=1,
    show_default=True,
    help=translate("Worker processes; several need --postgresql."),
)
@click.option(
    "--postgresql", is_flag=True, help=translate("A PostgreSQL of the measurement's own instead of SQLite.")
)
@click.option(
    "--says",
    multiple=True,
    type=click.IntRange(0, len(recordings()) - 1),
    help=translate("Recordings that are said, by their numbers; otherwise those that are understood when alone."),
)
@click.option(
    "--stalls", is_flag=True, help=translate("Show what kept the workers' loops from their clock; costs some CPU.")
)
@click.option("--search", is_flag=True, help=translate("Find how many calls there can be."))
@click.option(
    "--chart",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help=translate("Write a page with the run's course here: calls, busy share, lateness."),
)
def command(
    calls: int,
    seconds: float,
    speech_share: float,
    record_share: float,
    setups_per_s: float,
    call_s: float,
    workers: int,
    postgresql: bool,
    says: tuple[int, ...],
    stalls: bool,
    search: bool,
    chart: Path | None,
) -> BenchResult:
    if workers > 1 and not postgresql:
        raise click.UsageError(translate("Several workers need --postgresql."))
    if search and call_s:
        raise click.UsageError(translate("--search and --call-s can't be used together."))
    asked = Asked(calls, seconds, speech_share, record_share, setups_per_s, call_s, workers, postgresql)
    if speech_share:
        asked = replace(asked, says=says or alone(asked))
    outcome = run(replace(asked, stalls=stalls))
    result = report(outcome)
    if says and speech_share:
        note = translate("Whether the recordings of --says are understood alone was not tried.")
        result = replace(result, details=(*result.details, note))
    if search:
        result = _with_search(result, steps(outcome))
    if chart is not None:
        write_chart(chart, steps(outcome, CHART_STEP_S), result, outcome.held_s)
    return result


def alone(asked: Asked) -> tuple[int, ...]:
    """The recordings that are always right when hardly anybody else calls.

    They are what is said under load, so that a wrong answer is the load's fault. All of them at once would be load
    themselves: what fails only among many would be left out. Raises IvrError without any."""
    everything = tuple(range(len(recordings())))
    call_s = ALONE_SAYS * QUESTION_S
    rounds = math.ceil(len(everything) / ALONE_TOGETHER)
    click.echo(translate("Each recording is tried alone first: {s:.0f} s.", s=rounds * call_s), err=True)
    quiet = Asked(
        ALONE_TOGETHER, rounds * (call_s + 1), speech_share=1.0, setups_per_s=2, call_s=call_s, says=everything
    )
    outcome = run(replace(quiet, postgresql=asked.postgresql))
    good = right_alone(outcome.stories, outcome.stored, _people(outcome), recordings())
    if not good:
        raise IvrError("No recorded answer was understood on the idle machine; is the Vosk model there?")
    return good


def _people(outcome: Outcome) -> dict[int, Callee]:
    asked = outcome.asked
    return {
        story["number"]: callee(story["number"], asked.speech_share, asked.record_share, asked.says)
        for story in outcome.stories
    }


def report(outcome: Outcome) -> BenchResult:
    """The table of a run. A run that never had its calls shows what was there, and doesn't hold."""
    asked, (begin_at, end_at) = outcome.asked, outcome.window
    spent = costs(outcome.readings, begin_at, end_at)
    late_ms = lateness(outcome.came, outcome.whose).between(begin_at, end_at)
    answers = judge(outcome.stories, outcome.stored, _people(outcome), recordings())
    figures: dict[str, float | int | str] = {
        "calls_asked": asked.calls,
        "seconds": asked.seconds,
        "speech_share": asked.speech_share,
        "record_share": asked.record_share,
        "setups_per_s_asked": asked.setups_per_s,
        "call_s": asked.call_s,
        "workers": asked.workers,
        "database": "postgresql" if asked.postgresql else "sqlite",
        "calls_held": spent.held,
        "calls_held_most": max((one.held for one in outcome.readings), default=0),
        "setups": len(outcome.stories),
        "setups_per_s": setups_per_s([one["answered_at"] for one in outcome.stories], asked.calls),
        "window_setups_per_s": sum(begin_at <= one["answered_at"] < end_at for one in outcome.stories)
        / asked.seconds,
        "lost_calls": lost(outcome),
        "busy_share": spent.busy_share,
        "elsewhere_share": spent.elsewhere_share,
        **outcome.lateness_figures(late_ms),
        **_hearing_figures(outcome),
        **_answer_figures(answers, asked.says),
        **{f"{part}_cpu_ms_per_call_s": value for part, value in spent.cpu_ms_per_call_s.items()},
        **_derived(outcome, spent, answers),
    }
    found = outcome.recording_faults
    faults = (f"{translate(title)}: {found[fault]}" for fault, title in FAULTS.items() if fault in found)
    return BenchResult("capacity", figures, _limits(asked), (*faults, *outcome.stalls), titles())


def lost(outcome: Outcome) -> int:
    """Calls that were begun and didn't end by the callee's own will, or of which the platform thinks otherwise;
    and those that never came to their callee."""
    ended_well = 0
    for story in outcome.stories:
        kept = outcome.stored_of(story["number"])
        fine = story["ended_by"] == "callee" and kept is not None
        ended_well += fine and kept is not None and (kept.outcome, kept.hung_up_by) == ("answered", "callee")
    reached = {phone_of(story["number"]) for story in outcome.stories}
    return len(outcome.stories) - ended_well + len(outcome.stored.keys() - reached)


def _hearing_figures(outcome: Outcome) -> dict[str, float | int | str]:
    """Whether anybody heard the other one, in all of the run."""
    heard = outcome.ears.each
    figures: dict[str, float | int | str] = {
        "longest_gap_s": max((one.longest_gap_s for one in heard), default=0.0),
        "longest_silence_s": max((one.longest_silence_s for one in heard), default=0.0),
        "silent_calls": sum(one.longest_silence_s > SILENCE_S for one in heard),
        "calls_not_heard": outcome.not_heard,
    }
    if outcome.asked.record_share:
        figures["recordings_not_whole"] = sum(outcome.recording_faults.values())
    return figures


def _answer_figures(answers: Answers, good: Sequence[int]) -> dict[str, float | int | str]:
    figures: dict[str, float | int | str] = {
        "answers_given": answers.given,
        "answers_right": answers.right,
        "answers_wrong": answers.wrong,
        "keys_given": answers.keys_given,
        "keys_not_right": answers.keys_given - answers.keys_right,
    }
    if answers.said:
        figures |= {
            "said": answers.said,
            "not_understood": answers.not_understood,
            "not_understood_share": answers.not_understood / answers.said,
            "recordings_said": " ".join(map(str, good)),
            "wrong_but_right_alone": answers.wrong - (answers.keys_given - answers.keys_right),
        }
    return figures


def _derived(outcome: Outcome, spent: Costs, answers: Answers) -> dict[str, float | int | str]:
    cpu, idle = spent.cpu_ms_per_call_s, outcome.idle
    figures: dict[str, float | int | str] = {}
    if cpu["asterisk"]:
        figures["engine_share_of_asterisk"] = cpu["engine"] / cpu["asterisk"]
    full = outcome.last_full
    if idle is not None and full is not None and full.held:
        for part in MEMORIES:
            grown = full.rss_bytes[part] - idle.rss_bytes[part]
            figures[f"{part}_mb"] = full.rss_bytes[part] / 1e6
            figures[f"{part}_mb_idle"] = idle.rss_bytes[part] / 1e6
            figures[f"{part}_kb_per_call"] = grown / 1e3 / full.held
    if answers.said and outcome.stories:
        talked_s = sum(one["ended_at"] - one["answered_at"] for one in outcome.stories)
        figures["said_per_call_s"] = answers.said / max(talked_s, 1e-9)
    figures["generator_late_ticks"] = outcome.late_ticks
    return figures


def _limits(asked: Asked) -> dict[str, Limit]:
    limits = {
        "calls_held_most": Limit("at_least", asked.full),
        "lost_calls": Limit("at_most", 0),
        "keys_not_right": Limit("at_most", 0),
        "engine_share_of_asterisk": Limit("at_most", ENGINE_SHARE),
        "engine_kb_per_call": Limit("at_most", MEMORY_KB_PER_CALL),
        "late_p99_ms": Limit("at_most", LATE_P99_MS),
        "frames_missing_share": Limit("at_most", MISSING_SHARE),
        "longest_gap_s": Limit("at_most", GAP_S),
        "silent_calls": Limit("at_most", 0),
        "calls_not_heard": Limit("at_most", 0),
    }
    if not asked.call_s:
        limits["setups_per_s"] = Limit("at_least", SETUPS_SHARE * min(asked.setups_per_s, asked.calls))
    if asked.speech_share:
        limits["wrong_but_right_alone"] = Limit("at_most", 0)
        limits["not_understood_share"] = Limit("at_most", NOT_UNDERSTOOD_SHARE)
    if asked.record_share:
        limits["recordings_not_whole"] = Limit("at_most", 0)
    return limits


def _with_search(result: BenchResult, course: list[Step]) -> BenchResult:
    """What matters of a search is where it became too much; the rest is shown."""
    found = most_calls(course, LATE_P99_MS, MISSING_SHARE)
    lines = tuple(
        f"{step.held:5.0f} calls  busy {100 * step.busy_share:3.0f} %  p99 {step.late_p99_ms:6.1f} ms  "
        f"missing {100 * step.missing_share:4.1f} %"
        for step in course
    )
    figures: dict[str, float | int | str] = {"most_calls": found, **result.figures}
    limits = {name: limit for name, limit in result.limits.items() if name in LIMITS_OF_SEARCH}
    return replace(result, figures=figures, limits=limits, details=(*lines, *result.details))
