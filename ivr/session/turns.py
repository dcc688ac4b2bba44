"""Between the flow and the speech turn: a wait becomes a TurnPlan, a TurnResult becomes the flow's result.

Pure but for a cache: questions are built once per kind of question, not once per call."""

from __future__ import annotations

from collections.abc import Iterator

from flows.flow import Flow
from flows.nodes import AskNode
from flows.results import Command, Input, MachineDetected, NoInput, NoMatch, Played, Result
from flows.values import CommandName, Modality
from flows.waits import AskWait, BargeIn, Expect, MessageWait, PlayWait
from ivr.config import HearingSettings
from speech.answers import AnswerSpec, build_question
from speech.audio import PromptAudio
from speech.ports import Question
from speech.turn import (
    DigitPlan,
    KeyPlan,
    TalkOver,
    TurnAnswer,
    TurnCommand,
    TurnMachine,
    TurnNoInput,
    TurnNoMatch,
    TurnPlan,
    TurnPlayed,
    TurnResult,
)

COMMANDS_ONLY = "commands"  # the answer type of a prompt that asks nothing
SpokenWait = PlayWait | AskWait | MessageWait


class TurnPlanner:
    """Plans turns in one language. `hears` False: nothing is recognised, keys alone count."""

    def __init__(self, language: str, hearing: HearingSettings, *, hears: bool) -> None:
        self._language = language
        self._hearing = hearing
        self._hears = hears
        self._questions: dict[object, Question] = {}

    def plan(self, wait: SpokenWait, audio: PromptAudio) -> TurnPlan:
        """The turn that says `audio` and takes what the wait wants.

        Raises SpeechError for an answer type or language that speech doesn't know."""
        if isinstance(wait, MessageWait):
            return TurnPlan(audio=audio, key_barge_in=False, wait_for_beep_s=wait.wait_s)
        asks = wait if isinstance(wait, AskWait) else None
        return TurnPlan(
            audio=audio,
            keys=KeyPlan(
                values=asks.keys if asks else {},
                commands={key: name.value for key, name in wait.command_keys.items()},
                digits=_digits(asks.expect) if asks else None,
            ),
            key_barge_in=wait.barge_in.keys,
            talk_over=_talk_over(wait.barge_in),
            question=self.question(wait) if self._hears else None,
            no_input_s=asks.no_input_s if asks else None,
            decode_deadline_s=self._hearing.deadline_s,
        )

    def question(self, wait: PlayWait | AskWait) -> Question | None:
        """What the recogniser listens for in this wait; None: speech isn't heard."""
        if isinstance(wait, AskWait):
            if not wait.speech:
                return None
            expect = wait.expect
        else:
            if wait.barge_in.speech is None:
                return None
            expect = Expect(type=COMMANDS_ONLY)
        key = (expect.model_dump_json(), wait.commands)
        question = self._questions.get(key)
        if question is None:
            spec = AnswerSpec(
                type=expect.type,
                language=self._language,
                choices=expect.choices,
                min_digits=expect.min_digits,
                max_digits=expect.max_digits,
            )
            question = self._questions[key] = build_question(spec, [name.value for name in wait.commands])
        return question


def questions_of(flow: Flow, planner: TurnPlanner) -> Iterator[Question]:
    """Every question of the flow that may be answered by speech, so that its words can be checked beforehand."""
    for _, _, name, node in flow.walk():
        if isinstance(node, AskNode) and node.ask.hears:
            expect = Expect(type=node.ask.expect, choices=dict(node.ask.choices))
            question = planner.question(AskWait(node=name, prompts=(), expect=expect, commands=tuple(CommandName)))
            if question is not None:
                yield question


def _digits(expect: Expect) -> DigitPlan | None:
    if expect.type != "digits":
        return None
    return DigitPlan(expect.min_digits, expect.max_digits, expect.terminator)


def _talk_over(barge_in: BargeIn) -> TalkOver | None:
    speech = barge_in.speech
    if speech is None:
        return None
    return TalkOver(speech.after_s, speech.ignore, speech.always, speech.min_chars)


def flow_result(result: TurnResult) -> Result:
    """The turn's result in the flow's words."""
    match result:
        case TurnPlayed():
            return Played(interrupted=result.interrupted)
        case TurnAnswer():
            return Input(
                value=result.value,
                modality=Modality(result.modality),
                transcript=result.transcript,
                confidence=result.confidence,
                reaction_ms=result.reaction_ms,
                rule=result.rule,
            )
        case TurnCommand():
            return Command(
                name=CommandName(result.name), modality=Modality(result.modality), transcript=result.transcript
            )
        case TurnNoInput():
            return NoInput()
        case TurnNoMatch():
            return NoMatch(transcript=result.transcript)
        case TurnMachine():
            return MachineDetected()
