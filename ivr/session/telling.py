"""What is told, to whoever watches and to the call's story, of what is said: our prompts, the callee's answers."""

from __future__ import annotations

from flows.results import Command, Input, MachineDetected, NoInput, NoMatch, Result
from flows.values import SECRET
from flows.waits import AskWait, Wait
from ivr.session.progress import Bus, PromptBegan, PromptEnded, Understood
from speech.turn import TurnState

SAYING = frozenset({TurnState.AWAITING_BEEP, TurnState.PLAYING, TurnState.PAUSED})
Told = tuple[str, str | None, str | None]  # meaning, modality, transcript


def understood(attempt_id: str, wait: Wait | None, result: Result) -> Understood | None:
    """`result` is what `wait` came to. None: it is nothing that the callee said or keyed."""
    secret = isinstance(wait, AskWait) and wait.expect.secret
    match result:
        case Input():
            told: Told = (SECRET if secret else result.value, result.modality.value, result.transcript)
        case Command():
            told = (result.name.value, result.modality.value, result.transcript)
        case NoMatch():
            told = ("no_match", None, result.transcript)
        case NoInput() | MachineDetected():
            told = (result.kind, None, None)
        case _:
            return None
    meaning, modality, transcript = told
    # What was said to a secret question is nobody's to see, understood or not.
    heard = None if secret else transcript
    return Understood(attempt_id, "" if wait is None else wait.node, meaning, modality, heard)


class PromptTelling:
    """Tells when a prompt begins and when it is over for good: once each, however often it was paused."""

    def __init__(self, attempt_id: str, bus: Bus) -> None:
        self.state: TurnState | None = None  # of the turn that is on, as last told
        self._attempt_id = attempt_id
        self._bus = bus
        self._node = self._text = ""

    def begin(self, node: str, text: str, state: TurnState) -> None:
        """A turn that says `text` has begun; on an answering machine it may wait for the beep before it does."""
        self._node, self._text, self.state = node, text, None
        if state is not TurnState.AWAITING_BEEP:
            self.follow(state)

    def follow(self, state: TurnState) -> None:
        before, self.state = self.state, state
        if state is TurnState.PLAYING and before in (None, TurnState.AWAITING_BEEP):
            self._bus.publish(PromptBegan(self._attempt_id, self._node, self._text))
        elif before in SAYING and state not in SAYING:
            self._bus.publish(PromptEnded(self._attempt_id, self._node))
