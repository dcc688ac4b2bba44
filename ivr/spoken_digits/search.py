"""Where digits are said in a text: those of a secret, whichever way they are read, and any that stand in a row."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.spoken_digits import chinese, english, korean
from ivr.spoken_digits.tokens import Reading, Token, plain, tokens_of

LEAST_SPOKEN = 3  # digits; fewer are in every other sentence, as words
LEAST_CUT = 2  # … of a text that was cut off there
_BETWEEN = english.BETWEEN | chinese.BETWEEN


def masked(text: str, secret: str, mask: str, cut: str) -> str:
    """`text` with `mask` wherever the digits of `secret` are said or written, or begin to be where `cut`, the mark
    of a text that was cut off, ends it."""
    secret = plain(secret)
    found = _written(text, secret) if len(secret) < LEAST_SPOKEN else _said(text, secret, text.endswith(cut))
    shown, done = [], 0
    for start, end in found:
        shown += [text[done:start], mask]
        done = end
    return "".join((*shown, text[done:]))


def runs(text: str) -> Iterator[str]:
    """The digits that are said or written in a row, LEAST_SPOKEN at least, as they are most likely meant."""
    tokens = tokens_of(text)
    index, found = 0, ""
    while index < len(tokens):
        readings = _readings(tokens, index)
        if readings:
            digits, index = max(readings, key=lambda reading: reading[1])
            found += digits
            continue
        passed = _between(tokens, index)
        if not passed:
            if len(found) >= LEAST_SPOKEN:
                yield found
            found = ""
        index = max((*passed, index + 1))
    if len(found) >= LEAST_SPOKEN:
        yield found


def _written(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Where the figures themselves stand, from place to place."""
    figures = plain(text)
    start = figures.find(secret) if secret else -1
    while start >= 0:
        yield start, start + len(secret)
        start = figures.find(secret, start + len(secret))


def _said(text: str, secret: str, was_cut: bool) -> Iterator[tuple[int, int]]:
    """Where a saying of the secret stands, from place to place."""
    tokens = tokens_of(text)
    index = 0
    while index < len(tokens):
        end = _end(tokens, index, secret, was_cut)
        if end is not None:
            yield tokens[index].start, tokens[end - 1].end
        index = end or index + 1


def _end(tokens: list[Token], start: int, secret: str, was_cut: bool) -> int | None:
    """Where a saying of the secret that begins with that token is over, the longest one."""
    best: int | None = None
    reached = {(start, 0)}
    waiting = [(start, 0)]
    while waiting:
        index, known = waiting.pop()
        if known == len(secret):
            best = index if best is None else max(best, index)
            continue
        if index == len(tokens):
            if was_cut and known >= LEAST_CUT:
                best = index
            continue
        steps = [(after, known + len(d)) for d, after in _readings(tokens, index) if secret.startswith(d, known)]
        if known:
            steps += [(after, known) for after in _between(tokens, index)]
        for step in steps:
            if step not in reached:
                reached.add(step)
                waiting.append(step)
    return best


def _readings(tokens: list[Token], index: int) -> list[Reading]:
    """What the tokens from there on may mean."""
    figure = tokens[index].text
    found = [(figure, index + 1)] if figure.isdecimal() else []
    for language in (english, chinese, korean):
        found += language.readings(tokens, index)
    return found


def _between(tokens: list[Token], index: int) -> list[int]:
    """Behind a word there that is no digit but stands among digits."""
    plain_ones = [index + 1] if tokens[index].text in _BETWEEN else []
    return [*plain_ones, *korean.between(tokens, index)]
