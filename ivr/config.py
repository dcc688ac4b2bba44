"""Settings: one frozen, validated model, read from `ivr.toml` (or the file that IVR_CONFIG names).

Every key has a default, so that no file is needed. Paths in the file are relative to the file. Owns no state:
`load_settings` reads the file anew, and callers hand the model on. docs/configuration.md is made from it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ivr.errors import IvrError

ENVIRONMENT = "IVR_CONFIG"
DEFAULT_FILE = "ivr.toml"


class ConfigError(IvrError):
    """The settings can't be used. One sentence: which file, which key, what to write instead."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Section):
    """Where contacts, attempts and answers are kept."""

    url: str | None = Field(
        default=None,
        description="`sqlite:///FILE`; empty: a SQLite file `ivr.db` in `paths.var`.",
        examples=["sqlite:////srv/ivr/ivr.db"],
    )


class PathSettings(_Section):
    """Where files are kept. Relative paths start at the configuration file."""

    var: Path = Field(default=Path("var"), description="Rendered prompts, models, recordings, the database.")
    prompts: tuple[Path, ...] = Field(
        default=(), description="More prompt directories (texts and recordings); they win over the shipped ones."
    )
    models: Path | None = Field(default=None, description="Speech models; empty: `models` in `paths.var`.")


class LanguageSpeech(_Section):
    """Speech of one language: `[speech.zh-CN]`, `[speech.en]`, `[speech.ko]`."""

    recognizer: str | None = Field(
        default=None, description="`vosk`, `whisper` or `none` (keys alone); empty: the best that is there."
    )
    voice: str | None = Field(default=None, description="The synthesiser's voice; empty: the language's default.")


class HearingSettings(_Section):
    """How long hearing may take."""

    deadline_s: float = Field(
        default=2.5, gt=0, le=30, description="A decode that takes longer counts as not understood."
    )
    reaction_s: float = Field(
        default=0.6, gt=0, le=10, description="What a decode takes in virtual time, however long it takes here."
    )
    workers: int | None = Field(
        default=None, ge=1, le=64, description="Vosk's threads or Whisper's processes; empty: one per core."
    )


class ApiSettings(_Section):
    """What `call_api` nodes may reach. Nothing, unless it is named here."""

    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Host names, or `host:port`, that flows may call.", examples=[["crm.example.com"]]
    )
    max_reply_bytes: int = Field(default=65536, ge=1, le=1048576, description="Longer replies count as none.")

    @field_validator("allowed_hosts")
    @classmethod
    def _plain_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if "/" in host or not host.strip():
                raise ValueError("write a host name such as crm.example.com, without scheme and path")
        return tuple(host.lower() for host in hosts)


class WebSettings(_Section):
    """Where `ivr serve` listens."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; stay on loopback behind a proxy.")
    port: int = Field(default=8765, ge=1, le=65535, description="Port to listen on.")

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if host != "localhost":
            ip_address(host)
        return host


class DialerSettings(_Section):
    """How a campaign is dialled, unless the command says otherwise."""

    concurrency: int = Field(default=10, ge=1, le=2000, description="Calls at once.")
    ring_timeout_s: float = Field(default=45.0, gt=0, le=120, description="Give up ringing after this.")
    max_attempts: int = Field(default=3, ge=1, le=20, description="Tries per contact, all outcomes together.")


class Settings(_Section):
    """All settings of one installation."""

    database: DatabaseSettings = DatabaseSettings()
    paths: PathSettings = PathSettings()
    speech: dict[Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")], LanguageSpeech] = Field(
        default_factory=dict, description="One table per language."
    )
    hearing: HearingSettings = HearingSettings()
    api: ApiSettings = ApiSettings()
    web: WebSettings = WebSettings()
    dialer: DialerSettings = DialerSettings()

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.paths.var / 'ivr.db'}"

    @property
    def models_dir(self) -> Path:
        return self.paths.models or self.paths.var / "models"

    @property
    def cache_dir(self) -> Path:
        return self.paths.var / "cache"

    def speech_of(self, language: str) -> LanguageSpeech:
        """The language's own table, else that of its first part (`en` for `en-GB`), else defaults."""
        return self.speech.get(language) or self.speech.get(language.split("-")[0]) or LanguageSpeech()


def load_settings(path: Path | None = None) -> Settings:
    """Settings from `path`, else from the file IVR_CONFIG names, else from ./ivr.toml, else the defaults.

    Raises ConfigError, naming file and key."""
    named = path or (Path(os.environ[ENVIRONMENT]) if os.environ.get(ENVIRONMENT) else None)
    file = named or Path(DEFAULT_FILE)
    try:
        raw = file.read_bytes()
    except FileNotFoundError as error:
        if named is None:
            return Settings()
        raise ConfigError("There is no configuration file {file}.", file=str(file)) from error
    except OSError as error:
        raise ConfigError("{file}: can't be read: {reason}.", file=str(file), reason=error.strerror) from error
    return parse_settings(raw, file)


def parse_settings(raw: bytes, file: Path) -> Settings:
    """Settings from TOML bytes; `file` names them in errors and anchors relative paths."""
    try:
        values = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError("{file}: the file isn't UTF-8; save it as UTF-8.", file=str(file)) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("{file}: this isn't TOML: {reason}.", file=str(file), reason=str(error)) from error
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "?"
        if first["type"] == "extra_forbidden":
            raise ConfigError("{file}: there is no setting {key}.", file=str(file), key=key) from error
        raise ConfigError(
            "{file}: {key}: {reason}.", file=str(file), key=key, reason=first["msg"].removeprefix("Value error, ")
        ) from error
    paths = settings.paths
    anchored = paths.model_copy(
        update={
            "var": file.parent / paths.var,
            "prompts": tuple(file.parent / directory for directory in paths.prompts),
            "models": file.parent / paths.models if paths.models else None,
        }
    )
    return settings.model_copy(update={"paths": anchored})


def describe() -> str:
    """The reference part of docs/configuration.md, from the model itself."""
    return "\n".join(_describe_sections()).rstrip() + "\n"


def _describe_sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = LanguageSpeech if name == "speech" else field.annotation
        assert isinstance(section, type)
        assert issubclass(section, _Section)
        yield f"## `[{name}{'.LANGUAGE' if name == 'speech' else ''}]`\n\n{section.__doc__}\n"
        yield "| Key | Default | Meaning |\n|---|---|---|"
        for key, info in section.model_fields.items():
            default = info.get_default(call_default_factory=True)
            yield f"| `{key}` | {_toml(default)} | {info.description} |"
        yield ""


def _toml(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, tuple):
        return "`[]`" if not value else f"`{list(value)}`"
    return f'`"{value}"`' if isinstance(value, (str, Path)) else f"`{value}`"
