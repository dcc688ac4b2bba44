"""Vosk's settings for short answers: what its models come with is for dictation, and costs half as much again.

A model brings its settings as a file of its own directory, and Vosk takes them from nowhere else. So a model is
loaded through a directory that is made for the moment: the model's own parts by links, its settings with ours
among them. Figures, and what was tried: docs/recognition.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

# Kaldi's names. A grammar leaves few ways to go on: searching 200 of them at least is work for nothing. And the
# network's weights are fetched for each bunch of frames: 60 at once fetch them a third as often as 20.
SETTINGS = {"min-active": "50", "frames-per-chunk": "60"}
FOLDER = "conf"
FILE = "model.conf"


@contextmanager
def for_short_answers(model: Path) -> Iterator[Path]:
    """The directory to load the model from; it is gone afterwards, when Vosk has read all of it.

    A model without a file of settings (older ones have it elsewhere) is loaded as it is."""
    if not (model / FOLDER / FILE).is_file():
        yield model
        return
    with TemporaryDirectory(prefix="ivr-vosk-") as made:
        folder = Path(made)
        for part in model.iterdir():
            if part.name != FOLDER:
                (folder / part.name).symlink_to(part.resolve())
        settings = folder / FOLDER
        settings.mkdir()
        for part in (model / FOLDER).iterdir():
            if part.name != FILE:
                (settings / part.name).symlink_to(part.resolve())
        theirs = (model / FOLDER / FILE).read_text("utf-8")
        (settings / FILE).write_text(with_settings(theirs), "utf-8")
        yield folder


def with_settings(text: str) -> str:
    """A file of Kaldi's options, one `--name=value` a line, with ours instead of those of the same name."""
    names = {f"--{name}" for name in SETTINGS}
    kept = [line for line in text.splitlines() if line.partition("=")[0].strip() not in names]
    return "\n".join([*kept, *(f"--{name}={value}" for name, value in SETTINGS.items())]) + "\n"
