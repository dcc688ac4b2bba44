"""Settings: one frozen, validated model, read from `ivr.toml` (or the file that IVR_CONFIG names).

Every key has a default, so that no file is needed. Paths in the file are relative to the file. Owns no state:
`load_settings` reads the file anew, and callers hand the model on. docs/configuration.md is made from it.

Long because it is a list: one class a section, in the order in which the page has them."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ivr.errors import IvrError

ENVIRONMENT = "IVR_CONFIG"
AMI_SECRET = "IVR_AMI_SECRET"  # noqa: S105 - the variable's name
DEFAULT_FILE = "ivr.toml"
DeliveryEvent = Literal["attempt_ended", "task_done", "grade_changed", "success_confirmed"]
_VARIABLE = r"^[A-Z][A-Z0-9_]*$"


class ConfigError(IvrError):
    """The settings can't be used. One sentence: which file, which key, what to write instead."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(_Section):
    """Where contacts, attempts and answers are kept."""

    url: str | None = Field(
        default=None,
        description="`sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; "
        "empty: a SQLite file `ivr.db` in `paths.var`.",
        examples=["sqlite:////srv/ivr/ivr.db", "postgresql://ivr@db.example.com/ivr"],
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


class WorkerSettings(_Section):
    """How `ivr worker` processes that dial from one PostgreSQL know of each other."""

    heartbeat_s: float = Field(
        default=1.0, gt=0, le=60, description="So often a worker says that it lives, and renews its quotas."
    )
    dead_after_s: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="A worker that was silent for so long is taken for dead: others clear up after it.",
    )

    @field_validator("dead_after_s")
    @classmethod
    def _several_beats(cls, dead_after_s: float, info: ValidationInfo) -> float:
        if dead_after_s < 3 * info.data.get("heartbeat_s", 0.0):
            raise ValueError("write at least three times worker.heartbeat_s: one late beat is no death")
        return dead_after_s


