"""States of agents and results of requests in words; templates are English, the .po files have the rest."""

from __future__ import annotations

from collections.abc import Mapping

from flows.findings import Term
from ivr.model import AgentState, HandoffResult, HandoffState

WORDS: Mapping[AgentState, str] = {
    AgentState.SIGNED_OUT: "signed out",
    AgentState.SIGNED_IN: "signed in",
    AgentState.READY: "ready for calls",
    AgentState.RESERVED: "a call is coming",
    AgentState.PREVIEW: "preview",
    AgentState.DIALING: "dialling",
    AgentState.TALKING: "talking",
    AgentState.WRAP_UP: "wrap-up",
    AgentState.BUSY: "busy",
    AgentState.REST: "rest",
    AgentState.TRAINING: "training",
    AgentState.MEETING: "meeting",
    AgentState.AWAY: "didn't pick up",
}


def state_word(state: AgentState) -> Term:
    """What the agent is doing, in words."""
    return Term(WORDS[state])


STAGES: Mapping[HandoffState, str] = {
    HandoffState.WAITING: "waits",
    HandoffState.OFFERED: "an agent is asked",
    HandoffState.TALKING: "talks",
}
RESULTS: Mapping[HandoffResult, str] = {
    HandoffResult.TALKED: "they talked",
    HandoffResult.TALK_CUT: "they talked for as long as the queue allows",
    HandoffResult.TALK_LOST: "the agent's phone was lost in the talk",
    HandoffResult.NO_QUEUE: "there is no such queue",
    HandoffResult.NOBODY_SIGNED_IN: "nobody was signed in",
    HandoffResult.NOBODY_FREE: "nobody was free",
    HandoffResult.UNLIKELY: "nobody was likely to be free in time, so nobody was offered",
    HandoffResult.TIMED_OUT: "nobody picked up in time",
    HandoffResult.CALLBACK: "the customer asked to be called back",
    HandoffResult.LEFT_WAITING: "the customer left the line",
    HandoffResult.LEFT_RINGING: "the customer left while the agent's phone rang",
    HandoffResult.LEFT_WHISPER: "the customer left while the agent was told who it is",
    HandoffResult.LEFT_BRIDGING: "the customer left while being put through",
    HandoffResult.CUT_OFF: "we ended the call",
    HandoffResult.DECLINED: "the agent declined",
    HandoffResult.BUSY: "the agent's line was busy",
    HandoffResult.NO_ANSWER: "the agent didn't pick up",
    HandoffResult.NO_KEY: "the agent pressed no key",
    HandoffResult.MACHINE: "a machine answered for the agent",
    HandoffResult.UNREACHABLE: "the agent's phone couldn't be reached",
    HandoffResult.PHONE_LOST: "the agent's phone was lost before the talk",
    HandoffResult.NOBODY_ACCEPTED: "several agents were tried, none took the call",
    HandoffResult.NO_CHANNEL: "no channel was free for the agent's phone",
    HandoffResult.NETWORK: "the network refused the agent's leg",
    HandoffResult.NO_BRIDGE: "the two calls couldn't be joined",
    HandoffResult.FAULT: "a fault of ours",
    HandoffResult.WORKER_GONE: "the process that had the call was gone",
}


def result_word(result: HandoffResult) -> Term:
    """What a request for a person came to, in words."""
    return Term(RESULTS[result])


def stage_word(state: HandoffState) -> Term:
    """How far a request is that isn't over, in words."""
    return Term(STAGES[state])
