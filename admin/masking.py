"""Phone numbers for those who may not see them, wherever they can turn up: as numbers, and keyed or spoken."""

from __future__ import annotations

import re
from collections import Counter

from admin.schemas import BriefPoint, LiveAnswer
from ivr.results import AnswerResult, AttemptResult, Results

SHOWN_START = 6  # +86138
SHOWN_END = 4
_LONG_DIGITS = re.compile(r"\+?\d{7,}")  # a phone number without its area code has seven digits or more


def mask(phone: str) -> str:
    """+86138****5678: enough to recognise a call by, not enough to make one."""
    hidden = len(phone) - SHOWN_START - SHOWN_END
    if hidden < SHOWN_END:
        return "*" * max(len(phone) - 2, 1) + phone[-2:]
    return phone[:SHOWN_START] + "*" * hidden + phone[-SHOWN_END:]


def mask_text(text: str) -> str:
    """Words of a call with every long run of digits masked."""
    return _LONG_DIGITS.sub(lambda found: mask(found.group()), text)


def mask_live(snapshot: LiveAnswer) -> LiveAnswer:
    calls = tuple(
        one.model_copy(
            update={
                "phone": mask(one.phone),
                "last_heard": one.last_heard and mask_text(one.last_heard),
                "brief": tuple(map(_point, one.brief)),
            }
        )
        for one in snapshot.calls
    )
    return snapshot.model_copy(update={"calls": calls})


def _point(point: BriefPoint) -> BriefPoint:
    shown = {name: mask_text(getattr(point, name)) for name in ("asked", "answer", "heard")}
    return point.model_copy(update=shown)


def mask_results(results: Results) -> Results:
    answers = {question: _counted(counts) for question, counts in results.summary.answers.items()}
    return results.model_copy(
        update={
            "summary": results.summary.model_copy(update={"answers": answers}),
            "attempts": tuple(map(_attempt, results.attempts)),
        }
    )


def _counted(counts: dict[str, int]) -> dict[str, int]:
    masked: Counter[str] = Counter()
    for value, count in counts.items():
        masked[mask_text(value)] += count  # two numbers may look the same once they are masked
    return dict(masked)


def _attempt(one: AttemptResult) -> AttemptResult:
    answers = {question: _answer(answer) for question, answer in one.answers.items()}
    return one.model_copy(update={"phone": mask(one.phone), "answers": answers})


def _answer(one: AnswerResult) -> AnswerResult:
    return one.model_copy(
        update={"value": mask_text(one.value), "transcript": one.transcript and mask_text(one.transcript)}
    )
