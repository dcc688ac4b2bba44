"""Models: where they are, joining Whisper, and fetching Vosk from a server of our own on the loopback."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner

from ivr.cli.models import command
from speech.model_fetch import fetch, unpack
from speech.models import WHISPER_BYTES, find_vosk, models_here, vosk_code, whisper_model
from speech.ports import SpeechError
from speech.recognizers import choose, create
from tests.other_systems import served_by_thread

pytestmark = pytest.mark.integration

NAME = "vosk-model-small-cn-0.22"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("IVR_MODELS", str(tmp_path))
    return tmp_path


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, content in files.items():
            file.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


MODEL = archive(**{f"{NAME}/am/final.mdl": bytes(300_000), f"{NAME}/conf/model.conf": b"x"})


class Vendor(BaseHTTPRequestHandler):
    """Serves a list and one model; `broken_after` cuts the first transfer off, `ranges` notes requests."""

    body: ClassVar[bytes] = MODEL
    listed_md5: ClassVar[str] = hashlib.md5(MODEL).hexdigest()
    broken_after: ClassVar[int | None] = None
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        if self.path.endswith("model-list.json"):
            line = {"lang": "cn", "name": NAME, "type": "small", "obsolete": "false"}
            return self._send(json.dumps([line | {"size": len(self.body), "md5": self.listed_md5}]).encode())
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        return self._send(self.body[start:], 206 if asked else 200)

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = None
        if self.path.endswith("zip"):
            cut, type(self).broken_after = self.broken_after, None
        self.wfile.write(body[:cut])

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def vendor() -> Iterator[str]:
    Vendor.ranges, Vendor.broken_after, Vendor.listed_md5 = [], None, hashlib.md5(MODEL).hexdigest()
    with served_by_thread(Vendor) as address:
        yield address


def test_whisper_is_joined_from_its_packages_once(models_dir: Path) -> None:
    path = whisper_model()
    assert path == models_dir / "whisper-base"
    assert (path / "model.bin").stat().st_size == WHISPER_BYTES
    stamp = (path / "model.bin").stat().st_mtime_ns
    assert whisper_model() == path
    assert (path / "model.bin").stat().st_mtime_ns == stamp
    assert not [entry for entry in models_dir.iterdir() if entry.name.startswith(".")]


def test_a_fresh_machine_hears_korean_by_vosk_and_the_others_by_whisper(empty: Path) -> None:
    assert {name: choose(name) for name in ("ko", "zh-CN", "en")} == {
        "ko": "vosk",
        "zh-CN": "whisper",
        "en": "whisper",
    }
    assert choose("ko", "whisper") == "whisper"
    with pytest.raises(SpeechError, match="recogniser siri is not known: use one of vosk, whisper"):
        choose("ko", "siri")
    assert create("vosk", "ko").languages() == {"ko"}
    assert create("whisper", "zh").languages() == {"zh-CN"}


def test_fetched_chinese_is_heard_by_vosk_from_then_on(empty: Path, vendor: str) -> None:
    assert choose("zh-CN") == "whisper"
    seen: list[tuple[int, int]] = []
    path = fetch("zh", vendor, lambda done, total: seen.append((done, total)))
    assert path == find_vosk("zh-CN") == empty / NAME
    assert choose("zh-CN", "auto") == "vosk"
    assert seen[-1] == (len(MODEL), len(MODEL))
    assert [entry.name for entry in empty.iterdir()] == [NAME]
    assert any(model.languages == "zh" for model in models_here())


def test_a_broken_transfer_goes_on_where_it_was(empty: Path, vendor: str) -> None:
    Vendor.broken_after = len(MODEL) // 2
    with pytest.raises(SpeechError, match=r"can't be reached .*on a machine with internet download"):
        fetch("zh", vendor)
    assert fetch("zh", vendor) == empty / NAME
    assert Vendor.ranges == [None, f"bytes={len(MODEL) // 2}-"]


def test_something_else_than_listed_is_thrown_away(empty: Path, vendor: str) -> None:
    Vendor.listed_md5 = "0" * 32
    with pytest.raises(SpeechError, match="sent something else than its list says"):
        fetch("zh", vendor)
    assert list(empty.iterdir()) == []


def test_a_language_without_a_listed_model(empty: Path, vendor: str) -> None:
    with pytest.raises(SpeechError, match="lists no small model for language fr"):
        fetch("fr", vendor)
    assert [vosk_code(tag) for tag in ("zh-CN", "en_GB", "fr")] == ["cn", "en-us", "fr"]


@pytest.mark.parametrize(
    "content",
    [
        b"no zip",
        archive(readme=b""),
        archive(**{NAME + "/conf": b""}),
        archive(**{"vosk-model-a/am/final.mdl": b"", "b": b""}),
    ],
)
def test_a_file_that_is_no_model(empty: Path, content: bytes) -> None:
    path = empty / "file.zip"
    path.write_bytes(content)
    with pytest.raises(SpeechError, match=r"file\.zip is no Vosk model"):
        unpack(path)
    assert [entry.name for entry in empty.iterdir()] == ["file.zip"]


def test_models_command(empty: Path, vendor: str) -> None:
    run = CliRunner().invoke
    assert NAME not in run(command, ["list"]).output
    fetched = run(command, ["fetch", "zh", "--from", vendor])
    assert (fetched.exit_code, NAME in fetched.output) == (0, True)
    assert "is here" in run(command, ["fetch", "zh"]).output
    listed = run(command, ["list"]).output
    assert "zh-CN: vosk" in listed
    assert "ko: vosk" in listed
