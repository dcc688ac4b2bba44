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

from speech.answers.distance import RELATED_COST, distance
from speech.answers.matching import is_negated, match, rank
from speech.answers.sounds import units
from speech.ports import Question

FAR = 0.8  # distance counted where a text is near no phrase of a meaning (beyond speech.answers.matching.RANK_MAX)
WEIGHTS = (2.0, 1.0, 1.0)  # constrained, prompted, free
# All from the grid search over tests/callers and the extra audio in docs/recognition.md.
DISTANCE_MAX = 0.55  # averaged distance (0..1) of an accepted meaning
MARGIN_MIN = 0.05  # by which the accepted meaning must be nearer than any other
LIKELIHOOD_GAP_MAX = 3.0  # nats by which the best free text may be likelier than the best text of the meaning
CONSTRAINED_DISTANCE_MAX = 0.5  # a constrained text speaks for a meaning up to this distance
VETO_DISTANCE_MAX = 0.2  # the free decode vetoes when it is this near to another meaning
PER_TOKEN_MIN = -1.25  # nats per token, mean of the constrained and the prompted text of the meaning
ONE_UNIT_PER_TOKEN_MIN = -0.7  # the same for a single syllable or word that the free decode doesn't hear
PROMPTED_PER_TOKEN_LEAST = -1.5  # counted at least for the prompted decode: it mishears what it isn't held to
MORE_UNITS = 3  # syllables or words that another sentence has more
OPPOSITE_DISTANCE_MAX = 0.1  # up to which a text counts as the opposite
OPPOSITE_GAP = 2.0  # nats below its decode's best text, within which it counts
FREE_PER_TOKEN_MIN = -2.5  # a free decode less sure than this is a guess at one syllable: it says nothing
NEGATED_SHARE = 0.3  # of the free decode's probability in texts that say not, against a meaning that doesn't
SHARE_MIN = 0.5  # of the constrained and prompted decodes' probability for the meaning
LEAST_WEIGHT = 0.02  # texts with less of a decode's probability don't count: saves comparing them


