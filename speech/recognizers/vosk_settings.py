"""Vosk's settings for short answers: what its models come with is for dictation, and costs half as much again.

A model brings its settings as a file of its own directory, and Vosk takes them from nowhere else. So a model is
loaded through a directory that is made for the moment: the model's own parts by links, its settings with ours
among them, and of its language model the words alone (`vosk_words`). Figures, and what was tried:
docs/recognition.md."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from speech.recognizers.vosk_words import words_alone

# Kaldi's names. A grammar leaves few ways to go on: searching 200 of them at least is work for nothing. And the
# network's weights are fetched for each bunch of frames: 60 at once fetch them a third as often as 20.
SETTINGS = {"min-active": "50", "frames-per-chunk": "60"}
FOLDER = "conf"
FILE = "model.conf"
GRAPH = "graph"
WORDS = "Gr.fst"


@contextmanager
def for_short_answers(model: Path) -> Iterator[Path]:
    """The directory to load the model from; it is gone afterwards, when Vosk has read all of it.

    A model without a file of settings (older ones have it elsewhere) is loaded as it is."""
    if not (model / FOLDER / FILE).is_file():
        yield model
        return
    with TemporaryDirectory(prefix="ivr-vosk-") as made:
        folder = Path(made)
        _link(model, folder, but=(FOLDER, GRAPH))
        _link(model / FOLDER, folder / FOLDER, but=(FILE,))
        _link_graph(model / GRAPH, folder / GRAPH)
        theirs = (model / FOLDER / FILE).read_text("utf-8")
        (folder / FOLDER / FILE).write_text(with_settings(theirs), "utf-8")
        yield folder


def _link(theirs: Path, ours: Path, but: Collection[str]) -> None:
    """A directory of links to all parts of theirs, but for these."""
    ours.mkdir(exist_ok=True)
    for part in theirs.iterdir():
        if part.name not in but:
            (ours / part.name).symlink_to(part.resolve())


def _link_graph(theirs: Path, ours: Path) -> None:
    """Large models have one graph of all instead, or none of their own: these are loaded as they are."""
    if not theirs.is_dir():
        return
    _link(theirs, ours, but=(WORDS,))
    if (theirs / WORDS).is_file() and not words_alone(theirs / WORDS, ours / WORDS):
        (ours / WORDS).symlink_to((theirs / WORDS).resolve())


def with_settings(text: str) -> str:
    """A file of Kaldi's options, one `--name=value` a line, with ours instead of those of the same name."""
    names = {f"--{name}" for name in SETTINGS}
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in names]
    return "\n".join([*kept, *(f"--{name}={value}" for name, value in SETTINGS.items())]) + "\n"
