"""Fetch a Vosk model from its vendor: resumable, checked by size and checksum, unpacked atomically.

The vendor publishes a list with name, language, size and MD5 of every model; the checksum guards against broken
transfers (HTTPS guards against the rest)."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit
from urllib.response import addinfourl

from speech.models import models_dir, vosk_code
from speech.ports import SpeechError

VENDOR_URL = "https://alphacephei.com/vosk/models"
TIMEOUT_S = 20.0
CHUNK_BYTES = 1 << 20
UNPACKED_MAX_BYTES = 8 << 30  # the vendor's largest models unpack to about 5 GB

Progress = Callable[[int, int], None]  # bytes so far, bytes in all


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the vendor's list."""

    name: str
    size_bytes: int
    md5: str


def fetch(language: str, base_url: str = VENDOR_URL, progress: Progress | None = None) -> Path:
    """Bring the small Vosk model of a language into the models directory; a broken transfer goes on where it was.

    Blocks. Raises SpeechError, with what to do without a network, when the vendor can't be reached, lists no model
    of the language, or sends something else than it lists."""
    try:
        model = _listed(language, base_url)
        archive = models_dir() / f"{model.name}.zip"
        archive.parent.mkdir(parents=True, exist_ok=True)
        if not archive.is_file():
            _download(f"{base_url}/{model.name}.zip", model, archive, progress)
    except (OSError, ValueError) as error:
        raise SpeechError(
            "{url} can't be reached ({reason}): on a machine with internet download the small model for {language}"
            " from there, bring the zip file here, and run `ivr models fetch {language} --from FILE.zip`",
            url=base_url,
            reason=getattr(error, "reason", None) or type(error).__name__,
            language=language,
        ) from error
    try:
        return unpack(archive)
    finally:
        archive.unlink(missing_ok=True)


def unpack(archive: Path) -> Path:
    """Unpack a model's zip file into the models directory; readers see the whole model or none.

    Raises SpeechError when the file is no Vosk model."""
    broken = SpeechError("{path} is no Vosk model: it must be a zip file of one vosk-model folder", path=archive)
    models_dir().mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".unpack-", dir=models_dir()))
    try:
        with zipfile.ZipFile(archive) as packed:
            tops = {name.split("/", 1)[0] for name in packed.namelist()}
            size = sum(entry.file_size for entry in packed.infolist())
            if len(tops) != 1 or not next(iter(tops)).startswith("vosk-model-") or size > UNPACKED_MAX_BYTES:
                raise broken
            packed.extractall(work)  # zipfile itself drops absolute paths and ".."
        source = work / tops.pop()
        if not (source / "am" / "final.mdl").is_file():
            raise broken
        target = models_dir() / source.name
        if target.exists():
            shutil.rmtree(target)
        source.replace(target)
    except (zipfile.BadZipFile, FileNotFoundError) as error:
        raise broken from error
    else:
        return target
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _listed(language: str, base_url: str) -> Listed:
    with _open(f"{base_url}/model-list.json", 0) as response:
        lines = json.load(response)
    code = vosk_code(language)
    for line in lines:
        if line["lang"] == code and line["type"] == "small" and line["obsolete"] == "false":
            return Listed(str(line["name"]), int(line["size"]), str(line["md5"]))
    raise SpeechError(
        "{url} lists no small model for language {language}: use Whisper, or fetch a model by hand",
        url=base_url,
        language=language,
    )


def _download(url: str, model: Listed, archive: Path, progress: Progress | None) -> None:
    partial = archive.with_suffix(".part")
    have = partial.stat().st_size if partial.is_file() else 0
    if have > model.size_bytes:
        partial.unlink()
        have = 0
    if have < model.size_bytes:
        with _open(url, have) as response, partial.open("ab") as file:
            if response.status != 206:  # the server starts from the beginning again
                file.truncate(0)
                have = 0
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                if have > model.size_bytes:
                    break
                if progress is not None:
                    progress(have, model.size_bytes)
    if have < model.size_bytes:
        raise OSError("the transfer broke off")
    if have != model.size_bytes or _md5(partial) != model.md5:
        partial.unlink()
        raise SpeechError("{url} sent something else than its list says: try again later", url=url)
    partial.replace(archive)


def _open(url: str, start: int) -> addinfourl:
    if urlsplit(url).scheme not in ("https", "http"):
        raise ValueError("only http and https are fetched")
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310 checked
    return cast(addinfourl, urllib.request.urlopen(request, timeout=TIMEOUT_S))  # noqa: S310 checked above


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
