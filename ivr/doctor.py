"""Looks at this installation: what is present, what is missing, and the one command that mends each.

Every check is a function that returns one Finding; none changes anything. `required` findings must hold to run
campaigns; the others are for languages or tests that not everybody needs."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError

from ivr.asterisk_check import check_asterisk
from ivr.config import Settings
from ivr.database import Database, file_of, shown
from ivr.database.failures import Mend
from ivr.errors import IvrError
from ivr.i18n import translate as _
from ivr.model import Attempt, Campaign, Recording
from speech.ports import SpeechError
from speech.recognizers import choose
from speech.tts import DEFAULT_VOICES
from speech.tts.voices import parse_voice
from speech.vad import COMPILED
from trunk.asterisk import sweep

LANGUAGES = {"zh-CN": "zh", "en": "en", "ko": "ko"}  # language -> what `ivr models fetch` calls it
EXTRAS = {"zh-CN": "whisper", "en": "whisper", "ko": "korean"}  # language -> the extra that brings a model of it
FREE_BYTES = 500_000_000  # rendered prompts, a joined model and some recordings
PROGRAM_DEADLINE_S = 10
NEWEST = 50  # recordings that are looked for


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` is a command, empty when nothing is to be mended."""

    what: str
    ok: bool
    detail: str
    mend: str = ""
    required: bool = True


def examine(settings: Settings, recordings: Path | None = None) -> Iterator[Finding]:
    """Every finding, one after the other, in the order in which they should be mended."""
    yield _python()
    yield _program("espeak-ng", "espeak-ng", _("speaks prompts that nobody has recorded"))
    yield _program("ffmpeg", "ffmpeg", _("reads recordings that aren't WAV"))
    yield _program("dot", "graphviz", _("draws flows"), required=False)
    yield _program("chromium", "chromium", _("tests the web pages"), required=False)
    for language in LANGUAGES:
        yield _voice(language, settings)
    for language in LANGUAGES:
        yield _recognizer(language, settings)
    yield _compiled(_("voice detection"), COMPILED is not None)
    yield _compiled(_("audio sockets"), sweep.COMPILED)
    yield _directory(settings.paths.var)
    yield _database(settings)
    yield from _recordings(settings, recordings or settings.recordings_dir)
    if settings.trunks:
        yield from asyncio.run(_asterisk(settings))


def _python() -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return Finding("Python", sys.version_info >= (3, 11), version, "apt-get install python3")


def _program(name: str, package: str, purpose: str, required: bool = True) -> Finding:
    path = shutil.which(name)
    return Finding(name, path is not None, path or purpose, f"apt-get install {package}", required)


def _voice(language: str, settings: Settings) -> Finding:
    what = _("voice {language}", language=language)
    spec = settings.speech_of(language).voice or DEFAULT_VOICES[language]
    try:
        voice = parse_voice(spec)
    except SpeechError as error:
        return Finding(what, False, _(error.template, **error.params), f"ivr.toml: [speech.{language}] voice")
    program = shutil.which("espeak-ng")
    if program is None:
        return Finding(what, False, voice.name, "apt-get install espeak-ng")
    known = voice_is_known(program, voice.name)
    return Finding(what, known, voice.name, f"ivr.toml: [speech.{language}] voice")


