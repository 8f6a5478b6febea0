"""The check of the whole log: order without gaps, every leaf and subtree hashed anew, columns equal to their leaf.

It goes from block to block of so many leaves, so that it costs the same memory at any length. What a block holds is
compared list by list; only where two lists differ is each entry looked at by itself, to say which.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa

from sandbox.store.engine import Statement
from sandbox.store.log import LEAF, LOG, NODE, NODES, Tree, iso, leaf_hash
from sandbox.words import Word, word

BLOCK = 12
"""The level of a block's own subtree: 4,096 leaves."""
BEFORE_ALL = -(2**62)

_block = Statement(
    sa.select(*(sa.type_coerce(c, sa.Text) if c is LOG.c.at else c for c in LOG.c))
    .where(LOG.c.seq > sa.bindparam("after")).order_by(LOG.c.seq).limit(sa.bindparam("size")))
_subtrees = Statement(
    sa.select(NODES.c.index, NODES.c.hash)
    .where(NODES.c.level == sa.bindparam("level"), NODES.c.index.between(sa.bindparam("first"), sa.bindparam("last")))
    .order_by(NODES.c.index))
_says = itemgetter("seq", "trial", "act", "actor", "at")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the whole log found: its size and root, and every problem in words for an operator."""

    size: int
    root: str
    problems: tuple[Word, ...]


def verify(connection: sa.Connection, block: int = BLOCK) -> Verified:
    """Recompute the whole log, in blocks of 2**block leaves, as it stood at one moment: others may write meanwhile.

    A value that cannot even be read is a problem like any other, and the last one named."""
    if not connection.in_transaction():
        with connection.begin():
            return verify(connection, block)
    tree, problems, after = Tree(), list[Word](), BEFORE_ALL
    try:
        while rows := _block.run(connection, {"after": after, "size": 1 << block}).fetchall():
            after = rows[-1][0]
            problems += _entry_problems(rows, tree.size)
            problems += _subtree_problems(connection, tree, [bytes(row[-1]) for row in rows])
        problems += _subtrees_of_none(connection, tree.size)
    except (sa.exc.DBAPIError, connection.dialect.loaded_dbapi.Error, AttributeError, TypeError, ValueError) as error:
        problems.append(word("log.unreadable", seq=str(tree.size), why=str(error)))
    return Verified(tree.size, tree.root().hex(), tuple(problems))


def _entry_problems(rows: Sequence[tuple[Any, ...]], first: int) -> list[Word]:
    seqs, *told, leaves, hashes = zip(*rows, strict=True)
    if seqs == tuple(range(first, first + len(rows))) and _hashes(leaves) == [*hashes] and _alike(leaves, seqs, *told):
        return []
    return [problem for place, row in enumerate(rows, first) for problem in _problems_of(row, place)]


def _hashes(leaves: Sequence[str]) -> list[bytes]:
    return [sha256(LEAF + leaf.encode()).digest() for leaf in leaves]


def _alike(leaves: Sequence[str], *columns: Sequence[Any]) -> bool:
    """Whether every leaf says what its columns do, its number in digits: True and 1.0 are equal to 1."""
    *others, ats = columns
    try:
        said = [_says(orjson.loads(leaf)) for leaf in leaves]
    except (ValueError, TypeError, KeyError):
        return False
    return said == [*zip(*others, map(_written, ats), strict=True)] and {type(seq) for seq, *_ in said} <= {int}


def _problems_of(row: tuple[Any, ...], expected: int) -> Iterator[Word]:
    seq, *columns, leaf, hashed = row
    if seq != expected:
        yield word("log.entry_missing", seq=str(expected), found=str(seq))
    if leaf_hash(leaf.encode()) != bytes(hashed):
        yield word("log.entry_differs", seq=str(seq))
    if not _alike([leaf], [seq], *([column] for column in columns)):
        yield word("log.entry_misfiled", seq=str(seq))


def _written(at: str | datetime) -> str:
    """A time as the leaf writes it; SQLite keeps text, every byte of which counts."""
    return f"{at.replace(' ', 'T')}+00:00" if isinstance(at, str) else iso(at)


def _subtree_problems(connection: sa.Connection, tree: Tree, hashes: list[bytes]) -> Iterator[Word]:
    """Add a block's leaves to the tree; every subtree that they close is compared with the stored one."""
    while hashes:
        level = len(hashes).bit_length() - 1
        whole, hashes = hashes[:1 << level], hashes[1 << level:]
        for lower in range(1, level + 1):
            whole = [sha256(NODE + left + right).digest() for left, right in zip(whole[::2], whole[1::2], strict=True)]
            yield from _compared(connection, lower, tree.size >> lower, whole)
        for higher, index, hashed in tree.append(whole[0], level):
            yield from _compared(connection, higher, index, [hashed])


def _compared(connection: sa.Connection, level: int, first: int, hashes: list[bytes]) -> Iterator[Word]:
    found = _subtrees.run(connection, {"level": level, "first": first, "last": first + len(hashes) - 1}).fetchall()
    if found != list(enumerate(hashes, first)):
        stored = {index: bytes(hashed) for index, hashed in found}
        for index, hashed in enumerate(hashes, first):
            if stored.get(index) != hashed:
                yield word("log.subtree_differs", place=f"{level}/{index}")


def _subtrees_of_none(connection: sa.Connection, size: int) -> list[Word]:
    """Stored subtrees that no leaves make."""
    real = sa.or_(sa.false(), *(sa.and_(NODES.c.level == level, NODES.c.index.between(0, (size >> level) - 1))
                                for level in range(1, size.bit_length())))
    found = connection.execute(sa.select(NODES.c.level, NODES.c.index).where(sa.not_(real)))
    return [word("log.subtree_of_none", place=f"{level}/{index}") for level, index in found]
