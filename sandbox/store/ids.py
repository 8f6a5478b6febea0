"""Public ids: a prefix, the instant to the millisecond and forty random bits; they sort by time and tell no count."""

import hashlib
import secrets
from datetime import UTC, datetime

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode(number: int, length: int) -> str:
    """Base 32 in Crockford's letters, most significant first, so that text sorts as numbers do."""
    letters = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        letters.append(ALPHABET[rest])
    return "".join(reversed(letters))


def new_id(prefix: str, now: datetime) -> str:
    """A fresh id; two of the same millisecond differ with overwhelming likelihood and sort arbitrarily."""
    elapsed = now - EPOCH
    milliseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000
    return f"{prefix}_{encode(milliseconds, 10)}{encode(secrets.randbits(40), 8)}"


def new_secret() -> str:
    """A secret for a token, a link or a cookie: 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is kept of a secret. It has full entropy, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
