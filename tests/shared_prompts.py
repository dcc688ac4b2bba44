"""Rendered prompts that all tests of a run share: making them takes seconds, and each is named by its content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def with_shared_prompts(var: Path, factory: pytest.TempPathFactory) -> Path:
    """That folder, to be used as [paths] var: only its prompts aren't its own, but those of every process of this
    run of pytest."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "prompts"
    shared.mkdir(exist_ok=True)
    cache = var / "cache"
    cache.mkdir(parents=True)
    (cache / "prompts").symlink_to(shared, target_is_directory=True)
    return var
