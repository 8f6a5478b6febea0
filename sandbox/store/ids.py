"""Public ids: a prefix, the instant to the millisecond and forty random bits; they sort by time and tell no count."""

import hashlib
import secrets
from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(prefix: str, now: datetime) -> str:
    """A fresh id; two of the same millisecond differ with overwhelming likelihood and sort arbitrarily."""
    elapsed = now - EPOCH
    milliseconds = (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000
    return f"{prefix}_{milliseconds:011x}{secrets.token_hex(5)}"


def new_secret() -> str:
    """A secret for a token, a link or a cookie: 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """What is kept of a secret. It has full entropy, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
