"""The shipped flows, one directory per language, with their golden conversations beside them."""

from __future__ import annotations

from pathlib import Path

_DIRECTORY = Path(__file__).parent

# Behind the global commands of every flow, in every language: its prompts are looked up in the caller's language.
COMMON_PATH = _DIRECTORY / "common.yaml"


def languages() -> tuple[str, ...]:
    return tuple(sorted(path.name for path in _DIRECTORY.iterdir() if (path / "callback.yaml").is_file()))


def names() -> tuple[str, ...]:
    """The shipped flows, by name; each is there in every language of `languages()`."""
    files = (_DIRECTORY / "zh-CN").glob("*.yaml")
    return tuple(sorted(path.stem for path in files if not path.stem.endswith(".conversations")))


def path(name: str, language: str) -> Path:
    """The file of a shipped flow. Raises LookupError, one sentence, when it isn't there."""
    found = _DIRECTORY / language / f"{name}.yaml"
    if name not in names() or not found.is_file():
        raise LookupError(
            f"there is no shipped flow {name} in {language}; there are {', '.join(names())} "
            f"in {', '.join(languages())}"
        )
    return found
