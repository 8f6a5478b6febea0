"""Signing keys: public halves in the database, published for good; private ones as files of mode 0600 outside it.

A key is entered by an act, so that every process on one database signs with the same one; a process whose folder does
not hold its file refuses to sign. A use of its own (permits, the log's checkpoints) has a key of its own.
"""

import os
import secrets
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Row, when
from sandbox.store.types import column_for


class KeyUse(StrEnum):
    """What a key signs. Nothing signed for one use can be shown as another's."""

    PERMIT = "permit"


class SigningKey(Row, table=True):
    """One Ed25519 key by its JWK thumbprint (RFC 7638). One of each use signs; a retired one is kept for checking."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        sa.Index("ix_signing_keys_signs", "use", unique=True, sqlite_where=sa.text("retired_at IS NULL"),
                 postgresql_where=sa.text("retired_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    use: KeyUse = Field(sa_column=column_for(KeyUse))
    public: str
    made_at: datetime = Field(sa_column=when(nullable=False))
    retired_at: datetime | None = Field(default=None, sa_column=when())


SIGNING_KEYS = SigningKey.__table__  # type: ignore[attr-defined]


def private_file(folder: Path, kid: str) -> Path:
    """Where a key's private half is kept."""
    return folder / f"{kid}.pem"


def keep_private(folder: Path, kid: str, pem: bytes) -> None:
    """Write a private half: there whole or not at all, whatever happens, and readable by its owner only."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, pem)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    made.rename(private_file(folder, kid))
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)


def forget_private(folder: Path, kid: str) -> None:
    """Remove a private half that will never sign again."""
    private_file(folder, kid).unlink(missing_ok=True)
