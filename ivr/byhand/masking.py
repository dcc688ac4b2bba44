"""A secret's digits in what is kept of errands: they are taken out before it is written. Pure.

An errand's own words are never used again, so every trace goes; a reply is replayed, and only whole values or
whole numbers within a text go, else a balance would change with a customer's PIN in it. An errand that held a
secret is never the same as another: after a step back it is done again, since the digits may be others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from flows.sprint import SECRET, ApiReplied, ApiWait, CallbackWait, PromptRef, Result, Scalar, SmsWait, Wait

UNKNOWN_DIGIT = "0"  # stands for each digit of a secret, which is kept nowhere


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


def masked_reply(reply: Result, secrets: Iterable[str]) -> Result:
    """What is kept of it."""
    if not isinstance(reply, ApiReplied):
        return reply
    body = reply.body
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
        return re.sub(rf"(?<!\d){re.escape(secret)}(?!\d)", UNKNOWN_DIGIT * len(secret), value)
    if isinstance(value, bool) or value is None:
        return value
    return type(value)(0) if str(value).removesuffix(".0") == secret else value
