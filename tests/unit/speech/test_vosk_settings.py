"""A model is loaded with our settings, and its own directory stays as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from speech.recognizers.vosk_settings import SETTINGS, for_short_answers, with_settings

pytestmark = pytest.mark.unit


def test_ours_take_the_place_of_theirs() -> None:
    text = with_settings("--min-active=200\n--beam=10.0\n\n--endpoint.rule2.min-trailing-silence=0.5")
    assert "--min-active=200" not in text
    assert text.splitlines().count(f"--min-active={SETTINGS['min-active']}") == 1
    assert "--beam=10.0" in text.splitlines()
    assert "--endpoint.rule2.min-trailing-silence=0.5" in text.splitlines()


def test_a_model_is_loaded_through_a_directory_of_links(tmp_path: Path) -> None:
    model = tmp_path / "vosk-model-small-xx"
    (model / "am").mkdir(parents=True)
    (model / "conf").mkdir()
    (model / "README").write_text("of the model", "utf-8")
    (model / "am" / "final.mdl").write_bytes(b"network")
    (model / "conf" / "model.conf").write_text("--min-active=200\n", "utf-8")
    (model / "conf" / "mfcc.conf").write_text("--num-ceps=40\n", "utf-8")
    (model / "conf" / "model.conf").chmod(0o444)  # as a package's files are
    with for_short_answers(model) as folder:
        assert (folder / "am" / "final.mdl").read_bytes() == b"network"
        assert (folder / "README").read_text("utf-8") == "of the model"
        assert (folder / "conf" / "mfcc.conf").read_text("utf-8") == "--num-ceps=40\n"
        assert not (folder / "conf" / "model.conf").is_symlink()
        assert (
            f"--frames-per-chunk={SETTINGS['frames-per-chunk']}\n" in (folder / "conf" / "model.conf").read_text()
        )
    assert not folder.exists()
    assert (model / "conf" / "model.conf").read_text("utf-8") == "--min-active=200\n"
    assert (model / "am" / "final.mdl").exists()


def test_a_model_without_such_a_file_is_loaded_as_it_is(tmp_path: Path) -> None:
    with for_short_answers(tmp_path) as folder:
        assert folder == tmp_path
