"""Signing keys: entered when one is first needed, retired by two regulators or by whoever runs the machine."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.proposals import propose
from sandbox.acts.refusals import Refused
from sandbox.rules.access import Role
from sandbox.store.fields import Fields
from sandbox.store.keys import SIGNING_KEYS, KeyUse
from sandbox.store.types import Long

Encoded = Annotated[str, PydanticField(max_length=43, pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 bytes in base64url."""


class KeyGiven(Fields):
    """A fresh key: what it signs, its thumbprint and its public half."""

    use: KeyUse
    key_id: Encoded
    public: Encoded


@act()
def enter_key(act: Act, given: KeyGiven) -> Made:
    """Enter a key; where one of that use already signs, that one is named and the fresh one left out."""
    signs = act.connection.execute(sa.select(SIGNING_KEYS.c.id).where(
        SIGNING_KEYS.c.use == given.use, SIGNING_KEYS.c.retired_at.is_(None))).scalar()
    if signs is None:
        act.insert(SIGNING_KEYS, {"id": given.key_id, "use": given.use.value, "public": given.public,
                                  "made_at": act.now, "retired_at": None})
    return Made(id=signs or given.key_id)


class RotateGiven(Fields):
    """Which key is retired, and why."""

    use: KeyUse = KeyUse.PERMIT
    reason: Long | None = None


class Rotated(Done):
    """The key that was retired; or the decision that another regulator must confirm."""

    id: str | None = None
    decision: str | None = None


@act()
def rotate_key(act: Act, given: RotateGiven) -> Rotated:
    """Retire the signing key: the next signature makes a new one. A regulator proposes and another confirms; whoever
    runs the machine can read the key anyway, and retires it alone. The public half stays published."""
    if act.actor.role is Role.SYSTEM:
        return Rotated(id=retire(act, given))
    return Rotated(decision=propose(act, "rotate_key", given.plain()))


def retire(act: Act, given: RotateGiven) -> str:
    """Retire the key that signs now. Raises Refused where none does yet."""
    signs = act.connection.execute(sa.select(SIGNING_KEYS.c.id).where(
        SIGNING_KEYS.c.use == given.use, SIGNING_KEYS.c.retired_at.is_(None))).scalar()
    if signs is None:
        raise Refused("no_signing_key")
    act.update(SIGNING_KEYS, signs, retired_at=act.now)
    return str(signs)
