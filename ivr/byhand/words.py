"""Tasks by hand in words for people; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.model import CallWhy, HandlingState

STATES: Mapping[HandlingState, str] = {
    HandlingState.PREVIEW: "look at it, then dial or skip",
    HandlingState.ASKED: "waits for a worker",
    HandlingState.DIALING: "is being dialled",
    HandlingState.TALKING: "you are talking",
    HandlingState.WRAP_UP: "the call is over: finish it",
    HandlingState.DONE: "done",
    HandlingState.SKIPPED: "skipped",
    HandlingState.RETURNED: "given back",
}
WHYS: Mapping[CallWhy, str] = {
    CallWhy.RETRY: "nobody was reached before",
    CallWhy.UNFINISHED: "they hung up before the question",
    CallWhy.FOLLOW_UP: "to follow up the last call",
    CallWhy.CALLBACK: "they asked to be called back",
    CallWhy.BETTER_HOUR: "such numbers answer more often at this hour",
}
# Why a task was given back, or couldn't be dialled (`Handling.why`).
NOT_DIALLED = "nobody dialled it"
NO_WORKER = "no worker placed the call; is one running? ivr worker"
WORKER_GONE = "the worker with the call is gone"
NOT_THEIRS = "the task isn't the agent's any more"
NOT_CALLED = "the contact isn't to be called any more: ivr why"
AGENT_AWAY = "the agent's phone wasn't answered"
