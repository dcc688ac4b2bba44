"""One turn: plays a prompt, hears keys and speech at once, and ends with exactly one result.

States: AWAITING_BEEP → PLAYING ⇄ PAUSED → LISTENING → ENDED, and COLLECTING once a first digit is in.
docs/turn-taking.md draws them. Everything is synchronous and counted in ticks."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from speech.amd import AmdState
from speech.audio.frames import FRAME_MS, FRAME_S
from speech.ports import Hypothesis, Question, Recognizer
from speech.turn.ear import Ear
from speech.turn.keys import KeyEntry
from speech.turn.plan import (
    COMMAND_MEANING,
    KEYS,
    TurnAnswer,
    TurnCommand,
    TurnMachine,
    TurnNoInput,
    TurnNoMatch,
    TurnPlan,
    TurnPlayed,
    TurnResult,
)
from speech.turn.player import PromptPlayer
from speech.turn.talk_over import TalkOverVerdict, is_answer, is_filler, judge, with_talk_over
from speech.turn.utterance import Utterance, UtteranceState

MAX_PAUSES = 3  # per prompt: a line that makes us stop more often than that makes us stop for nothing
MAX_FILLERS = 3  # per question: 嗯, 嗯, 嗯 isn't silence for ever
AFTER_FILLER_S = 1.5  # at least so long is left to answer after a filler
BEEP_AGE_TICKS = 150  # a beep that ended up to 3 s before the turn began is the one it waits for
AFTER_BEEP_TICKS = 15
MACHINE_SILENCE_TICKS = 125  # 2.5 s: the machine has stopped talking and doesn't beep


class TurnState(Enum):
    AWAITING_BEEP = auto()  # an answering machine is still talking
    PLAYING = auto()
    PAUSED = auto()  # somebody talks over the prompt: silent until we know what it was
    LISTENING = auto()  # the prompt is over
    COLLECTING = auto()  # digits are coming in; speech is no longer heard
    ENDED = auto()


_MACHINE = AmdState.MACHINE  # an enum's member costs a look-up by its class, fifty times a second and call


class Turn:
    """Give it every frame of the call by `on_tick` while it lasts, and every key; `on_end` gets its one result.

    `on_end` is called from `on_tick` or `on_key`, at most once; never after `cancel`. A decode that is late, a
    recogniser that raises, an unknown key: all are results, nothing here raises for what a caller does."""

    __slots__ = (
        "_ear",
        "_filler_text",
        "_fillers",
        "_idle_ticks_left",
        "_keys",
        "_on_end",
        "_onset_position",
        "_pauses",
        "_plan",
        "_play_tick",
        "_player",
        "_prompt_end_tick",
        "_recognizer",
        "_start_tick",
        "_step",
        "_talk_over_question",
        "_utterance",
        "state",
    )

    def __init__(
        self, plan: TurnPlan, ear: Ear, recognizer: Recognizer, on_end: Callable[[TurnResult], None]
    ) -> None:
        self._plan = plan
        self._ear = ear
        self._recognizer = recognizer
        self._on_end = on_end
        self._player = PromptPlayer(plan.audio, ear)
        self._keys = KeyEntry(plan.keys)
        self._utterance: Utterance | None = None
        self._start_tick = self._play_tick = self._prompt_end_tick = ear.tick
        self._idle_ticks_left = 0 if plan.no_input_s is None else round(plan.no_input_s / FRAME_S)
        self._pauses = 0
        self._onset_position = 0
        self._fillers = 0
        self._filler_text: str | None = None
        self._talk_over_question: Question | None = None
        if plan.talk_over is not None and plan.question is not None:
            self._talk_over_question = with_talk_over(plan.question, plan.talk_over)
        self.state = TurnState.ENDED
        self._step: Callable[[bytes], bytes | None] = self._play
        self._enter(TurnState.PLAYING if plan.wait_for_beep_s is None else TurnState.AWAITING_BEEP)
        if plan.wait_for_beep_s is not None:
            ear.watch_beeps = True

    def on_tick(self, frame: bytes) -> bytes | None:
        """Hear one frame, 320 bytes s16le; returns the frame to say now, or None for silence."""
        ear = self._ear
        ear.hear(frame)
        if ear.amd.state is _MACHINE and self.state is not TurnState.ENDED:
            ear.takes_machine()
            if self._plan.wait_for_beep_s is None:
                self._end(TurnMachine())
                return None
        return self._step(frame)

    def on_key(self, key: str) -> None:
        """Take one key, 0-9 * # A-D; the first one drops speech. Keys that nobody waits for are ignored."""
        state = self.state
        if key not in KEYS or state is TurnState.ENDED or state is TurnState.AWAITING_BEEP:
            return
        self._ear.amd.person("key")
        over_prompt = state is TurnState.PLAYING or state is TurnState.PAUSED
        if over_prompt and not self._plan.key_barge_in:
            return
        if self._plan.no_input_s is None and not self._keys.knows(key):
            return  # nothing was asked
        self._drop_utterance()
        since_end = -self._player.remaining if over_prompt else self._ear.tick - self._prompt_end_tick
        result = self._keys.press(key, since_end * FRAME_MS)
        if result is None:
            self._enter(TurnState.COLLECTING)
        else:
            self._end(result)

    def cancel(self) -> None:
        """The call is over: let everything go; `on_end` isn't called."""
        self._drop_utterance()
        self._enter(TurnState.ENDED)

    # ---- one step per state ---------------------------------------------------------------------------------

    def _enter(self, state: TurnState) -> None:
        self.state = state
        self._step = {
            TurnState.AWAITING_BEEP: self._await_beep,
            TurnState.PLAYING: self._play,
            TurnState.PAUSED: self._decide,
            TurnState.LISTENING: self._listen,
            TurnState.COLLECTING: self._collect,
            TurnState.ENDED: _say_nothing,
        }[state]

    def _await_beep(self, frame: bytes) -> bytes | None:
        ear, wait_s = self._ear, self._plan.wait_for_beep_s
        assert wait_s is not None
        end = ear.beep_end_tick
        beeped = (
            end is not None and end >= self._start_tick - BEEP_AGE_TICKS and ear.tick - end >= AFTER_BEEP_TICKS
        )
        fell_silent = ear.silent_ticks >= MACHINE_SILENCE_TICKS
        if ear.beeping or not (beeped or fell_silent or (ear.tick - self._start_tick) * FRAME_S >= wait_s):
            return None
        self._play_tick = ear.tick
        self._enter(TurnState.PLAYING)
        return self._play(frame)

    def _play(self, _frame: bytes) -> bytes | None:  # the ear has it
        if self._ear.speaking and self._talk_over_question is not None and self._pauses_for_talk_over():
            return None
        if self._plan.wait_for_beep_s is not None:
            self._start_again_after_beep()
        out = self._player.next_frame()
        if out is None:
            self._prompt_end_tick = self._ear.tick
            if self._plan.no_input_s is None:
                self._end(TurnPlayed())
            else:
                self._enter(TurnState.LISTENING)
        return out

    def _decide(self, frame: bytes) -> None:
        """PAUSED: go on, or stop for good, once it is known what was said over the prompt."""
        utterance, talk_over = self._utterance, self._plan.talk_over
        assert utterance is not None
        assert talk_over is not None
        state = utterance.hear(frame, self._ear.voiced)
        if state is UtteranceState.OPEN or state is UtteranceState.DECODING:
            return
        heard, verdict = utterance.hypothesis, TalkOverVerdict.GO_ON
        if heard is not None and self._talk_over_question is not None:
            verdict = judge(heard, talk_over, self._talk_over_question, utterance.voice_s)
        if heard is None or verdict is TalkOverVerdict.GO_ON:
            self._utterance = None
            self._player.go_back(self._onset_position)
            self._enter(TurnState.PLAYING)
            return
        result: TurnResult | None = None
        if verdict is TalkOverVerdict.ANSWER:
            result = self._accepted(utterance, heard)
        if self._plan.no_input_s is None and not isinstance(result, TurnCommand):
            result = TurnPlayed(interrupted=True)  # nothing was asked, so nothing is answered
        self._end(result or TurnNoMatch(heard.text or None, "rejected"))

    def _listen(self, frame: bytes) -> None:
        utterance = self._utterance
        if utterance is None:
            if self._ear.speaking and self._plan.question is not None:
                self._open_utterance(self._plan.question)
                return
            self._idle_ticks_left -= 1
            if self._idle_ticks_left <= 0:
                text = self._filler_text
                self._end(TurnNoInput() if text is None else TurnNoMatch(text, "filler"))
            return
        match utterance.hear(frame, self._ear.voiced):
            case UtteranceState.NOISE:
                self._utterance = None
            case UtteranceState.LATE:
                self._end(TurnNoMatch(None, "deadline"))
            case UtteranceState.FAILED:
                self._end(TurnNoMatch(None, "failed"))
            case UtteranceState.DECODED:
                assert utterance.hypothesis is not None
                self._understand(utterance, utterance.hypothesis)

    def _collect(self, frame: bytes) -> None:
        del frame
        result = self._keys.tick()
        if result is not None:
            self._end(result)

    # ---- parts ----------------------------------------------------------------------------------------------

    def _understand(self, utterance: Utterance, heard: Hypothesis) -> None:
        """LISTENING: an answer, a no-match, or a filler after which we listen on."""
        question = self._plan.question
        assert question is not None
        if not is_filler(heard, question.fillers):
            self._end(self._accepted(utterance, heard) or TurnNoMatch(heard.text or None, "rejected"))
            return
        self._fillers += 1
        self._filler_text = heard.text
        if self._fillers >= MAX_FILLERS:
            self._end(TurnNoMatch(heard.text, "filler"))
            return
        self._utterance = None
        self._idle_ticks_left = max(self._idle_ticks_left, round(AFTER_FILLER_S / FRAME_S))

    def _accepted(self, utterance: Utterance, heard: Hypothesis) -> TurnAnswer | TurnCommand | None:
        if not is_answer(heard) or heard.meaning is None:
            return None
        self._ear.amd.person("answer")
        if heard.meaning.startswith(COMMAND_MEANING):
            name = heard.meaning.removeprefix(COMMAND_MEANING)
            return TurnCommand(name, "speech", heard.text, heard.confidence, utterance.audio)
        if self.state is TurnState.PAUSED:
            reaction_ticks = self._onset_position - self._player.frames
        else:
            reaction_ticks = utterance.onset_tick - self._prompt_end_tick
        return TurnAnswer(
            heard.meaning,
            "speech",
            transcript=heard.text,
            confidence=heard.confidence,
            reaction_ms=reaction_ticks * FRAME_MS,
            rule=heard.rule,
            audio=utterance.audio,
        )

    def _pauses_for_talk_over(self) -> bool:
        """PLAYING: pause if this burst of voice is talk-over."""
        ear, talk_over, question = self._ear, self._plan.talk_over, self._talk_over_question
        if talk_over is None or question is None or self._pauses >= MAX_PAUSES:
            return False
        if (ear.onset_tick - self._play_tick) * FRAME_S < talk_over.after_s:
            return False
        self._pauses += 1
        self._onset_position = max(0, self._player.position - (ear.tick - ear.onset_tick))
        self._open_utterance(question)
        self._enter(TurnState.PAUSED)
        return True

    def _open_utterance(self, question: Question) -> None:
        plan = self._plan
        self._utterance = Utterance(
            self._recognizer, question, self._ear, plan.max_speech_s, plan.decode_deadline_s
        )

    def _start_again_after_beep(self) -> None:
        """The message had begun in a silence, and the beep came after all: it would lack its beginning."""
        end, wait_s = self._ear.beep_end_tick, self._plan.wait_for_beep_s
        in_time = wait_s is not None and (self._ear.tick - self._start_tick) * FRAME_S < wait_s
        if end is not None and end > self._play_tick and in_time:
            self._play_tick = self._ear.tick
            self._player.go_back(0)

    def _drop_utterance(self) -> None:
        if self._utterance is not None:
            self._utterance.cancel()
            self._utterance = None

    def _end(self, result: TurnResult) -> None:
        self._drop_utterance()
        self._enter(TurnState.ENDED)
        self._on_end(result)


def _say_nothing(frame: bytes) -> None:
    del frame
