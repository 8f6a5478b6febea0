"""A demonstration is told once and whole, and never over a city's own data."""

import json
from pathlib import Path

import pytest
from cast import START

from sandbox.jobs.demonstration import (
    NAME,
    NotADemo,
    forget_half_told,
    refuse_own_data,
    sign_ins,
    tell,
    told,
)
from sandbox.jobs.program import Program
from sandbox.store.settings import Settings
from sandbox.words import say


def test_it_is_never_told_over_a_citys_own_data(program: Program) -> None:
    with pytest.raises(NotADemo, match="own data"):
        tell(program.settings, START)
    assert not (program.settings.data / NAME).exists()


def test_one_that_was_told_is_not_told_again(program: Program) -> None:
    city = {"accounts": [], "base_url": "http://localhost:1"}
    (program.settings.data / NAME).write_text(json.dumps(city))
    refuse_own_data(program.settings)
    assert told(program.settings) == city
    assert tell(program.settings, START) == {**city, "base_url": program.settings.public_url}


@pytest.mark.parametrize(("kept", "forgotten"), (("", True), ('{"accounts": []}', False), (None, False)))
def test_only_one_that_was_cut_off_is_forgotten(settings: Settings, kept: str | None, forgotten: bool) -> None:
    database: Path = settings.data / "sandbox.db"
    database.touch()
    if kept is not None:
        (settings.data / NAME).write_text(kept)
    forget_half_told(settings)
    assert database.exists() is not forgotten
    assert (settings.data / NAME).exists() is (kept is not None and not forgotten)


def test_its_first_account_of_each_role_is_shown() -> None:
    accounts = [{"role": role, "email": email, "password": "p"}
                for role, email in (("firm", "a@x"), ("firm", "b@x"), ("administrator", "c@x"))]
    assert [say(one, "en") for one in sign_ins({"accounts": accounts})] == [
        "Administrator signs in with c@x, password: p", "Firm signs in with a@x, password: p"]
