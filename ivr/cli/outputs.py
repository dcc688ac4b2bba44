"""Files that a command writes: whether it can is found out before the work, and what is written is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ivr.errors import IvrError
from ivr.i18n import translate


class OutputError(IvrError):
    """A file can't be written as asked."""


def check_outputs(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Both by option. Raises OutputError when an output can't be written, or is an input (results written over the
    list would lose it) or another output. Folders that outputs need are made."""
    taken = {path.resolve(): option for option, path in inputs.items() if path is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        other = taken.setdefault(path.resolve(), option)
        if other != option:
            raise OutputError(
                "{option} and {other} name the same file, {path}; give each its own",
                option=option,
                other=other,
                path=path,
            )
        try:
            _try(path)
        except OSError as error:
            raise OutputError(
                "{option}: {path} can't be written ({reason}); name another place",
                option=option,
                path=path,
                reason=translate(error.strerror or type(error).__name__),
            ) from error


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Gives a path to write to, which takes `path`'s place when the block ends well: what breaks off while writing
    leaves the old file, never half of the new one. A device or a pipe is written to as it is."""
    special = _is_special(path)
    target = path if special else path.resolve()  # what a link leads to is replaced, not the link
    part = target if special else _part(target)
    try:
        yield part
        if not special:
            os.replace(part, target)
    except OSError as error:
        reason = translate(error.strerror or type(error).__name__)
        raise OutputError("{path} can't be written ({reason})", path=path, reason=reason) from error
    finally:
        if not special:
            part.unlink(missing_ok=True)


def _try(path: Path) -> None:
    if _is_special(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = _part(path.resolve())
    part.touch()  # by root even where permissions say no, and not everywhere where they say yes
    part.unlink()


def _part(path: Path) -> Path:
    return path.with_name(f".new-{os.getpid()}-{path.name}")


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file()
