"""The phrase cache: bounded, checked, written whole or not at all."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from prompts.cache import PhraseCache, SizedLru

pytestmark = pytest.mark.unit

SOUND = bytes(range(160)) * 2


def key(number: int) -> str:
    return f"{number:064x}"


def test_kept_on_disk_for_the_next_process(tmp_path: Path) -> None:
    PhraseCache(tmp_path).put(key(1), SOUND)
    assert PhraseCache(tmp_path).get(key(1)) == SOUND
    assert PhraseCache(tmp_path).get(key(2)) is None
    assert not list(tmp_path.rglob(".new-*"))


@pytest.mark.parametrize("damage", [b"", b"short", b"RIFF" + bytes(400)])
def test_damaged_files_count_as_absent(tmp_path: Path, damage: bytes) -> None:
    cache = PhraseCache(tmp_path)
    cache.put(key(1), SOUND)
    cache.path(key(1)).write_bytes(damage)
    assert PhraseCache(tmp_path).get(key(1)) is None


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    cache = PhraseCache(tmp_path)
    cache.put(key(1), SOUND)
    data = bytearray(cache.path(key(1)).read_bytes())
    data[-1] ^= 1
    cache.path(key(1)).write_bytes(data)
    assert PhraseCache(tmp_path).get(key(1)) is None


def test_memory_is_bounded_and_forgets_what_was_used_longest_ago() -> None:
    memory: SizedLru[int, str] = SizedLru(limit_bytes=300)
    for number in (1, 2, 3):
        memory.put(number, f"v{number}", 100)
    assert memory.get(1) == "v1"
    memory.put(4, "v4", 100)
    assert memory.size_bytes == 300
    assert [memory.get(number) for number in (1, 2, 3, 4)] == ["v1", None, "v3", "v4"]
    memory.put(4, "again", 50)
    assert memory.size_bytes == 250


def test_disk_is_bounded(tmp_path: Path) -> None:
    cache = PhraseCache(tmp_path, disk_bytes=4000)
    for number in range(100):
        cache.put(key(number), SOUND)
    kept = sum(path.stat().st_size for path in tmp_path.rglob("*.pcm"))
    assert 0 < kept <= 2 * 4000  # checked once per bound written, not at every write


def test_a_disk_that_takes_nothing_breaks_no_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache = PhraseCache(blocked)
    with caplog.at_level(logging.WARNING):
        cache.put(key(1), SOUND)
    assert cache.get(key(1)) == SOUND
    assert "phrase not kept" in caplog.text
