"""Sections about this installation: where things are kept, speech, what may be reached, the web pages."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, field_validator

from ivr.config.section import Section


class DatabaseSettings(Section):
    """Where contacts, attempts and answers are kept."""

    url: str | None = Field(
        default=None,
        description="`sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; "
        "empty: a SQLite file `ivr.db` in `paths.var`.",
        examples=["sqlite:////srv/ivr/ivr.db", "postgresql://ivr@db.example.com/ivr"],
    )


class PathSettings(Section):
    """Where files are kept. Relative paths start at the configuration file."""

    var: Path = Field(default=Path("var"), description="Rendered prompts, models, recordings, the database.")
    prompts: tuple[Path, ...] = Field(
        default=(), description="More prompt directories (texts and recordings); they win over the shipped ones."
    )
    models: Path | None = Field(default=None, description="Speech models; empty: `models` in `paths.var`.")


class LanguageSpeech(Section):
    """Speech of one language: `[speech.zh-CN]`, `[speech.en]`, `[speech.ko]`."""

    recognizer: str | None = Field(
        default=None, description="`vosk`, `whisper` or `none` (keys alone); empty: the best that is there."
    )
    voice: str | None = Field(default=None, description="The synthesiser's voice; empty: the language's default.")


class HearingSettings(Section):
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


class ApiSettings(Section):
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


class WebSettings(Section):
    """Where `ivr serve` listens."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; stay on loopback behind a proxy.")
    port: int = Field(default=8765, ge=1, le=65535, description="Port to listen on.")

    @field_validator("host")
    @classmethod
    def _address(cls, host: str) -> str:
        if host != "localhost":
            ip_address(host)
        return host