class ComplaintSettings(_Section):
    """Complaints about calls (`ivr complaints`)."""

    opt_out_days: int | None = Field(
        default=730, ge=1, description="So long the number isn't called any more; numbers get new owners."
    )
    credit_days: int = Field(
        default=30, ge=1, le=366, description="A complaint is about the latest call of so many days before it."
    )
    timezone: str = Field(default="Asia/Shanghai", description="Where moments in files of complaints are from.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("write a time zone such as Asia/Shanghai") from error
        return name


class AsteriskSettings(_Section):
    """The PBX that real calls go through. `ivr asterisk render` writes its side of this."""

    host: str = Field(default="127.0.0.1", description="Where the manager interface (AMI) listens.")
    port: int = Field(default=5038, ge=1, le=65535, description="Its TCP port.")
    user: str = Field(default="ivr", description="The AMI user.")
    secret: SecretStr | None = Field(
        default=None,
        description="The AMI user's password; better left to the environment variable IVR_AMI_SECRET.",
    )
    audio_host: str = Field(
        default="127.0.0.1", description="Our address, as Asterisk reaches it: it sends the calls' audio there."
    )
    audio_port: int = Field(default=0, ge=0, le=65535, description="Its TCP port; 0: any free one.")
    media_dir: Path = Field(
        default=Path("/var/spool/asterisk/ivr"),
        description="Where Asterisk writes recordings, as Asterisk names it.",
    )
    media_dir_here: Path | None = Field(
        default=None, description="The same folder as we name it (a mount, a chroot); empty: the same name."
    )
    dialplan: str = Field(
        default="ivr", pattern=r"^[a-z][a-z0-9-]*$", description="Prefix of the names of our dialplan contexts."
    )


class CallerIdSettings(_Section):
    """Numbers that calls of one purpose show: `[trunks.NAME.caller_ids.service]`."""

    numbers: tuple[str, ...] = Field(min_length=1, description="Numbers as the operator wants them to be sent.")
    calls_per_hour: int | None = Field(
        default=None, ge=1, description="Most calls an hour that one number shows; empty: no limit."
    )
    calls_per_callee: int = Field(
        default=3, ge=1, description="Most calls in 24 hours that one number shows to one callee."
    )


class TrunkSettings(_Section):
    """One way into the telephone network: a SIP trunk of the PBX."""

    channels: int = Field(default=30, ge=1, le=2000, description="Calls at once.")
    calls_per_s: float = Field(default=5.0, gt=0, le=100, description="New calls a second.")
    prefixes: tuple[str, ...] = Field(
        default=("+",), description="Numbers it takes, by their beginning (E.164); the longest match wins."
    )
    priority: int = Field(default=1, ge=1, le=100, description="Of trunks that match alike, the lowest is first.")
    dial: str = Field(
        default="{e164}",
        description="How the operator wants numbers: `{e164}` +8613…, `{digits}` 8613…, `{national}` 13…",
    )
    endpoint: str | None = Field(default=None, description="PJSIP endpoint; empty: `ivr-` and the trunk's name.")
    server: str | None = Field(default=None, description="The operator's SIP address, `host` or `host:port`.")
    username: str | None = Field(default=None, description="To register with; empty: known by our IP address.")
    password: SecretStr | None = Field(default=None, description="The password for that name.")
    codecs: tuple[Literal["alaw", "ulaw"], ...] = Field(default=("alaw", "ulaw"), description="In this order.")
    keep_early_media: bool = Field(default=True, description="Keep what the network says before the answer.")
    live_early_media: int = Field(
        default=0,
        ge=0,
        le=100,
        description="So many unanswered calls at once are listened to: one that hears a busy tone is given up.",
    )
    failures: int = Field(default=5, ge=1, description="So many failures of the trunk itself …")
    failures_within_s: float = Field(
        default=60.0,
        gt=0,
        description="… in so many seconds take it out of service; each good answer makes up for one.",
    )
    rest_s: float = Field(
        default=30.0, gt=0, description="How long it stays out before one call may try it again."
    )
    caller_ids: dict[Literal["service", "marketing", "survey", "care"], CallerIdSettings] = Field(
        default_factory=dict, description="Numbers to show, by purpose."
    )


class QueueSettings(_Section):
    """People who take the calls that flows hand over: `[queues.NAME]`, NAME as the flows' `transfer` says it."""

    agents: dict[
        Annotated[str, Field(pattern=r"^\d{1,8}$")], Annotated[str, Field(pattern=r"^(\+[1-9]\d{6,14}|\d{2,6})$")]
    ] = Field(
        min_length=1,
        description='Agent\'s number -> extension or E.164 number: `{1001 = "601", 1002 = "+8613800000001"}`.',
    )
    order: Literal["listed", "rotating"] = Field(
        default="listed", description="Whom to try first: `listed` the first of the list, `rotating` in turn."
    )
    trunk: str | None = Field(
        default=None, description="By which trunk, of the same PBX; empty: the one of the customer's call."
    )
    ring_s: float = Field(
        default=15.0,
        gt=0,
        le=120,
        description="So long one agent's phone rings; the flow's `answer_within_s` holds for all together.",
    )
    longest_talk_s: float = Field(
        default=3600.0,
        gt=0,
        le=14400,
        description="So long people may talk in one call; then the customer goes back to the flow.",
    )
    wrap_up_s: float = Field(
        default=0.0, ge=0, le=3600, description="So long after a talk an agent is given no other call."
    )
    away_s: float = Field(
        default=60.0,
        ge=0,
        le=86400,
        description="So long an agent is given no call who didn't pick up, or whose line was busy.",
    )
    language: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2}(-[A-Z]{2})?$",
        description="Of what agents are told, where there are prompts in it; empty: the flow's.",
    )


OrganisationLevelName = Literal["province", "city", "county", "hall"]


class ApprovalStep(_Section):
    """From this size on: `[[approval.steps]]`, from the smallest to the largest; the first begins at 0."""

    from_contacts: int = Field(ge=0, description="So many contacts, together with those of its siblings.")
    approvers: int = Field(default=1, ge=1, le=9, description="Different people who sign each stage.")
    form: str = Field(min_length=1, max_length=64, description="The form by which it is approved at this size.")
    request_level: OrganisationLevelName | None = Field(
        default=None,
        description="Lowest level that signs the request: `province`, `city`, `county`, `hall`; empty: its own.",
    )
    plan_level: OrganisationLevelName | None = Field(default=None, description="Lowest level that signs the plan.")


