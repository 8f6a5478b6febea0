"""The Merkle log: the roots that RFC 6962 knows, a proof for every leaf, and every kind of tampering found."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import SQLModel

from sandbox.store.engine import make_engine
from sandbox.store.log import (
    LOG,
    MOST_BYTES,
    NODES,
    Pending,
    Tree,
    current_tree,
    digest,
    inclusion_proof,
    leaf_hash,
    node_hash,
    range_hash,
    root_from_proof,
)
from sandbox.store.verification import BLOCK, verify
from sandbox.words import say, word

NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
SIZES = range(1, 71)
# The eight leaves and the roots of their first n that implementations of RFC 6962 are tested with.
LEAVES = [bytes.fromhex(text) for text in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
             "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
             "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"],
    (5, 8): ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
             "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
             "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}


def plain_root(hashes: list[bytes]) -> bytes:
    """The tree hash straight from the definition in RFC 6962 §2.1: nothing stored, nothing clever."""
    if len(hashes) < 2:
        return hashes[0] if hashes else hashlib.sha256().digest()
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(plain_root(hashes[:split]), plain_root(hashes[split:]))


def engine_at(path: Path) -> sa.Engine:
    engine = make_engine(f"sqlite:///{path}", writing=True)
    SQLModel.metadata.create_all(engine, tables=[LOG, NODES])
    return engine


def fill(connection: sa.Connection, count: int) -> None:
    """So many entries in one transaction, as the door writes them."""
    pending = Pending(current_tree(connection))
    for _ in range(count):
        slot = pending.reserve()
        seq = pending.seq_of(slot)
        pending.fill(slot, at=NOW + timedelta(seconds=seq), actor=f"ac_{seq % 3}", role="firm", act="file_feedback",
                     subject=f"ES-{seq:04}", trial=f"ES-{seq:04}", reason=None, old=None, new=[seq], cause=None,
                     request=None)
    pending.flush(connection)


@pytest.fixture(scope="module")
def long_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    engine = engine_at(tmp_path_factory.mktemp("log") / "sandbox.db")
    with engine.begin() as connection:
        fill(connection, SIZES[-1])
        yield connection
    engine.dispose()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[sa.Connection]:
    """A log of seven entries whose guards are taken away, in a transaction that is never kept."""
    engine = engine_at(tmp_path / "sandbox.db")
    with engine.connect() as connection:
        fill(connection, 7)
        for (name,) in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(sa.text(f"DROP TRIGGER {name}"))
        assert verify(connection).problems == ()
        yield connection
    engine.dispose()


# RFC 6962


@pytest.mark.parametrize("size", range(9))
def test_the_root_of_the_known_leaves_is_the_known_root(size: int):
    tree = Tree()
    for leaf in LEAVES[:size]:
        list(tree.append(leaf_hash(leaf)))
    assert (tree.size, tree.root().hex()) == (size, ROOTS[size])


@pytest.mark.parametrize(("seq", "size"), PATHS)
def test_the_known_audit_path_leads_to_the_known_root(seq: int, size: int):
    assert root_from_proof(seq, size, LEAVES[seq], PATHS[seq, size]).hex() == ROOTS[size]


def test_stored_leaves_give_the_known_roots_and_audit_paths(tmp_path: Path):
    engine, tree = engine_at(tmp_path / "sandbox.db"), Tree()
    with engine.begin() as connection:
        for seq, leaf in enumerate(LEAVES):
            connection.execute(sa.insert(LOG).values(seq=seq, act="a", actor_id="b", at=NOW, leaf=leaf.decode(),
                                                     hash=leaf_hash(leaf)))
            for level, index, hashed in tree.append(leaf_hash(leaf)):
                connection.execute(sa.insert(NODES).values(level=level, index=index, hash=hashed))
        assert [range_hash(connection, 0, size).hex() for size in range(1, 9)] == ROOTS[1:]
        assert {key: inclusion_proof(connection, *key) for key in PATHS} == PATHS
    engine.dispose()


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_proved_to_be_in_the_tree_of_every_size(long_log: sa.Connection, size: int):
    rows = long_log.execute(sa.select(LOG.c.leaf, LOG.c.hash).order_by(LOG.c.seq).limit(size)).all()
    root = plain_root([row.hash for row in rows])
    assert range_hash(long_log, 0, size) == root
    assert all(root_from_proof(seq, size, row.leaf.encode(), inclusion_proof(long_log, seq, size)) == root
               for seq, row in enumerate(rows))


@pytest.mark.parametrize("size", SIZES)
def test_the_edge_read_from_storage_is_the_edge_kept_while_appending(long_log: sa.Connection, size: int):
    hashes = long_log.execute(sa.select(LOG.c.hash).order_by(LOG.c.seq).limit(size)).scalars().all()
    tree = Tree()
    for hashed in hashes:
        list(tree.append(hashed))
    assert tree.root() == plain_root(list(hashes))
    assert {level: range_hash(long_log, (size >> level << level) - (1 << level), size >> level << level)
            for level in tree.edge} == tree.edge


def test_a_tree_kept_in_memory_is_read_again_when_another_wrote(log: sa.Connection):
    known = current_tree(log)
    assert current_tree(log, known) is known
    fill(log, 4)
    fresh = current_tree(log, known)
    assert (fresh.size, fresh.root()) == (11, range_hash(log, 0, 11))


@pytest.mark.parametrize("change", [
    lambda path: path[:-1], lambda path: [*path, "00" * 32], lambda path: path[::-1],
    lambda path: ["00" * 32, *path[1:]],
])
def test_a_proof_that_was_changed_leads_to_another_root_or_to_none(long_log: sa.Connection,
                                                                   change: Callable[[list[str]], list[str]]):
    for seq in range(13):
        path, leaf = inclusion_proof(long_log, seq, 13), long_log.execute(
            sa.select(LOG.c.leaf).where(LOG.c.seq == seq)).scalar_one()
        try:
            root = root_from_proof(seq, 13, leaf.encode(), change(path))
        except ValueError:
            continue
        assert root != range_hash(long_log, 0, 13) or change(path) == path


@pytest.mark.parametrize("seq", [-1, 5, 100])
def test_no_leaf_is_proved_outside_its_tree(seq: int):
    with pytest.raises(ValueError, match="outside"):
        root_from_proof(seq, 5, b"leaf", [])


@given(st.integers(0, 40), st.integers(1, 40), st.binary(max_size=20), st.lists(st.binary(min_size=32, max_size=32)))
def test_an_invented_proof_leads_nowhere(long_log: sa.Connection, seq: int, size: int, leaf: bytes, path: list[bytes]):
    try:
        root = root_from_proof(seq, size, leaf, [step.hex() for step in path])
    except ValueError:
        return
    assert root != range_hash(long_log, 0, size)


# Entries


def test_a_leaf_holds_codes_and_digests_and_no_word_of_what_was_written(log: sa.Connection):
    pending = Pending(current_tree(log))
    slot = pending.reserve()
    pending.fill(slot, at=NOW, actor="ac_1", role="firm", act="file_section", subject="ES-0001", trial="ES-0001",
                 reason=None, old=["a secret"], new=["the firm's own words"], cause=3, request="rq_1")
    leaf = json.loads(pending.entries[slot]["leaf"])
    assert set(leaf) == {"seq", "at", "actor", "role", "act", "object", "trial", "reason", "old", "new", "cause",
                         "request", "salt"}
    assert (leaf["seq"], leaf["cause"], leaf["at"]) == (7, 3, "2026-09-01T09:00:00.000000+00:00")
    assert "secret" not in pending.entries[slot]["leaf"] and len(leaf["new"]) == len(leaf["old"]) == 64
    assert leaf["new"] == digest(leaf["salt"], ["the firm's own words"])


def test_the_same_act_twice_has_two_different_leaves(log: sa.Connection):
    leaves = log.execute(sa.select(LOG.c.leaf)).scalars().all()
    assert len({json.loads(leaf)["salt"] for leaf in leaves}) == len(leaves)


def test_nothing_has_no_digest():
    assert digest("salt", []) is digest("salt", None) is None


def test_a_leaf_of_the_greatest_length_is_kept_and_a_longer_one_is_refused(log: sa.Connection):
    pending = Pending(current_tree(log))
    values: dict[str, Any] = {"at": NOW, "actor": "ac_1", "role": "firm", "act": "apply", "trial": None, "reason": None,
                              "old": None, "new": None, "cause": None, "request": None}
    pending.fill(pending.reserve(), subject="", **values)
    room = MOST_BYTES - len(pending.entries[0]["leaf"].encode())
    pending.fill(0, subject="x" * room, **values)
    with pytest.raises(ValueError, match="too long"):
        pending.fill(0, subject="x" * (room + 1), **values)


@pytest.mark.parametrize("statement", [
    "UPDATE log_entries SET act = act", "DELETE FROM log_entries WHERE seq = 0", "UPDATE log_nodes SET hash = hash",
    "DELETE FROM log_nodes WHERE level = 1",
    "INSERT OR REPLACE INTO log_entries SELECT seq, trial_id, 'other', actor_id, at, leaf, hash FROM log_entries",
    "INSERT OR REPLACE INTO log_nodes SELECT level, \"index\", x'00' FROM log_nodes",
])
def test_the_database_itself_refuses_to_change_the_log(tmp_path: Path, statement: str):
    engine = engine_at(tmp_path / "sandbox.db")
    with engine.begin() as connection:
        fill(connection, 2)
    with pytest.raises(sa.exc.IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


# Tampering


def rewrite(column: str, value: str, where: str = "seq = 3", table: str = "log_entries") -> str:
    return f'UPDATE {table} SET "{column}" = {value} WHERE {where}'


TAMPERING = {
    "another sequence number": rewrite("seq", "99"),
    "another trial": rewrite("trial_id", "'ES-9999'"),
    "no trial": rewrite("trial_id", "NULL"),
    "another act": rewrite("act", "'apply'"),
    "another actor": rewrite("actor_id", "'ac_9'"),
    "another time": rewrite("at", "'2026-09-01 09:00:04.000000'"),
    "a time that is none": rewrite("at", "'some day'"),
    "another leaf": rewrite("leaf", "(SELECT leaf FROM log_entries WHERE seq = 4)"),
    "a leaf with a space": rewrite("leaf", "leaf || ' '"),
    "a leaf that is not JSON": rewrite("leaf", "'not json'"),
    "a leaf that is a list": rewrite("leaf", "'[]'"),
    "a leaf that is not text": rewrite("leaf", "CAST(x'ff00ff' AS TEXT)"),
    "another hash": rewrite("hash", "(SELECT hash FROM log_entries WHERE seq = 4)"),
    "a short hash": rewrite("hash", "x'00'"),
    "a hash that is text": rewrite("hash", "'hash'"),
    "leaf and hash of another": rewrite("(leaf, hash)", "(SELECT leaf, hash FROM log_entries WHERE seq = 4)").replace(
        '"', ""),
    "the first entry gone": "DELETE FROM log_entries WHERE seq = 0",
    "one entry gone": "DELETE FROM log_entries WHERE seq = 3",
    "one added": "INSERT INTO log_entries SELECT 7, trial_id, act, actor_id, at, leaf, hash FROM log_entries "
                 "WHERE seq = 3",
    "one slipped in before the first": "INSERT INTO log_entries SELECT -1, trial_id, act, actor_id, at, leaf, hash "
                                       "FROM log_entries WHERE seq = 3",
    "another subtree": rewrite("hash", "zeroblob(32)", "level = 1 AND \"index\" = 0", "log_nodes"),
    "a subtree of another level": rewrite("level", "9", "level = 1 AND \"index\" = 0", "log_nodes"),
    "a subtree elsewhere": rewrite("index", "9", "level = 1 AND \"index\" = 0", "log_nodes"),
    "a subtree that is text": rewrite("hash", "'hash'", "level = 1 AND \"index\" = 0", "log_nodes"),
    "a subtree gone": "DELETE FROM log_nodes WHERE level = 2",
    "a subtree added": "INSERT INTO log_nodes VALUES (5, 0, zeroblob(32))",
}


@pytest.mark.parametrize("block", [0, 1, 2, BLOCK])
@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_found(log: sa.Connection, how: str, block: int):
    log.execute(sa.text(TAMPERING[how]))
    assert verify(log, block).problems


@pytest.mark.parametrize("size", [0, 1, 4, 7, 8, 13])
def test_a_log_is_the_same_in_blocks_of_any_size(tmp_path: Path, size: int):
    engine = engine_at(tmp_path / "sandbox.db")
    with engine.begin() as connection:
        fill(connection, size)
        found = {verify(connection, block) for block in (0, 1, 2, 3, BLOCK)}
    engine.dispose()
    assert [(one.size, one.root, one.problems) for one in found] == [(size, one.root, ()) for one in found]
    assert len(found) == 1


@pytest.mark.parametrize("block", [0, 1, BLOCK])
def test_a_log_that_grows_while_it_is_checked_is_intact(tmp_path: Path, block: int):
    engine, readers = engine_at(tmp_path / "sandbox.db"), make_engine(f"sqlite:///{tmp_path / 'sandbox.db'}",
                                                                      writing=False)
    with engine.begin() as connection:
        fill(connection, 5)
    with readers.connect() as connection:
        raw: Any = connection.connection.driver_connection

        def file_one(statement: str) -> None:
            if statement.startswith("SELECT log"):
                with engine.begin() as beside:
                    fill(beside, 1)

        raw.set_trace_callback(file_one)
        found = verify(connection, block)
        raw.set_trace_callback(None)
    assert (found.size, found.problems) in ((5, ()), (6, ()))
    with engine.connect() as connection:
        assert verify(connection).size > 6
    readers.dispose()
    engine.dispose()


def test_two_entries_that_changed_places_are_found(log: sa.Connection):
    for seq, other in ((3, 100), (4, 3), (100, 4)):
        log.execute(sa.text(f"UPDATE log_entries SET seq = {other} WHERE seq = {seq}"))
    problems = verify(log).problems
    assert any(say(problem, "en").startswith("entry 3 ") for problem in problems)
    assert any(say(problem, "en").startswith("entry 4 ") for problem in problems)


def test_an_entry_and_its_subtrees_rewritten_alike_still_contradict_the_leaf(log: sa.Connection):
    log.execute(sa.text(rewrite("act", "'apply'")))
    row = log.execute(sa.select(LOG).where(LOG.c.seq == 3)).one()
    log.execute(sa.update(LOG).where(LOG.c.seq == 3).values(hash=leaf_hash(row.leaf.encode())))
    assert verify(log).problems == (word("log.entry_misfiled", seq="3"),)


@pytest.mark.parametrize("column", ["leaf", "hash", "at", "act", "actor_id", "trial_id"])
def test_a_flip_at_any_byte_is_found(log: sa.Connection, column: str):
    kept = log.execute(sa.text(f"SELECT CAST({column} AS BLOB) FROM log_entries WHERE seq = 3")).scalar_one()
    kind = "BLOB" if column == "hash" else "TEXT"
    for place in range(len(kept)):
        for bit in (1, 128):
            flipped = kept[:place] + bytes([kept[place] ^ bit]) + kept[place + 1:]
            log.execute(sa.text(f"UPDATE log_entries SET {column} = CAST(:value AS {kind}) WHERE seq = 3"),
                        {"value": flipped})
            assert verify(log).problems, (place, bit)
    log.execute(sa.text(f"UPDATE log_entries SET {column} = CAST(:value AS {kind}) WHERE seq = 3"), {"value": kept})
    assert verify(log).problems == ()


def test_a_log_cut_off_at_its_end_shows_by_its_size_and_root(log: sa.Connection):
    whole = verify(log)
    log.execute(sa.text("DELETE FROM log_entries WHERE seq = 6"))
    cut = verify(log)
    assert (whole.size, cut.size) == (7, 6) and whole.root != cut.root


def test_an_empty_log_verifies_to_the_hash_of_nothing(tmp_path: Path):
    engine = engine_at(tmp_path / "sandbox.db")
    with engine.connect() as connection:
        assert verify(connection) == verify(connection)
        assert (verify(connection).size, verify(connection).root) == (0, ROOTS[0])
        assert current_tree(connection).size == 0
    engine.dispose()


def test_a_subtree_that_is_missing_is_said_and_not_guessed(log: sa.Connection):
    log.execute(sa.text("DELETE FROM log_nodes"))
    with pytest.raises(LookupError):
        current_tree(log)
