"""What supervisors do, in words for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from flows.findings import Term
from ivr.model import SupervisionKind, SupervisionState

KINDS: Mapping[SupervisionKind, str] = {
    SupervisionKind.READ: "reads",
    SupervisionKind.LISTEN: "listens",
    SupervisionKind.WHISPER: "whispers to the agent",
    SupervisionKind.JOIN: "talks with both",
    SupervisionKind.TAKE_OVER: "takes over",
    SupervisionKind.CUT: "cuts it",
    SupervisionKind.HUSH: "pauses the recording",
}
STATES: Mapping[SupervisionState, str] = {
    SupervisionState.ASKED: "waits",
    SupervisionState.RINGING: "your phone rings",
    SupervisionState.ON: "going on",
    SupervisionState.DONE: "ended",
    SupervisionState.CALL_OVER: "the call is over",
    SupervisionState.NOT_REACHED: "your phone wasn't answered",
    SupervisionState.NOT_POSSIBLE: "not possible now",
    SupervisionState.FAILED: "it failed",
}
WORKER_GONE = "worker_gone"
NO_CHANNEL = "no_channel"
WHY_NOT: Mapping[str, str] = {
    "no_agent": "there is no agent on the call",
    "not_answered": "the customer hasn't answered",
    NO_CHANNEL: "no channel was free for your phone",
    WORKER_GONE: "the process that had the call was gone",
    "not_free": "nobody has answered, or somebody has taken it over already",
}


def kind_word(kind: SupervisionKind) -> Term:
    """What the supervisor does, in words."""
    return Term(KINDS[kind])


def state_word(state: SupervisionState) -> Term:
    """How far it is, in words."""
    return Term(STATES[state])


def why_word(why: str) -> Term | str:
    """Why it wasn't possible. The outcome of a leg, or a trunk's own sentence, comes back as it is."""
    return Term(WHY_NOT[why]) if why in WHY_NOT else why