class ApprovalSettings(_Section):
    """Who approves campaigns. A campaign that belongs to an organisation is approved there or above."""

    steps: tuple[ApprovalStep, ...] = Field(
        default=(
            ApprovalStep(from_contacts=0, approvers=1, form="业务联系单", plan_level="city"),
            ApprovalStep(from_contacts=5000, approvers=2, form="呈批件", plan_level="city"),
        ),
        min_length=1,
        max_length=9,
        description="What each size needs.",
    )
    split_hours: float = Field(
        default=24.0, ge=0, le=744, description="Campaigns of one owner and flow submitted so close are summed."
    )
    roles: tuple[Literal["admin", "supervisor", "agent", "viewer"], ...] = Field(
        default=("admin", "supervisor"), min_length=1, description="Who may approve."
    )
    direct_contacts: int = Field(
        default=1000,
        ge=0,
        description="So many contacts one operator may dial unapproved by `ivr dial` in `split_hours`; 0: none.",
    )

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: tuple[ApprovalStep, ...]) -> tuple[ApprovalStep, ...]:
        sizes = [step.from_contacts for step in steps]
        if sizes[0] != 0 or sizes != sorted(set(sizes)):
            raise ValueError("the first step begins at from_contacts = 0, and each next one is larger")
        if any(later.approvers < step.approvers for step, later in pairwise(steps)):
            raise ValueError("a larger campaign needs no fewer approvers")
        return steps


class GuardSettings(_Section):
    """When a running campaign is paused by itself. Shares are judged by what is certain of them, not as seen."""

    on: bool = Field(default=True, description="Whether it watches.")
    window_minutes: float = Field(default=15.0, gt=0, le=1440, description="How far back `recently` is.")
    min_calls: int = Field(default=50, ge=20, description="With fewer calls recently it says nothing.")
    certainty: float = Field(default=0.999, ge=0.9, lt=1, description="Of each alarm.")
    short_s: float = Field(default=5.0, gt=0, le=60, description="A shorter call that the callee ended is short.")
    most_short: float = Field(
        default=0.5, gt=0, lt=1, description="Pauses when more than this share of the answered calls was short."
    )
    answer_rate_change: float = Field(
        default=0.3,
        gt=0,
        lt=1,
        description="Pauses when the answer rate of first tries has moved by more than this, up or down …",
    )
    baseline_calls: int = Field(
        default=200, ge=50, le=5000, description="… from that of at least so many first tries before."
    )
    most_complaints: float = Field(
        default=0.005, gt=0, lt=1, description="Pauses when more complaints than this came per call connected …"
    )
    complaint_hours: float = Field(default=24.0, gt=0, le=744, description="… in so many hours …")
    min_complaints: int = Field(default=3, ge=1, description="… and at least so many.")


class ReportSettings(_Section):
    """What reports wait for, and the nightly look at the books."""

    confirm_days: float = Field(
        default=7, gt=0, le=366, description="An acceptance that nobody confirmed for so long is overdue."
    )
    payment_days: float = Field(
        default=7, gt=0, le=366, description="A payment so long after the call counts as one after the call."
    )
    check_at: str = Field(
        default="03:30",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="When a worker looks whether the books balance, every night, on its machine's clock.",
    )
    longest_call_s: float = Field(
        default=7200.0, gt=0, le=86400, description="No call is longer: what is open for longer is reported."
    )


class DeliverySettings(_Section):
    """Another system that is told what happened: `[deliveries.NAME]`. docs/feeds.md says what it is told."""

    kind: Literal["webhook", "sql"] = Field(description="`webhook`: an HTTP POST; `sql`: a row of a table.")
    url: str = Field(
        min_length=1, description="Of the webhook, or SQLAlchemy's of the database, without a password."
    )
    events: tuple[DeliveryEvent, ...] = Field(
        default=("attempt_ended",),
        min_length=1,
        description="`attempt_ended`, `task_done` (webhooks alone), `grade_changed`, `success_confirmed`.",
    )
    campaigns: tuple[str, ...] = Field(default=(), description="Of which campaigns, by name; empty: of all.")
    secret_env: str | None = Field(
        default=None,
        pattern=_VARIABLE,
        description="Environment variable with the webhook's signing secret, or the database's password.",
    )
    timeout_s: float = Field(default=10.0, gt=0, le=120, description="A sending that takes longer has failed.")
    tries: int = Field(default=20, ge=1, le=100, description="So many sendings that fail, and it is given up.")
    first_wait_s: float = Field(
        default=5.0, gt=0, le=3600, description="After the first failure; doubled each time, an hour at most."
    )
    table: str | None = Field(
        default=None, pattern=r"^\w+(\.\w+)?$", description="Of `sql`: the table, or `schema.table`."
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description='Of `sql`: field -> column: `{attempt_id = "call_id", outcome = "result"}`.',
    )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.kind == "webhook":
            if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
                raise ValueError("url must begin with http:// or https:// and name a host")
            if self.secret_env is None:
                raise ValueError("a webhook needs secret_env: what it is signed with")
        else:
            if self.table is None or "attempt_id" not in self.columns:
                raise ValueError("sql needs table, and columns with attempt_id")
            if "task_done" in self.events:
                raise ValueError("sql takes events of calls; take out task_done")
        return self


