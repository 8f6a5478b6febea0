"""Signing: the key of a use, made when one is first needed, and the public halves as a JWK set (RFC 7517, 8037)."""

import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import OKPKey

from sandbox.acts.act import Acts
from sandbox.reads.permits import published_keys, signing_key
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.keys import KeyUse, forget_private, keep_private, private_file

ALGORITHM: Final = "EdDSA"
CURVE: Final = "Ed25519"
warnings.filterwarnings("ignore", "EdDSA is deprecated")
"""RFC 9864 would have "Ed25519" for it; most verifiers in use know the name of RFC 8037 alone, and the key pins the
curve."""


class KeyMissing(Exception):
    """The key that signs is not in this process's folder: several processes need one folder of keys between them."""


def key_of(connection: sa.Connection, acts: Acts, folder: Path, use: KeyUse) -> OKPKey:
    """The private key that signs for a use. The first need makes it, and after a rotation the next one; of two
    processes that need it at once, one makes it. Raises KeyMissing."""
    kid = signing_key(connection, use) or _made(connection, acts, folder, use)
    try:
        pem = private_file(folder, kid).read_bytes()
    except FileNotFoundError as error:
        raise KeyMissing(kid) from error
    return OKPKey.import_key(pem, {"kid": kid})


def _made(connection: sa.Connection, acts: Acts, folder: Path, use: KeyUse) -> str:
    key = OKPKey.generate_key(CURVE)
    kid = key.thumbprint()
    keep_private(folder, kid, key.as_pem(private=True))
    signs = str(acts.do("enter_key", SYSTEM_ACTOR, {"use": use.value, "key_id": kid, "public": key.as_dict()["x"]}).id)
    unused = [kid] if signs != kid else []
    for one in (*unused, *(row["id"] for row in published_keys(connection) if row["use"] == use and row["retired_at"])):
        forget_private(folder, one)
    return signs


def sign(key: OKPKey, kind: str, claims: Mapping[str, Any]) -> str:
    """Claims as a compact JWS. Its header pins algorithm, key and `typ`; Ed25519 signs the same claims the same way."""
    return jwt.encode({"alg": ALGORITHM, "typ": kind, "kid": key.kid}, dict(claims), key, algorithms=[ALGORITHM])


def jwks(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Public keys as a JWK set. `retired`, in seconds, marks one that signs no more: what it signed can be checked, and
    what claims to have been issued after that is forged."""
    return {"keys": [{"kty": "OKP", "crv": CURVE, "alg": ALGORITHM, "use": "sig", "kid": row["id"], "x": row["public"],
                      "purpose": row["use"],
                      **({"retired": int(row["retired_at"].timestamp())} if row["retired_at"] else {})}
                     for row in rows]}
