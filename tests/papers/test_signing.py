"""Keys and what they sign: one key for all processes, private halves for their owner only, rotation by four eyes."""

import base64
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import Cast
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sandbox.acts.refusals import NotPermitted, Refused
from sandbox.jobs.program import Program
from sandbox.papers.signing import KeyMissing, jwks, key_of, sign
from sandbox.reads.permits import published_keys
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.keys import SIGNING_KEYS, KeyUse, private_file


def signed(program: Program, folder: Path, **claims: Any) -> str:
    with program.reading() as connection:
        return sign(key_of(connection, program.acts, folder, KeyUse.PERMIT), "permit+jwt", claims)


def published(program: Program) -> list[dict[str, Any]]:
    with program.reading() as connection:
        return jwks(published_keys(connection))["keys"]


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def checked(token: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    """The claims, checked with nothing but the published set and `cryptography`."""
    header, payload, signature = token.split(".")
    named = json.loads(decoded(header))
    key = next(one for one in keys if one["kid"] == named["kid"])
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(signature), f"{header}.{payload}".encode())
    return {**json.loads(decoded(payload)), "header": named}


@pytest.fixture
def folder(program: Program) -> Path:
    return program.settings.key_folder


def test_the_first_need_makes_a_key_that_its_owner_alone_can_read(program: Program, folder: Path):
    assert not folder.exists()
    token = signed(program, folder, sub="ES-0001")
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = checked(token, published(program))
    assert found["header"] == {"alg": "EdDSA", "typ": "permit+jwt", "kid": kept.stem}
    assert found["sub"] == "ES-0001"


def test_no_private_half_is_in_the_database(program: Program, folder: Path):
    signed(program, folder)
    (kept,) = folder.iterdir()
    secret = kept.read_bytes().splitlines()[1]
    assert all(secret not in file.read_bytes() for file in program.settings.data.glob("sandbox.db*"))


def test_the_same_claims_are_signed_to_the_same_bytes_and_others_do_not_verify(program: Program, folder: Path):
    token = signed(program, folder, active=True)
    assert signed(program, folder, active=True) == token
    header, payload, signature = token.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({"active": False}).encode()).decode().rstrip("=")
    with pytest.raises(InvalidSignature):
        checked(f"{header}.{forged}.{signature}", published(program))


def test_processes_that_need_a_key_at_once_end_up_with_one(program: Program, folder: Path):
    with ThreadPoolExecutor(8) as many:
        tokens = set(many.map(lambda _: signed(program, folder, n=1), range(8)))
    assert len(tokens) == 1
    assert len(list(folder.iterdir())) == len(published(program)) == 1


def test_a_process_without_the_file_refuses_to_sign_rather_than_to_differ(program: Program, folder: Path,
                                                                          tmp_path: Path):
    signed(program, folder)
    with pytest.raises(KeyMissing):
        signed(program, tmp_path / "elsewhere")
    assert len(published(program)) == 1


def test_a_rotation_takes_two_regulators_and_leaves_the_old_half_published(program: Program, cast: Cast, folder: Path):
    old = signed(program, folder, n=1)
    proposed = program.acts.do("rotate_key", cast.lin, {"reason": "Yearly"})
    with pytest.raises(NotPermitted):
        program.acts.do("vote_on_decision", cast.lin, {"value": "for"}, on=proposed.decision)
    assert signed(program, folder, n=1) == old
    program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    new, keys = signed(program, folder, n=1), published(program)
    assert checked(new, keys)["header"]["kid"] != checked(old, keys)["header"]["kid"]
    assert {("retired" in key, private_file(folder, key["kid"]).exists()) for key in keys} == {(True, False),
                                                                                              (False, True)}


def test_whoever_runs_the_machine_rotates_alone_and_only_what_there_is(program: Program, folder: Path):
    with pytest.raises(Refused, match="no_signing_key"):
        program.acts.do("rotate_key", SYSTEM_ACTOR, {})
    signed(program, folder)
    retired = program.acts.do("rotate_key", SYSTEM_ACTOR, {}).id
    assert [key["kid"] for key in published(program)] == [retired]


def test_a_firm_or_an_administrator_rotates_nothing(program: Program, cast: Cast):
    for who in (cast.fang, cast.ada, cast.rui):
        with pytest.raises(NotPermitted):
            program.acts.do("rotate_key", who, {})


def test_two_keys_of_one_use_cannot_both_sign(program: Program, folder: Path):
    signed(program, folder)
    with pytest.raises(sa.exc.IntegrityError):
        program.door.submit(lambda transaction: transaction.connection.execute(sa.insert(SIGNING_KEYS).values(
            id="other", use="permit", public="x", made_at=program.clock())))
