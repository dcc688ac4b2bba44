"""Turn-taking: one turn plays a prompt and takes what the caller does with it; the ear lives as long as the call.

    ear = Ear()                                  # at the answer, one per call
    turn = Turn(plan, ear, recognizer, on_end)   # on_end(result) comes exactly once, unless cancelled
    out = turn.on_tick(frame)                    # every 20 ms; it lets the ear hear the frame
    out = None; ear.hear(frame)                  # on ticks without a turn
    turn.on_key("1"); turn.cancel()              # cancel: the call is over, nothing more is wanted

Everything is synchronous and counted in ticks of 20 ms; only the decode of a finished utterance is a task."""

from speech.turn.ear import Ear
from speech.turn.plan import (
    COMMAND_MEANING,
    FILLER_MEANING,
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
from speech.turn.turn import Turn, TurnState

__all__ = [
    "COMMAND_MEANING",
    "FILLER_MEANING",
    "DigitPlan",
    "Ear",
    "KeyPlan",
    "TalkOver",
    "Turn",
    "TurnAnswer",
    "TurnCommand",
    "TurnMachine",
    "TurnNoInput",
    "TurnNoMatch",
    "TurnPlan",
    "TurnPlayed",
    "TurnResult",
    "TurnState",
]
