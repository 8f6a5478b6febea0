"""Evidence files (证据文件): what is known of each, and the folder that holds their bytes under names of their hashes.

A file is complete and on disk under its final name before the act that names it commits. What no row names (a failed
act, a kill in between) is swept away: placing holds a shared lock until its act has committed, the sweep an exclusive
one, so it never takes what an act in flight is about to name.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import IO

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Day, Long, Short, column_for

BITE = 1024 * 1024


class FileOf(StrEnum):
    """What a file is evidence for."""

    TRIAL = "trial"
    SECTION = "section"
    FEEDBACK = "feedback"
    CORRECTION = "correction"
    INCIDENT = "incident"
    CORRECTIVE_ITEM = "corrective_item"
    REVIEW = "review"
    CHANGE = "change"


class FileFields(Fields):
    """What people say about a file: the day its content is from (not the day it came in), and what it shows."""

    evidence_on: Day | None = None
    note: Long | None = None


class EvidenceFile(FileFields, Row, table=True):
    """One file as it was received. Two rows of one organisation may share their bytes, of two organisations never."""

    __tablename__ = "files"
    __table_args__ = (
        sa.CheckConstraint("size > 0", name="not_empty"),
        sa.Index("ix_files_trial_id_id", "trial_id", "id"),
        sa.Index("ix_files_object_id", "object_id"),
        sa.Index("ix_files_blob", "blob"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    object_kind: FileOf = Field(sa_column=column_for(FileOf))
    object_id: str
    name: Short
    kind: str
    size: int
    sha256: str
    blob: str
    evidence_on: date | None = None
    author_id: str
    organisation_id: str | None = None
    at: datetime = Field(sa_column=when(nullable=False))


FILES = EvidenceFile.__table__  # type: ignore[attr-defined]


def blob_of(organisation_id: str | None, sha256: str) -> str:
    """The name on disk: the same bytes of one organisation have one, those of another have another."""
    return hashlib.sha256(f"{organisation_id or ''}:{sha256}".encode()).hexdigest()


class TooLarge(Exception):
    """More bytes than are taken."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file that was written out whole and is not yet under its name."""

    path: Path
    size: int
    sha256: str


class FileFolder:
    """The folder `files` of the data folder. Safe to use from any number of threads and processes of one machine."""

    def __init__(self, data: Path) -> None:
        self.path = data / "files"
        self._arriving = self.path / "arriving"

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """While a file comes in, and until its act has committed: nothing is swept."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def written(self, stream: IO[bytes], most: int) -> Iterator[Received]:
        """The stream in a temporary file, hashed and synced; whatever was not placed by the end is gone. Raises
        TooLarge."""
        path, digest, size = self._arriving / secrets.token_hex(16), hashlib.sha256(), 0
        try:
            with path.open("xb") as file:
                while bite := stream.read(BITE):
                    size += len(bite)
                    if size > most:
                        raise TooLarge
                    digest.update(bite)
                    file.write(bite)
                file.flush()
                os.fsync(file.fileno())
            yield Received(path, size, digest.hexdigest())
        finally:
            path.unlink(missing_ok=True)

    def place(self, received: Received, blob: str) -> None:
        """Put the bytes under their name, for good: the folder is synced too."""
        target = self.of(blob)
        if not target.parent.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync(self.path)
        received.path.replace(target)
        sync(target.parent)

    def of(self, blob: str) -> Path:
        """Where the bytes of this name are."""
        return self.path / blob[:2] / blob

    def kept(self) -> Iterator[tuple[str, ...]]:
        """The names on disk, a folder at a time."""
        if self.path.exists():
            for folder in sorted(self.path.iterdir()):
                if folder.is_dir() and folder != self._arriving:
                    yield tuple(sorted(one.name for one in folder.iterdir()))

    @contextmanager
    def sweeping(self) -> Iterator[bool]:
        """Whether nothing is coming in; while it is held, nothing can."""
        try:
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield True
        except BlockingIOError:
            yield False

    def sweep(self, blobs: tuple[str, ...]) -> int:
        """Remove these and whatever stayed behind half-arrived; only inside `sweeping`. Returns how many files went."""
        left = [*self._arriving.iterdir(), *(self.of(blob) for blob in blobs)]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        for folder in (self.path, self._arriving):
            folder.mkdir(exist_ok=True, mode=0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, how)
            yield
        finally:
            os.close(lock)


def sync(path: Path) -> None:
    """What a file holds, or which names a folder has, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
