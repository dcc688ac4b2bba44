"""Answers: what may be said to a question, and what a text means.

`build_question(AnswerSpec("yes_no", "zh-CN"))` gives the `speech.ports.Question` for a recogniser;
`match(text, question)` says what a recognised text means. How people say things is data: `lexicon/*.yaml`.

Meanings: the answer's value ("yes", "no", "1".."5", a choice's value, the digits), "command:agent|repeat|opt_out|
complaint", "filler" (heard, never an answer) and "" (a decoy: often said, no answer)."""

from speech.answers.lexicon import languages
from speech.answers.matching import Match, match
from speech.answers.types import COMMANDS, AnswerSpec, answer_types, build_question, register

__all__ = [
    "COMMANDS",
    "AnswerSpec",
    "Match",
    "answer_types",
    "build_question",
    "languages",
    "match",
    "register",
]