class EligibilitySettings(_Section):
    """A system that is asked just before a number is dialled: `[eligibility.NAME]`. See docs/feeds.md."""

    url: str = Field(pattern=r"^https?://[^\s/]+", description="Asked by HTTP POST.")
    campaigns: tuple[str, ...] = Field(default=(), description="For which campaigns, by name; empty: for all.")
    purposes: tuple[Literal["service", "marketing", "survey", "care"], ...] = Field(
        default=(), description="For which purposes; empty: for all."
    )
    token_env: str | None = Field(
        default=None, pattern=_VARIABLE, description="Environment variable with the bearer token that is sent."
    )
    deadline_ms: int = Field(
        default=800, ge=50, le=10_000, description="An answer that takes longer counts as none."
    )
    on_failure: Literal["call", "later", "never"] = Field(
        default="later", description="What to do with a number that nobody has answered about in time."
    )
    retry_s: float = Field(default=300.0, ge=10, le=86400, description="`later` means so much later.")
    at_once: int = Field(default=20, ge=1, le=500, description="Questions at once, at most.")
    failures: int = Field(default=5, ge=1, description="So many failures in a row, and it isn't asked …")
    rest_s: float = Field(default=30.0, gt=0, description="… for so long; then one question tries it again.")


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
    complaints: ComplaintSettings = ComplaintSettings()
    worker: WorkerSettings = WorkerSettings()
    approval: ApprovalSettings = ApprovalSettings()
    guard: GuardSettings = GuardSettings()
    reports: ReportSettings = ReportSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    trunks: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], TrunkSettings] = Field(
        default_factory=dict, description="One table per trunk."
    )
    queues: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], QueueSettings] = Field(
        default_factory=dict, description="One table per queue."
    )

    deliveries: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], DeliverySettings] = Field(
        default_factory=dict, description="One table per system."
    )
    eligibility: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], EligibilitySettings] = Field(
        default_factory=dict, description="One table per system; the first that fits a campaign is asked."
    )

    @field_validator("queues")
    @classmethod
    def _known_trunks(cls, queues: dict[str, QueueSettings], info: ValidationInfo) -> dict[str, QueueSettings]:
        for name, queue in queues.items():
            if queue.trunk is not None and queue.trunk not in info.data.get("trunks", {}):
                raise ValueError(f"{name}: there is no [trunks.{queue.trunk}]")
        return queues

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.paths.var / 'ivr.db'}"

    @property
    def models_dir(self) -> Path:
        return self.paths.models or self.paths.var / "models"

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


# Tables whose names the user chooses: what docs/configuration.md calls them, and the model of one.
_TABLES: dict[str, tuple[tuple[str, type[_Section]], ...]] = {
    "speech": (("speech.LANGUAGE", LanguageSpeech),),
    "trunks": (("trunks.NAME", TrunkSettings), ("trunks.NAME.caller_ids.PURPOSE", CallerIdSettings)),
    "queues": (("queues.NAME", QueueSettings),),
    "deliveries": (("deliveries.NAME", DeliverySettings),),
    "eligibility": (("eligibility.NAME", EligibilitySettings),),
    "approval": (("approval", ApprovalSettings), ("approval.steps", ApprovalStep)),
}
_OWN_TABLES = {("trunks.NAME", "caller_ids"), ("approval", "steps")}  # keys that are tables of their own


def _describe_sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if name in _TABLES:
            tables = _TABLES[name]
        else:
            assert isinstance(section, type)
            assert issubclass(section, _Section)
            tables = ((name, section),)
        for title, model in tables:
            yield f"## `[{title}]`\n\n{model.__doc__}\n"
            yield "| Key | Default | Meaning |\n|---|---|---|"
            for key, info in model.model_fields.items():
                if (title, key) in _OWN_TABLES:
                    continue
                default = None if info.is_required() else info.get_default(call_default_factory=True)
                shown = "required" if info.is_required() else _toml(default)
                yield f"| `{key}` | {shown} | {info.description} |"
            yield ""


def _toml(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, tuple):
        return "`[]`" if not value else f"`{list(value)}`"
    return f'`"{value}"`' if isinstance(value, (str, Path)) else f"`{value}`"
