"""What is wrong with a YAML file, in an author's words: where, what, and the mend.

A leaf that knows nothing of ours: flows, prompts and callees files are read by three packages that mustn't know
each other, each with bounds and values of its own, but a tab is a tab in all of them. `explain` is the door."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import yaml

MAX_CHARS = 1_000_000  # of a text that is parsed again for a better word; PyYAML reads some 100,000 a second


@dataclass(frozen=True, slots=True)
class YamlFault:
    """One fault. Templates are English, with {placeholders}; line and column count from 1."""

    line: int
    column: int
    template: str
    fix: str
    params: Mapping[str, object] = field(default_factory=dict)

    def render(self, translate: Callable[..., str]) -> str:
        """The sentence with its mend, in the language of `translate`."""
        filled = {"": "", **self.params}  # never empty, so that every template is filled in
        return translate(
            "{message} (fix: {fix})",
            message=translate(self.template, **filled),
            fix=translate(self.fix, **filled),
        )

    def __str__(self) -> str:
        return self.render(lambda template, **params: template.format(**params))


# What PyYAML says -> what an author understands, and the mend. Searched in order.
_PROBLEMS: tuple[tuple[str, str, str], ...] = (
    ("'\\t' that cannot start any token", "a tab stands where YAML wants spaces", "replace the tab with spaces"),
    (
        "mapping values are not allowed here",
        "a colon stands where no key can be",
        "check the indentation; text with a colon in it needs quotes",
    ),
    ("could not find expected ':'", "a key without a colon", "write `key: value`, with a space behind the colon"),
    ("found unexpected end of stream", "a quote is opened and never closed", "close the quote"),
    (
        "expected <block end>",
        "the indentation doesn't fit the lines above",
        "align keys of one mapping in one column; text that begins with a quote must end with it",
    ),
    (
        "expected ',' or '}'",
        "a {{ is not closed, or a comma is missing",
        "close it with }}, or add the comma or the quote",
    ),
    (
        "expected ',' or ']'",
        "a [ is not closed, or a comma is missing",
        "close it with ], or add the comma or the quote",
    ),
    (
        "expected the node content",
        "a {{ or [ is not closed, or a value is missing",
        "close it, or write the value",
    ),
    ("cannot start any token", "text can't begin with this character", "put quotes around the text"),
    ("expected a single document", "more than one document in the file (---)", "keep one, without the ---"),
    ("but found another document", "more than one document in the file (---)", "keep one, without the ---"),
    (
        "found unknown escape character",
        "unknown escape in a quoted text",
        "write \\\\ for a backslash, or single quotes",
    ),
)
# Characters that Chinese input methods bring, and what YAML wants in their place.
_LOOKALIKES = {"：": ":", "，": ",", "｛": "{", "｝": "}", "［": "[", "］": "]"}
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_WIDE_SPACE = re.compile(r"[ \t]*([\u00a0\u2000-\u200b\u3000])")


def explain(text: str, error: yaml.MarkedYAMLError) -> YamlFault:
    """The fault that ended the reading of `text`, by PyYAML's parser or by libyaml's."""
    error = _in_python(text) or error
    problem = error.problem or error.context or ""
    mark = error.problem_mark or error.context_mark
    for part, template, fix in _PROBLEMS:
        if part in problem:
            if "closed" in template or "without a colon" in template:
                mark = error.context_mark or mark  # where it was opened tells more than where the parser gave up
            line, column = _position(mark)
            known = _lookalike(text, line, error) or _swallowed(text, line, error)
            return known or YamlFault(line, column, template, fix)
    line, column = _position(mark)
    return YamlFault(
        line,
        column,
        "this is not YAML: {problem}",
        "check the indentation, quotes and brackets here",
        {"problem": problem},
    )


def _in_python(text: str) -> yaml.MarkedYAMLError | None:
    """The error by PyYAML's own parser, whose words the table above knows; libyaml, the fast one, has others."""
    if len(text) > MAX_CHARS:
        return None
    try:
        loader = yaml.SafeLoader(text)
        try:
            while not loader.check_event(yaml.StreamEndEvent):
                loader.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it open
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        return error
    except yaml.YAMLError:
        return None
    return None


def _position(mark: yaml.Mark | None) -> tuple[int, int]:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def _lookalike(text: str, first: int, error: yaml.MarkedYAMLError) -> YamlFault | None:
    """The full-width character to blame, if there is one between the line and where the parser gave up."""
    last = error.problem_mark.line + 1 if error.problem_mark else first
    lines = list(enumerate(text.split("\n")[:last], start=1))
    for number, line in lines[max(first - 2, 0) :]:  # a line that begins so seems to go on with the one above
        if space := _WIDE_SPACE.match(line):
            template = "a wide or no-break space stands where YAML wants plain spaces"
            return YamlFault(number, space.start(1) + 1, template, "replace it with plain spaces")
    suspects = _suspects(error.problem or "")
    for number, line in lines[first - 1 :]:
        bare = _QUOTED.sub(lambda quoted: "x" * len(quoted.group()), line)
        found = next((column for column, char in enumerate(bare) if char in suspects), None)
        if found is not None:
            return _wide(number, found + 1, bare[found])
    return None


def _swallowed(text: str, line: int, error: yaml.MarkedYAMLError) -> YamlFault | None:
    """A line above without a colon: the parser takes it for text that goes on, and stumbles at the next colon."""
    if "mapping values" not in (error.problem or "") or line < 2:
        return None
    above = text.split("\n")[line - 2]
    bare = above.strip()
    if not bare or bare.startswith(("#", "-")) or ": " in bare or bare.endswith(":"):
        return None
    column = len(above) - len(above.lstrip()) + 1
    if "：" in bare:
        return _wide(line - 1, above.index("：") + 1, "：")
    fix = "write `key: value`, with a space behind the colon"
    return YamlFault(line - 1, column, "a key without a colon", fix)


def _wide(line: int, column: int, char: str) -> YamlFault:
    return YamlFault(
        line,
        column,
        "the full-width character {char} stands where YAML wants {plain}",
        "write {plain}; in text it may stay, inside quotes",
        {"char": char, "plain": _LOOKALIKES[char]},
    )


def _suspects(problem: str) -> str:
    """The full-width characters that can have led to this; any others are part of a Chinese text."""
    if "mapping values" in problem:
        return "｛［"
    if "could not find expected ':'" in problem:
        return "："
    return "，｝］" if "got ':'" in problem else "｝］"
