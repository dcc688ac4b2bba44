"""Tasks by hand in words for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from flows.findings import Term
from ivr.model import CallWhy, HandlingState

# Why a task was given back or couldn't be dialled (`Handling.why`; of a skipped one it is the agent's text).
NOT_DIALLED = "not_dialled"
NO_WORKER = "no_worker"
WORKER_GONE = "worker_gone"
NOT_THEIRS = "not_theirs"
NOT_CALLED = "not_called"
AGENT_AWAY = "agent_away"
NO_LINE = "no_line"
_REASONS: Mapping[str, str] = {
    NOT_DIALLED: "nobody dialled it in time",
    NO_WORKER: "no worker placed the call; is one running? ivr worker",
    WORKER_GONE: "the worker with the call is gone",
    NOT_THEIRS: "the task isn't the agent's any more",
    NOT_CALLED: "the contact isn't to be called any more; see: ivr why",
    AGENT_AWAY: "the agent's phone wasn't answered",
    NO_LINE: "no line is free, or calls are stopped; try again",
}
_STATES: Mapping[HandlingState, str] = {
    HandlingState.PREVIEW: "look at it, then dial or skip",
    HandlingState.ASKED: "waits for a worker",
    HandlingState.DIALING: "is being dialled",
    HandlingState.TALKING: "you are talking",
    HandlingState.WRAP_UP: "the call is over: finish it",
    HandlingState.DONE: "over and done",
    HandlingState.SKIPPED: "passed over",
    HandlingState.RETURNED: "given back",
}
_WHYS: Mapping[CallWhy, str] = {
    CallWhy.RETRY: "nobody was reached before",
    CallWhy.UNFINISHED: "they hung up before the question",
    CallWhy.FOLLOW_UP: "to follow up the last call",
    CallWhy.CALLBACK: "they asked to be called back",
    CallWhy.RETURN: "they called back",
    CallWhy.BETTER_HOUR: "such numbers answer more often at this hour",
}


def handling_word(state: HandlingState) -> Term:
    """How far the task is, said to its agent."""
    return Term(_STATES[state])


def call_word(why: CallWhy) -> Term:
    """What the call is for."""
    return Term(_WHYS[why])


def reason_word(why: str) -> Term:
    """Why a task was given back, couldn't be dialled, or (in the agent's own words) was skipped."""
    return Term(_REASONS[why]) if why in _REASONS else Term(why)
