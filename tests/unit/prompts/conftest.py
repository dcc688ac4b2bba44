"""A synthesiser that hums: a tone as long as its text, so that what was made, and how often, can be told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prompts.catalogue import Catalogue
from prompts.renderer import Renderer
from speech.audio import SAMPLE_RATE_HZ


class Hum:
    """speech.ports.Synthesizer: 50 ms of tone per character, with half a second of silence around it."""

    def __init__(self, name: str = "hum 1") -> None:
        self.name = name
        self.said: list[tuple[str, str]] = []
        self.hold: asyncio.Event | None = None
        self.waiting_for = 0
        self.reached = asyncio.Event()  # so many texts have been asked for

    async def start(self) -> None: ...

    async def synthesize(self, text: str, voice: str) -> bytes:
        self.said.append((text, voice))
        if len(self.said) == self.waiting_for:
            self.reached.set()
        if self.hold is not None:
            await self.hold.wait()
        seconds = np.arange(len(text) * SAMPLE_RATE_HZ // 20) / SAMPLE_RATE_HZ
        tone = (np.sin(2 * np.pi * 440 * seconds) * 3000).astype("<i2").tobytes()
        silence = bytes(SAMPLE_RATE_HZ)
        return silence + tone + silence

    async def close(self) -> None: ...


@pytest.fixture
def hum() -> Hum:
    return Hum()


@pytest.fixture
def make_renderer(tmp_path: Path, hum: Hum) -> Callable[..., Renderer]:
    """A renderer over the shipped catalogue with the directory's prompts over it."""

    def make(*directories: Path, synthesizer: Hum = hum, cache: str = "cache") -> Renderer:
        voices = {"zh-CN": "low", "en": "high"}
        return Renderer(Catalogue.load(directories), synthesizer, tmp_path / cache, voices)

    return make


@pytest.fixture
def write_prompts(tmp_path: Path) -> Callable[..., Path]:
    """`write_prompts({"en/own.yaml": "…"})` gives the directory of these files."""
    made = iter(range(1000))

    def write(files: dict[str, str | bytes]) -> Path:
        root = tmp_path / f"prompts{next(made)}"
        root.mkdir()
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return write
