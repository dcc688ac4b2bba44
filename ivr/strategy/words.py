"""Why a number is called, and why it isn't called any more, in the words of people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ivr.model import CallWhy
from ivr.strategy.next_call import EndWhy

Translate = Callable[..., str]

CALLS: Mapping[CallWhy, str] = {
    CallWhy.RETRY: "nobody was reached",
    CallWhy.UNFINISHED: "the conversation broke off",
    CallWhy.FOLLOW_UP: "follow-up",
    CallWhy.CALLBACK: "the customer asked for it",
    CallWhy.RETURN: "the customer called back",
    CallWhy.BETTER_HOUR: "first call, at a better hour",
}
FIRST_CALL = "first call"
ENDS: Mapping[EndWhy, str] = {
    EndWhy.OPTED_OUT: "they want no more calls",
    EndWhy.RESULT: "they were talked to",
    EndWhy.MESSAGE_LEFT: "a message was left",
    EndWhy.NOT_RETRIED: "the strategy doesn't call again after this",
    EndWhy.TRIES_USED_UP: "the tries are used up",
}


def end_words(why: EndWhy, translate: Translate) -> str:
    """Why nobody calls again."""
    return str(translate(ENDS[why]))


@dataclass(frozen=True, slots=True)
class Reason:
    """What a call is for, inside a sentence; None: it is the first."""

    why: CallWhy | None

    def render(self, translate: Translate) -> str:
        return str(translate(FIRST_CALL if self.why is None else CALLS[self.why]))