def voice_is_known(program: str, name: str) -> bool:
    """Whether espeak-ng can speak a word with this voice (it exits non-zero for one it doesn't know)."""
    try:
        done = subprocess.run(  # noqa: S603 - the program comes from PATH, the name was parsed
            [program, "-q", "-v", name, "1"], capture_output=True, timeout=PROGRAM_DEADLINE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _recognizer(language: str, settings: Settings) -> Finding:
    what = _("hearing {language}", language=language)
    configured = settings.speech_of(language).recognizer
    mend = f"pip install '.[{EXTRAS[language]}]'"
    if configured == "none":
        return Finding(what, True, _("keys alone, as configured"))
    try:
        name = choose(language, configured)
    except SpeechError as error:
        return Finding(what, False, _(error.template, **error.params), mend, language == "zh-CN")
    module = {"vosk": "vosk", "whisper": "faster_whisper"}[name]
    if find_spec(module) is None:
        return Finding(what, False, _("{name} isn't installed", name=name), mend)
    return Finding(what, True, name)


def _compiled(what: str, done: bool) -> Finding:
    mend = "apt-get install gcc python3-dev && pip install -e ."
    if not done:
        return Finding(what, False, _("works, but not compiled: a call takes more CPU"), mend, required=False)
    return Finding(what, True, _("compiled"))


def _directory(path: Path) -> Finding:
    what = _("working directory")
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
    try:
        probe = existing / ".ivr-doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding(what, False, f"{path}: {error.strerror}", f"chown -R $USER {existing}")
    free = shutil.disk_usage(existing).free
    shown = _("{path}, {free} MB free", path=path, free=free // 1_000_000)
    return Finding(what, free > FREE_BYTES, shown, "ivr.toml: [paths] var")


def _database(settings: Settings) -> Finding:
    what = _("database")
    url = settings.database_url
    try:
        file = file_of(url)
        if file is not None and not file.exists():
            return Finding(what, True, _("{file} will be created at first use", file=file))
        campaigns = asyncio.run(_count_campaigns(url))
    except IvrError as error:
        return Finding(what, False, user_text(error), "ivr.toml: [database] url")
    except DatabaseError as error:
        # Its tables are missing or of another version.
        return Finding(what, False, f"{shown(url)}: {str(error.orig).splitlines()[0]}", "ivr db upgrade")
    return Finding(what, True, _("{url}, {count} campaigns", url=shown(url), count=campaigns))


def _recordings(settings: Settings, folder: Path) -> Iterator[Finding]:
    """Whether the newest recordings of all machines' calls can be read here: with workers on several machines they
    share one directory. Nothing without a database, or without recordings in it."""
    url = settings.database_url
    file = file_of(url)
    if file is not None and not file.exists():
        return
    try:
        newest = asyncio.run(_newest_recordings(url))
    except (IvrError, DatabaseError):
        return  # said by the check of the database
    if not newest:
        return
    missing = [worker for name, worker in newest if not (folder / name).is_file()]
    what = _("recordings")
    if not missing:
        yield Finding(what, True, _("{folder}: the newest {count} are there", folder=folder, count=len(newest)))
        return
    # A worker's id is host-pid-random.
    hosts = sorted({worker.rsplit("-", 2)[0] for worker in missing if worker})
    detail = _(
        "{folder}: {missing} of the newest {count} aren't there; made by {hosts}",
        folder=folder, missing=len(missing), count=len(newest), hosts=", ".join(hosts) or "?",
    )  # fmt: skip
    mend = _(
        "one directory for all machines: docs/scaling.md, Recordings; where workers record elsewhere: ivr doctor "
        "--recordings DIR"
    )
    yield Finding(what, False, detail, mend, required=False)


async def _newest_recordings(url: str) -> list[tuple[str, str | None]]:
    """Files with the workers that made them."""
    wanted = (
        select(Recording.file, Attempt.worker)
        .join(Attempt, Attempt.id == Recording.attempt_id)
        .where(Recording.removed_at.is_(None))
        .order_by(Recording.id.desc())
        .limit(NEWEST)
    )
    database = Database(url)
    try:
        rows = await database.read(lambda session: session.execute(wanted).all())
    finally:
        await database.close()
    return [(file, worker) for file, worker in rows]


def user_text(error: IvrError) -> str:
    """The error's sentence in the user's language, with what stands in it."""
    params = {name: value.render(_) if isinstance(value, Mend) else value for name, value in error.params.items()}
    return _(error.template, **params)


async def _asterisk(settings: Settings) -> list[Finding]:
    """What `ivr asterisk check` proves: settings with trunks are there to call people."""
    try:
        return [Finding(one.what, one.ok, one.detail, one.fix) async for one in check_asterisk(settings)]
    except IvrError as error:
        return [Finding("Asterisk", False, _(error.template, **error.params), "ivr.toml: [asterisk]")]


async def _count_campaigns(url: str) -> int:
    database = Database(url)
    try:
        return await database.read(lambda session: session.scalar(select(func.count(Campaign.id))) or 0)
    finally:
        await database.close()
