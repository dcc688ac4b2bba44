"""A secret's digits in what is kept of errands: they are taken out before it is written. Pure.

An errand's own words are never used again, so every trace goes; a reply is replayed, and only whole values or
whole numbers within a text go, else a balance would change with a customer's PIN in it; what the flow doesn't save
of one goes, too. An errand that held a secret is never the same as another: after a step back it is done again,
since the digits may be others.

In a script that is replayed an unheard-of digit stands in their place, for good, also where a reply had them as a
number: what is made of them is known by it, no errand goes out with it, and no condition goes by it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from urllib.parse import unquote

from flows.events import Event, VariableSet
from flows.results import ApiReplied, Result
from flows.values import SECRET, Scalar
from flows.waits import ApiWait, CallbackWait, PromptRef, SmsWait, Wait
from prompts.templates import variables as variables_of

UNKNOWN_DIGIT = "0"  # of a secret as it is kept: how many there were, and no more
LOST_DIGIT = "\u1b50"  # … and as the flow has it then: a digit to it (the Balinese zero), and in nobody's data
_LOST = re.compile(f"{LOST_DIGIT}+")


def lacks(errand: Wait) -> bool:
    """Whether it would go out with digits that nobody knows any more."""
    match errand:
        case ApiWait(url=url, body=body):
            return _lost(unquote(url)) or any(_lost(value) for value in (body or {}).values())
        case SmsWait(prompt=prompt, to=to):
            used = frozenset() if prompt.text is None else variables_of(prompt.text)
            return _lost(to) or any(_lost(prompt.variables.get(name)) for name in used)
        case CallbackWait(when=when, number=number):
            return _lost(when) or _lost(number)
        case _:
            return False


def without_lost(errand: Wait) -> Wait:
    """A text message has every value at hand: not those that nobody knows, so that a prompt that uses one can't be
    written."""
    if not isinstance(errand, SmsWait):
        return errand
    known = {name: value for name, value in errand.prompt.variables.items() if not _lost(value)}
    return errand.model_copy(update={"prompt": errand.prompt.model_copy(update={"variables": known})})


def shown_prompt(prompt: PromptRef) -> PromptRef:
    """As the agent sees it."""
    lost = {name for name, value in prompt.variables.items() if _lost(value)}
    if not lost:
        return prompt
    values = {
        name: _LOST.sub(SECRET, str(value)) if name in lost else value for name, value in prompt.variables.items()
    }
    types = {name: kind for name, kind in prompt.types.items() if name not in lost}
    return prompt.model_copy(update={"variables": values, "types": types})


def lost_among(variables: Mapping[str, Scalar]) -> frozenset[str]:
    """Those of whose value only is known how many digits it had."""
    return frozenset(name for name, value in variables.items() if _lost(value))


def shown_event(event: Event) -> Event:
    """As it goes on record."""
    if isinstance(event, VariableSet) and isinstance(event.value, str):
        return event.model_copy(update={"value": _LOST.sub(SECRET, event.value)})
    return event


def masked_errand(errand: Wait, secrets: Iterable[str]) -> Wait:
    """What is kept of it."""
    known = sorted(secrets, key=len, reverse=True)
    match errand:
        case ApiWait(url=url, body=body):
            return errand.model_copy(
                update={"url": _hidden(url, known), "body": None if body is None else _all_hidden(body, known)}
            )
        case SmsWait(prompt=prompt, to=to):
            return errand.model_copy(update={"prompt": _prompt(prompt, known), "to": _whole(to, known)})
        case CallbackWait(when=when, number=number):
            return errand.model_copy(update={"when": _whole(when, known), "number": _whole(number, known)})
        case _:
            return errand


def masked_reply(reply: Result, secrets: Iterable[str], saved: Collection[str]) -> Result:
    """What is kept of it: the fields that the flow saves."""
    if not isinstance(reply, ApiReplied):
        return reply
    body = {name: value for name, value in reply.body.items() if name in saved}
    for secret in sorted(secrets, key=len, reverse=True):
        body = {name: _without(value, secret) for name, value in body.items()}
    return reply.model_copy(update={"body": body})


def _prompt(prompt: PromptRef, secrets: list[str]) -> PromptRef:
    return prompt.model_copy(update={"variables": _all_hidden(prompt.variables, secrets)})


def _all_hidden(values: Mapping[str, Scalar], secrets: list[str]) -> dict[str, Scalar]:
    return {name: _hidden_scalar(value, secrets) for name, value in values.items()}


def _hidden_scalar(value: Scalar, secrets: list[str]) -> Scalar:
    if value is None or isinstance(value, bool):
        return value
    hidden = _hidden(str(value), secrets)
    return value if hidden == str(value) else hidden


def _hidden(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, SECRET)
    return text


def _whole(value: str | None, secrets: list[str]) -> str | None:
    return SECRET if value in secrets else value


def _without(value: Scalar, secret: str) -> Scalar:
    if isinstance(value, str):
        return re.sub(rf"(?<!\d){re.escape(secret)}(?!\d)", LOST_DIGIT * len(secret), value)
    if isinstance(value, bool) or value is None:
        return value
    return LOST_DIGIT * len(secret) if str(value).removesuffix(".0") == secret else value


def _lost(value: Scalar) -> bool:
    return isinstance(value, str) and LOST_DIGIT in value
