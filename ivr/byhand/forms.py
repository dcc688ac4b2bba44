"""What an agent can enter where the script stands, and what their entry means. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import cast, get_args

from flows.answers import ANSWER_TYPES
from flows.results import IdentityJudged, IdentityOutcome, Input, Played, Result
from flows.session import Session
from flows.values import Modality
from flows.waits import AskWait, HangupWait, MessageWait, TransferWait, Wait
from ivr.byhand.errors import TaskError
from ivr.byhand.script import talked
from ivr.identity.form import METHODS

JUDGED = tuple(one for one in get_args(IdentityOutcome) if one != "locked")  # what a person may say of a check
BY_HAND = "agent"  # the rule of answers that a person entered


class FormKind(StrEnum):
    CHOICE = "choice"  # one of `choices`: yes or no, a mark, one of the flow's own
    DIGITS = "digits"
    IDENTITY = "identity"  # a person has checked who they are: what that came to
    TALK = "talk"  # the flow wants a person for them: talk, then go on
    MESSAGE = "message"  # leave it after the beep, then go on
    NOT_YET = "not_yet"  # a secret comes next, as soon as the recording has paused
    RECORDED = "recorded"  # … which nobody could have it do: nothing secret may be asked
    GO_ON = "go_on"  # something is to be done by the platform
    OVER = "over"  # the script has nothing more: hang up, and finish


# Where a secret comes next, why it isn't asked: said in the form's place, and to who enters something nonetheless.
NOT_ASKED: Mapping[FormKind, str] = {
    FormKind.NOT_YET: "The recording isn't paused yet; look again before you ask: ivr task show",
    FormKind.RECORDED: "The recording couldn't be paused: ask for no secret, and go on with --none",
}


@dataclass(frozen=True, slots=True)
class Choice:
    key: str  # a shorter way to enter it; empty: there is none
    value: str


@dataclass(frozen=True, slots=True)
class Form:
    """`least` and `most`: how many digits. `secret`: they are kept nowhere."""

    kind: FormKind
    node: str = ""
    choices: tuple[Choice, ...] = ()
    least: int = 0
    most: int = 0
    secret: bool = False


def form_at(session: Session, wait: Wait | None) -> Form:
    """What the agent sees below the text, where this script stands."""
    if session.identity is not None and wait is not None:
        return Form(FormKind.IDENTITY, wait.node, tuple(Choice("", one) for one in JUDGED))
    return form_of(wait)


def form_of(wait: Wait | None) -> Form:
    """The same, of what the script waits for."""
    match wait:
        case None | HangupWait():
            return Form(FormKind.OVER, "" if wait is None else wait.node)
        case AskWait(node=node, expect=expect) if expect.type == "digits":
            return Form(FormKind.DIGITS, node, (), expect.min_digits, expect.max_digits, expect.secret)
        case AskWait():
            return Form(FormKind.CHOICE, wait.node, _choices(wait))
        case TransferWait():
            return Form(FormKind.TALK, wait.node)
        case MessageWait():
            return Form(FormKind.MESSAGE, wait.node)
        case _:
            return Form(FormKind.GO_ON, wait.node)


def result_of(form: Form, entered: str | None, agent: str, method: str | None = None) -> Result:
    """What the entry means to the script (None: just go on). Raises TaskError, which says what may be entered."""
    match form.kind:
        case FormKind.IDENTITY:
            if method is None:
                raise TaskError(
                    "Say how you checked who they are: --method, one of {known}", known=", ".join(METHODS)
                )
            return IdentityJudged(
                method=method, result=cast(IdentityOutcome, _value(form, (entered or "").strip()))
            )
        case FormKind.CHOICE | FormKind.DIGITS:
            if entered is None:
                raise TaskError("The script waits for an answer: {values}.", values=wanted(form))
            return Input(value=_value(form, entered.strip()), modality=Modality.AGENT, rule=BY_HAND)
        case FormKind.OVER:
            raise TaskError("The script is at its end. Next: ivr task finish")
        case FormKind.NOT_YET | FormKind.RECORDED:
            raise TaskError(NOT_ASKED[form.kind])
        case _ if entered is not None:
            raise TaskError("Nothing is asked here; go on with: ivr task answer, without a value")
        case FormKind.TALK:
            return talked(agent)
        case _:
            return Played()


def wanted(form: Form) -> str:
    """What may be entered, in one line."""
    if form.kind is FormKind.DIGITS:
        return f"{form.least}" if form.least == form.most else f"{form.least}–{form.most}"
    return ", ".join(f"{one.key} {one.value}" if one.key != one.value else one.value for one in form.choices)


def _choices(wait: AskWait) -> tuple[Choice, ...]:
    keys = {value: key for key, value in wait.keys.items()}
    values = ANSWER_TYPES[wait.expect.type].values or tuple(wait.expect.choices)
    return tuple(Choice(keys.get(value, ""), value) for value in values)


def _value(form: Form, entered: str) -> str:
    if form.kind is FormKind.DIGITS:
        if not entered.isascii() or not entered.isdigit() or not form.least <= len(entered) <= form.most:
            raise TaskError("Here {values} digits are entered.", values=wanted(form))
        return entered
    for one in form.choices:
        if entered.lower() in (one.value.lower(), one.key) and entered:
            return one.value
    raise TaskError("{value} is no answer here; it takes: {values}.", value=entered, values=wanted(form))
