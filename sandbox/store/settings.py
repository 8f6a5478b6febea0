"""Settings: read once from the environment, overridden by flags, then frozen. Secrets are masked when printed."""

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox.rules.jurisdiction import Jurisdiction, Profile
from sandbox.rules.working_days import Calendar, known_country

PREFIX = "SANDBOX_"
SECRETS = ("secret_key", "database_url", "mail_url")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_SECRET = 32


def known_zone(name: str) -> str:
    """A zone that this machine's time-zone data has."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; write for example Asia/Shanghai") from error
    return name


class Settings(BaseModel):
    """One field per setting; its environment name is SANDBOX_ and the field's name in capitals."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data: Path = Field(Path("data"), description="the one folder of durable state")
    database_url: str | None = Field(None, description="PostgreSQL address; the embedded file when absent")
    host: str = Field("127.0.0.1", description="address to listen on")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8000, description="port to listen on")
    base_url: str | None = Field(None, description="the address people type, when a proxy stands before")
    secret_key: str = Field("", description="signs sessions; made as a file in the data folder when absent")
    keys: Path | None = Field(None, description="folder of private signing keys, one for all processes; `keys` in the "
                              "data folder when absent")
    contact: Annotated[str, Field(max_length=200)] = Field(
        "", description="how the public reaches the office: a telephone or an address, on public pages and papers")
    timezone: Annotated[str, AfterValidator(known_zone)] = Field("Asia/Shanghai", description="the jurisdiction's zone")
    profile: Profile = Field(Profile.CN_CITY, description="whose procedure: cn-city or eu-authority")
    country: Annotated[str, AfterValidator(known_country)] = Field(
        "CN", description="whose working days count, by ISO code; the member state under eu-authority")
    locale: str = Field("zh_Hans", description="language of a reader who has not chosen")
    testing: bool = Field(False, description="the program's clock can be moved; never in service")
    demo: bool = Field(False, description="invented data, marked on every page")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(64, description="requests served at once")
    sign_in_rate: Annotated[int, Field(ge=1)] = Field(20, description="failed sign-ins a minute from one address")
    sign_in_failures: Annotated[int, Field(ge=1)] = Field(10, description="failed sign-ins of one account in 5 minutes")
    public_rate: Annotated[int, Field(ge=1)] = Field(60, description="codes of permits tried a minute from one address")
    tick_seconds: Annotated[int, Field(ge=1, le=60)] = Field(15, description="seconds between two ticks")

    mail_url: str | None = Field(None, description="smtp://user:password@host:587 or smtps://…; mail waits without it")
    mail_from: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] = Field(
        "sandbox@localhost", description="the address that mails come from")
    wecom_url: str = Field("https://qyapi.weixin.qq.com", description="where WeCom's robots live")
    dingtalk_url: str = Field("https://oapi.dingtalk.com", description="where DingTalk's robots live")
    feishu_url: str = Field("https://open.feishu.cn", description="where Feishu's robots live")
    webhook_hosts: str = Field("", description="hosts inside the city's own network that webhooks may call, by comma")

    @field_validator("wecom_url", "dingtalk_url", "feishu_url")
    @classmethod
    def _messenger(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError(f"{value!r}: a messenger's address starts with https://")
        return value.rstrip("/")

    @field_validator("mail_url")
    @classmethod
    def _mail(cls, value: str | None) -> str | None:
        if value and (urlsplit(value).scheme not in ("smtp", "smtps") or not urlsplit(value).hostname):
            raise ValueError("SANDBOX_MAIL_URL is smtp://host:port or smtps://host:port, with user:password@ if needed")
        return value or None

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("SANDBOX_BASE_URL must start with http:// or https://")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _safe(self) -> "Settings":
        if self.secret_key and len(self.secret_key) < SHORTEST_SECRET:
            raise ValueError(f"SANDBOX_SECRET_KEY needs {SHORTEST_SECRET} characters; leave it out and one is made")
        plain = urlsplit(self.public_url)
        if plain.scheme == "http" and plain.hostname not in LOOPBACK:
            raise ValueError("plain http is served on this machine only: put a TLS proxy before it and set "
                             "SANDBOX_BASE_URL=https://…")
        if self.profile is Profile.EU_AUTHORITY and self.country == "CN":
            raise ValueError("SANDBOX_PROFILE=eu-authority needs SANDBOX_COUNTRY: the member state whose working days "
                             "count, for example DE")
        return self

    @property
    def public_url(self) -> str:
        """The address that links carry."""
        host = "localhost" if self.host in LOOPBACK else self.host
        return self.base_url or f"http://{host}:{self.port}"

    @property
    def key_folder(self) -> Path:
        """Where private signing keys are kept."""
        return self.keys or self.data / "keys"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def place(self) -> Jurisdiction:
        """Profile, zone and calendar in one: what due times are computed by."""
        return Jurisdiction(self.profile, self.zone, Calendar(self.country))

    def lines(self) -> Iterator[str]:
        """`NAME=value` for every setting, secrets masked."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            yield f"{PREFIX}{name.upper()}={'****' if name in SECRETS and value else value}"


def read_settings(environment: Mapping[str, str] = os.environ, **flags: object) -> Settings:
    """Settings from the environment, then flags that are not None; makes data folder and secret when absent.

    Raises pydantic's ValidationError with words for each value that cannot be used."""
    named = {name: environment[key] for name in Settings.model_fields
             if (key := f"{PREFIX}{name.upper()}") in environment}
    named |= {name: value for name, value in flags.items() if value is not None}  # type: ignore[misc]
    settings = Settings.model_validate(named)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings if settings.secret_key else settings.model_copy(update={"secret_key": secret_in(settings.data)})


def secret_in(folder: Path) -> str:
    """The secret kept beside the database, made once, readable by its owner only."""
    path = folder / "secret_key"
    if not path.exists():
        made = path.with_suffix(f".{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48))
        made.rename(path)
    return path.read_text().strip()
