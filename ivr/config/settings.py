"""All settings together, and how they are read from a file."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ivr.config.archive import ArchiveSettings
from ivr.config.campaigns import (
    ApprovalSettings,
    ComplaintSettings,
    DialerSettings,
    GuardSettings,
    ReportSettings,
    WorkerSettings,
)
from ivr.config.desk import DeskSettings
from ivr.config.installation import (
    ApiSettings,
    DatabaseSettings,
    HearingSettings,
    LanguageSpeech,
    PathSettings,
    WebSettings,
)
from ivr.config.mail import MailSettings
from ivr.config.network import AsteriskSettings, TrunkSettings
from ivr.config.returns import ReturnSettings
from ivr.config.section import ConfigError, Section
from ivr.config.systems import CheckerSettings, DeliverySettings, EligibilitySettings, IdentitySettings
from ivr.config.tasks import TaskSettings

ENVIRONMENT = "IVR_CONFIG"
AMI_SECRET = "IVR_AMI_SECRET"  # noqa: S105 - the variable's name
DEFAULT_FILE = "ivr.toml"


class Settings(Section):
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
    complaints: ComplaintSettings = ComplaintSettings()
    worker: WorkerSettings = WorkerSettings()
    approval: ApprovalSettings = ApprovalSettings()
    guard: GuardSettings = GuardSettings()
    reports: ReportSettings = ReportSettings()
    mail: MailSettings = MailSettings()
    archive: ArchiveSettings = ArchiveSettings()
    tasks: TaskSettings = TaskSettings()
    desk: DeskSettings = DeskSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    trunks: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], TrunkSettings] = Field(
        default_factory=dict, description="One table per trunk."
    )
    returns: ReturnSettings = ReturnSettings()
    deliveries: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], DeliverySettings] = Field(
        default_factory=dict, description="One table per system."
    )
    eligibility: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], EligibilitySettings] = Field(
        default_factory=dict, description="One table per system; the first that fits a campaign is asked."
    )

    identity: IdentitySettings = IdentitySettings()
    checkers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], CheckerSettings] = Field(
        default_factory=dict, description="One table per system; the first that fits a campaign is asked."
    )

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.paths.var / 'ivr.db'}"

    @property
    def models_dir(self) -> Path:
        return self.paths.models or self.paths.var / "models"

    @property
    def recordings_dir(self) -> Path:
        """Where recordings are looked for, unless a command says otherwise."""
        return self.paths.var / "recordings"

    @property
    def cache_dir(self) -> Path:
        return self.paths.var / "cache"

    @property
    def ami_secret(self) -> str | None:
        """The AMI user's password: from the environment, else from the file."""
        given = os.environ.get(AMI_SECRET)
        return given or (self.asterisk.secret.get_secret_value() if self.asterisk.secret else None)

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
    if "queues" in values:
        raise ConfigError(
            "{file}: queues and their agents don't stand in the settings any more, but in a roster: write them "
            "down as docs/desk.md shows, remove [queues], then take the roster in with ivr desk load roster.yaml.",
            file=str(file),
        )
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
    archive = settings.archive
    if archive.anchors is not None:
        archive = archive.model_copy(update={"anchors": file.parent / archive.anchors})
    return settings.model_copy(update={"paths": anchored, "archive": archive})
