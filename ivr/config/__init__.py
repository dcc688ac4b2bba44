"""Settings: one frozen, validated model, read from `ivr.toml` (or the file that IVR_CONFIG names).

Every key has a default, so that no file is needed. Paths in the file are relative to the file. Owns no state:
`load_settings` reads the file anew, and callers hand the model on. docs/configuration.md is made from it."""

from __future__ import annotations

from ivr.config.archive import ArchiveSettings, KeepSettings, RecordingKindName
from ivr.config.campaigns import (
    ApprovalSettings,
    ApprovalStep,
    ComplaintSettings,
    DialerSettings,
    GuardSettings,
    OrganisationLevelName,
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
from ivr.config.network import AsteriskSettings, CallerIdSettings, TrunkSettings
from ivr.config.page import describe
from ivr.config.returns import ReturnSettings
from ivr.config.section import ConfigError
from ivr.config.settings import AMI_SECRET, DEFAULT_FILE, ENVIRONMENT, Settings, load_settings, parse_settings
from ivr.config.systems import (
    CheckerSettings,
    DeliveryEvent,
    DeliverySettings,
    EligibilitySettings,
    IdentitySettings,
)
from ivr.config.tasks import TaskSettings

__all__ = [
    "AMI_SECRET",
    "DEFAULT_FILE",
    "ENVIRONMENT",
    "ApiSettings",
    "ApprovalSettings",
    "ApprovalStep",
    "ArchiveSettings",
    "AsteriskSettings",
    "CallerIdSettings",
    "CheckerSettings",
    "ComplaintSettings",
    "ConfigError",
    "DatabaseSettings",
    "DeliveryEvent",
    "DeliverySettings",
    "DeskSettings",
    "DialerSettings",
    "EligibilitySettings",
    "GuardSettings",
    "HearingSettings",
    "IdentitySettings",
    "KeepSettings",
    "LanguageSpeech",
    "MailSettings",
    "OrganisationLevelName",
    "PathSettings",
    "RecordingKindName",
    "ReportSettings",
    "ReturnSettings",
    "Settings",
    "TaskSettings",
    "TrunkSettings",
    "WebSettings",
    "WorkerSettings",
    "describe",
    "load_settings",
    "parse_settings",
]
