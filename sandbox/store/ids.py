"""Public ids: a prefix, the instant to the millisecond and forty random bits; they sort by time and tell no count."""

import hashlib
import secrets
from datetime import UTC, datetime

CODE_LETTERS, CODE_GROUP = "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 4
CODE_CONFUSED = str.maketrans("OIL", "011")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(prefix: str, now: datetime) -> str:
    """A fresh id; two of the same millisecond differ with overwhelming likelihood and sort arbitrarily."""
    return f"{prefix}_{_milliseconds(now):011x}{secrets.token_hex(5)}"


def new_ids(prefix: str, now: datetime, number: int) -> list[str]:
    """So many fresh ids of one instant, in their own order."""
    start, ends = f"{prefix}_{_milliseconds(now):011x}", secrets.token_hex(5 * number)
    return sorted(start + ends[at:at + 10] for at in range(0, len(ends), 10))


def _milliseconds(now: datetime) -> int:
    elapsed = now - EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1000 + elapsed.microseconds // 1000


def new_secret() -> str:
    """A secret for a token, a link or a cookie: 256 bits, safe in an address."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """A code that people copy from paper: sixty random bits in Crockford's base 32, in three groups of four."""
    letters = [secrets.choice(CODE_LETTERS) for _ in range(3 * CODE_GROUP)]
    return "-".join("".join(letters[place:place + CODE_GROUP]) for place in range(0, len(letters), CODE_GROUP))


def typed_code(text: str) -> str:
    """A code as it is kept, out of what someone typed: any case, with or without dashes, O for 0, I or L for 1."""
    plain = "".join(one for one in text.upper() if one not in "- 	").translate(CODE_CONFUSED)
    return "-".join(plain[place:place + CODE_GROUP] for place in range(0, len(plain), CODE_GROUP))


def hash_secret(secret: str) -> str:
    """What is kept of a secret. It has full entropy, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
