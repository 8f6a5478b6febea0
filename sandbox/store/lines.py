"""Lines of a batch as leaves: sealed one by one, joined into one root (RFC 6962) that the batch's own entry holds.

A line's receipt is two proofs: from the line to the batch's root, and from the batch's leaf to the log's. Slices are a
power of two, so that the root of each is a subtree of the whole and a proof needs the lines of one slice alone.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson

from sandbox.store.log import Tree
from sandbox.store.types import instant_text

SLICE = 2048
SALT = 16


def seal_of(salt: bytes, report: bytes) -> bytes:
    """What is kept of a line beside its row: salt and digest of the report's canonical text."""
    return salt + hashlib.sha256(salt.hex().encode() + report).digest()


def salts(number: int) -> list[bytes]:
    """So many fresh salts; plain digests of small reports could be guessed."""
    pool = secrets.token_bytes(SALT * number)
    return [pool[at:at + SALT] for at in range(0, len(pool), SALT)]


def matches(seal: bytes | None, report: bytes) -> bool:
    """Whether a kept line was this very report when it was sent, whatever was corrected since."""
    return seal is not None and seal_of(bytes(seal)[:SALT], report) == bytes(seal)


def leaf_of(batch: str, line: int, report: str, key: str | None, seal: bytes) -> bytes:
    """The exact bytes of a line's leaf: canonical JSON, written out because a batch has a hundred thousand."""
    return (b'{"batch":"%b","digest":"%b","key":%b,"line":%d,"report":"%b","salt":"%b"}' % (
        batch.encode(), seal[SALT:].hex().encode(), orjson.dumps(key), line, report.encode(),
        seal[:SALT].hex().encode()))


def root_of(hashes: Sequence[bytes]) -> bytes:
    """The Merkle root of leaf hashes, or of the roots of equal full subtrees and a last one."""
    tree = Tree()
    for hashed in hashes:
        for _ in tree.append(hashed):
            pass
    return tree.root()


def path_of(place: int, hashes: Sequence[bytes]) -> list[bytes]:
    """The audit path of one of them (RFC 6962 §2.1.1), lowest first."""
    path = []
    start, end = 0, len(hashes)
    while end - start > 1:
        split = start + (1 << (end - start - 1).bit_length() - 1)
        if place < split:
            path.append(root_of(hashes[split:end]))
            end = split
        else:
            path.append(root_of(hashes[start:split]))
            start = split
    return path[::-1]


def instant(text: str) -> datetime:
    """The instant of a line's text, which sorts as instants do."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def text_of(value: datetime) -> str:
    """And back."""
    return instant_text(value) or ""
