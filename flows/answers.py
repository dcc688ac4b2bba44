"""The registry of answer types: which values a question can bring, and which keys bring them by default.

How an answer is *heard* is speech's business (speech.answers registers the same names); here it only matters
which arms a question can have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnswerType:
    """`values` is what can come back; empty when it is free (digits) or listed by the question (choice)."""

    name: str
    values: tuple[str, ...]
    keys: tuple[tuple[str, str], ...]  # key -> value, where the question names none
    variable_type: str  # what the saved answer is, for conditions and for reading it out
    help: str


ANSWER_TYPES: dict[str, AnswerType] = {}


def register(answer_type: AnswerType) -> None:
    """Make a type usable as `expect:`; the name must be new."""
    if answer_type.name in ANSWER_TYPES:
        raise ValueError(f"answer type {answer_type.name!r} is registered already")
    ANSWER_TYPES[answer_type.name] = answer_type


_RATINGS = tuple(str(number) for number in range(1, 6))

register(AnswerType("yes_no", ("yes", "no"), (("1", "yes"), ("2", "no")), "text", "`yes` or `no`"))
register(AnswerType("rating", _RATINGS, tuple((n, n) for n in _RATINGS), "integer", "`1` to `5`, 5 is best"))
register(AnswerType("choice", (), (), "text", "one of the question's `choices`, keyed 1, 2, 3… in their order"))
register(
    AnswerType(
        "digits",
        (),
        (),
        "digits",
        "a string of digits, as `digits:` says; by keys, with `speech: true` spoken too",
    )
)
