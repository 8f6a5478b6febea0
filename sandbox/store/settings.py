"""Settings: read once from the environment, overridden by flags, then frozen. Secrets are masked when printed."""

import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sandbox.rules.jurisdiction import Jurisdiction, Profile
from sandbox.rules.working_days import Calendar, known_country

PREFIX = "SANDBOX_"
TOKENS = ("token", "second_token")
"""What commands read besides settings: who gives an order."""
SECRETS = ("secret_key", "database_url", "mail_url")
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_SECRET = 32


def known_zone(name: str) -> str:
    """A zone that this machine's time-zone data has."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("setting_zone") from error
    return name


class Settings(BaseModel):
    """One field per setting; its environment name is SANDBOX_ and the field's name in capitals. What it is for is the
    word `setting.NAME`, which `--help` says."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    data: Path = Path("data")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    base_url: str | None = None
    secret_key: str = ""
    keys: Path | None = None
    contact: Annotated[str, Field(max_length=200)] = ""
    timezone: Annotated[str, AfterValidator(known_zone)] = "Asia/Shanghai"
    profile: Profile = Profile.CN_CITY
    country: Annotated[str, AfterValidator(known_country)] = "CN"
    tacit_approval: bool = False
    locale: Literal["zh_Hans", "zh_Hant", "en"] = "zh_Hans"
    language: Literal["zh_Hans", "zh_Hant", "en"] = "en"
    testing: bool = False
    demo: bool = False
    threads: Annotated[int, Field(ge=1, le=64)] = 64
    sign_in_rate: Annotated[int, Field(ge=1)] = 20
    sign_in_failures: Annotated[int, Field(ge=1)] = 10
    public_rate: Annotated[int, Field(ge=1)] = 60
    tick_seconds: Annotated[int, Field(ge=1, le=60)] = 15

    mail_url: str | None = None
    mail_from: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")] = "sandbox@localhost"
    wecom_url: str = "https://qyapi.weixin.qq.com"
    dingtalk_url: str = "https://oapi.dingtalk.com"
    feishu_url: str = "https://open.feishu.cn"
    webhook_hosts: str = ""

    @field_validator("wecom_url", "dingtalk_url", "feishu_url")
    @classmethod
    def _messenger(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("setting_messenger")
        return value.rstrip("/")

    @field_validator("mail_url")
    @classmethod
    def _mail(cls, value: str | None) -> str | None:
        if value and (urlsplit(value).scheme not in ("smtp", "smtps") or not urlsplit(value).hostname):
            raise ValueError("setting_mail")
        return value or None

    @field_validator("base_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value and urlsplit(value).scheme not in ("http", "https"):
            raise ValueError("setting_base_url")
        return value.rstrip("/") if value else None

    @model_validator(mode="after")
    def _safe(self) -> "Settings":
        if self.secret_key and len(self.secret_key) < SHORTEST_SECRET:
            raise PydanticCustomError("setting_secret_short", "too short", {"n": SHORTEST_SECRET})
        plain = urlsplit(self.public_url)
        if plain.scheme == "http" and plain.hostname not in LOOPBACK:
            raise ValueError("setting_plain_http")
        if self.profile is Profile.EU_AUTHORITY and self.country == "CN":
            raise ValueError("setting_member_state")
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
        return Jurisdiction(self.profile, self.zone, Calendar(self.country), self.tacit_approval)

    def lines(self) -> Iterator[str]:
        """`NAME=value` for every setting, secrets masked."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            yield f"{PREFIX}{name.upper()}={'****' if name in SECRETS and value else value}"


def read_settings(environment: Mapping[str, str] = os.environ, **flags: object) -> Settings:
    """Settings from the environment, then flags that are not None; makes data folder and secret when absent.

    Raises pydantic's ValidationError for each value that cannot be used."""
    named = {name: environment[key] for name in Settings.model_fields
             if (key := f"{PREFIX}{name.upper()}") in environment}
    named |= {name: value for name, value in flags.items() if value is not None}  # type: ignore[misc]
    settings = Settings.model_validate(named)
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings if settings.secret_key else settings.model_copy(update={"secret_key": secret_in(settings.data)})


def unknown_names(environment: Mapping[str, str]) -> Iterator[str]:
    """Names that begin like ours and are no setting, nor a token that a command reads: most often a slip."""
    known = {f"{PREFIX}{name.upper()}" for name in (*Settings.model_fields, *TOKENS)}
    return (name for name in sorted(environment) if name.startswith(PREFIX) and name not in known)


def secret_in(folder: Path) -> str:
    """The secret kept beside the database, made once, readable by its owner only."""
    path = folder / "secret_key"
    if not path.exists():
        made = path.with_suffix(f".{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48))
        made.rename(path)
    return path.read_text().strip()
