"""The first administrator's link works while there is no account, and never after."""

import stat

from sandbox.jobs.program import Program
from sandbox.jobs.setup import NAME, opens_setup, setup_secret
from sandbox.rules.access import SYSTEM_ACTOR


def test_the_secret_stays_the_same_until_an_account_exists(empty_program: Program) -> None:
    secret = setup_secret(empty_program)
    assert secret == setup_secret(empty_program)
    assert opens_setup(empty_program, secret or "")
    assert not opens_setup(empty_program, "another")
    empty_program.acts.do("make_first_administrator", SYSTEM_ACTOR, {
        "email": "ada@city.example", "name": "Ada", "password": "!", "authority": "Sandbox Office"})
    assert not opens_setup(empty_program, secret or "")
    assert not (empty_program.settings.data / NAME).exists()


def test_only_its_owner_reads_the_secret(empty_program: Program) -> None:
    setup_secret(empty_program)
    assert stat.S_IMODE((empty_program.settings.data / NAME).stat().st_mode) == 0o600


def test_there_is_no_secret_where_there_are_accounts(program: Program) -> None:
    assert setup_secret(program) is None
    assert not opens_setup(program, "")
