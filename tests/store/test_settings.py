"""Settings: read once, refused with words when unsafe, secrets masked and made with care."""

import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from sandbox.store.engine import database_url
from sandbox.store.settings import LOOPBACK, PREFIX, SECRETS, SHORTEST_SECRET, Settings, read_settings
from sandbox.words import LOCALES, has_word

GOOD = "x" * SHORTEST_SECRET


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_without_any_setting_the_program_serves_this_machine_only():
    settings = Settings()
    assert (settings.host, settings.port, settings.public_url) == ("127.0.0.1", 8000, "http://localhost:8000")
    assert not settings.testing and not settings.demo


def test_the_environment_names_settings_in_capitals_and_a_flag_overrides_it(data: Path):
    environment = {"SANDBOX_DATA": str(data), "SANDBOX_PORT": "9000", "SANDBOX_TESTING": "1", "PORT": "1"}
    settings = read_settings(environment, port=9100, host=None)
    assert (settings.port, settings.host, settings.testing) == (9100, "127.0.0.1", True)


def test_settings_cannot_be_changed_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is_for():
    assert [name for name in Settings.model_fields for locale in LOCALES
            if not has_word(f"setting.{name}", locale)] == []


def test_an_unknown_flag_is_refused(data: Path):
    with pytest.raises(ValidationError, match="extra"):
        read_settings({"SANDBOX_DATA": str(data)}, colour="blue")


@pytest.mark.parametrize("name", ["zone", "Asia", "Asia/Atlantis", "../etc/passwd", ""])
def test_a_zone_that_does_not_exist_is_refused(name: str):
    with pytest.raises(ValidationError, match="setting_zone"):
        Settings(timezone=name)


def test_the_zone_is_that_of_the_jurisdiction():
    noon = datetime(2026, 9, 1, 4, tzinfo=UTC).astimezone(Settings().zone)
    assert (noon.hour, Settings().timezone) == (12, "Asia/Shanghai")
    assert Settings(timezone="Europe/Berlin").zone.key == "Europe/Berlin"


@pytest.mark.parametrize(("name", "value"), [
    ("port", "0"), ("port", "65536"), ("port", "http"), ("threads", "65"), ("tick_seconds", "0"),
    ("testing", "perhaps"),
])
def test_a_number_out_of_range_is_refused(data: Path, name: str, value: str):
    with pytest.raises(ValidationError, match=name):
        read_settings({"SANDBOX_DATA": str(data), f"SANDBOX_{name.upper()}": value})


@pytest.mark.parametrize("secret", ["hunter2", "x" * (SHORTEST_SECRET - 1)])
def test_a_weak_secret_is_refused_and_not_repeated(secret: str):
    with pytest.raises(ValidationError, match="setting_secret_short") as caught:
        Settings(secret_key=secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("host", LOOPBACK)
def test_plain_http_is_served_to_this_machine(host: str):
    assert Settings(host=host).public_url == "http://localhost:8000"


@pytest.mark.parametrize("settings", [
    {"host": "0.0.0.0"}, {"host": "192.168.1.5"}, {"base_url": "http://sandbox.example"},
])
def test_plain_http_to_others_is_refused_and_the_way_out_is_said(settings: dict[str, str]):
    with pytest.raises(ValidationError, match="setting_plain_http"):
        Settings(**settings)  # type: ignore[arg-type]


def test_a_proxy_that_speaks_tls_makes_any_host_fit():
    settings = Settings(host="0.0.0.0", base_url="https://sandbox.example/")
    assert settings.public_url == "https://sandbox.example"


@pytest.mark.parametrize("address", ["sandbox.example", "ftp://sandbox.example", "javascript:alert(1)"])
def test_an_address_that_is_not_of_the_web_is_refused(address: str):
    with pytest.raises(ValidationError, match="setting_base_url"):
        Settings(base_url=address)


def test_what_is_printed_names_every_setting_and_masks_secrets():
    settings = Settings(secret_key=GOOD, database_url="postgresql://sandbox:hunter2@db/sandbox")
    lines = list(settings.lines())
    assert len(lines) == len(Settings.model_fields) and all(line.startswith(PREFIX) for line in lines)
    assert not [line for line in lines if GOOD in line or "hunter2" in line]
    assert f"{PREFIX}SECRET_KEY=****" in lines


def test_what_is_masked_is_whatever_could_hold_a_secret():
    telling = {name for name in Settings.model_fields if re.search("secret|password|token|key|url", name)}
    addresses_of_the_world, a_folder = {"base_url", "wecom_url", "dingtalk_url", "feishu_url"}, {"keys"}
    assert telling - addresses_of_the_world - a_folder <= set(SECRETS)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(data: Path):
    first = read_settings({"SANDBOX_DATA": str(data)})
    second = read_settings({"SANDBOX_DATA": str(data)})
    path = data / "secret_key"
    assert first.secret_key == second.secret_key and len(first.secret_key) >= SHORTEST_SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(data.stat().st_mode) == 0o700
    assert list(data.iterdir()) == [path]


def test_a_secret_from_the_environment_is_not_written_down(data: Path):
    assert read_settings({"SANDBOX_DATA": str(data), "SANDBOX_SECRET_KEY": GOOD}).secret_key == GOOD
    assert list(data.iterdir()) == []


def test_two_data_folders_have_two_secrets(tmp_path: Path):
    secrets = {read_settings({"SANDBOX_DATA": str(tmp_path / name)}).secret_key for name in ("a", "b")}
    assert len(secrets) == 2


def test_the_database_is_the_embedded_file_unless_an_address_is_given(data: Path):
    assert database_url(data, None) == f"sqlite:///{data}/sandbox.db"
    assert database_url(data, "postgresql://db/sandbox") == "postgresql://db/sandbox"
