"""What is kept of a password: argon2id with OWASP's parameters. The sign-in pages verify against the same ones."""

import unicodedata

from argon2 import PasswordHasher

MEMORY_KIB, ROUNDS, LANES = 19_456, 2, 1
"""About 20 ms; 64 sign-ins at once stay below 1.3 GB."""
SHORTEST, LONGEST = 12, 200
hasher = PasswordHasher(time_cost=ROUNDS, memory_cost=MEMORY_KIB, parallelism=LANES)


def normal(password: str) -> str:
    """The same password however the keyboard composed it."""
    return unicodedata.normalize("NFKD", password)


def hash_password(password: str) -> str:
    """The string that `accounts.password` keeps."""
    return hasher.hash(normal(password))
