"""Of a language model's file only the words are left, in OpenFst's own form."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from speech.recognizers.vosk_settings import for_short_answers
from speech.recognizers.vosk_words import HAS_INPUT, HAS_OUTPUT, MAGIC, TABLE_MAGIC, words_alone

pytestmark = pytest.mark.unit

PROPERTIES, FIRST_STATE, STATES, ARCS = 0x25A5, 1, 4096, 0


def text(value: str) -> bytes:
    return struct.pack("<i", len(value.encode())) + value.encode()


def table(name: str, words: list[str]) -> bytes:
    head = struct.pack("<i", TABLE_MAGIC) + text(name) + struct.pack("<qq", len(words), len(words))
    return head + b"".join(text(word) + struct.pack("<q", number) for number, word in enumerate(words))


def language_model(flags: int, *tables: bytes) -> bytes:
    header = struct.pack("<i", MAGIC) + text("ngram") + text("standard") + struct.pack("<ii", 4, flags)
    header += struct.pack("<qqqq", PROPERTIES, FIRST_STATE, STATES, ARCS)
    return header + b"".join(tables) + bytes(100_000)


HEARD, WRITTEN = table("in", ["<eps>", "ne"]), table("out", ["<eps>", "네", "아니요"])


@pytest.mark.parametrize(
    ("flags", "tables"), [(HAS_INPUT | HAS_OUTPUT, (HEARD, WRITTEN)), (HAS_OUTPUT, (WRITTEN,))]
)
def test_the_output_symbols_stay_and_the_model_goes(tmp_path: Path, flags: int, tables: tuple[bytes, ...]) -> None:
    (tmp_path / "Gr.fst").write_bytes(language_model(flags, *tables))
    assert words_alone(tmp_path / "Gr.fst", tmp_path / "words.fst")
    one_state = text("vector") + text("standard") + struct.pack("<iiqqqq", 2, HAS_OUTPUT, 0, 0, 1, 0)
    final = struct.pack("<fq", 0.0, 0)
    assert (tmp_path / "words.fst").read_bytes() == struct.pack("<i", MAGIC) + one_state + WRITTEN + final


@pytest.mark.parametrize(
    "unknown",
    [
        b"",
        b"something else, as long as a header of an FST would be and longer",
        language_model(HAS_INPUT, HEARD),
        language_model(HAS_OUTPUT, WRITTEN)[:90],
        language_model(HAS_OUTPUT, b"no table"),
    ],
    ids=["empty", "no FST", "no words", "cut off", "no table"],
)
def test_a_model_that_isnt_understood_is_loaded_as_it_is(tmp_path: Path, unknown: bytes) -> None:
    model = tmp_path / "model"
    (model / "conf").mkdir(parents=True)
    (model / "graph").mkdir()
    (model / "conf" / "model.conf").write_text("--beam=10.0\n", "utf-8")
    (model / "graph" / "Gr.fst").write_bytes(unknown)
    (model / "graph" / "phones.txt").write_text("a 1\n", "utf-8")
    with for_short_answers(model) as folder:
        assert (folder / "graph" / "Gr.fst").is_symlink()
        assert (folder / "graph" / "Gr.fst").read_bytes() == unknown
        assert (folder / "graph" / "phones.txt").read_text("utf-8") == "a 1\n"


def test_a_model_is_loaded_with_its_words_alone(tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "conf").mkdir(parents=True)
    (model / "graph").mkdir()
    (model / "conf" / "model.conf").write_text("--beam=10.0\n", "utf-8")
    (model / "graph" / "Gr.fst").write_bytes(language_model(HAS_INPUT | HAS_OUTPUT, HEARD, WRITTEN))
    with for_short_answers(model) as folder:
        assert (folder / "graph" / "Gr.fst").stat().st_size < 300
    assert (model / "graph" / "Gr.fst").stat().st_size > 100_000
