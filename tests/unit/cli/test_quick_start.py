"""What a command doesn't need it doesn't import: libraries that take up to a second each."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

SLOW = {"sqlalchemy", "alembic", "wetext", "openpyxl", "aiohttp", "numpy", "soxr", "pypinyin", "vosk", "cel"}


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        ("main", set()),
        ("flow", set()),
        ("bench", set()),
        ("prompts", {"numpy", "soxr"}),
        ("task", set()),
        ("task_steps", {"sqlalchemy"}),
        ("agent", {"sqlalchemy"}),
    ],
)
def test_slow_libraries_stay_out(module: str, needed: set[str]) -> None:
    code = f"import sys, ivr.cli.{module}; print(*({SLOW!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) <= needed


@pytest.mark.parametrize("module", ["worker", "dial", "rehearse"])
def test_whoever_has_calls_on_has_them_before_the_first_one(module: str) -> None:
    """An import stops all calls for as long as it takes."""
    needed = {"cel", "aiohttp", "numpy", "sqlalchemy"}
    code = f"import sys, ivr.cli.{module}; print(*({needed!r} - sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []


@pytest.mark.parametrize("module", ["worker", "dial", "rehearse"])
def test_what_only_decoding_needs_is_in_its_process_alone(module: str) -> None:
    """A hundred megabytes of each worker."""
    code = f"import sys, ivr.cli.{module}; print(*({{'vosk', 'pypinyin', 'ctranslate2'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == []
