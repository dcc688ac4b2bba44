"""What several decodes of one utterance say together. Pure: lists of hypotheses in, one decision out.

Whisper decodes an utterance three ways: constrained to the tokens of the question's phrases ("constrained"), free
with the question's hint as prompt ("prompted"), and free without it ("free"). Each gives its best few texts with
their log probabilities. The distance of a meaning in one decode is the mean, over its texts weighted by
probability, of how far the text sounds from the meaning's nearest phrase; the three are averaged. The nearest
meaning is accepted when it is near enough, no other meaning (decoys and fillers included) is about as near, the
constrained text is about as likely as the best unconstrained one, and the free decode doesn't clearly hear
something else. docs/recognition.md has the table that the thresholds come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from speech.answers.matching import match, rank
from speech.ports import Question

FAR = 0.8  # distance counted where a text is near no phrase of a meaning (beyond speech.answers.matching.RANK_MAX)
WEIGHTS = (2.0, 1.0, 1.0)  # constrained, prompted, free
# All from the grid search over tests/callers and the extra audio in docs/recognition.md.
DISTANCE_MAX = 0.55  # averaged distance (0..1) of an accepted meaning
MARGIN_MIN = 0.05  # by which the accepted meaning must be nearer than any other
LIKELIHOOD_GAP_MAX = 3.0  # nats by which the best free text may be likelier than the best text of the meaning
CONSTRAINED_DISTANCE_MAX = 0.5  # a constrained text speaks for a meaning up to this distance
VETO_DISTANCE_MAX = 0.2  # the free decode vetoes when it is this near to another meaning
LEAST_WEIGHT = 0.02  # texts with less of a decode's probability don't count: saves comparing them


@dataclass(frozen=True, slots=True)
class Text:
    """One hypothesis of a decode: what was heard, and its log probability in nats (whole text)."""

    text: str
    log_prob: float


@dataclass(frozen=True, slots=True)
class Decodes:
    """An utterance's three decodes, each best first and not empty."""

    constrained: Sequence[Text]
    prompted: Sequence[Text]
    free: Sequence[Text]


@dataclass(frozen=True, slots=True)
class Decision:
    """`meaning` None: nothing was accepted. `confidence` is 1 - the averaged distance of the nearest meaning."""

    meaning: str | None
    text: str
    confidence: float


def decide(decodes: Decodes, question: Question) -> Decision:
    """The meaning that the decodes agree on. "filler" is accepted as such; decoys ("") never are."""
    if question.digits is not None:
        digits = _agreed_digits(decodes, question)
        if digits is not None:
            return Decision(digits, decodes.constrained[0].text, 1.0)
    nearness = _Nearness(question)
    passes = (decodes.constrained, decodes.prompted, decodes.free)
    near = [nearness.averaged(texts) for texts in passes]
    meanings = set().union(*near)
    together = {
        meaning: sum(w * one.get(meaning, FAR) for w, one in zip(WEIGHTS, near, strict=True)) / sum(WEIGHTS)
        for meaning in meanings
    }
    if not together:
        return Decision(None, decodes.free[0].text, 0.0)
    order = sorted(together, key=lambda meaning: together[meaning])
    best = order[0]
    alone = len(order) < 2 or together[order[1]] - together[best] >= MARGIN_MIN
    spoken = _spoken_for(best, decodes, nearness)
    accepted = (
        best != ""
        and together[best] <= DISTANCE_MAX
        and alone
        and spoken is not None
        and spoken.log_prob >= decodes.prompted[0].log_prob - LIKELIHOOD_GAP_MAX
        and not _vetoed(best, near[2])
    )
    if not accepted or spoken is None:
        return Decision(None, decodes.free[0].text, max(0.0, 1 - together[best]))
    return Decision(best, spoken.text, 1 - together[best])


def _agreed_digits(decodes: Decodes, question: Question) -> str | None:
    """Digits have no phrases that sound alike: two decodes must have spelt the same ones."""
    heard = [
        match(texts[0].text, question).meaning for texts in (decodes.constrained, decodes.prompted, decodes.free)
    ]
    digits = heard[0]
    return digits if digits is not None and digits.isdigit() and digits in heard[1:] else None


class _Nearness:
    """Distances of texts to a question's meanings, each text looked at once."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._known: dict[str, dict[str, float]] = {}

    def of(self, text: str) -> dict[str, float]:
        if text not in self._known:
            self._known[text] = {one.meaning: one.distance for one in rank(text, self._question)}
        return self._known[text]

    def averaged(self, texts: Sequence[Text]) -> dict[str, float]:
        top = max(text.log_prob for text in texts)
        weighed = [(text.text, math.exp(text.log_prob - top)) for text in texts]
        least = LEAST_WEIGHT * sum(weight for _, weight in weighed)
        kept = [(self.of(text), weight) for text, weight in weighed if weight >= least]
        total = sum(weight for _, weight in kept)
        meanings = {meaning for distances, _ in kept for meaning in distances}
        return {
            meaning: sum(weight * distances.get(meaning, FAR) for distances, weight in kept) / total
            for meaning in meanings
        }


def _spoken_for(meaning: str, decodes: Decodes, nearness: _Nearness) -> Text | None:
    """The likeliest constrained text that speaks for the meaning."""
    texts = [t for t in decodes.constrained if nearness.of(t.text).get(meaning, 1.0) <= CONSTRAINED_DISTANCE_MAX]
    return max(texts, key=lambda text: text.log_prob, default=None)


def _vetoed(meaning: str, free: dict[str, float]) -> bool:
    if not free:
        return False
    heard = min(free, key=lambda other: free[other])
    return heard != meaning and free[heard] <= VETO_DISTANCE_MAX
