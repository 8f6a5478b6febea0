"""The log (留痕): every act is a leaf of an append-only Merkle tree (RFC 6962), written in the act's own transaction.

A leaf is canonical JSON without free text or names: sequence, time, actor, role, act, object, reason code, salted
digests of what changed, cause and request. Only the door's writer appends; database triggers refuse UPDATE and DELETE.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from sandbox.store.engine import Statement
from sandbox.store.fields import Row, canonical, when

LEAF, NODE = b"\x00", b"\x01"
MOST_BYTES = 65_535


class LogEntry(Row, table=True):
    """A leaf with the columns it is found by; `leaf` is the exact bytes that were hashed."""

    __tablename__ = "log_entries"
    __table_args__ = (sa.Index("ix_log_entries_trial_id_seq", "trial_id", "seq"),)
    seq: int = Field(sa_column=sa.Column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True,
                                         autoincrement=False))
    trial_id: str | None = None
    act: str
    actor_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    leaf: str
    hash: bytes


class LogNode(Row, table=True):
    """The root of a complete subtree: 2**level leaves, the index-th of that size."""

    __tablename__ = "log_nodes"
    level: int = Field(primary_key=True)
    index: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True))
    hash: bytes


LOG, NODES = LogEntry.__table__, LogNode.__table__  # type: ignore[attr-defined]

_head = Statement(sa.select(sa.func.coalesce(sa.func.max(LOG.c.seq), -1)))
_node = Statement(sa.select(NODES.c.hash).where(NODES.c.level == sa.bindparam("level"),
                                                NODES.c.index == sa.bindparam("index")))
_leaf_hash = Statement(sa.select(LOG.c.hash).where(LOG.c.seq == sa.bindparam("index")))
_add_entry = Statement(sa.insert(LOG).values({c.name: sa.bindparam(c.name) for c in LOG.c}))
_add_node = Statement(sa.insert(NODES).values({c.name: sa.bindparam(c.name) for c in NODES.c}))


APPEND_ONLY = (LOG.name, NODES.name, "assessments")
"""Tables whose rows are never changed: the log, and the light as it was judged."""


def append_only(dialect: str, there: Iterable[str] = APPEND_ONLY) -> tuple[str, ...]:
    """Statements that make those tables, as far as they are there, refuse UPDATE and DELETE (and TRUNCATE); they can be
    run again."""
    kept = [name for name in APPEND_ONLY if name in there]
    if dialect == "sqlite":
        return tuple(f"CREATE TRIGGER IF NOT EXISTS {name}_no_{verb.lower()} BEFORE {verb} ON {name} "
                     "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
                     for name in kept for verb in ("UPDATE", "DELETE"))
    refuse = ("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
              "$$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$")
    return (refuse, *(f"CREATE OR REPLACE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
                      f"ON {name} FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()" for name in kept))


@sa.event.listens_for(SQLModel.metadata, "after_create")
def _created(_metadata: sa.MetaData, connection: sa.Connection, **_more: Any) -> None:
    for statement in append_only(connection.dialect.name, sa.inspect(connection).get_table_names()):
        connection.exec_driver_sql(statement)


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 §2.1: the hash of a leaf."""
    return hashlib.sha256(LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 §2.1: the hash of two subtrees."""
    return hashlib.sha256(NODE + left + right).digest()


def digest(salt: str, value: Any) -> str | None:
    """A salted digest of a changed value; None for nothing. Unsalted ones of small values can be guessed."""
    return hashlib.sha256(salt.encode() + canonical(value)).hexdigest() if value else None


@dataclass
class Tree:
    """The right edge of the tree while appending: the complete subtree waiting for its sibling, by level."""

    size: int = 0
    edge: dict[int, bytes] = field(default_factory=dict)

    def append(self, hashed: bytes, level: int = 0) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf, or a complete subtree of 2**level leaves; yields the complete subtrees it closes as (level,
        index, hash), lowest first."""
        added, index = 1 << level, self.size >> level
        while index & 1:
            hashed = node_hash(self.edge.pop(level), hashed)
            level, index = level + 1, index >> 1
            yield level, index, hashed
        self.edge[level] = hashed
        self.size += added

    def root(self) -> bytes:
        """The root of the tree as it stands; of nothing, the hash of nothing."""
        root: bytes | None = None
        for level in sorted(self.edge):
            root = self.edge[level] if root is None else node_hash(self.edge[level], root)
        return hashlib.sha256().digest() if root is None else root


def subtree(connection: sa.Connection, level: int, index: int) -> bytes:
    """The stored root of one complete subtree."""
    found = (_leaf_hash if level == 0 else _node).run(connection, {"level": level, "index": index}
                                                      if level else {"index": index}).fetchone()
    if found is None:
        raise LookupError(f"the log has no subtree {level}/{index}")
    return bytes(found[0])


def current_tree(connection: sa.Connection, known: Tree | None = None) -> Tree:
    """The tree's right edge, a row a level at most; what is known is kept unless another process wrote."""
    size = _head.run(connection, {}).fetchone()[0] + 1
    if known is not None and known.size == size:
        return known
    edge = {level: subtree(connection, level, (size >> level) - 1)
            for level in range(size.bit_length()) if size >> level & 1}
    return Tree(size, edge)


@dataclass
class Pending:
    """Entries of the open transaction, in order. A slot is reserved before an act runs, so a cause precedes its
    effects; the door cuts the list back when a savepoint is rolled back; `flush` writes them all."""

    tree: Tree
    entries: list[dict[str, Any]] = field(default_factory=list)

    def reserve(self) -> int:
        """A slot for an entry to come; returns its place in this transaction."""
        self.entries.append({})
        return len(self.entries) - 1

    def seq_of(self, slot: int) -> int:
        """The sequence number that the slot will have."""
        return self.tree.size + slot

    def fill(self, slot: int, *, at: datetime, actor: str, role: str, act: str, subject: str | None, trial: str | None,
             reason: str | None, old: Any, new: Any, cause: int | None, request: str | None,
             lines: Mapping[str, Any] | None = None) -> None:
        """Write the entry into its slot. `lines` is the root and the number of a batch's lines."""
        salt, seq = secrets.token_hex(16), self.seq_of(slot)
        leaf = canonical({
            "seq": seq, "at": iso(at), "actor": actor, "role": role,
            "act": act, "object": subject, "trial": trial, "reason": reason, "old": digest(salt, old),
            "new": digest(salt, new), "cause": cause, "request": request, "salt": salt,
            **({"lines": lines} if lines else {}),
        })
        if len(leaf) > MOST_BYTES:
            raise ValueError("a log leaf is too long")
        self.entries[slot] = {"seq": seq, "trial_id": trial, "act": act, "actor_id": actor, "at": at,
                              "leaf": leaf.decode(), "hash": leaf_hash(leaf)}

    def leaf_of(self, seq: int) -> tuple[int, str]:
        """Sequence number and leaf hash (hex) of an entry of this transaction."""
        return seq, self.entries[seq - self.tree.size]["hash"].hex()

    def flush(self, connection: sa.Connection) -> None:
        """Write every entry and every subtree they close; call once, before the commit."""
        if not self.entries:
            return
        nodes = [{"level": level, "index": index, "hash": hashed}
                 for entry in self.entries for level, index, hashed in self.tree.append(entry["hash"])]
        _add_entry.many(connection, self.entries)
        if nodes:
            _add_node.many(connection, nodes)
        self.entries = []


def range_hash(connection: sa.Connection, start: int, end: int) -> bytes:
    """The Merkle tree hash of leaves start..end (RFC 6962 §2.1), from stored subtrees."""
    width = end - start
    if width & (width - 1) == 0 and start % width == 0:
        return subtree(connection, width.bit_length() - 1, start // width)
    split = 1 << (width - 1).bit_length() - 1
    return node_hash(range_hash(connection, start, start + split), range_hash(connection, start + split, end))


def inclusion_proof(connection: sa.Connection, seq: int, size: int) -> list[str]:
    """The audit path of a leaf in the tree of `size` leaves (RFC 6962 §2.1.1), hex, lowest first."""
    start, end, path = 0, size, []
    while end - start > 1:
        split = 1 << (end - start - 1).bit_length() - 1
        if seq < start + split:
            path.append(range_hash(connection, start + split, end).hex())
            end = start + split
        else:
            path.append(range_hash(connection, start, start + split).hex())
            start += split
    return path[::-1]


def root_from_proof(seq: int, size: int, leaf: bytes, path: list[str]) -> bytes:
    """The root that a leaf and its audit path lead to (RFC 9162 §2.1.3.2). Raises ValueError when they do not fit."""
    index, last, hashed = seq, size - 1, leaf_hash(leaf)
    if not 0 <= seq < size:
        raise ValueError("the leaf lies outside the tree")
    for step in map(bytes.fromhex, path):
        if last == 0:
            raise ValueError("the proof is too long")
        if index & 1 or index == last:
            hashed = node_hash(step, hashed)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            hashed = node_hash(hashed, step)
        index, last = index >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return hashed


def iso(at: datetime) -> str:
    """An instant as a leaf writes it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