@dataclass(frozen=True, slots=True)
class Text:
    """One hypothesis of a decode: what was heard, and its log probability in nats (whole text)."""

    text: str
    log_prob: float
    tokens: int = 1  # that the probability is of, the end of the text included

    @property
    def per_token(self) -> float:
        return self.log_prob / self.tokens


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
    if decodes.free[0].per_token < FREE_PER_TOKEN_MIN:
        near[2] = {}
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
    spoken = _spoken_for(best, decodes.constrained, nearness)
    accepted = (
        best != ""
        and together[best] <= DISTANCE_MAX
        and alone
        and spoken is not None
        and spoken.log_prob >= decodes.prompted[0].log_prob - LIKELIHOOD_GAP_MAX
        and not _vetoed(best, near[2])
        and _share(best, decodes, nearness) >= SHARE_MIN
        and not _contradicted(best, spoken, decodes, nearness)
        and _sure(best, spoken, decodes, nearness)
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

    def length(self, text: str) -> int:
        """Syllables or words."""
        return len(units(text, self._question.language))

    def negated(self, text: Text, *, by_sound: bool = True) -> bool:
        return is_negated(text.text, self._question.language, by_sound=by_sound)

    def related(self, left: Text, right: Text) -> bool:
        """Whether the texts have half a syllable in common."""
        language = self._question.language
        return distance(units(left.text, language), units(right.text, language), language) <= RELATED_COST

    def averaged(self, texts: Sequence[Text]) -> dict[str, float]:
        kept = [(self.of(text.text), weight) for text, weight in _weighed(texts) if weight >= LEAST_WEIGHT]
        total = sum(weight for _, weight in kept)
        meanings = {meaning for distances, _ in kept for meaning in distances}
        return {
            meaning: sum(weight * distances.get(meaning, FAR) for distances, weight in kept) / total
            for meaning in meanings
        }


def _spoken_for(meaning: str, decode: Sequence[Text], nearness: _Nearness) -> Text | None:
    """The likeliest text of a decode that speaks for the meaning."""
    texts = [t for t in decode if nearness.of(t.text).get(meaning, 1.0) <= CONSTRAINED_DISTANCE_MAX]
    return max(texts, key=lambda text: text.log_prob, default=None)


def _contradicted(meaning: str, spoken: Text, decodes: Decodes, nearness: _Nearness) -> bool:
    """Whether a decode finds the opposite about as likely: 不对 loses its 不 easily, 很满意 becomes 不满意."""
    for texts in (decodes.constrained, decodes.prompted):
        for text in texts:
            if text.log_prob < texts[0].log_prob - OPPOSITE_GAP:
                continue
            for other, far in nearness.of(text.text).items():
                flips = {meaning, other} == {"yes", "no"} or nearness.negated(text) != nearness.negated(spoken)
                if other not in (meaning, "") and far <= OPPOSITE_DISTANCE_MAX and flips:
                    return True
    # As written only: a free decode spells a mumbled 五分 as 补身, which has the sound of 不 but isn't meant so.
    said_no = sum(weight for text, weight in _weighed(decodes.free) if nearness.negated(text, by_sound=False))
    return said_no >= NEGATED_SHARE and not nearness.negated(spoken)


def _share(meaning: str, decodes: Decodes, nearness: _Nearness) -> float:
    """The part of the probability that the constrained and the prompted decode give to the meaning, of what they
    give to any."""
    shares = []
    for texts in (decodes.constrained, decodes.prompted):
        weights: dict[str, float] = {}
        for text, weight in _weighed(texts):
            distances = nearness.of(text.text)
            nearest = min(distances, key=lambda other: distances[other], default=None)
            if nearest is not None and distances[nearest] <= CONSTRAINED_DISTANCE_MAX:
                weights[nearest] = weights.get(nearest, 0.0) + weight
        if weights:
            shares.append(weights.get(meaning, 0.0) / sum(weights.values()))
    return sum(shares) / len(shares) if shares else 0.0


def _weighed(texts: Sequence[Text]) -> list[tuple[Text, float]]:
    """The texts with their parts of the decode's probability."""
    weights = [math.exp(text.log_prob - texts[0].log_prob) for text in texts]
    return [(text, weight / sum(weights)) for text, weight in zip(texts, weights, strict=True)]


def _sure(meaning: str, spoken: Text, decodes: Decodes, nearness: _Nearness) -> bool:
    """Whether an unconstrained decode has the meaning too, and the decodes are sure enough of their tokens.

    Where the free decode doesn't have it, a single syllable must be surer, and an utterance of many more syllables
    is another sentence."""
    prompted = _spoken_for(meaning, decodes.prompted, nearness)
    free = _spoken_for(meaning, decodes.free, nearness)
    second = (
        max(prompted.per_token, PROMPTED_PER_TOKEN_LEAST) if prompted is not None else PROMPTED_PER_TOKEN_LEAST
    )
    per_token = (spoken.per_token + second) / 2
    if free is not None:
        return per_token >= PER_TOKEN_MIN
    said, heard = nearness.length(spoken.text), nearness.length(decodes.free[0].text)
    if said == 1 and meaning == "yes" and not any(nearness.related(spoken, text) for text in decodes.free):
        return False  # 嗯 and 喂 become 行 and 对 where nothing else is allowed
    least = PER_TOKEN_MIN if said > 1 else ONE_UNIT_PER_TOKEN_MIN
    return prompted is not None and heard - said < MORE_UNITS and per_token >= least


def _vetoed(meaning: str, free: dict[str, float]) -> bool:
    if not free:
        return False
    heard = min(free, key=lambda other: free[other])
    return heard != meaning and free[heard] <= VETO_DISTANCE_MAX
