"""What a customer was asked in a call and what they answered, put together for whoever goes on with them: the
agent to whom they are handed, whoever calls them back.

Pure. No secret's digits are in it, nor what was heard where one was asked for; of an identity check only what it
came to; of long numbers in our own questions (accounts, phones) their end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from flows.events import AnswerTaken, Event, IdentityNoted
from flows.results import Command, Input, NoInput, NoMatch, Result
from flows.values import SECRET, CommandName, Scalar
from flows.waits import AskWait, PromptRef, TransferWait, Wait
from ivr.identity.hashes import is_hash
from ivr.spoken_digits import masked, runs
from prompts.values import AS_IS

MOST_POINTS = 20  # the newest
MOST_CHARS = 160  # of a question, and of what was heard
CUT = "…"
SHOWN_DIGITS = 4  # of a long number in a question
_LONG_NUMBER = re.compile(r"\d{7,}")
Written = Callable[[PromptRef], str]  # the prompt to read, in the customer's language


class CameTo(StrEnum):
    """What became of one question."""

    ANSWER = "answer"
    NO_INPUT = "no_input"  # silence
    NO_MATCH = "no_match"  # something was said that wasn't understood
    COMMAND = "command"  # they asked for something else instead: a person, no more calls, to complain
    IDENTITY = "identity"  # who they are was checked


@dataclass(frozen=True, slots=True)
class Point:
    """One question and what became of it."""

    node: str
    name: str  # the answer's, as the flow saves it
    asked: str  # the question as the customer heard it; "": it can't be written
    came_to: CameTo
    answer: str = ""  # its meaning; the command; what the check came to
    how: str = ""  # of an answer or command: speech, keys; of a check its method
    heard: str = ""  # what was recognised, if they spoke

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, str]) -> Point:
        return cls(**{**kept, "came_to": CameTo(kept["came_to"])})  # type: ignore[arg-type]  # the rest is text


Brief = tuple[Point, ...]


def kept(brief: Brief) -> list[dict[str, str]]:
    """As it is stored."""
    return [point.as_json() for point in brief]


def read(rows: Sequence[Mapping[str, str]] | None) -> Brief:
    """What is stored; nothing with what is older than briefs."""
    return tuple(Point.of(row) for row in rows or ())


class Asked:
    """What has happened in one call that belongs into a brief: the newest MOST_POINTS questions, each once, with
    the last thing that became of it. No more is kept, however long a flow goes on asking."""

    def __init__(self) -> None:
        self._points: dict[str, Point] = {}  # by node, the newest last; their questions aren't written yet
        self._questions: dict[str, tuple[PromptRef, ...]] = {}  # as asked at first, without "sorry?" before them
        self._secrets: set[str] = set()

    def turn(self, wait: Wait | None, result: Result) -> None:
        """`result` is what `wait` came to."""
        if not isinstance(wait, AskWait):
            return
        if wait.attempt == 1 or wait.node not in self._questions:
            self._questions[wait.node] = wait.prompts
        if wait.expect.secret:
            self._secrets |= _told_secrets(result)
        point = _point(wait, result)
        if point is not None:
            self._put(point)

    def event(self, event: Event) -> None:
        """The flow says that it has happened."""
        if isinstance(event, AnswerTaken) and event.node in self._points:
            self._points[event.node] = replace(self._points[event.node], name=event.name)
        elif isinstance(event, IdentityNoted):
            self._put(Point(event.node, event.node, "", CameTo.IDENTITY, event.result, how=event.method))

    def brief(self, written: Written) -> Brief:
        """`written` may raise nothing."""
        return tuple(
            _without(
                replace(point, asked=_question(self._questions.get(node, ()), self._secrets, written)),
                self._secrets,
            )
            for node, point in self._points.items()
        )

    def without_secrets(self, wait: TransferWait) -> TransferWait:
        """The transfer with a brief that agents may hear."""
        if wait.brief is None:
            return wait
        return wait.model_copy(update={"brief": _masked(wait.brief, self._secrets)})

    def _put(self, point: Point) -> None:
        self._points.pop(point.node, None)
        self._points[point.node] = point
        if len(self._points) > MOST_POINTS:
            oldest = next(iter(self._points))
            del self._points[oldest]
            self._questions.pop(oldest, None)


def of_answers(answers: Iterable[AnswerTaken]) -> Brief:
    """Of a call whose questions aren't known any more: each answer's name stands for its question."""
    points: dict[str, Point] = {}
    for one in answers:
        given = one.input
        points.pop(one.node, None)
        heard = _cut(given.transcript or "")
        points[one.node] = Point(one.node, one.name, "", CameTo.ANSWER, given.value, given.modality.value, heard)
    return tuple(points.values())[-MOST_POINTS:]


def _point(wait: AskWait, result: Result) -> Point | None:
    """None: it says nothing of the question."""
    node, secret = wait.node, wait.expect.secret
    match result:
        case Input():
            value, heard = (SECRET, "") if secret else (result.value, result.transcript or "")
            point = Point(node, node, "", CameTo.ANSWER, value, result.modality.value, heard)
        case NoInput():
            point = Point(node, node, "", CameTo.NO_INPUT)
        case NoMatch():
            point = Point(node, node, "", CameTo.NO_MATCH, heard="" if secret else result.transcript or "")
        case Command(name=name) if name is not CommandName.REPEAT:
            point = Point(node, node, "", CameTo.COMMAND, name.value, result.modality.value)
        case _:
            return None
    return replace(point, heard=_cut(point.heard))


def _told_secrets(result: Result) -> set[str]:
    """Digits that were given to a secret question, taken or not."""
    match result:
        case Input(value=value) if value.isdecimal():
            return {value}
        case NoMatch(transcript=str(transcript)):
            return set(runs(transcript))
    return set()


def _cut(heard: str) -> str:
    return heard if len(heard) <= MOST_CHARS else heard[:MOST_CHARS] + CUT


def _question(prompts: Iterable[PromptRef], secrets: Iterable[str], written: Written) -> str:
    """Its end, where it is long: that is where the question is."""
    said = " ".join(filter(None, (written(_masked(prompt, secrets)) for prompt in prompts)))
    shown = _LONG_NUMBER.sub(lambda found: SECRET + found[0][-SHOWN_DIGITS:], said)
    return shown if len(shown) <= MOST_CHARS else CUT + shown[-MOST_CHARS:]


def _masked(prompt: PromptRef, secrets: Iterable[str]) -> PromptRef:
    """The prompt without what nobody may read."""
    hidden = {name for name, value in prompt.variables.items() if is_hash(value) or _holds(value, secrets)}
    if not hidden:
        return prompt
    return prompt.model_copy(
        update={
            "variables": prompt.variables | dict.fromkeys(hidden, SECRET),
            "types": prompt.types | dict.fromkeys(hidden, AS_IS),  # asterisks are no digits and no money
        }
    )


def _holds(value: Scalar, secrets: Iterable[str]) -> bool:
    """Whether a secret is in it, as digits or as the number that was made of them."""
    return any(secret in str(value) or (secret.lstrip("0") or secret) in str(value) for secret in secrets)


def _without(point: Point, secrets: Iterable[str]) -> Point:
    """A secret may have been said or keyed at another question, too, and be heard there as words."""
    asked, answer, heard = point.asked, point.answer, point.heard
    for secret in sorted(secrets, key=len, reverse=True):
        asked, answer, heard = (masked(text, secret, SECRET, CUT) for text in (asked, answer, heard))
    return replace(point, asked=asked, answer=answer, heard=heard)
